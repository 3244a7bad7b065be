namespace Hesse

/// A product in which parameters of a function meet something else: the gradient of any scalar with respect to parameter (d, i, o) is
/// Σ_r a[d, r, i] · g[d, r, o], with a what the parameters are multiplied with and g the gradient with respect to the product.
type ObservedProduct = {
    /// Place of parameter (d, i, o) in the raveled parameters; row-major [Groups; Inputs; Outputs], all different.
    Positions: int[]
    /// Number of groups that do not see each other; 1 for a matrix product, groups for a grouped convolution, heads for a batch of matrices.
    Groups: int
    /// Length of a for each group and place; with the one of a joined bias.
    Inputs: int
    /// Length of g for each group and place.
    Outputs: int
    /// How often the parameters are used in one evaluation: positions of a sequence, places of a convolution, several calls.
    Places: int
    /// Whether the last of the inputs stands for a bias that is added to the product.
    HasBias: bool
}

/// Parameters that meet nothing in a product of which `ObservedProduct` could speak.
type UnobservedParameters = {
    /// Which tensor of the parameters, in the order of `Tree.leaves`.
    Leaf: int
    /// Their places in the raveled parameters, ascending.
    Positions: int[]
    /// What they meet instead.
    Reason: string
}

/// A function whose products are visible.
[<Sealed>]
type ObservedFunction<'P, 'X, 'Y>
    internal
    (
        products: ObservedProduct[],
        others: UnobservedParameters[],
        shifts: Tensor[],
        apply: 'P -> 'X -> Tensor[] -> 'Y * Tensor[]
    ) =
    /// The products, in the order of evaluation.
    member _.Products = products

    /// The parameters of which no product speaks, by tensor.
    member _.Others = others

    /// Zeros in the shape of the shifts: [Groups; Places; Outputs] for each product.
    member _.NoShifts = shifts

    /// <summary>The function with something added to each product, and what the parameters are multiplied with.</summary>
    /// <param name="parameters">θ, of the shapes that were observed.</param>
    /// <param name="x">The argument, of the shapes that were observed.</param>
    /// <param name="shifts">Added to the products, [Groups; Places; Outputs] each. The derivative with respect to them is g.</param>
    /// <returns>f(θ, x), and a of each product, [Groups; Places; Inputs]. It can be differentiated, batched and compiled like any function.</returns>
    member _.Apply(parameters: 'P, x: 'X, shifts: Tensor[]) : 'Y * Tensor[] = apply parameters x shifts

open System.Collections.Generic
open Hesse.Linear
open Hesse.Tracing

/// Where the parameters of a function meet something else in a product: found in the graph, whatever the program that wrote it.
///
/// Parameters are followed through operations that only move them (reshape, transpose, slice, broadcast, concatenation, …) or scale them all
/// by one number. They may be one vector that is cut into matrices, be used several times, or be windows of a convolution.
[<RequireQualifiedAccess>]
module ParameterProducts =
    let private isPrim (prim: Primitive) (node: Node) = obj.ReferenceEquals(node.Prim, prim)

    // ----- where parameters go -----

    /// A tensor made of parameters: for each element 1 + the place of its parameter (0 for none), and the number that they are scaled by.
    [<NoComparison; ReferenceEquality>]
    type private Placement = { Ids: Node; Scale: float }

    let private movers =
        HashSet<string>(
            [
                reshapeP
                broadcastP
                Movement.transposeP
                Movement.sliceP
                Movement.padP
                Movement.concatP
                Movement.gatherP
                Windows.windowsP
            ]
            |> List.map (fun p -> p.Name)
        )

    /// The operation on identities instead of values, if all that it does is to move or scale. `find` tells what is placed already.
    let private moved (find: Node -> Placement option) (node: Node) : Placement option =
        let placed = node.Args |> Array.map find
        let scales = placed |> Array.choose (Option.map (fun p -> p.Scale)) |> Array.distinct

        let isFixed i = placed[i].IsSome || node.Args[i].IsConcrete

        if scales.Length <> 1 || not (Seq.forall isFixed (seq { 0 .. placed.Length - 1 })) then
            None
        elif movers.Contains node.Prim.Name then
            let ids i (arg: Node) =
                match placed[i] with
                | Some p -> p.Ids
                | None when isPrim Movement.gatherP node && i = 1 -> arg
                | None -> Graph.zeros arg.Shape

            let onIds = Graph.bind node.Prim node.Attr (node.Args |> Array.mapi ids)
            Some { Ids = onIds; Scale = scales[0] }
        elif isPrim negP node then
            placed[0] |> Option.map (fun p -> { p with Scale = -p.Scale })
        elif isPrim Precision.toFloat32P node || isPrim Precision.toFloat64P node then
            placed[0]
        elif isPrim mulP node then
            match placed, node.Args |> Array.map (fun a -> a.Uniform) with
            | [| Some p; None |], [| _; ValueSome c |]
            | [| None; Some p |], [| ValueSome c; _ |] when c <> 0.0 -> Some { p with Scale = p.Scale * c }
            | _ -> None
        else
            None

    /// 1, 2, 3, … in a shape. Identities are float64 whatever the precision of what they stand for.
    let private numbered (first: int) (shape: int[]) =
        Graph.constant shape (Array.init (Shape.length "observe" shape) (fun i -> float (first + i)))

    // ----- products -----

    /// One use of parameters in a product.
    [<NoComparison; ReferenceEquality>]
    type private Use = {
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

    let private size (length: int -> int) (labels: int[]) = labels |> Array.fold (fun n l -> n * length l) 1

    /// The elements of a tensor with its axes in the order of `target`; where it is the same along an axis, the first along it.
    let private elements (labels: int[]) (target: int[]) (node: Node) : int[] =
        let strides = Shape.strides node.Shape
        let shape = target |> Array.map (fun l -> node.Shape[System.Array.IndexOf(labels, l)])
        let steps = target |> Array.map (fun l -> strides[System.Array.IndexOf(labels, l)])
        let inner = Shape.strides shape

        Array.init (Array.fold (*) 1 shape) (fun e ->
            let mutable at = 0L

            for d in 0 .. shape.Length - 1 do
                at <- at + (int64 e / inner[d] % int64 shape[d]) * steps[d]

            int node.Data[int at])

    /// Whether a tensor is the same all along an axis.
    let private isConstantAlong (axis: int) (node: Node) =
        let stride = int (Shape.strides node.Shape).[axis]
        let length = node.Shape[axis]
        let data = node.Data

        Seq.forall (fun i -> (i / stride % length = 0) || data[i] = data[i - stride]) (seq { 0 .. data.Length - 1 })

    /// What stands below a broadcast, with the axes that it has there.
    let private belowBroadcast (node: Node) =
        match node.Attr with
        | Spread(_, axes) when isPrim broadcastP node -> node.Args[0], axes
        | _ -> node, [| 0 .. node.Shape.Length - 1 |]

    /// The use of parameters, argument i of a product; or why it is none that has a Kronecker structure.
    let private useOf (placement: Placement) (node: Node) (i: int) : Result<Use, string> =
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
    type private Bias = { Sum: Node; Ids: int[]; Column: float }

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

    // ----- putting it together -----

    /// Several uses of the same parameters in the same roles, with the bias of each.
    [<NoComparison; ReferenceEquality>]
    type private Family = {
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
    type private Meeting = { Parameters: Placement; Reader: Node option; Met: Result<Use, string> }

    /// Uses of the same parameters in the same roles, with their bias where it has no other use.
    let private familiesOf joinBiases readers placed (total: int) (meetings: Meeting[]) : Family[] =
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

    let private describe (f: Family) : ObservedProduct =
        let u = f.Uses[0]

        let groups, inputs, outputs =
            size u.Length u.GroupLabels, size u.Length u.InputLabels, size u.Length u.OutputLabels

        let extra = if f.Biases.Length > 0 then 1 else 0

        let positions =
            Array.init (groups * (inputs + extra) * outputs) (fun e ->
                let d, i, o = e / outputs / (inputs + extra), e / outputs % (inputs + extra), e % outputs

                if i < inputs then
                    u.Ids[(d * inputs + i) * outputs + o] - 1
                else
                    f.Biases[0].Ids[d * outputs + o] - 1)

        {
            Positions = positions
            Groups = groups
            Inputs = inputs + extra
            Outputs = outputs
            Places = f.Uses |> Array.sumBy (fun u -> size u.Length u.PlaceLabels)
            HasBias = (extra = 1)
        }

    /// The function's graph with shifts added to its products, and what the parameters are multiplied with there.
    let private withShifts (order: Node[]) (outputs: Node[]) (families: (Family * Node)[]) : Node[] * Node[] =
        let shiftOf = Dictionary<Node, Node>(HashIdentity.Reference)

        for family, shift in families do
            let mutable start = 0

            for u in family.Uses do
                let places = size u.Length u.PlaceLabels

                let part =
                    Movement.slice
                        [| 0; start; 0 |]
                        [| shift.Shape[0]; start + places; shift.Shape[2] |]
                        [| 1; 1; 1 |]
                        shift

                start <- start + places
                let labels = Array.concat [ u.GroupLabels; u.PlaceLabels; u.OutputLabels ]
                let apart = reshape (labels |> Array.map u.Length) part

                let added =
                    Movement.transpose (u.ResultLabels |> Array.map (fun l -> System.Array.IndexOf(labels, l))) apart

                shiftOf[u.Product] <-
                    match shiftOf.TryGetValue u.Product with
                    | true, before -> add before added
                    | _ -> added

        let image = Dictionary<Node, Node>(HashIdentity.Reference)

        let find (node: Node) =
            match image.TryGetValue node with
            | true, there -> there
            | _ -> node

        for node in order do
            if node.Args.Length > 0 then
                let args = node.Args |> Array.map find

                let same =
                    if Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) args node.Args then
                        node
                    else
                        Graph.bind node.Prim node.Attr args

                image[node] <-
                    match shiftOf.TryGetValue node with
                    | true, shift -> add same shift
                    | _ -> same

        let factor (family: Family) =
            let parts =
                family.Uses
                |> Array.mapi (fun k u ->
                    let places, groups = size u.Length u.PlaceLabels, size u.Length u.GroupLabels
                    let target = Array.concat [ u.GroupLabels; u.PlaceLabels; u.InputLabels ]

                    let inputs =
                        Contraction.arrange u.Length target u.OtherLabels (find u.Other)
                        |> reshape [| groups; places; size u.Length u.InputLabels |]
                        |> scale u.Scale

                    if family.Biases.Length = 0 then
                        inputs
                    else
                        let column = Graph.fullOf inputs.DType [| groups; places; 1 |] family.Biases[k].Column
                        Movement.concat 2 [| inputs; column |])

            if parts.Length = 1 then parts[0] else Movement.concat 1 parts

        outputs |> Array.map find, families |> Array.map (fst >> factor)

    /// <summary>Finds the products in which the parameters of a function meet something else, and makes them visible.</summary>
    /// <param name="joinBiases">Whether a bias that is added to a product, the same at all its places, is one more row of its parameters.</param>
    /// <param name="f">From parameters and an argument to a tree. Its operations must not depend on values.</param>
    /// <param name="parameters">θ; a tree of P elements in all.</param>
    /// <param name="x">An argument; only shapes matter, of both.</param>
    /// <returns>The products, the parameters of which none speaks with the reason, and the function with shifts at the products.</returns>
    /// <remarks>
    /// Parameters that are used several times in the same roles (a layer that is called again) make one product with more places. Parameters in several roles
    /// (a matrix and its transpose), in one operand several times, inside a loop, or in any operation besides products, are among the others.
    /// Source of the idea: Eschenhagen, Immer, Turner, Schneider, Hennig 2023, "Kronecker-factored approximate curvature for modern neural
    /// network architectures", section 3; here the products are read off the graph.
    /// </remarks>
    let observe (joinBiases: bool) (f: 'P -> 'X -> 'Y) (parameters: 'P) (x: 'X) : ObservedFunction<'P, 'X, 'Y> =
        let t = trace (fun (p, x) -> f p x) (parameters, x)
        let leaves = Tree.leaves parameters
        let lengths = leaves |> Array.map (fun l -> l.Size)
        let starts = Array.scan (+) 0 lengths
        let own = t.Variables[.. leaves.Length - 1]
        let order = Graph.order (Substitute.oldest t.Variables) t.Outputs

        let placements = Dictionary<Node, Placement>(HashIdentity.Reference)

        let placed node =
            match placements.TryGetValue node with
            | true, p -> Some p
            | _ -> None

        own
        |> Array.iteri (fun i v -> placements[v] <- { Ids = numbered (starts[i] + 1) v.Shape; Scale = 1.0 })

        let readers = Dictionary<Node, List<Node * int>>(HashIdentity.Reference)

        for node in order do
            moved placed node |> Option.iter (fun p -> placements[node] <- p)

            node.Args
            |> Array.iteri (fun i arg ->
                match readers.TryGetValue arg with
                | true, list -> list.Add((node, i))
                | _ -> readers[arg] <- List [ node, i ])

        let outputSet = HashSet<Node>(t.Outputs, HashIdentity.Reference)

        let readersOf (node: Node) =
            match readers.TryGetValue node with
            | _ when outputSet.Contains node -> [||]
            | true, list -> list.ToArray()
            | _ -> [||]

        // Where parameters meet an operation that does more than to move them.
        let meetings = [|
            for node in order do
                match placed node with
                | Some p ->
                    if outputSet.Contains node then
                        yield { Parameters = p; Reader = None; Met = Error "is a result of the function" }

                    match readers.TryGetValue node with
                    | true, list ->
                        for reader, i in list do
                            if (placed reader).IsNone then
                                yield { Parameters = p; Reader = Some reader; Met = useOf p reader i }
                    | _ -> ()
                | None -> ()
        |]

        let total = Array.last starts
        let families = familiesOf joinBiases readersOf placed total meetings

        // For each parameter the family that it is in (from 1 on), and what it meets besides.
        let reasons: string[] = Array.zeroCreate total
        let memberOf = Array.zeroCreate total

        families
        |> Array.iteri (fun k f ->
            for id in f.Ids do
                if memberOf[id - 1] > 0 then
                    reasons[id - 1] <- "meets several products in different roles"

                memberOf[id - 1] <- k + 1)

        let joined =
            HashSet<Node>(
                families |> Seq.collect (fun f -> f.Biases |> Seq.map (fun b -> b.Sum)),
                HashIdentity.Reference
            )

        for m in meetings do
            match m.Met, m.Reader with
            | Error _, Some reader when joined.Contains reader -> ()
            | Error reason, _ ->
                for id in m.Parameters.Ids.Data do
                    if id > 0.0 then
                        reasons[int id - 1] <- reason
            | Ok _, _ -> ()

        let kept = families |> Array.filter (fun f -> f.Ids |> Array.forall (fun id -> isNull reasons[id - 1]))

        let observed = kept |> Array.map describe
        let isObserved = Array.zeroCreate total

        for product in observed do
            for position in product.Positions do
                isObserved[position] <- true

        let others =
            [| 0 .. leaves.Length - 1 |]
            |> Array.choose (fun i ->
                match [| starts[i] .. starts[i + 1] - 1 |] |> Array.filter (fun p -> not isObserved[p]) with
                | [||] -> None
                | positions ->
                    let reason =
                        positions
                        |> Array.tryPick (fun p -> Option.ofObj reasons[p])
                        |> Option.defaultValue (
                            if positions |> Array.exists (fun p -> memberOf[p] > 0) then
                                "shares a product with parameters that are used otherwise too"
                            else
                                "is not used"
                        )

                    Some { Leaf = i; Positions = positions; Reason = reason })

        let shifts =
            Array.map2
                (fun (f: Family) (p: ObservedProduct) ->
                    Graph.variableOf f.Uses[0].Product.DType [| p.Groups; p.Places; p.Outputs |])
                kept
                observed

        let outputs, factors = withShifts order t.Outputs (Array.zip kept shifts)
        let all = Array.append outputs factors
        let variables = Array.append t.Variables shifts

        let apply parameters x (given: Tensor[]) =
            let arguments = nodesOf (parameters, x)
            matching "observe" "argument" t.Variables arguments
            let given = given |> Array.map (fun s -> s.Node)
            matching "observe" "shift" shifts given
            let results = Executor.evaluate variables (Array.append arguments given) all
            t.Result results[.. outputs.Length - 1], results[outputs.Length ..] |> Array.map tensor

        ObservedFunction(observed, others, shifts |> Array.map (Graph.zerosLike >> tensor), apply)
