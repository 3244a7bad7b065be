module Hesse.Tests.Transforms.BatchTests

open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``an output that does not depend on the variables is repeated`` () =
    let x, y = Graph.variable [||], Graph.variable [| 2 |]
    let xs = Graph.variable [| 3 |]
    let batched = Batch.apply 3 [| x |] [| xs |] [| Elementwise.exp y; x |]
    Check.shapes "repeated" [| 3; 2 |] batched[0].Shape
    Assert.Same(xs, batched[1])

[<Fact>]
let ``what does not depend on the batch is computed once`` () =
    let a = Graph.variable [| 40; 40 |]
    let shared = Contraction.matmul a a
    let x = Graph.variable [| 40 |]
    let y = Contraction.matmul shared x
    let xs = Graph.variable [| 10; 40 |]
    let batched = Batch.apply 10 [| x |] [| xs |] [| y |]
    Assert.Contains(shared, Graph.order 1L batched)
    // One product of squares, and one of [10; 40] with [40; 40].
    let flops = (Program([| a; xs |], batched)).Plan.Flops
    Assert.InRange(flops, 1L, int64 (2 * 40 * 40 * 40 + 2 * 10 * 40 * 40 + 10_000))

[<Fact>]
let ``a batch of matrix-vector products is one matrix product`` () =
    let a, xs = varied 1 [ 3; 4 ], varied 2 [ 5; 4 ]
    Check.tensors "X Aᵀ" 1e-14 (Tensor.matmul xs (Tensor.transpose a)) (Diff.vmap (fun x -> Tensor.matmul a x) xs)
    let plan = Diff.explain (Diff.vmap (fun x -> Tensor.matmul a x)) xs
    Assert.Equal(2, (plan.Split '\n').Length)

[<Fact>]
let ``in and out axes`` () =
    let x = varied 1 [ 2; 3; 4 ]
    let f (m: Tensor) = Tensor.sumAxis 1 (Tensor.exp m)

    for inAxis in 0..2 do
        for outAxis in 0..1 do
            let slices = [ for i in 0 .. x.Shape[inAxis] - 1 -> Tensor.slice inAxis i (i + 1) 1 x ]
            let others = x.Shape |> Array.indexed |> Array.filter (fun (d, _) -> d <> inAxis) |> Array.map snd
            let expected = Tensor.stack outAxis [ for s in slices -> f (Tensor.reshape others s) ]
            Check.tensors $"in {inAxis}, out {outAxis}" 1e-14 expected (Diff.vmapAxes inAxis outAxis f x)

[<Fact>]
let ``per-example indices, along every axis, nested twice`` () =
    let x = varied 1 [ 2; 3; 4 ]

    for axis in 0..2 do
        let indices =
            Tensor.create [ 2; 5; 3 ] (Array.init 30 (fun i -> float ((7 * i + i / 3) % x.Shape[axis])))

        let f idx = Tensor.gather axis idx x
        let row (i: int) = Tensor.stack 0 [ for j in 0..4 -> f indices[i, j] ]
        let expected = Tensor.stack 0 [ row 0; row 1 ]
        Check.tensors $"axis {axis}" 0.0 expected (Diff.vmap (Diff.vmap f) indices)
        // Indices and data batched together, and the gradient (a scatter-add) of it.
        let xs = Tensor.stack 0 [ x; 2.0 * x ]
        let pair (x, idx) = Diff.grad (fun x -> Tensor.sum (Tensor.exp (Tensor.gather axis idx x))) x
        let idx = Tensor.reshape [ 2; 15 ] indices
        let expected = Tensor.stack 0 [ pair (xs[0], idx[0]); pair (xs[1], idx[1]) ]
        Check.tensors $"gradient, axis {axis}" 1e-14 expected (Diff.vmap pair (xs, idx))

[<Fact>]
let ``a batch of size one and of size zero`` () =
    let f (x: Tensor) = Tensor.matmul (varied 1 [ 2; 3 ]) (Tensor.tanh x)
    let one = varied 2 [ 1; 3 ]
    Check.tensors "one" 1e-14 (Tensor.reshape [ 1; 2 ] (f one[0])) (Diff.vmap f one)
    Check.tensors "zero" 0.0 (Tensor.zeros [ 0; 2 ]) (Diff.vmap f (Tensor.zeros [ 0; 3 ]))
