namespace Hesse

open System
open System.Collections.Generic
open System.Threading
open Hesse.Kernels

/// A node of the expression graph: an operation on arguments. It is *concrete* when it holds a value and *symbolic*
/// when it depends on a variable.
[<Sealed; AllowNullLiteral>]
type internal Node
    (
        prim: Primitive,
        attr: Attr,
        args: Node[],
        shape: int[],
        newest: int64,
        scope: Scope,
        data: double[],
        later: Lazy<double[]>,
        uniform: double voption,
        dtype: DType,
        isWeak: bool
    ) =
    static let mutable counter = 0L
    let id = Interlocked.Increment &counter
    let mutable data = data

    /// Grows with time of creation: a node's arguments have smaller ids.
    member _.Id = id
    member _.Prim = prim
    member _.Attr = attr
    member _.Args = args
    member _.Shape = shape

    /// Id of the newest variable that this node depends on; 0 for a concrete node. A node cannot depend on any variable newer than that.
    member _.NewestVariable =
        if isNull (box scope) then 0L
        elif newest = 0L then id
        else newest

    member _.Scope = scope
    member _.IsConcrete = isNull (box scope)

    /// The one value of all elements, when it is known.
    member _.Uniform = uniform

    /// How the one value was rounded, if it was; set by who makes the node.
    member val Origin: Origin = null with get, set

    /// The precision of the elements. The numbers in `Data` are float64 all the same; those of a float32 node are float32 numbers.
    member _.DType = dtype

    member _.IsFloat32 = (dtype = DType.Float32)

    /// True for a constant that was made of plain numbers: beside a float32 tensor it is float32, else float64.
    member _.IsWeak = isWeak

    /// The elements of a concrete node, row-major. Those of a repeated constant are made when somebody asks for them.
    member _.Data =
        if isNull data then
            match uniform with
            | ValueSome u ->
                let filled = GC.AllocateUninitializedArray<double>(Shape.length "full" shape)
                Array.Fill(filled, u)
                data <- filled
            | ValueNone when isNull later -> invalidOp "a symbolic node has no data"
            | ValueNone -> data <- later.Value

        data

/// A primitive operation: one record with all its rules, in one place.
and [<ReferenceEquality>] internal Primitive = {
    Name: string
    /// One line: what it computes.
    Doc: string
    /// Result shape from attribute and argument shapes; raises the error that names the operation and every shape.
    Shape: Attr -> int[][] -> int[]
    Derivative: Derivative
    /// For an operation that is linear in argument i (the others fixed): the cotangent of argument i, from the cotangent of the result.
    Transpose: (Attr -> Node[] -> Node -> int -> Node) option
    /// The operation on arguments of which some carry a leading batch axis of the given size; the result carries it.
    Batch: Primitive -> Attr -> Node[] -> bool[] -> int -> Node
    /// A cheaper node with the same value, if the arguments allow one.
    Simplify: Attr -> Node[] -> Node option
    Lower: Lowering
}

/// How a primitive becomes work for the executor.
and [<RequireQualifiedAccess; NoEquality; NoComparison>] internal Lowering =
    /// A variable: its value is handed in.
    | Input
    /// An elementwise micro-operation, fused with its neighbours.
    | Tile of TileOp
    /// The result is the first argument's buffer under another shape.
    | View
    /// Kernel steps, from attribute, argument shapes, result shape, argument slots and result slot.
    | Steps of (Attr -> int[][] -> int[] -> int[] -> int -> Step list)
    /// As Steps, with memory of its own while it runs: how many doubles, and, after the other slots, the slot of that memory.
    | Working of
        size: (Passes -> Attr -> int64) *
        steps: (Passes -> Attr -> int[][] -> int[] -> int[] -> int -> int -> Step list)
    /// No work of its own: a plan runs this graph of other operations, made from attribute and arguments, in its place.
    | Expand of (Attr -> Node[] -> Node)

and [<RequireQualifiedAccess>] internal Derivative =
    /// Piecewise constant: the derivative is zero wherever it exists.
    | Zero
    /// Jointly linear in the arguments that satisfy the predicate; constant in the others.
    | Linear of (int -> bool)
    /// Linear in each argument separately (the product rule).
    | Multilinear
    /// The result y solves times(b, y) = a, where a and b are the arguments at these places and `times`, told the attribute,
    /// is linear in each of its two nodes: a / b, A⁻¹b. The operation is linear in a.
    | Quotient of numerator: int * divisor: int * times: (Attr -> Node -> Node -> Node)
    /// The tangent of the result from attribute, arguments, result and the tangents of the arguments (None = zero); linear in the tangents.
    | Rule of (Attr -> Node[] -> Node -> Node option[] -> Node option)
    /// As Rule, with Taylor coefficients of its own: those of the result from term 1 on, from the kind of expansion, the attribute, the
    /// arguments and their coefficients from term 1 on. `linear` tells the arguments in which the operation is jointly linear.
    | Series of
        tangent: (Attr -> Node[] -> Node -> Node option[] -> Node option) *
        coefficients: (Expansion -> Attr -> Node[] -> Node option[][] -> Node option[]) *
        linear: (Attr -> int -> bool)

/// A truncated power series, and how a graph is expanded in it.
and [<NoEquality; NoComparison>] internal Expansion = {
    /// Equal names, equal terms.
    Name: string
    /// Number of terms, with term 0.
    Count: int
    /// Coefficients of outputs, from variables and their coefficients from term 1 on.
    Expand: Node[] -> Node option[][] -> Node[] -> Node option[][]
}

/// The hash-consing table of the symbolic nodes whose newest variable is one and the same. It lives and dies with that
/// variable, so there is no process-wide table. `watch` is told every new node of it: the check mode looks there who makes it.
and [<Sealed; AllowNullLiteral>] internal Scope(watch: (Node -> unit) option) =
    let table = Dictionary<NodeKey, Node>(NodeKeyComparer() :> IEqualityComparer<NodeKey>)

    member _.FindOrAdd(key: NodeKey, make: unit -> Node) =
        lock table (fun () ->
            match table.TryGetValue key with
            | true, node -> node
            | _ ->
                let node = make ()
                table[key] <- node
                watch |> Option.iter (fun tell -> tell node)
                node)

and [<Struct; NoEquality; NoComparison>] internal NodeKey = { Operation: Primitive; Attribute: Attr; Arguments: Node[] }

/// Two keys are equal when the operations and attributes are, and the arguments are the same.
and [<Sealed>] internal NodeKeyComparer() =
    /// Two nodes are the same argument when they are one node, or constants of the same single value, shape and precision.
    static member private Same(a: Node, b: Node) =
        obj.ReferenceEquals(a, b)
        || (match a.Uniform, b.Uniform with
            | ValueSome u, ValueSome v ->
                BitConverter.DoubleToInt64Bits u = BitConverter.DoubleToInt64Bits v
                && a.DType = b.DType
                && Origin.Same(a.Origin, b.Origin)
                && a.Shape.AsSpan().SequenceEqual(ReadOnlySpan b.Shape)
            | _ -> false)

    interface IEqualityComparer<NodeKey> with
        member _.Equals(x, y) =
            obj.ReferenceEquals(x.Operation, y.Operation)
            && x.Arguments.Length = y.Arguments.Length
            && Array.forall2 (fun a b -> NodeKeyComparer.Same(a, b)) x.Arguments y.Arguments
            && x.Attribute = y.Attribute

        member _.GetHashCode key =
            let mutable hash = HashCode()
            hash.Add(key.Operation.Name)
            hash.Add(key.Attribute)

            for a in key.Arguments do
                match a.Uniform with
                | ValueSome u -> hash.Add u
                | ValueNone -> hash.Add a.Id

            hash.ToHashCode()
