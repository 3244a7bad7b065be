module Hesse.Theory.Tests.Curvature.CrossCheckTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private message (f: unit -> 'a) = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

[<Fact>]
let ``a number outside of its interval is reported`` () =
    let e = Estimate.bounded 2.0 1.0 3.0 0
    Assert.Empty(CrossCheck.value "trace" 3.0 0.0 e)
    Assert.Empty(CrossCheck.value "trace" 3.05 0.1 e)
    Assert.Contains("trace: 4 is outside of [1; 3] (Rigorous", List.exactlyOne (CrossCheck.value "trace" 4.0 0.0 e))

[<Fact>]
let ``the cross-check finds wrong pairs`` () =
    let operator = conjugated 15 (Array.init 90 (fun i -> cos (float i) * float (i % 7)))
    let good = Eigenpairs.largest operator (Random.key 3) 2 1e-10

    let moved = {
        good with
            Pairs = good.Pairs |> Array.map (fun p -> { p with Value = p.Value + 0.1 })
    }

    Assert.NotEmpty(CrossCheck.eigenpairs SpectrumPart.Largest operator moved)
    // The second largest in the place of the largest has a good residual, and is not what was asked for.
    let missed = { good with Pairs = [| good.Pairs[1] |] }
    let faults = CrossCheck.eigenpairs SpectrumPart.Largest operator missed
    Assert.Contains("is wanted", List.head faults)
    Assert.Contains("CrossCheck: ", message (fun () -> CrossCheck.require faults))
    let large = LinearOperator.ofFunction 2001 id
    Assert.Contains("at most 2000", message (fun () -> CrossCheck.spectrum large))
