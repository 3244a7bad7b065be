namespace Hesse

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open Hesse.Kernels

/// From a graph to a plan: schedule, fused loops, buffers.
module internal Lower =
    /// Doubles that a buffer takes.
    let room (isSingle: bool) (elements: int64) = if isSingle then (elements + 1L) / 2L else elements

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

    /// Offsets from here on are no places in the arena.
    [<Literal>]
    let private firstBeyond = 0x4000000000000000L

    /// What the steps for a node compute: of a fused loop all operations that are different.
    let private labelOf (node: Node) (body: List<Node> option) =
        match body with
        | Some nodes when nodes.Count > 1 ->
            StepLabel(String.Join("·", nodes |> Seq.map (fun n -> n.Prim.Name) |> Seq.distinct), node.Shape)
        | _ -> StepLabel(node.Prim.Name, node.Shape)

    /// The description of the plan that computes `outputs` from values of `variables`; the outputs depend on no other variable. Float32
    /// values that are packed are float32 in the caller's arrays, others are float64 there.
    let specOf
        (passes: Passes)
        (variables: Node[])
        (packedVariables: bool[])
        (outputs: Node[])
        (packedOutputs: bool[])
        : PlanSpec =
        let outputs = Erase.apply outputs
        let outputs = if passes.Contractions then Contractions.apply outputs else outputs
        let order = Graph.order 1L outputs |> Array.filter (fun n -> not (Graph.isVariable n))
        let isOutput = HashSet<Node>(outputs, HashIdentity.Reference)
        let users = Fusion.users order
        let root = Fusion.plan (if passes.Fusion then Fusion.largestGroup else 1) order isOutput users
        let virtualNodes = Views.virtualNodes order isOutput (fun node -> users[node])

        let isVirtual (node: Node) = passes.Views && (virtualNodes.Contains node || Views.isRepeatedConstant node)

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
        // For every slot the one whose buffer it shares.
        let buffers = List<int>()
        let constants = List<double[]>()
        let mutable constantSize = 0L

        let newSlot isSingle offset =
            offsets.Add offset
            buffers.Add(offsets.Count - 1)

            {
                Slot = offsets.Count - 1
                Buffer = offsets.Count - 1
                IsSingle = isSingle
                Berth = ValueNone
            }

        /// A slot that begins so many elements after another one.
        let slotWithin (place: Place) (from: int64) =
            let from = if place.IsSingle then from / 2L else from
            let start = offsets[place.Slot]
            offsets.Add(if start < 0L then start - from else start + from)
            buffers.Add place.Buffer
            { place with Slot = offsets.Count - 1 }

        let packedOf nodes flags =
            HashSet<Node>(Array.zip nodes flags |> Array.filter snd |> Array.map fst, HashIdentity.Reference)

        let packedInputs, packedResults = packedOf variables packedVariables, packedOf outputs packedOutputs

        for v, packed in Array.zip variables packedVariables do
            places[v] <- newSlot packed 0L

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
            let through (a: Node) = (Views.ofNode isVirtual a).Source

            match groups.TryGetValue node with
            | true, body ->
                let inBody = HashSet<Node>(body, HashIdentity.Reference)

                [
                    for n in body do
                        for a in n.Args do
                            if not (inBody.Contains a) && a.Uniform.IsNone then
                                through a
                ]
            | _ -> node.Args |> Array.map through |> List.ofArray

        let isView (node: Node) =
            match node.Prim.Lower with
            | Lowering.View -> true
            | _ -> passes.Views && (Views.pieceOffset node).IsSome

        let isLoop (node: Node) = groups.ContainsKey node

        let berthOf =
            if passes.Joins then
                Joins.plan stored isOutput (fun node -> users[node]) isView isLoop
            else
                Dictionary<Node, Berth>(HashIdentity.Reference)

        // Views and parts of joined tensors own no buffer: a buffer lives until the last reader of any of them.
        let owners = Dictionary<Node, Node>(HashIdentity.Reference)

        let rec owner (node: Node) =
            match owners.TryGetValue node with
            | true, o -> o
            | _ ->
                let o =
                    match berthOf.TryGetValue node with
                    | true, berth -> owner berth.Join
                    | _ when not node.IsConcrete && isView node -> owner node.Args[0]
                    | _ -> node

                owners[node] <- o
                o

        let lastRead = Dictionary<Node, int>(HashIdentity.Reference)

        stored
        |> Array.iteri (fun i node ->
            for a in reads node do
                lastRead[owner a] <- i)

        for output in outputs do
            lastRead[owner output] <- Int32.MaxValue

        let arena = Arena()

        // A result that the steps write right into the caller's array takes no part of the arena: its place is beyond it.
        let occurrences = outputs |> Array.countBy (fun o -> o.Id) |> dict
        let mutable beyond = firstBeyond

        let isDirect (o: Node) = not (o.IsConcrete || Graph.isVariable o || isView o) && occurrences[o.Id] = 1

        let placeBeyond isSingle (size: int64) =
            let place = newSlot isSingle beyond
            beyond <- beyond + max (room isSingle size) 1L
            place

        let inputViews = List<InputView>()

        let viewedFrom slot =
            match Seq.tryFind (fun (v: InputView) -> v.Slot = slot) inputViews with
            | Some v -> v.Offset
            | None -> 0L

        let release offset =
            if passes.Reuse then
                arena.Release offset

        let steps = List<Step>()
        let labels = List<StepLabel>()

        /// Says what the steps that were added since the last call compute.
        let label (what: StepLabel) =
            while labels.Count < steps.Count do
                labels.Add what

        /// A slot for what begins `from` elements after an argument.
        let view (node: Node) (from: int64) =
            let source = placeOf node.Args[0]

            if source.Buffer >= variables.Length then
                places[node] <- slotWithin source from
            else
                // Only the caller knows where a variable's array is.
                let from = (if source.IsSingle then from / 2L else from) + viewedFrom source.Slot

                if from = 0L then
                    places[node] <- { source with Slot = source.Buffer }
                else
                    places[node] <- slotWithin source 0L
                    inputViews.Add(InputView(places[node].Slot, source.Buffer, from))

        let take isSingle (size: int64) = newSlot isSingle (arena.Take(room isSingle size))

        /// Memory for a node's result: in the joined tensor that it is a part of, if it has a berth there.
        let rec placeResult (node: Node) =
            if not (places.ContainsKey node) then
                places[node] <-
                    match berthOf.TryGetValue node with
                    | true, berth ->
                        placeResult berth.Join
                        let whole = places[berth.Join]

                        if Joins.isPiece node berth then
                            slotWithin whole berth.Offset
                        else
                            { whole with Berth = ValueSome berth }
                    | _ when isOutput.Contains node && isDirect node && node.IsFloat32 = packedResults.Contains node ->
                        placeBeyond node.IsFloat32 (Shape.size node.Shape)
                    | _ -> take node.IsFloat32 (Shape.size node.Shape)

        /// Copies of the parts that are not made in their place.
        let join (node: Node) =
            let out = places[node]

            for part, berth in Array.zip node.Args (Joins.berths node) do
                if not (Joins.isThere berthOf part berth) then
                    let view = Views.ofNode isVirtual part
                    let source = placeOf view.Source

                    let copy =
                        CopyStep(
                            part.Shape,
                            source.Slot,
                            view.Offset,
                            view.Strides,
                            out.Slot,
                            berth.Offset,
                            Shape.strides node.Shape
                        )

                    steps.Add(if out.IsSingle then copy.ToSingle() else copy)

        let convert (source: Place) (target: Place) (size: int64) =
            steps.Add(ConvertStep(source.Slot, target.Slot, size, target.IsSingle))

        // The caller's arrays hold float64. A loop reads float32 variables there; for other steps they are narrowed once.
        let isNarrowed = HashSet<Node>(HashIdentity.Reference)

        for node in stored do
            match node.Prim.Lower with
            | Lowering.Steps _ when not (isView node) ->
                for a in reads node do
                    if Graph.isVariable (owner a) && a.IsFloat32 && not (packedInputs.Contains(owner a)) then
                        isNarrowed.Add(owner a) |> ignore
            | _ -> ()

        for v in variables do
            if isNarrowed.Contains v then
                let there = take true (Shape.size v.Shape)
                convert places[v] there (Shape.size v.Shape)
                label (StepLabel("narrow", v.Shape))
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
                release offsets[place.Slot]

        stored
        |> Array.iteri (fun i node ->
            let arguments = reads node

            if isView node then
                view node (Views.pieceOffset node |> Option.defaultValue 0L)
            else
                placeResult node

            match node.Prim.Lower with
            | _ when isView node -> ()
            | Lowering.View
            | Lowering.Expand _ // taken away by Erase
            | Lowering.Input -> ()
            | Lowering.Tile _ -> steps.Add(FusedLoop.step node (groups[node].ToArray()) placeOf places[node] isVirtual)
            | Lowering.Steps _ when Views.isJoin node -> join node
            | Lowering.Steps make -> addSteps make node
            | Lowering.Working(size, make) ->
                let memory = newSlot false (arena.Take(size passes node.Attr))
                addSteps (fun attr s shape slots out -> make passes attr s shape slots out memory.Slot) node
                release offsets[memory.Slot]

            label (labelOf node (if isLoop node then Some groups[node] else None))

            // Buffers whose last reader this was are free from the next step on.
            for a in arguments |> List.map owner |> List.distinctBy (fun a -> a.Id) do
                if lastRead[a] = i && not a.IsConcrete && places[a].Buffer >= variables.Length then
                    release (offsets[places[a].Slot]))

        // Float32 results are widened into the caller's arrays, or put there as they are; those slots have no memory besides.
        let outputPlaces =
            Array.zip outputs packedOutputs
            |> Array.map (fun (o, packed) ->
                if o.IsConcrete then
                    newConstant packed o
                elif places[o].IsSingle = packed && (isDirect o || not packed) then
                    places[o]
                else
                    let place, there = places[o], newSlot packed 0L

                    if place.IsSingle && packed then
                        let strides = Shape.strides o.Shape
                        steps.Add((CopyStep(o.Shape, place.Slot, 0L, strides, there.Slot, 0L, strides)).ToSingle())
                    else
                        convert place there (Shape.size o.Shape)

                    label (StepLabel((if packed then "pack" else "widen"), o.Shape))
                    there)

        let outputSlots = outputPlaces |> Array.map (fun p -> p.Slot)

        let outputSizes =
            Array.map2 (fun packed (o: Node) -> room packed (Shape.size o.Shape)) packedOutputs outputs
        // What shares the buffer of a direct result goes with it; a float32 result has a slot of its own for its widened numbers.
        let direct =
            Array.map2
                (fun packed (o: Node) -> not o.IsConcrete && (packed || places[o].IsSingle || isDirect o))
                packedOutputs
                outputs

        MemoryLimit.check
            passes.Memory
            {
                Arena = 8L * arena.Size
                Constants = 8L * constantSize
                Results = 8L * Array.sum outputSizes
            }
            (outputs
             |> Seq.append (stored |> Seq.filter (fun n -> not (isView n)))
             |> Seq.distinctBy (fun n -> n.Id))

        let outputViews = [|
            for o in 0 .. outputs.Length - 1 do
                if direct[o] then
                    for slot in 0 .. buffers.Count - 1 do
                        if slot <> outputSlots[o] && buffers[slot] = outputSlots[o] then
                            OutputView(slot, o, offsets[slot] - offsets[outputSlots[o]])
        |]

        PlanSpec(
            steps.ToArray(),
            offsets |> Seq.map (fun offset -> if offset >= firstBeyond then 0L else offset) |> Seq.toArray,
            variables.Length,
            outputSlots,
            outputSizes,
            Array.concat constants,
            arena.Size,
            direct,
            inputViews.ToArray(),
            outputViews,
            Labels = labels.ToArray()
        )

    /// The plan that computes `outputs` from values of `variables`, all of them float64 in the caller's arrays.
    let spec (passes: Passes) (variables: Node[]) (outputs: Node[]) : PlanSpec =
        specOf passes variables (Array.zeroCreate variables.Length) outputs (Array.zeroCreate outputs.Length)
