namespace Hesse

open System.Collections.Generic

/// Takes away, before a graph is compiled, what nobody reads of a loop: histories, outputs, and carries that only feed themselves.
module internal Trim =
    /// Which parts of a loop's result the windows of its readers touch.
    let private touched (loop: Loop) (windows: seq<struct (int * int)>) : LoopPart[] =
        loop.Parts
        |> Array.filter (fun part ->
            let struct (start, shape) = loop.Place part
            let stop = start + Shape.size shape
            windows |> Seq.exists (fun (struct (from, until)) -> int64 from < stop && start < int64 until))

    /// A loop that makes only some parts of its result; parts of the original and where they are in the new one.
    type private Trimmed = { Derived: DerivedLoop; Place: LoopPart -> LoopPart }

    let private make (histories: bool) (loop: Loop) (needed: LoopPart[]) : Trimmed =
        let b = loop.Body
        let isNeeded part = Array.contains part needed

        let condition =
            match b.Trips with
            | Trips.While c -> [| c |]
            | _ -> [||]

        let outputs = b.Outputs |> Array.mapi (fun i _ -> isNeeded (Stacked i))
        let kept flags (items: 'a[]) = Array.zip items flags |> Array.filter snd |> Array.map fst

        /// The carries that the next values of these, the outputs and the condition are made of.
        let read (carries: bool[]) =
            let used = Loop.reach (Array.concat [ kept carries b.Next; kept outputs b.Outputs; condition ])
            b.Carries |> Array.map used.Contains, ()

        let carries, () =
            b.Carries |> Array.mapi (fun i _ -> isNeeded (Final i) || isNeeded (History i)) |> Loop.settle read

        let trimmed = {
            b with
                Carries = kept carries b.Carries
                Next = kept carries b.Next
                Outputs = kept outputs b.Outputs
                Kept = b.Carries |> Array.mapi (fun i _ -> isNeeded (History i)) |> kept carries
        }

        let body = if histories then Loop.withHistories trimmed else trimmed

        let sources place (items: 'a[]) = items |> Array.mapi (fun i _ -> Source.Argument(place loop i))
        let carryNumbers, outputNumbers = TangentLoop.numbering carries, TangentLoop.numbering outputs

        {
            Derived =
                Loop.derive
                    body
                    (if Loop.isCounted loop then [| Source.Argument 0 |] else [||])
                    (sources Loop.carryArgument b.Carries |> kept carries)
                    (sources Loop.elementArgument b.Elements)
                    (sources Loop.capturedArgument b.Captured)
            Place =
                fun part ->
                    match part with
                    | Final i -> Final carryNumbers[i].Value
                    | History i -> History carryNumbers[i].Value
                    | Stacked i -> Stacked outputNumbers[i].Value
                    | Steps -> Steps
        }

    /// With `histories`, those of all carries that are left, for derivatives yet to be asked for.
    let private trimmed histories (loop: Loop) (needed: LoopPart[]) : Trimmed =
        let flags = loop.Parts |> Array.map (fun p -> Array.contains p needed)
        let name = if histories then "prune " else "trim "
        loop.Derive(Loop.request name flags, (fun () -> make histories loop needed))

    /// Some parts of a loop's result by themselves: where they are in which loop, and the arguments that this one takes.
    let only (loop: Loop) (needed: LoopPart[]) : DerivedLoop * (LoopPart -> LoopPart) =
        let t = trimmed true loop needed
        t.Derived, t.Place

    /// A loop without its histories, for when nothing will be differentiated.
    let withoutHistories (loop: Loop) : Loop =
        if Array.contains true loop.Body.Kept then
            let kept = loop.Body.Kept |> Array.map (fun _ -> false)
            loop.Derive("no histories", (fun () -> Loop { loop.Body with Kept = kept }))
        else
            loop

    let private loopOf (node: Node) =
        match node.Attr with
        | Body(:? Loop as loop) when not node.IsConcrete -> Some loop
        | _ -> None

    let private argumentOf (node: Node) source =
        match source with
        | Source.Argument a -> Some node.Args[a]
        | _ -> None

    let private windowOf (node: Node) =
        match node.Attr with
        | Window([| start |], [| stop |], [| 1 |]) when obj.ReferenceEquals(node.Prim, Movement.sliceP) ->
            Some(struct (start, stop))
        | _ -> None

    /// The part that a window lies in.
    let private partAt (loop: Loop) struct (start, stop) =
        loop.Parts
        |> Array.tryFind (fun p ->
            let struct (first, shape) = loop.Place p
            first <= int64 start && int64 stop <= first + Shape.size shape)

    /// What is live, and what is read of every loop below the outputs: users first, since a loop that is trimmed reads less itself.
    let private reads histories (order: Node[]) (outputs: Node[]) : HashSet<Node> * Dictionary<Node, Trimmed> =
        let live = HashSet<Node>(outputs, HashIdentity.Reference)
        let windows = Dictionary<Node, List<struct (int * int)>>(HashIdentity.Reference)
        let result = Dictionary<Node, Trimmed>(HashIdentity.Reference)

        let everything (node: Node) = struct (0, node.Shape[0])

        let read (node: Node) window =
            live.Add node |> ignore

            match loopOf node with
            | Some loop ->
                if not (windows.ContainsKey node) then
                    windows[node] <- List()

                // A window over several parts keeps the whole as it is.
                windows[node].Add(if (partAt loop window).IsSome then window else everything node)
            | None -> ()

        for output in outputs do
            read output (if output.Shape.Length = 1 then everything output else struct (0, 0))

        for node in Array.rev order do
            if live.Contains node then
                let args =
                    match loopOf node with
                    | Some loop ->
                        let t = trimmed histories loop (touched loop windows[node])
                        result[node] <- t

                        t.Derived.Sources |> Array.choose (argumentOf node)
                    | None -> node.Args

                for arg in args do
                    match loopOf arg, windowOf node with
                    | Some _, Some window -> read arg window
                    | Some _, None -> read arg (everything arg)
                    | None, _ -> live.Add arg |> ignore

        live, result

    /// The same outputs from loops that make only what is read.
    let private clean histories (outputs: Node[]) : Node[] =
        let order = Graph.order 1L outputs

        if order |> Array.forall (fun n -> (loopOf n).IsNone) then
            outputs
        else
            let live, found = reads histories order outputs
            let image = Dictionary<Node, Node>(HashIdentity.Reference)

            let find (node: Node) =
                match image.TryGetValue node with
                | true, there -> there
                | _ -> node

            /// The window of a loop, in the loop that is left of it.
            let moved (node: Node) struct (start, stop) =
                let loop, t = (loopOf node.Args[0]).Value, found[node.Args[0]]

                let by =
                    match partAt loop struct (start, stop) with
                    | Some part ->
                        let struct (first, _) = loop.Place part
                        let struct (now, _) = t.Derived.Loop.Place(t.Place part)
                        int (now - first)
                    | None -> 0

                Movement.slice [| start + by |] [| stop + by |] [| 1 |] (find node.Args[0])

            for node in order do
                if live.Contains node && node.Args.Length > 0 then
                    match loopOf node, windowOf node with
                    | Some _, _ ->
                        let t = found[node]

                        let args = t.Derived.Sources |> Array.choose (argumentOf node) |> Array.map find

                        image[node] <-
                            if t.Derived.Loop.Size = 0L then
                                Graph.zeros [| 0 |]
                            else
                                Graph.bind node.Prim (Body t.Derived.Loop) args
                    | None, Some _ when (loopOf node.Args[0]).IsSome && node.Shape[0] = 0 ->
                        image[node] <- Graph.zeros node.Shape
                    | None, Some window when (loopOf node.Args[0]).IsSome -> image[node] <- moved node window
                    | _ ->
                        if node.Args |> Array.exists image.ContainsKey then
                            image[node] <- Graph.bind node.Prim node.Attr (node.Args |> Array.map find)

            outputs |> Array.map find

    /// The same outputs, for a plan.
    let apply (outputs: Node[]) : Node[] = clean false (Erase.apply outputs)

    /// The same loop, with a body that takes of the loops inside it, and hence of its own arguments, no more than it needs. They keep
    /// their histories, so that it can be differentiated.
    let within (derived: DerivedLoop) : DerivedLoop =
        let loop = derived.Loop
        let b = loop.Body
        let next, outputs = clean true (Array.append b.Next b.Outputs) |> Array.splitAt b.Next.Length
        let take start (nodes: Node[]) = derived.Sources[start .. start + nodes.Length - 1]

        Loop.derive
            { b with Next = next; Outputs = outputs }
            derived.Sources[.. Loop.carryArgument loop 0 - 1]
            (take (Loop.carryArgument loop 0) b.Carries)
            (take (Loop.elementArgument loop 0) b.Elements)
            (take (Loop.capturedArgument loop 0) b.Captured)
