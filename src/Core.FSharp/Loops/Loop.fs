namespace Hesse

open System
open System.Collections.Generic
open System.Runtime.CompilerServices

/// How many steps a loop runs.
[<RequireQualifiedAccess; ReferenceEquality>]
type internal Trips =
    /// As many as its length says.
    | Fixed
    /// As many as its first argument says, a whole number of shape []; at most its length.
    | Counted
    /// While this node, of shape [] and a function of carries and captured values, is not 0; at most its length.
    | While of Node

/// What a step of a loop reads and makes, as a closed graph.
[<ReferenceEquality>]
type internal LoopBody = {
    /// Variables: what the step before handed over.
    Carries: Node[]
    /// Variables: one part of each sequence.
    Elements: Node[]
    /// Variables: what every step reads.
    Captured: Node[]
    /// The carries for the next step.
    Next: Node[]
    /// Results of the step; all steps' results are stacked.
    Outputs: Node[]
    Trips: Trips
    /// Most steps; `Loop.unbounded` for a loop without bound.
    Length: int
    /// Whether the sequences are gone through from their end.
    Reverse: bool
    /// Which carries' values before the steps are a part of the result; derivatives read them.
    Kept: bool[]
    /// Whether next carries and outputs are jointly linear in the carries and in the elements and captured values that are marked below.
    Linear: bool
    LinearElements: bool[]
    LinearCaptured: bool[]
}

/// A part of a loop's result.
type internal LoopPart =
    /// The last value of a carry.
    | Final of carry: int
    /// A result of all steps, stacked.
    | Stacked of output: int
    /// The number of steps that a while loop ran.
    | Steps
    /// The values of a carry before each step, stacked.
    | History of carry: int

/// A loop: the body, and how its result is packed into one vector: last carries, stacked outputs, number of steps (of a while
/// loop), histories. What is derived from a loop is remembered with it, so that equal requests give one loop.
[<Sealed; AllowNullLiteral>]
type internal Loop(body: LoopBody) =
    inherit SubGraph()

    let derived = Dictionary<string, obj>()
    let divided = ConditionalWeakTable<Node, Dictionary<LoopPart, Node>>()
    let stacked (n: Node) = Array.append [| body.Length |] n.Shape

    let parts = [|
        for i, c in Array.indexed body.Carries do
            Final i, c.Shape
        for i, y in Array.indexed body.Outputs do
            Stacked i, stacked y
        match body.Trips with
        | Trips.While _ -> Steps, [||]
        | _ -> ()
        for i, c in Array.indexed body.Carries do
            if body.Kept[i] then
                History i, stacked c
    |]

    let starts = parts |> Array.scan (fun at (_, shape) -> at + Shape.size shape) 0L

    let places = dict [ for i, (part, shape) in Array.indexed parts -> part, struct (starts[i], shape) ]

    member _.Body = body

    override _.KeptElements =
        parts
        |> Array.sumBy (fun (part, shape) ->
            match part with
            | History _ -> Shape.size shape
            | _ -> 0L)

    /// The parts of the result in order.
    member _.Parts = parts |> Array.map fst

    /// Elements of the result.
    member _.Size = Array.last starts

    member _.Has part = places.ContainsKey part

    /// First element and shape of a part.
    member _.Place(part: LoopPart) = places[part]

    /// The parts, not zero, of a vector that is packed like the result; the same nodes whenever it is asked for.
    member _.Divide(vector: Node, divide: unit -> Dictionary<LoopPart, Node>) =
        lock divided (fun () ->
            match divided.TryGetValue vector with
            | true, parts -> parts
            | _ ->
                let parts = divide ()
                divided.Add(vector, parts)
                parts)

    /// What `make` gives, made once for each request.
    member _.Derive<'T>(request: string, make: unit -> 'T) : 'T =
        lock derived (fun () ->
            match derived.TryGetValue request with
            | true, value -> unbox<'T> value
            | _ ->
                let value = make ()
                derived[request] <- box value
                value)

    override _.ToString() =
        let count =
            match body.Trips with
            | Trips.Fixed -> $"{body.Length}"
            | Trips.Counted -> $"at most {body.Length}"
            | Trips.While _ -> "while"

        $"loop {count}: {body.Carries.Length} carries, {body.Outputs.Length} outputs"

/// Where the argument of a loop that was derived from another one comes from.
[<RequireQualifiedAccess>]
type internal Source =
    /// An argument of the original loop.
    | Argument of int
    /// A Taylor coefficient of an argument; that of order 1 is its tangent.
    | Coefficient of argument: int * order: int
    /// A part of the original's result.
    | Result of LoopPart
    /// The cotangent of a part of the result.
    | Cotangent of LoopPart
    | Zeros of int[]
    | Constant of Node
    /// The greatest element of an argument.
    | Largest of int

/// A loop that was derived from another one, and where its arguments come from.
[<ReferenceEquality>]
type internal DerivedLoop = { Loop: Loop; Sources: Source[] }

/// Arguments and results of loops.
module internal Loop =
    /// The length of a loop that has no bound.
    [<Literal>]
    let unbounded = Int32.MaxValue

    let ofAttr attr =
        match attr with
        | Body(:? Loop as loop) -> loop
        | _ -> invalidOp "a loop has a body"

    let isUnbounded (loop: Loop) = loop.Body.Length = unbounded

    let isCounted (loop: Loop) =
        match loop.Body.Trips with
        | Trips.Counted -> true
        | _ -> false

    /// Positions of carries, elements and captured values among the arguments; before them is the number of steps, if it is one.
    let carryArgument (loop: Loop) i = (if isCounted loop then 1 else 0) + i
    let elementArgument (loop: Loop) i = carryArgument loop loop.Body.Carries.Length + i
    let capturedArgument (loop: Loop) i = elementArgument loop loop.Body.Elements.Length + i
    let argumentCount (loop: Loop) = capturedArgument loop loop.Body.Captured.Length

    /// Which arguments a linear loop is linear in.
    let linearArguments (loop: Loop) : bool[] =
        let b = loop.Body

        Array.concat [
            (if isCounted loop then [| false |] else [||])
            b.Carries |> Array.map (fun _ -> b.Linear)
            b.LinearElements |> Array.map (fun l -> b.Linear && l)
            b.LinearCaptured |> Array.map (fun l -> b.Linear && l)
        ]

    /// The shapes of the arguments.
    let argumentShapes (loop: Loop) : int[][] =
        let b = loop.Body
        let shapes (nodes: Node[]) = nodes |> Array.map (fun n -> n.Shape)

        Array.concat [
            (if isCounted loop then [| [||] |] else [||])
            shapes b.Carries
            shapes b.Elements |> Array.map (Array.append [| b.Length |])
            shapes b.Captured
        ]

    /// Histories of all carries, unless there is no end to them or one array cannot hold them.
    let withHistories (body: LoopBody) : LoopBody =
        let per (nodes: Node[]) = nodes |> Array.sumBy (fun n -> Shape.size n.Shape)

        let total = float body.Length * float (per body.Carries + per body.Outputs) + float (per body.Carries)

        let keep = body.Length <> unbounded && total < float Array.MaxLength - 1.0
        { body with Kept = body.Carries |> Array.map (fun _ -> keep) }

    /// A part of a loop's result.
    let part (loop: Loop) (result: Node) (which: LoopPart) : Node =
        let struct (start, shape) = loop.Place which

        if Shape.size shape = 0L then
            Graph.zeros shape
        else
            Movement.slice [| int start |] [| int (start + Shape.size shape) |] [| 1 |] result
            |> Linear.reshape shape

    /// The parts of a vector that is packed like a loop's result, without those that are known to be zero.
    let partsOf (loop: Loop) (vector: Node) : Dictionary<LoopPart, Node> =
        let isZero (node: Node) =
            match node.Uniform with
            | ValueSome u -> u = 0.0
            | ValueNone -> node.IsConcrete && Array.forall ((=) 0.0) node.Data

        loop.Divide(
            vector,
            fun () ->
                let parts = Dictionary<LoopPart, Node>()

                for p in loop.Parts do
                    let node = part loop vector p

                    if not (isZero node) then
                        parts[p] <- node

                parts
        )

    /// A node packed like a loop's result: zeros where there is nothing. None if there is nothing at all.
    let pack (loop: Loop) (content: LoopPart -> Node option) : Node option =
        let parts = loop.Parts |> Array.map (fun p -> p, content p)

        if parts |> Array.forall (fun (_, c) -> c.IsNone) then
            None
        else
            parts
            |> Array.map (fun (p, c) ->
                let struct (_, shape) = loop.Place p
                let flat = [| int (Shape.size shape) |]

                match c with
                | Some node -> Linear.reshape flat node
                | None -> Graph.zeros flat)
            |> Movement.concat 0
            |> Some

    /// The nodes that some nodes are made of, variables included.
    let reach (outputs: Node seq) = HashSet<Node>(Graph.order 1L outputs, HashIdentity.Reference)

    /// A loop, without the elements and captured values that no step reads.
    let derive (body: LoopBody) (count: Source[]) carries (elements: Source[]) (captured: Source[]) : DerivedLoop =
        let read =
            reach (
                Seq.concat [
                    Seq.ofArray body.Next
                    Seq.ofArray body.Outputs
                    match body.Trips with
                    | Trips.While condition -> Seq.singleton condition
                    | _ -> Seq.empty
                ]
            )

        let keep (nodes: Node[]) (items: 'a[]) =
            Array.zip nodes items |> Array.filter (fun (n, _) -> read.Contains n) |> Array.map snd

        {
            Loop =
                Loop {
                    body with
                        Elements = keep body.Elements body.Elements
                        LinearElements = keep body.Elements body.LinearElements
                        Captured = keep body.Captured body.Captured
                        LinearCaptured = keep body.Captured body.LinearCaptured
                }
            Sources = Array.concat [ count; carries; keep body.Elements elements; keep body.Captured captured ]
        }

    /// A request as text: which of some things are there.
    let request (name: string) (flags: bool[]) = name + String(flags |> Array.map (fun f -> if f then '1' else '0'))

    /// Adds flags until `consequences` adds no more; returns the flags and what it then gave.
    let rec settle (consequences: bool[] -> bool[] * 'T) (flags: bool[]) : bool[] * 'T =
        let implied, result = consequences flags
        let more = Array.map2 (||) flags implied
        if more = flags then flags, result else settle consequences more
