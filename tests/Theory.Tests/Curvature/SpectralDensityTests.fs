module Hesse.Theory.Tests.Curvature.SpectralDensityTests

open System
open Xunit
open Hesse
open Hesse.Theory

let private diagonal (values: float[]) = LinearOperator.ofFunction values.Length (fun v -> Tensor.ofArray values * v)

let private spread = Array.init 200 (fun i -> sin (float (3 * i)) * (if i < 5 then 10.0 else 1.0))

[<Fact>]
let ``weights of every probe are positive and sum to one`` () =
    let density = SpectralDensity.estimate (diagonal spread) (Random.key 1) 6 25
    Assert.Equal(6, density.Nodes.Length)

    for weights in density.Weights do
        Assert.Equal(1.0, Array.sum weights, 12)
        Assert.All(weights, fun w -> Assert.True(w >= 0.0))

    let top = Array.max spread + 1e-9
    Assert.Equal(1.0, SpectralDensity.cdf density top, 12)
    Assert.Equal(0.0, SpectralDensity.cdf density (Array.min spread - 1e-9), 12)

[<Fact>]
let ``the smoothed density integrates to one`` () =
    let density = SpectralDensity.estimate (diagonal spread) (Random.key 2) 4 20
    let step = 0.01
    let grid = Array.init 3000 (fun i -> -15.0 + step * float i)
    let integral = step * Array.sum (SpectralDensity.smooth 0.2 grid density)
    Assert.Equal(1.0, integral, 9)

[<Fact>]
let ``moments of one probe are those of the start vector up to order 2s − 1`` () =
    // With s steps the rule is Gauss quadrature: vᵀ Aᵖ v is exact for p ≤ 2s − 1, and not for p = 2s.
    let key, steps = Random.key 3, 4
    let density = SpectralDensity.estimate (diagonal spread) key 2 steps

    for probe, probeKey in Array.indexed (Random.split 2 key) do
        let v = (Random.normal probeKey [ spread.Length ]).toArray()
        let norm = Array.sumBy (fun x -> x * x) v
        let exact p = Array.fold2 (fun s x l -> s + x * x * pown l p) 0.0 v spread / norm

        let rule p = Array.fold2 (fun s w x -> s + w * pown x p) 0.0 density.Weights[probe] density.Nodes[probe]

        for p in 0 .. 2 * steps - 1 do
            Assert.Equal(1.0, rule p / exact p, 10)

        Assert.True(abs (rule (2 * steps) / exact (2 * steps) - 1.0) > 1e-8)

[<Fact>]
let ``moments scatter as the formula says`` () =
    let m, probes = float spread.Length, 400
    let density = SpectralDensity.estimate (diagonal spread) (Random.key 4) probes 12

    for p in 1..3 do
        let powers = spread |> Array.map (fun x -> pown x p)
        let mean = Array.average powers
        let variance = powers |> Array.averageBy (fun x -> (x - mean) * (x - mean))
        let expected = sqrt (2.0 * variance / ((m + 2.0) * float probes))
        let estimate = SpectralDensity.moment p density
        Assert.InRange(estimate.StandardError / expected, 0.8, 1.25)
        Assert.True(abs (estimate.Mean - mean) < 4.0 * expected, $"moment {p}")

[<Fact>]
let ``the distance to the exact spectrum is within the sampling error`` () =
    for seed in 5..9 do
        let probes = 16
        let density = SpectralDensity.estimate (diagonal spread) (Random.key seed) probes 60
        let ratio = SpectralDensity.distance spread density / SpectralDensity.samplingError spread probes
        Assert.InRange(ratio, 0.0, 3.0)

[<Fact>]
let ``the distance of two known measures`` () =
    // Masses one half at 0 and 2 against masses one half at 1 and 2: half a unit moves by one.
    let density = { Size = 2; Nodes = [| [| 0.0; 2.0 |] |]; Weights = [| [| 0.5; 0.5 |] |] }

    Assert.Equal(0.5, SpectralDensity.distance [| 2.0; 1.0 |] density, 14)
    Assert.Equal(0.0, SpectralDensity.distance [| 0.0; 2.0 |] density, 14)
    // All mass at zero: the distance is the mean of |λ|.
    let point = { density with Nodes = [| [| 0.0; 0.0 |] |] }
    Assert.Equal(1.5, SpectralDensity.distance [| -2.0; 1.0 |] point, 14)

[<Fact>]
let ``the sampling error falls as one over the root of the probes`` () =
    let one, four = SpectralDensity.samplingError spread 1, SpectralDensity.samplingError spread 4
    Assert.Equal(2.0, one / four, 12)
    // Two eigenvalues 0 and 1: F = 1/2 in between, 2 · ¼ / 4.
    Assert.Equal(sqrt 0.125, SpectralDensity.samplingError [| 1.0; 0.0 |] 1, 14)

[<Fact>]
let ``no probe is refused`` () =
    let e =
        Assert.Throws<HesseException>(fun () -> SpectralDensity.estimate (diagonal spread) (Random.key 1) 0 5 |> ignore)

    Assert.Contains("0 probes", e.Message)
