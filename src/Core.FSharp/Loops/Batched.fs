namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Elementwise

/// A loop over a batch is a loop whose body works on the batch. Where every member has its own number of steps, the loop runs as
/// long as one of them goes on; a member that is done keeps its carries, and the body sees in its place a member that
/// still runs, so that no value or derivative is ever asked for where the member alone would not ask for it.
[<ReferenceEquality>]
type internal BatchedLoop = {
    Derived: DerivedLoop
    /// Whether a part of the result has a batch axis: behind the axis of steps where there is one, else leading.
    IsBatched: LoopPart -> bool
    /// Where the number of steps of every member is, if they differ: a carry of a while loop, else an argument.
    Numbers: Source option
}

module internal BatchedLoop =
    let private wide (size: int) (n: Node) = Graph.variable (Array.append [| size |] n.Shape)

    /// A vector over the batch, repeated over all elements of a batched node.
    let private along (x: Node) (mask: Node) = broadcast x.Shape [| 0 |] mask

    /// The first member that still runs, for every member that does not.
    let private running (size: int) (mask: Node) : Node -> Node =
        let last = Graph.full mask.Shape (float size)
        let rank = sub last (Graph.constant [| size |] (Array.init size float))
        let first = sub (Graph.full [||] (float size)) (maxOver [| 0 |] (mul mask rank))

        let index = reshape [| 1 |] (min first (Graph.full [||] (float (size - 1))))

        fun x ->
            let substitute = reshape x.Shape[1..] (gather 0 x index) |> batchAxis size |> stopGradient
            select (along x mask) x substitute

    let private make (loop: Loop) (size: int) (flags: bool[]) : BatchedLoop =
        let b = loop.Body
        let flagsOf offset (nodes: Node[]) = flags[offset .. offset + nodes.Length - 1]
        let elementFlags = flagsOf (Loop.elementArgument loop 0) b.Elements
        let capturedFlags = flagsOf (Loop.capturedArgument loop 0) b.Captured
        let marked = Array.map2 (fun (n: Node) f -> if f then Some n else None)

        let dependsOn (carries: bool[]) =
            let variables =
                Array.concat [
                    marked b.Carries carries
                    marked b.Elements elementFlags
                    marked b.Captured capturedFlags
                ]
                |> Array.choose id

            let found = System.Collections.Generic.HashSet<Node>(variables, HashIdentity.Reference)

            let condition =
                match b.Trips with
                | Trips.While c -> [| c |]
                | _ -> [||]

            let outputs = Array.concat [ b.Next; b.Outputs; condition ]

            for node in Graph.order (Substitute.oldest variables) outputs do
                if node.Args |> Array.exists found.Contains then
                    found.Add node |> ignore

            outputs |> Array.map found.Contains

        let ownCount = Loop.isCounted loop && flags[0]

        let ownCondition (dependent: bool[]) =
            dependent.Length > b.Next.Length + b.Outputs.Length && Array.last dependent

        /// All carries differ between members as soon as their numbers of steps do.
        let consequences carries =
            let dependent = dependsOn carries
            let own = ownCount || ownCondition dependent
            dependent[.. b.Next.Length - 1] |> Array.map ((||) own), (dependent, own)

        let start = Loop.carryArgument loop 0
        let carryFlags, (dependent, ragged) = Loop.settle consequences (flagsOf start b.Carries)
        let wider = Array.map2 (fun (n: Node) f -> if f then wide size n else n)
        let carries, elements = wider b.Carries carryFlags, wider b.Elements elementFlags
        let captured = wider b.Captured capturedFlags
        let inputs = Array.concat [ b.Carries; b.Elements; b.Captured ]
        let values = Array.concat [ carries; elements; captured ]
        let isBatched = Array.concat [ carryFlags; elementFlags; capturedFlags ]

        let isLinear =
            Array.concat [ b.Carries |> Array.map (fun _ -> b.Linear); b.LinearElements; b.LinearCaptured ]

        /// The body for the batch, at these values of its variables.
        let apply (values: Node[]) (outputs: Node[]) =
            let variables, values =
                Array.zip3 inputs values isBatched
                |> Array.filter (fun (_, _, f) -> f)
                |> Array.map (fun (v, x, _) -> v, x)
                |> Array.unzip

            Batch.apply size variables values outputs

        let number, time = Graph.variable [| size |], Graph.variable [||]
        let counter = Graph.variable [| size |]

        let mask =
            match b.Trips with
            | _ when not ragged -> None
            | Trips.While condition -> Some((apply values [| condition |])[0])
            | _ -> Some(greater number (batchAxis size time))

        let seen =
            match mask with
            | None -> values
            | Some mask ->
                let active = running size mask

                Array.map3
                    (fun (x: Node) batched linear -> if batched && not linear then active x else x)
                    values
                    isBatched
                    isLinear

        let outputFlags =
            dependent[b.Next.Length .. b.Next.Length + b.Outputs.Length - 1] |> Array.map ((||) ragged)

        let batchedNext, batchedOutputs = apply seen b.Next, apply seen b.Outputs
        let choose = Array.map3 (fun (there: Node) (here: Node) f -> if f then there else here)
        let next, outputs = choose batchedNext b.Next carryFlags, choose batchedOutputs b.Outputs outputFlags

        let next, outputs =
            match mask with
            | None -> next, outputs
            | Some mask ->
                Array.map2 (fun c (y: Node) -> select (along y mask) y c) carries next,
                outputs |> Array.map (fun y -> select (along y mask) y (Graph.zeros y.Shape))

        let counts =
            match b.Trips with
            | Trips.While _ when ragged -> true
            | _ -> false

        let ownNumber = ragged && not counts
        let extra condition (item: 'a) = if condition then [| item |] else [||]

        let body = {
            Carries = Array.append carries (extra counts counter)
            Elements = Array.append elements (extra ownNumber time)
            Captured = Array.append captured (extra ownNumber number)
            Next =
                Array.append next (mask |> Option.map (add counter) |> Option.toArray |> Array.filter (fun _ -> counts))
            Outputs = outputs
            Trips =
                match b.Trips, mask with
                | Trips.While _, Some mask -> Trips.While(maxOver [| 0 |] mask)
                | trips, _ -> trips
            Length = b.Length
            Reverse = b.Reverse
            Kept = Array.append b.Kept (extra counts false)
            Linear = b.Linear
            LinearElements = Array.append b.LinearElements (extra ownNumber false)
            LinearCaptured = Array.append b.LinearCaptured (extra ownNumber false)
        }

        let sources argument (items: 'a[]) = items |> Array.mapi (fun i _ -> Source.Argument(argument loop i))

        let times () = Source.Constant(Graph.constant [| b.Length |] (Array.init b.Length float))

        let derived =
            Loop.derive
                body
                (if ownCount then [| Source.Largest 0 |]
                 elif Loop.isCounted loop then [| Source.Argument 0 |]
                 else [||])
                (Array.append (sources Loop.carryArgument b.Carries) (extra counts (Source.Zeros [| size |])))
                (Array.append (sources Loop.elementArgument b.Elements) (if ownNumber then [| times () |] else [||]))
                (Array.append (sources Loop.capturedArgument b.Captured) (extra ownNumber (Source.Argument 0)))

        {
            Derived = derived
            IsBatched =
                fun part ->
                    match part with
                    | Final i
                    | History i -> carryFlags[i]
                    | Stacked i -> outputFlags[i]
                    | Steps -> counts
            Numbers =
                if counts then Some(Source.Result(Final b.Carries.Length))
                elif ownNumber then Some(Source.Argument 0)
                else None
        }

    /// The loop for a batch, of whose arguments some carry the batch axis.
    let derive (loop: Loop) (size: int) (flags: bool[]) : BatchedLoop =
        loop.Derive(Loop.request $"batch {size} " flags, (fun () -> make loop size flags))

    /// An argument of the batched loop: a carry may be batched because of the others.
    let argument (batched: BatchedLoop) (loop: Loop) (size: int) (i: int) (given: Node) (flag: bool) : Node =
        let carry = i - Loop.carryArgument loop 0

        if flag && i >= Loop.elementArgument loop 0 && i < Loop.capturedArgument loop 0 then
            // Elements are handed out along the leading axis.
            transpose (Array.append [| 1; 0 |] [| 2 .. given.Shape.Length - 1 |]) given
        elif not flag && carry >= 0 && carry < loop.Body.Carries.Length && batched.IsBatched(Final carry) then
            batchAxis size given
        else
            given

    /// A part of the result for the batch: shape [size; elements].
    let part (batched: BatchedLoop) (size: int) (args: Node[]) (result: Node) (which: LoopPart) : Node =
        let take = Loop.part batched.Derived.Loop result
        let flat (n: Node) = reshape [| size; Shape.length "vmap" n.Shape / size |] n

        let numbers =
            match batched.Numbers with
            | Some(Source.Result part) -> Some(take part)
            | Some _ -> Some args[0]
            | None -> None

        let membersFirst (n: Node) = transpose (Array.append [| 1; 0 |] [| 2 .. n.Shape.Length - 1 |]) n

        match which, numbers with
        | Steps, Some numbers -> flat numbers
        | _ when not (batched.IsBatched which) ->
            let n = take which
            batchAxis size (reshape [| Shape.length "vmap" n.Shape |] n)
        | History _, Some numbers ->
            // A member that is done has no history, though it is carried along.
            let n = membersFirst (take which)
            let length = n.Shape[1]
            let times = Graph.constant [| length |] (Array.init length float)
            let rows = [| size; length |]
            let ran = greater (broadcast rows [| 0 |] numbers) (broadcast rows [| 1 |] times)
            flat (select (broadcast n.Shape [| 0; 1 |] ran) n (Graph.zeros n.Shape))
        | (Stacked _ | History _), _ -> flat (membersFirst (take which))
        | _ -> flat (take which)
