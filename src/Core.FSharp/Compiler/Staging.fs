namespace Hesse

open System.Collections.Generic
open Hesse.Kernels

/// Cuts a graph of two groups of variables in two: what does not depend on the second group, and the rest, which reads a frontier of kept values.
module internal Staging =
    /// Tile operations that take no longer than reading their result from memory would.
    let private isCheapTile (op: TileOp) =
        match op with
        | TileOp.Copy
        | TileOp.Neg
        | TileOp.Abs
        | TileOp.Sign
        | TileOp.Floor
        | TileOp.Narrow
        | TileOp.Widen
        | TileOp.Add
        | TileOp.Sub
        | TileOp.Mul
        | TileOp.Max
        | TileOp.Min
        | TileOp.Greater
        | TileOp.GreaterEqual
        | TileOp.Equal
        | TileOp.Select -> true
        | _ -> false

    /// Another look at an argument's elements.
    let private isLayout (node: Node) =
        match node.Prim.Lower with
        | Lowering.View -> true
        | _ ->
            [ Linear.broadcastP; Movement.transposeP; Movement.sliceP ]
            |> List.exists (fun p -> obj.ReferenceEquals(node.Prim, p))

    let private isCheap (node: Node) =
        match node.Prim.Lower with
        | Lowering.Tile op -> isCheapTile op
        | _ -> isLayout node

    /// Bytes that keeping a node takes.
    let bytes (node: Node) : int64 = Shape.size node.Shape * (if node.IsFloat32 then 4L else 8L)

    /// The nodes that a computation makes of its variables, as opposed to constants and the variables.
    let private isMade (node: Node) = not (node.IsConcrete || Graph.isVariable node)

    /// The set of nodes of fewest bytes through which all paths go that lead from what must be kept to the frontier: a minimum cut
    /// (L. Ford and D. Fulkerson, Maximal flow through a network, 1956), by shortest augmenting paths. Of several the one nearest to the
    /// frontier, so that least is computed again.
    let private smallestCut (isKept: Node -> bool) (frontier: Node[]) : Node[] =
        let nodes = List<Node>()
        let number = Dictionary<Node, int>(HashIdentity.Reference)
        let waiting = Queue<Node>()

        let visit (node: Node) =
            if isMade node && number.TryAdd(node, nodes.Count) then
                nodes.Add node
                waiting.Enqueue node

        Array.iter visit frontier

        while waiting.Count > 0 do
            let node = waiting.Dequeue()

            if not (isKept node) then
                Array.iter visit node.Args

        // Node i is an edge from 2i to 2i + 1 whose capacity is its size; edge e and its reverse are e and e ^ 1.
        let source, sink = 2 * nodes.Count, 2 * nodes.Count + 1
        let edges = Array.init (sink + 1) (fun _ -> List<int>())
        let target, capacity = List<int>(), List<int64>()

        let connect from until (amount: int64) =
            edges[from].Add target.Count
            target.Add until
            capacity.Add amount
            edges[until].Add target.Count
            target.Add from
            capacity.Add 0L

        let unlimited = System.Int64.MaxValue / 4L

        for i in 0 .. nodes.Count - 1 do
            connect (2 * i) (2 * i + 1) (bytes nodes[i])

            if isKept nodes[i] then
                connect source (2 * i) unlimited
            else
                for arg in nodes[i].Args do
                    match number.TryGetValue arg with
                    | true, j -> connect (2 * j + 1) (2 * i) unlimited
                    | _ -> ()

        for node in frontier do
            match number.TryGetValue node with
            | true, i -> connect (2 * i + 1) sink unlimited
            | _ -> ()

        let before = Array.zeroCreate<int>(sink + 1)

        /// Marks what can be reached, with the edge by which it was; `mayFollow` says which edges count.
        let search (start: int) (mayFollow: int -> bool) =
            System.Array.Fill(before, -1)
            before[start] <- -2
            let queue = Queue<int>([ start ])

            while queue.Count > 0 do
                for e in edges[queue.Dequeue()] do
                    if before[target[e]] = -1 && mayFollow e then
                        before[target[e]] <- e
                        queue.Enqueue target[e]

        let rec path (at: int) = if at = source then [] else before[at] :: path target[before[at] ^^^ 1]

        let mutable augments = true

        while augments do
            search source (fun e -> capacity[e] > 0L)

            if before[sink] = -1 then
                augments <- false
            else
                let along = path sink
                let amount = along |> List.map (fun e -> capacity[e]) |> List.min

                for e in along do
                    capacity[e] <- capacity[e] - amount
                    capacity[e ^^^ 1] <- capacity[e ^^^ 1] + amount

        // What still leads to the sink lies beyond the cut.
        search sink (fun e -> capacity[e ^^^ 1] > 0L)

        [|
            for i in 0 .. nodes.Count - 1 do
                if before[2 * i] = -1 && before[2 * i + 1] <> -1 then
                    nodes[i]
        |]

    /// What is kept of the graph below the outputs: values that do not depend on the second variables and are read by what does.
    /// Elementwise arithmetic that only loops read, and views, are computed again where that keeps fewer bytes. A float32 variable
    /// of the first group that others than loops read is kept narrowed.
    let kept (first: Node[]) (second: Node[]) (outputs: Node[]) : Node[] =
        let order = Graph.order 1L outputs
        let late = HashSet<Node>(second, HashIdentity.Reference)

        for node in order do
            if node.Args |> Array.exists late.Contains then
                late.Add node |> ignore

        let frontier = HashSet<Node>(HashIdentity.Reference)
        let stored = HashSet<Node>(HashIdentity.Reference)

        let rec mustBeStored (node: Node) =
            if isMade node && isLayout node then
                mustBeStored node.Args[0]
            else
                stored.Add node |> ignore

        for node in order do
            if late.Contains node then
                for arg in node.Args do
                    if not (late.Contains arg || arg.IsConcrete) then
                        frontier.Add arg |> ignore

                        if not (Views.isTile node || Views.isJoin node || isLayout node) then
                            mustBeStored arg

        for output in outputs do
            if not (late.Contains output || output.IsConcrete) then
                frontier.Add output |> ignore

        /// What a reshape looks at, which takes as many bytes and is no copy.
        let rec beneath (node: Node) =
            match node.Prim.Lower with
            | Lowering.View when isMade node.Args[0] && bytes node.Args[0] = bytes node -> beneath node.Args[0]
            | _ -> node

        let isKept (node: Node) = not (isCheap node) || (not (isLayout node) && stored.Contains node)

        Array.append
            (first |> Array.filter (fun v -> v.IsFloat32 && stored.Contains v))
            (smallestCut isKept (Seq.toArray frontier) |> Array.map beneath |> Array.distinctBy (fun n -> n.Id))

    /// The outputs with other nodes in the place of some.
    let replace (nodes: Node[]) (others: Node[]) (outputs: Node[]) : Node[] =
        let image = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun node other -> image[node] <- other) nodes others

        let find (node: Node) =
            match image.TryGetValue node with
            | true, there -> there
            | _ -> node

        for node in Graph.order 1L outputs do
            if not (image.ContainsKey node) && node.Args |> Array.exists image.ContainsKey then
                image[node] <- Graph.bind node.Prim node.Attr (node.Args |> Array.map find)

        outputs |> Array.map find

/// A computation of two groups of variables as two plans. The first makes what is kept from the first variables alone; the second makes the
/// outputs from that, from those of the first variables that it still reads, and from the second variables.
[<Sealed>]
type internal StagedProgram(passes: Passes, first: Node[], second: Node[], outputs: Node[]) =
    // Sums of products are planned over both stages: what is cheaper for one call decides, and only then is it cut.
    let outputs =
        let trimmed = if passes.Trimming then Trim.apply outputs else Erase.apply outputs
        if passes.Contractions then Contractions.apply trimmed else trimmed

    let kept = Staging.kept first second outputs
    let isSingle = kept |> Array.map (fun node -> node.IsFloat32)
    let firstStage = Program(passes, first, kept, first |> Array.map (fun _ -> false), isSingle)
    let frontier = kept |> Array.map Graph.variableLike
    let rest = Staging.replace kept frontier outputs

    /// The first variables that the second stage reads by themselves.
    let read =
        let found = HashSet<Node>(Graph.order 1L rest, HashIdentity.Reference)
        [| for i in 0 .. first.Length - 1 -> i |] |> Array.filter (fun i -> found.Contains first[i])

    let secondStage =
        let variables = Array.concat [ read |> Array.map (fun i -> first[i]); frontier; second ]

        let packed =
            Array.concat [ Array.map (fun _ -> false) read; isSingle; Array.map (fun _ -> false) second ]

        Program(passes, variables, rest, packed, rest |> Array.map (fun _ -> false))

    let lengths = Array.map2 Program.Room isSingle kept
    let idle = Stack<double[][]>()

    let inputs (values: Node[]) (memory: double[][]) (others: Node[]) : double[][] =
        let result = Array.zeroCreate (read.Length + memory.Length + others.Length)

        for i in 0 .. read.Length - 1 do
            result[i] <- values[read[i]].Data

        memory.CopyTo(result, read.Length)

        for i in 0 .. others.Length - 1 do
            result[read.Length + memory.Length + i] <- others[i].Data

        result

    new(first, second, outputs) = StagedProgram(Passes.standard, first, second, outputs)

    /// The plan of what is run once.
    member _.First = firstStage.Plan

    /// The plan of what is run for every value of the second variables.
    member _.Second = secondStage.Plan

    /// What is kept between the stages.
    member _.Kept = kept

    /// Bytes of what is kept.
    member _.KeptBytes = 8L * Array.sumBy int64 lengths

    /// Memory for what is kept.
    member _.Take() : double[][] = lengths |> Array.map ResultMemory.Take

    /// Calls an action with memory for what is kept, which is used again by the next one.
    member p.Borrow(act: double[][] -> unit) : unit =
        let memory =
            lock idle (fun () ->
                match idle.TryPop() with
                | true, memory -> memory
                | _ -> p.Take())

        try
            act memory
        finally
            lock idle (fun () -> idle.Push memory)

    /// Runs the first stage at values of the first variables.
    member _.Prepare(values: Node[], memory: double[][]) : unit =
        if memory.Length > 0 then
            firstStage.Plan.Run(values |> Array.map (fun v -> v.Data), memory)

    /// Runs the second stage at the same values of the first variables.
    member _.Run(values: Node[], memory: double[][], others: Node[]) : Node[] =
        secondStage.RunOn(inputs values memory others)

    /// Runs the second stage of a computation of one output and writes it into an array of the right length.
    member _.RunInto(operation: string, values: Node[], memory: double[][], others: Node[], target: double[]) : unit =
        secondStage.RunOnInto(operation, inputs values memory others, target)
