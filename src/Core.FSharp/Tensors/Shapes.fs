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
        /// <param name="indices">Whole numbers 0 .. length − 1; shape [count].</param>
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
