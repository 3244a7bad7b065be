module Hesse.Theory.Tests.Curvature.SpectralSumTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

let private values = Array.init 90 (fun i -> 0.2 + 2.0 * float i / 90.0)
let private operator = conjugated 71 values
let private signed = Array.init 90 (fun i -> 2.0 * cos (float i))
let private indefinite = conjugated 72 signed

let private within (exact: float) (e: Estimate) =
    Assert.True(abs (e.Value - exact) < 4.5 * e.StandardError, $"{e.Value} ± {e.StandardError} for {exact}")
    Assert.True(e.StandardError < 0.2 * abs exact)

[<Fact>]
let ``log-determinant by quadrature and densely`` () =
    let exact = Array.sumBy log values
    Assert.Equal(exact, SpectralSum.logDeterminantDense operator, 10)
    let e = SpectralSum.logDeterminant operator (Random.key 73) 60 30
    Assert.True(abs (e.Value - exact) < 4.5 * e.StandardError && e.StandardError < 2.0)
    Assert.Equal(1800, e.Products)

[<Fact>]
let ``norms`` () =
    let squares = Array.sumBy (fun x -> x * x) signed
    within squares (SpectralSum.frobeniusSquared indefinite (Random.key 74) 60)
    let e = SpectralSum.frobenius indefinite (Random.key 74) 60
    within (sqrt squares) e
    Assert.InRange(e.Value, e.Lower, e.Upper)

    for p in [ 1.0; 2.0; 3.5; 8.0 ] do
        let exact = Math.Pow(signed |> Array.sumBy (fun x -> Math.Pow(abs x, p)), 1.0 / p)
        within exact (SpectralSum.schatten p indefinite (Random.key 75) 60 60)

[<Fact>]
let ``the confidence interval covers as often as it says`` () =
    let exact = Array.sumBy (fun x -> x * x) signed

    let hits = [|
        for t in 0..399 -> (SpectralSum.frobeniusSquared indefinite (Random.fold t (Random.key 76)) 8).Contains exact
    |]

    let covered = hits |> Array.averageBy (fun h -> if h then 1.0 else 0.0)
    Assert.InRange(covered, 0.91, 0.99)

[<Fact>]
let ``norms of rows`` () =
    let a = withSpectrum 72 signed
    let e = SpectralSum.rowNormsSquared indefinite (Random.key 77) 200

    for i in 0..89 do
        let exact = Seq.sum (seq { for j in 0..89 -> a[i * 90 + j] * a[i * 90 + j] })
        Assert.True(abs (e.Values[i] - exact) < 5.0 * e.StandardErrors[i])

[<Fact>]
let ``the participation ratio`` () =
    let exact = Spectrum.participationRatio values
    let e = SpectralSum.participationRatio operator (Random.key 78) 40
    within exact e

    let all =
        Array.init 60 (fun t -> (SpectralSum.participationRatio operator (Random.fold t (Random.key 79)) 10).Value)
        |> Estimate.ofSamples

    within exact all

[<Fact>]
let ``mistakes are told with a remedy`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("add damping", message (fun () -> SpectralSum.logDeterminant indefinite (Random.key 1) 2 20))
    Assert.Contains("at least 1", message (fun () -> SpectralSum.schatten 0.5 operator (Random.key 1) 2 5))

    Assert.Contains(
        "not finite",
        message (fun () -> SpectralSum.ofFunction (fun x -> sqrt x) indefinite (Random.key 1) 2 20)
    )

    let zero = LinearOperator.ofMatrix 2 (Array.zeroCreate 4)
    Assert.Contains("zero operator", message (fun () -> SpectralSum.participationRatio zero (Random.key 1) 4))
