namespace Hesse

/// The derivative of a loop with a bound is a loop: linear in the tangents of carries, elements and captured values, it goes through
/// the same elements and the history of the carries. What a step makes inside is made again, not stored.
[<ReferenceEquality>]
type internal TangentLoop = {
    Derived: DerivedLoop
    /// For each carry and each output of the original: which one holds its tangent; None for zero.
    CarryTangents: int option[]
    OutputTangents: int option[]
}

module internal TangentLoop =
    /// The number of each marked thing among the marked ones.
    let numbering (flags: bool[]) : int option[] =
        let count = flags |> Array.scan (fun n f -> if f then n + 1 else n) 0
        flags |> Array.mapi (fun i f -> if f then Some count[i] else None)

    let private make (loop: Loop) (active: bool[]) : TangentLoop =
        let b = loop.Body
        let start = Loop.carryArgument loop 0
        let flagsOf offset (nodes: Node[]) = active[offset .. offset + nodes.Length - 1]

        let tangents offset nodes =
            Array.map2
                (fun (n: Node) flag -> if flag then Some(Graph.variable n.Shape) else None)
                nodes
                (flagsOf offset nodes)

        let dElements = tangents (Loop.elementArgument loop 0) b.Elements
        let dCaptured = tangents (Loop.capturedArgument loop 0) b.Captured

        /// Tangents of next carries and outputs when these carries have tangents.
        let step (carries: bool[]) =
            let dCarries =
                Array.map2 (fun (c: Node) flag -> if flag then Some(Graph.variable c.Shape) else None) b.Carries carries

            let variables, directions =
                Array.zip
                    (Array.concat [ b.Carries; b.Elements; b.Captured ])
                    (Array.concat [ dCarries; dElements; dCaptured ])
                |> Array.choose (fun (v, dv) -> dv |> Option.map (fun dv -> v, dv))
                |> Array.unzip

            let results = Jvp.apply variables directions (Array.append b.Next b.Outputs)
            let next, outputs = Array.splitAt b.Next.Length results
            next |> Array.map Option.isSome, (dCarries, next, outputs)

        let carries, (dCarries, dNext, dOutputs) = Loop.settle step (flagsOf start b.Carries)

        let all (which: bool) (nodes: 'a[]) = nodes |> Array.map (fun _ -> which)
        let moved, movedCaptured = Array.choose id dElements, Array.choose id dCaptured
        let carriesOf (items: 'a[]) = Array.zip items carries |> Array.filter snd |> Array.map fst

        let body =
            Loop.withHistories {
                Carries = Array.choose id dCarries
                Elements = Array.concat [ moved; b.Elements; b.Carries ]
                Captured = Array.append movedCaptured b.Captured
                Next =
                    Array.zip b.Carries dNext
                    |> carriesOf
                    |> Array.map (fun (c, d) -> d |> Option.defaultWith (fun () -> Graph.zeros c.Shape))
                Outputs = Array.choose id dOutputs
                Trips =
                    match b.Trips with
                    | Trips.Fixed -> Trips.Fixed
                    | _ -> Trips.Counted
                Length = b.Length
                Reverse = b.Reverse
                Kept = [||]
                Linear = true
                LinearElements = Array.concat [ all true moved; all false b.Elements; all false b.Carries ]
                LinearCaptured = Array.append (all true movedCaptured) (all false b.Captured)
            }

        let tangent argument i = Source.Coefficient(argument i, 1)

        let chosen (flags: 'a option[]) (source: int -> Source) = [|
            for i in 0 .. flags.Length - 1 do
                if flags[i].IsSome then
                    source i
        |]

        let derived =
            Loop.derive
                body
                (match b.Trips with
                 | Trips.Fixed -> [||]
                 | Trips.Counted -> [| Source.Argument 0 |]
                 | Trips.While _ -> [| Source.Result Steps |])
                (chosen dCarries (tangent (Loop.carryArgument loop)))
                (Array.concat [
                    chosen dElements (tangent (Loop.elementArgument loop))
                    b.Elements |> Array.mapi (fun i _ -> Source.Argument(Loop.elementArgument loop i))
                    b.Carries |> Array.mapi (fun i _ -> Source.Result(History i))
                ])
                (Array.append
                    (chosen dCaptured (tangent (Loop.capturedArgument loop)))
                    (b.Captured |> Array.mapi (fun i _ -> Source.Argument(Loop.capturedArgument loop i))))

        {
            Derived = derived
            CarryTangents = numbering carries
            OutputTangents = numbering (dOutputs |> Array.map Option.isSome)
        }

    /// The tangent loop for arguments of which some have a tangent.
    let derive (loop: Loop) (active: bool[]) : TangentLoop =
        loop.Derive(Loop.request "tangent " active, (fun () -> make loop active))

    /// Where a part's tangent is in the tangent loop's result.
    let part (tangent: TangentLoop) (which: LoopPart) : LoopPart option =
        match which with
        | Final i -> tangent.CarryTangents[i] |> Option.map Final
        | Stacked i -> tangent.OutputTangents[i] |> Option.map Stacked
        | Steps -> None
        | History i -> tangent.CarryTangents[i] |> Option.map History
