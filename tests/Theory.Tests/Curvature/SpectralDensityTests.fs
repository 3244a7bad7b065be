module Hesse.Theory.Tests.Curvature.SpectralDensityTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Matrices

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
    let density = {
        Size = 2
        Nodes = [| [| 0.0; 2.0 |] |]
        Weights = [| [| 0.5; 0.5 |] |]
        Exact = [| true |]
        Products = 2
        Key = None
    }

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

[<Fact>]
let ``probes together are probes one by one`` () =
    let operator = diagonal spread
    let starts = Array.init 5 (fun p -> (Random.normal (Random.fold p (Random.key 11)) [ 200 ]).toArray())
    // One of them spans a space of dimension two alone, and ends early.
    starts[2] <- Array.init 200 (fun i -> if i = 3 || i = 9 then 1.0 else 0.0)
    let together = Lanczos.runTogether operator starts 12

    for p in 0..4 do
        let alone = Lanczos.run Reorthogonalisation.Full operator starts[p] 12 ignore
        Assert.Equal(alone.Diagonal.Length, together[p].Diagonal.Length)
        Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 11)) alone.Diagonal together[p].Diagonal
        Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 11)) alone.OffDiagonal together[p].OffDiagonal
        Assert.Equal(alone.Rest, together[p].Rest, 11)

    Assert.Equal(2, together[2].Diagonal.Length)
    Assert.Equal(0.0, together[2].Rest)

[<Fact>]
let ``the band of the cumulative distribution covers, with few steps too`` () =
    let exact x = spread |> Array.averageBy (fun v -> if v <= x then 1.0 else 0.0)
    let places = [| -0.9; -0.3; 0.05; 0.6; 0.95; 5.0 |]

    for steps in [ 4; 30 ] do
        let covered =
            [|
                for seed in 0..59 do
                    let density = SpectralDensity.estimate (diagonal spread) (Random.key (100 + seed)) 8 steps

                    for x in places do
                        let e = SpectralDensity.cumulative density x
                        Assert.InRange(e.Value, e.Lower, e.Upper)
                        if e.Contains(exact x) then 1.0 else 0.0
            |]
            |> Array.average

        Assert.InRange(covered, 0.92, 1.0)

    let density = SpectralDensity.estimate (diagonal spread) (Random.key 1) 8 30
    let band = SpectralDensity.cumulative density 0.05
    Assert.True(band.Upper - band.Lower < 0.3)
    let half = SpectralDensity.mass 0.0 20.0 density
    Assert.True(half.Contains(1.0 - exact 0.0))
    Assert.Equal(240, half.Products)

[<Fact>]
let ``the Wasserstein bound holds and falls with probes and steps`` () =
    let interval = Array.min spread, Array.max spread

    let bound probes steps seed =
        let density = SpectralDensity.estimate (diagonal spread) (Random.key seed) probes steps
        SpectralDensity.wassersteinBound 0.95 interval density, SpectralDensity.distance spread density

    for seed in 200..219 do
        for probes, steps in [ 1, 3; 8, 10; 8, 40 ] do
            let limit, distance = bound probes steps seed
            Assert.True(distance <= limit, $"{distance} above {limit}")

    Assert.True(fst (bound 32 60 7) < 0.4 * fst (bound 2 60 7))
    Assert.True(fst (bound 8 40 7) < fst (bound 8 4 7))

[<Fact>]
let ``the quadrature part of the bound holds for each probe`` () =
    // One probe against its own measure: no sampling error, so that only the rule is off.
    let v = (Random.normal (Random.fold 0 (Random.key 301)) [ 200 ]).toArray()
    let norm = Array.sumBy (fun x -> x * x) v

    let own = {
        SpectralDensity.estimate (diagonal spread) (Random.key 301) 1 200 with
            Key = None
    }

    let measure = Array.zip spread (v |> Array.map (fun x -> x * x / norm)) |> Array.sortBy fst
    Assert.Equal(1.0, own.Weights[0] |> Array.sum, 10)

    for steps in [ 2; 5; 12 ] do
        let density = SpectralDensity.estimate (diagonal spread) (Random.key 301) 1 steps

        let events =
            Array.append (Array.zip density.Nodes[0] density.Weights[0]) (measure |> Array.map (fun (x, w) -> x, -w))
            |> Array.sortBy fst

        let mutable gap, distance = 0.0, 0.0

        for i in 0 .. events.Length - 2 do
            gap <- gap + snd events[i]
            distance <- distance + abs gap * (fst events[i + 1] - fst events[i])

        let a, b = Array.min spread, Array.max spread
        // A level so small that the sampling part can be taken off by its formula.
        let sampling = (b - a) * sqrt (log (400.0 / 0.5) / 202.0)
        let quadrature = SpectralDensity.wassersteinBound 0.5 (a, b) density - sampling
        Assert.True(distance <= quadrature + 1e-12, $"{steps} steps: {distance} above {quadrature}")
        Assert.True(quadrature <= Math.PI * (b - a) / (4.0 * float steps) + 1e-12)

[<Fact>]
let ``the density of magnitudes integrates to one, its parts to the shares of the signs`` () =
    let values = Array.init 100 (fun i -> (if i % 4 = 0 then -1.0 else 1.0) * Math.Pow(10.0, -float(i % 5)))
    let density = SpectralDensity.estimate (diagonal values) (Random.key 12) 40 40
    let step = 0.02
    let grid = Array.init 500 (fun i -> -7.0 + step * float i)
    let negative, positive = SpectralDensity.smoothLogarithmic 0.1 1e-6 grid density
    let share = step * Array.sum negative
    Assert.Equal(1.0, share + step * Array.sum positive, 8)
    let expected = SpectralDensity.mass -1e9 0.0 density
    Assert.Equal(expected.Value, share, 8)
    // Five peaks, a decade apart.
    let total = Array.map2 (+) negative positive

    let peaks = [
        for i in 1..498 do
            if total[i] > 0.1 && total[i] >= total[i - 1] && total[i] > total[i + 1] then
                grid[i]
    ]

    Assert.Equal(5, peaks.Length)
    List.iter2 (fun (x: float) y -> Assert.InRange(x, y - 0.05, y + 0.05)) peaks [ -4.0; -3.0; -2.0; -1.0; 0.0 ]

[<Fact>]
let ``mistakes are told with a remedy`` () =
    let message f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let density = SpectralDensity.estimate (diagonal spread) (Random.key 1) 2 5
    Assert.Contains("holds the spectrum", message (fun () -> SpectralDensity.wassersteinBound 0.9 (0.0, 1.0) density))
    Assert.Contains("smaller end first", message (fun () -> SpectralDensity.mass 1.0 0.0 density))
    Assert.Contains("above 0", message (fun () -> SpectralDensity.smoothLogarithmic 0.1 0.0 [| 0.0 |] density))
