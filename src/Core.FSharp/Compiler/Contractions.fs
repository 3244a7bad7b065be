namespace Hesse

open System.Collections.Generic
open Hesse.Linear
open Hesse.Movement

/// Contraction planning: sums of products that are nested across operations are evaluated in the cheapest order.
///
/// A matrix product or a sum is taken together with the products, broadcasts, transposes and reshapes below it that nothing else reads:
/// Σ δ[n, h] x[n, d] δ[m, h] x[m, d], say, for a product of per-sample gradients with themselves. If another order than the one
/// written takes clearly fewer operations (here the two Gram matrices, multiplied), it replaces them.
module internal Contractions =
    /// A new order is taken only if it costs less than this share of the old one: costs are estimates.
    [<Literal>]
    let private worthwhile = 0.5

    /// Larger products than this are left as they are.
    [<Literal>]
    let private mostOperands = 8

    let private isPrim (p: Primitive) (node: Node) = obj.ReferenceEquals(node.Prim, p) && not node.IsConcrete
    let private isProduct (node: Node) = isPrim Contraction.contractP node || isPrim mulP node

    /// Also a constant that repeats another one.
    let private isRepeat (node: Node) = obj.ReferenceEquals(node.Prim, broadcastP)

    /// Operations that cost nothing to repeat.
    let private isLayout (node: Node) = isRepeat node || isPrim transposeP node || isPrim reshapeP node

    // ----- one sum of products ------------------------------------------------------------------------------------

    /// Raised when a region is no sum of products over labels after all.
    exception private NotAProduct

    /// The operands of the product at a node, with labels.
    type private Region(members: HashSet<Node>) =
        let extents = Dictionary<int, int>()
        let halves = Dictionary<int, struct (int * int)>()
        let operands = List<struct (Node * int[][])>()
        let summed = List<int>()
        let mutable factor = 1.0

        let label (length: int) =
            let l = extents.Count
            extents[l] <- length
            l

        /// A label as the labels that it was split into.
        let rec resolve (l: int) : int list =
            match halves.TryGetValue l with
            | true, struct (a, b) -> resolve a @ resolve b
            | _ -> [ l ]

        let resolved (labels: int[]) = labels |> Seq.collect resolve |> Seq.toArray

        /// Labels of axes of the given lengths, from the same labels under another shape. Labels are split where axes end inside them.
        let regroup (axes: int[][]) (shape: int[]) : int[][] =
            let mutable labels =
                axes |> Array.collect resolved |> Array.filter (fun l -> extents[l] <> 1) |> List.ofArray

            let take (length: int) =
                let mutable rest = length

                [|
                    while rest > 1 do
                        match labels with
                        | l :: _ when extents[l] = 0 -> raise NotAProduct
                        | l :: tail when rest % extents[l] = 0 ->
                            rest <- rest / extents[l]
                            labels <- tail
                            l
                        | l :: tail when extents[l] % rest = 0 ->
                            let outer, inner = label rest, label (extents[l] / rest)
                            halves[l] <- struct (outer, inner)
                            labels <- inner :: tail
                            rest <- 1
                            outer
                        | _ -> raise NotAProduct
                |]

            shape |> Array.map take

        let rec visit (node: Node) (axes: int[][]) =
            if operands.Count >= mostOperands then
                raise NotAProduct

            match node.Attr with
            | Spread(_, from) when members.Contains node && isRepeat node ->
                visit node.Args[0] (from |> Array.map (fun a -> axes[a]))
            | Axes p when members.Contains node && isPrim transposeP node ->
                let below = Array.zeroCreate p.Length
                p |> Array.iteri (fun i a -> below[a] <- axes[i])
                visit node.Args[0] below
            | ToShape _ when members.Contains node && isPrim reshapeP node ->
                visit node.Args[0] (regroup axes node.Args[0].Shape)
            | Axes gone when members.Contains node && isPrim sumP node ->
                let mutable kept = List.ofArray axes

                let below =
                    node.Args[0].Shape
                    |> Array.mapi (fun i d ->
                        if Array.contains i gone then
                            summed.Add(label d)
                            [| summed[summed.Count - 1] |]
                        else
                            let head = kept.Head
                            kept <- kept.Tail
                            head)

                visit node.Args[0] below
            | Labels(la, lb, lo) when members.Contains node ->
                let axesOf = Dictionary<int, int[]>()
                Array.iter2 (fun l labels -> axesOf[l] <- labels) lo axes

                let named (labels: int[]) (shape: int[]) =
                    Array.map2
                        (fun l d ->
                            if not (axesOf.ContainsKey l) then
                                summed.Add(label d)
                                axesOf[l] <- [| summed[summed.Count - 1] |]

                            axesOf[l])
                        labels
                        shape

                let a, b = named la node.Args[0].Shape, named lb node.Args[1].Shape
                visit node.Args[0] a
                visit node.Args[1] b
            | _ when members.Contains node && isPrim mulP node ->
                visit node.Args[0] axes
                visit node.Args[1] axes
            | _ when members.Contains node && isPrim negP node ->
                factor <- -factor
                visit node.Args[0] axes
            | _ ->
                match node.Uniform with
                | ValueSome u -> factor <- factor * u
                | ValueNone -> operands.Add(struct (node, axes))

        /// The product of a region with this root: the new node, and its cost by the same measure as that of the old ones.
        member _.Plan(root: Node) : struct (((Node -> Node) -> Node) * float) =
            let axes = root.Shape |> Array.map (fun d -> [| label d |])
            visit root axes
            let out = axes |> Array.collect resolved
            let extent l = extents[l]

            let all =
                operands
                |> Seq.map (fun (struct (node, axes)) -> struct (node, axes |> Array.collect resolved))
                |> Seq.toArray

            if all.Length = 0 || root.Shape |> Array.contains 0 then
                raise NotAProduct

            let covered = HashSet<int>(all |> Seq.collect (fun (struct (_, labels)) -> labels))

            // Summing over what no operand has is a multiplication.
            let repeats =
                summed
                |> Seq.collect resolve
                |> Seq.filter (covered.Contains >> not)
                |> Seq.fold (fun n l -> n * float extents[l]) 1.0

            let _, cost = Network.plan extent (all |> Array.map (fun (struct (_, labels)) -> labels)) out

            let build (image: Node -> Node) =
                let operand (struct (node: Node, labels: int[])) : Network.Operand = {
                    Node = reshape (labels |> Array.map extent) (image node)
                    Labels = labels
                }

                let product = Network.contract extent (all |> Array.map operand) out |> reshape root.Shape
                let scaling = factor * repeats
                if scaling = 1.0 then product else scale scaling product

            struct (build, cost)

    /// The nodes that are evaluated together with a root: what it reads through products, sums and changes of layout that only they read.
    let private membersOf (root: Node) (usersOf: Node -> List<Node>) =
        let members = HashSet<Node>(HashIdentity.Reference)
        members.Add root |> ignore
        let mutable grows = true

        let joins (node: Node) =
            not (members.Contains node)
            && (isLayout node
                || ((isProduct node || isPrim sumP node || isPrim negP node)
                    && (usersOf node).TrueForAll(fun user -> members.Contains user)))

        while grows do
            let found = [
                for m in members do
                    for a in m.Args do
                        if joins a then
                            a
            ]

            grows <- not found.IsEmpty
            members.UnionWith found

        members

    /// What the members cost as they are; layout is free where it is read by a fused loop or a matrix product.
    let private costAsWritten (members: HashSet<Node>) =
        members |> Seq.sumBy (fun n -> if isLayout n then 0.0 else Network.nodeCost n)

    // ----- joined operands ----------------------------------------------------------------------------------------

    /// Pieces of a node that is joined along an axis, seen through reshapes that leave that axis alone.
    let private piecesAlong (axis: int) (node: Node) : Node[] option =
        if isPrim concatP node && (axesOf node.Attr)[0] = axis then
            Some node.Args
        else
            None

    /// A sum over the axis along which both operands are joined, in the same lengths, is a sum over the pieces.
    let private splitJoined (find: Node -> Node) (node: Node) : Node option =
        match node.Attr with
        | Labels(la, lb, lo) when isPrim Contraction.contractP node ->
            let first, second = find node.Args[0], find node.Args[1]

            la
            |> Array.filter (fun l -> not (Array.contains l lo))
            |> Array.tryPick (fun l ->
                let i, j = System.Array.IndexOf(la, l), System.Array.IndexOf(lb, l)

                match piecesAlong i first, piecesAlong j second with
                | Some a, Some b when
                    Array.map (fun (x: Node) -> x.Shape[i]) a = Array.map (fun (x: Node) -> x.Shape[j]) b
                    ->
                    Some(Array.map2 (fun x y -> Contraction.contract la lb lo x y) a b |> Array.reduce add)
                | _ -> None)
        | _ -> None

    // ----- the pass -----------------------------------------------------------------------------------------------

    /// The graph with every node replaced for which `replace` (told how to find what has become of a node) has another one.
    let private rewrite (replace: (Node -> Node) -> Node -> Node option) (outputs: Node[]) : Node[] =
        let image = Dictionary<Node, Node>(HashIdentity.Reference)

        let find (node: Node) =
            match image.TryGetValue node with
            | true, there -> there
            | _ -> node

        for node in Graph.order 1L outputs do
            match replace find node with
            | Some other -> image[node] <- other
            | None ->
                let args = node.Args |> Array.map find

                if not (Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) args node.Args) then
                    image[node] <- Graph.bind node.Prim node.Attr args

        outputs |> Array.map find

    let private users (outputs: Node[]) =
        let table = Dictionary<Node, List<Node>>(HashIdentity.Reference)

        for node in Graph.order 1L outputs do
            table[node] <- List()

            for arg in node.Args do
                match table.TryGetValue arg with
                | true, list -> list.Add node
                | _ -> ()

        // What is read from outside has a reader that belongs to no region.
        for output in outputs do
            match table.TryGetValue output with
            | true, list -> list.Add null
            | _ -> ()

        table

    let private replan (outputs: Node[]) : Node[] =
        let table = users outputs
        let usersOf (node: Node) = table[node]

        let isRoot (node: Node) =
            (isPrim Contraction.contractP node || isPrim sumP node)
            && node.Args |> Array.exists (fun a -> isProduct a || isLayout a)

        let replace find (node: Node) =
            if not (isRoot node) then
                None
            else
                let members = membersOf node usersOf

                if members |> Seq.filter isProduct |> Seq.length < 2 then
                    None
                else
                    try
                        let region = Region members
                        let struct (build, cost) = region.Plan node
                        if cost < worthwhile * costAsWritten members then Some(build find) else None
                    with NotAProduct ->
                        None

        rewrite replace outputs

    /// The same outputs, sums of products in the cheapest order.
    let apply (outputs: Node[]) : Node[] =
        let hasProducts = Graph.order 1L outputs |> Array.exists (isPrim Contraction.contractP)

        if hasProducts then
            // Pieces are found in the rewritten graph, where their users are gone.
            outputs |> rewrite splitJoined |> replan
        else
            outputs
