module Hesse.Tests.GraphTests

open System
open Hesse
open Xunit

let private same (a: Node) (b: Node) = obj.ReferenceEquals(a, b)

[<Fact>]
let ``the same operation on the same arguments is one node`` () =
    let x = Graph.variable [| 3 |]
    let y = Graph.variable [| 3 |]
    Assert.True(same (Linear.mul x y) (Linear.mul x y))
    Assert.True(same (Elementwise.exp (Linear.add x y)) (Elementwise.exp (Linear.add x y)))
    Assert.True(same (Linear.sum [| 0 |] x) (Linear.sum [| 0 |] x))
    Assert.False(same (Linear.mul x y) (Linear.add x y))
    Assert.False(same (Linear.sub x y) (Linear.sub y x))

[<Fact>]
let ``attributes are compared by value`` () =
    let x = Graph.variable [| 2; 3 |]
    Assert.True(same (Movement.transpose [| 1; 0 |] x) (Movement.transpose [| 1; 0 |] x))
    Assert.False(same (Linear.sum [| 0 |] x) (Linear.sum [| 1 |] x))

[<Fact>]
let ``constants of one value are one argument, whatever array they are`` () =
    let x = Graph.variable [| 3 |]
    Assert.True(same (Linear.add x (Graph.full [| 3 |] 2.5)) (Linear.add x (Graph.full [| 3 |] 2.5)))
    Assert.False(same (Linear.add x (Graph.full [| 3 |] 2.5)) (Linear.add x (Graph.full [| 3 |] 2.0)))
    // 0 and −0 differ: 1/x tells them apart.
    let reciprocal value = Elementwise.select x (Graph.full [| 3 |] value) x
    Assert.False(same (reciprocal 0.0) (reciprocal -0.0))

[<Fact>]
let ``nodes of different variables are different`` () =
    let f x = Linear.mul x x
    Assert.False(same (f (Graph.variable [| 2 |])) (f (Graph.variable [| 2 |])))

[<Fact>]
let ``a node is concrete exactly when no variable is below it`` () =
    let x, c = Graph.variable [| 2 |], Graph.constant [| 2 |] [| 1.0; 2.0 |]
    Assert.True((Linear.add c c).IsConcrete)
    Assert.Equal<float[]>([| 2.0; 4.0 |], (Linear.add c c).Data)
    Assert.False((Linear.add c x).IsConcrete)
    Assert.True(Graph.isVariable x)
    Assert.False(Graph.isVariable (Linear.add c x))
    Assert.Throws<InvalidOperationException>(fun () -> x.Data |> ignore) |> ignore

[<Fact>]
let ``a node knows its newest variable`` () =
    let x = Graph.variable [||]
    let y = Graph.variable [||]
    Assert.True(y.Id > x.Id)
    Assert.Equal(y.Id, (Linear.mul x y).NewestVariable)
    Assert.Equal(x.Id, (Linear.mul x x).NewestVariable)
    Assert.Equal(0L, (Graph.full [||] 1.0).NewestVariable)

[<Fact>]
let ``order lists arguments before users, each node once`` () =
    let x = Graph.variable [||]
    let y = Elementwise.sin x
    let z = Linear.mul (Linear.add y y) y
    let order = Graph.order 1L [ z; y ]
    Assert.Equal(order.Length, (Array.distinctBy (fun (n: Node) -> n.Id) order).Length)

    for node in order do
        for a in node.Args do
            Assert.True(Array.IndexOf(order, a) < Array.IndexOf(order, node))

[<Fact>]
let ``order stops at nodes older than the oldest variable`` () =
    let x = Graph.variable [||]
    let outer = Elementwise.exp x
    let y = Graph.variable [||]
    let inner = Linear.mul outer y
    let order = Graph.order y.Id [ inner ]
    Assert.Equal<int64 list>([ y.Id; inner.Id ], order |> Array.map (fun n -> n.Id) |> List.ofArray)

[<Fact>]
let ``order does not recurse: a chain of 200 000 nodes`` () =
    let x = Graph.variable [||]
    let mutable y = x

    for _ in 1..200_000 do
        y <- Elementwise.sin y

    Assert.Equal(200_001, (Graph.order 1L [ y ]).Length)

[<Fact>]
let ``the fourth derivative of a chain is a small graph`` () =
    // Sharing: tanh composed 30 times has 2³⁰ paths through naive nesting, but few distinct nodes.
    let f (x: Tensor) = Seq.fold (fun y _ -> Tensor.tanh y) x (seq { 1..30 })
    let x = Graph.variable [||]
    let d (g: Tensor -> Tensor) = Diff.grad g
    let fourth = d (d (d (d f))) (Tensor x)
    let count = (Graph.order 1L [ fourth.Node ]).Length
    Assert.True(count < 20_000, $"{count} nodes")

[<Fact>]
let ``a repeated constant keeps its source, and has its elements when asked`` () =
    let source = varied 1 [ 3 ]
    let repeated = Linear.broadcast [| 1000; 3 |] [| 1 |] source.Node
    Assert.True repeated.IsConcrete
    Assert.Same(source.Node, repeated.Args[0])
    Assert.Equal<float[]>(Array.concat (Array.replicate 1000 (source.toArray ())), repeated.Data)
    // A loop reads the source: the plan holds three numbers, not three thousand.
    let v = Graph.variable [| 1000; 3 |]
    let plan = Program([| v |], [| Linear.mul v repeated |]).Plan
    Assert.Contains("strided", (Seq.exactlyOne plan.Steps).Describe())
