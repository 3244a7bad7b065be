namespace Hesse.Bench

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Hesse

/// What the peer said about a row.
type PeerRow = {
    /// The fastest form and number of threads, such as "functorch, 1 thread".
    Form: string
    /// Seconds of one call.
    Seconds: float
    /// The numbers, flat.
    Result: float[]
}

/// PyTorch in a process of its own, which answers lines on its standard input with lines of JSON.
[<Sealed>]
type Peer private (child: Process, folder: string, version: string) =
    let ask (line: string) : JsonNode =
        child.StandardInput.WriteLine line
        child.StandardInput.Flush()

        match child.StandardOutput.ReadLine() with
        | null -> failwith $"the peer ended at '{line}'; its message is above"
        | answer -> JsonNode.Parse answer

    /// Versions of PyTorch and functorch.
    member _.Version = version

    /// Writes the inputs of a row where the peer reads them, lets it try its forms and numbers of threads, and returns the fastest.
    member _.Prepare(row: Row) : PeerRow =
        let inputs = JsonObject()

        for name, tensor in row.Inputs do
            let file = Path.Combine(folder, $"{row.Name}.{name}.f64")
            let numbers = tensor.toArray ()
            let bytes = Array.zeroCreate<byte>(sizeof<float> * numbers.Length)
            Buffer.BlockCopy(numbers, 0, bytes, 0, bytes.Length)
            File.WriteAllBytes(file, bytes)
            let shape = tensor.Shape |> Array.map (fun d -> JsonValue.Create(d) :> JsonNode)
            let input = JsonObject()
            input["dtype"] <- JsonValue.Create(if tensor.DType = DType.Float32 then "float32" else "float64")
            input["file"] <- JsonValue.Create(file)
            input["shape"] <- JsonArray(shape)
            inputs[name] <- input

        File.WriteAllText(Path.Combine(folder, $"{row.Name}.json"), inputs.ToJsonString())
        let answer = ask $"prepare {row.Name}"
        let file = answer["result"].GetValue<string>()
        let bytes = File.ReadAllBytes file
        File.Delete file
        let result = Array.zeroCreate<float>(bytes.Length / sizeof<float>)
        Buffer.BlockCopy(bytes, 0, result, 0, bytes.Length)

        {
            Form = answer["form"].GetValue<string>()
            Seconds = answer["seconds"].GetValue<float>()
            Result = result
        }

    /// Seconds of each of so many calls.
    member _.Run(row: Row, repeats: int) : float[] =
        let answer = ask $"run {row.Name} {repeats}"

        answer["seconds"].AsArray() |> Seq.map (fun s -> s.GetValue<float>()) |> Array.ofSeq

    /// Starts the peer; an Error says why there is none.
    static member Start(python: string, script: string) : Result<Peer, string> =
        let folder = Directory.CreateTempSubdirectory("hesse-bench-").FullName

        let info =
            ProcessStartInfo(
                python,
                [| script; folder |],
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false
            )

        try
            let child = Process.Start info

            match child.StandardOutput.ReadLine() with
            | null ->
                Directory.Delete(folder, true)
                Error $"{python} has no torch and functorch"
            | hello ->
                let about = JsonNode.Parse hello
                Ok(new Peer(child, folder, about["version"].GetValue<string>()))
        with :? ComponentModel.Win32Exception ->
            Directory.Delete(folder, true)
            Error $"{python} is not there"

    interface IDisposable with
        member _.Dispose() =
            child.StandardInput.Close()

            if not (child.WaitForExit 5000) then
                child.Kill()

            child.Dispose()
            Directory.Delete(folder, true)
