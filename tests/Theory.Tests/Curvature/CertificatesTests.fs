module Hesse.Theory.Tests.Curvature.CertificatesTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

[<Fact>]
let ``mean, standard error and interval of samples`` () =
    let e = Estimate.ofSamples [| 1.0; 2.0; 3.0; 6.0 |]
    Assert.Equal(3.0, e.Mean)
    // Sample variance 14/3, over 4.
    Assert.Equal(sqrt (14.0 / 12.0), e.StandardError, 14)
    Assert.Equal(4, e.Samples)
    // t of three degrees of freedom at 97.5 %: 3.182446…
    Assert.Equal(3.0 + 3.18244630528371 * sqrt (14.0 / 12.0), e.Upper, 9)
    Assert.Equal(6.0, e.Lower + e.Upper, 12)
    Assert.Equal(Certainty.Confidence 0.95, e.Certainty)
    Assert.True(e.Contains 3.0 && not (e.Contains 7.0))

[<Fact>]
let ``the interval covers the mean of normal samples as often as it says`` () =
    for level in [ 0.5; 0.9 ] do
        let trials = 4000

        let hits =
            [|
                for t in 0 .. trials - 1 ->
                    let samples = (Random.normal (Random.fold t (Random.key 5)) [ 4 ]).toArray()
                    if (Estimate.ofSamplesAt level samples).Contains 0.0 then 1.0 else 0.0
            |]
            |> Array.average

        let error = sqrt (level * (1.0 - level) / float trials)
        Assert.InRange((hits - level) / error, -4.0, 4.0)

[<Fact>]
let ``affine maps turn intervals around with the sign`` () =
    let e = Estimate.bounded 2.0 1.0 4.0 7
    let f = Estimate.affine -2.0 1.0 e
    Assert.Equal(-3.0, f.Value)
    Assert.Equal(-7.0, f.Lower)
    Assert.Equal(-1.0, f.Upper)
    Assert.Equal(Certainty.Rigorous, f.Certainty)
    Assert.Equal(7, f.Products)

[<Fact>]
let ``the bounds hold for every vector near an eigenvector, and Kato and Temple enclose`` () =
    let values = [| -1.0; 0.5; 2.0; 7.0 |]
    let a = withSpectrum 1 values
    let operator = LinearOperator.ofMatrix 4 a
    let struct (_, vectors) = Hesse.Kernels.LinearAlgebra.SymmetricEigen(a, 4, true)

    for seed in 0..19 do
        let noise = (Random.normal (Random.key seed) [ 4 ]).toArray()
        let raw = Array.init 4 (fun i -> vectors[4 * i + 2] + 0.05 * noise[i])
        let y = raw |> Array.map (fun x -> x / sqrt (dot raw raw))
        let image = operator.Apply y
        let theta = dot y image
        let rest = Array.map2 (fun p q -> p - theta * q) image y
        let r = sqrt (dot rest rest)
        let gap = values |> Array.filter ((<>) 2.0) |> Array.map (fun v -> abs (v - theta)) |> Array.min
        Assert.True(abs (theta - 2.0) <= ResidualBounds.eigenvalue r gap + 1e-14)
        Assert.True(ResidualBounds.eigenvalue r gap <= r)
        let cosine = Seq.sum (seq { for i in 0..3 -> y[i] * vectors[4 * i + 2] })
        Assert.True(sqrt (1.0 - cosine * cosine) <= ResidualBounds.sine r gap + 1e-12)
        let low, high = ResidualBounds.katoTemple theta r 0.5 7.0
        Assert.InRange(2.0, low - 1e-14, high + 1e-14)
        Assert.True(high - low < 2.0 * r)

    Assert.Equal(0.3, ResidualBounds.eigenvalue 0.3 0.0)
    Assert.Equal(1.0, ResidualBounds.sine 0.3 0.1)

[<Fact>]
let ``mistakes are told with a remedy`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("at least 2", message (fun () -> Estimate.ofSamples [| 1.0 |]))
    Assert.Contains("between 0 and 1", message (fun () -> Estimate.ofSamplesAt 1.0 [| 1.0; 2.0 |]))
    Assert.Contains("not between", message (fun () -> ResidualBounds.katoTemple 1.0 0.1 2.0 3.0))
