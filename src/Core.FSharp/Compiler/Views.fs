namespace Hesse

open System.Collections.Generic

/// A node as strides through another node's elements.
[<NoEquality; NoComparison>]
type internal StridedView = {
    Source: Node
    /// First element in the source.
    Offset: int64
    /// One stride for each axis of the node, in elements of the source.
    Strides: int64[]
}

/// Which nodes are never stored, because everything that reads them can read their argument by strides instead: broadcasts, transposes
/// and slices before elementwise loops and joins.
module internal Views =
    /// Elements that a strided read may step over before it comes back to the cache lines that it began with: a tile, so that a loop
    /// uses a line up while it has it. A transpose that steps over more is stored, by a copy in blocks.
    [<Literal>]
    let private largestSpan = 1024L

    let private is (prim: Primitive) (node: Node) = obj.ReferenceEquals(node.Prim, prim) && not node.IsConcrete

    let isTile (node: Node) =
        match node.Prim.Lower with
        | Lowering.Tile _ -> not node.IsConcrete
        | _ -> false

    /// A constant that repeats another one: loops and joins read the other.
    let isRepeatedConstant (node: Node) = obj.ReferenceEquals(node.Prim, Linear.broadcastP) && node.IsConcrete

    let isJoin (node: Node) = is Movement.concatP node

    /// Where a slice begins in its argument's memory, if it is one piece of it.
    let pieceOffset (node: Node) =
        match node.Attr with
        | Window(start, _, step) when is Movement.sliceP node ->
            let from = node.Args[0].Shape
            let whole i = node.Shape[i] = from[i]
            // One index along the first axes, then any range, then whole axes.
            let first = Array.tryFindIndex (fun n -> n <> 1) node.Shape |> Option.defaultValue node.Shape.Length

            if
                Array.forall ((=) 1) step
                && Array.forall whole [| first + 1 .. node.Shape.Length - 1 |]
                && not (node.Args[0].IsConcrete)
            then
                let offset = Array.fold2 (fun at i stride -> at + int64 i * stride) 0L start (Shape.strides from)
                // Slots begin at whole doubles.
                if node.IsFloat32 && offset % 2L <> 0L then None else Some offset
            else
                None
        | _ -> None

    /// A broadcast, transpose or slice of a view of its argument.
    let private compose (node: Node) (argument: StridedView) : StridedView =
        match node.Attr with
        | Spread(shape, axes) ->
            let strides = Array.zeroCreate<int64> shape.Length
            axes |> Array.iteri (fun i d -> strides[d] <- argument.Strides[i])
            { argument with Strides = strides }
        | Axes permutation -> {
            argument with
                Strides = permutation |> Array.map (fun d -> argument.Strides[d])
          }
        | Window(start, _, step) -> {
            argument with
                Offset = Array.fold2 (fun at i stride -> at + int64 i * stride) argument.Offset start argument.Strides
                Strides = Array.map2 (fun k stride -> int64 k * stride) step argument.Strides
          }
        | _ -> invalidOp "only broadcasts, transposes and slices are read by strides"

    /// The node as strides through the nearest node below it that is stored.
    let rec ofNode (isVirtual: Node -> bool) (node: Node) : StridedView =
        if isVirtual node then
            compose node (ofNode isVirtual node.Args[0])
        else
            { Source = node; Offset = 0L; Strides = Shape.strides node.Shape }

    /// Whether a loop reads a transpose as fast as it would a copy: by rows, or by steps that stay within a tile.
    let private isCheap (node: Node) (axes: int[]) (readers: List<Node>) =
        let shape = node.Shape
        let last = shape.Length - 1
        // The axis along which neighbours are neighbours in memory.
        let unit = axes |> Array.findIndex ((=) last)
        let span = Array.fold (fun n d -> n * int64 d) 1L shape[unit..]
        unit = last || span <= largestSpan && readers.Count = 1 && (isTile readers[0] || isJoin readers[0])

    /// The nodes of a graph that are never stored, from the readers of each.
    let virtualNodes (order: Node[]) (outputs: HashSet<Node>) (readers: Node -> List<Node>) =
        let found = HashSet<Node>(HashIdentity.Reference)

        let canStride (node: Node) =
            match node.Attr with
            | Spread _ when is Linear.broadcastP node -> true
            | Axes axes when is Movement.transposeP node -> isCheap node axes (readers node)
            | Window _ when is Movement.sliceP node -> (pieceOffset node).IsNone
            | _ -> false

        for node in Array.rev order do
            let own = readers node

            if
                own.Count > 0
                && not (outputs.Contains node)
                && own.TrueForAll(fun r -> isTile r || isJoin r || found.Contains r)
                && canStride node
            then
                found.Add node |> ignore

        found
