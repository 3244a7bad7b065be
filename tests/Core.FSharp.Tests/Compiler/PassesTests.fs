/// Every pass of the compiler gives the same results switched off.
module Hesse.Tests.Compiler.PassesTests

open Hesse
open Hesse.Tests
open Hesse.Tests.TellingPrograms
open Xunit

let private choices: (string * Passes) list =
    let all = Passes.standard

    [
        "trimming", { all with Trimming = false }
        "contractions", { all with Contractions = false }
        "fusion", { all with Fusion = false }
        "views", { all with Views = false }
        "joins", { all with Joins = false }
        "reuse", { all with Reuse = false }
        "sharing", { all with Sharing = Sharing.Off }
        "two shares", { all with Sharing = Sharing.Always 2 }
        "three shares", { all with Sharing = Sharing.Always 3 }
        "nothing",
        {
            all with
                Trimming = false
                Contractions = false
                Fusion = false
                Views = false
                Joins = false
                Reuse = false
                Sharing = Sharing.Off
        }
    ]

let choiceNames = TheoryData<string>(choices |> List.map fst)

let private values (passes: Passes) (t: Tracing.Trace<'Y>) =
    Program(passes, t.Variables, t.Outputs).Run t.Values |> Array.map Tracing.tensor

let private agree (what: string) (passes: Passes) (t: Tracing.Trace<'Y>) =
    Check.trees what 1e-11 (values Passes.standard t) (values passes t)

[<Theory; MemberData(nameof choiceNames)>]
let ``random programs and their gradients`` (choice: string) =
    let passes = choices |> List.find (fun (name, _) -> name = choice) |> snd

    for seed in 700_000..700_099 do
        let program = ProgramGenerator.generate seed
        let xs = RandomPrograms.inputs program

        try
            agree "values" passes (Tracing.trace (RandomPrograms.run program) xs)
            agree "gradient" passes (Tracing.trace (Diff.grad (RandomPrograms.scalar program)) xs)
        with e ->
            failwith $"without {choice}, seed {seed}: {e.Message}\n{RandomPrograms.print program}"

[<Theory; MemberData(nameof choiceNames)>]
let ``telling programs`` (choice: string) =
    let passes = choices |> List.find (fun (name, _) -> name = choice) |> snd

    for program in TellingPrograms.all do
        let variables, inputs, outputs = program.Trace()
        let run passes = Program(passes, variables, outputs).Run inputs |> Array.map Tracing.tensor
        Check.trees program.Name 1e-11 (run Passes.standard) (run passes)

[<Fact>]
let ``a pass that is off leaves its mark on a plan`` () =
    let table passes (f: 'X -> 'Y) (x: 'X) =
        let t = Tracing.trace f x
        (Program({ passes with Sharing = Sharing.Off }, t.Variables, t.Outputs)).Plan.Table()

    let all = Passes.standard
    let x = varied 1 [ 12; 5 ]
    let chain (x: Tensor) = Tensor.exp (Tensor.tanh x + Tensor.sumAxis 0 x)

    let steps passes = (table passes chain x).Steps
    Assert.Equal(2, steps all)
    Assert.Equal(4, steps { all with Fusion = false })
    Assert.Equal(3, steps { all with Views = false })

    let joined (x: Tensor) = Tensor.concat 0 [ Tensor.exp x; Tensor.sin x ]
    Assert.Equal(2, (table all joined x).Steps)
    Assert.Equal(4, (table { all with Joins = false } joined x).Steps)

    let flops passes = (table passes (kernel (varied 1 [ 64; 5 ])) (parametersOf [ 5; 32; 32; 1 ])).Flops
    Assert.True(2L * flops all < flops { all with Contractions = false })

    let long (x: Tensor) = Seq.fold (fun y k -> Tensor.matmul y (varied k [ 5; 5 ])) x (seq { 1..10 })
    let arena passes = (table passes long x).ArenaBytes
    // The last product is the result, outside the arena.
    Assert.Equal(arena all / 2L * 9L, arena { all with Reuse = false })

    let scan passes = (table passes (Diff.iterate 9 Tensor.tanh >> Tensor.sum) x).ArenaBytes
    Assert.True(scan all < scan { all with Trimming = false })
