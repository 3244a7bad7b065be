namespace Hesse

open System
open System.Collections.Generic
open System.Numerics
open Hesse.Linear
open Hesse.Movement

/// Products of several tensors over index labels (n-ary einsums), evaluated two at a time in the cheapest order.
///
/// Every axis of an operand has a label, all distinct within the operand. The result names the labels that stay; the others are
/// summed over.
module internal Network =
    /// A tensor with a label for every axis.
    [<NoComparison; ReferenceEquality>]
    type Operand = { Node: Node; Labels: int[] }

    /// The order of evaluation: operand numbers at the leaves.
    type Order =
        | Operand of int
        | Pair of Order * Order

    /// One element read or written costs as much as this many floating-point operations of a matrix product: 0.3 ns from the
    /// second-level cache against 0.03 ns at 30 GFLOP/s.
    [<Literal>]
    let private elementCost = 8.0

    let private volume (extent: int -> int) (labels: int seq) = labels |> Seq.fold (fun n l -> n * float (extent l)) 1.0

    /// Cost of multiplying two operands and summing over the labels that the result lacks, in operations.
    let pairCost (extent: int -> int) (a: int[]) (b: int[]) (result: int[]) =
        let all = Array.append a (Array.except a b)
        let operations = volume extent all * (if all.Length > result.Length then 2.0 else 1.0)
        operations + elementCost * (volume extent a + volume extent b + volume extent result)

    /// More operands than this are put together greedily.
    [<Literal>]
    let private exhaustive = 8

    /// The labels of a group of operands that its product must keep: those that the result or another operand has.
    let private keptBy (operands: int[][]) (out: int[]) (isMember: int -> bool) =
        let inside, outside = HashSet<int>(), HashSet<int>(out)

        operands |> Array.iteri (fun i labels -> (if isMember i then inside else outside).UnionWith labels)

        inside.IntersectWith outside
        Seq.toArray inside

    /// The cheapest order over all ways to pair the operands, and its cost.
    let private cheapest (extent: int -> int) (operands: int[][]) (out: int[]) : Order * float =
        let count = operands.Length

        let labels =
            Array.init (1 <<< count) (fun group -> lazy (keptBy operands out (fun i -> group &&& (1 <<< i) <> 0)))

        let best = Array.create (1 <<< count) (Operand -1, infinity)

        for group in 1 .. (1 <<< count) - 1 do
            if BitOperations.PopCount(uint32 group) = 1 then
                best[group] <- Operand(BitOperations.TrailingZeroCount group), 0.0
            else
                let lowest = group &&& -group
                // Every split in two, the part with the lowest operand first.
                let mutable part = (group - 1) &&& group

                while part > 0 do
                    if part &&& lowest <> 0 then
                        let other = group ^^^ part
                        let first, second = best[part], best[other]

                        // A group's own labels are known when it is an operand as it is.
                        let own (g: int) =
                            if BitOperations.PopCount(uint32 g) = 1 then
                                operands[BitOperations.TrailingZeroCount g]
                            else
                                labels[g].Value

                        let cost = snd first + snd second + pairCost extent (own part) (own other) labels[group].Value

                        if cost < snd best[group] then
                            best[group] <- Pair(fst first, fst second), cost

                    part <- (part - 1) &&& group

        best[(1 <<< count) - 1]

    /// Pairs whose product costs least first.
    let private greedy (extent: int -> int) (operands: int[][]) (out: int[]) : Order * float =
        let rec reduce (terms: (Order * int[]) list) total =
            match terms with
            | [ order, _ ] -> order, total
            | _ ->
                let terms = Array.ofList terms

                let kept i j =
                    let outside = HashSet<int>(out)

                    terms
                    |> Array.iteri (fun k (_, ls) ->
                        if k <> i && k <> j then
                            outside.UnionWith ls)

                    Array.append (snd terms[i]) (snd terms[j]) |> Array.distinct |> Array.filter outside.Contains

                let i, j, cost =
                    [
                        for i in 0 .. terms.Length - 1 do
                            for j in i + 1 .. terms.Length - 1 do
                                i, j, pairCost extent (snd terms[i]) (snd terms[j]) (kept i j)
                    ]
                    |> List.minBy (fun (_, _, cost) -> cost)

                let rest = [
                    for k in 0 .. terms.Length - 1 do
                        if k <> i && k <> j then
                            terms[k]
                ]

                reduce (rest @ [ Pair(fst terms[i], fst terms[j]), kept i j ]) (total + cost)

        reduce (operands |> Array.mapi (fun i labels -> Operand i, labels) |> List.ofArray) 0.0

    /// An order of evaluation for operands with these labels, and its cost in operations.
    let plan (extent: int -> int) (operands: int[][]) (out: int[]) : Order * float =
        if operands.Length = 1 then Operand 0, volume extent operands[0]
        elif operands.Length <= exhaustive then cheapest extent operands out
        else greedy extent operands out

    // ----- evaluation ---------------------------------------------------------------------------------------------

    let private place (labels: int[]) (l: int) = Array.IndexOf(labels, l)
    let private has (labels: int[]) (l: int) = Array.contains l labels

    /// The operand with axes in the order of `labels`, repeated along those that it lacks.
    let arrange (extent: int -> int) (labels: int[]) (x: Operand) : Node =
        Contraction.arrange extent labels x.Labels x.Node

    /// Sums over the labels of one operand that are not wanted.
    let private narrow (wanted: int -> bool) (x: Operand) =
        let gone = x.Labels |> Array.filter (wanted >> not)

        if gone.Length = 0 then
            x
        else
            {
                Node = sum (gone |> Array.map (place x.Labels) |> Array.sort) x.Node
                Labels = Array.except gone x.Labels
            }

    /// The product of two operands, summed down to `kept`, in the order of axes that costs least; `target` names an order that is preferred.
    let private multiply (kept: int[]) (target: int[] option) (a: Operand) (b: Operand) : Operand =
        let natural () =
            let both = kept |> Array.filter (fun l -> has a.Labels l && has b.Labels l)
            let only (x: Operand) = x.Labels |> Array.filter (fun l -> has kept l && not (has both l))

            match only a, only b with
            | _, [||] -> a.Labels |> Array.filter (has kept)
            | [||], _ -> b.Labels |> Array.filter (has kept)
            | freeA, freeB -> Array.concat [ both; freeA; freeB ]

        let labels = target |> Option.defaultWith natural

        {
            Node = Contraction.contract a.Labels b.Labels labels a.Node b.Node
            Labels = labels
        }

    /// Σ over the labels that are not in `out` of the product of the operands; axes in the order of `out`.
    /// Labels of the result that no operand has repeat it. There must be an operand.
    let contract (extent: int -> int) (operands: Operand[]) (out: int[]) : Node =
        let covered = out |> Array.filter (fun l -> operands |> Array.exists (fun x -> has x.Labels l))

        /// A label that stays: the result has it, or an operand besides number i.
        let staysOutside i l =
            has covered l || operands |> Array.indexed |> Array.exists (fun (j, x) -> j <> i && has x.Labels l)

        let operands = operands |> Array.mapi (fun i x -> narrow (staysOutside i) x)
        let order, _ = plan extent (operands |> Array.map (fun x -> x.Labels)) covered

        let rec members =
            function
            | Operand i -> [ i ]
            | Pair(a, b) -> members a @ members b

        let rec evaluate target order =
            match order with
            | Operand i -> operands[i]
            | Pair(a, b) ->
                let inside = members order
                let isMember i = List.contains i inside
                let kept = keptBy (operands |> Array.map (fun x -> x.Labels)) covered isMember
                multiply kept target (evaluate None a) (evaluate None b)

        arrange extent out (evaluate (Some covered) order)

    /// Operations that a node costs, counted as for pairs; any operation but a contraction as one pass over its result.
    let nodeCost (node: Node) : float =
        match node.Attr, node.Prim.Lower with
        | _, Lowering.View
        | _, Lowering.Input -> 0.0
        | Labels(a, b, out), _ when obj.ReferenceEquals(node.Prim, Contraction.contractP) ->
            let extents = Dictionary<int, int>()
            Array.iter2 (fun l d -> extents[l] <- d) a node.Args[0].Shape
            Array.iter2 (fun l d -> extents[l] <- d) b node.Args[1].Shape
            pairCost (fun l -> extents[l]) a b out
        | _ -> elementCost * float (Shape.size node.Shape)
