module Hesse.Theory.Tests.RealModels.SummaryCheckpointTests

open System
open System.IO
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

/// What an observer hears; `onProgress` may cancel.
type private Collector(onProgress: string -> unit) =
    member val Found = Collections.Generic.List<Measurement>()
    member val Pairs: EigenSolution option = None with get, set
    member val Density: SpectralDensity option = None with get, set
    member val Progress = Collections.Generic.List<string>()

    interface ISummaryObserver with
        member c.Measured m = c.Found.Add m
        member c.Leading pairs = c.Pairs <- Some pairs
        member c.Density density = c.Density <- Some density

        member c.Progress text =
            c.Progress.Add text
            onProgress text

let private key = Random.key 5
let private inputs = Random.normal (Random.fold 1 key) [ 20; 3 ]
let private targets = Tensor.oneHot 3 (Random.integers (Random.fold 2 key) 3 [ 20 ])
let private layers = Mlp.init (Random.fold 3 key) 1.0 [ 3; 4; 3 ]

let private riskOf chunk inputs =
    EmpiricalRisk.createWith
        { RiskOptions.Default with Chunk = chunk }
        (Mlp.apply Tensor.tanh)
        Losses.crossEntropy
        inputs
        targets

let private options = { SummaryOptions.Default with Top = 2; Probes = 20; Steps = 3 }

let private checkpoint path resume = { Path = path; Resume = resume; Settings = [ "loss", "cross-entropy" ] }

/// Everything of a measurement but its time.
let private numbers (c: Collector) = [
    for m in c.Found -> m.Name, m.Value, m.Lower, m.Upper, m.Certificate, m.Products
]

/// Bit for bit; NaN equals NaN here.
let private same (expected: Collector) (actual: Collector) =
    Assert.True(numbers(expected).Equals(numbers actual, Collections.StructuralComparisons.StructuralEqualityComparer))
    Assert.Equal(expected.Pairs, actual.Pairs)
    Assert.Equal(expected.Density, actual.Density)

/// Two runs of the same products, which may round otherwise.
let private near (expected: Collector) (actual: Collector) =
    Assert.Equal<string list>([ for m in expected.Found -> m.Name ], [ for m in actual.Found -> m.Name ])

    for e, a in Seq.zip expected.Found actual.Found do
        let reach = 1e-7 * (1e-3 + abs e.Value)

        for x, y in [ e.Value, a.Value; e.Lower, a.Lower; e.Upper, a.Upper ] do
            Assert.True(abs (x - y) <= reach || (Double.IsNaN x && Double.IsNaN y), $"{e.Name}: {x}, {y}")

let private measure path resume options onProgress =
    let collector = Collector onProgress

    let failure =
        try
            CurvatureSummary.measureKept (checkpoint path resume) options collector (riskOf 8 inputs) layers
            None
        with e ->
            Some e

    collector, failure

[<Fact>]
let ``a summary that was cancelled at any place goes on to the same numbers`` () =
    withFolder (fun folder ->
        let whole = Collector ignore
        CurvatureSummary.measure options whole (riskOf 8 inputs) layers
        let path = Path.Combine(folder, "c.safetensors")

        let places = [
            "gradients of single rows"
            "largest eigenvalues of H: 1 products"
            "smallest eigenvalue of H: 1 products"
            "largest eigenvalue of G: 1 products"
            "density of H: 0 of 20"
            "density of H: 16 of 20"
            "Gauss-Newton and functional part"
        ]

        // Each run is cancelled one place later; the first one begins anew.
        let mutable before = []

        for i, place in List.indexed places do
            use source = new CancellationTokenSource()

            let cancelled, failure =
                measure path (i > 0) { options with Cancellation = source.Token } (fun text ->
                    if text.StartsWith place then
                        source.Cancel())

            match failure with
            | Some(:? OperationCanceledException) -> ()
            | other -> failwith $"{place}: {other}"

            Assert.True(cancelled.Found.Count < whole.Found.Count)
            // What was there is there still, bit for bit.
            let found = numbers cancelled |> List.truncate before.Length

            Assert.True(
                before.Equals(found, Collections.StructuralComparisons.StructuralEqualityComparer),
                $"%A{before} %A{found}"
            )

            before <- numbers cancelled

        let resumed, failure = measure path true options ignore
        Assert.Equal(None, failure)
        near whole resumed
        // What was done is not done again.
        Assert.DoesNotContain(resumed.Progress, (fun text -> text.Contains "products"))
        let again, failure = measure path true options ignore
        Assert.Equal(None, failure)
        same resumed again
        // Without being asked to go on, it begins anew.
        let anew, _ = measure path false options ignore
        near whole anew
        Assert.Contains(anew.Progress, (fun text -> text.Contains "products")))

[<Fact>]
let ``a checkpoint of other work is refused with what differs`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "c.safetensors")
        let _, failure = measure path false options ignore
        Assert.Equal(None, failure)
        let stored = File.ReadAllBytes path

        let refusal options risk point settings =
            message (fun () ->
                let c = { checkpoint path true with Settings = settings }
                CurvatureSummary.measureKept c options (Collector ignore) risk point)

        let risk, loss = riskOf 8 inputs, [ "loss", "cross-entropy" ]

        let expect (difference: string) error =
            Assert.Equal(
                $"curvature: cannot resume: '{path}' was made with {difference}; repeat those settings, leave out --resume to begin anew, or name another folder",
                error
            )

        expect "other data" (refusal options (riskOf 8 (1.5 * inputs)) layers loss)
        expect "other weights" (refusal options risk (layers |> Tree.map (fun t -> t + 1e-15)) loss)
        expect "chunk 8, not 7" (refusal options (riskOf 7 inputs) layers loss)
        expect "loss cross-entropy, not mse" (refusal options risk layers [ "loss", "mse" ])
        expect "no model, now 3-4-3" (refusal options risk layers (loss @ [ "model", "3-4-3" ]))

        expect "eigenpairs 2, not 3; steps 3, not 4" (refusal { options with Top = 3; Steps = 4 } risk layers loss)

        expect "tolerance 1E-06, not 0.001" (refusal { options with Tolerance = 1e-3 } risk layers loss)

        Assert.Contains("key word", refusal { options with Key = Random.key 1 } risk layers loss)
        // A refusal leaves the file as it was.
        Assert.Equal<byte[]>(stored, File.ReadAllBytes path)

        MlpFile.write path "tanh" layers
        Assert.Contains("is no checkpoint of a summary", refusal options risk layers loss)
        File.WriteAllBytes(path, stored[.. stored.Length / 2])
        Assert.Contains(path, refusal options risk layers loss))

[<Fact>]
let ``results are kept without loss`` () =
    let there (codec: StageCodec.Codec<'T>) (value: 'T) = codec.Decode(codec.Encode value)
    Assert.Equal(0.1, there StageCodec.number 0.1)

    let estimate = Estimate.ofSamples [| 1.0; 2.5; 0.1 |]

    for e in
        [
            estimate
            {
                estimate with
                    Key = Some(Random.key 7)
                    Certainty = Certainty.Heuristic 0.9
                    Products = 11
            }
            Estimate.bounded 1.0 -infinity infinity 3
        ] do
        Assert.Equal(e, there StageCodec.estimate e)

    let pair value = {
        Value = value
        Vector = [| value; 2.0; 3.0 |]
        Residual = 1e-9
        Gap = infinity
    }

    let solution = {
        Pairs = [| pair 4.0; pair -0.0 |]
        Converged = true
        Products = 17
        SearchProducts = 26
        Restarts = 2
        Key = Random.key 3
    }

    for s in [ solution; { solution with Pairs = [||]; Converged = false } ] do
        Assert.Equal(s, there StageCodec.eigenpairs s)

    let rules = [| [| 1.0; 2.0 |], [| 0.25; 0.75 |], true; [| 3.0 |], [| 1.0 |], false |]
    Assert.Equal<(float[] * float[] * bool)[]>(rules, there StageCodec.rules rules)
