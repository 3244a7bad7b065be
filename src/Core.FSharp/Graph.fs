namespace Hesse

open System
open System.Collections.Generic
open System.Threading
open Hesse.Kernels

/// A closed graph that an operation runs (the body of a loop); one is equal only to itself.
[<AbstractClass; AllowNullLiteral>]
type internal SubGraph() = class end

/// Windows of the last axes of a tensor, one entry for each axis.
type internal WindowAttr = {
    Size: int[]
    /// Distance between neighbouring windows.
    Stride: int[]
    /// Distance between neighbours in a window.
    Dilation: int[]
    /// Axis lengths of the tensor that is cut.
    Lengths: int[]
}

/// What an operation is told besides its arguments. Compared by value, so that equal operations are one node.
type internal Attr =
    | NoAttr
    /// Axes of a reduction, a permutation, a concatenation axis.
    | Axes of int[]
    /// A result shape (reshape).
    | ToShape of int[]
    /// Result shape, and for every input axis the result axis that it becomes.
    | Spread of shape: int[] * axes: int[]
    /// Start, stop (exclusive) and positive step for every axis.
    | Window of start: int[] * stop: int[] * step: int[]
    /// Zeros before, after, and between neighbours, for every axis.
    | Padding of low: int[] * high: int[] * interior: int[]
    /// Index labels of the two operands and of the result of a contraction.
    | Labels of a: int[] * b: int[] * out: int[]
    /// An axis, and its length in the result (scatter-add).
    | Along of axis: int * size: int
    /// Which triangle of a matrix is meant, and whether its transpose is.
    | Triangle of lower: bool * transposed: bool
    /// Whether the transpose of a matrix is meant, and what an error is called after.
    | Transposed of bool * operation: string
    /// An axis, and whether it is gone through from its end (for sorting: descending).
    | Directed of axis: int * reverse: bool
    /// A distribution, and the shape of what is drawn from each key.
    | Drawn of law: RandomLaw * shape: int[]
    /// A limit below which numbers count as zero.
    | Limit of float
    /// The graph that the operation runs.
    | Body of SubGraph
    /// Whether the inverse is meant.
    | Inverse of bool
    /// Windows that are cut, or put back.
    | Cut of WindowAttr

/// How a constant of one value came about, where rounding was part of it: an operation on constants. Other number systems do it again
/// in their numbers; for the executor only the value counts.
[<Sealed; AllowNullLiteral>]
type internal Origin(op: TileOp, operands: Origin[], value: double, born: int64) =
    let size = operands |> Array.sumBy (fun (o: Origin) -> o.Size) |> (+) 1
    member _.Op = op

    /// Empty for a number that is what it is.
    member _.Operands = operands
    member _.Value = value

    /// Grows with time, like the ids of nodes.
    member _.Born = born

    /// Operations and numbers in it.
    member _.Size: int = size

    /// Whether the same operations on the same numbers are meant, whenever it was.
    static member Same(a: Origin, b: Origin) : bool =
        obj.ReferenceEquals(a, b)
        || (not (isNull a || isNull b)
            && a.Op = b.Op
            && a.Size = b.Size
            && BitConverter.DoubleToInt64Bits a.Value = BitConverter.DoubleToInt64Bits b.Value
            && Array.forall2 (fun x y -> Origin.Same(x, y)) a.Operands b.Operands)

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
    | Working of size: (Attr -> int64) * steps: (Attr -> int[][] -> int[] -> int[] -> int -> int -> Step list)
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

/// Making nodes.
module internal Graph =
    let private inputPrimitive = {
        Name = "variable"
        Doc = "A value that is not yet known."
        Shape =
            fun attr _ ->
                match attr with
                | ToShape s -> s
                | _ -> [||]
        Derivative = Derivative.Zero
        Transpose = None
        Batch = fun _ _ _ _ _ -> invalidOp "a variable is batched by substitution"
        Simplify = fun _ _ -> None
        Lower = Lowering.Input
    }

    let private variableIn (scope: Scope) (dtype: DType) (shape: int[]) =
        Node(inputPrimitive, ToShape shape, [||], shape, 0L, scope, null, null, ValueNone, dtype, false)

    /// A fresh variable, newer than every node there is.
    let variableOf (dtype: DType) (shape: int[]) = variableIn (Scope None) dtype shape

    /// A fresh float64 variable.
    let variable (shape: int[]) = variableOf DType.Float64 shape

    /// A fresh variable of the shape and precision of a node.
    let variableLike (node: Node) = variableOf node.DType node.Shape

    /// A fresh variable of the shape and precision of a node; `watch` is told every node that is made of it and of no newer variable.
    let watchedVariable (watch: Node -> unit) (node: Node) = variableIn (Scope(Some watch)) node.DType node.Shape

    let isVariable (node: Node) = obj.ReferenceEquals(node.Prim, inputPrimitive) && not node.IsConcrete

    let private concrete dtype isWeak shape data uniform =
        Node(inputPrimitive, NoAttr, [||], shape, 0L, null, data, null, uniform, dtype, isWeak)

    let private onlyValue (data: double[]) = if data.Length = 1 then ValueSome data[0] else ValueNone

    /// A concrete node over an array that nobody else will write to; for float32 it holds float32 numbers already.
    let constantOf (dtype: DType) (shape: int[]) (data: double[]) = concrete dtype false shape data (onlyValue data)

    let constant (shape: int[]) (data: double[]) = constantOf DType.Float64 shape data

    /// A concrete node over an array of plain numbers, which takes the precision of what it meets.
    let weak (shape: int[]) (data: double[]) = concrete DType.Float64 true shape data (onlyValue data)

    /// A concrete node of one plain number; its array is made only when somebody asks for it.
    let full (shape: int[]) (value: double) = concrete DType.Float64 true shape null (ValueSome value)

    /// The nearest number of a precision.
    let private nearest (dtype: DType) (value: double) = if dtype = DType.Float32 then double (float32 value) else value

    /// A concrete node of one value and a precision of its own.
    let fullOf (dtype: DType) (shape: int[]) (value: double) =
        concrete dtype false shape null (ValueSome(nearest dtype value))

    let zeros shape = full shape 0.0

    /// Zeros of the shape and precision of a node.
    let zerosLike (node: Node) = fullOf node.DType node.Shape 0.0

    /// The elements in a precision; the array itself when that changes nothing.
    let roundTo (dtype: DType) (data: double[]) =
        if dtype = DType.Float64 then
            data
        else
            let rounded = GC.AllocateUninitializedArray<double> data.Length
            SingleConversion.Round(data, rounded)
            rounded

    /// A constant of plain numbers as one of a precision; any other node is itself.
    let adapt (dtype: DType) (node: Node) =
        if not node.IsWeak then
            node
        else
            match node.Uniform with
            | ValueSome u ->
                let filled = fullOf dtype node.Shape u
                filled.Origin <- node.Origin
                filled
            | ValueNone -> constantOf dtype node.Shape (roundTo dtype node.Data)

    /// A constant of one value under another shape.
    let fill (shape: int[]) (one: Node) =
        let filled = full shape one.Uniform.Value
        filled.Origin <- one.Origin
        filled

    // ----- precision of results -----

    /// The name of a precision in messages.
    let typeName (dtype: DType) = if dtype = DType.Float32 then "float32" else "float64"

    /// Whether an argument's precision is also the result's. Of a view only the first argument counts. Masks and indices may be of
    /// either precision: the arguments in which an operation that is linear in others is not.
    let countsForType (prim: Primitive) (i: int) =
        match prim.Lower, prim.Derivative with
        | Lowering.View, _ -> i = 0
        | _, Derivative.Linear inArgument -> inArgument i
        | _ -> true

    /// Raises the error about tensors that do not mix, naming the operation.
    let checkTypes (op: string) (args: Node seq) =
        let strong = args |> Seq.filter (fun a -> not a.IsWeak) |> Seq.toArray

        if strong |> Array.exists (fun a -> a.DType <> strong[0].DType) then
            let each =
                String.Join(" and ", strong |> Array.map (fun a -> $"{typeName a.DType} {Shape.show a.Shape}"))

            Shape.fail
                $"{op}: tensors of different dtype do not mix: {each}; convert one with Tensor.toFloat32 or Tensor.toFloat64"

    /// The precision of a result with a float32 argument: that of the arguments that count; where they have none of their own, masks and indices decide.
    let private mixedType (prim: Primitive) (args: Node[]) =
        let strong = args |> Seq.indexed |> Seq.filter (fun (_, a) -> not a.IsWeak) |> Seq.toList

        match strong |> List.filter (fst >> countsForType prim) |> List.map snd with
        | [] -> (snd strong.Head).DType
        | counting ->
            checkTypes prim.Name counting
            counting.Head.DType

    /// The precision of a result, and whether it is a plain number again.
    let private resultType (prim: Primitive) (args: Node[]) : struct (DType * bool) =
        match prim.Lower with
        | Lowering.Tile TileOp.Narrow -> struct (DType.Float32, false)
        | Lowering.Tile TileOp.Widen -> struct (DType.Float64, false)
        | _ when args |> Array.exists (fun a -> a.IsFloat32) -> struct (mixedType prim args, false)
        | _ -> struct (DType.Float64, args |> Array.forall (fun a -> a.IsWeak))

    // ----- constants of one value -----

    /// Longer histories of a constant are forgotten, so that a chain of eager operations does not keep all that was before it.
    [<Literal>]
    let private longestOrigin = 256

    /// Whether the result of an operation is what it would be without rounding.
    let private isExact (op: TileOp) (a: double) (b: double) (result: double) =
        let isNormal = result = 0.0 || abs result > 1e-290

        match op with
        | TileOp.Copy
        | TileOp.Neg
        | TileOp.Abs
        | TileOp.Sign
        | TileOp.Floor
        | TileOp.Max
        | TileOp.Min
        | TileOp.Greater
        | TileOp.GreaterEqual
        | TileOp.Equal
        | TileOp.Select -> true
        | TileOp.Add
        | TileOp.Sub ->
            // The rounding error of a sum (Knuth 1969, section 4.2.2).
            let b = if op = TileOp.Add then b else -b
            let part = result - a
            (a - (result - part)) + (b - part) = 0.0
        | TileOp.Mul -> isNormal && Math.FusedMultiplyAdd(a, b, -result) = 0.0
        | TileOp.Div -> isNormal && Math.FusedMultiplyAdd(result, b, -a) = 0.0
        | _ -> false

    /// How a result of constants of one value came about; null if it is exact.
    let private origin (op: TileOp) (args: Node[]) (result: double) (born: int64) : Origin =
        let value i = if i < args.Length then args[i].Uniform.Value else 0.0

        if
            not (Double.IsFinite result)
            || (args |> Array.forall (fun a -> isNull a.Origin) && isExact op (value 0) (value 1) result)
        then
            null
        else
            let operand (a: Node) =
                if isNull a.Origin then
                    Origin(TileOp.Copy, [||], a.Uniform.Value, 0L)
                else
                    a.Origin

            let made = Origin(op, Array.map operand args, result, born)
            if made.Size > longestOrigin then null else made

    // ----- operations -----

    /// The elements of an operation on concrete arguments, by running its steps.
    let private run (prim: Primitive) (attr: Attr) (args: Node[]) (shape: int[]) (dtype: DType) : double[] =
        let result = GC.AllocateUninitializedArray<double>(Shape.length prim.Name shape)
        let slots = Array.init args.Length id
        let data = args |> Array.map (fun a -> a.Data)

        let data =
            match prim.Lower with
            | Lowering.Working(size, _) ->
                Array.append data [| GC.AllocateUninitializedArray<double>(int (size attr)) |]
            | _ -> data

        let steps =
            match prim.Lower with
            | Lowering.Tile op ->
                let strides = Shape.strides shape
                let inputs = args |> Array.mapi (fun i _ -> TileInput(i, 0L, strides, 0.0))
                let register i = if i < args.Length then i else 0
                let program = [| TileInstruction(op, args.Length, register 0, register 1, register 2) |]
                [ FusedStep(shape, inputs, program, [| TileOutput(args.Length, args.Length) |]) :> Step ]
            | Lowering.Steps make -> make attr (args |> Array.map (fun a -> a.Shape)) shape slots args.Length
            | Lowering.Working(_, make) ->
                make attr (args |> Array.map (fun a -> a.Shape)) shape slots (args.Length + 1) args.Length
            | Lowering.View
            | Lowering.Expand _
            | Lowering.Input -> []

        for step in steps do
            Plan.RunOnce(step, data, result)

        if dtype = DType.Float32 then
            SingleConversion.Round(result, result)

        result

    let private evaluate (prim: Primitive) (attr: Attr) (args: Node[]) (shape: int[]) (dtype: DType) (isWeak: bool) =
        let uniforms = args.Length > 0 && args |> Array.forall (fun a -> a.Uniform.IsSome)
        let ofValue u = concrete dtype isWeak shape null (ValueSome(nearest dtype u))
        let ofData data = concrete dtype isWeak shape data (onlyValue data)

        match prim.Lower, attr with
        | Lowering.Tile op, _ when uniforms ->
            let u i = if i < args.Length then args[i].Uniform.Value else 0.0
            let value = TileKernels.Eval(op, u 0, u 1, u 2)
            let node = ofValue value
            node.Origin <- origin op args value node.Id
            node
        | Lowering.View, _ when uniforms ->
            let node = ofValue args[0].Uniform.Value
            node.Origin <- args[0].Origin
            node
        | Lowering.View, _ -> ofData args[0].Data
        | Lowering.Input, _ -> invalidOp "a variable has no value"
        | Lowering.Expand make, _ -> make attr args
        | _, Spread _ when Shape.size shape > 1L ->
            // Repeated elements are read from where they are; the compiler and contraction planning see through it.
            let elements = lazy (run prim attr args shape dtype)
            Node(prim, attr, args, shape, 0L, null, null, elements, ValueNone, dtype, isWeak)
        | _ -> ofData (run prim attr args shape dtype)

    /// The node of an operation on arguments: its value at once when every argument is concrete, else the one symbolic node that stands for it.
    let bind (prim: Primitive) (attr: Attr) (args: Node[]) : Node =
        let shape = prim.Shape attr (args |> Array.map (fun a -> a.Shape))
        let struct (dtype, isWeak) = resultType prim args

        let args =
            if dtype = DType.Float32 && args |> Array.exists (fun a -> a.IsWeak) then
                args |> Array.mapi (fun i a -> if countsForType prim i then adapt dtype a else a)
            else
                args

        match prim.Simplify attr args with
        | Some simpler -> if isWeak then simpler else adapt dtype simpler
        | None ->
            let mutable scope: Scope = null
            let mutable newest = 0L

            for a in args do
                if a.NewestVariable > newest then
                    newest <- a.NewestVariable
                    scope <- a.Scope

            if isNull scope then
                evaluate prim attr args shape dtype isWeak
            else
                let key = { Operation = prim; Attribute = attr; Arguments = args }

                scope.FindOrAdd(
                    key,
                    (fun () -> Node(prim, attr, args, shape, newest, scope, null, null, ValueNone, dtype, false))
                )

    /// The nodes below `outputs` that may depend on a variable with id ≥ `oldest`, arguments before users.
    let order (oldest: int64) (outputs: Node seq) : Node[] =
        let seen = HashSet<Node>(HashIdentity.Reference)
        let result = List<Node>()
        let stack = Stack<struct (Node * int)>()

        let push (node: Node) =
            if node.NewestVariable >= oldest && seen.Add node then
                stack.Push(struct (node, 0))

        for output in outputs do
            push output

            while stack.Count > 0 do
                let struct (node, next) = stack.Pop()

                if next < node.Args.Length then
                    stack.Push(struct (node, next + 1))
                    push node.Args[next]
                else
                    result.Add node

        result.ToArray()
