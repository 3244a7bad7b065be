/// The table and the file.
module Hesse.Bench.Report

open System
open System.Globalization
open System.IO
open System.Text.Json
open Hesse.Bench.Measure

/// True when there is no peer, or it computed the same.
let agrees (outcome: Outcome) = outcome.Difference |> Option.forall (fun d -> d <= outcome.Agreement)

let private number (format: string) (x: float) = x.ToString(format, CultureInfo.InvariantCulture)

/// A time with a unit, three figures.
let private show (seconds: float) =
    let scaled, unit =
        if seconds < 1e-3 then seconds * 1e6, "µs"
        elif seconds < 1.0 then seconds * 1e3, "ms"
        else seconds, "s"

    let format =
        if scaled < 10.0 then "0.00"
        elif scaled < 100.0 then "0.0"
        else "0"

    $"{number format scaled} {unit}"

let private cell (t: Timing) = $"{show t.Median} ({show t.Lowest} .. {show t.Highest})"
let private ratio (o: Outcome) (p: Timing) = p.Median / o.Hesse.Median

let private cells (o: Outcome) = [
    o.Name
    cell o.Hesse
    o.Hesse.Form
    (match o.Peer with
     | Some p -> cell p
     | None -> "–")
    (match o.Peer with
     | Some p -> p.Form
     | None -> "–")
    (match o.Peer with
     | Some p -> number "0.00" (ratio o p) + "×"
     | None -> "–")
    (match o.Difference with
     | Some d -> number "0.0e+0" d + (if agrees o then "" else " DIFFERS")
     | None -> "–")
    (match o.Flops with
     | Some f -> number "0.0e+0" f
     | None -> "–")
]

/// Prints facts and outcomes as an aligned table.
let print (facts: (string * string) list) (outcomes: Outcome list) =
    for name, value in facts do
        printfn $"{name, -15} {value}"

    printfn ""

    for o in outcomes do
        printfn $"{o.Name}: {o.Title}; {o.Rounds} rounds of {fst o.Calls} and {snd o.Calls} calls"

    printfn ""
    let header = [ "row"; "Hesse (rounds)"; "form"; "PyTorch (rounds)"; "form"; "ratio"; "difference"; "FLOPs" ]
    let table = header :: List.map cells outcomes
    let widths = table |> List.transpose |> List.map (List.map String.length >> List.max)

    let line (row: string list) =
        String.Join("  ", List.map2 (fun (w: int) (s: string) -> s.PadRight w) widths row).TrimEnd()

    printfn "%s" (line header)
    printfn "%s" (line (widths |> List.map (fun w -> String('-', w))))

    for row in table.Tail do
        printfn "%s" (line row)

/// Writes the same as JSON; times in seconds.
let save (path: string) (facts: (string * string) list) (outcomes: Outcome list) =
    let timing (t: Timing) = {| form = t.Form; median = t.Median; lowest = t.Lowest; highest = t.Highest |}
    let optional f = Option.map f >> Option.map box >> Option.toObj

    let document = {|
        machine = dict facts
        rows =
            outcomes
            |> List.map (fun o -> {|
                name = o.Name
                title = o.Title
                hesse = timing o.Hesse
                peer = o.Peer |> optional timing
                ratio = o.Peer |> optional (ratio o)
                difference = o.Difference |> optional id
                agreement = o.Agreement
                agrees = agrees o
                rounds = o.Rounds
                hesseCalls = fst o.Calls
                peerCalls = snd o.Calls
                flops = o.Flops |> optional id
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
