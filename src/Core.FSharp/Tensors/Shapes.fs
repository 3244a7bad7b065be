namespace Hesse

/// Part of the module `Tensor`: shapes and places.
[<AutoOpen>]
module TensorShapes =
    /// The same elements under other shapes and at other places.
    [<RequireQualifiedAccess>]
    module Tensor =
        /// <summary>The same elements under another shape; one length may be −1 and is worked out.</summary>
        /// <param name="shape">The new axis lengths.</param>
        /// <param name="t">As many elements as the new shape holds.</param>
        let reshape (shape: int seq) (t: Tensor) =
            let shape = Array.ofSeq shape

            let resolved =
                match shape |> Array.filter ((=) -1) |> Array.length with
                | 0 -> shape
                | 1 ->
                    let rest = shape |> Array.fold (fun n d -> if d = -1 then n else n * int64 d) 1L
                    let total = Shape.size t.Node.Shape

                    if rest = 0L || total % rest <> 0L then
                        Shape.fail
                            $"reshape: cannot work out −1 in {Shape.show shape} for shape {Shape.show t.Node.Shape}; {total} elements do not divide by {rest}"

                    shape |> Array.map (fun d -> if d = -1 then int (total / rest) else d)
                | _ ->
                    Shape.fail $"reshape: more than one −1 in {Shape.show shape}; at most one length can be worked out"

            Tensor(Linear.reshape resolved t.Node)

        /// <summary>All elements in one axis.</summary>
        /// <param name="t">Any shape.</param>
        let flatten (t: Tensor) = reshape [ -1 ] t

        /// <summary>Axes in another order: result axis i is axis p[i].</summary>
        /// <param name="p">A permutation of the axes.</param>
        /// <param name="t">Any shape.</param>
        let permute (p: int seq) (t: Tensor) = Tensor(Movement.transpose (Array.ofSeq p) t.Node)

        /// <summary>Axes in reverse order; the transpose of a matrix.</summary>
        /// <param name="t">Any shape.</param>
        let transpose (t: Tensor) = permute [| for i in t.Rank - 1 .. -1 .. 0 -> i |] t

        /// <summary>Repeats axes of length one, and adds leading axes, up to a shape.</summary>
        /// <param name="shape">The new axis lengths.</param>
        /// <param name="t">A shape that broadcasts to it.</param>
        let broadcastTo (shape: int seq) (t: Tensor) =
            let shape = Array.ofSeq shape

            if Shape.broadcast "broadcastTo" [| t.Node.Shape; shape |] <> shape then
                Shape.fail
                    $"broadcastTo: {Shape.show t.Node.Shape} does not broadcast to {Shape.show shape}; swap the roles?"

            Tensor(Broadcasting.expand shape t.Node)

        /// <summary>Inserts an axis of length one.</summary>
        /// <param name="axis">Its place in the result; negative counts from the end.</param>
        /// <param name="t">Any shape.</param>
        let expandDims (axis: int) (t: Tensor) =
            let axis = Shape.axis "expandDims" (t.Rank + 1) axis
            reshape (Array.insertAt axis 1 t.Shape) t

        /// <summary>Elements start, start + step, … below stop along one axis.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="start">First index.</param>
        /// <param name="stop">One past the last index.</param>
        /// <param name="step">At least 1.</param>
        /// <param name="t">Any shape.</param>
        let slice (axis: int) (start: int) (stop: int) (step: int) (t: Tensor) =
            let axis = Shape.axis "slice" t.Rank axis
            let along whole value = Array.init t.Rank (fun i -> if i = axis then value else whole i)

            Tensor(
                Movement.slice
                    (along (fun _ -> 0) start)
                    (along (fun i -> t.Node.Shape[i]) stop)
                    (along (fun _ -> 1) step)
                    t.Node
            )

        /// <summary>Joins tensors along an existing axis.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="parts">At least one; shapes may differ only along the axis.</param>
        let concat (axis: int) (parts: Tensor seq) =
            let parts = parts |> Seq.map (fun (t: Tensor) -> t.Node) |> Array.ofSeq

            if parts.Length = 0 then
                Shape.fail "concat: no tensors were given; give at least one"

            Tensor(Movement.concat (Shape.axis "concat" parts[0].Shape.Length axis) parts)

        /// <summary>Joins tensors of one shape along a new axis.</summary>
        /// <param name="axis">Place of the new axis; negative counts from the end.</param>
        /// <param name="parts">At least one; all of one shape.</param>
        let stack (axis: int) (parts: Tensor seq) = concat axis (parts |> Seq.map (expandDims axis))

        /// <summary>Elements along an axis at given indices (also called take); indices may repeat.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="indices">Whole numbers 0 .. length − 1, of either precision (float32 holds them up to 2²⁴); shape [count].</param>
        /// <param name="t">Any shape with that axis.</param>
        let gather (axis: int) (indices: Tensor) (t: Tensor) =
            if indices.Rank <> 1 then
                Shape.fail
                    $"gather: expected indices of shape [count], got {Shape.show indices.Node.Shape}; flatten them"

            Tensor(Movement.gather (Shape.axis "gather" t.Rank axis) t.Node indices.Node)

        /// <summary>The elements of an axis in reverse order.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let flip (axis: int) (t: Tensor) =
            let axis = Shape.axis "flip" t.Rank axis
            let last = t.Node.Shape[axis] - 1
            gather axis (Tensor.ofArray (Array.init (last + 1) (fun i -> float (last - i)))) t

        /// <summary>Drops an axis of length one.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">A shape in which that axis has length one.</param>
        /// <exception cref="T:Hesse.HesseException">The axis is longer.</exception>
        let squeeze (axis: int) (t: Tensor) =
            let axis = Shape.axis "squeeze" t.Rank axis

            if t.Node.Shape[axis] <> 1 then
                Shape.fail
                    $"squeeze: axis {axis} of shape {Shape.show t.Node.Shape} has length {t.Node.Shape[axis]}; want 1"

            reshape (Array.removeAt axis t.Node.Shape) t

        /// <summary>One axis at another place; the others keep their order.</summary>
        /// <param name="source">The axis; negative counts from the end.</param>
        /// <param name="target">Its place in the result; negative counts from the end.</param>
        /// <param name="t">Any shape.</param>
        let moveAxis (source: int) (target: int) (t: Tensor) =
            let source, target = Shape.axis "moveAxis" t.Rank source, Shape.axis "moveAxis" t.Rank target
            permute (Array.insertAt target source (Array.except [ source ] [| 0 .. t.Rank - 1 |])) t

        /// <summary>The elements of an axis moved towards its end; those that leave it come in at its start.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="shift">By how many places; negative moves towards the start.</param>
        /// <param name="t">Any shape, kept.</param>
        let roll (axis: int) (shift: int) (t: Tensor) =
            let axis = Shape.axis "roll" t.Rank axis
            let length = t.Node.Shape[axis]
            let start = if length = 0 then 0 else ((-shift % length) + length) % length

            if start = 0 then
                t
            else
                concat axis [ slice axis start length 1 t; slice axis 0 start 1 t ]

        /// <summary>Each element of an axis several times in a row.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="count">How many times.</param>
        /// <param name="t">Any shape; the axis becomes that many times as long.</param>
        /// <exception cref="T:Hesse.HesseException">The number is negative.</exception>
        let repeat (axis: int) (count: int) (t: Tensor) =
            let axis = Shape.axis "repeat" t.Rank axis

            if count < 0 then
                Shape.fail $"repeat: count is {count}; want at least 0"

            let shape = t.Node.Shape
            let wide = broadcastTo (Array.insertAt (axis + 1) count shape) (expandDims (axis + 1) t)
            reshape (Array.updateAt axis (count * shape[axis]) shape) wide

        /// <summary>The whole tensor several times along each axis.</summary>
        /// <param name="counts">How many times, for each axis.</param>
        /// <param name="t">Any shape; axes become that many times as long.</param>
        /// <exception cref="T:Hesse.HesseException">There is not one number for each axis, or one is negative.</exception>
        let tile (counts: int seq) (t: Tensor) =
            let counts = Array.ofSeq counts

            if counts.Length <> t.Rank || counts |> Array.exists (fun c -> c < 0) then
                Shape.fail
                    $"tile: counts {Shape.show counts} for shape {Shape.show t.Node.Shape}; want {t.Rank} numbers that are at least 0"

            let pairs (other: int -> int) =
                Array.init (2 * t.Rank) (fun i -> if i % 2 = 0 then other (i / 2) else t.Node.Shape[i / 2])

            let wide = reshape (pairs (fun _ -> 1)) t |> broadcastTo (pairs (fun d -> counts[d]))
            reshape (Array.map2 (*) counts t.Node.Shape) wide

        /// <summary>Coordinates of the points of a grid: tensors of one shape, of which each varies along its own axis.</summary>
        /// <param name="axes">Vectors of lengths m, n, …; the results have shape [m; n; …].</param>
        /// <exception cref="T:Hesse.HesseException">An argument is not a vector.</exception>
        let meshgrid (axes: Tensor seq) : Tensor list =
            let axes = List.ofSeq axes

            for t in axes do
                if t.Rank <> 1 then
                    Shape.fail $"meshgrid: expected vectors, got shape {Shape.show t.Node.Shape}; flatten it"

            let shape = axes |> List.map (fun t -> t.Size) |> Array.ofList

            axes
            |> List.mapi (fun i t ->
                broadcastTo shape (reshape (Array.init shape.Length (fun d -> if d = i then t.Size else 1)) t))

        /// <summary>Differences of neighbours along an axis.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape with at least one element along the axis, which gets shorter by one.</param>
        let diff (axis: int) (t: Tensor) =
            let length = t.Node.Shape[Shape.axis "diff" t.Rank axis]
            slice axis 1 length 1 t - slice axis 0 (length - 1) 1 t

        // ----- matrices -----

        let private triangular (op: string) (keep: int -> int -> bool) (t: Tensor) =
            if t.Rank < 2 then
                Shape.fail $"{op}: expected matrices [..., m, n], got shape {Shape.show t.Node.Shape}; reshape it"

            let m, n = t.Node.Shape[t.Rank - 2], t.Node.Shape[t.Rank - 1]

            let mask =
                Tensor.create [ m; n ] (Array.init (m * n) (fun i -> if keep (i / n) (i % n) then 1.0 else 0.0))

            Tensor.where mask t (Tensor.scalar 0.0)

        /// <summary>The part of each matrix on and below a diagonal, zeros elsewhere.</summary>
        /// <param name="diagonal">0 for the main diagonal, above it if positive.</param>
        /// <param name="t">Shape [..., m, n].</param>
        /// <exception cref="T:Hesse.HesseException">There are fewer than two axes.</exception>
        let tril (diagonal: int) (t: Tensor) = triangular "tril" (fun i j -> j - i <= diagonal) t

        /// <summary>The part of each matrix on and above a diagonal, zeros elsewhere.</summary>
        /// <param name="diagonal">0 for the main diagonal, above it if positive.</param>
        /// <param name="t">Shape [..., m, n].</param>
        /// <exception cref="T:Hesse.HesseException">There are fewer than two axes.</exception>
        let triu (diagonal: int) (t: Tensor) = triangular "triu" (fun i j -> j - i >= diagonal) t

        /// <summary>The matrix with a given diagonal, and zeros elsewhere.</summary>
        /// <param name="t">Shape [n]; the result has shape [n; n].</param>
        /// <exception cref="T:Hesse.HesseException">The argument is not a vector.</exception>
        let diag (t: Tensor) =
            if t.Rank <> 1 then
                Shape.fail
                    $"diag: expected a vector, got shape {Shape.show t.Node.Shape}; use diagonal for the other way"

            // With n zeros between neighbours, element i is at i (n + 1).
            reshape [ t.Size; t.Size ] (Tensor(Movement.pad [| 0 |] [| 0 |] [| t.Size |] t.Node))

        /// <summary>Rows of the identity: 1 at the index, 0 elsewhere, along a new last axis; an index outside gives zeros. Derivative 0.</summary>
        /// <param name="count">Length of the new axis.</param>
        /// <param name="indices">Whole numbers 0 .. count − 1, any shape.</param>
        let oneHot (count: int) (indices: Tensor) =
            Tensor.equal (expandDims indices.Rank indices) (Tensor(Graph.weak [| count |] (Array.init count float)))
