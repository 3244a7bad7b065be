/// The top eigenvalue of the Hessian of a network of 269,322 parameters on 10,000 images, certified; and the time that PyTorch takes for as many
/// Hessian-vector products.
module Hesse.Bench.TopEigenvalue

open System
open System.Diagnostics
open System.IO
open System.Text.Json.Nodes
open Hesse
open Hesse.Theory

/// What is computed, and how.
type Settings = {
    /// Images.
    Count: int
    /// Input, hidden and output widths.
    Widths: int list
    /// Relative residual.
    Tolerance: float
    /// Rows taken at once; 0 for one plan over all rows.
    Chunk: int
}

let private settings = {
    Count = 10_000
    Widths = [ 784; 256; 256; 10 ]
    Tolerance = 1e-6
    Chunk = 1024
}

/// Images like those of MNIST: one smooth pattern of strokes for each class, scaled by a random number, with noise; bytes over 255.
let private images (key: Key) (count: int) : Tensor * Tensor =
    let side, classes = 28, 10
    let patterns = (Random.normal (Random.fold 1 key) [ classes; 7; 7 ]).toArray()
    let labels = Random.integers (Random.fold 2 key) classes [ count ]
    let strength = (Random.uniform (Random.fold 3 key) [ count ]).toArray()
    let noise = (Random.normal (Random.fold 4 key) [ count; side * side ]).toArray()
    let kinds = labels.toArray ()

    let pixel i p =
        let row, column = p / side / 4, p % side / 4
        let ink = patterns[(int kinds[i] * 7 + row) * 7 + column] * (0.5 + strength[i])
        let value = max 0.0 (ink + 0.15 * noise[i * side * side + p])
        floor (min 255.0 (160.0 * value)) / 255.0

    let pixels = Array.init (count * side * side) (fun q -> pixel (q / (side * side)) (q % (side * side)))
    Tensor.create [ count; side * side ] pixels, Tensor.oneHot classes labels

let private write (folder: string) (name: string) (numbers: float[]) =
    let bytes = Array.zeroCreate<byte>(sizeof<float> * numbers.Length)
    Buffer.BlockCopy(numbers, 0, bytes, 0, bytes.Length)
    File.WriteAllBytes(Path.Combine(folder, name), bytes)

/// Peak resident memory of this process so far in MiB, where the system tells.
let private peak () =
    if File.Exists "/proc/self/status" then
        File.ReadLines "/proc/self/status"
        |> Seq.tryFind (fun l -> l.StartsWith("VmHWM:", StringComparison.Ordinal))
        |> Option.map (fun l -> float (l.Split([| ' '; '\t' |], StringSplitOptions.RemoveEmptyEntries)[1]) / 1024.0)
        |> Option.defaultValue nan
    else
        nan

let private peer (python: string) (script: string) (folder: string) (products: int) : JsonNode option =
    let info =
        ProcessStartInfo(python, [| script; folder; string products |], RedirectStandardOutput = true)

    try
        use child = Process.Start info
        let answer = child.StandardOutput.ReadToEnd()
        child.WaitForExit()
        if child.ExitCode = 0 then Some(JsonNode.Parse answer) else None
    with :? ComponentModel.Win32Exception ->
        None

/// Measures and prints.
/// root: of the repository; python: with torch; chunk: rows taken at once, 0 for one plan over all rows, None for the usual number.
let run (root: string) (python: string) (chunk: int option) : int =
    let settings = { settings with Chunk = defaultArg chunk settings.Chunk }
    let key = Random.key 20
    let inputs, targets = images (Random.fold 0 key) settings.Count
    let layers = Mlp.init (Random.fold 1 key) 1.0 settings.Widths
    let parameters = Mlp.parameterCount settings.Widths

    let operator =
        if settings.Chunk = 0 then
            LinearOperator.hessian (fun p -> Losses.crossEntropy (Mlp.apply Tensor.tanh p inputs) targets) layers
        else
            Curvature.hessian
                (EmpiricalRisk.createWith
                    { RiskOptions.Default with Chunk = settings.Chunk }
                    (Mlp.apply Tensor.tanh)
                    Losses.crossEntropy
                    inputs
                    targets)
                layers

    let options = {
        Eigenpairs.defaults with
            Tolerance = settings.Tolerance
            Key = Random.fold 2 key
    }

    let cpu () = Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds
    let cpuBefore, watch = cpu (), Stopwatch.StartNew()
    let solution = Eigenpairs.compute options operator
    let seconds, cpuSeconds = watch.Elapsed.TotalSeconds, cpu () - cpuBefore
    let pair = solution.Pairs[0]
    let relative = pair.Residual / abs pair.Value

    let form =
        if settings.Chunk = 0 then
            "one plan over all rows"
        else
            $"chunks of {settings.Chunk} rows"

    let widths = String.Join("-", settings.Widths)
    printfn $"{widths}, {parameters} parameters, {settings.Count} images, float64; {form}"
    printfn $"top eigenvalue     {pair.Value:R}"
    printfn $"residual/value     {relative:E2} (certified: an eigenvalue lies within value ± residual)"
    printfn $"products           {solution.Products}"

    printfn
        $"Hesse              {seconds:F2} s, {1000.0 * seconds / float solution.Products:F1} ms a product, {cpuSeconds:F2} s of processor time (compilation included)"

    printfn $"peak memory        {peak ():F0} MiB (data and compilation included)"
    let folder = Directory.CreateTempSubdirectory("hesse-top-").FullName

    try
        write folder "x.f64" (inputs.toArray ())
        write folder "y.f64" (targets.toArray ())
        write folder "v.f64" pair.Vector

        Tree.leaves layers |> Array.iteri (fun i leaf -> write folder $"p{i}.f64" (leaf.toArray ()))

        File.WriteAllText(Path.Combine(folder, "widths.txt"), String.Join(' ', settings.Widths))

        match peer python (Path.Combine(root, "bench", "top_eigenvalue.py")) folder solution.Products with
        | None ->
            printfn $"PyTorch            skipped: {python} has no torch, or it ended with an error"
            if solution.Converged then 0 else 1
        | Some answer ->
            let number (name: string) = answer[name].GetValue<float>()
            let text (name: string) = answer[name].GetValue<string>()
            let difference = abs (number "rayleigh" - pair.Value) / abs pair.Value
            let peerSeconds = number "seconds"

            printfn
                $"""PyTorch {text "version"}     {peerSeconds:F2} s for as many products, {number "cpu":F2} s of processor time, peak {number "peak_mib":F0} MiB ({text "form"})"""

            printfn $"ratio              {peerSeconds / seconds:F2}"
            printfn $"difference         {difference:E1} (PyTorch's Rayleigh quotient of the same vector)"
            if solution.Converged && difference < 1e-9 then 0 else 1
    finally
        Directory.Delete(folder, true)
