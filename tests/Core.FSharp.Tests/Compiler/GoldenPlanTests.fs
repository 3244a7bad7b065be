/// Plans of telling programs as they were when somebody last looked at them. HESSE_UPDATE_GOLDEN=1 writes them anew.
module Hesse.Tests.Compiler.GoldenPlanTests

open System
open System.IO
open Hesse
open Hesse.Tests
open Xunit

let private update = Environment.GetEnvironmentVariable "HESSE_UPDATE_GOLDEN" = "1"

let private command =
    "HESSE_UPDATE_GOLDEN=1 dotnet test -c Release tests/Core.FSharp.Tests --filter FullyQualifiedName~GoldenPlanTests"

let names = TheoryData<string>(TellingPrograms.all |> List.map _.Name)

/// The plan for one thread: nothing in it depends on the machine.
let private planOf (program: TellingProgram) : string =
    let variables, _, outputs = program.Trace()
    Program({ Passes.standard with Sharing = Sharing.Off }, variables, outputs).Plan.ToString()

/// The first line in which two texts differ, with its number.
let private difference (expected: string) (actual: string) : string option =
    let lines (text: string) = text.TrimEnd('\n').Split '\n'
    let was, now = lines expected, lines actual
    let at (lines: string[]) i = if i < lines.Length then lines[i] else "(nothing)"

    seq { 0 .. max was.Length now.Length - 1 }
    |> Seq.tryFind (fun i -> at was i <> at now i)
    |> Option.map (fun i -> $"line {i + 1} is\n  {at now i}\nand was\n  {at was i}")

[<Theory; MemberData(nameof names)>]
let ``the plan is the one that was looked at`` (name: string) =
    let program = TellingPrograms.all |> List.find (fun p -> p.Name = name)
    let actual = planOf program

    if update then
        File.WriteAllText(Path.Combine(__SOURCE_DIRECTORY__, "..", "Golden", $"{name}.txt"), actual + "\n")
    else
        let expected = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", $"{name}.txt"))

        match difference expected actual with
        | None -> ()
        | Some where ->
            failwith
                $"The plan of {name} has changed: {where}\nIf it is meant to, look at all of it and keep it:\n  {command}"

[<Fact>]
let ``the first line that differs is shown`` () =
    Assert.Equal(None, difference "a\nb\n" "a\nb")
    Assert.Equal(Some "line 2 is\n  c\nand was\n  b", difference "a\nb\n" "a\nc\nd")
    Assert.Equal(Some "line 3 is\n  (nothing)\nand was\n  c", difference "a\nb\nc" "a\nb")

[<Fact>]
let ``the same program gives the same plan whatever was compiled before`` () =
    for program in TellingPrograms.all do
        Assert.Equal(planOf program, planOf program)
