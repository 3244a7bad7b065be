module Hesse.Theory.Tests.Dynamics.GradientFlowTests

open System
open Xunit
open Hesse
open Hesse.Theory

let private nothing _ _ = ()

[<Fact>]
let ``flow of a quadratic decays exponentially along each axis`` () =
    let rates = [| 0.5; 1.0; 3.0 |]
    let start = [| 1.0; -2.0; 0.7 |]
    let loss (w: Tensor) = 0.5 * Tensor.sum (Tensor.ofArray rates * w * w)
    let final = (GradientFlow.run loss 0.01 200 nothing (Tensor.ofArray start)).toArray()

    for i in 0..2 do
        Assert.Equal(start[i] * exp (-2.0 * rates[i]), final[i], 1e-8)

[<Fact>]
let ``the error falls with the fourth power of the step`` () =
    // w' = −w³ has the solution w(t) = w₀/√(1 + 2 w₀² t).
    let loss (w: Tensor) = 0.25 * Tensor.sum (Tensor.square (w * w))
    let exact = 1.0 / sqrt 3.0

    let error steps =
        abs ((GradientFlow.run loss (1.0 / float steps) steps nothing (Tensor.ofArray [| 1.0 |])).item() - exact)

    let order = Math.Log2(error 80 / error 160)
    Assert.InRange(order, 3.8, 4.3)

[<Fact>]
let ``any field of any tree can be stepped`` () =
    // The harmonic oscillator turns by an angle h in time h.
    let field (position: Tensor, momentum: Tensor) = momentum, -position
    let step state = GradientFlow.step field 0.01 state
    let x, p = Seq.fold (fun s _ -> step s) (Tensor.scalar 1.0, Tensor.scalar 0.0) (seq { 1..100 })
    Assert.Equal(cos 1.0, x.item (), 1e-9)
    Assert.Equal(-(sin 1.0), p.item (), 1e-9)

[<Fact>]
let ``the observer sees the start, every step and the end`` () =
    let loss (w: Tensor) = Tensor.sum (w * w)
    let seen = ResizeArray()

    let final =
        GradientFlow.run loss 0.1 3 (fun k (w: Tensor) -> seen.Add(struct (k, w.item ()))) (Tensor.ofArray [| 1.0 |])

    Assert.Equal<int list>([ 0; 1; 2; 3 ], [ for struct (k, _) in seen -> k ])
    let struct (_, first) = seen[0]
    let struct (_, last) = seen[3]
    Assert.Equal(1.0, first)
    Assert.Equal(final.item (), last)
