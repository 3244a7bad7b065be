/// What was measured, as tables and as a file.
module Hesse.Bench.Report

open System
open System.IO
open System.Text.Json
open Hesse
open Hesse.Kernels
open Hesse.Bench.Measure
open Hesse.Bench.Table

/// Everything that one run measured; a list is empty when its table was not asked for.
type Results = {
    /// Names and values: machine, versions, load.
    Facts: (string * string) list
    Limit: KernelTable.Limit
    /// The last run of the rows.
    Rows: Comparison.Outcome list
    /// All runs of the rows, one after the other.
    Runs: Comparison.Outcome list list
    Quotients: Within.Outcome list
    FirstCalls: FirstCall.Outcome list
    Growth: Growth.Series list
    Kernels: KernelTable.Outcome list
}

let private cell (t: Timing) = $"{time t.Median} ({time t.Lowest} .. {time t.Highest})"
let private orDash (show: 'T -> string) (value: 'T option) = value |> Option.map show |> Option.defaultValue "–"

/// Counted operations over time, as a share of the rate of a large matrix product.
let private share (limit: KernelTable.Limit) (o: Comparison.Outcome) =
    o.Flops
    / o.Hesse.Median
    / (if o.Row.Precision = DType.Float32 then limit.Float32 else limit.Float64)

let private comparison (results: Results) : Table = {
    Title = "Beside the peer"
    Header = [
        "row"
        "Hesse (rounds)"
        "form"
        "PyTorch (rounds)"
        "form"
        "ratio"
        "target"
        "difference"
        "GFLOP"
        "share of limit"
    ]
    Rows = [
        for o in results.Rows ->
            [
                o.Row.Name
                cell o.Hesse
                o.Hesse.Form
                orDash cell o.Peer
                orDash (fun (p: Timing) -> p.Form) o.Peer
                orDash (fun r -> number "0.00" r + "×") o.Ratio
                orDash (fun t -> number "0.#" t + "×") o.Row.Target
                orDash (fun d -> number "0.0e+0" d + (if o.Agrees then "" else " DIFFERS")) o.Difference
                giga o.Flops
                number "0.0" (100.0 * share results.Limit o) + " %"
            ]
    ]
}

let private holds (runs: Comparison.Outcome list) (target: float) =
    let reached = runs |> List.filter (fun o -> o.Ratio |> Option.exists (fun r -> r >= target))

    if reached.Length = runs.Length then
        "all"
    else
        $"{reached.Length} of {runs.Length}"

/// Ratios of the runs in a row, when there was more than one.
let private repeats (results: Results) : Table = {
    Title = "Ratios in runs in a row"
    Header = [ "row"; yield! results.Runs |> List.mapi (fun i _ -> $"run {i + 1}"); "target"; "holds in" ]
    Rows = [
        if results.Runs.Length > 1 then
            for runs in List.transpose results.Runs do
                let target = runs.Head.Row.Target

                [
                    yield runs.Head.Row.Name
                    yield! runs |> List.map (fun o -> orDash (fun r -> number "0.00" r + "×") o.Ratio)
                    yield orDash (fun t -> number "0.#" t + "×") target
                    yield target |> orDash (holds runs)
                ]
    ]
}

let private quotients (results: Results) : Table = {
    Title = "Within Hesse"
    Header = [
        "quotient"
        "above (rounds)"
        "form"
        "below (rounds)"
        "form"
        "quotient"
        "target"
        "quotient of FLOPs"
    ]
    Rows = [
        for o in results.Quotients ->
            [
                o.Quotient.Name
                cell o.Above
                o.Above.Form
                cell o.Below
                o.Below.Form
                number "0.00" o.Ratio
                (match o.Quotient.Target with
                 | Within.AtMost t -> "at most " + number "0.0" t
                 | Within.AtLeast t -> "at least " + number "0.0" t)
                number "0.00" o.FlopRatio
            ]
    ]
}

let private firstCalls (results: Results) : Table = {
    Title = "First call"
    Header = [ "computation"; "first call"; "target"; "with other shapes (range)"; "later calls" ]
    Rows = [
        for o in results.FirstCalls ->
            [ o.Name; time o.First; "at most " + time o.Target; cell o.Others; time o.Cached ]
    ]
}

let private growth (results: Results) : Table = {
    Title = "Growth"
    Header = [ "computation"; "against"; "sizes"; "times"; "slope of time"; "slope of FLOPs"; "at most" ]
    Rows = [
        for s in results.Growth ->
            [
                s.Name
                s.Against
                String.Join(", ", s.Points |> List.map (fun p -> number "0" p.Size))
                String.Join(", ", s.Points |> List.map (fun p -> time p.Seconds))
                number "0.00" s.TimeSlope
                number "0.00" s.FlopSlope + (if s.Holds then "" else " TOO STEEP")
                number "0" s.Expected
            ]
    ]
}

let private precisionName (precision: DType) = if precision = DType.Float32 then "float32" else "float64"

let private shapeName (s: ProductShape) = $"{s.M}×{s.K} · {s.K}×{s.N}, {precisionName s.Precision}"

let private kernels (results: Results) : Table = {
    Title = "Matrix products"
    Header = [ "product"; "OpenBLAS (rounds)"; "GFLOP/s"; "C# kernel (rounds)"; "GFLOP/s"; "C# of OpenBLAS" ]
    Rows = [
        for o in results.Kernels ->
            [
                shapeName o.Shape
                cell o.Native
                giga (o.Shape.Flops / o.Native.Median)
                cell o.Managed
                giga (o.Shape.Flops / o.Managed.Median)
                number "0" (100.0 * o.Native.Median / o.Managed.Median) + " %"
            ]
    ]
}

/// The tables that were asked for.
let tables (results: Results) : Table list =
    [
        repeats results
        comparison results
        quotients results
        firstCalls results
        growth results
        kernels results
    ]
    |> List.filter (fun t -> not t.Rows.IsEmpty)

/// What the short names stand for: names and titles.
let private legend (results: Results) = [
    for o in results.Rows -> o.Row.Name, $"{o.Row.Title}; {o.Rounds} rounds of {fst o.Calls} and {snd o.Calls} calls"
    for o in results.Quotients -> o.Quotient.Name, o.Quotient.Title
    for o in results.FirstCalls -> o.Name, o.Title
]

/// How long threads take to meet, before the rows and after each run of them.
let meetings (microseconds: float list) : string =
    if microseconds.IsEmpty then
        "one core"
    else
        String.Join(", ", microseconds |> List.map (number "0.00")) + " µs"

/// Facts, names and tables on the standard output.
let print (results: Results) : unit =
    for name, value in results.Facts do
        printfn $"{name, -15} {value}"

    printfn ""

    for name, title in legend results do
        printfn $"{name}: {title}"

    for table in tables results do
        printfn $"\n{text table}"

/// The same as a page. date: when it was measured.
let writePage (path: string) (date: DateTime) (results: Results) : unit =
    let backend = if Backend.HasNativeBlas then "" else "HESSE_BLAS=managed "
    let named = if results.Quotients.IsEmpty then " --peer" else ""
    let day = date.ToString("yyyy-MM-dd", Globalization.CultureInfo.InvariantCulture)

    let page = [
        "# Results"
        ""
        $"Measured on {day} by `{backend}bench/run.sh --write{named}`; `README.md` in this folder explains the rows and columns."
        ""
        for name, value in results.Facts do
            $"- {name}: {value}"
        ""
        for table in tables results do
            markdown table
            ""
        "## Rows"
        ""
        for name, title in legend results do
            $"- `{name}`: {title}"
    ]

    File.WriteAllText(path, String.Join("\n", page) + "\n")

/// The same as JSON; times in seconds, rates in operations a second.
let save (path: string) (results: Results) : unit =
    let timing (t: Timing) = {| form = t.Form; median = t.Median; lowest = t.Lowest; highest = t.Highest |}
    let optional f = Option.map f >> Option.map box >> Option.toObj

    let document = {|
        machine = dict results.Facts
        limit = {| float64 = results.Limit.Float64; float32 = results.Limit.Float32 |}
        rows =
            results.Rows
            |> List.map (fun o -> {|
                name = o.Row.Name
                title = o.Row.Title
                hesse = timing o.Hesse
                peer = o.Peer |> optional timing
                ratio = o.Ratio |> optional id
                target = o.Row.Target |> optional id
                difference = o.Difference |> optional id
                agreement = o.Row.Agreement
                agrees = o.Agrees
                rounds = o.Rounds
                hesseCalls = fst o.Calls
                peerCalls = snd o.Calls
                flops = o.Flops
                shareOfLimit = share results.Limit o
            |})
        quotients =
            results.Quotients
            |> List.map (fun o -> {|
                name = o.Quotient.Name
                title = o.Quotient.Title
                above = timing o.Above
                below = timing o.Below
                ratio = o.Ratio
                flopRatio = o.FlopRatio
                target =
                    match o.Quotient.Target with
                    | Within.AtMost t -> {| atMost = Nullable t; atLeast = Nullable() |}
                    | Within.AtLeast t -> {| atMost = Nullable(); atLeast = Nullable t |}
            |})
        firstCalls =
            results.FirstCalls
            |> List.map (fun o -> {|
                name = o.Name
                title = o.Title
                first = o.First
                target = o.Target
                otherShapes = timing o.Others
                later = o.Cached
            |})
        growth =
            results.Growth
            |> List.map (fun s -> {|
                name = s.Name
                against = s.Against
                points = s.Points |> List.map (fun p -> {| size = p.Size; seconds = p.Seconds; flops = p.Flops |})
                timeSlope = s.TimeSlope
                flopSlope = s.FlopSlope
                atMost = s.Expected
            |})
        kernels =
            results.Kernels
            |> List.map (fun o -> {|
                m = o.Shape.M
                n = o.Shape.N
                k = o.Shape.K
                precision = precisionName o.Shape.Precision
                native = timing o.Native
                managed = timing o.Managed
            |})
    |}

    Directory.CreateDirectory(Path.GetDirectoryName path) |> ignore

    let options =
        JsonSerializerOptions(
            WriteIndented = true,
            Encoder = Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        )

    options.NumberHandling <- Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals
    File.WriteAllText(path, JsonSerializer.Serialize(document, options) + "\n")
