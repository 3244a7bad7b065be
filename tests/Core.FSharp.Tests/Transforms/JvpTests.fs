module Hesse.Tests.Transforms.JvpTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private slope (f: Node -> Node) (x: float) =
    let v = Graph.variable [||]
    let dv = Graph.variable [||]
    let dy = (Jvp.apply [| v |] [| dv |] [| f v |])[0]
    let values = [| Graph.full [||] x; Graph.full [||] 1.0 |]
    (Substitute.apply [| v; dv |] values [| dy.Value |]).[0].Data[0]

/// Each nonlinear primitive of one argument, its derivative, and where to look.
let private derivatives: (string * (Node -> Node) * (float -> float) * float list) list = [
    "exp", Elementwise.exp, Math.Exp, [ -2.0; 0.0; 1.5 ]
    "expm1", Elementwise.expm1, Math.Exp, [ -2.0; 0.0; 1.5 ]
    "log", Elementwise.log, (fun x -> 1.0 / x), [ 0.1; 1.0; 7.0 ]
    "log1p", Elementwise.log1p, (fun x -> 1.0 / (1.0 + x)), [ -0.9; 0.0; 7.0 ]
    "sqrt", Elementwise.sqrt, (fun x -> 0.5 / Math.Sqrt x), [ 0.1; 4.0 ]
    "sin", Elementwise.sin, Math.Cos, [ -2.0; 0.0; 1.5; 40.0 ]
    "cos", Elementwise.cos, (fun x -> -Math.Sin x), [ -2.0; 0.0; 1.5; 40.0 ]
    "tanh", Elementwise.tanh, (fun x -> 1.0 / Math.Cosh x ** 2.0), [ -2.0; 0.0; 1.5 ]
    "sigmoid", Elementwise.sigmoid, (fun x -> 1.0 / (2.0 + Math.Exp x + Math.Exp -x)), [ -2.0; 0.0; 1.5 ]
    "erf", Elementwise.erf, (fun x -> 2.0 / Math.Sqrt Math.PI * Math.Exp(-x * x)), [ -2.0; 0.0; 1.5 ]
    "abs", Elementwise.abs, (fun x -> float (sign x)), [ -2.0; 0.0; 1.5 ]
    "relu", Elementwise.relu, (fun x -> if x > 0.0 then 1.0 else 0.0), [ -2.0; 0.0; 1.5 ]
    "square", (fun x -> Linear.mul x x), (fun x -> 2.0 * x), [ -2.0; 0.0; 1.5 ]
    "1/x", (fun x -> Elementwise.div (Graph.full [||] 1.0) x), (fun x -> -1.0 / (x * x)), [ -2.0; 0.5 ]
    "x/(1+x)", (fun x -> Elementwise.div x (Linear.add x (Graph.full [||] 1.0))), (fun x -> (1.0 + x) ** -2.0), [ 0.5 ]
    "neg", Linear.neg, (fun _ -> -1.0), [ 3.0 ]
]

[<Fact>]
let ``derivative of every elementwise function`` () =
    for name, f, derivative, points in derivatives do
        for x in points do
            Check.number $"{name}′({x})" 1e-13 (derivative x) (slope f x)

[<Fact>]
let ``a tangent that is zero is absent, not a node of zeros`` () =
    let x, y = Graph.variable [| 2 |], Graph.variable [| 2 |]
    let dx = Graph.variable [| 2 |]

    let tangents =
        Jvp.apply [| x |] [| dx |] [| Elementwise.exp y; Elementwise.sign x; Elementwise.floor x; x |]

    Assert.True tangents[0].IsNone
    Assert.True tangents[1].IsNone
    Assert.True tangents[2].IsNone
    Assert.Same(dx, tangents[3].Value)

[<Fact>]
let ``tangents of shared nodes are shared: linear growth`` () =
    let x = Graph.variable [||]
    let dx = Graph.variable [||]
    // y ← y·y doubles the number of paths each time.
    let y = Seq.fold (fun y _ -> Linear.mul y y) x (seq { 1..50 })
    let dy = (Jvp.apply [| x |] [| dx |] [| y |]).[0].Value
    Assert.InRange((Graph.order 1L [ dy ]).Length, 100, 300)

[<Fact>]
let ``the tangent is linear in the direction`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.exp (Tensor.sin x) * Tensor.matmul (varied 1 [ 3; 3 ]) x)
    let x, u, v = varied 2 [ 3 ], varied 3 [ 3 ], varied 4 [ 3 ]
    let d v = snd (Diff.jvp f x v)
    Check.tensors "sum" 1e-14 (2.0 * d u - 3.0 * d v) (d (2.0 * u - 3.0 * v))

[<Fact>]
let ``quotient rule in each argument and both`` () =
    let f (a: Tensor, b: Tensor) = a / b
    let a, b = vector [ 1.0; -2.0 ], vector [ 0.5; 4.0 ]
    let da, db = vector [ 0.3; 0.7 ], vector [ -0.2; 1.1 ]
    let zero = Tensor.zeros [ 2 ]
    let d da db = snd (Diff.jvp f (a, b) (da, db))
    Check.tensors "da" 1e-15 (da / b) (d da zero)
    Check.tensors "db" 1e-15 (-a * db / (b * b)) (d zero db)
    Check.tensors "both" 1e-15 (da / b - a * db / (b * b)) (d da db)
