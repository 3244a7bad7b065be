module Hesse.Theory.Tests.RandomMatrix.BulkFitTests

open System
open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``noise alone: the parameters come back, and nothing stands out`` () =
    let p, n = 300, 900
    let values = Samples.eigen p (Samples.covariance 21 (Array.create p (sqrt 2.0)) n)
    let fit = BulkFit.marchenkoPastur 0.01 values
    Assert.InRange(fit.Ratio, 0.30, 0.37)
    Assert.InRange(fit.Variance, 1.95, 2.05)
    Assert.Empty fit.Outliers
    Assert.True(fit.Distance < 0.02)

[<Fact>]
let ``spikes stand out, those below the threshold do not`` () =
    let p, n = 300, 900
    let spikes = [| 6.0; 4.0; 3.0; 1.3 |]
    let scales = Array.init p (fun i -> if i < 4 then sqrt spikes[i] else 1.0)
    let values = Samples.eigen p (Samples.covariance 22 scales n)
    let fit = BulkFit.marchenkoPastur 0.01 values
    Assert.Equal(3, fit.Outliers.Length)
    Assert.InRange(fit.Ratio, 0.29, 0.38)

    for o, spike in Array.zip fit.Outliers spikes[..2] do
        Assert.True(o.Margin < 0.01 && o.Distance > 2.0)
        Assert.InRange(Spikes.covarianceSpike fit.Ratio fit.Variance o.Value / spike, 0.8, 1.25)

[<Fact>]
let ``a shifted semicircle with one outlier`` () =
    let n = 300
    let matrix = Samples.wigner 23 n |> Array.mapi (fun q x -> 0.5 * x + if q / n = q % n then 3.0 else 0.0)
    matrix[0] <- matrix[0] + 1.5
    let fit = BulkFit.semicircle 0.01 (Samples.eigen n matrix)
    Assert.InRange(fit.Centre, 2.97, 3.03)
    Assert.InRange(fit.Variance, 0.23, 0.27)
    let outlier = Array.exactlyOne fit.Outliers
    Assert.True(abs (outlier.Value - 3.0 - (Spikes.wigner 0.5 1.5).Position) < 0.15)

[<Fact>]
let ``the false alarms are about as many as the level says`` () =
    let alarms =
        [|
            for t in 0..19 ->
                let values = Samples.eigen 100 (Samples.wigner (3000 + t) 100)
                if (BulkFit.semicircle 0.05 values).Outliers.Length > 0 then 1 else 0
        |]
        |> Array.sum

    Assert.InRange(alarms, 0, 5)

[<Fact>]
let ``mistakes are told`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("at least 20", message (fun () -> BulkFit.semicircle 0.01 [| 1.0 |]))
    Assert.Contains("leave out the zeros", message (fun () -> BulkFit.marchenkoPastur 0.01 (Array.init 30 float)))
    Assert.Contains("between 0 and 1", message (fun () -> BulkFit.semicircle 0.0 (Array.init 30 float)))
