/// The code of the documentation is code that runs: every F# block of a page in docs/ stands, line by line, in a test file of this folder.
module Hesse.Theory.Tests.Docs.ExamplesTests

open System.IO
open Xunit

let private root = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "..")

/// The F# blocks of a Markdown page, with the line where each begins.
let private blocks (page: string) =
    let lines = File.ReadAllLines page

    let starts =
        lines |> Array.indexed |> Array.filter (fun (_, line) -> line = "```fsharp") |> Array.map fst

    starts
    |> Array.map (fun start -> start + 1, lines[start + 1 ..] |> Array.takeWhile (fun line -> line <> "```"))

/// Whether the block stands somewhere in the source, all lines with the same indentation more.
let private contains (source: string[]) (block: string[]) =
    let matches at =
        let indentation = source[at].Length - source[at].TrimStart().Length
        let shifted (line: string) = if line = "" then "" else String.replicate indentation " " + line
        block |> Array.indexed |> Array.forall (fun (i, line) -> source[at + i] = shifted line)

    Seq.exists matches (seq { 0 .. source.Length - block.Length })

[<Fact>]
let ``every block of the documentation stands in a test`` () =
    let sources = Directory.GetFiles(__SOURCE_DIRECTORY__, "*Examples.fs") |> Array.map File.ReadAllLines
    let pages = Directory.GetFiles(Path.Combine(root, "docs"), "*.md")
    Assert.NotEmpty pages

    for page in pages do
        for start, block in blocks page do
            Assert.True(block.Length > 0, $"{Path.GetFileName page}, line {start}: an empty block")

            Assert.True(
                sources |> Array.exists (fun source -> contains source block),
                $"{Path.GetFileName page}, line {start}: this block is not in any of tests/Theory.Tests/Docs/*Examples.fs; put it into a test there, as it stands:\n"
                + String.concat "\n" block
            )

[<Fact>]
let ``a block is found whatever its indentation, and only whole`` () =
    let source = [| "let f () ="; "    let x = 1"; ""; "    x + 1" |]
    Assert.True(contains source [| "let x = 1"; ""; "x + 1" |])
    Assert.False(contains source [| "let x = 1"; "x + 1" |])
    Assert.False(contains source [| "let x = 1"; ""; "  x + 1" |])
    Assert.False(contains source [| "x + 1"; "x + 2" |])
