module Hesse.Theory.Tests.RandomMatrix.FreeConvolutionTests

open System
open System.Numerics
open Xunit
open Hesse
open Hesse.Theory

let private near (digits: int) (a: Complex) (b: Complex) =
    Assert.Equal(a.Real, b.Real, digits)
    Assert.Equal(a.Imaginary, b.Imaginary, digits)

[<Fact>]
let ``semicircles add their variances`` () =
    let sum = FreeConvolution.additive (Semicircle.law 0.6) (Semicircle.law 0.8)

    for z in [ Complex(0.3, 0.5); Complex(-1.9, 1e-3); Complex(1.0, 1e-8); Complex(4.0, 0.1) ] do
        near 12 (Semicircle.stieltjes 1.0 z) (sum.Stieltjes z)

    for x in [ -1.9; -0.5; 0.0; 1.3; 1.99 ] do
        Assert.Equal(Semicircle.density 1.0 x, sum.Density x, 10)

    let a, b = Array.exactlyOne sum.Support
    Assert.Equal(-2.0, a, 8)
    Assert.Equal(2.0, b, 8)
    Assert.Equal(1.0, SpectralLaw.mean (fun x -> x * x) sum, 8)

[<Fact>]
let ``two fair coins give the arcsine law`` () =
    let coin = SpectralLaw.ofAtoms [| -1.0, 0.5; 1.0, 0.5 |]
    let sum = FreeConvolution.additive coin coin

    for x in [ -1.9; -0.7; 0.4; 1.5 ] do
        Assert.Equal(1.0 / (Math.PI * sqrt (4.0 - x * x)), sum.Density x, 9)

    Assert.Empty sum.Atoms
    Assert.Equal(0.5 + asin (0.35) / Math.PI, SpectralLaw.cdf sum 0.7, 5)

[<Fact>]
let ``heavy atoms stay as atoms`` () =
    // Masses 0.8 at 0 and 0.7 at 0: an atom of 0.5 at 0; 0.8 and 0.3 at 2: one of 0.1 at 2; the other pairs are too light.
    let first = SpectralLaw.ofAtoms [| 0.0, 0.8; 1.0, 0.2 |]
    let second = SpectralLaw.ofAtoms [| 0.0, 0.7; 2.0, 0.3 |]
    let sum = FreeConvolution.additive first second
    Assert.Equal<float[]>([| 0.0; 2.0 |], Array.map fst sum.Atoms)
    Assert.Equal(0.5, snd sum.Atoms[0], 13)
    Assert.Equal(0.1, snd sum.Atoms[1], 13)
    Assert.Equal(1.0, SpectralLaw.mean (fun _ -> 1.0) sum, 5)
    Assert.Equal(0.8, SpectralLaw.mean id sum, 5)
    let values = Array.init 400 (fun i -> if i % 5 = 0 then 1.0 else 0.0)
    let others = Samples.rotated 3 (Array.init 400 (fun i -> if i % 10 < 3 then 2.0 else 0.0))
    let matrix = others |> Array.mapi (fun q x -> if q / 400 = q % 400 then x + values[q / 400] else x)

    let sampled =
        Samples.eigen 400 matrix
        |> Array.map (fun x ->
            if abs x < 1e-9 then 0.0
            elif abs (x - 2.0) < 1e-9 then 2.0
            else x)

    for x in [ 0.5; 1.2; 1.9; 2.2 ] do
        let share = sampled |> Array.averageBy (fun v -> if v <= x then 1.0 else 0.0)
        Assert.True(abs (share - SpectralLaw.cdf sum x) < 0.01, $"{x}: {share}, {SpectralLaw.cdf sum x}")

[<Fact>]
let ``a spectrum plus noise splits and joins as sampled`` () =
    let population = SpectralLaw.ofAtoms [| -3.0, 0.5; 0.0, 0.3; 0.6, 0.2 |]
    let sum = FreeConvolution.additive population (Semicircle.law 0.5)
    Assert.Equal(2, sum.Support.Length)
    Assert.Equal(1.0, SpectralLaw.mean (fun _ -> 1.0) sum, 7)
    Assert.Equal(-1.38, SpectralLaw.mean id sum, 7)
    let n = 400

    let diagonal =
        Array.init n (fun i ->
            if i < 200 then -3.0
            elif i < 320 then 0.0
            else 0.6)

    let noise = Samples.wigner 4 n
    let matrix = noise |> Array.mapi (fun q x -> 0.5 * x + if q / n = q % n then diagonal[q / n] else 0.0)
    let sampled = Samples.eigen n matrix

    for x in [ -3.5; -3.0; -1.0; 0.0; 0.6; 1.3 ] do
        let share = sampled |> Array.averageBy (fun v -> if v <= x then 1.0 else 0.0)
        Assert.True(abs (share - SpectralLaw.cdf sum x) < 0.012, $"{x}")

[<Fact>]
let ``a point shifts and scales`` () =
    let law = MarchenkoPastur.law 0.5 1.0
    let shifted = FreeConvolution.additive (SpectralLaw.ofAtoms [| 2.0, 1.0 |]) law
    Assert.Equal(law.Density 1.1, shifted.Density 3.1, 12)
    let scaled = FreeConvolution.multiplicative law (SpectralLaw.ofAtoms [| 2.0, 1.0 |])
    Assert.Equal(law.Density 1.1 / 2.0, scaled.Density 2.2, 12)

[<Fact>]
let ``products with a Marchenko–Pastur law are sample covariance matrices of a population`` () =
    let ratio = 0.4
    let points = [| 1.0, 0.6; 5.0, 0.4 |]
    let law = FreeConvolution.multiplicative (SpectralLaw.ofAtoms points) (MarchenkoPastur.law ratio 1.0)

    // Silverstein's equation (1995) for m = −G: m = Σ w/(t(1 − c − czm) − z).
    for z in [ Complex(2.0, 0.5); Complex(0.7, 1e-6); Complex(8.0, 1e-3); Complex(-1.0, 0.1) ] do
        let m = -law.Stieltjes z
        let mutable sum = Complex.Zero

        for t, w in points do
            sum <-
                sum
                + Complex(w, 0.0) / (Complex(t, 0.0) * (Complex(1.0 - ratio, 0.0) - Complex(ratio, 0.0) * z * m) - z)

        near 10 m sum

    Assert.Equal(1.0, SpectralLaw.mean (fun _ -> 1.0) law, 7)
    Assert.Equal(2.6, SpectralLaw.mean id law, 7)
    let p, n = 400, 1000
    let scales = Array.init p (fun i -> if i < 240 then 1.0 else sqrt 5.0)
    let sampled = Samples.eigen p (Samples.covariance 5 scales n)

    for x in [ 0.5; 1.0; 1.7; 3.5; 6.0; 8.0 ] do
        let share = sampled |> Array.averageBy (fun v -> if v <= x then 1.0 else 0.0)
        Assert.True(abs (share - SpectralLaw.cdf law x) < 0.012, $"{x}")

[<Fact>]
let ``the product of two Marchenko–Pastur laws has the Fuss–Catalan moments`` () =
    let one = MarchenkoPastur.law 1.0 1.0
    let law = FreeConvolution.multiplicative one one
    // From the transform far out: z G(z) = Σ mₖ/zᵏ, by a contour of radius R (the trapezoidal rule is exact up to R^(−points)).
    let radius, count = 12.0, 64

    let moment k =
        Seq.sum (
            seq {
                for j in 0 .. count / 2 - 1 do
                    let z = Complex.FromPolarCoordinates(radius, Math.PI * (2.0 * float j + 1.0) / float count)
                    let term = law.Stieltjes z * Complex.Pow(z, float k + 1.0)
                    2.0 * term.Real / float count
            }
        )

    for k, expected in [ 0, 1.0; 1, 1.0; 2, 3.0; 3, 12.0; 4, 55.0; 5, 273.0 ] do
        Assert.Equal(1.0, moment k / expected, 8)

[<Fact>]
let ``projections in general position`` () =
    // Free projections of trace ½ and ½ multiply to an arcsine law on [0, 1] with an atom of ½ at 0.
    let p = SpectralLaw.ofAtoms [| 0.0, 0.5; 1.0, 0.5 |]
    let law = FreeConvolution.multiplicative p p
    Assert.Equal<(float * float)[]>([| 0.0, 0.5 |], law.Atoms)

    for x in [ 0.1; 0.5; 0.8 ] do
        Assert.Equal(0.5 / (Math.PI * sqrt (x * (1.0 - x))), law.Density x, 8)

[<Fact>]
let ``mistakes are told`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message

    Assert.Contains(
        "on [0, ∞)",
        message (fun () -> FreeConvolution.multiplicative (Semicircle.law 1.0) (Semicircle.law 1.0))
    )
