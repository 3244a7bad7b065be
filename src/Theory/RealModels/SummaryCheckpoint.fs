namespace Hesse.Theory

open System
open System.Diagnostics
open System.Globalization
open System.IO
open System.Runtime.InteropServices
open System.Security.Cryptography
open Hesse

/// A file that keeps the finished stages of a summary, so that a summary that was cancelled goes on where it was.
type SummaryCheckpoint = {
    /// The file, <c>.safetensors</c>; it is replaced whole after each stage.
    Path: string
    /// Whether the stages in the file are taken; else the file is begun anew.
    Resume: bool
    /// Whatever else the numbers depend on, with names for messages: the names of the loss and of the model, the version of the program.
    Settings: (string * string) list
}

/// Values of results as arrays of numbers, without loss.
module internal StageCodec =
    /// To numbers and back.
    type Codec<'T> = { Encode: 'T -> float[]; Decode: float[] -> 'T }

    let private ofBool x = if x then 1.0 else 0.0

    let number: Codec<float> = { Encode = Array.singleton; Decode = Array.head }

    /// An estimate whose key is known.
    let estimate: Codec<Estimate> = {
        Encode =
            fun e ->
                let kind, level =
                    match e.Certainty with
                    | Certainty.Rigorous -> 0.0, 0.0
                    | Certainty.Confidence level -> 1.0, level
                    | Certainty.Heuristic level -> 2.0, level

                Array.append
                    [| e.Value; e.StandardError; e.Lower; e.Upper; kind; level; float e.Samples; float e.Products |]
                    (e.Key |> Option.map (fun key -> key.Words.toArray ()) |> Option.defaultValue [||])
        Decode =
            fun a -> {
                Value = a[0]
                StandardError = a[1]
                Lower = a[2]
                Upper = a[3]
                Certainty =
                    match int a[4] with
                    | 0 -> Certainty.Rigorous
                    | 1 -> Certainty.Confidence a[5]
                    | _ -> Certainty.Heuristic a[5]
                Samples = int a[6]
                Products = int a[7]
                Key = if a.Length > 8 then Some(Random.ofWords (Tensor.ofArray a[8..])) else None
            }
    }

    /// Eigenpairs with their vectors.
    let eigenpairs: Codec<EigenSolution> = {
        Encode =
            fun s ->
                Array.concat [
                    [|
                        float s.Pairs.Length
                        ofBool s.Converged
                        float s.Products
                        float s.SearchProducts
                        float s.Restarts
                    |]
                    s.Key.Words.toArray ()
                    yield! s.Pairs |> Array.map (fun p -> Array.append [| p.Value; p.Residual; p.Gap |] p.Vector)
                ]
        Decode =
            fun a ->
                let count = int a[0]
                let length = (a.Length - 9) / max 1 count

                {
                    Pairs =
                        Array.init count (fun i ->
                            let at = 9 + i * length

                            {
                                Value = a[at]
                                Residual = a[at + 1]
                                Gap = a[at + 2]
                                Vector = a[at + 3 .. at + length - 1]
                            })
                    Converged = a[1] > 0.0
                    Products = int a[2]
                    SearchProducts = int a[3]
                    Restarts = int a[4]
                    Key = Random.ofWords (Tensor.ofArray a[5..8])
                }
    }

    /// Nodes, weights and exactness of quadrature rules.
    let rules: Codec<(float[] * float[] * bool)[]> = {
        Encode =
            Array.collect (fun (nodes: float[], weights, isExact) ->
                Array.concat [ [| float nodes.Length; ofBool isExact |]; nodes; weights ])
        Decode =
            fun a ->
                0
                |> Array.unfold (fun at ->
                    if at >= a.Length then
                        None
                    else
                        let n = int a[at]
                        let from start = a[at + 2 + start .. at + 1 + start + n]
                        Some((from 0, from n, a[at + 1] > 0.0), at + 2 + 2 * n))
    }

/// The stages of a summary: each is done once, or taken from a file.
[<Sealed>]
type internal SummaryStages(known: Map<string, float[]>, keep: Map<string, float[]> -> unit) =
    let mutable stages = known

    /// No file.
    static member None = SummaryStages(Map.empty, ignore)

    /// Stages that are there.
    member _.Known = known.Count

    /// The result of a stage and the seconds that it took, now or in the run that found it.
    member _.Run (name: string) (codec: StageCodec.Codec<'T>) (work: unit -> 'T) : 'T * float =
        match stages.TryFind name with
        | Some numbers -> codec.Decode numbers[1..], numbers[0]
        | None ->
            let watch = Stopwatch.StartNew()
            let result = work ()
            let seconds = watch.Elapsed.TotalSeconds
            stages <- stages.Add(name, Array.append [| seconds |] (codec.Encode result))
            keep stages
            result, seconds

module internal SummaryStages =
    let private fail (message: string) : 'a = raise (HesseException message)

    [<Literal>]
    let private Prefix = "hesse.summary."

    let private hashed (tensors: Tensor seq) =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256

        for t in tensors do
            hash.AppendData(MemoryMarshal.AsBytes(ReadOnlySpan<float>((Tensor.toFloat64 t).toArray())))

        Convert.ToHexString(hash.GetHashAndReset())

    /// What the numbers depend on, by names for messages.
    let identity
        (settings: (string * string) list)
        (numbers: (string * float) list)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        : (string * string) list =
        let shapes = Tree.leaves point |> Seq.map (fun l -> Files.show l.Shape) |> String.concat " "
        let each part = risk.Chunks |> Seq.map part

        [
            yield! settings
            for name, value in numbers do
                name, value.ToString("R", CultureInfo.InvariantCulture)
            "rows", string risk.Count
            "reduction", string risk.Options.Reduction
            "chunk", string risk.Options.Chunk
            "weights", shapes + " " + hashed (Tree.leaves point)
            "data", hashed (Seq.append (each _.Inputs) (each _.Targets))
        ]

    /// Opens the file of a checkpoint: the stages that it has, when it is to be taken up and is of the same work.
    let start (checkpoint: SummaryCheckpoint) (identity: (string * string) list) : SummaryStages =
        let path = checkpoint.Path

        let keep (stages: Map<string, float[]>) =
            Safetensors.write path {
                Tensors = stages |> Map.map (fun _ numbers -> Tensor.ofArray numbers)
                Metadata = identity |> List.map (fun (name, value) -> Prefix + name, value) |> Map.ofList
            }

        if checkpoint.Resume && File.Exists path then
            let file = Safetensors.readWithMetadata path

            if not (file.Metadata |> Map.exists (fun name _ -> name.StartsWith(Prefix, StringComparison.Ordinal))) then
                fail $"curvature: '{path}' is no checkpoint of a summary; name another folder, or leave out --resume"

            let differences = [
                for name, value in identity do
                    match file.Metadata.TryFind(Prefix + name) with
                    | Some stored when stored = value -> ()
                    | _ when name = "weights" || name = "data" -> $"other {name}"
                    | Some stored -> $"{name} {stored}, not {value}"
                    | None -> $"no {name}, now {value}"
            ]

            if not differences.IsEmpty then
                let all = String.concat "; " differences

                fail
                    $"curvature: cannot resume: '{path}' was made with {all}; repeat those settings, leave out --resume to begin anew, or name another folder"

            SummaryStages(file.Tensors |> Map.map (fun _ t -> t.toArray ()), keep)
        else
            if File.Exists path then
                File.Delete path

            SummaryStages(Map.empty, keep)
