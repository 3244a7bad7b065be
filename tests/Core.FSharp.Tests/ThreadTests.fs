/// Compiled functions and tracing on several threads at once.
module Hesse.Tests.ThreadTests

open System
open System.Threading
open Hesse
open Xunit

let private threads = 4

/// Runs an action on several threads that start together; an exception on any of them fails the test.
let private together (action: int -> unit) =
    use gate = new Barrier(threads)
    let mutable failure: exn = null

    let workers =
        Array.init threads (fun k ->
            Thread(
                (fun () ->
                    try
                        gate.SignalAndWait()
                        action k
                    with e ->
                        Interlocked.CompareExchange(&failure, e, null) |> ignore),
                16 * 1024 * 1024
            ))

    for w in workers do
        w.Start()

    for w in workers do
        w.Join()

    if not (isNull failure) then
        raise (AggregateException failure)

let private loss (theta: Tensor) =
    let inputs = varied 1 [ 16; 5 ]
    let w1 = Tensor.reshape [ 5; 6 ] theta[..29]
    let w2 = Tensor.reshape [ 6; 1 ] theta[30..35]
    Tensor.mean (Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul inputs w1)) w2))

[<Fact>]
let ``one compiled function, four threads, the same numbers`` () =
    let f = Diff.compile (Diff.valueAndGrad loss)
    let points = Array.init 8 (fun k -> varied k [ 36 ])
    let expected = points |> Array.map (Diff.valueAndGrad loss)

    together (fun k ->
        for round in 0..199 do
            let i = (round + k) % points.Length
            Check.trees $"thread {k}, round {round}" 1e-14 expected[i] (f points[i]))

[<Fact>]
let ``the first call, from four threads at once, traces once`` () =
    let mutable traces = 0

    let f =
        Diff.compile (fun (x: Tensor) ->
            Interlocked.Increment &traces |> ignore
            Diff.hessian loss x)

    let theta = varied 1 [ 36 ]
    let expected = Diff.hessian loss theta
    together (fun k -> Check.tensors $"thread {k}" 1e-13 expected (f theta))
    Assert.Equal(1, traces)

[<Fact>]
let ``tracing and differentiating on several threads at once`` () =
    let theta, v = varied 1 [ 36 ], varied 2 [ 36 ]
    let gradient, product, jet = Diff.grad loss theta, Diff.hvp loss theta v, Diff.jet 4 loss theta v

    together (fun k ->
        for round in 0..19 do
            match (round + k) % 3 with
            | 0 -> Check.tensors "grad" 1e-14 gradient (Diff.grad loss theta)
            | 1 -> Check.tensors "hvp" 1e-13 product (Diff.hvp loss theta v)
            | _ -> Check.trees "jet" 1e-12 jet (Diff.jet 4 loss theta v))

[<Fact>]
let ``threads that build on a variable they share`` () =
    // The graph under one outer variable grows from four threads; equal operations must still be one node.
    let x = Graph.variable [| 8 |]
    let results = Array.zeroCreate<Node> threads

    together (fun k ->
        let mutable y = x

        for round in 1..2000 do
            y <- Linear.add (Elementwise.sin y) (Linear.scale (float round) x)

        results[k] <- y)

    for k in 1 .. threads - 1 do
        Assert.Same(results[0], results[k])

[<Fact>]
let ``programs run on all threads with arenas of their own`` () =
    let n = 50
    let a = varied 1 [ n; n ]

    let f =
        Diff.compile (fun (x: Tensor) -> Seq.fold (fun y _ -> Tensor.tanh (Tensor.matmul a y)) x (seq { 1..6 }))

    let inputs = Array.init threads (fun k -> varied (k + 10) [ n; n ])
    let expected = inputs |> Array.map f

    together (fun k ->
        for _ in 1..50 do
            Check.tensors $"thread {k}" 0.0 expected[k] (f inputs[k]))
