module Hesse.Theory.Tests.RandomMatrix.SemicircleTests

open System
open System.Numerics
open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``density, distribution and transform belong together`` () =
    let sigma = 0.7
    let law = Semicircle.law sigma
    Assert.Equal(1.0, SpectralLaw.mean (fun _ -> 1.0) law, 12)
    // Catalan numbers times σ^2k.
    for k, catalan in [ 1, 1.0; 2, 2.0; 3, 5.0; 4, 14.0 ] do
        Assert.Equal(catalan * pown sigma (2 * k), SpectralLaw.mean (fun x -> pown x (2 * k)) law, 12)
        Assert.Equal(0.0, SpectralLaw.mean (fun x -> pown x (2 * k - 1)) law, 12)

    for x in [ -1.5; -0.9; 0.0; 0.3; 1.2; 2.0 ] do
        Assert.Equal(SpectralLaw.cdf law x, Semicircle.cdf sigma x, 8)
        Assert.Equal(Semicircle.density sigma x, -(law.Stieltjes(Complex(x, 1e-13))).Imaginary / Math.PI, 10)

    let z = Complex(0.4, 0.3)
    let integral part = SpectralLaw.mean (fun x -> part (Complex.One / (z - Complex(x, 0.0)))) law
    Assert.Equal(integral _.Real, (law.Stieltjes z).Real, 12)
    Assert.Equal(integral _.Imaginary, (law.Stieltjes z).Imaginary, 12)
    // The other side of the axis, where the root must change with the sign.
    let left = law.Stieltjes(Complex(-5.0, 1e-3))
    Assert.True(left.Real < 0.0 && left.Imaginary < 0.0)

[<Fact>]
let ``a sampled Wigner matrix follows it`` () =
    let values = Samples.eigen 300 (Samples.wigner 1 300)
    Assert.True(SpectralLaw.kolmogorov (Semicircle.cdf 1.0) values < 0.02)
    let centre, scale = Semicircle.edge 1.0 300
    Assert.InRange((Array.max values - centre) / scale, -5.0, 4.0)

[<Fact>]
let ``mistakes are told`` () =
    let e = Assert.Throws<HesseException>(fun () -> Semicircle.law 0.0 |> ignore)
    Assert.Contains("above 0", e.Message)
