namespace Hesse

open System
open System.Collections.Generic
open Hesse.Tracing

/// Functions that are traced once and then run as plans.
module internal Compiled =
    /// Two argument trees share a plan when shapes, precisions and everything else in them are equal.
    [<CustomEquality; NoComparison>]
    type private Signature = {
        Shapes: int[][]
        DTypes: DType[]
        Statics: obj[]
    } with

        override a.Equals other =
            match other with
            | :? Signature as b ->
                a.Shapes = b.Shapes
                && a.DTypes = b.DTypes
                && a.Statics.Length = b.Statics.Length
                && Array.forall2 (fun (p: obj) q -> Object.Equals(p, q)) a.Statics b.Statics
            | _ -> false

        override a.GetHashCode() =
            let mutable hash = HashCode()

            for s in a.Shapes do
                for d in s do
                    hash.Add d

            for s in a.Statics do
                hash.Add s

            hash.ToHashCode()

    /// The plan for concrete arguments of this signature, made at the first call; None if the function uses a variable from outside.
    let private planner (f: 'X -> 'Y) : 'X * Tensor[] * obj[] -> (Program * (Node[] -> 'Y)) option =
        let plans = Dictionary<Signature, (Program * (Node[] -> 'Y)) option>()

        let build (x: 'X) =
            let t = trace f x

            if Executor.isClosed t.Variables t.Outputs then
                Some(Program(t.Variables, t.Outputs), t.Result)
            else
                None

        fun (x, leaves, statics) ->
            let signature = {
                Shapes = leaves |> Array.map (fun t -> t.Node.Shape)
                DTypes = leaves |> Array.map (fun t -> t.Node.DType)
                Statics = statics
            }

            lock plans (fun () ->
                match plans.TryGetValue signature with
                | true, plan -> plan
                | _ ->
                    let plan = build x
                    plans[signature] <- plan
                    plan)

    let compile (f: 'X -> 'Y) : 'X -> 'Y =
        let planFor = planner f

        fun x ->
            let leaves, statics, _ = Tree.flatten x

            if leaves |> Array.exists (fun t -> not t.IsConcrete) then
                f x
            else
                match planFor (x, leaves, statics) with
                | Some(program, result) -> result (program.Run(leaves |> Array.map (fun t -> t.Node)))
                | None -> f x

    let compileInto (f: 'X -> Tensor) : 'X -> float[] -> unit =
        let planFor = planner f

        fun x target ->
            let leaves, statics, _ = Tree.flatten x

            if leaves |> Array.exists (fun t -> not t.IsConcrete) then
                Shape.fail
                    "compileInto: an argument is inside a transformation and has no value yet; use compile, whose result is a tensor"

            match planFor (x, leaves, statics) with
            | Some(program, _) -> program.RunInto(leaves |> Array.map (fun t -> t.Node), target)
            | None ->
                Shape.fail
                    "compileInto: the function uses a variable of a surrounding transformation; use compile, whose result is a tensor"

    /// The table of the plan that a function would run; `operation` is who asks.
    let plan (operation: string) (f: 'X -> 'Y) (x: 'X) : PlanTable =
        let t = trace f x

        if not (Executor.isClosed t.Variables t.Outputs) then
            Shape.fail
                $"{operation}: the function uses a variable of a surrounding transformation; {operation} the outermost function instead"

        Program(t.Variables, t.Outputs).Plan.Table()
