module Hesse.Tests.Primitives.LinearTests

open Hesse
open Hesse.Tests
open Xunit

let private matrix = (Tensor.create [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]).Node
let private is shape data (node: Node) = Check.tensors "value" 0.0 (Tensor.create shape data) (Tensor node)

[<Fact>]
let ``arithmetic`` () =
    let b = (Tensor.create [ 2; 3 ] [| 6.0; 5.0; 4.0; 3.0; 2.0; 1.0 |]).Node
    is [ 2; 3 ] (Array.create 6 7.0) (Linear.add matrix b)
    is [ 2; 3 ] [| -5.0; -3.0; -1.0; 1.0; 3.0; 5.0 |] (Linear.sub matrix b)
    is [ 2; 3 ] [| 6.0; 10.0; 12.0; 12.0; 10.0; 6.0 |] (Linear.mul matrix b)
    is [ 2; 3 ] [| -1.0; -2.0; -3.0; -4.0; -5.0; -6.0 |] (Linear.neg matrix)
    is [ 2; 3 ] [| 2.0; 4.0; 6.0; 8.0; 10.0; 12.0 |] (Linear.scale 2.0 matrix)

[<Fact>]
let ``sum over axes`` () =
    is [ 3 ] [| 5.0; 7.0; 9.0 |] (Linear.sum [| 0 |] matrix)
    is [ 2 ] [| 6.0; 15.0 |] (Linear.sum [| 1 |] matrix)
    is [] [| 21.0 |] (Linear.sum [| 0; 1 |] matrix)
    is [ 3 ] [| 0.0; 0.0; 0.0 |] (Linear.sum [| 0 |] (Tensor.zeros [ 0; 3 ]).Node)

[<Fact>]
let ``a long sum loses no more than a few digits`` () =
    let n = 1_000_000
    let x = Tensor.ofArray (Array.init n (fun i -> 1.0 / float (i + 1)))
    // Harmonic number: ln n + γ + 1/(2n) − 1/(12n²).
    let expected = log (float n) + 0.57721566490153286 + 0.5 / float n - 1.0 / (12.0 * float n * float n)
    Check.number "harmonic number" 1e-14 expected ((Tensor.sum x).item())

[<Fact>]
let ``broadcast repeats along new axes`` () =
    let v = (vector [ 1.0; 2.0 ]).Node
    is [ 3; 2 ] [| 1.0; 2.0; 1.0; 2.0; 1.0; 2.0 |] (Linear.broadcast [| 3; 2 |] [| 1 |] v)
    is [ 2; 3 ] [| 1.0; 1.0; 1.0; 2.0; 2.0; 2.0 |] (Linear.broadcast [| 2; 3 |] [| 0 |] v)
    is [ 2; 0 ] [||] (Linear.broadcast [| 2; 0 |] [| 0 |] v)

[<Fact>]
let ``reshape and transpose`` () =
    is [ 3; 2 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Linear.reshape [| 3; 2 |] matrix)
    is [ 3; 2 ] [| 1.0; 4.0; 2.0; 5.0; 3.0; 6.0 |] (Linear.transpose [| 1; 0 |] matrix)
    let cube = Linear.reshape [| 2; 3; 1 |] matrix
    is [ 1; 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Linear.transpose [| 2; 0; 1 |] cube)
    let big = varied 1 [ 3; 4; 5 ]
    let turned = Tensor(Linear.transpose [| 2; 0; 1 |] big.Node)

    for i in 0..2 do
        for j in 0..3 do
            for k in 0..4 do
                Assert.Equal(big[i, j].toArray().[k], turned[k, i].toArray().[j])

[<Fact>]
let ``slice with steps`` () =
    is [ 1; 2 ] [| 4.0; 6.0 |] (Linear.slice [| 1; 0 |] [| 2; 3 |] [| 1; 2 |] matrix)
    is [ 2; 0 ] [||] (Linear.slice [| 0; 1 |] [| 2; 1 |] [| 1; 1 |] matrix)
    let long = (Tensor.arange 10).Node
    is [ 3 ] [| 1.0; 4.0; 7.0 |] (Linear.slice [| 1 |] [| 8 |] [| 3 |] long)
    is [ 4 ] [| 0.0; 3.0; 6.0; 9.0 |] (Linear.slice [| 0 |] [| 10 |] [| 3 |] long)

[<Fact>]
let ``pad before, after and between`` () =
    let v = (vector [ 1.0; 2.0; 3.0 ]).Node
    is [ 8 ] [| 0.0; 1.0; 0.0; 2.0; 0.0; 3.0; 0.0; 0.0 |] (Linear.pad [| 1 |] [| 2 |] [| 1 |] v)
    is [ 2 ] [| 0.0; 0.0 |] (Linear.pad [| 1 |] [| 1 |] [| 3 |] (Tensor.zeros [ 0 ]).Node)
    is [ 3; 3 ] [| 0.0; 0.0; 0.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Linear.pad [| 1; 0 |] [| 0; 0 |] [| 0; 0 |] matrix)

[<Fact>]
let ``pad is the transpose of slice for every window of a short axis`` () =
    for n in 0..5 do
        for start in 0..n do
            for stop in start..n do
                for step in 1..3 do
                    let x = varied 1 [ n ]
                    let f (x: Tensor) = Tensor(Linear.slice [| start |] [| stop |] [| step |] x.Node)
                    let y, pull = Diff.vjp f x
                    let w = varied 2 [ y.Size ]
                    Check.number $"n {n}, {start}..{stop} by {step}" 1e-14 (Check.inner y w) (Check.inner (pull w) x)

[<Fact>]
let ``concat`` () =
    let row = (Tensor.create [ 1; 3 ] [| 7.0; 8.0; 9.0 |]).Node
    is [ 3; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0; 9.0 |] (Linear.concat 0 [| matrix; row |])
    is [ 2; 6 ] [| 1.0; 2.0; 3.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 4.0; 5.0; 6.0 |] (Linear.concat 1 [| matrix; matrix |])
    let empty = (Tensor.zeros [ 0; 3 ]).Node
    is [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |] (Linear.concat 0 [| empty; matrix; empty |])

[<Fact>]
let ``gather and scatter-add`` () =
    let idx (xs: float list) = (vector xs).Node
    is [ 2; 4 ] [| 3.0; 1.0; 1.0; 2.0; 6.0; 4.0; 4.0; 5.0 |] (Linear.gather 1 matrix (idx [ 2; 0; 0; 1 ]))
    is [ 1; 3 ] [| 4.0; 5.0; 6.0 |] (Linear.gather 0 matrix (idx [ 1 ]))
    let scatter axis size x i = Graph.bind Linear.scatterAddP (Along(axis, size)) [| x; i |]
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
let ``zeros and ones disappear`` () =
    same x (Linear.add x (Graph.zeros [| 2; 3 |]))
    same x (Linear.add (Graph.zeros [| 2; 3 |]) x)
    same x (Linear.sub x (Graph.zeros [| 2; 3 |]))
    same (Linear.neg x) (Linear.sub (Graph.zeros [| 2; 3 |]) x)
    same x (Linear.mul x (Graph.full [| 2; 3 |] 1.0))
    same (Linear.neg x) (Linear.mul (Graph.full [| 2; 3 |] -1.0) x)
    same x (Linear.neg (Linear.neg x))

[<Fact>]
let ``moves that cancel disappear`` () =
    same x (Linear.transpose [| 1; 0 |] (Linear.transpose [| 1; 0 |] x))
    same x (Linear.reshape [| 2; 3 |] (Linear.reshape [| 6 |] x))
    same x (Linear.slice [| 0; 0 |] [| 2; 3 |] [| 1; 1 |] x)
    same x (Linear.pad [| 0; 0 |] [| 0; 0 |] [| 0; 0 |] x)
    same x (Linear.concat 0 [| x |])
    same x (Linear.sum [||] x)
    same x (Linear.broadcast [| 2; 3 |] [| 0; 1 |] x)

[<Fact>]
let ``the sum of a broadcast is a multiple`` () =
    let v = Graph.variable [| 3 |]
    same (Linear.scale 5.0 v) (Linear.sum [| 0 |] (Linear.broadcast [| 5; 3 |] [| 1 |] v))

[<Fact>]
let ``nested sums are one sum`` () =
    let cube = Graph.variable [| 2; 3; 4 |]
    same (Linear.sum [| 0; 2 |] cube) (Linear.sum [| 1 |] (Linear.sum [| 0 |] cube))
    same (Linear.sum [| 0; 1; 2 |] cube) (Linear.sum [| 0; 1 |] (Linear.sum [| 1 |] cube))

// ----- errors -----

[<Fact>]
let ``errors name operation, shapes and remedy`` () =
    let node shape = (Tensor.zeros shape).Node

    Check.fails "add: expected arguments of one shape, got [2], [3]; broadcast them first" (fun () ->
        Linear.add (node [ 2 ]) (node [ 3 ]))

    Check.fails "broadcast: shape [2] does not fit axes [1] of [2; 3]" (fun () ->
        Linear.broadcast [| 2; 3 |] [| 1 |] (node [ 2 ]))

    Check.fails "reshape: cannot make [4; 2] (8 elements) from [2; 3] (6 elements)" (fun () ->
        Linear.reshape [| 4; 2 |] (node [ 2; 3 ]))

    Check.fails "transpose: [0; 0] is no permutation of the 2 axes of shape [2; 3]" (fun () ->
        Linear.transpose [| 0; 0 |] (node [ 2; 3 ]))

    Check.fails
        "slice: 1 .. 4 by 1 along axis 0 does not fit shape [3]; want 0 ≤ start ≤ stop ≤ 3 and step ≥ 1"
        (fun () -> Linear.slice [| 1 |] [| 4 |] [| 1 |] (node [ 3 ]))

    Check.fails "concat: shapes [2; 3], [2; 4] differ outside axis 0; only that axis may differ" (fun () ->
        Linear.concat 0 [| node [ 2; 3 ]; node [ 2; 4 ] |])

    Check.fails "concat: shapes [2; 3], [2] differ outside axis 0; only that axis may differ" (fun () ->
        Linear.concat 0 [| node [ 2; 3 ]; node [ 2 ] |])

    Check.fails
        "gather: indices of shape [2; 2] do not fit a tensor of shape [3] along axis 0; give indices of shape [count]"
        (fun () -> Linear.gather 0 (node [ 3 ]) (node [ 2; 2 ]))

    Check.fails "scatterAdd: 3 elements along axis 0 of [3], but 2 indices" (fun () ->
        Graph.bind Linear.scatterAddP (Along(0, 4)) [| node [ 3 ]; node [ 2 ] |])
