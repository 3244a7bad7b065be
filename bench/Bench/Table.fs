/// Tables for people, as text and as Markdown.
module Hesse.Bench.Table

open System
open System.Globalization

/// A table under a title.
type Table = { Title: string; Header: string list; Rows: string list list }

/// A number in an invariant format.
let number (format: string) (x: float) = x.ToString(format, CultureInfo.InvariantCulture)

/// Three figures.
let private threeFigures (x: float) =
    number
        (if x < 10.0 then "0.00"
         elif x < 100.0 then "0.0"
         else "0")
        x

/// A time with a unit, three figures.
let time (seconds: float) : string =
    if seconds < 1e-3 then $"{threeFigures (seconds * 1e6)} µs"
    elif seconds < 1.0 then $"{threeFigures (seconds * 1e3)} ms"
    else $"{threeFigures seconds} s"

/// A number of operations, or operations a second, in units of 10⁹.
let giga (x: float) : string = if x < 1e7 then number "0.0e+0" (x / 1e9) else threeFigures (x / 1e9)

/// Aligned columns.
let text (table: Table) : string =
    let lines = table.Header :: table.Rows
    let widths = lines |> List.transpose |> List.map (List.map String.length >> List.max)

    let line (row: string list) =
        String.Join("  ", List.map2 (fun (w: int) (s: string) -> s.PadRight w) widths row).TrimEnd()

    let rule = widths |> List.map (fun w -> String('-', w))
    String.Join("\n", table.Title :: "" :: line table.Header :: line rule :: List.map line table.Rows)

/// A heading and a table.
let markdown (table: Table) : string =
    let line (cells: string list) = "| " + String.Join(" | ", cells) + " |"
    let rule = table.Header |> List.map (fun _ -> "---")
    String.Join("\n", $"## {table.Title}" :: "" :: List.map line (table.Header :: rule :: table.Rows))
