module Hesse.Theory.Tests.RandomMatrix.TracyWidomTests

open System
open Xunit
open Hesse
open Hesse.Theory

/// ∫ x dF and ∫ x² dF by parts from the distribution.
let private moments (cdf: float -> float) low high =
    let count = 120
    let h = (high - low) / float count
    let nodes = Array.init count (fun i -> low + h * (float i + 0.5))
    let f = nodes |> Array.map cdf
    let mean = high - h * Array.sum f
    // The midpoint rule with its first correction, h²/24 times the change of the slope, which is 2 for 2xF(x).
    let second = high * high - h * h / 12.0 - h * Array.fold2 (fun s x v -> s + 2.0 * x * v) 0.0 nodes f
    mean, second - mean * mean

[<Fact>]
let ``means and variances are the known ones`` () =
    // Bornemann 2010, tables 8 and 9.
    let mean, variance = moments TracyWidom.complex -8.0 6.0
    Assert.Equal(-1.771086807411, mean, 6)
    Assert.Equal(0.813194792832, variance, 6)
    let mean, variance = moments TracyWidom.real -10.0 10.0
    Assert.Equal(-1.206533574582, mean, 6)
    Assert.Equal(1.607781034581, variance, 6)

[<Fact>]
let ``a value to many digits`` () =
    // F₂(−2) of Bornemann 2010, section 5.
    Assert.Equal(0.41322414250512257485, TracyWidom.complex -2.0, 12)

[<Fact>]
let ``the laws satisfy Painlevé's equation`` () =
    // (log F₂)″ = −q² and F₁² = F₂ exp(−∫q): with q from the first, (log F₁²/F₂)′ = q.
    let h = 1e-2
    let logF s = log (TracyWidom.complex s)
    let logRatio s = 2.0 * log (TracyWidom.real s) - logF s

    for s in [ -3.0; -1.5; 0.0; 1.0 ] do
        let second =
            (-logF(s + 2.0 * h) + 16.0 * logF (s + h) - 30.0 * logF s + 16.0 * logF (s - h) - logF (s - 2.0 * h))
            / (12.0 * h * h)

        let first =
            (8.0 * (logRatio (s + h) - logRatio (s - h)) - (logRatio (s + 2.0 * h) - logRatio (s - 2.0 * h)))
            / (12.0 * h)

        Assert.Equal(sqrt -second, first, 6)

[<Fact>]
let ``distributions rise from zero to one`` () =
    for cdf in [ TracyWidom.real; TracyWidom.complex ] do
        let values = [| -20.0; -9.0; -5.0; -3.0; -1.0; 0.5; 3.0; 8.0; 20.0 |] |> Array.map cdf
        Assert.Equal<float[]>(Array.sort values, values)
        Assert.Equal(0.0, values[0])
        Assert.Equal(1.0, values[8])

    let e = Assert.Throws<HesseException>(fun () -> TracyWidom.real nan |> ignore)
    Assert.Contains("NaN", e.Message)

[<Fact>]
let ``the largest eigenvalues of small Wigner matrices scatter that way`` () =
    let n = 60
    let centre, scale = Semicircle.edge 1.0 n

    let samples = [|
        for t in 0..149 -> (Array.max (Samples.eigen n (Samples.wigner (1000 + t) n)) - centre) / scale
    |]

    Assert.True(SpectralLaw.kolmogorov TracyWidom.real samples < 0.14)
