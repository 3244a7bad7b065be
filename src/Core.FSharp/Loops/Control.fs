namespace Hesse

open System.Collections.Generic
open Hesse.Linear
open Hesse.Tracing

/// How `Diff.scanWith` goes through its elements.
type ScanOptions = {
    /// Whether the elements are gone through from the last to the first.
    Reverse: bool
    /// How many values of the carry are kept for the backward pass; the steps between two of them are run again when it comes to
    /// them. Several numbers divide the parts again: [a; b] keeps a values for the whole and b values in each part. Empty: all.
    Snapshots: int list
}

/// Loops, branches and checkpoints on trees: from functions to the scan primitive.
module internal Control =
    // ----- closure conversion -----

    /// Larger constants are handed to every step, not copied into each plan that derives from the body.
    [<Literal>]
    let private inlineSize = 64L

    /// What a graph takes from outside: symbolic nodes that depend on none of its variables, and large constants.
    let private outside (oldest: int64) (outputs: Node[]) : Node[] =
        let isLarge (n: Node) = n.IsConcrete && n.Uniform.IsNone && Shape.size n.Shape > inlineSize
        let isOutside (n: Node) = isLarge n || (not n.IsConcrete && n.NewestVariable < oldest)
        let found = HashSet<Node>(outputs |> Array.filter isOutside, HashIdentity.Reference)

        for node in Graph.order oldest outputs do
            found.UnionWith(node.Args |> Array.filter isOutside)

        found |> Seq.sortBy (fun n -> n.Id) |> Seq.toArray

    /// Outputs as a closed graph: what they take from outside, the variables that stand for it, and the outputs in terms of those.
    let private close (variables: Node[]) (outputs: Node[]) : Node[] * Node[] * Node[] =
        let oldest = Substitute.oldest variables
        let taken = outside oldest outputs
        let stand = variablesLike taken
        let image = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun n v -> image[n] <- v) taken stand

        let find (n: Node) =
            match image.TryGetValue n with
            | true, v -> v
            | _ -> n

        for node in Graph.order oldest outputs do
            if node.Args |> Array.exists image.ContainsKey then
                image[node] <- Graph.bind node.Prim node.Attr (node.Args |> Array.map find)

        taken, stand, outputs |> Array.map find

    // ----- checks -----

    let private place (i: int) (count: int) = if count = 1 then "" else $" (tensor {i} of {count})"

    /// Checks that a tree has the structure and shapes of another one.
    let private sameStructure op what remedy (expected: 'T) (given: 'T) : Node[] =
        let leaves, statics, _ = Tree.flatten expected
        let found, foundStatics, _ = Tree.flatten given

        if
            leaves.Length <> found.Length
            || statics.Length <> foundStatics.Length
            || not (Array.forall2 (fun (a: obj) b -> obj.Equals(a, b)) statics foundStatics)
        then
            Shape.fail
                $"{op}: {what} has another structure than expected: {found.Length} tensors where {leaves.Length} are wanted, or other lengths, keys or numbers; {remedy}"

        Array.iteri2
            (fun i (a: Tensor) (b: Tensor) ->
                if a.Node.Shape <> b.Node.Shape then
                    Shape.fail
                        $"{op}: {what}{place i leaves.Length} has shape {Shape.show b.Node.Shape}, expected {Shape.show a.Node.Shape}; {remedy}"

                if not (a.Node.IsWeak || b.Node.IsWeak) && a.DType <> b.DType then
                    Shape.fail
                        $"{op}: {what}{place i leaves.Length} is {Graph.typeName b.DType}, expected {Graph.typeName a.DType}; convert it with Tensor.toFloat32 or Tensor.toFloat64")
            leaves
            found

        nodesOf given

    /// 1 where a condition holds: where it is neither 0 nor NaN.
    let private truth op (condition: Tensor) : Node =
        let node = condition.Node

        if node.Shape.Length > 0 then
            Shape.fail
                $"{op}: the condition has shape {Shape.show node.Shape}, expected a scalar, shape []; reduce it, or use vmap for one condition per element"

        Elementwise.greater (Elementwise.abs node) (Graph.zeros [||])

    // ----- making loops -----

    /// The same body on float64 values: float32 ones are rounded where the body reads them, and widened where it hands them over.
    let private widened (body: LoopBody) : LoopBody =
        let variables = Array.concat [ body.Carries; body.Elements; body.Captured ]

        let condition =
            match body.Trips with
            | Trips.While c -> [| c |]
            | _ -> [||]

        let made = Array.concat [ body.Next; body.Outputs; condition ]

        if Seq.append variables made |> Seq.forall (fun n -> not n.IsFloat32) then
            body
        else
            let wide (nodes: Node[]) = nodes |> Array.map (fun v -> if v.IsFloat32 then Graph.variable v.Shape else v)

            let carries, elements, captured = wide body.Carries, wide body.Elements, wide body.Captured

            let values =
                Array.map2
                    (fun (v: Node) -> Precision.toType v.DType)
                    variables
                    (Array.concat [ carries; elements; captured ])

            let closed = Substitute.apply variables values made |> Array.map Precision.toFloat64
            let next, outputs = body.Next.Length, body.Outputs.Length

            {
                body with
                    Carries = carries
                    Elements = elements
                    Captured = captured
                    Next = closed[.. next - 1]
                    Outputs = closed[next .. next + outputs - 1]
                    Trips =
                        match body.Trips with
                        | Trips.While _ -> Trips.While(Array.last closed)
                        | other -> other
            }

    /// A loop, bound to its arguments: its parts, in the precision that the body has them in.
    let private bind (body: LoopBody) (args: Node[]) : LoopPart -> Tensor =
        let loop, args = Loop(widened body), args |> Array.map Precision.toFloat64
        let concrete = args |> Array.forall (fun a -> a.IsConcrete)
        let loop = if concrete then Trim.withoutHistories loop else loop
        let result = ScanPrimitive.bind loop args

        let dtype which =
            match which with
            | Final i
            | History i -> body.Carries[i].DType
            | Stacked i -> body.Outputs[i].DType
            | Steps -> DType.Float64

        fun which -> Loop.part loop result which |> Precision.toType (dtype which) |> tensor

    /// A loop from variables and what one step makes of them, bound to its arguments.
    let private run op trips length reverse (carries: Node[]) (xs: Node[]) (next: Node[]) (outputs: Node[]) arguments =
        let condition =
            match trips with
            | Trips.While c -> [| c |]
            | _ -> [||]

        let variables = Array.append carries xs
        let made = Array.concat [ next; outputs; condition ]

        // A loop without carries and elements has no variables of its own: all is from outside.
        let taken, stand, closed =
            close (if variables.Length = 0 then [| Graph.variable [||] |] else variables) made

        let count = next.Length

        let body =
            Loop.withHistories {
                Carries = carries
                Elements = xs
                Captured = stand
                Next = closed[.. count - 1]
                Outputs = closed[count .. count + outputs.Length - 1]
                Trips =
                    match trips with
                    | Trips.While _ -> Trips.While(Array.last closed)
                    | other -> other
                Length = length
                Reverse = reverse
                Kept = [||]
                Linear = false
                LinearElements = xs |> Array.map (fun _ -> false)
                LinearCaptured = stand |> Array.map (fun _ -> false)
            }

        if length < 0 then
            Shape.fail $"{op}: the number of steps is {length}; want at least 0"

        bind body (Array.append arguments taken)

    let private remedy =
        "return the carry in the structure and shapes in which it came in; start from a value that has them"

    /// A scan over `length` steps.
    let private scanOver op length reverse (step: 'C -> 'X -> 'C * 'Y) (init: 'C) (xs: 'X) : 'C * 'Y =
        let first, _, rebuildCarry = Tree.flatten init
        let sequences, _, rebuildElement = Tree.flatten xs
        let carries = variablesLike (nodesOf init)
        let elements = sequences |> Array.map (fun s -> Graph.variableOf s.DType s.Node.Shape[1..])

        let carry, y =
            step (rebuildCarry (Array.map tensor carries)) (rebuildElement (Array.map tensor elements))

        let next = sameStructure op "the carry that the step returns" remedy init carry
        let outputs, _, rebuildOutput = Tree.flatten y
        let arguments = Array.append first sequences |> Array.map (fun t -> t.Node)
        let made = outputs |> Array.map (fun t -> t.Node)
        let part = run op Trips.Fixed length reverse carries elements next made arguments

        rebuildCarry (first |> Array.mapi (fun i _ -> part (Final i))),
        rebuildOutput (outputs |> Array.mapi (fun i _ -> part (Stacked i)))

    /// The common length of the sequences.
    let private lengthOf op (xs: 'X) : int =
        let leaves = Tree.leaves xs
        let shapes () = Shape.showAll (leaves |> Array.map (fun t -> t.Node.Shape))

        if leaves.Length = 0 then
            Shape.fail $"{op}: there are no tensors to go through; use Diff.iterate for a number of steps"

        if leaves |> Array.exists (fun t -> t.Rank = 0) then
            Shape.fail
                $"{op}: the elements have shapes {shapes ()}; each tensor needs a leading axis to go through; close over what every step shares"

        match leaves |> Array.map (fun t -> t.Node.Shape[0]) |> Array.distinct with
        | [| length |] -> length
        | _ ->
            Shape.fail
                $"{op}: the elements have shapes {shapes ()} with different leading lengths; cut or pad them to one length"

    /// As `scanOver`, with snapshots: an outer scan over segments, whose step is the scan of a segment; what is left at the end is a segment of its own.
    let rec private segmented
        op
        length
        (options: ScanOptions)
        (step: 'C -> 'X -> 'C * 'Y)
        (init: 'C)
        (xs: 'X)
        : 'C * 'Y =
        match options.Snapshots with
        | [] -> scanOver op length options.Reverse step init xs
        | s :: _ when s < 1 -> Shape.fail $"{op}: Snapshots is {s}; want at least 1"
        | s :: _ when s >= length -> scanOver op length options.Reverse step init xs
        | s :: finer ->
            let inner = { options with Snapshots = finer }
            let each = (length + s - 1) / s
            let full = length / each
            let rest = length - full * each

            /// `count` segments of a length, from an element on.
            let segments count each start carry =
                let stop = start + count * each

                let parts =
                    xs
                    |> Tree.map (fun t ->
                        Tensor.slice 0 start stop 1 t
                        |> Tensor.reshape (Array.append [| count; each |] t.Node.Shape[1..]))

                let carry, ys = scanOver op count options.Reverse (segmented op each inner step) carry parts
                carry, ys |> Tree.map (fun t -> Tensor.reshape (Array.append [| count * each |] t.Node.Shape[2..]) t)

            let join early late = Tree.map2 (fun a b -> Tensor.concat 0 [ a; b ]) early late

            if rest = 0 then
                segments full each 0 init
            elif options.Reverse then
                let carry, late = segments 1 rest (length - rest) init
                let carry, early = segments full each 0 carry
                carry, join early late
            else
                let carry, early = segments full each 0 init
                let carry, late = segments 1 rest (length - rest) carry
                carry, join early late

    let scanWith options (step: 'C -> 'X -> 'C * 'Y) (init: 'C) (xs: 'X) : 'C * 'Y =
        segmented "scan" (lengthOf "scan" xs) options step init xs

    let iterateWith snapshots count (step: 'C -> 'C) (init: 'C) : 'C =
        if count < 0 then
            Shape.fail $"iterate: the number of steps is {count}; want at least 0"

        let options = { Reverse = false; Snapshots = snapshots }
        fst (segmented "iterate" count options (fun c () -> step c, ()) init ())

    /// The last carry and the number of steps.
    let whileAtMost op bound (condition: 'C -> Tensor) (body: 'C -> 'C) (init: 'C) : 'C * Tensor =
        let first, _, rebuild = Tree.flatten init
        let carries = variablesLike (nodesOf init)
        let carry = rebuild (Array.map tensor carries)
        let holds = truth op (condition carry)
        let next = sameStructure op "the carry that the body returns" remedy init (body carry)
        let part = run op (Trips.While holds) bound false carries [||] next [||] (nodesOf init)
        rebuild (first |> Array.mapi (fun i _ -> part (Final i))), part Steps

    /// A branch as a loop of at most one step: it runs if `taken` is 1, and otherwise leaves `otherwise` as it is.
    let private branch
        (taken: Node)
        (otherwise: Node[])
        (variables: Node[])
        (values: Node[])
        (outputs: Node[])
        : Node[] =
        let carries = variablesLike otherwise
        let captured, stand, closed = close variables outputs

        let body =
            Loop.withHistories {
                Carries = carries
                Elements = [||]
                Captured = Array.append variables stand
                Next = closed
                Outputs = [||]
                Trips = Trips.Counted
                Length = 1
                Reverse = false
                Kept = [||]
                Linear = false
                LinearElements = [||]
                LinearCaptured = Array.append variables stand |> Array.map (fun _ -> false)
            }

        let part = bind body (Array.concat [ [| taken |]; otherwise; values; captured ])
        carries |> Array.mapi (fun i _ -> (part (Final i)).Node)

    let cond (predicate: Tensor) (whenTrue: 'X -> 'Y) (whenFalse: 'X -> 'Y) (x: 'X) : 'Y =
        let holds = truth "cond" predicate

        match holds.Uniform with
        | ValueSome 0.0 -> whenFalse x
        | ValueSome _ -> whenTrue x
        | ValueNone ->
            let leaves, _, rebuild = Tree.flatten x
            let variables = variablesLike (leaves |> Array.map (fun t -> t.Node))
            let traced = rebuild (Array.map tensor variables)
            let y = whenTrue traced

            let other =
                sameStructure
                    "cond"
                    "the result of whenFalse"
                    "both branches must return the same structure and shapes"
                    y
                    (whenFalse traced)

            let outputs, _, rebuildResult = Tree.flatten y
            // A plain number in one branch takes the precision of the other.
            let made = Array.map2 (fun (t: Tensor) (o: Node) -> Graph.adapt o.DType t.Node) outputs other
            let other = Array.map2 (fun (n: Node) -> Graph.adapt n.DType) made other
            let values = leaves |> Array.map (fun t -> t.Node)
            // A graph without variables of its own is closed over everything.
            let own = if variables.Length = 0 then [| Graph.variable [||] |] else variables
            let given = if variables.Length = 0 then [| Graph.zeros [||] |] else values
            let zeros = made |> Array.map Graph.zerosLike
            let one = branch holds zeros own given made
            let not' = sub (Graph.full [||] 1.0) holds
            branch not' one own given other |> Array.map tensor |> rebuildResult

    let checkpoint (f: 'X -> 'Y) (x: 'X) : 'Y =
        let one = x |> Tree.map (fun t -> Tensor.reshape (Array.append [| 1 |] t.Node.Shape) t)
        let _, y = scanOver "checkpoint" 1 false (fun () x -> (), f x) () one
        y |> Tree.map (fun t -> Tensor.reshape t.Node.Shape[1..] t)
