namespace Hesse

open System.Collections.Generic
open Hesse.Tracing

/// What the first stages have made of values of the first variables.
[<Sealed>]
type internal FirstStages(values: Node[]) =
    let table = Dictionary<StagedProgram, float[][]>(HashIdentity.Reference)

    /// What is kept for a program, if it is.
    member _.Find(program: StagedProgram) : float[][] voption =
        lock table (fun () ->
            match table.TryGetValue program with
            | true, memory -> ValueSome memory
            | _ -> ValueNone)

    /// What is kept for a program, made now if it is not.
    member _.For(program: StagedProgram) : float[][] =
        lock table (fun () ->
            match table.TryGetValue program with
            | true, memory -> memory
            | _ ->
                let memory = program.Take()
                program.Prepare(values, memory)
                table[program] <- memory
                memory)

    member _.Bytes = lock table (fun () -> table.Keys |> Seq.sumBy _.KeptBytes)

    member _.Clear() = lock table table.Clear

/// A compiled function of two arguments at a fixed value of the first: what depends on that alone is computed once and kept. Made by
/// <c>Diff.compileStagedInto</c>; safe from several threads.
[<Sealed>]
type Staged<'B> internal (plan: 'B -> StagedProgram * Node[], values: Node[]) =
    let kept = FirstStages values

    /// Bytes of what is kept now.
    member _.KeptBytes: int64 = kept.Bytes

    /// <summary>Bytes that <c>Run</c> would have to keep more than now.</summary>
    /// <param name="b">A second argument; its values do not matter.</param>
    member _.MissingBytes(b: 'B) : int64 =
        let program, _ = plan b
        if (kept.Find program).IsSome then 0L else program.KeptBytes

    /// <summary>Writes the function's value, and keeps what depends on the first argument alone.</summary>
    /// <param name="b">The second argument.</param>
    /// <param name="target">An array of exactly as many numbers as the result has; it is overwritten, and must not be one that an argument was made from.</param>
    member _.Run(b: 'B, target: float[]) : unit =
        let program, others = plan b
        program.RunInto("compileStagedInto", values, kept.For program, others, target)

    /// <summary>Writes the function's value, the same bits, from what is kept if it is kept; nothing is kept besides.</summary>
    /// <param name="b">The second argument.</param>
    /// <param name="target">As for <c>Run</c>.</param>
    member _.RunOnce(b: 'B, target: float[]) : unit =
        let program, others = plan b

        match kept.Find program with
        | ValueSome memory -> program.RunInto("compileStagedInto", values, memory, others, target)
        | ValueNone ->
            program.Borrow(fun memory ->
                program.Prepare(values, memory)
                program.RunInto("compileStagedInto", values, memory, others, target))

    /// Forgets what is kept; the next call computes it again.
    member _.Release() : unit = kept.Clear()

/// Functions of two arguments that are compiled in two stages.
module internal Staged =
    let private both (f: 'A -> 'B -> 'C) (a: 'A, b: 'B) = f a b

    /// The stages for arguments of a structure; none if the function uses a variable of a surrounding transformation.
    let private planner (f: 'A -> 'B -> 'C) =
        Compiled.perStructure (fun (a: 'A, b: 'B) ->
            let t = trace (both f) (a, b)

            if Executor.isClosed t.Variables t.Outputs then
                let first, second = Array.splitAt (Tree.leaves a).Length t.Variables
                ValueSome(StagedProgram(first, second, t.Outputs), t.Result)
            else
                ValueNone)

    /// The nodes of both arguments, and what was made for their structure.
    let private call plannerOf (count: int) (a: 'A) (b: 'B) =
        let struct (leaves: List<Tensor>, statics: List<obj>) = Compiled.collect (a, b)
        let others = Compiled.nodesOf (leaves.GetRange(count, leaves.Count - count))
        struct (Compiled.areConcrete leaves, others, (fun () -> plannerOf (a, b) leaves statics))

    let compileStaged (f: 'A -> 'B -> 'C) : 'A -> 'B -> 'C =
        let plannerOf = planner f

        fun a ->
            let values = nodesOf a
            let kept = FirstStages values

            fun b ->
                let struct (isConcrete, others, made) = call plannerOf values.Length a b

                match (if isConcrete then made () else ValueNone) with
                | ValueNone -> f a b
                | ValueSome(program, result) -> result (program.Run(values, kept.For program, others))

    let compileStagedInto (f: 'A -> 'B -> Tensor) : 'A -> Staged<'B> =
        let plannerOf = planner f

        fun a ->
            let values = nodesOf a

            let plan b =
                let struct (isConcrete, others, made) = call plannerOf values.Length a b

                if not isConcrete then
                    Shape.fail
                        "compileStagedInto: an argument is inside a transformation and has no value yet; use compileStaged, whose result is a tensor"

                match made () with
                | ValueSome(program, _) -> program, others
                | ValueNone ->
                    Shape.fail
                        "compileStagedInto: the function uses a variable of a surrounding transformation; use compileStaged, whose result is a tensor"

            Staged(plan, values)
