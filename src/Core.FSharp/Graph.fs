namespace Hesse

open System
open System.Collections.Generic
open Hesse.Kernels

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

    /// How a result of constants of one value came about; null if it is exact.
    let private origin (op: TileOp) (args: Node[]) (result: double) (born: int64) : Origin =
        Origin.ofOperation op (args |> Array.map (fun a -> struct (a.Uniform.Value, a.Origin))) result born

    // ----- operations -----

    /// The elements of an operation on concrete arguments, by running its steps.
    let private run (prim: Primitive) (attr: Attr) (args: Node[]) (shape: int[]) (dtype: DType) : double[] =
        let result = ResultMemory.Take(Shape.length prim.Name shape)
        let slots = Array.init args.Length id
        let data = args |> Array.map (fun a -> a.Data)

        let data =
            match prim.Lower with
            | Lowering.Working(size, _) ->
                Array.append data [| GC.AllocateUninitializedArray<double>(int (size Passes.standard attr)) |]
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
                make
                    Passes.standard
                    attr
                    (args |> Array.map (fun a -> a.Shape))
                    shape
                    slots
                    (args.Length + 1)
                    args.Length
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
