namespace Hesse

open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear

/// Primitives that move elements: permuted axes, slices, padding, concatenation, gather and scatter-add. With `Linear` a family that is
/// closed under transposition.
module internal Movement =
    let private everywhere (_: int) = true
    let private shift (axes: int[]) = Array.map ((+) 1) axes
    let private prepend (x: int) (xs: int[]) = Array.append [| x |] xs

    let private inversePermutation (p: int[]) =
        let q = Array.zeroCreate p.Length
        p |> Array.iteri (fun i d -> q[d] <- i)
        q

    /// Outer, axis, inner lengths around an axis.
    let private split (shape: int[]) (axis: int) =
        let product = Array.fold (*) 1
        product shape[.. axis - 1], shape[axis], product shape[axis + 1 ..]

    let private checkGather (op: string) (axis: int) (x: int[]) (idx: int[]) =
        let batched = idx.Length > 1

        if
            idx.Length = 0
            || axis >= x.Length
            || (batched && (axis <> idx.Length - 1 || x[.. axis - 1] <> idx[.. axis - 1]))
        then
            Shape.fail
                $"{op}: indices of shape {Shape.show idx} do not fit a tensor of shape {Shape.show x} along axis {axis}; give indices of shape [count]"

    let rec transposeP: Primitive = {
        Name = "transpose"
        Doc = "Permutes axes: result axis i is argument axis p[i]."
        Shape =
            fun attr s ->
                let p = axesOf attr

                if Array.sort p <> [| 0 .. s[0].Length - 1 |] then
                    Shape.fail
                        $"transpose: {Shape.show p} is no permutation of the {s[0].Length} axes of shape {Shape.show s[0]}"

                p |> Array.map (fun d -> s[0][d])
        Derivative = Derivative.Linear everywhere
        Transpose = Some(fun attr _ ct _ -> transpose (inversePermutation (axesOf attr)) ct)
        Batch = fun _ attr args _ _ -> transpose (prepend 0 (shift (axesOf attr))) args[0]
        Simplify =
            fun attr args ->
                let p = axesOf attr
                let x = args[0]

                if Shape.isIdentity p then
                    Some x
                else
                    match x.Uniform with
                    | ValueSome _ -> Some(fill (p |> Array.map (fun d -> x.Shape[d])) x)
                    | ValueNone when obj.ReferenceEquals(x.Prim, transposeP) ->
                        let q = axesOf x.Attr
                        Some(transpose (p |> Array.map (fun d -> q[d])) x.Args[0])
                    | ValueNone when
                        // Only axes of length one move: the elements keep their order.
                        p
                        |> Array.filter (fun d -> x.Shape[d] <> 1)
                        |> Array.pairwise
                        |> Array.forall (fun (a, b) -> a < b)
                        ->
                        Some(reshape (p |> Array.map (fun d -> x.Shape[d])) x)
                    | ValueNone -> None
        Lower =
            Lowering.Steps(fun attr s shape slots out ->
                let strides = Shape.strides s[0]

                [
                    CopyStep(
                        shape,
                        slots[0],
                        0L,
                        axesOf attr |> Array.map (fun d -> strides[d]),
                        out,
                        0L,
                        Shape.strides shape
                    )
                ])
    }

    and sliceP: Primitive = {
        Name = "slice"
        Doc = "Elements start, start + step, … below stop, along every axis."
        Shape =
            fun attr s ->
                match attr with
                | Window(start, stop, step) ->
                    Array.init s[0].Length (fun i ->
                        if start[i] < 0 || stop[i] > s[0][i] || start[i] > stop[i] || step[i] < 1 then
                            Shape.fail
                                $"slice: {start[i]} .. {stop[i]} by {step[i]} along axis {i} does not fit shape {Shape.show s[0]}; want 0 ≤ start ≤ stop ≤ {s[0][i]} and step ≥ 1"

                        (stop[i] - start[i] + step[i] - 1) / step[i])
                | _ -> s[0]
        Derivative = Derivative.Linear everywhere
        Transpose =
            Some(fun attr args ct _ ->
                match attr with
                | Window(start, _, step) ->
                    let high =
                        Array.init start.Length (fun i ->
                            let covered = if ct.Shape[i] = 0 then 0 else (ct.Shape[i] - 1) * step[i] + 1
                            args[0].Shape[i] - start[i] - covered)

                    pad start high (step |> Array.map (fun k -> k - 1)) ct
                | _ -> ct)
        Batch =
            fun _ attr args _ n ->
                match attr with
                | Window(start, stop, step) -> slice (prepend 0 start) (prepend n stop) (prepend 1 step) args[0]
                | _ -> args[0]
        Simplify =
            fun attr args ->
                match attr, args[0].Uniform with
                | Window _, ValueSome _ -> Some(fill (sliceP.Shape attr [| args[0].Shape |]) args[0])
                | Window(_, _, step), _ when
                    sliceP.Shape attr [| args[0].Shape |] = args[0].Shape && Array.forall ((=) 1) step
                    ->
                    Some args[0]
                | Window(start, stop, step), _ when Array.forall ((=) 1) step ->
                    let cut i = start[i] > 0 || stop[i] < args[0].Shape[i]

                    match [| 0 .. start.Length - 1 |] |> Array.filter cut with
                    | [| axis |] -> visible (ref 100) axis start[axis] stop[axis] args[0]
                    | _ -> None
                | _ -> None
        Lower =
            Lowering.Steps(fun attr s shape slots out ->
                match attr with
                | Window(start, _, step) ->
                    let strides = Shape.strides s[0]
                    let offset = Array.fold2 (fun o b stride -> o + int64 b * stride) 0L start strides

                    [
                        CopyStep(
                            shape,
                            slots[0],
                            offset,
                            Array.map2 (fun k stride -> int64 k * stride) step strides,
                            out,
                            0L,
                            Shape.strides shape
                        )
                    ]
                | _ -> [])
    }

    /// What a window along one axis shows of nodes that were joined, padded or added from such: a part of one of them, or zeros.
    /// A loop's results are packed into one vector and its cotangents are padded and added up; so nothing of that is ever done.
    and private visible (budget: int ref) axis start stop (x: Node) : Node option =
        let window from until (y: Node) =
            slice
                (Array.init y.Shape.Length (fun d -> if d = axis then from else 0))
                (Array.init y.Shape.Length (fun d -> if d = axis then until else y.Shape[d]))
                (Array.create y.Shape.Length 1)
                y

        budget.Value <- budget.Value - 1

        match x.Attr with
        | _ when x.IsConcrete || budget.Value < 0 || start = stop -> None
        | Axes [| joined |] when obj.ReferenceEquals(x.Prim, concatP) && joined = axis ->
            let starts = x.Args |> Array.scan (fun at a -> at + a.Shape[axis]) 0

            [| 0 .. x.Args.Length - 1 |]
            |> Array.tryFind (fun i -> starts[i] <= start && stop <= starts[i + 1])
            |> Option.map (fun i -> window (start - starts[i]) (stop - starts[i]) x.Args[i])
        | Padding(low, high, interior) when
            obj.ReferenceEquals(x.Prim, padP)
            && [| 0 .. low.Length - 1 |]
               |> Array.forall (fun d -> interior[d] = 0 && (d = axis || (low[d] = 0 && high[d] = 0)))
            ->
            let first = low[axis]
            let last = first + x.Args[0].Shape[axis]

            if first <= start && stop <= last then
                Some(window (start - first) (stop - first) x.Args[0])
            elif stop <= first || last <= start then
                Some(zeros (x.Shape |> Array.mapi (fun d n -> if d = axis then stop - start else n)))
            else
                None
        | _ when obj.ReferenceEquals(x.Prim, addP) ->
            match x.Args |> Array.map (visible budget axis start stop) with
            | [| None; None |] -> None
            | parts ->
                let part i = parts[i] |> Option.defaultWith (fun () -> window start stop x.Args[i])
                Some(add (part 0) (part 1))
        | _ when obj.ReferenceEquals(x.Prim, negP) -> visible budget axis start stop x.Args[0] |> Option.map neg
        | _ -> None

    and padP: Primitive = {
        Name = "pad"
        Doc = "Zeros before, after and between the elements of every axis."
        Shape =
            fun attr s ->
                match attr with
                | Padding(low, high, interior) ->
                    Array.init s[0].Length (fun i ->
                        let d = s[0][i]
                        low[i] + high[i] + d + (if d > 1 then (d - 1) * interior[i] else 0))
                | _ -> s[0]
        Derivative = Derivative.Linear everywhere
        Transpose =
            Some(fun attr args ct _ ->
                match attr with
                | Padding(low, _, interior) ->
                    let stop =
                        Array.init low.Length (fun i ->
                            let d = args[0].Shape[i]
                            if d = 0 then low[i] else low[i] + (d - 1) * (interior[i] + 1) + 1)

                    slice low stop (interior |> Array.map ((+) 1)) ct
                | _ -> ct)
        Batch =
            fun _ attr args _ _ ->
                match attr with
                | Padding(low, high, interior) -> pad (prepend 0 low) (prepend 0 high) (prepend 0 interior) args[0]
                | _ -> args[0]
        Simplify =
            fun attr args ->
                match attr, args[0].Uniform with
                | Padding _, ValueSome 0.0 -> Some(zeros (padP.Shape attr [| args[0].Shape |]))
                | Padding _, _ when padP.Shape attr [| args[0].Shape |] = args[0].Shape -> Some args[0]
                | _ -> None
        Lower =
            Lowering.Steps(fun attr s shape slots out ->
                match attr with
                | Padding(low, _, interior) ->
                    let strides = Shape.strides shape
                    let offset = Array.fold2 (fun o b stride -> o + int64 b * stride) 0L low strides

                    [
                        FillStep(out, Shape.size shape, 0.0)
                        CopyStep(
                            s[0],
                            slots[0],
                            0L,
                            Shape.strides s[0],
                            out,
                            offset,
                            Array.map2 (fun k stride -> int64 (k + 1) * stride) interior strides
                        )
                    ]
                | _ -> [])
    }

    and concatP: Primitive = {
        Name = "concat"
        Doc = "Joins along an existing axis."
        Shape =
            fun attr s ->
                let axis = (axesOf attr)[0]

                for t in s do
                    if t.Length <> s[0].Length || Shape.removeAxes [| axis |] t <> Shape.removeAxes [| axis |] s[0] then
                        Shape.fail
                            $"concat: shapes {Shape.showAll s} differ outside axis {axis}; only that axis may differ"

                s[0] |> Array.mapi (fun i d -> if i = axis then s |> Array.sumBy (fun t -> t[axis]) else d)
        Derivative = Derivative.Linear everywhere
        Transpose =
            Some(fun attr args ct i ->
                let axis = (axesOf attr)[0]
                let start = args[.. i - 1] |> Array.sumBy (fun a -> a.Shape[axis])
                let low = Array.init ct.Shape.Length (fun d -> if d = axis then start else 0)

                let stop =
                    Array.init ct.Shape.Length (fun d -> if d = axis then start + args[i].Shape[axis] else ct.Shape[d])

                slice low stop (Array.create low.Length 1) ct)
        Batch =
            fun p attr args flags n ->
                bind
                    p
                    (Axes(shift (axesOf attr)))
                    (Array.map2 (fun a batched -> if batched then a else batchAxis n a) args flags)
        Simplify = fun _ args -> if args.Length = 1 then Some args[0] else None
        Lower =
            Lowering.Steps(fun attr s shape slots out ->
                let axis = (axesOf attr)[0]
                let strides = Shape.strides shape
                let starts = s |> Array.scan (fun at t -> at + t[axis]) 0

                [
                    for i in 0 .. s.Length - 1 do
                        CopyStep(s[i], slots[i], 0L, Shape.strides s[i], out, int64 starts[i] * strides[axis], strides)
                ])
    }

    and gatherP: Primitive = {
        Name = "gather"
        Doc = "Elements of the first argument along an axis, at the indices of the second."
        Shape =
            fun attr s ->
                let axis = (axesOf attr)[0]
                checkGather "gather" axis s[0] s[1]
                s[0] |> Array.mapi (fun i d -> if i = axis then s[1][s[1].Length - 1] else d)
        Derivative = Derivative.Linear(fun i -> i = 0)
        Transpose =
            Some(fun attr args ct _ ->
                let axis = (axesOf attr)[0]
                bind scatterAddP (Along(axis, args[0].Shape[axis])) [| ct; args[1] |])
        Batch = fun p attr args flags n -> batchIndexed (fun axis -> p, Axes [| axis |]) ((axesOf attr)[0]) args flags n
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr s _ slots out ->
                let outer, size, inner = split s[0] ((axesOf attr)[0])
                let count = s[1][s[1].Length - 1]
                [ GatherStep(outer, size, inner, count, slots[0], slots[1], out, "gather", s[1].Length > 1) ])
    }

    and scatterAddP: Primitive = {
        Name = "scatterAdd"
        Doc = "Adds the elements of the first argument along an axis into zeros, at the indices of the second."
        Shape =
            fun attr s ->
                match attr with
                | Along(axis, size) ->
                    checkGather "scatterAdd" axis s[0] s[1]

                    if s[0][axis] <> s[1][s[1].Length - 1] then
                        Shape.fail
                            $"scatterAdd: {s[0][axis]} elements along axis {axis} of {Shape.show s[0]}, but {s[1][s[1].Length - 1]} indices"

                    s[0] |> Array.mapi (fun i d -> if i = axis then size else d)
                | _ -> s[0]
        Derivative = Derivative.Linear(fun i -> i = 0)
        Transpose =
            Some(fun attr args ct _ ->
                match attr with
                | Along(axis, _) -> bind gatherP (Axes [| axis |]) [| ct; args[1] |]
                | _ -> ct)
        Batch =
            fun p attr args flags n ->
                match attr with
                | Along(axis, size) -> batchIndexed (fun axis -> p, Along(axis, size)) axis args flags n
                | _ -> args[0]
        Simplify = fun _ _ -> None
        Lower =
            Lowering.Steps(fun attr s shape slots out ->
                match attr with
                | Along(axis, _) ->
                    let outer, size, inner = split shape axis
                    let count = s[0][axis]

                    [
                        ScatterAddStep(
                            outer,
                            size,
                            inner,
                            count,
                            slots[0],
                            slots[1],
                            out,
                            "scatterAdd",
                            s[1].Length > 1
                        )
                    ]
                | _ -> [])
    }

    /// Gather and scatter-add under a batch axis: per-example indices need the indexed axis right behind the batch axes.
    and private batchIndexed operation axis (args: Node[]) (flags: bool[]) n =
        let x = if flags[0] then args[0] else batchAxis n args[0]

        let apply axis x idx =
            let p, attr = operation axis
            bind p attr [| x; idx |]

        match flags[1], args[1].Shape.Length - (if flags[1] then 1 else 0) with
        | false, 1 -> apply (axis + 1) x args[1]
        | false, _ -> apply (axis + 1) x (batchAxis n args[1])
        | true, 1 when axis > 0 ->
            let front = Array.concat [ [| 0; axis + 1 |]; [| 1..axis |]; [| axis + 2 .. x.Shape.Length - 1 |] ]

            transpose (inversePermutation front) (apply 1 (transpose front x) args[1])
        | true, _ -> apply (axis + 1) x args[1]

    and transpose (p: int[]) a = bind transposeP (Axes p) [| a |]
    and slice start stop step a = bind sliceP (Window(start, stop, step)) [| a |]
    and pad low high interior a = bind padP (Padding(low, high, interior)) [| a |]

    let concat (axis: int) (args: Node[]) = bind concatP (Axes [| axis |]) args
    let gather (axis: int) x idx = bind gatherP (Axes [| axis |]) [| x; idx |]

    /// The primitives of this file, in order.
    let primitives = [ transposeP; sliceP; padP; concatP; gatherP; scatterAddP ]
