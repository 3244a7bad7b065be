namespace Hesse

/// The transpose of a linear loop is a loop in the other direction. It carries the cotangents of the carries and the sums of the
/// cotangents of what every step reads; its elements are cotangents of outputs and histories, and what the linear loop reads besides.
[<ReferenceEquality>]
type internal CotangentLoop = {
    Derived: DerivedLoop
    /// For each argument of the original: the part that is its cotangent; None for zero.
    Cotangents: LoopPart option[]
}

module internal CotangentLoop =
    let private make (loop: Loop) (present: LoopPart -> bool) : CotangentLoop =
        let b = loop.Body
        let like (nodes: Node[]) = nodes |> Array.map (fun n -> Graph.variable n.Shape)
        let marked flags (items: 'a[]) = Array.zip items flags |> Array.filter snd |> Array.map fst
        let fixedOf flags items = marked (flags |> Array.map not) items
        let count = b.Carries.Length
        let xs, ks = marked b.LinearElements b.Elements, marked b.LinearCaptured b.Captured
        let cts, outputCts, historyCts, sums = like b.Carries, like b.Outputs, like b.Carries, like ks
        let hasOutput = b.Outputs |> Array.mapi (fun i _ -> present (Stacked i))
        let hasHistory = b.Carries |> Array.mapi (fun i _ -> present (History i))

        /// Cotangents of carries, elements and captured values when these carries have one.
        let step (active: bool[]) =
            let outputs =
                Array.append
                    (Array.map2 (fun y a -> if a then Some y else None) b.Next active)
                    (Array.map2 (fun y a -> if a then Some y else None) b.Outputs hasOutput)

            let results = Transpose.apply (Array.concat [ b.Carries; xs; ks ]) outputs (Array.append cts outputCts)

            results[.. count - 1] |> Array.map Option.isSome, results

        let active, results =
            b.Carries |> Array.mapi (fun i _ -> present (Final i) || hasHistory[i]) |> Loop.settle step

        let ofCarries = results[.. count - 1]
        let ofElements = results[count .. count + xs.Length - 1]
        let ofCaptured = results[count + xs.Length ..]
        let summed = ofCaptured |> Array.map Option.isSome
        let hasElement = ofElements |> Array.map Option.isSome

        let next =
            Array.init count (fun i ->
                match ofCarries[i], hasHistory[i] with
                | Some ct, true -> Linear.add ct historyCts[i]
                | Some ct, false -> ct
                | None, true -> historyCts[i]
                | None, false -> Graph.zeros b.Carries[i].Shape)

        let all (which: bool) (nodes: 'a[]) = nodes |> Array.map (fun _ -> which)
        let elementCts = Array.append (marked hasOutput outputCts) (marked hasHistory historyCts)
        let read, captured = fixedOf b.LinearElements b.Elements, fixedOf b.LinearCaptured b.Captured

        let body =
            Loop.withHistories {
                Carries = Array.append (marked active cts) (marked summed sums)
                Elements = Array.append elementCts read
                Captured = captured
                Next =
                    Array.append
                        (marked active next)
                        (Array.map2 (fun s -> Option.map (Linear.add s)) sums ofCaptured |> Array.choose id)
                Outputs = Array.choose id ofElements
                Trips = b.Trips
                Length = b.Length
                Reverse = not b.Reverse
                Kept = [||]
                Linear = true
                LinearElements = Array.append (all true elementCts) (all false read)
                LinearCaptured = all false captured
            }

        let indices (items: 'a[]) = [| 0 .. items.Length - 1 |]
        let argument place i = Source.Argument(place loop i)

        let derived =
            Loop.derive
                body
                (if Loop.isCounted loop then [| Source.Argument 0 |] else [||])
                (Array.append
                    (marked active (indices b.Carries)
                     |> Array.map (fun i ->
                         if present (Final i) then
                             Source.Cotangent(Final i)
                         else
                             Source.Zeros b.Carries[i].Shape))
                    (marked summed ks |> Array.map (fun k -> Source.Zeros k.Shape)))
                (Array.concat [
                    marked hasOutput (indices b.Outputs) |> Array.map (Stacked >> Source.Cotangent)
                    marked hasHistory (indices b.Carries) |> Array.map (History >> Source.Cotangent)
                    fixedOf b.LinearElements (indices b.Elements) |> Array.map (argument Loop.elementArgument)
                ])
                (fixedOf b.LinearCaptured (indices b.Captured) |> Array.map (argument Loop.capturedArgument))

        let carryCount = active |> Array.sumBy (fun a -> if a then 1 else 0)
        let number flags = TangentLoop.numbering flags

        /// The parts of marked arguments, None for the others.
        let spread (flags: bool[]) (parts: LoopPart option[]) =
            TangentLoop.numbering flags |> Array.map (Option.bind (fun n -> parts[n]))

        {
            Derived = derived
            Cotangents =
                Array.concat [
                    (if Loop.isCounted loop then [| None |] else [||])
                    number active |> Array.map (Option.map Final)
                    spread b.LinearElements (number hasElement |> Array.map (Option.map Stacked))
                    spread b.LinearCaptured (number summed |> Array.map (Option.map (fun n -> Final(carryCount + n))))
                ]
        }

    /// The transpose of a linear loop for a result of which some parts have a cotangent.
    let derive (loop: Loop) (present: LoopPart -> bool) : CotangentLoop =
        loop.Derive(
            Loop.request "cotangent " (loop.Parts |> Array.map present),
            (fun () -> make loop (fun p -> loop.Has p && present p))
        )
