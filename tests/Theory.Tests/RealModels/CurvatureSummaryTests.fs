module Hesse.Theory.Tests.RealModels.CurvatureSummaryTests

open System
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

type private Collector(onMeasured: string -> unit) =
    member val Found = Collections.Generic.List<Measurement>()

    interface ISummaryObserver with
        member c.Measured m =
            c.Found.Add m
            onMeasured m.Name

        member _.Leading _ = ()
        member _.Density _ = ()
        member _.Progress _ = ()

let private key = Random.key 5
let private inputs = Random.normal (Random.fold 1 key) [ 40; 4 ]
let private targets = Tensor.oneHot 3 (Random.integers (Random.fold 2 key) 3 [ 40 ])
let private layers = Mlp.init (Random.fold 3 key) 1.0 [ 4; 5; 3 ]

let private risk chunk =
    EmpiricalRisk.createWith
        { RiskOptions.Default with Chunk = chunk }
        (Mlp.apply Tensor.tanh)
        Losses.crossEntropy
        inputs
        targets

let private summary options chunk =
    let collector = Collector ignore
    CurvatureSummary.measure options collector (risk chunk) layers
    collector.Found |> Seq.map (fun m -> m.Symbol, m) |> Map.ofSeq

let private options = {
    SummaryOptions.Default with
        Top = 3
        Tolerance = 1e-9
        Probes = 64
        Steps = 12
}

[<Fact>]
let ``every number agrees with the dense matrices`` () =
    let found = summary options 16
    let dense operator = LinearOperator.toDense 16 (operator (risk 64) layers)
    let h, g = dense Curvature.hessian, dense Curvature.gaussNewton
    let m = Mlp.parameterCount [ 4; 5; 3 ]
    let eigenvalues, convex = Spectrum.eigenvalues m h, Spectrum.eigenvalues m g
    let norm (a: float[]) = sqrt (Array.sumBy (fun x -> x * x) a)

    let near (expected: float) (symbol: string) =
        Assert.True(abs (found[symbol].Value - expected) <= 1e-7 * abs expected, symbol)

    near (EmpiricalRisk.value (risk 64) layers) "L(θ)"
    near (norm (EmpiricalRisk.gradient (risk 64) layers)) "‖∇L‖"
    near (Array.max eigenvalues) "λ_max(H)"
    near (Array.min eigenvalues) "λ_min(H)"
    near (Array.max convex) "λ_max(G)"
    // Intervals of random estimates, each of level 0.95: with a margin of as much again, all hold at this key.
    let within expected (symbol: string) =
        let e = found[symbol]
        let reach = e.Upper - e.Lower
        Assert.True(reach > 0.0 && e.Lower - reach / 2.0 <= expected && expected <= e.Upper + reach / 2.0, symbol)

    within (Array.sum eigenvalues) "tr H"
    within (norm h) "‖H‖_F"
    within (norm g) "‖G‖_F"
    within (norm (Array.map2 (-) h g)) "‖H − G‖_F"
    within (norm g / norm h) "‖G‖_F / ‖H‖_F"
    within (Array.sum convex) "tr G"
    within (Array.sum convex / Array.max convex) "tr G / λ_max(G)"
    within (Array.sum convex ** 2.0 / norm g ** 2.0) "(tr G)² / tr G²"
    within (float (eigenvalues |> Array.filter (fun x -> x < 0.0) |> Array.length) / float m) "share of λ < 0"

[<Fact>]
let ``neither chunks nor repetition change it, another key does`` () =
    let options = { options with Probes = 4; Steps = 5 }
    let first, again, whole = summary options 16, summary options 16, summary options 64

    for symbol in first.Keys do
        let near tolerance (other: Map<string, Measurement>) =
            let a, b = first[symbol].Value, other[symbol].Value
            Assert.True(abs (a - b) <= tolerance * (1e-3 + abs a), $"{symbol}: {a}, {b}")

        near 1e-9 again
        near 1e-6 whole

    let other = summary { options with Key = Random.key 9 } 16
    Assert.NotEqual(first["tr H"].Value, other["tr H"].Value, 6)

[<Fact>]
let ``what was found before a cancellation is kept`` () =
    use source = new CancellationTokenSource()

    let collector =
        Collector(fun name ->
            if name = "noise scale" then
                source.Cancel())

    let options = { options with Cancellation = source.Token }

    Assert.ThrowsAny<OperationCanceledException>(fun () -> CurvatureSummary.measure options collector (risk 16) layers)
    |> ignore

    Assert.Equal<string list>([ "loss"; "gradient norm"; "noise scale" ], [ for m in collector.Found -> m.Name ])

[<Fact>]
let ``options out of range are refused`` () =
    let refusal options = message (fun () -> CurvatureSummary.measure options (Collector ignore) (risk 16) layers)
    Assert.Contains("at least 3 probes", refusal { options with Probes = 2 })
    Assert.Contains("ask for 1 to 43", refusal { options with Top = 44 })
    Assert.Contains("tolerance", refusal { options with Tolerance = 0.0 })
