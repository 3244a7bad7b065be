namespace Hesse

open System.Collections.Generic
open Hesse.Linear
open Hesse.Movement

/// A linear graph applied to all unit directions of one node, with what is known of these directions kept.
///
/// The batch of unit directions of a variable of shape [d; h] is δ(B₀, d)·δ(B₁, h), a product of Kronecker deltas between batch
/// labels and axis labels, and stays a sum of few products on its way through the graph: a product with the inputs turns δ(B₀, d) into
/// X[n, B₀], an elementwise factor is one more factor. The factors are multiplied out only where an operation needs the elements, or
/// at the end, in the cheapest order (`Network`). For a Hessian block of two layers of a network this is the sum over data of outer products,
/// some ten times cheaper than Hessian-vector products along a basis. Compare the "structured derivatives" of Novak,
/// Sohl-Dickstein and Schoenholz 2022, "Fast finite width neural tangent kernel", which are rules by layer; here they follow from the graph.
module internal Factored =
    /// Scale · Π δ(batch label, axis label) · Π factors. An axis label that has a delta occurs in no factor: its batch label does.
    [<NoComparison; ReferenceEquality>]
    type private Term = { Scale: float; Deltas: (int * int) list; Factors: Network.Operand list }

    /// The batch of values of a node: labels of every axis (an axis may have several, row-major, or none if its length is 1), and a sum of terms.
    [<NoComparison; ReferenceEquality>]
    type private Value = { Axes: int[][]; Terms: Term list }

    /// More terms than this are added up.
    [<Literal>]
    let private manyTerms = 4

    /// The walk through the graph for the unit directions of one node; `isLinear` tells the nodes that depend on any of the linear variables,
    /// which are `oldest` or newer.
    type Walk(seed: Node, oldest: int64, isLinear: Node -> bool) =
        let extents = Dictionary<int, int>()
        let values = Dictionary<Node, Value>(HashIdentity.Reference)

        let label (length: int) =
            let l = extents.Count
            extents[l] <- length
            l

        let axis (length: int) = if length = 1 then [||] else [| label length |]
        let extent l = extents[l]
        let batchAxes = seed.Shape |> Array.map axis
        let batchLabels = Array.concat batchAxes
        let count = Shape.length "jacobian" seed.Shape
        let lengths (labels: int[]) = labels |> Array.map extent
        let operand (labels: int[]) (node: Node) : Network.Operand = { Node = node; Labels = labels }
        let isSubset (a: int[]) (b: int[]) = a |> Array.forall (fun l -> Array.contains l b)

        /// The label under which factors know an axis label.
        let nameIn (term: Term) (l: int) =
            match term.Deltas |> List.tryFind (fun (_, own) -> own = l) with
            | Some(b, _) -> b
            | None -> l

        let times (a: Network.Operand) (b: Network.Operand) =
            let larger, smaller = if a.Labels.Length >= b.Labels.Length then a, b else b, a
            operand larger.Labels (mul larger.Node (Network.arrange extent larger.Labels smaller))

        /// Joins a factor with those whose labels include its own, or the other way round: that costs no more than storing one of them.
        let rec absorb (x: Network.Operand) (factors: Network.Operand list) =
            match factors |> List.tryFind (fun f -> isSubset f.Labels x.Labels || isSubset x.Labels f.Labels) with
            | None -> x :: factors
            | Some f -> absorb (times f x) (factors |> List.filter (fun g -> not (obj.ReferenceEquals(f, g))))

        let withFactor (term: Term) (labels: int[]) (c: Node) =
            match c.Uniform with
            | ValueSome u -> { term with Scale = term.Scale * u }
            | ValueNone ->
                let x = operand (labels |> Array.map (nameIn term)) (reshape (lengths labels) c)
                { term with Factors = absorb x term.Factors }

        /// A constant's labels, without the axes along which it only repeats.
        let rec essential (axes: int[][]) (c: Node) : int[] * Node =
            match c.Attr with
            | Spread(_, from) when obj.ReferenceEquals(c.Prim, broadcastP) ->
                essential (from |> Array.map (fun a -> axes[a])) c.Args[0]
            | Axes p when obj.ReferenceEquals(c.Prim, transposeP) ->
                let below = Array.zeroCreate p.Length
                p |> Array.iteri (fun i a -> below[a] <- axes[i])
                essential below c.Args[0]
            | _ -> Array.concat axes, c

        let multiplied (axes: int[][]) (c: Node) (terms: Term list) =
            let labels, c = essential axes c
            terms |> List.map (fun t -> withFactor t labels c)

        let summedTerm (gone: int[]) (term: Term) =
            let tied, free = gone |> Array.partition (fun l -> term.Deltas |> List.exists (fun (_, own) -> own = l))

            let involved, rest =
                term.Factors |> List.partition (fun f -> f.Labels |> Array.exists (fun l -> Array.contains l free))

            let absent =
                free |> Array.filter (fun l -> not (involved |> List.exists (fun f -> Array.contains l f.Labels)))

            let factors =
                match involved with
                | [] -> rest
                | _ ->
                    let result =
                        involved
                        |> Seq.collect (fun f -> f.Labels)
                        |> Seq.distinct
                        |> Seq.filter (fun l -> not (Array.contains l free))
                        |> Seq.toArray

                    absorb (operand result (Network.contract extent (Array.ofList involved) result)) rest

            {
                Scale = absent |> Array.fold (fun s l -> s * float (extent l)) term.Scale
                Deltas = term.Deltas |> List.filter (fun (_, own) -> not (Array.contains own tied))
                Factors = factors
            }

        let summed (gone: int[]) (terms: Term list) = terms |> List.map (summedTerm gone)

        /// The terms as nodes with these labels, added up.
        let total (labels: int[]) (terms: Term list) : Node =
            terms
            |> List.map (fun t ->
                let eye (b, own) =
                    let n = extent b

                    operand
                        [| b; own |]
                        (Graph.weak [| n; n |] (Array.init (n * n) (fun i -> if i % (n + 1) = 0 then 1.0 else 0.0)))

                match t.Factors @ (t.Deltas |> List.map eye) with
                | [] -> Graph.full (lengths labels) t.Scale
                | operands ->
                    let product = Network.contract extent (Array.ofList operands) labels
                    if t.Scale = 1.0 then product else scale t.Scale product)
            |> List.reduce add

        /// Terms with the same deltas and some common factors are one term: the rest is multiplied out and added.
        let merge (terms: Term list) : Term list =
            let same (f: Network.Operand) (g: Network.Operand) =
                obj.ReferenceEquals(f.Node, g.Node) && f.Labels = g.Labels

            let join (a: Term) (b: Term) =
                let common, restA = a.Factors |> List.partition (fun f -> List.exists (same f) b.Factors)
                let restB = b.Factors |> List.filter (fun f -> not (List.exists (same f) common))

                if restA.IsEmpty && restB.IsEmpty then
                    { a with Scale = a.Scale + b.Scale }
                else
                    let labels =
                        Seq.append restA restB |> Seq.collect (fun f -> f.Labels) |> Seq.distinct |> Seq.toArray

                    let rest =
                        total labels [
                            { a with Deltas = []; Factors = restA }
                            { b with Deltas = []; Factors = restB }
                        ]

                    {
                        Scale = 1.0
                        Deltas = a.Deltas
                        Factors = absorb (operand labels rest) common
                    }

            terms
            |> List.groupBy (fun t -> List.sort t.Deltas)
            |> List.map (fun (_, group) -> List.reduce join group)

        let dense (value: Value) (node: Node) : Node =
            let labels = Array.append batchLabels (Array.concat value.Axes)
            Graph.adapt node.DType (reshape (Array.append [| count |] node.Shape) (total labels value.Terms))

        let ofDense (node: Node) (batched: Node) : Value =
            let axes = node.Shape |> Array.map axis
            let labels = Array.append batchLabels (Array.concat axes)

            {
                Axes = axes
                Terms = [
                    {
                        Scale = 1.0
                        Deltas = []
                        Factors = [ operand labels (reshape (lengths labels) batched) ]
                    }
                ]
            }

        /// Regroups axis labels under another shape; None when a label would have to be split.
        let regroup (axes: int[][]) (shape: int[]) : int[][] option =
            let mutable labels = List.ofArray (Array.concat axes)

            let take (length: int) =
                let mutable product = 1

                [|
                    while product < length && not labels.IsEmpty do
                        product <- product * extent labels.Head
                        labels.Head
                        labels <- labels.Tail

                    if product <> length then
                        -1
                |]

            let grouped = shape |> Array.map take
            if grouped |> Array.exists (Array.contains -1) then None else Some grouped

        let find (node: Node) =
            match values.TryGetValue node with
            | true, v -> Some v
            | _ -> None

        /// Any operation at all, on the elements.
        let byElements (node: Node) (args: Value option[]) =
            let flags = args |> Array.map Option.isSome

            let elements =
                Array.map2
                    (fun (a: Node) v ->
                        match v with
                        | Some v -> dense v a
                        | None when isLinear a -> Graph.zeros a.Shape
                        | None -> a)
                    node.Args
                    args

            ofDense node (node.Prim.Batch node.Prim node.Attr elements flags count)

        let isPrim (p: Primitive) (node: Node) = obj.ReferenceEquals(node.Prim, p)

        /// The value with axes named as those of another.
        let renamed (axes: int[][]) (v: Value) : Value option =
            let from, target = Array.concat v.Axes, Array.concat axes

            if Array.map Array.length v.Axes <> Array.map Array.length axes || lengths from <> lengths target then
                None
            else
                let image = Dictionary<int, int>()
                Array.iter2 (fun a b -> image[a] <- b) from target

                let rename l =
                    match image.TryGetValue l with
                    | true, m -> m
                    | _ -> l

                let term (t: Term) = {
                    t with
                        Deltas = t.Deltas |> List.map (fun (b, own) -> b, rename own)
                        Factors = t.Factors |> List.map (fun f -> operand (Array.map rename f.Labels) f.Node)
                }

                Some { Axes = axes; Terms = List.map term v.Terms }

        let scaled (s: float) (v: Value) = {
            v with
                Terms = v.Terms |> List.map (fun t -> { t with Scale = s * t.Scale })
        }

        let operation (node: Node) (args: Value option[]) : Value =
            match args with
            | [| Some a; Some b |] when isPrim addP node || isPrim subP node ->
                match renamed a.Axes (if isPrim subP node then scaled -1.0 b else b) with
                | Some b -> { a with Terms = merge (a.Terms @ b.Terms) }
                | None -> byElements node args
            | [| Some a; None |] when (isPrim addP node || isPrim subP node) && isLinear node.Args[1] -> a
            | [| None; Some a |] when isPrim addP node && isLinear node.Args[0] -> a
            | [| None; Some a |] when isPrim subP node && isLinear node.Args[0] -> scaled -1.0 a
            | [| Some a |] when isPrim negP node -> scaled -1.0 a
            | [| Some a; None |] when isPrim mulP node -> { a with Terms = multiplied a.Axes node.Args[1] a.Terms }
            | [| None; Some a |] when isPrim mulP node -> { a with Terms = multiplied a.Axes node.Args[0] a.Terms }
            | [| Some a |] ->
                match node.Attr with
                | Spread(shape, from) when isPrim broadcastP node -> {
                    a with
                        Axes =
                            shape
                            |> Array.mapi (fun i d ->
                                match System.Array.IndexOf(from, i) with
                                | -1 -> axis d
                                | j -> a.Axes[j])
                  }
                | Axes gone when isPrim sumP node -> {
                    Axes =
                        a.Axes
                        |> Array.indexed
                        |> Array.filter (fun (i, _) -> not (Array.contains i gone))
                        |> Array.map snd
                    Terms = summed (gone |> Array.collect (fun i -> a.Axes[i])) a.Terms
                  }
                | Axes p when isPrim transposeP node -> { a with Axes = p |> Array.map (fun i -> a.Axes[i]) }
                | ToShape shape when isPrim reshapeP node ->
                    match regroup a.Axes shape with
                    | Some axes -> { a with Axes = axes }
                    | None -> byElements node args
                | _ -> byElements node args
            | [| first; second |] when isPrim Contraction.contractP node && first.IsSome <> second.IsSome ->
                match node.Attr with
                | Labels(la, lb, lo) ->
                    let own, other, c = if first.IsSome then la, lb, node.Args[1] else lb, la, node.Args[0]
                    let a = (Option.orElse second first).Value
                    let axes = Dictionary<int, int[]>()
                    Array.iter2 (fun l labels -> axes[l] <- labels) own a.Axes

                    Array.iter2
                        (fun l d ->
                            if not (axes.ContainsKey l) then
                                axes[l] <- axis d)
                        other
                        c.Shape

                    let gone =
                        Array.append la lb |> Array.distinct |> Array.except lo |> Array.collect (fun l -> axes[l])

                    {
                        Axes = lo |> Array.map (fun l -> axes[l])
                        Terms = a.Terms |> multiplied (other |> Array.map (fun l -> axes[l])) c |> summed gone
                    }
                | _ -> byElements node args
            | _ -> byElements node args

        /// The batch of values of every output, [elements of the seed; shape of the output]; None = zero.
        member _.Run(outputs: Node[]) : Node option[] =
            let seedAxes = seed.Shape |> Array.map axis
            let deltas = Array.zip (Array.concat batchAxes) (Array.concat seedAxes) |> List.ofArray
            values[seed] <- { Axes = seedAxes; Terms = [ { Scale = 1.0; Deltas = deltas; Factors = [] } ] }

            for node in Graph.order oldest outputs do
                if not (values.ContainsKey node) then
                    let args = node.Args |> Array.map find

                    if args |> Array.exists Option.isSome then
                        let value = operation node args

                        values[node] <-
                            if value.Terms.Length <= manyTerms then
                                value
                            else
                                ofDense node (dense value node)

            outputs |> Array.map (fun y -> find y |> Option.map (fun v -> dense v y))
