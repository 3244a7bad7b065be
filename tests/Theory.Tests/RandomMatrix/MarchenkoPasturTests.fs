module Hesse.Theory.Tests.RandomMatrix.MarchenkoPasturTests

open System
open System.Numerics
open Xunit
open Hesse
open Hesse.Theory

[<Theory>]
[<InlineData(0.25)>]
[<InlineData(1.0)>]
[<InlineData(3.0)>]
let ``density, distribution and transform belong together`` ratio =
    let variance = 1.7
    let law = MarchenkoPastur.law ratio variance
    Assert.Equal(1.0, SpectralLaw.mean (fun _ -> 1.0) law, 10)
    Assert.Equal(variance, SpectralLaw.mean id law, 10)
    Assert.Equal(variance * variance * (1.0 + ratio), SpectralLaw.mean (fun x -> x * x) law, 9)
    // The third moment is 1 + 3c + c².
    let third = pown variance 3 * (1.0 + 3.0 * ratio + ratio * ratio)
    Assert.Equal(1.0, SpectralLaw.mean (fun x -> x * x * x) law / third, 10)
    let a, b = MarchenkoPastur.edges ratio variance

    for t in [ 0.1; 0.5; 0.9 ] do
        let x = a + t * (b - a)
        Assert.Equal(SpectralLaw.cdf law x, MarchenkoPastur.cdf ratio variance x, 9)

        Assert.Equal(
            1.0,
            -(law.Stieltjes(Complex(x, 1e-14))).Imaginary / Math.PI / MarchenkoPastur.density ratio variance x,
            9
        )

    Assert.Equal(1.0, MarchenkoPastur.cdf ratio variance (b + 1.0))
    Assert.Equal(0.0, MarchenkoPastur.cdf ratio variance -1e-9)
    Assert.Equal(max 0.0 (1.0 - 1.0 / ratio), MarchenkoPastur.cdf ratio variance 0.0, 12)
    let z = Complex(0.4, 0.3)
    let integral part = SpectralLaw.mean (fun x -> part (Complex.One / (z - Complex(x, 0.0)))) law
    Assert.Equal(integral _.Real, (law.Stieltjes z).Real, 10)
    Assert.Equal(integral _.Imaginary, (law.Stieltjes z).Imaginary, 10)

[<Fact>]
let ``sampled covariance matrices follow it`` () =
    for p, n in [ 200, 400; 300, 150 ] do
        let values = Samples.eigen p (Samples.covariance 2 (Array.create p 1.0) n)
        let ratio = float p / float n
        // Zeros come out as rounding; they belong to the atom.
        let clean = values |> Array.map (fun x -> if abs x < 1e-10 then 0.0 else x) |> Array.sort
        let cdf = MarchenkoPastur.cdf ratio 1.0

        let worst =
            clean
            |> Array.mapi (fun i x -> if x = 0.0 then 0.0 else abs (cdf x - float (i + 1) / float p))
            |> Array.max

        Assert.True(worst < 0.02, $"{worst}")
        let centre, scale = MarchenkoPastur.edge p n 1.0
        Assert.InRange((Array.max values - centre) / scale, -5.0, 4.0)

[<Fact>]
let ``mistakes are told`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("above 0", message (fun () -> MarchenkoPastur.edges 0.0 1.0 |> fst))
    Assert.Contains("two columns", message (fun () -> MarchenkoPastur.edge 3 1 1.0 |> fst))
