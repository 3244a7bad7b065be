namespace Hesse

/// A product in which parameters of a function meet something else: the gradient of any scalar with respect to parameter (d, i, o) is
/// Σ_r a[d, r, i] · g[d, r, o], with a what the parameters are multiplied with and g the gradient with respect to the product.
[<RequireQualifiedAccess>]
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
[<RequireQualifiedAccess>]
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
open Hesse.ParameterPlacement
open Hesse.ProductUses
open Hesse.Tracing

/// Where the parameters of a function meet something else in a product: found in the graph, whatever the program that wrote it.
///
/// Parameters are followed through operations that only move them (reshape, transpose, slice, broadcast, concatenation, …) or scale them all
/// by one number. They may be one vector that is cut into matrices, be used several times, or be windows of a convolution.
[<RequireQualifiedAccess>]
module ParameterProducts =
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

                    let other: UnobservedParameters = { Leaf = i; Positions = positions; Reason = reason }
                    Some other)

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
