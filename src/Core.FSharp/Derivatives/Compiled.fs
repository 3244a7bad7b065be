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

    let compile (f: 'X -> 'Y) : 'X -> 'Y =
        let plans = Dictionary<Signature, (Program * (Node[] -> 'Y)) option>()

        let build (x: 'X) =
            let t = trace f x

            if Executor.isClosed t.Variables t.Outputs then
                Some(Program(t.Variables, t.Outputs), t.Result)
            else
                None

        fun x ->
            let leaves, statics, _ = Tree.flatten x

            if leaves |> Array.exists (fun t -> not t.IsConcrete) then
                f x
            else
                let signature = {
                    Shapes = leaves |> Array.map (fun t -> t.Node.Shape)
                    DTypes = leaves |> Array.map (fun t -> t.Node.DType)
                    Statics = statics
                }

                let plan =
                    lock plans (fun () ->
                        match plans.TryGetValue signature with
                        | true, plan -> plan
                        | _ ->
                            let plan = build x
                            plans[signature] <- plan
                            plan)

                match plan with
                | Some(program, result) -> result (program.Run(leaves |> Array.map (fun t -> t.Node)))
                | None -> f x

    let explain (f: 'X -> 'Y) (x: 'X) : string =
        let t = trace f x

        if not (Executor.isClosed t.Variables t.Outputs) then
            Shape.fail
                "explain: the function uses a variable of a surrounding transformation; explain the outermost function instead"

        let plan = Program(t.Variables, t.Outputs).Plan

        String.Join(
            "\n",
            Seq.append (plan.Lines()) [
                $"{plan.Steps.Count} steps, {plan.Flops} FLOPs, {plan.Bytes} bytes moved, arena of {plan.ArenaBytes} bytes"
            ]
        )
