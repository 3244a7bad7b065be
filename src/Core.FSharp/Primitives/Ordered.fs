namespace Hesse

open System
open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear
open Hesse.Movement

/// Operations in which the order of the elements along an axis matters: running sums, linear recurrences, sorting.
module internal Ordered =
    let private directed attr =
        match attr with
        | Directed(axis, reverse) -> axis, reverse
        | _ -> 0, false

    let private lengths (shape: int[]) (axis: int) =
        let product = Array.fold (*) 1
        product shape[.. axis - 1], shape[axis], product shape[axis + 1 ..]

    /// The attribute under a leading batch axis.
    let private batched attr =
        let axis, reverse = directed attr
        Directed(axis + 1, reverse)

    /// Elements moved by one place along an axis, towards its end (or its start); a zero enters and the last one leaves.
    let private shift axis towardsStart (x: Node) =
        let rank = x.Shape.Length
        let none, one = Array.zeroCreate<int> rank, Array.init rank (fun i -> if i = axis then 1 else 0)
        let step = Array.create rank 1

        if x.Shape[axis] = 0 then x
        elif towardsStart then pad none one none (slice one x.Shape step x)
        else pad one none none (slice none (Array.map2 (-) x.Shape one) step x)

    let rec cumulativeSumP: Primitive = {
        Name = "cumulativeSum"
        Doc = "Sums of the elements up to each place of an axis, from its start or from its end."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Linear(fun _ -> true)
        Transpose =
            Some(fun attr _ ct _ ->
                let axis, reverse = directed attr
                cumulativeSum axis (not reverse) ct)
        Batch = fun p attr args _ _ -> bind p (batched attr) args
        Simplify = fun attr args -> if args[0].Shape[fst (directed attr)] <= 1 then Some args[0] else None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let axis, reverse = directed attr
                let outer, size, inner = lengths s[0] axis
                [ RecurrenceStep(outer, size, inner, -1, slots[0], out, reverse) ])
    }

    and cumulativeSum (axis: int) (reverse: bool) a = bind cumulativeSumP (Directed(axis, reverse)) [| a |]

    /// z_i = a_i z_{i−1} + b_i along an axis, from z = 0; reversed, z_i = a_i z_{i+1} + b_i. Linear in b, and closed under
    /// differentiation: dz_i = a_i dz_{i−1} + (da_i z_{i−1} + db_i). No division, so zeros are no special case.
    let rec recurrenceP: Primitive = {
        Name = "recurrence"
        Doc = "The solution z of zᵢ = aᵢ zᵢ₋₁ + bᵢ along an axis, from its start or from its end."
        Shape = fun _ s -> Shape.same "recurrence" s
        Derivative =
            Derivative.Rule(fun attr args z dargs ->
                let axis, reverse = directed attr
                let byFactor = dargs[0] |> Option.map (fun da -> mul da (shift axis reverse z))

                let addend =
                    match byFactor, dargs[1] with
                    | Some a, Some b -> Some(add a b)
                    | one, None
                    | None, one -> one

                addend |> Option.map (recurrence axis reverse args[0]))
        Transpose =
            // wᵢ = ctᵢ + aᵢ₊₁ wᵢ₊₁: the recurrence backwards, each factor one place earlier.
            Some(fun attr args ct i ->
                if i = 0 then
                    invalidOp "recurrence is not linear in its factors"

                let axis, reverse = directed attr
                recurrence axis (not reverse) (shift axis (not reverse) args[0]) ct)
        Batch = fun p attr args flags n -> batchElementwise p (batched attr) args flags n
        Simplify = fun attr args -> if args[0].Shape[fst (directed attr)] <= 1 then Some args[1] else None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let axis, reverse = directed attr
                let outer, size, inner = lengths s[0] axis
                [ RecurrenceStep(outer, size, inner, slots[0], slots[1], out, reverse) ])
    }

    and recurrence (axis: int) (reverse: bool) a b = bind recurrenceP (Directed(axis, reverse)) [| a; b |]

    /// Products of the elements up to each place: the recurrence with these factors that starts from the first one.
    let cumulativeProduct (axis: int) (reverse: bool) (x: Node) =
        if x.Shape[axis] = 0 then
            x
        else
            let rank, last = x.Shape.Length, x.Shape[axis] - 1
            let only i value = Array.init rank (fun d -> if d = axis then value else i d)
            let place = if reverse then last else 0

            let first =
                slice (only (fun _ -> 0) place) (only (fun d -> x.Shape[d]) (place + 1)) (Array.create rank 1) x

            let start =
                pad (only (fun _ -> 0) place) (only (fun _ -> 0) (last - place)) (Array.zeroCreate rank) first

            recurrence axis reverse x start

    /// The stable order along the last axis; whole numbers, derivative zero.
    let argsortP: Primitive = {
        Name = "argsort"
        Doc = "Indices that sort the last axis, stable; NaN comes last."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Zero
        Transpose = None
        Batch = fun p attr args _ _ -> bind p (batched attr) args
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let axis, descending = directed attr
                let outer, size, _ = lengths s[0] axis
                [ ArgSortStep(outer, size, slots[0], out, descending) ])
    }

    /// The place of the largest element so far along the last axis; whole numbers, derivative zero.
    let runningArgMaxP: Primitive = {
        Name = "runningArgMax"
        Doc = "Along the last axis, the index of the first largest element up to each place; NaN counts as largest."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Zero
        Transpose = None
        Batch = fun p attr args _ _ -> bind p attr args
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun _ s _ slots out ->
                let outer, size, _ = lengths s[0] (s[0].Length - 1)
                [ RunningArgMaxStep(outer, size, slots[0], out) ])
    }

    /// The axis last, and the permutation that puts it back.
    let private lastAxis axis rank =
        let there = Array.append (Array.except [ axis ] [| 0 .. rank - 1 |]) [| axis |]
        let back = Array.init rank (fun d -> Array.IndexOf(there, d))
        there, back

    /// The elements at the first `count` places of the order along an axis, and their indices.
    let private ordered axis descending count (x: Node) =
        let rank = x.Shape.Length
        let there, back = lastAxis axis rank
        let rows = transpose there x
        let all = bind argsortP (Directed(rank - 1, descending)) [| rows |]
        let stop = Array.updateAt (rank - 1) count rows.Shape
        let indices = slice (Array.zeroCreate rank) stop (Array.create rank 1) all
        lazy (transpose back (gather (rank - 1) rows indices)), transpose back indices

    let sort axis descending (x: Node) =
        let values, _ = ordered axis descending x.Shape[axis] x
        values.Value

    let argsort axis descending (x: Node) = snd (ordered axis descending x.Shape[axis] x)

    let top axis count (x: Node) =
        let values, indices = ordered axis true count x
        values.Value, indices

    /// Elements along an axis at indices that differ from row to row.
    let takeAlong axis (indices: Node) (x: Node) =
        let rank = x.Shape.Length
        let there, back = lastAxis axis rank
        transpose back (gather (rank - 1) (transpose there x) (transpose there indices))

    let cumulativeMax axis (x: Node) =
        let rank = x.Shape.Length
        let there, back = lastAxis axis rank
        let rows = transpose there x
        transpose back (gather (rank - 1) rows (bind runningArgMaxP NoAttr [| rows |]))

    /// The primitives of this file, in order.
    let primitives = [ cumulativeSumP; recurrenceP; argsortP; runningArgMaxP ]
