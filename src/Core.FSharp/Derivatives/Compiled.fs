namespace Hesse

open System
open System.Collections.Generic
open Hesse.Tracing

/// Functions that are traced once and then run as plans.
module internal Compiled =
    /// What was made for argument trees whose shapes, precisions and everything else in them are these.
    [<Sealed>]
    type private Entry<'M>(leaves: List<Tensor>, statics: List<obj>, made: 'M) =
        let shapes = leaves |> Seq.map (fun t -> t.Node.Shape) |> Seq.toArray
        let dtypes = leaves |> Seq.map (fun t -> t.Node.DType) |> Seq.toArray
        let statics = statics.ToArray()

        member _.Made = made

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

    /// What is made for arguments of a structure, at the first call with that structure.
    let perStructure (make: 'X -> 'M) : 'X -> List<Tensor> -> List<obj> -> 'M =
        let table = Dictionary<int, List<Entry<'M>>>()

        fun x leaves statics ->
            let key = hash leaves statics

            lock table (fun () ->
                match table.TryGetValue key with
                | true, _ -> ()
                | _ -> table[key] <- List()

                let entries = table[key]

                match entries.FindIndex(fun e -> e.Fits(leaves, statics)) with
                | -1 ->
                    let made = make x
                    entries.Add(Entry(leaves, statics, made))
                    made
                | i -> entries[i].Made)

    /// The plan for concrete arguments of a structure; none if the function uses a variable of a surrounding transformation.
    let private planner (f: 'X -> 'Y) : 'X -> List<Tensor> -> List<obj> -> (Program * (Node[] -> 'Y)) voption =
        perStructure (fun x ->
            let t = trace f x

            if Executor.isClosed t.Variables t.Outputs then
                ValueSome(Program(t.Variables, t.Outputs), t.Result)
            else
                ValueNone)

    let collect (x: 'X) : struct (List<Tensor> * List<obj>) =
        let leaves, statics = List<Tensor>(8), List<obj>(8)
        Tree.collect x leaves statics
        struct (leaves, statics)

    let areConcrete (leaves: List<Tensor>) = leaves.TrueForAll(fun t -> t.IsConcrete)

    let nodesOf (leaves: List<Tensor>) : Node[] =
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
