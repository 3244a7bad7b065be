namespace Hesse

/// Taylor mode of a loop: one loop that carries the values and their coefficients, of the cost of the body's own expansion.
[<ReferenceEquality>]
type internal SeriesLoop = {
    Derived: DerivedLoop
    /// For each carry and each output of the original, where the coefficient of term 1 is; None if all are zero.
    CarrySeries: int option[]
    OutputSeries: int option[]
}

module internal SeriesLoop =
    let private make (loop: Loop) (expansion: Expansion) (active: bool[]) : SeriesLoop =
        let b = loop.Body
        let order = expansion.Count - 1
        let like (n: Node) = Array.init order (fun _ -> Graph.variable n.Shape)

        let series offset (nodes: Node[]) =
            nodes |> Array.mapi (fun i n -> if active[offset + i] then Some(like n) else None)

        let ofElements = series (Loop.elementArgument loop 0) b.Elements
        let ofCaptured = series (Loop.capturedArgument loop 0) b.Captured
        let coefficients = Option.map (Array.map Some) >> Option.defaultValue (Array.create order None)

        /// Coefficients of next carries and outputs when these carries have some.
        let step (flags: bool[]) =
            let ofCarries = Array.map2 (fun c flag -> if flag then Some(like c) else None) b.Carries flags

            let results =
                expansion.Expand
                    (Array.concat [ b.Carries; b.Elements; b.Captured ])
                    (Array.concat [ ofCarries; ofElements; ofCaptured ] |> Array.map coefficients)
                    (Array.append b.Next b.Outputs)

            let isThere (ks: Node option[]) = ks[1..] |> Array.exists Option.isSome
            let next, outputs = Array.splitAt b.Next.Length results
            next |> Array.map isThere, (ofCarries, next, outputs, outputs |> Array.map isThere)

        let start = Loop.carryArgument loop 0

        let carries, (ofCarries, next, outputs, hasOutput) =
            Loop.settle step active[start .. start + b.Carries.Length - 1]

        let higher (items: Node[] option[]) = items |> Array.choose id |> Array.concat

        /// Coefficients from term 1 on of the marked ones, with zeros for those that are not there.
        let made (flags: bool[]) (nodes: Node[]) (ks: Node option[][]) = [|
            for i in 0 .. nodes.Length - 1 do
                if flags[i] then
                    for k in 1..order do
                        ks[i][k] |> Option.defaultWith (fun () -> Graph.zeros nodes[i].Shape)
        |]

        let isNot (items: 'a[]) = items |> Array.map (fun _ -> false)
        let elements = Array.append b.Elements (higher ofElements)
        let captured = Array.append b.Captured (higher ofCaptured)

        let body =
            Loop.withHistories {
                Carries = Array.append b.Carries (higher ofCarries)
                Elements = elements
                Captured = captured
                Next = Array.append b.Next (made carries b.Carries next)
                Outputs = made hasOutput b.Outputs outputs
                Trips = b.Trips
                Length = b.Length
                Reverse = b.Reverse
                Kept = [||]
                Linear = false
                LinearElements = isNot elements
                LinearCaptured = isNot captured
            }

        let sources (argument: Loop -> int -> int) (items: Node[] option[]) =
            Array.append (items |> Array.mapi (fun i _ -> Source.Argument(argument loop i))) [|
                for i in 0 .. items.Length - 1 do
                    if items[i].IsSome then
                        for k in 1..order do
                            Source.Coefficient(argument loop i, k)
            |]

        let place (first: int) (flags: bool[]) =
            TangentLoop.numbering flags |> Array.map (Option.map (fun n -> first + n * order))

        {
            Derived =
                Loop.derive
                    body
                    (if Loop.isCounted loop then [| Source.Argument 0 |] else [||])
                    (sources Loop.carryArgument ofCarries)
                    (sources Loop.elementArgument ofElements)
                    (sources Loop.capturedArgument ofCaptured)
            CarrySeries = place b.Carries.Length carries
            OutputSeries = place 0 hasOutput
        }

    /// The loop of the coefficients of an expansion, for arguments of which some have coefficients.
    let derive (loop: Loop) (expansion: Expansion) (active: bool[]) : SeriesLoop =
        loop.Derive(Loop.request $"series {expansion.Name} " active, (fun () -> make loop expansion active))

    /// Where a part's coefficient k is.
    let part (series: SeriesLoop) (k: int) (which: LoopPart) : LoopPart option =
        match which with
        | Final i -> series.CarrySeries[i] |> Option.map (fun n -> Final(n + k - 1))
        | Stacked i -> series.OutputSeries[i] |> Option.map (fun n -> Stacked(n + k - 1))
        | Steps -> None
        | History i -> series.CarrySeries[i] |> Option.map (fun n -> History(n + k - 1))
