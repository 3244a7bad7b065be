namespace Hesse

open System.Collections.Generic
open Hesse.Linear
open Hesse.ParameterPlacement

/// Uses of parameters in products with a Kronecker structure.
module internal ProductUses =
    /// One use of parameters in a product.
    [<NoComparison; ReferenceEquality>]
    type Use = {
        Product: Node
        /// What the parameters are multiplied with, and its labels.
        Other: Node
        OtherLabels: int[]
        ResultLabels: int[]
        GroupLabels: int[]
        PlaceLabels: int[]
        InputLabels: int[]
        OutputLabels: int[]
        Length: int -> int
        Scale: float
        /// 1 + places of the parameters, [groups; inputs; outputs].
        Ids: int[]
    }

    let size (length: int -> int) (labels: int[]) = labels |> Array.fold (fun n l -> n * length l) 1

    /// What stands below a broadcast, with the axes that it has there.
    let private belowBroadcast (node: Node) =
        match node.Attr with
        | Spread(_, axes) when isPrim broadcastP node -> node.Args[0], axes
        | _ -> node, [| 0 .. node.Shape.Length - 1 |]

    /// The use of parameters, argument i of a product; or why it is none that has a Kronecker structure.
    let useOf (placement: Placement) (node: Node) (i: int) : Result<Use, string> =
        let labels =
            match node.Attr with
            | Labels(a, b, out) when isPrim Contraction.contractP node ->
                let mine, other = if i = 0 then a, b else b, a
                Some(mine, (node.Args[1 - i], other), out)
            | _ when isPrim mulP node ->
                let all = [| 0 .. node.Shape.Length - 1 |]
                Some(all, belowBroadcast node.Args[1 - i], all)
            | _ -> None

        match labels with
        | None -> Error $"enters '{node.Prim.Name}'"
        | Some(mine, (other, otherLabels), result) ->
            let length label =
                match System.Array.IndexOf(mine, label) with
                | -1 -> other.Shape[System.Array.IndexOf(otherLabels, label)]
                | axis -> placement.Ids.Shape[axis]

            let isKept l = Array.contains l result
            let isInOther l = Array.contains l otherLabels

            let varying =
                mine
                |> Array.indexed
                |> Array.filter (fun (axis, l) -> not (isKept l) || not (isConstantAlong axis placement.Ids))
                |> Array.map snd

            let inputs = varying |> Array.filter (isKept >> not)
            let groups = varying |> Array.filter (fun l -> isKept l && isInOther l)
            let outputs = varying |> Array.filter (fun l -> isKept l && not (isInOther l))
            let ids = elements mine (Array.concat [ groups; inputs; outputs ]) placement.Ids

            if ids |> Array.contains 0 then
                Error "stands beside constants in a product"
            elif (Array.distinct ids).Length < ids.Length then
                Error "occurs several times in one operand of a product"
            elif size length inputs * size length outputs = 1 then
                Error "is multiplied element by element"
            else
                Ok {
                    Product = node
                    Other = other
                    OtherLabels = otherLabels
                    ResultLabels = result
                    GroupLabels = groups
                    PlaceLabels = result |> Array.filter (fun l -> not (Array.contains l varying))
                    InputLabels = inputs
                    OutputLabels = outputs
                    Length = length
                    Scale = placement.Scale
                    Ids = ids
                }

    // ----- biases -----

    /// A bias that is added to a product: the operation that adds it, 1 + places [groups; outputs], and what stands for it beside the inputs.
    [<NoComparison; ReferenceEquality>]
    type Bias = { Sum: Node; Ids: int[]; Column: float }

    /// The bias that is added to a product or to what is only moved or scaled between, if nobody else reads either.
    let private biasOf (readers: Node -> (Node * int)[]) (placed: Node -> Placement option) (u: Use) : Bias option =
        let rec follow (node: Node) (trail: Placement) =
            match readers node with
            | [| (reader, i) |] when isPrim addP reader || isPrim subP reader ->
                match placed reader.Args[1 - i] with
                | Some bias -> read reader i trail bias
                | None -> None
            | [| (reader, _) |] ->
                moved (fun n -> if obj.ReferenceEquals(n, node) then Some trail else None) reader
                |> Option.bind (follow reader)
            | _ -> None

        and read (sum: Node) (i: int) (trail: Placement) (bias: Placement) =
            let there = trail.Ids.Data |> Array.map int
            let beside = bias.Ids.Data |> Array.map int
            let count = Shape.length "observe" u.Product.Shape

            // For each element of the product the bias that is added to it.
            let added = Array.zeroCreate (count + 1)
            Array.iter2 (fun t b -> added[t] <- b) there beside

            let isOneToOne =
                there.Length = count && (Array.distinct there).Length = count && not (Array.contains 0 there)

            let onProduct = Graph.constant u.Product.Shape (added[1..] |> Array.map float)

            let isConstant =
                u.PlaceLabels
                |> Array.forall (fun l -> isConstantAlong (System.Array.IndexOf(u.ResultLabels, l)) onProduct)

            let ids = elements u.ResultLabels (Array.append u.GroupLabels u.OutputLabels) onProduct

            if isOneToOne && isConstant && not (Array.contains 0 ids) && (Array.distinct ids).Length = ids.Length then
                // z = c p ± s β, hence ∂/∂β = (±s / c) Σ ∂/∂p.
                let signOf argument = if isPrim subP sum && argument = 1 then -1.0 else 1.0
                let column = bias.Scale * signOf (1 - i) / (trail.Scale * signOf i)
                Some { Sum = sum; Ids = ids; Column = column }
            else
                None

        follow u.Product { Ids = numbered 1 u.Product.Shape; Scale = 1.0 }

    /// Several uses of the same parameters in the same roles, with the bias of each.
    [<NoComparison; ReferenceEquality>]
    type Family = {
        Uses: Use[]
        Biases: Bias[]
    } with

        /// 1 + places of all its parameters.
        member f.Ids =
            if f.Biases.Length = 0 then
                f.Uses[0].Ids
            else
                Array.append f.Uses[0].Ids f.Biases[0].Ids

    /// Parameters that meet an operation (None: that are a result).
    [<NoComparison; ReferenceEquality>]
    type Meeting = { Parameters: Placement; Reader: Node option; Met: Result<Use, string> }

    /// Uses of the same parameters in the same roles, with their bias where it has no other use.
    let familiesOf joinBiases readers placed (total: int) (meetings: Meeting[]) : Family[] =
        // For each parameter the operations that it meets.
        let met = Array.init total (fun _ -> List<Node option>(1))

        for m in meetings do
            for id in m.Parameters.Ids.Data |> Array.distinct do
                if id > 0.0 then
                    met[int id - 1].Add m.Reader

        let meetsOnly (sums: Node[]) id =
            met[id - 1]
                .TrueForAll(fun reader ->
                    reader |> Option.exists (fun r -> sums |> Array.exists (fun s -> obj.ReferenceEquals(s, r))))

        meetings
        |> Array.choose (fun m -> Result.toOption m.Met)
        |> Array.groupBy (fun u -> size u.Length u.GroupLabels, size u.Length u.InputLabels, u.Ids)
        |> Array.map (fun (_, uses) ->
            let biases = if joinBiases then uses |> Array.choose (biasOf readers placed) else [||]

            let isCommon =
                biases.Length = uses.Length
                && biases |> Array.forall (fun b -> b.Ids = biases[0].Ids)
                && biases[0].Ids |> Array.forall (meetsOnly (biases |> Array.map (fun b -> b.Sum)))

            { Uses = uses; Biases = (if isCommon then biases else [||]) })
