namespace Hesse

open Hesse.Kernels
open Hesse.Graph

/// Sums, products, repetition and other shapes of the same elements: a family that is closed under transposition. What moves
/// elements is in `Movement`.
///
/// Notation in every rule: `x, dx` argument and tangent, `y` result, `ct` cotangent of the result.
module internal Linear =
    let private everywhere (_: int) = true

    /// Batch flags to the attribute: every axis moves up by one.
    let private shift (axes: int[]) = Array.map ((+) 1) axes
    let private prepend (x: int) (xs: int[]) = Array.append [| x |] xs

    /// The axes that an operation is told.
    let axesOf attr =
        match attr with
        | Axes a -> a
        | _ -> [||]

    /// Strides by which a broadcast reads its argument, over the result shape.
    let broadcastStrides (argShape: int[]) (shape: int[]) (axes: int[]) =
        let from = Shape.strides argShape
        let strides = Array.zeroCreate<int64> shape.Length
        axes |> Array.iteri (fun i d -> strides[d] <- from[i])
        strides

    /// A reduction over the axes that the operation is told.
    let reduction (op: ReduceOp) =
        Lowering.Steps(fun attr s _ slots out ->
            let axes = axesOf attr
            let strides = Shape.strides s[0]
            let kept = Array.except axes [| 0 .. s[0].Length - 1 |]
            let pick (from: 'a[]) (which: int[]) = which |> Array.map (fun i -> from[i])

            [
                ReduceStep(op, pick s[0] kept, pick strides kept, pick s[0] axes, pick strides axes, slots[0], out)
            ])

    let private sumLowering = reduction ReduceOp.Sum

    let rec addP: Primitive = {
        Name = "add"
        Doc = "a + b"
        Shape = fun _ s -> Shape.same "add" s
        Derivative = Derivative.Linear everywhere
        Transpose = Some(fun _ _ ct _ -> ct)
        Batch = fun p attr args flags n -> batchElementwise p attr args flags n
        Simplify =
            fun _ args ->
                match args[0].Uniform, args[1].Uniform with
                | ValueSome 0.0, _ -> Some args[1]
                | _, ValueSome 0.0 -> Some args[0]
                | _ -> None
        Lower = Lowering.Tile TileOp.Add
    }

    /// Commuting arguments in one order, so that a + b and b + a are one node.
    and private inOrder p (args: Node[]) =
        if args[0].Id > args[1].Id then
            Some(bind p NoAttr [| args[1]; args[0] |])
        else
            None

    and subP: Primitive = {
        Name = "sub"
        Doc = "a − b"
        Shape = fun _ s -> Shape.same "sub" s
        Derivative = Derivative.Linear everywhere
        Transpose = Some(fun _ _ ct i -> if i = 0 then ct else neg ct)
        Batch = fun p attr args flags n -> batchElementwise p attr args flags n
        Simplify =
            fun _ args ->
                match args[0].Uniform, args[1].Uniform with
                | _, ValueSome 0.0 -> Some args[0]
                | ValueSome 0.0, _ -> Some(neg args[1])
                | _ -> None
        Lower = Lowering.Tile TileOp.Sub
    }

    and negP: Primitive = {
        Name = "neg"
        Doc = "−a"
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Linear everywhere
        Transpose = Some(fun _ _ ct _ -> neg ct)
        Batch = fun p attr args flags n -> batchElementwise p attr args flags n
        Simplify = fun _ args -> if obj.ReferenceEquals(args[0].Prim, negP) then Some args[0].Args[0] else None
        Lower = Lowering.Tile TileOp.Neg
    }

    and mulP: Primitive = {
        Name = "mul"
        Doc = "a · b, element by element"
        Shape = fun _ s -> Shape.same "mul" s
        Derivative = Derivative.Multilinear
        Transpose = Some(fun _ args ct i -> mul ct args[1 - i])
        Batch = fun p attr args flags n -> batchElementwise p attr args flags n
        Simplify =
            fun _ args ->
                match args[0].Uniform, args[1].Uniform with
                | ValueSome 1.0, _ -> Some args[1]
                | _, ValueSome 1.0 -> Some args[0]
                | ValueSome -1.0, _ -> Some(neg args[1])
                | _, ValueSome -1.0 -> Some(neg args[0])
                | _ -> inOrder mulP args
        Lower = Lowering.Tile TileOp.Mul
    }

    and broadcastP: Primitive = {
        Name = "broadcast"
        Doc = "Repeats along new axes."
        Shape =
            fun attr s ->
                match attr with
                | Spread(shape, axes) ->
                    if
                        axes.Length <> s[0].Length
                        || axes |> Array.pairwise |> Array.exists (fun (a, b) -> a >= b)
                        || axes |> Array.indexed |> Array.exists (fun (i, d) -> shape[d] <> s[0][i])
                    then
                        Shape.fail
                            $"broadcast: shape {Shape.show s[0]} does not fit axes {Shape.show axes} of {Shape.show shape}"

                    shape
                | _ -> s[0]
        Derivative = Derivative.Linear everywhere
        Transpose =
            Some(fun attr _ ct _ ->
                match attr with
                | Spread(shape, axes) -> sum (Array.except axes [| 0 .. shape.Length - 1 |]) ct
                | _ -> ct)
        Batch =
            fun _ attr args _ n ->
                match attr with
                | Spread(shape, axes) -> broadcast (prepend n shape) (prepend 0 (shift axes)) args[0]
                | _ -> args[0]
        Simplify =
            fun attr args ->
                match attr, args[0].Uniform with
                | Spread(shape, _), ValueSome _ -> Some(fill shape args[0])
                | Spread(shape, _), _ when shape.Length = args[0].Shape.Length -> Some args[0]
                | Spread(shape, _), _ when Shape.size shape = Shape.size args[0].Shape -> Some(reshape shape args[0])
                | Spread(shape, axes), _ when obj.ReferenceEquals(args[0].Prim, broadcastP) ->
                    match args[0].Attr with
                    | Spread(_, inner) -> Some(broadcast shape (inner |> Array.map (fun d -> axes[d])) args[0].Args[0])
                    | _ -> None
                | _ -> None
        Lower =
            Lowering.Steps(fun attr s shape slots out ->
                let axes =
                    match attr with
                    | Spread(_, axes) -> axes
                    | _ -> [||]

                [ CopyStep(shape, slots[0], 0L, broadcastStrides s[0] shape axes, out, 0L, Shape.strides shape) ])
    }

    and sumP: Primitive = {
        Name = "sum"
        Doc = "Sum over axes."
        Shape = fun attr s -> Shape.removeAxes (axesOf attr) s[0]
        Derivative = Derivative.Linear everywhere
        Transpose =
            Some(fun attr args ct _ ->
                let shape = args[0].Shape
                broadcast shape (Array.except (axesOf attr) [| 0 .. shape.Length - 1 |]) ct)
        Batch = fun _ attr args _ _ -> sum (shift (axesOf attr)) args[0]
        Simplify =
            fun attr args ->
                let axes = axesOf attr
                let x = args[0]
                let count = axes |> Array.fold (fun n a -> n * int64 x.Shape[a]) 1L

                if axes.Length = 0 then
                    Some x
                else
                    match x.Uniform with
                    | ValueSome _ ->
                        let shape = Shape.removeAxes axes x.Shape
                        Some(mul (fill shape x) (full shape (float count)))
                    | ValueNone when count = 1L -> Some(reshape (Shape.removeAxes axes x.Shape) x)
                    | ValueNone when obj.ReferenceEquals(x.Prim, negP) -> Some(neg (sum axes x.Args[0]))
                    | ValueNone when obj.ReferenceEquals(x.Prim, sumP) ->
                        // The axes of the inner sum, and those of the outer one seen from below it.
                        let inner = axesOf x.Attr
                        let kept = Array.except inner [| 0 .. x.Args[0].Shape.Length - 1 |]
                        Some(sum (Array.sort (Array.append inner (axes |> Array.map (fun a -> kept[a])))) x.Args[0])
                    | ValueNone when obj.ReferenceEquals(x.Prim, broadcastP) -> sumOfBroadcast axes x
                    | ValueNone -> None
        Lower = sumLowering
    }

    /// Summing over axes that a broadcast made is a multiplication.
    and private sumOfBroadcast (axes: int[]) (x: Node) =
        match x.Attr with
        | Spread(shape, from) ->
            let repeated = axes |> Array.filter (fun a -> not (Array.contains a from))

            if repeated.Length = 0 then
                None
            else
                let count = repeated |> Array.fold (fun n a -> n * float shape[a]) 1.0
                let remaining = Array.except repeated [| 0 .. shape.Length - 1 |]
                let place (a: int) = System.Array.IndexOf(remaining, a)

                let narrower = broadcast (Shape.removeAxes repeated shape) (from |> Array.map place) x.Args[0]

                let summed = sum (Array.except repeated axes |> Array.map place) narrower
                Some(mul summed (full summed.Shape count))
        | _ -> None

    and reshapeP: Primitive = {
        Name = "reshape"
        Doc = "The same elements under another shape."
        Shape =
            fun attr s ->
                match attr with
                | ToShape shape ->
                    if Shape.size shape <> Shape.size s[0] then
                        Shape.fail
                            $"reshape: cannot make {Shape.show shape} ({Shape.size shape} elements) from {Shape.show s[0]} ({Shape.size s[0]} elements)"

                    shape
                | _ -> s[0]
        Derivative = Derivative.Linear everywhere
        Transpose = Some(fun _ args ct _ -> reshape args[0].Shape ct)
        Batch =
            fun _ attr args _ n ->
                match attr with
                | ToShape shape -> reshape (prepend n shape) args[0]
                | _ -> args[0]
        Simplify =
            fun attr args ->
                match attr, args[0].Uniform with
                | ToShape shape, _ when shape = args[0].Shape -> Some args[0]
                | ToShape shape, ValueSome _ -> Some(fill shape args[0])
                | ToShape shape, _ when obj.ReferenceEquals(args[0].Prim, reshapeP) ->
                    Some(reshape shape args[0].Args[0])
                | _ -> None
        Lower = Lowering.View
    }

    and batchElementwise p attr (args: Node[]) (flags: bool[]) n =
        bind p attr (Array.map2 (fun a batched -> if batched then a else batchAxis n a) args flags)

    /// Repeats a node along a new leading axis.
    and batchAxis (n: int) (a: Node) = broadcast (prepend n a.Shape) [| 1 .. a.Shape.Length |] a

    and add a b = bind addP NoAttr [| a; b |]
    and sub a b = bind subP NoAttr [| a; b |]
    and neg a = bind negP NoAttr [| a |]
    and mul a b = bind mulP NoAttr [| a; b |]
    and broadcast (shape: int[]) (axes: int[]) a = bind broadcastP (Spread(shape, axes)) [| a |]
    and sum (axes: int[]) a = bind sumP (Axes axes) [| a |]
    and reshape (shape: int[]) a = bind reshapeP (ToShape shape) [| a |]

    /// Multiplication by a number.
    let scale (factor: float) (a: Node) = mul a (full a.Shape factor)

    /// The primitives of this file, in order.
    let primitives = [ addP; subP; negP; mulP; broadcastP; sumP; reshapeP ]
