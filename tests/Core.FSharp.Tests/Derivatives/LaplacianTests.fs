module Hesse.Tests.Derivatives.LaplacianTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private network (x: Tensor, w: Tensor) =
    Tensor.sum (Tensor.tanh (Tensor.matmul w (Tensor.sin x)) * Tensor.exp (Tensor.matmul w x))

let private point = varied 1 [ 4 ], varied 2 [ 3; 4 ]

[<Fact>]
let ``harmonic polynomials, |x|² and a Gaussian`` () =
    let x = vector [ 0.3; 0.8; -0.5 ]
    let is what expected f = Check.number what 1e-13 expected ((Diff.laplacian f x).item())
    is "xy" 0.0 (fun x -> x[0] * x[1])
    is "x³ − 3xy²" 0.0 (fun x -> x[0] * x[0] * x[0] - 3.0 * x[0] * x[1] * x[1])
    is "1/|x| in three dimensions" 0.0 (fun x -> 1.0 / Tensor.sqrt (Tensor.sum (x * x)))
    let r2 = 0.09 + 0.64 + 0.25
    is "Gaussian" ((r2 - 3.0) * Math.Exp(-0.5 * r2)) (fun x -> Tensor.exp (-0.5 * Tensor.sum (x * x)))

[<Fact>]
let ``weights: identity, diagonal, indefinite and unsymmetric matrices`` () =
    let flat, unravel = Tree.ravel point
    let p = flat.Size
    let h = Diff.hessian network point
    let contracted (a: Tensor) = Tensor.sum (a * h)
    Check.tensors "identity" 1e-12 (Tensor.trace h) (Diff.laplacianWith (Tensor.eye p) network point)
    let d = varied 5 [ p ]
    Check.tensors "diagonal" 1e-12 (Tensor.sum (d * Tensor.diagonal h)) (Diff.laplacianWith d network point)
    let a = varied 6 [ p; p ]
    Check.tensors "indefinite, not symmetric" 1e-11 (contracted a) (Diff.laplacianWith a network point)
    let low = Tensor.outer d d
    Check.tensors "rank one" 1e-11 (contracted low) (Diff.laplacianWith low network point)
    Check.tensors "zero" 0.0 (scalar 0.0) (Diff.laplacianWith (Tensor.zeros [ p; p ]) network point)
    Check.tensors "raveled" 1e-12 (contracted a) (Diff.laplacianWith a (unravel >> network) flat)

[<Fact>]
let ``many directions in blocks give what one batch gives`` () =
    let w = varied 1 [ 60; 300 ]

    let f (x: Tensor) =
        Tensor.sum (Tensor.tanh (Tensor.matmul (Tensor.transpose w) (Tensor.tanh (Tensor.matmul w x / 10.0))))

    let x = varied 2 [ 300 ]
    let value, gradient, laplacian = Diff.valueGradLaplacian f x
    Check.tensors "value" 1e-14 (f x) value
    Check.tensors "gradient" 1e-12 (Diff.grad f x) gradient
    Check.tensors "Laplacian" 1e-11 (Tensor.trace (Diff.hessian f x)) laplacian
    Check.tensors "compiled: one batch" 1e-12 laplacian (Diff.compile (Diff.laplacian f) x)
    // The same in every run, however threads go.
    for _ in 1..3 do
        Check.tensors "again" 0.0 laplacian (Diff.laplacian f x)

[<Fact>]
let ``directions of a tree, and of a tree result`` () =
    let directions = varied 7 [ 3; 4 ], varied 8 [ 3; 3; 4 ]
    let weights = vector [ 2.0; -1.0; 0.5 ]
    let f p = {| Value = network p; Wave = [ Tensor.sin (fst p) ] |}
    let found = Diff.laplacianAlong weights directions f point
    let part k = (fst directions)[k], (snd directions)[k]

    let expected =
        [ for k in 0..2 -> Tree.map (fun t -> weights[k] * t) (Array.item 2 (Diff.jet 2 f point (part k))) ]
        |> List.reduce (Tree.map2 (+))

    Check.trees "sum" 1e-11 expected found

[<Fact>]
let ``derivatives of a Laplacian, in the point, the weights and the directions`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.sin x * Tensor.exp (Tensor.matmul (varied 1 [ 3; 3 ]) x))
    let x = varied 2 [ 3 ]
    let expected x = Tensor.trace (Diff.hessian f x)
    Check.tensors "grad" 1e-10 (Diff.grad expected x) (Diff.grad (Diff.laplacian f) x)
    Check.tensors "Laplacian of a Laplacian" 1e-9 (Diff.laplacian expected x) (Diff.laplacian (Diff.laplacian f) x)
    let xs = varied 3 [ 4; 3 ]

    Check.tensors
        "vmap"
        1e-12
        (Tensor.stack 0 [ for i in 0..3 -> Diff.laplacian f xs[i] ])
        (Diff.vmap (Diff.laplacian f) xs)

    let d, w = varied 4 [ 2; 3 ], vector [ 1.5; -2.0 ]
    let h = Diff.hessian f x
    // ∂/∂w of Σ wₖ dₖᵀ H dₖ is dₖᵀ H dₖ; ∂/∂d is 2 wₖ H dₖ.
    let byWeights, byDirections = Diff.grad (fun (w, d) -> Diff.laplacianAlong w d f x) (w, d)
    let hd = Tensor.matmul d h
    Check.tensors "by weights" 1e-12 (Tensor.sumAxis 1 (d * hd)) byWeights
    Check.tensors "by directions" 1e-12 (2.0 * Tensor.reshape [ 2; 1 ] w * hd) byDirections

[<Fact>]
let ``no directions, and no argument`` () =
    let none = Diff.laplacianAlong (Tensor.zeros [ 0 ]) (Tensor.zeros [ 0; 3 ]) Tensor.sin (varied 1 [ 3 ])
    Check.tensors "no directions" 0.0 (Tensor.zeros [ 3 ]) none
    Check.tensors "no elements" 0.0 (scalar 0.0) (Diff.laplacian Tensor.sum (Tensor.zeros [ 0 ]))

[<Fact>]
let ``errors`` () =
    let x = varied 1 [ 3 ]

    Check.fails
        "laplacianWith: weights of shape [2; 3] for an argument of 3 elements; want [3] (a diagonal) or [3; 3]"
        (fun () -> Diff.laplacianWith (Tensor.ones [ 2; 3 ]) Tensor.sin x)

    Check.fails
        "laplacianWith: the weights have no value yet, so they cannot be factored; use laplacianAlong with directions and their weights"
        (fun () -> Diff.grad (fun (a: Tensor) -> Diff.laplacianWith a Tensor.sum x) x)

    Check.fails "laplacianAlong: weights of shape [2; 1]; want [m], one for each direction" (fun () ->
        Diff.laplacianAlong (Tensor.ones [ 2; 1 ]) (Tensor.ones [ 2; 3 ]) Tensor.sin x)

    Check.fails
        "laplacianAlong: the tree of directions has shapes [3; 3], expected [2; 3]; give one tensor of the same shape for each"
        (fun () -> Diff.laplacianAlong (Tensor.ones [ 2 ]) (Tensor.ones [ 3; 3 ]) Tensor.sin x)
