module Hesse.Theory.Tests.Landscape.ChainDiagnosticsTests

open Xunit
open Hesse
open Hesse.Theory

/// Stationary autoregressive chains x ← ρx + √(1 − ρ²) N(0, 1).
let private autoregressive rho seed count length =
    Array.init count (fun c ->
        let noise = (Random.normal (Random.fold c (Random.key seed)) [ length ]).toArray()
        let x = Array.zeroCreate length
        x[0] <- noise[0]

        for i in 1 .. length - 1 do
            x[i] <- rho * x[i - 1] + sqrt (1.0 - rho * rho) * noise[i]

        x)

[<Theory>]
[<InlineData(0.0)>]
[<InlineData(0.5)>]
[<InlineData(0.8)>]
let ``the effective sample size of an autoregressive chain is its closed form`` (rho: float) =
    let summary = ChainDiagnostics.summarise (autoregressive rho 1 4 4000)
    let expected = 16000.0 * (1.0 - rho) / (1.0 + rho)
    Assert.InRange(summary.EffectiveSamples, 0.85 * expected, 1.15 * expected)
    Assert.InRange(summary.RHat, 0.999, 1.01)
    Assert.True(abs summary.Mean < 4.0 * summary.StandardError)
    Assert.Equal(1.0 / sqrt summary.EffectiveSamples, summary.StandardError, 2e-3)

[<Fact>]
let ``chains that disagree, or drift, have a large R-hat`` () =
    let chains = autoregressive 0.0 1 3 200
    let shifted = chains |> Array.mapi (fun c x -> x |> Array.map (fun v -> v + 3.0 * float c))
    Assert.True((ChainDiagnostics.summarise shifted).RHat > 1.5)
    let drifting = chains |> Array.map (Array.mapi (fun i v -> v + 0.02 * float i))
    Assert.True((ChainDiagnostics.summarise drifting).RHat > 1.2)

[<Fact>]
let ``constant chains are certain or contradict each other`` () =
    let same = ChainDiagnostics.summarise [| Array.create 8 2.0; Array.create 8 2.0 |]
    Assert.Equal((2.0, 0.0, 1.0), (same.Mean, same.StandardError, same.RHat))
    let other = ChainDiagnostics.summarise [| Array.create 8 2.0; Array.create 8 3.0 |]
    Assert.Equal(infinity, other.RHat)

[<Fact>]
let ``the means of the chains are told`` () =
    let summary =
        ChainDiagnostics.summarise [| [| 1.0; 2.0; 3.0; 4.0; 5.0 |]; [| 0.0; 0.0; 1.0; 1.0; 0.0 |] |]

    Assert.Equal(1.7, summary.Mean, 1e-14)
    Assert.Equal(3.0, summary.ChainMeans[0], 1e-14)
    Assert.Equal(0.4, summary.ChainMeans[1], 1e-14)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails chains = (Assert.Throws<HesseException>(fun () -> ChainDiagnostics.summarise chains |> ignore)).Message
    Assert.Contains("chains of [3] draws", fails [| [| 1.0; 2.0; 3.0 |] |])
    Assert.Contains("chains of [4; 5] draws", fails [| Array.zeroCreate 4; Array.zeroCreate 5 |])
    Assert.Contains("wanted at least one", fails [||])
