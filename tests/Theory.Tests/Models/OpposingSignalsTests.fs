module Hesse.Theory.Tests.Models.OpposingSignalsTests

open Xunit
open Hesse
open Hesse.Theory

let private weights (c: float) (signal: float) (opposing: float) = {
    Readout = Tensor.scalar c
    Signal = Tensor.scalar signal
    Opposing = Tensor.scalar opposing
}

let private loss alpha beta = OpposingSignals.loss (Tensor.scalar alpha) (Tensor.scalar beta)

[<Fact>]
let ``the loss is the mean of the two groups, which differ by 2es`` () =
    let alpha, beta, w = Tensor.scalar 7.0, Tensor.scalar 1.5, weights 0.4 -0.3 0.8
    let plus, minus = OpposingSignals.groupLosses alpha beta w
    let e, s = OpposingSignals.residuals alpha beta w
    Assert.Equal(0.4 * -0.3 - 1.5, e.item (), 14)
    Assert.Equal(0.4 * 0.8 * sqrt 7.0, s.item (), 14)
    Assert.Equal(0.5 * (plus + minus).item(), (OpposingSignals.loss alpha beta w).item(), 14)
    Assert.Equal(2.0 * (e * s).item(), (plus - minus).item(), 14)

[<Theory>]
[<InlineData(100.0, 1.0, 0.1, 0.1, 0.1)>]
[<InlineData(3.0, 0.5, -0.7, 0.2, 1.1)>]
let ``the sharpness is the top eigenvalue of the Hessian by differentiation`` alpha beta c signal opposing =
    let theta, unravel = Tree.ravel (weights c signal opposing)
    let hessian = Diff.hessian (unravel >> loss alpha beta) theta
    let expected = (Spectrum.eigenvalues 3 (hessian.toArray ()))[0]
    Assert.Equal(expected, OpposingSignals.sharpness alpha beta c signal opposing, 11)

[<Fact>]
let ``the gradient is orthogonal to that of the conserved quantity`` () =
    let w = weights 0.4 -0.3 0.8
    let slope = fst (Tree.ravel (Diff.grad (loss 7.0 1.5) w))
    let conserved = fst (Tree.ravel (Diff.grad OpposingSignals.conserved w))
    Assert.Equal(0.0, (Tensor.dot slope conserved).item(), 13)

[<Fact>]
let ``the closed form is the sharpness at the minimum with the same conserved quantity`` () =
    for alpha, beta, d in [ 100.0, 1.0, -0.01; 0.5, 2.0, 0.3; 10.0, 0.1, -3.0 ] do
        let c = sqrt (OpposingSignals.finalReadoutSquared beta d)
        let signal = beta / c
        Assert.Equal(d, c * c - signal * signal, 12)

        Assert.Equal(OpposingSignals.sharpness alpha beta c signal 0.0, OpposingSignals.finalSharpness alpha beta d, 10)

[<Fact>]
let ``the balanced start of the literature ends at 99_5`` () =
    let w = weights 0.1 0.1 0.1
    let d = (OpposingSignals.conserved w).item()
    Assert.Equal(99.5012499921876, OpposingSignals.finalSharpness 100.0 1.0 d, 10)
    let final = GradientFlow.run (loss 100.0 1.0) 0.01 3000 (fun _ _ -> ()) w

    let sharpness =
        OpposingSignals.sharpness 100.0 1.0 (final.Readout.item ()) (final.Signal.item ()) (final.Opposing.item ())

    Assert.Equal(99.5012499921876, sharpness, 4)

[<Fact>]
let ``sizes that are not positive are refused by name`` () =
    let error =
        Assert.Throws<HesseException>(fun () -> OpposingSignals.finalSharpness 0.0 1.0 0.0 |> ignore)

    Assert.Contains("OpposingSignals.finalSharpness: α = 0", error.Message)
