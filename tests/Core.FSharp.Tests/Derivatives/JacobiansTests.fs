module Hesse.Tests.Derivatives.JacobiansTests

open Hesse
open Hesse.Tests
open Xunit

let private f (x: Tensor, w: Tensor) = Tensor.tanh (Tensor.matmul w (Tensor.sin x))
let private point = varied 1 [ 6 ], varied 2 [ 5; 6 ]
let private loss p = Tensor.sum (Tensor.square (f p))

[<Fact>]
let ``every mode and chunk gives the same Jacobian and Hessian`` () =
    let expected = Diff.jacfwd f point

    for mode in [ JacobianMode.Forward; JacobianMode.Reverse; JacobianMode.Auto ] do
        for chunk in [ None; Some 1; Some 3; Some 100 ] do
            let found = Diff.jacobianWith { Mode = mode; Chunk = chunk } f point
            Check.tensors $"{mode}, {chunk}" 1e-13 expected found

    let h = Diff.hessian loss point

    for chunk in [ 1; 5; 36; 100 ] do
        Check.tensors $"chunk {chunk}" 1e-13 h (Diff.hessianChunked chunk loss point)

    for route in Jacobians.hessianRoutes None loss point do
        Check.tensors route.Name 1e-12 h (route.Run())

[<Fact>]
let ``inside other transformations`` () =
    let x = varied 3 [ 4 ]
    let g options (x: Tensor) = Tensor.sum (Diff.jacobianWith options (fun x -> Tensor.exp x * Tensor.sum x) x)
    let expected = Diff.grad (g { Mode = JacobianMode.Forward; Chunk = None }) x
    Check.tensors "reverse" 1e-13 expected (Diff.grad (g { Mode = JacobianMode.Reverse; Chunk = Some 2 }) x)
    Check.tensors "auto" 1e-13 expected (Diff.grad (g { Mode = JacobianMode.Auto; Chunk = None }) x)

[<Fact>]
let ``errors`` () =
    Check.fails "jacobian: chunk is 0; want at least 1, or None to have it chosen" (fun () ->
        Diff.jacobianWith { Mode = JacobianMode.Auto; Chunk = Some 0 } f point)

    Check.fails "hessian: chunk is -2; want at least 1, or None to have it chosen" (fun () ->
        Diff.hessianChunked -2 loss point)
