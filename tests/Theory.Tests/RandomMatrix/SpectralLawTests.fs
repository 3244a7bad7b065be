module Hesse.Theory.Tests.RandomMatrix.SpectralLawTests

open System.Numerics
open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``atoms are added up and normalised`` () =
    let law = SpectralLaw.ofAtoms [| 2.0, 1.0; -1.0, 1.0; 2.0, 2.0 |]
    Assert.Equal<(float * float)[]>([| -1.0, 0.25; 2.0, 0.75 |], law.Atoms)
    Assert.Equal(0.25, SpectralLaw.cdf law 0.0)
    Assert.Equal(1.0, SpectralLaw.cdf law 2.0)
    Assert.Equal(1.25, SpectralLaw.mean id law, 13)
    let z = Complex(0.3, 0.4)
    let expected = Complex(0.25, 0.0) / (z + Complex.One) + Complex(0.75, 0.0) / (z - Complex(2.0, 0.0))
    Assert.Equal(0.0, Complex.Abs(law.Stieltjes z - expected), 14)

[<Fact>]
let ``affine maps move everything`` () =
    let law = SpectralLaw.affine 2.0 3.0 (MarchenkoPastur.law 2.0 1.0)
    Assert.Equal(5.0, SpectralLaw.mean id law, 10)
    Assert.Equal(4.0 * 2.0, SpectralLaw.mean (fun x -> (x - 5.0) * (x - 5.0)) law, 9)
    Assert.Equal<(float * float)[]>([| 3.0, 0.5 |], law.Atoms)
    let z = Complex(1.0, 0.5)
    let integral = SpectralLaw.mean (fun x -> (Complex.One / (z - Complex(x, 0.0))).Imaginary) law
    Assert.Equal(integral, (law.Stieltjes z).Imaginary, 10)

[<Fact>]
let ``quantiles invert the distribution`` () =
    let law = MarchenkoPastur.law 0.5 1.0

    for p in [ 0.01; 0.4; 0.99 ] do
        let x = SpectralLaw.quantile (MarchenkoPastur.cdf 0.5 1.0) law p
        Assert.Equal(p, MarchenkoPastur.cdf 0.5 1.0 x, 10)

    Assert.Equal(0.0005, SpectralLaw.kolmogorov (fun x -> x) (Array.init 1000 (fun i -> (float i + 0.5) / 1000.0)), 12)

[<Fact>]
let ``mistakes are told`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("masses above 0", message (fun () -> SpectralLaw.ofAtoms [| 1.0, 0.0 |]))
    Assert.Contains("at least one", message (fun () -> SpectralLaw.ofEigenvalues [||]))
    Assert.Contains("above 0", message (fun () -> SpectralLaw.affine -1.0 0.0 (Semicircle.law 1.0)))
    Assert.Contains("0 to 1", message (fun () -> SpectralLaw.quantile id (Semicircle.law 1.0) 1.5))
