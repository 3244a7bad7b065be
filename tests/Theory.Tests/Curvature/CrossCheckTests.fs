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

[<Fact>]
let ``sums, diagonals and densities are held against the dense spectrum`` () =
    let values = Array.init 60 (fun i -> 1.0 + cos (float i) + (if i = 0 then 5.0 else 0.0))
    let operator = conjugated 16 values
    let trace = Trace.xTrace operator (Random.key 4) 30
    Assert.Empty(CrossCheck.sum "trace" id operator (Trace.hutchinson operator (Random.key 4) 30))
    let wrong = { trace with Lower = trace.Value + 1.0; Upper = trace.Value + 2.0 }
    Assert.Contains("trace: ", List.exactlyOne (CrossCheck.sum "trace" id operator wrong))
    let diagonal = Diagonal.hutchinson operator (Random.key 5) 12
    Assert.Empty(CrossCheck.diagonal operator diagonal)
    Assert.Empty(CrossCheck.diagonal operator (Diagonal.exact operator))
    let moved = { diagonal with Values = Array.map (fun x -> x + 30.0) diagonal.Values }
    Assert.Equal(60, (CrossCheck.diagonal operator moved).Length)
    let density = SpectralDensity.estimate operator (Random.key 6) 8 20
    Assert.Empty(CrossCheck.density 0.95 operator density)

    let shifted = {
        density with
            Nodes = density.Nodes |> Array.map (Array.map (fun x -> x + 20.0))
    }

    Assert.Contains("Wasserstein", List.exactlyOne (CrossCheck.density 0.95 operator shifted))
