namespace Hesse

open System
open System.Collections.Generic
open Hesse.Kernels

/// The graph, evaluated element by element over any number system: slow, and plain enough to be an oracle.
module internal Interpreter =
    let private strides shape = Shape.strides shape |> Array.map int
    let private count (shape: int[]) = Shape.length "Exact" shape

    /// Position of each element of `shape`, row-major, in data read with these strides from `start`.
    let private positions (shape: int[]) (strides: int[]) (start: int) : int[] =
        let mutable found = [| start |]

        for d in 0 .. shape.Length - 1 do
            found <- [|
                for at in found do
                    for i in 0 .. shape[d] - 1 do
                        at + i * strides[d]
            |]

        found

    let private axesOf attr =
        match attr with
        | Axes a -> a
        | _ -> [||]

    let private axisOf attr = Array.head (axesOf attr)

    /// Folds the elements along axes; `first` starts from the first element, else from zero.
    let private reduce (op: 'N -> 'N -> 'N) (zero: 'N option) axes (shape: int[]) (x: 'N[]) : 'N[] =
        let all = strides shape
        let kept = Array.except axes [| 0 .. shape.Length - 1 |]
        let pick (from: int[]) which = which |> Array.map (fun (d: int) -> from[d])
        let inner = positions (pick shape axes) (pick all axes) 0

        positions (pick shape kept) (pick all kept) 0
        |> Array.map (fun start ->
            let items = inner |> Seq.map (fun i -> x[start + i])

            match zero with
            | Some zero -> Seq.fold op zero items
            | None -> Seq.reduce op items)

    let private contract (n: Arithmetic<'N>) (la: int[]) (lb: int[]) (lo: int[]) (s: int[][]) (x: 'N[]) (y: 'N[]) =
        let summed = la |> Array.filter (fun l -> not (Array.contains l lo))

        let along (labels: int[]) (shape: int[]) (wanted: int[]) =
            let all = strides shape

            wanted
            |> Array.map (fun l ->
                match Array.IndexOf(labels, l) with
                | -1 -> 0
                | i -> all[i])

        let length l =
            match Array.IndexOf(la, l) with
            | -1 -> s[1][Array.IndexOf(lb, l)]
            | i -> s[0][i]

        let outer, inner = lo |> Array.map length, summed |> Array.map length
        let zero = n.OfFloat 0.0
        let innerX = positions inner (along la s[0] summed) 0
        let innerY = positions inner (along lb s[1] summed) 0

        Array.map2
            (fun px py ->
                let mutable total = zero

                for k in 0 .. innerX.Length - 1 do
                    total <- n.Eval TileOp.Add total (n.Eval TileOp.Mul x[px + innerX[k]] y[py + innerY[k]] zero) zero

                total)
            (positions outer (along la s[0] lo) 0)
            (positions outer (along lb s[1] lo) 0)

    /// The indices that a number may stand for, checked against the axis.
    let private candidates (n: Arithmetic<'N>) (op: string) (size: int) (index: 'N) : int[] =
        let struct (first, last) = n.Index index

        if last < first then
            Shape.fail $"{n.Name}: {op}: index {index} is no whole number; round it with floor"
        elif first = last && (first < 0I || first >= bigint size) then
            Shape.fail $"{n.Name}: {op}: index {first} is outside 0 .. {size - 1}; clamp it first"
        else
            [| int (max 0I first) .. int (min (bigint (size - 1)) last) |]

    /// For each element along an indexed axis: its position in the long data and the candidates for its place.
    let private indexed n op axis (long: int[]) (size: int) (s: int[]) (idx: 'N[]) (each: int -> int -> int[] -> unit) =
        let product = Array.fold (*) 1
        let outer, inner = product long[.. axis - 1], product long[axis + 1 ..]
        let entries = s[s.Length - 1]

        for o in 0 .. outer - 1 do
            for j in 0 .. entries - 1 do
                let row = if s.Length > 1 then o * entries else 0
                let places = candidates n op size (Array.item (row + j) idx)

                for i in 0 .. inner - 1 do
                    each ((o * entries + j) * inner + i) (o * size * inner + i) (places |> Array.map ((*) inner))

    let private gather (n: Arithmetic<'N>) (axis: int) (s: int[][]) shape (x: 'N[]) (idx: 'N[]) =
        let result = Array.zeroCreate (count shape)

        indexed n "gather" axis s[0] (Array.item axis s[0]) s[1] idx (fun entry start places ->
            result[entry] <- places |> Seq.map (fun p -> x[start + p]) |> Seq.reduce n.Join)

        result

    let private scatterAdd (n: Arithmetic<'N>) axis size (s: int[][]) shape (x: 'N[]) (idx: 'N[]) =
        let zero = n.OfFloat 0.0
        let result = Array.create (count shape) zero

        indexed n "scatterAdd" axis s[0] size s[1] idx (fun entry start places ->
            let added = if places.Length = 1 then x[entry] else n.Join zero x[entry]

            for p in places do
                result[start + p] <- n.Eval TileOp.Add result[start + p] added zero)

        result

    let private slice (shape: int[]) (x: 'N[]) (from: int[]) start step =
        let all = strides from

        positions shape (Array.map2 (*) step all) (Array.fold2 (fun at b s -> at + b * s) 0 start all)
        |> Array.map (fun p -> x[p])

    let private pad zero (from: int[]) (shape: int[]) low interior (x: 'N[]) =
        let result = Array.create (count shape) zero
        let all = strides shape

        positions
            from
            (Array.map2 (fun k s -> (k + 1) * s) interior all)
            (Array.fold2 (fun at b s -> at + b * s) 0 low all)
        |> Array.iteri (fun i p -> result[p] <- x[i])

        result

    let private concat axis (s: int[][]) (parts: 'N[][]) =
        let product = Array.fold (*) 1
        let outer = product (Array.truncate axis s[0])

        [|
            for o in 0 .. outer - 1 do
                for part in parts do
                    let rows = part.Length / max 1 outer
                    yield! part[o * rows .. (o + 1) * rows - 1]
        |]

    /// Random numbers are those of the kernel, taken as they are, if the key is known.
    let private random (primitive: Primitive) (n: Arithmetic<'N>) attr (s: int[][]) shape (args: 'N[][]) : 'N[] =
        let isKnown (x: 'N) =
            let struct (first, last) = n.Index x
            first = last

        let value (x: 'N) =
            let struct (first, _) = n.Index x
            float first

        match n.Unknown with
        | _ when args |> Array.forall (Array.forall isKnown) ->
            let nodes = Array.map2 (fun shape x -> Graph.constant shape (Array.map value x)) s args
            (Graph.bind primitive attr nodes).Data |> Array.map n.OfFloat
        | Some unknown -> Array.create (count shape) unknown
        | None -> Shape.fail $"{n.Name}: {primitive.Name}: the key is no certain whole number; close over it"

    /// Operations that are no elementwise function and no view, by name: attribute, argument shapes, result shape, arguments.
    let private rules (n: Arithmetic<'N>) : IDictionary<string, MatrixAlgebra.Rule<'N>> =
        let zero = n.OfFloat 0.0
        let binary op a b = n.Eval op a b zero
        let wrong (p: Primitive) attr = invalidOp $"{p.Name}: unexpected attribute {attr}"

        dict [
            yield! MatrixAlgebra.rules n
            yield! FourierRule.rules n
            Ordered.cumulativeSumP.Name, (fun attr s _ args -> OrderedRules.recurrence n attr s[0] None args[0])
            Ordered.recurrenceP.Name, (fun attr s _ args -> OrderedRules.recurrence n attr s[0] (Some args[0]) args[1])
            Ordered.argsortP.Name, (fun attr s _ args -> OrderedRules.argsort n attr s[0] args[0])
            Ordered.runningArgMaxP.Name, (fun _ s _ args -> OrderedRules.runningArgMax n s[0] args[0])
            Linear.broadcastP.Name,
            fun attr s shape args ->
                match attr with
                | Spread(_, axes) ->
                    let steps = Linear.broadcastStrides s[0] shape axes |> Array.map int
                    positions shape steps 0 |> Array.map (fun p -> args[0][p])
                | _ -> wrong Linear.broadcastP attr
            Linear.sumP.Name, (fun attr s _ args -> reduce (binary TileOp.Add) (Some zero) (axesOf attr) s[0] args[0])
            Movement.transposeP.Name,
            fun attr s shape args ->
                let all = strides s[0]
                positions shape (axesOf attr |> Array.map (fun d -> all[d])) 0 |> Array.map (fun p -> args[0][p])
            Movement.sliceP.Name,
            fun attr s shape args ->
                match attr with
                | Window(start, _, step) -> slice shape args[0] s[0] start step
                | _ -> wrong Movement.sliceP attr
            Movement.padP.Name,
            fun attr s shape args ->
                match attr with
                | Padding(low, _, interior) -> pad zero s[0] shape low interior args[0]
                | _ -> wrong Movement.padP attr
            Movement.concatP.Name, (fun attr s _ args -> concat (axisOf attr) s args)
            Movement.gatherP.Name, (fun attr s shape args -> gather n (axisOf attr) s shape args[0] args[1])
            Movement.scatterAddP.Name,
            fun attr s shape args ->
                match attr with
                | Along(axis, size) -> scatterAdd n axis size s shape args[0] args[1]
                | _ -> wrong Movement.scatterAddP attr
            Windows.windowsP.Name,
            fun attr s shape args ->
                match attr with
                | Cut window ->
                    positions shape (Windows.strides window s[0] |> Array.map int) 0 |> Array.map (fun p -> args[0][p])
                | _ -> wrong Windows.windowsP attr
            Windows.overlapAddP.Name,
            fun attr s shape args ->
                match attr with
                | Cut window ->
                    let result = Array.create (count shape) zero

                    positions s[0] (Windows.strides window shape |> Array.map int) 0
                    |> Array.iteri (fun i p -> result[p] <- binary TileOp.Add (result[p]) (args[0][i]))

                    result
                | _ -> wrong Windows.overlapAddP attr
            Contraction.contractP.Name,
            fun attr s _ args ->
                match attr with
                | Labels(a, b, out) -> contract n a b out s args[0] args[1]
                | _ -> wrong Contraction.contractP attr
            Randomness.randomP.Name, random Randomness.randomP n
            Randomness.foldKeyP.Name, random Randomness.foldKeyP n
            Elementwise.maxOverP.Name, (fun attr s _ args -> reduce (binary TileOp.Max) None (axesOf attr) s[0] args[0])
        ]

    let private isSupported
        (n: Arithmetic<'N>)
        (rules: IDictionary<string, MatrixAlgebra.Rule<'N>>)
        (primitive: Primitive)
        =
        match primitive.Lower with
        | Lowering.Input
        | Lowering.Expand _
        | Lowering.View -> true
        | Lowering.Tile op -> not (n.Missing.Contains op)
        | Lowering.Steps _ -> rules.ContainsKey primitive.Name
        | Lowering.Working _ -> obj.ReferenceEquals(primitive, ScanPrimitive.scanP)

    /// True when the interpreter has a rule for the primitive in this number system.
    let supports (n: Arithmetic<'N>) (primitive: Primitive) = isSupported n (rules n) primitive

    let private elementwise (n: Arithmetic<'N>) op (args: 'N[][]) : 'N[] =
        let zero = n.OfFloat 0.0
        let argument k i = if k < args.Length then args[k][i] else zero
        Array.init args[0].Length (fun i -> n.Eval op (argument 0 i) (argument 1 i) (argument 2 i))

    /// Uncertain steps of a loop without bound, after which it is given up.
    [<Literal>]
    let private uncertainSteps = 10_000

    /// A loop, step by step; `evaluate` interprets a closed graph. Where it is not certain whether a step is run, the carries are
    /// those before or those after it.
    let private runLoop<'N when 'N: equality>
        (n: Arithmetic<'N>)
        (evaluate: Node[] -> 'N[][] -> Node[] -> 'N[][])
        (loop: Loop)
        (args: 'N[][])
        =
        let b = loop.Body
        let zero = n.OfFloat 0.0
        let take start (nodes: Node[]) = args[start .. start + nodes.Length - 1]
        let elements = take (Loop.elementArgument loop 0) b.Elements
        let captured = take (Loop.capturedArgument loop 0) b.Captured
        let either = Array.map2 (Array.map2 n.Join)

        let stacked (nodes: Node[]) = nodes |> Array.map (fun y -> Array.create (b.Length * count y.Shape) zero)

        let kept (nodes: 'a[]) = Array.zip nodes b.Kept |> Array.filter snd |> Array.map fst
        let outputs, histories = stacked b.Outputs, stacked (kept b.Carries)

        let write (target: 'N[]) at (part: 'N[]) certain =
            part
            |> Array.iteri (fun i x -> target[at * part.Length + i] <- if certain then x else n.Join zero x)

        let mutable carries = take (Loop.carryArgument loop 0) b.Carries
        let mutable certain = true

        /// A step at a place, which is certainly run or perhaps; false when it changed nothing.
        let step at isCertain =
            let part i (x: Node) =
                let size = count x.Shape
                elements[i][at * size .. (at + 1) * size - 1]

            let values = Array.concat [ carries; b.Elements |> Array.mapi part; captured ]
            let variables = Array.concat [ b.Carries; b.Elements; b.Captured ]
            let made = evaluate variables values (Array.append b.Next b.Outputs)
            let next, ys = Array.splitAt b.Next.Length made
            Array.iter2 (fun target c -> write target at c isCertain) histories (kept carries)
            Array.iter2 (fun target y -> write target at y isCertain) outputs ys
            let next = if isCertain then next else either carries next
            let changed = next <> carries
            carries <- next
            changed

        let bounds what value =
            let struct (first, last) = n.Index value

            if last < first then
                Shape.fail $"{n.Name}: scan: {what} is {value}, which is no whole number; round it with floor"

            int (max first 0I), int (min last (bigint b.Length))

        let ran =
            match b.Trips with
            | Trips.Fixed ->
                for s in 0 .. b.Length - 1 do
                    step (if b.Reverse then b.Length - 1 - s else s) true |> ignore

                zero
            | Trips.Counted ->
                let least, most = bounds "the number of steps" args[0].[0]

                for s in 0 .. most - 1 do
                    let at = if b.Reverse then most - 1 - s else s
                    step at (at < least) |> ignore

                zero
            | Trips.While condition ->
                let mutable at = 0
                let mutable since = 0
                let mutable going = true

                while going && at < b.Length do
                    let holds =
                        evaluate (Array.append b.Carries b.Captured) (Array.append carries captured) [| condition |]

                    let least, most = bounds "the condition" holds[0].[0]

                    if most = 0 then
                        going <- false
                    else
                        if least = 0 && certain then
                            certain <- false
                            since <- at

                        // Without a bound the carries are gone through until all that they may be has been seen.
                        going <- step at certain || certain || b.Length <> Loop.unbounded
                        at <- at + 1

                        if b.Length = Loop.unbounded && not certain && at - since > uncertainSteps then
                            Shape.fail
                                $"{n.Name}: whileLoop: it is not certain when the loop ends; use Diff.boundedWhile, or narrower inputs"

                if certain then n.OfFloat(float at)
                elif going then n.Join (n.OfFloat(float since)) (n.OfFloat(float at))
                else n.Join (n.OfFloat(float since)) (n.OfFloat(float b.Length))

        Array.concat [
            yield! carries
            yield! outputs
            match b.Trips with
            | Trips.While _ -> [| ran |]
            | _ -> ()
            yield! histories
        ]

    /// A constant in these numbers: what was computed of constants since `start` is computed again. What these numbers do not have
    /// is taken as it is.
    let rec private constant (n: Arithmetic<'N>) (start: int64) (origin: Origin) : 'N =
        if origin.Born < start || n.Missing.Contains origin.Op then
            n.OfFloat origin.Value
        else
            let zero = n.OfFloat 0.0

            let operand i = if i < origin.Operands.Length then constant n start origin.Operands[i] else zero

            n.Eval origin.Op (operand 0) (operand 1) (operand 2)

    /// The elements of the outputs, at these values of the variables, in a program that began to be traced at `start`.
    let rec private runSince<'N when 'N: equality>
        (start: int64)
        (n: Arithmetic<'N>)
        (variables: Node[])
        (values: 'N[][])
        (outputs: Node[])
        : 'N[][] =
        let rules = rules n
        let known = Dictionary<Node, 'N[]>(HashIdentity.Reference)
        Array.iter2 (fun v value -> known[v] <- value) variables values

        let value (node: Node) =
            match known.TryGetValue node with
            | true, value -> value
            | _ when node.IsConcrete ->
                let value =
                    if isNull node.Origin then
                        node.Data |> Array.map n.OfFloat
                    else
                        Array.create (count node.Shape) (constant n start node.Origin)

                known[node] <- value
                value
            | _ ->
                Shape.fail
                    $"{n.Name}: the function uses a variable of a surrounding transformation; move {n.Name} outside of it"

        for node in Graph.order 1L outputs do
            if not (known.ContainsKey node) && not (Graph.isVariable node) then
                let args = node.Args |> Array.map value

                if not (isSupported n rules node.Prim) then
                    let remedy =
                        if n.Missing.IsEmpty then
                            "it has no bounds that can be shown to hold; use Exact.doubleDouble"
                        else
                            "use Exact.doubleDouble or Exact.interval"

                    Shape.fail
                        $"{n.Name}: the graph contains {node.Prim.Name}, which these numbers do not have; {remedy}"

                known[node] <-
                    match node.Prim.Lower with
                    | Lowering.Tile op -> elementwise n op args
                    | Lowering.View
                    | Lowering.Input -> args[0]
                    | Lowering.Working _ -> runLoop n (runSince start n) (Loop.ofAttr node.Attr) args
                    | Lowering.Expand make ->
                        let variables = node.Args |> Array.map Graph.variableLike
                        (runSince start n variables args [| make node.Attr variables |])[0]
                    | Lowering.Steps _ ->
                        rules[node.Prim.Name] node.Attr (node.Args |> Array.map (fun a -> a.Shape)) node.Shape args

        outputs |> Array.map value

    /// The elements of the outputs, at these values of the variables. Constants older than these are taken as they are.
    let run (n: Arithmetic<'N>) (variables: Node[]) (values: 'N[][]) (outputs: Node[]) : 'N[][] =
        runSince (Substitute.oldest variables) n variables values outputs
