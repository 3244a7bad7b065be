namespace Hesse

open System
open System.Collections.Generic
open Hesse.Tracing

/// Functions that are traced once and then run as plans.
module internal Compiled =
    /// What a plan is for: argument trees whose shapes, precisions and everything else in them are these. The plan is none when the function
    /// uses a variable of a surrounding transformation.
    [<Sealed>]
    type private Entry<'Y>(leaves: List<Tensor>, statics: List<obj>, plan: (Program * (Node[] -> 'Y)) voption) =
        let shapes = leaves |> Seq.map (fun t -> t.Node.Shape) |> Seq.toArray
        let dtypes = leaves |> Seq.map (fun t -> t.Node.DType) |> Seq.toArray
        let statics = statics.ToArray()

        member _.Plan = plan

        member _.Fits(leaves: List<Tensor>, others: List<obj>) =
            let mutable fits = leaves.Count = shapes.Length && others.Count = statics.Length
            let mutable i = 0

            while fits && i < shapes.Length do
                let node = leaves[i].Node
                fits <- node.DType = dtypes[i] && node.Shape.AsSpan().SequenceEqual(ReadOnlySpan shapes[i])
                i <- i + 1

            i <- 0

            while fits && i < statics.Length do
                fits <- Object.Equals(others[i], statics[i])
                i <- i + 1

            fits

    let private hash (leaves: List<Tensor>) (statics: List<obj>) : int =
        let mutable hash = HashCode()

        for i in 0 .. leaves.Count - 1 do
            for d in leaves[i].Node.Shape do
                hash.Add d

        for i in 0 .. statics.Count - 1 do
            hash.Add statics[i]

        hash.ToHashCode()

    /// The plan for concrete arguments of a structure, made at the first call; none if the function uses a variable from outside.
    let private planner (f: 'X -> 'Y) : 'X -> List<Tensor> -> List<obj> -> (Program * (Node[] -> 'Y)) voption =
        let plans = Dictionary<int, List<Entry<'Y>>>()

        let build (x: 'X) =
            let t = trace f x

            if Executor.isClosed t.Variables t.Outputs then
                ValueSome(Program(t.Variables, t.Outputs), t.Result)
            else
                ValueNone

        fun x leaves statics ->
            let key = hash leaves statics

            lock plans (fun () ->
                match plans.TryGetValue key with
                | true, _ -> ()
                | _ -> plans[key] <- List()

                let entries = plans[key]

                match entries.FindIndex(fun e -> e.Fits(leaves, statics)) with
                | -1 ->
                    let plan = build x
                    entries.Add(Entry(leaves, statics, plan))
                    plan
                | i -> entries[i].Plan)

    let private collect (x: 'X) : struct (List<Tensor> * List<obj>) =
        let leaves, statics = List<Tensor>(8), List<obj>(8)
        Tree.collect x leaves statics
        struct (leaves, statics)

    let private areConcrete (leaves: List<Tensor>) = leaves.TrueForAll(fun t -> t.IsConcrete)

    let private nodesOf (leaves: List<Tensor>) : Node[] =
        let nodes = Array.zeroCreate leaves.Count

        for i in 0 .. nodes.Length - 1 do
            nodes[i] <- leaves[i].Node

        nodes

    let compile (f: 'X -> 'Y) : 'X -> 'Y =
        let planFor = planner f

        fun x ->
            let struct (leaves, statics) = collect x

            if not (areConcrete leaves) then
                f x
            else
                match planFor x leaves statics with
                | ValueSome(program, result) -> result (program.Run(nodesOf leaves))
                | ValueNone -> f x

    let compileInto (f: 'X -> Tensor) : 'X -> float[] -> unit =
        let planFor = planner f

        fun x target ->
            let struct (leaves, statics) = collect x

            if not (areConcrete leaves) then
                Shape.fail
                    "compileInto: an argument is inside a transformation and has no value yet; use compile, whose result is a tensor"

            match planFor x leaves statics with
            | ValueSome(program, _) -> program.RunInto(nodesOf leaves, target)
            | ValueNone ->
                Shape.fail
                    "compileInto: the function uses a variable of a surrounding transformation; use compile, whose result is a tensor"

    /// The table of the plan that a function would run; `operation` is who asks.
    let plan (operation: string) (f: 'X -> 'Y) (x: 'X) : PlanTable =
        let t = trace f x

        if not (Executor.isClosed t.Variables t.Outputs) then
            Shape.fail
                $"{operation}: the function uses a variable of a surrounding transformation; {operation} the outermost function instead"

        Program(t.Variables, t.Outputs).Plan.Table()
