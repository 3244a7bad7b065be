module Hesse.Tests.Primitives.MovementTests

open Hesse
open Hesse.Tests
open Xunit

let private matrix = (Tensor.create [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]).Node
let private is shape data (node: Node) = Check.tensors "value" 0.0 (Tensor.create shape data) (Tensor node)

[<Fact>]
let ``reshape and transpose`` () =
    is [ 3; 2 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Linear.reshape [| 3; 2 |] matrix)
    is [ 3; 2 ] [| 1.0; 4.0; 2.0; 5.0; 3.0; 6.0 |] (Movement.transpose [| 1; 0 |] matrix)
    let cube = Linear.reshape [| 2; 3; 1 |] matrix
    is [ 1; 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Movement.transpose [| 2; 0; 1 |] cube)
    let big = varied 1 [ 3; 4; 5 ]
    let turned = Tensor(Movement.transpose [| 2; 0; 1 |] big.Node)

    for i in 0..2 do
        for j in 0..3 do
            for k in 0..4 do
                Assert.Equal(big[i, j].toArray().[k], turned[k, i].toArray().[j])

[<Fact>]
let ``slice with steps`` () =
    is [ 1; 2 ] [| 4.0; 6.0 |] (Movement.slice [| 1; 0 |] [| 2; 3 |] [| 1; 2 |] matrix)
    is [ 2; 0 ] [||] (Movement.slice [| 0; 1 |] [| 2; 1 |] [| 1; 1 |] matrix)
    let long = (Tensor.arange 10).Node
    is [ 3 ] [| 1.0; 4.0; 7.0 |] (Movement.slice [| 1 |] [| 8 |] [| 3 |] long)
    is [ 4 ] [| 0.0; 3.0; 6.0; 9.0 |] (Movement.slice [| 0 |] [| 10 |] [| 3 |] long)

[<Fact>]
let ``pad before, after and between`` () =
    let v = (vector [ 1.0; 2.0; 3.0 ]).Node
    is [ 8 ] [| 0.0; 1.0; 0.0; 2.0; 0.0; 3.0; 0.0; 0.0 |] (Movement.pad [| 1 |] [| 2 |] [| 1 |] v)
    is [ 2 ] [| 0.0; 0.0 |] (Movement.pad [| 1 |] [| 1 |] [| 3 |] (Tensor.zeros [ 0 ]).Node)
    is [ 3; 3 ] [| 0.0; 0.0; 0.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Movement.pad [| 1; 0 |] [| 0; 0 |] [| 0; 0 |] matrix)

[<Fact>]
let ``pad is the transpose of slice for every window of a short axis`` () =
    for n in 0..5 do
        for start in 0..n do
            for stop in start..n do
                for step in 1..3 do
                    let x = varied 1 [ n ]
                    let f (x: Tensor) = Tensor(Movement.slice [| start |] [| stop |] [| step |] x.Node)
                    let y, pull = Diff.vjp f x
                    let w = varied 2 [ y.Size ]
                    Check.number $"n {n}, {start}..{stop} by {step}" 1e-14 (Check.inner y w) (Check.inner (pull w) x)

[<Fact>]
let ``concat`` () =
    let row = (Tensor.create [ 1; 3 ] [| 7.0; 8.0; 9.0 |]).Node
    is [ 3; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0; 9.0 |] (Movement.concat 0 [| matrix; row |])

    is
        [ 2; 6 ]
        [| 1.0; 2.0; 3.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 4.0; 5.0; 6.0 |]
        (Movement.concat 1 [| matrix; matrix |])

    let empty = (Tensor.zeros [ 0; 3 ]).Node
    is [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Movement.concat 0 [| empty; matrix; empty |])

[<Fact>]
let ``gather and scatter-add`` () =
    let idx (xs: float list) = (vector xs).Node
    is [ 2; 4 ] [| 3.0; 1.0; 1.0; 2.0; 6.0; 4.0; 4.0; 5.0 |] (Movement.gather 1 matrix (idx [ 2; 0; 0; 1 ]))
    is [ 1; 3 ] [| 4.0; 5.0; 6.0 |] (Movement.gather 0 matrix (idx [ 1 ]))
    let scatter axis size x i = Graph.bind Movement.scatterAddP (Along(axis, size)) [| x; i |]
    is [ 2; 4 ] [| 0.0; 5.0; 0.0; 1.0; 0.0; 11.0; 0.0; 4.0 |] (scatter 1 4 matrix (idx [ 3; 1; 1 ]))
    is [ 3; 3 ] [| 5.0; 7.0; 9.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0 |] (scatter 0 3 matrix (idx [ 0; 0 ]))

[<Fact>]
let ``an index outside the axis is an error that names it, eager and compiled`` () =
    for bad in [ 3.0; -1.0; 0.5; nan ] do
        let call run = Assert.ThrowsAny<exn>(fun () -> run (Tensor.gather 0 (vector [ 0.0; bad ])) |> ignore)

        let x = varied 1 [ 3 ]
        let eager: exn = call (fun f -> f x)
        Assert.Contains("gather", eager.Message)
        let compiled: exn = call (fun f -> Diff.compile f x)
        Assert.Contains("gather", compiled.Message)

// ----- simplifications: the cheaper node must be the same function -----

let private x = Graph.variable [| 2; 3 |]
let private same (expected: Node) (actual: Node) = Assert.Same(expected, actual)

[<Fact>]
let ``moves that cancel disappear`` () =
    same x (Movement.transpose [| 1; 0 |] (Movement.transpose [| 1; 0 |] x))
    same x (Linear.reshape [| 2; 3 |] (Linear.reshape [| 6 |] x))
    same x (Movement.slice [| 0; 0 |] [| 2; 3 |] [| 1; 1 |] x)
    same x (Movement.pad [| 0; 0 |] [| 0; 0 |] [| 0; 0 |] x)
    same x (Movement.concat 0 [| x |])
    same x (Linear.sum [||] x)
    same x (Linear.broadcast [| 2; 3 |] [| 0; 1 |] x)

// ----- errors -----

[<Fact>]
let ``errors name operation, shapes and remedy`` () =
    let node shape = (Tensor.zeros shape).Node

    Check.fails "transpose: [0; 0] is no permutation of the 2 axes of shape [2; 3]" (fun () ->
        Movement.transpose [| 0; 0 |] (node [ 2; 3 ]))

    Check.fails
        "slice: 1 .. 4 by 1 along axis 0 does not fit shape [3]; want 0 ≤ start ≤ stop ≤ 3 and step ≥ 1"
        (fun () -> Movement.slice [| 1 |] [| 4 |] [| 1 |] (node [ 3 ]))

    Check.fails "concat: shapes [2; 3], [2; 4] differ outside axis 0; only that axis may differ" (fun () ->
        Movement.concat 0 [| node [ 2; 3 ]; node [ 2; 4 ] |])

    Check.fails "concat: shapes [2; 3], [2] differ outside axis 0; only that axis may differ" (fun () ->
        Movement.concat 0 [| node [ 2; 3 ]; node [ 2 ] |])

    Check.fails
        "gather: indices of shape [2; 2] do not fit a tensor of shape [3] along axis 0; give indices of shape [count]"
        (fun () -> Movement.gather 0 (node [ 3 ]) (node [ 2; 2 ]))

    Check.fails "scatterAdd: 3 elements along axis 0 of [3], but 2 indices" (fun () ->
        Graph.bind Movement.scatterAddP (Along(0, 4)) [| node [ 3 ]; node [ 2 ] |])

[<Fact>]
let ``a window of joined, padded or added nodes is a part of one of them`` () =
    let a, b = Graph.variable [| 2; 3 |], Graph.variable [| 2; 4 |]
    let window from until x = Movement.slice [| 0; from |] [| 2; until |] [| 1; 1 |] x
    let isSame (expected: Node) actual = Assert.Same(expected, actual)
    let joined = Movement.concat 1 [| a; b |]
    isSame a (window 0 3 joined)
    isSame b (window 3 7 joined)
    isSame (window 1 3 b) (window 4 6 joined)
    // Over the border there is nothing simpler.
    Assert.Same(Movement.sliceP, (window 2 4 joined).Prim)
    let padded = Movement.pad [| 0; 2 |] [| 0; 1 |] [| 0; 0 |] b
    isSame b (window 2 6 padded)
    Assert.Equal(ValueSome 0.0, (window 0 2 padded).Uniform)
    let other = Movement.pad [| 0; 0 |] [| 0; 4 |] [| 0; 0 |] a
    isSame b (window 3 7 (Linear.add other (Movement.pad [| 0; 3 |] [| 0; 0 |] [| 0; 0 |] b)))
    isSame (Linear.neg a) (window 0 3 (Linear.neg joined))
    // With zeros between the elements, or another axis padded as well, it stays as it is.
    Assert.Same(Movement.sliceP, (window 0 1 (Movement.pad [| 0; 0 |] [| 0; 0 |] [| 0; 1 |] a)).Prim)
    Assert.Same(Movement.sliceP, (window 0 1 (Movement.pad [| 1; 0 |] [| 0; 1 |] [| 0; 0 |] a)).Prim)

[<Fact>]
let ``a window of a long sum of sums is found without trying every path`` () =
    let leaf = Movement.concat 0 [| Graph.variable [| 2 |]; Graph.variable [| 2 |] |]
    let tower = Seq.fold (fun (x: Node) (_: int) -> Linear.add x (Linear.neg x)) leaf (seq { 1..200 })
    Check.shapes "window" [| 2 |] (Movement.slice [| 0 |] [| 2 |] [| 1 |] tower).Shape
