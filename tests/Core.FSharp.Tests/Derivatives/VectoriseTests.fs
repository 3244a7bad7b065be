module Hesse.Tests.Derivatives.VectoriseTests

open Hesse
open Hesse.Tests
open Xunit

let private f (x: Tensor, p: {| W: Tensor; B: Tensor |}) = Tensor.tanh (Tensor.matmul p.W x) + p.B

let private mapping axes = { In = axes; Out = 0; Chunk = None }
let private xs = varied 1 [ 5; 3 ]
let private ws, private b = varied 2 [ 2; 3; 5 ], varied 3 [ 2 ]

[<Fact>]
let ``an axis for each part: mapped, mapped elsewhere, whole`` () =
    // Part k: row k of xs, slice k of the last axis of ws, all of b. Fields of an anonymous record are in alphabetical order.
    let axes = InAxes.Parts [ InAxes.At 0; InAxes.Parts [ InAxes.Whole; InAxes.At 2 ] ]
    let part k = f (xs[k], {| W = (Tensor.permute [| 2; 0; 1 |] ws)[k]; B = b |})
    let expected = Tensor.stack 0 [ for k in 0..4 -> part k ]
    let argument = xs, {| W = ws; B = b |}
    Check.tensors "values" 1e-14 expected (Diff.vmapWith (mapping axes) f argument)
    let out = Diff.vmapWith { mapping axes with Out = 1 } f argument
    Check.tensors "out axis" 1e-14 (Tensor.transpose expected) out

[<Fact>]
let ``one prefix leaf stands for all tensors below it`` () =
    let pairs = [ xs, varied 4 [ 5 ]; varied 5 [ 5; 3 ], varied 6 [ 5 ] ]
    let g (list: (Tensor * Tensor) list) = list |> List.map (fun (x, s) -> Tensor.sum (s * x)) |> List.reduce (+)
    Check.tensors "list of pairs" 1e-14 (Diff.vmap g pairs) (Diff.vmapWith (mapping (InAxes.At 0)) g pairs)

    let whole =
        Diff.vmapWith (mapping (InAxes.Parts [ InAxes.At 0; InAxes.Whole ])) g [
            pairs[0]
            (varied 7 [ 3 ], scalar 2.0)
        ]

    let expected = Diff.vmap (fun p -> g [ p; (varied 7 [ 3 ], scalar 2.0) ]) pairs[0]
    Check.tensors "second whole" 1e-14 expected whole

[<Fact>]
let ``nested: all pairs`` () =
    let inner (x: Tensor, ys: Tensor) =
        Diff.vmapWith (mapping (InAxes.Parts [ InAxes.Whole; InAxes.At 0 ])) (fun (x, y) -> Tensor.dot x y) (x, ys)

    let all =
        Diff.vmapWith (mapping (InAxes.Parts [ InAxes.At 0; InAxes.Whole ])) inner (xs, varied 8 [ 4; 3 ])

    Check.tensors "Gram matrix" 1e-14 (Tensor.matmul xs (Tensor.transpose (varied 8 [ 4; 3 ]))) all

[<Fact>]
let ``chunks of any size give what one batch gives, and the function is called once`` () =
    let mutable calls = 0

    let g (x: Tensor) =
        calls <- calls + 1

        {|
            Value = Tensor.sum (Tensor.sin x)
            Gradient = Diff.grad (fun x -> Tensor.sum (x * x * x)) x
            Same = b
        |}

    let expected = Diff.vmap g xs

    for chunk in [ 1; 2; 3; 4; 5; 9 ] do
        calls <- 0
        Check.trees $"chunk {chunk}" 1e-14 expected (Diff.vmapChunked chunk g xs)
        Assert.Equal(1, calls)

[<Fact>]
let ``chunks inside other transformations`` () =
    let g (xs: Tensor) = Tensor.sum (Diff.vmapChunked 2 (fun x -> Tensor.exp x * Tensor.sum x) xs)
    let expected (xs: Tensor) = Tensor.sum (Tensor.exp xs * Tensor.reshape [ 5; 1 ] (Tensor.sumAxis 1 xs))
    Check.tensors "grad" 1e-13 (Diff.grad expected xs) (Diff.grad g xs)
    Check.tensors "compile" 1e-13 (expected xs) (Diff.compile g xs)

    Check.tensors
        "closing over an outer variable"
        1e-13
        (Diff.grad (fun (s: Tensor) -> Tensor.sum (Tensor.sin (s * xs))) (scalar 0.7))
        (Diff.grad (fun (s: Tensor) -> Tensor.sum (Diff.vmapChunked 3 (fun x -> Tensor.sin (s * x)) xs)) (scalar 0.7))

[<Fact>]
let ``a chunk bounds the memory of intermediate values`` () =
    let g (x: Tensor) =
        let m = Tensor.exp (Tensor.outer x x)
        Tensor.sum (Tensor.matmul m (Tensor.sin m))

    let many = varied 1 [ 64; 20 ]

    let arena chunk =
        let variable = Graph.variable [| 64; 20 |]
        let y: Tensor = Diff.vmapWith { In = InAxes.At 0; Out = 0; Chunk = chunk } g (Tensor variable)
        (Cost.ofGraph [| y.Node |]).Arena

    Assert.True(8L * arena (Some 4) < arena None)
    Check.tensors "same" 1e-13 (Diff.vmap g many) (Diff.vmapChunked 4 g many)

[<Fact>]
let ``errors`` () =
    let add (x: Tensor, y: Tensor) = x + y
    let one, two = varied 1 [ 4 ], varied 1 [ 3 ]

    Check.fails "vmap: no tensor is mapped over; give an axis for at least one, or call the function itself" (fun () ->
        Diff.vmapWith (mapping InAxes.Whole) add (one, one))

    Check.fails
        "vmap: arguments of shapes [4], [3] have no common length along their axes; all must be mapped over the same number of parts"
        (fun () -> Diff.vmapWith (mapping (InAxes.Parts [ InAxes.At 0; InAxes.At 0 ])) add (one, two))

    Check.fails
        "vmap: axis 1 does not exist in every argument (shapes [4], [4]); close over what is not to be mapped"
        (fun () -> Diff.vmapWith (mapping (InAxes.Parts [ InAxes.At 0; InAxes.At 1 ])) add (one, one))

    Check.fails "vmap: 3 parts are given for a value of type Tuple`2, which has 2; give one for each" (fun () ->
        Diff.vmapWith (mapping (InAxes.Parts [ InAxes.Whole; InAxes.At 0; InAxes.Whole ])) add (one, one))

    Check.fails "vmap: 1 parts are given for a value of type Tensor, which has 0; give one for each" (fun () ->
        Diff.vmapWith (mapping (InAxes.Parts [ InAxes.Parts [ InAxes.At 0 ]; InAxes.At 0 ])) add (one, one))

    Check.fails "vmap: chunk is 0; want at least 1, or None to have it chosen" (fun () ->
        Diff.vmapChunked 0 Tensor.exp one)
