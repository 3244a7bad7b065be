namespace Hesse

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Hesse.Kernels

/// From a graph to a plan: schedule, fused loops, buffers.
module internal Lower =
    /// Where a node's value lives.
    type private Place = {
        Slot: int
        /// The slot whose buffer it is: another one for views.
        Buffer: int
        /// Whether the buffer holds float32. The caller's arrays hold float64 always.
        IsSingle: bool
    }

    /// Doubles that a buffer takes.
    let private room (isSingle: bool) (elements: int64) = if isSingle then (elements + 1L) / 2L else elements

    /// The elements of a constant as they stand in the constant region: padded to whole cache lines.
    let private constantData (isSingle: bool) (data: double[]) : double[] =
        let padded = Array.zeroCreate (int ((room isSingle data.LongLength + 7L) / 8L * 8L))

        if isSingle then
            let singles = MemoryMarshal.Cast<double, float32>(padded.AsSpan())

            for i in 0 .. data.Length - 1 do
                singles[i] <- float32 data[i]
        else
            data.CopyTo(padded, 0)

        padded

    /// Registers of one fused loop are reused as soon as their value has been read for the last time.
    let private allocateRegisters (inputs: int) (body: Node[]) (register: Dictionary<Node, int>) =
        let lastUse = Dictionary<Node, int>(HashIdentity.Reference)

        body
        |> Array.iteri (fun i node ->
            for a in node.Args do
                lastUse[a] <- i)

        let free = Stack<int>()
        let mutable next = inputs

        body
        |> Array.iteri (fun i node ->
            // An operation may write over its own arguments, so their registers are free for its result.
            for a in Array.distinct node.Args do
                match register.TryGetValue a with
                | true, ra when ra >= inputs && lastUse[a] = i -> free.Push ra
                | _ -> ()

            register[node] <-
                if free.Count > 0 then
                    free.Pop()
                else
                    next <- next + 1
                    next - 1)

    /// The fused loop that computes `root`, from the nodes that share it (arguments first).
    let private fuse (root: Node) (body: Node[]) (placeOf: Node -> Place) (output: Place) (isVirtual: Node -> bool) =
        let inBody = HashSet<Node>(body, HashIdentity.Reference)
        let inputs = List<TileInput>()
        let register = Dictionary<Node, int>(HashIdentity.Reference)
        let constants = Dictionary<int64, int>()
        let strides = Shape.strides root.Shape

        /// Register of an argument that comes from outside the loop.
        let load (arg: Node) =
            match arg.Uniform with
            | ValueSome u ->
                let bits = BitConverter.DoubleToInt64Bits u

                if not (constants.ContainsKey bits) then
                    inputs.Add(TileInput(-1, 0L, null, u))
                    constants[bits] <- inputs.Count - 1

                constants[bits]
            | ValueNone ->
                let source, steps =
                    match arg.Attr with
                    | Spread(shape, axes) when isVirtual arg ->
                        arg.Args[0], Linear.broadcastStrides arg.Args[0].Shape shape axes
                    | _ -> arg, strides

                let place = placeOf source
                inputs.Add(TileInput(place.Slot, 0L, steps, 0.0, place.IsSingle))

                inputs.Count - 1

        for node in body do
            for arg in node.Args do
                if not (inBody.Contains arg || register.ContainsKey arg) then
                    register[arg] <- load arg

        allocateRegisters inputs.Count body register

        let program =
            body
            |> Array.map (fun node ->
                let r i = if i < node.Args.Length then register[node.Args[i]] else 0

                match node.Prim.Lower with
                | Lowering.Tile op -> TileInstruction(op, register[node], r 0, r 1, r 2)
                | _ -> invalidOp "only elementwise operations are fused")

        FusedStep(root.Shape, inputs.ToArray(), program, [| TileOutput(register[root], output.Slot, output.IsSingle) |])
        :> Step

    /// Refuses a plan that would not fit, naming its largest buffers.
    let private checkMemory (arena: int64) (buffers: seq<Node>) =
        let available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes
        let bytes = arena * 8L

        if float bytes > 0.8 * float available then
            let largest =
                buffers
                |> Seq.sortByDescending (fun n -> Shape.size n.Shape)
                |> Seq.truncate 3
                |> Seq.map (fun n -> $"{n.Prim.Name} {Shape.show n.Shape}")
                |> String.concat ", "

            Shape.fail
                $"compile: the plan needs {bytes >>> 20} MiB, but 80 %% of the {available >>> 20} MiB there are is the limit; its largest buffers are {largest}; use fewer examples at once, or smaller chunks"

    /// Where a slice begins in its argument's memory, if it is one piece of it.
    let private pieceOffset (node: Node) =
        match node.Attr with
        | Window(start, _, step) when obj.ReferenceEquals(node.Prim, Movement.sliceP) ->
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

    /// The description of the plan that computes `outputs` from values of `variables`; the outputs depend on no other variable.
    let spec (variables: Node[]) (outputs: Node[]) : PlanSpec =
        let outputs = outputs |> Erase.apply |> Contractions.apply
        let order = Graph.order 1L outputs |> Array.filter (fun n -> not (Graph.isVariable n))
        let root, virtualBroadcasts = Fusion.plan order outputs
        let isVirtual (node: Node) = virtualBroadcasts.Contains node || Fusion.isRepeatedConstant node
        let groups = Dictionary<Node, List<Node>>(HashIdentity.Reference)

        for node in order do
            match root.TryGetValue node with
            | true, r ->
                if not (groups.ContainsKey r) then
                    groups[r] <- List()

                groups[r].Add node
            | _ -> ()

        // Slots: variables, constants, then every node that is stored.
        let places = Dictionary<Node, Place>(HashIdentity.Reference)
        let offsets = List<int64>()
        let constants = List<double[]>()
        let mutable constantSize = 0L

        let newSlot isSingle offset =
            offsets.Add offset
            { Slot = offsets.Count - 1; Buffer = offsets.Count - 1; IsSingle = isSingle }

        for v in variables do
            places[v] <- newSlot false 0L

        let newConstant isSingle (node: Node) =
            let place = newSlot isSingle (-1L - constantSize)
            let data = constantData isSingle node.Data
            constants.Add data
            constantSize <- constantSize + data.LongLength
            place

        let placeOf (node: Node) =
            if node.IsConcrete && not (places.ContainsKey node) then
                places[node] <- newConstant node.IsFloat32 node

            places[node]

        let isStored (node: Node) =
            match root.TryGetValue node with
            | true, r -> obj.ReferenceEquals(r, node)
            | _ -> not (isVirtual node)

        let stored = order |> Array.filter isStored

        /// The stored nodes that computing a node reads.
        let reads (node: Node) =
            let through (a: Node) = if isVirtual a then a.Args[0] else a

            match groups.TryGetValue node with
            | true, body ->
                let inBody = HashSet<Node>(body, HashIdentity.Reference)

                [
                    for n in body do
                        for a in n.Args do
                            if not (inBody.Contains a) && a.Uniform.IsNone then
                                through a
                ]
            | _ -> List.ofArray node.Args

        let isView (node: Node) =
            match node.Prim.Lower with
            | Lowering.View -> true
            | _ -> (pieceOffset node).IsSome

        // Views own no buffer: a buffer lives until the last reader of any view of it.
        let ownerOf = Dictionary<Node, Node>(HashIdentity.Reference)

        let owner (node: Node) =
            match ownerOf.TryGetValue node with
            | true, o -> o
            | _ -> node

        let lastRead = Dictionary<Node, int>(HashIdentity.Reference)

        stored
        |> Array.iteri (fun i node ->
            if isView node then
                ownerOf[node] <- owner node.Args[0]

            for a in reads node do
                lastRead[owner a] <- i)

        for output in outputs do
            lastRead[owner output] <- Int32.MaxValue

        let arena = Arena()
        let inputViews = List<InputView>()

        let viewedFrom slot =
            match Seq.tryFind (fun (v: InputView) -> v.Slot = slot) inputViews with
            | Some v -> v.Offset
            | None -> 0L

        let steps = List<Step>()

        /// A slot for what begins `from` elements after an argument.
        let view (node: Node) (from: int64) =
            let source = placeOf node.Args[0]

            let slot =
                if source.Buffer >= variables.Length then
                    let from = if source.IsSingle then from / 2L else from
                    let start = offsets[source.Slot]
                    offsets.Add(if start < 0L then start - from else start + from)
                    offsets.Count - 1
                else
                    // Only the caller knows where a variable's array is.
                    let from = from + viewedFrom source.Slot

                    if from = 0L then
                        source.Buffer
                    else
                        offsets.Add 0L
                        inputViews.Add(InputView(offsets.Count - 1, source.Buffer, from))
                        offsets.Count - 1

            places[node] <- { source with Slot = slot }

        let take isSingle (size: int64) = newSlot isSingle (arena.Take(room isSingle size))

        let convert (source: Place) (target: Place) (size: int64) =
            steps.Add(ConvertStep(source.Slot, target.Slot, size, target.IsSingle))

        // The caller's arrays hold float64. A loop reads float32 variables there; for other steps they are narrowed once.
        let isNarrowed = HashSet<Node>(HashIdentity.Reference)

        for node in stored do
            match node.Prim.Lower with
            | Lowering.Steps _ when not (isView node) ->
                for a in node.Args do
                    if not (isVirtual a) && Graph.isVariable (owner a) && a.IsFloat32 then
                        isNarrowed.Add(owner a) |> ignore
            | _ -> ()

        for v in variables do
            if isNarrowed.Contains v then
                let there = take true (Shape.size v.Shape)
                convert places[v] there (Shape.size v.Shape)
                places[v] <- there

        /// The steps of an operation that is no loop. Its float32 kernels, if it has them, work on the buffers as they are; else
        /// the operands are widened around its float64 kernels. Indices are float64 for both.
        let addSteps make (node: Node) =
            let operands = node.Args |> Array.map placeOf
            let out = places[node]

            let stepsOn (operands: Place[]) (out: Place) : Step list =
                let shapes = node.Args |> Array.map (fun a -> a.Shape)
                make node.Attr shapes node.Shape (operands |> Array.map (fun p -> p.Slot)) out.Slot

            let scratch = List<Place>()

            let widened isSingle size =
                let place = take isSingle size
                scratch.Add place
                place

            let isNative = out.IsSingle && stepsOn operands out |> List.forall (fun step -> step.HasSingle)

            let wide =
                operands
                |> Array.mapi (fun i place ->
                    if place.IsSingle && not (isNative && Graph.countsForType node.Prim i) then
                        let size = Shape.size node.Args[i].Shape
                        let there = widened false size
                        convert place there size
                        there
                    else
                        place)

            if isNative then
                for step in stepsOn wide out do
                    steps.Add(step.ToSingle())
            elif out.IsSingle then
                let there = widened false (Shape.size node.Shape)
                steps.AddRange(stepsOn wide there)
                convert there out (Shape.size node.Shape)
            else
                steps.AddRange(stepsOn wide out)

            for place in scratch do
                arena.Release offsets[place.Slot]

        stored
        |> Array.iteri (fun i node ->
            let arguments = reads node

            if isView node then
                view node (pieceOffset node |> Option.defaultValue 0L)
            else
                places[node] <- take node.IsFloat32 (Shape.size node.Shape)

            match node.Prim.Lower with
            | _ when isView node -> ()
            | Lowering.View
            | Lowering.Expand _ // taken away by Erase
            | Lowering.Input -> ()
            | Lowering.Tile _ -> steps.Add(fuse node (groups[node].ToArray()) placeOf places[node] isVirtual)
            | Lowering.Steps make -> addSteps make node
            | Lowering.Working(size, make) ->
                let memory = newSlot false (arena.Take(size node.Attr))
                addSteps (fun attr s shape slots out -> make attr s shape slots out memory.Slot) node
                arena.Release offsets[memory.Slot]

            // Buffers whose last reader this was are free from the next step on.
            for a in arguments |> List.map owner |> List.distinctBy (fun a -> a.Id) do
                if lastRead[a] = i && not a.IsConcrete && places[a].Buffer >= variables.Length then
                    arena.Release(offsets[places[a].Slot]))

        // Float32 results are widened into the caller's arrays; those slots have no memory besides.
        let outputPlaces =
            outputs
            |> Array.map (fun o ->
                if o.IsConcrete then
                    newConstant false o
                else
                    match places[o] with
                    | place when place.IsSingle ->
                        let there = newSlot false 0L
                        convert place there (Shape.size o.Shape)
                        there
                    | place -> place)

        let outputSlots = outputPlaces |> Array.map (fun p -> p.Slot)
        let outputSizes = outputs |> Array.map (fun o -> Shape.size o.Shape)
        checkMemory arena.Size stored

        // A result is computed right in the caller's array, unless a view of its buffer is read from the arena.
        let viewed = HashSet<Node>(ownerOf.Values, HashIdentity.Reference)
        let occurrences = outputs |> Array.countBy (fun o -> o.Id) |> dict

        let isDirect (o: Node) =
            not o.IsConcrete
            && (places[o].IsSingle
                || not (Graph.isVariable o || isView o || viewed.Contains o) && occurrences[o.Id] = 1)

        PlanSpec(
            steps.ToArray(),
            offsets.ToArray(),
            variables.Length,
            outputSlots,
            outputSizes,
            Array.concat constants,
            arena.Size,
            outputs |> Array.map isDirect,
            inputViews.ToArray()
        )
