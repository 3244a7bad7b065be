/// The top eigenvalue of the Hessian of a network of 269,322 parameters on 10,000 images, certified, in float64 and by a search in float32; and
/// the time that PyTorch takes for as many Hessian-vector products in each precision.
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
    Chunk = 512
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

let private peer
    (python: string)
    (script: string)
    (folder: string)
    (products: int)
    (precision: string)
    : JsonNode option =
    let info =
        ProcessStartInfo(python, [| script; folder; string products; precision |], RedirectStandardOutput = true)

    try
        use child = Process.Start info
        let answer = child.StandardOutput.ReadToEnd()
        child.WaitForExit()
        if child.ExitCode = 0 then Some(JsonNode.Parse answer) else None
    with :? ComponentModel.Win32Exception ->
        None

/// A solution, and what it took.
type private Measured = { Solution: EigenSolution; Seconds: float; Processor: float }

let private measure (solve: unit -> EigenSolution) : Measured =
    let processor () = Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds
    let before, watch = processor (), Stopwatch.StartNew()
    let solution = solve ()

    {
        Solution = solution
        Seconds = watch.Elapsed.TotalSeconds
        Processor = processor () - before
    }

let private show (name: string) (m: Measured) =
    let pair, s = m.Solution.Pairs[0], m.Solution
    let products = s.Products + s.SearchProducts
    printfn $"{name}"
    printfn $"  top eigenvalue   {pair.Value:R}"

    printfn
        $"  residual/value   {pair.Residual / abs pair.Value:E2} (certified: an eigenvalue lies within value ± residual)"

    printfn $"  products         {s.Products} in float64, {s.SearchProducts} in float32"

    printfn
        $"  time             {m.Seconds:F2} s, {1000.0 * m.Seconds / float products:F1} ms a product, {m.Processor:F2} s of processor time (compilation included)"

/// Measures and prints.
/// root: of the repository; python: with torch; chunk: rows taken at once, 0 for one plan over all rows, None for the usual number.
let run (root: string) (python: string) (chunk: int option) : int =
    let settings = { settings with Chunk = defaultArg chunk settings.Chunk }
    let key = Random.key 20
    let inputs, targets = images (Random.fold 0 key) settings.Count
    let layers = Mlp.init (Random.fold 1 key) 1.0 settings.Widths
    let parameters = Mlp.parameterCount settings.Widths

    let risk =
        EmpiricalRisk.createWith
            {
                RiskOptions.Default with
                    Chunk = if settings.Chunk = 0 then settings.Count else settings.Chunk
            }
            (Mlp.apply Tensor.tanh)
            Losses.crossEntropy
            inputs
            targets

    let options = {
        Eigenpairs.defaults with
            Tolerance = settings.Tolerance
            Key = Random.fold 2 key
    }

    let form =
        if settings.Chunk = 0 then
            "one plan over all rows"
        else
            $"chunks of {settings.Chunk} rows"

    let widths = String.Join("-", settings.Widths)
    printfn $"{widths}, {parameters} parameters, {settings.Count} images; {form}"
    let exact = measure (fun () -> Eigenpairs.compute options (Curvature.hessian risk layers))
    show "Hesse, float64" exact

    let mixed =
        measure (fun () ->
            let search = Curvature.hessian (EmpiricalRisk.toFloat32 risk) (Tree.map Tensor.toFloat32 layers)

            Eigenpairs.computeMixed options search (Curvature.hessian risk layers))

    show "Hesse, searched in float32, certified in float64" mixed
    printfn $"peak memory        {peak ():F0} MiB (both, data and compilation included)"
    let pair = exact.Solution.Pairs[0]
    let apart (value: float) = abs (value - pair.Value) / abs pair.Value
    let converged = exact.Solution.Converged && mixed.Solution.Converged
    let folder = Directory.CreateTempSubdirectory("hesse-top-").FullName

    try
        write folder "x.f64" (inputs.toArray ())
        write folder "y.f64" (targets.toArray ())
        write folder "v.f64" pair.Vector
        Tree.leaves layers |> Array.iteri (fun i leaf -> write folder $"p{i}.f64" (leaf.toArray ()))
        File.WriteAllText(Path.Combine(folder, "widths.txt"), String.Join(' ', settings.Widths))

        let compare (precision: string) (tolerance: float) (rows: (string * Measured) list) =
            let script = Path.Combine(root, "bench", "top_eigenvalue.py")

            match peer python script folder exact.Solution.Products precision with
            | None ->
                printfn $"PyTorch            {precision} skipped: {python} has no torch, or it ended with an error"
                true
            | Some answer ->
                let number (name: string) = answer[name].GetValue<float>()
                let text (name: string) = answer[name].GetValue<string>()
                let seconds, processor = number "seconds", number "cpu"

                printfn
                    $"""PyTorch {text "version"}, {precision}: {seconds:F2} s for {exact.Solution.Products} products, {processor:F2} s of processor time, peak {number "peak_mib":F0} MiB ({text "form"})"""

                for name, m in rows do
                    printfn
                        $"  against {name}: {seconds / m.Seconds:F2} of the time, {processor / m.Processor:F2} of the processor time"

                printfn
                    $"""  difference       {apart (number "rayleigh"):E1} (PyTorch's Rayleigh quotient of the same vector)"""

                apart (number "rayleigh") < tolerance

        let agree =
            compare "float64" 1e-9 [ "Hesse in float64", exact; "Hesse searching in float32", mixed ]
            && compare "float32" 1e-4 [ "Hesse searching in float32", mixed ]

        if converged && agree && apart mixed.Solution.Pairs[0].Value < 1e-9 then
            0
        else
            1
    finally
        Directory.Delete(folder, true)
