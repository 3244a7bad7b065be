namespace Hesse

open System.Collections.Generic

/// Where in a joined tensor a part is computed.
[<NoEquality; NoComparison>]
type internal Berth = {
    /// The concatenation.
    Join: Node
    /// The part's first element in the joined tensor.
    Offset: int64
    /// Elements of the part that follow each other there; then the other parts' elements come.
    Run: int64
    /// Elements from the start of one run to the start of the next.
    Pitch: int64
}

/// Parts of concatenations that are computed right in their place of the joined tensor, so that joining moves nothing.
module internal Joins =
    /// The places of the parts along the joined axis, in order.
    let berths (join: Node) : Berth[] =
        let axis = (Linear.axesOf join.Attr)[0]
        let inner = Array.fold (fun n d -> n * int64 d) 1L join.Shape[axis + 1 ..]
        let runs = join.Args |> Array.map (fun a -> int64 a.Shape[axis] * inner)

        let offsets = Array.scan (+) 0L runs

        runs
        |> Array.mapi (fun i run -> {
            Join = join
            Offset = offsets[i]
            Run = run
            Pitch = int64 join.Shape[axis] * inner
        })

    /// Whether the part is one piece of the joined tensor.
    let isPiece (part: Node) (berth: Berth) = berth.Run = Shape.size part.Shape

    /// The node whose elements a chain of reshapes shows.
    let rec private maker (node: Node) =
        match node.Prim.Lower with
        | Lowering.View when not node.IsConcrete -> maker node.Args[0]
        | _ -> node

    /// Whether a part is made in its place.
    let isThere (berthOf: Dictionary<Node, Berth>) (part: Node) (berth: Berth) =
        match berthOf.TryGetValue(maker part) with
        | true, there -> obj.ReferenceEquals(there.Join, berth.Join) && there.Offset = berth.Offset
        | _ -> false

    /// The berth of every stored node that has one. `isLoop` tells the nodes that a fused loop makes: these alone can be written in runs,
    /// if nobody else reads them. A node that makes one piece of a joined tensor is read there by whoever else wants it.
    let plan
        (stored: Node[])
        (outputs: HashSet<Node>)
        (readers: Node -> List<Node>)
        (isView: Node -> bool)
        (isLoop: Node -> bool)
        =
        let berthOf = Dictionary<Node, Berth>(HashIdentity.Reference)
        let isStored = HashSet<Node>(stored, HashIdentity.Reference)

        /// Whether nobody reads the node or a reshape of it besides one join.
        let rec isAlone (made: Node) (node: Node) =
            not (outputs.Contains node)
            && (readers node).Count = 1
            && (obj.ReferenceEquals(node, made) || isAlone made node.Args[0])

        // Outer joins first, so that an inner one that has a berth brings its parts along.
        for join in Array.rev stored |> Array.filter Views.isJoin do
            for part, berth in Array.zip join.Args (berths join) do
                let made = maker part

                let canMove =
                    isStored.Contains made
                    && not (isView made || outputs.Contains made || berthOf.ContainsKey made)
                    && Shape.size part.Shape > 0L
                    // Slots begin at whole doubles.
                    && (not made.IsFloat32 || berth.Offset % 2L = 0L)

                if canMove && (isPiece part berth || (isLoop made && not made.IsFloat32 && isAlone made part)) then
                    berthOf[made] <- berth

        berthOf
