namespace Hesse

open System
open Hesse.Kernels
open Hesse.Graph

/// The contraction of two tensors over index labels: every matrix product, batched or not, and their transposes.
///
/// Each operand has a label per axis, all distinct; the result names the labels that stay. A label of the result comes from
/// one operand or both (a batch label); a label that the result lacks is in both and is summed over.
module internal Contraction =
    /// The contraction as a (batched) matrix product, if the axes' order allows one without moving data.
    type private Product = {
        Batch: int
        M: int
        N: int
        K: int
        /// True when the operand has no batch axes, and one matrix serves all.
        SharedA: bool
        SharedB: bool
        TransA: bool
        TransB: bool
        /// True when the second operand is the left factor.
        Swapped: bool
    }

    let private startsWith (prefix: int[]) (labels: int[]) =
        labels.Length >= prefix.Length && labels.AsSpan(0, prefix.Length).SequenceEqual(ReadOnlySpan prefix)

    /// Tries to see the contraction as a product with the first `p` result labels as batch.
    let private tryProduct p (a: int[]) (b: int[]) (out: int[]) (length: int -> int) =
        let batch = out[.. p - 1]
        let rest = out[p..]
        let shared labels = batch.Length = 0 || not (Array.exists (fun l -> Array.contains l batch) labels)
        let sharedA, sharedB = shared a, shared b

        if not (sharedA || startsWith batch a) || not (sharedB || startsWith batch b) then
            None
        else
            let a = if sharedA then a else a[p..]
            let b = if sharedB then b else b[p..]
            let k = a |> Array.filter (fun l -> Array.contains l b)
            let m = a |> Array.except k
            let n = b |> Array.except k

            let orient (free: int[]) (labels: int[]) =
                if labels = Array.append free k then Some false
                elif labels = Array.append k free then Some true
                else None

            let swapped =
                if rest = Array.append m n then Some false
                elif rest = Array.append n m then Some true
                else None

            // Labels shared with the result must be batch labels; a label of k that the result keeps cannot be summed.
            if k |> Array.exists (fun l -> Array.contains l out) then
                None
            else
                match orient m a, orient n b, swapped with
                | Some ka, Some kb, Some swapped ->
                    let product = Array.fold (fun n l -> n * length l) 1

                    Some {
                        Batch = product batch
                        M = product m
                        N = product n
                        K = product k
                        SharedA = sharedA
                        SharedB = sharedB
                        TransA = ka
                        TransB = not kb
                        Swapped = swapped
                    }
                | _ -> None

    let private findProduct (a: int[]) (b: int[]) (out: int[]) (length: int -> int) =
        seq { 0 .. out.Length } |> Seq.tryPick (fun p -> tryProduct p a b out length)

    let private lengths (a: int[]) (b: int[]) (aShape: int[]) (bShape: int[]) (label: int) =
        match Array.IndexOf(a, label) with
        | -1 -> bShape[Array.IndexOf(b, label)]
        | i -> aShape[i]

    let private labelsOf attr =
        match attr with
        | Labels(a, b, out) -> struct (a, b, out)
        | _ -> struct ([||], [||], [||])

    let private lower attr (s: int[][]) (_: int[]) (slots: int[]) out : Step list =
        let struct (la, lb, lo) = labelsOf attr

        match findProduct la lb lo (lengths la lb s[0] s[1]) with
        | None -> invalidOp "contract: the operands are not in product order"
        | Some p ->
            let strideA = if p.SharedA then 0L else int64 p.M * int64 p.K
            let strideB = if p.SharedB then 0L else int64 p.N * int64 p.K

            if p.Swapped then
                // Cᵀ = op(B)ᵀ op(A)ᵀ
                [
                    GemmStep(
                        p.Batch,
                        p.N,
                        p.M,
                        p.K,
                        slots[1],
                        strideB,
                        not p.TransB,
                        slots[0],
                        strideA,
                        not p.TransA,
                        out
                    )
                ]
            else
                [ GemmStep(p.Batch, p.M, p.N, p.K, slots[0], strideA, p.TransA, slots[1], strideB, p.TransB, out) ]

    /// If x is a transpose, its argument with the labels that it has there.
    let private lookThrough (x: Node) (labels: int[]) =
        match x.Attr with
        | Axes p when obj.ReferenceEquals(x.Prim, Movement.transposeP) ->
            let below = Array.zeroCreate labels.Length
            p |> Array.iteri (fun i d -> below[d] <- labels[i])
            Some(x.Args[0], below)
        | _ -> None

    /// Labels numbered in the order in which they occur, so that equal contractions are one node.
    let private canonical (la: int[]) (lb: int[]) (lo: int[]) =
        let order = Array.append la (Array.except la lb)
        let number = Array.map (fun l -> System.Array.IndexOf(order, l))
        Labels(number la, number lb, number lo)

    /// A tensor with axes in the order of `target`, repeated along those that it lacks; axes that the target lacks have length one.
    let arrange (length: int -> int) (target: int[]) (labels: int[]) (x: Node) =
        let kept = labels |> Array.filter (fun l -> Array.contains l target)
        let present = target |> Array.filter (fun l -> Array.contains l kept)

        let ordered =
            Linear.reshape (kept |> Array.map length) x
            |> Movement.transpose (present |> Array.map (fun l -> System.Array.IndexOf(kept, l)))

        Linear.broadcast
            (target |> Array.map length)
            (present |> Array.map (fun l -> System.Array.IndexOf(target, l)))
            ordered

    let rec contractP: Primitive = {
        Name = "contract"
        Doc = "Σ over the labels that the result lacks of the product of two tensors."
        Shape =
            fun attr s ->
                let struct (a, b, out) = labelsOf attr
                out |> Array.map (lengths a b s[0] s[1])
        Derivative = Derivative.Multilinear
        Transpose =
            Some(fun attr args ct i ->
                let struct (a, b, out) = labelsOf attr

                if i = 0 then contract out b a ct args[1] else contract out a b ct args[0])
        Batch =
            fun _ attr args flags _ ->
                let struct (a, b, out) = labelsOf attr
                let fresh = 1 + Seq.max (Seq.append [ 0 ] (Seq.append a b))
                let extend flag labels = if flag then Array.append [| fresh |] labels else labels
                contract (extend flags[0] a) (extend flags[1] b) (Array.append [| fresh |] out) args[0] args[1]
        Simplify = fun _ _ -> None
        Lower = Lowering.Steps(fun attr s shape slots out -> lower attr s shape slots out)
    }

    /// The contraction of `a` (labels la) and `b` (labels lb) to labels lo; moves axes only where no matrix product fits.
    and contract (la: int[]) (lb: int[]) (lo: int[]) (a: Node) (b: Node) : Node =
        let length = lengths la lb a.Shape b.Shape
        let fits la lb = (findProduct la lb lo length).IsSome
        let bound la lb a b = bind contractP (canonical la lb lo) [| a; b |]

        let onlyIn (x: int[]) (y: int[]) =
            x |> Array.filter (fun l -> not (Array.contains l lo) && not (Array.contains l y))

        let drop labels (x: Node) other =
            match onlyIn labels other with
            | [||] -> labels, x
            | gone ->
                Array.except gone labels,
                Linear.sum (gone |> Array.map (fun l -> Array.IndexOf(labels, l)) |> Array.sort) x

        match onlyIn la lb, onlyIn lb la with
        | [||], [||] ->
            let lone = lo |> Array.filter (fun l -> not (Array.contains l la) && not (Array.contains l lb))

            if lone.Length > 0 then
                invalidOp "contract: a result label comes from no operand"

            let summed = la |> Array.filter (fun l -> not (Array.contains l lo))
            let covers labels = lo |> Array.forall (fun l -> length l = 1 || Array.contains l labels)

            // A transpose below an operand is a matter of labels.
            match lookThrough a la, lookThrough b lb with
            | _ when summed |> Array.forall (fun l -> length l = 1) && (covers la || covers lb) ->
                // Nothing is summed, and one operand has every element: an elementwise product, which joins the loops around it.
                Linear.mul (arrange length lo la a) (arrange length lo lb b)
            | Some(a', la'), Some(b', lb') when fits la' lb' -> bound la' lb' a' b'
            | Some(a', la'), _ when fits la' lb -> bound la' lb a' b
            | _, Some(b', lb') when fits la lb' -> bound la lb' a b'
            | _ when fits la lb -> bound la lb a b
            | _ -> summedLast la lb lo a b |> Option.defaultWith (fun () -> rearranged la lb lo a b)
        | _ ->
            let la', a' = drop la a lb
            let lb', b' = drop lb b la
            contract la' lb' lo a' b'

    /// A first axis that both operands have, and that is summed over, may be a batch axis of products that are summed afterwards: no
    /// operand moves. Done where the products are smaller than what would move.
    and private summedLast la lb lo a b =
        let length = lengths la lb a.Shape b.Shape
        let size = Array.fold (fun n l -> n * float (length l)) 1.0

        if la.Length = 0 || lb.Length = 0 || la[0] <> lb[0] then
            None
        else
            let products = Array.append [| la[0] |] lo

            if size products <= size la + size lb && (findProduct la lb products length).IsSome then
                Some(Linear.sum [| 0 |] (bind contractP (Labels(la, lb, products)) [| a; b |]))
            else
                None

    /// Moves the axes of as few operands as possible to [batch, free, summed], and those of the result from [batch, free a, free b].
    and private rearranged la lb lo a b =
        let length = lengths la lb a.Shape b.Shape
        let both = lo |> Array.filter (fun l -> Array.contains l la && Array.contains l lb)
        let summed = la |> Array.filter (fun l -> not (Array.contains l lo))
        let free (labels: int[]) = labels |> Array.filter (fun l -> Array.contains l lo && not (Array.contains l both))

        let arrange (labels: int[]) (target: int[]) x =
            Movement.transpose (target |> Array.map (fun l -> Array.IndexOf(labels, l))) x

        let resultOf la lb = Array.concat [ both; free la; free lb ]
        let inOrder labels = Array.concat [ both; free lo |> Array.filter (fun l -> Array.contains l labels); summed ]
        let fits (la', lb') = (findProduct la' lb' (resultOf la' lb') length).IsSome

        let la', lb' =
            [ la, lb; la, inOrder lb; inOrder la, lb ]
            |> List.tryFind fits
            |> Option.defaultValue (inOrder la, inOrder lb)

        let lo' = resultOf la' lb'
        let product = bind contractP (canonical la' lb' lo') [| arrange la la' a; arrange lb lb' b |]
        arrange lo' lo product

    /// Matrix product with NumPy's rules for one-dimensional operands and leading batch axes.
    let matmul (a: Node) (b: Node) : Node =
        let fail reason remedy =
            Shape.fail $"matmul: cannot multiply {Shape.show a.Shape} with {Shape.show b.Shape}: {reason}; {remedy}"

        if a.Shape.Length = 0 || b.Shape.Length = 0 then
            fail "a scalar is no matrix" "use * for scaling"

        let ra, rb = a.Shape.Length, b.Shape.Length
        let inner = a.Shape[ra - 1]
        let other = b.Shape[max 0 (rb - 2)]

        if inner <> other then
            fail $"inner sizes {inner} and {other} differ (argument b)" "transpose or reshape one of them"

        let batchA, batchB = a.Shape[.. ra - 3], b.Shape[.. rb - 3]

        if (ra <= 2 || rb <= 2) || batchA = batchB then
            // Labels: 0 = summed, 1 = row of a, 2 = column of b, from 3 on batch axes.
            let batchLabels = [| 3 .. 2 + max batchA.Length batchB.Length |]

            let la =
                Array.concat [ (if ra > 2 then batchLabels else [||]); (if ra > 1 then [| 1 |] else [||]); [| 0 |] ]

            let lb =
                Array.concat [ (if rb > 2 then batchLabels else [||]); [| 0 |]; (if rb > 1 then [| 2 |] else [||]) ]

            let lo =
                Array.concat [ batchLabels; (if ra > 1 then [| 1 |] else [||]); (if rb > 1 then [| 2 |] else [||]) ]

            contract la lb lo a b
        else
            fail "the batch axes differ" "broadcast one of them to the other's batch shape first"

    let primitives = [ contractP ]
