namespace Hesse

/// Part of the module `Tensor`: running sums and order.
[<AutoOpen>]
module TensorOrdered =
    /// Functions for which the order along an axis matters.
    [<RequireQualifiedAccess>]
    module Tensor =
        /// <summary>Sums of the elements up to each place of an axis, itself included.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let cumsum (axis: int) (t: Tensor) =
            Tensor(Ordered.cumulativeSum (Shape.axis "cumsum" t.Rank axis) false t.Node)

        /// <summary>Sums of the elements from each place of an axis to its end, itself included.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let cumsumReverse (axis: int) (t: Tensor) =
            Tensor(Ordered.cumulativeSum (Shape.axis "cumsumReverse" t.Rank axis) true t.Node)

        /// <summary>Products of the elements up to each place of an axis, itself included. The derivatives divide by nothing, so they are
        /// right where elements are 0.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let cumprod (axis: int) (t: Tensor) =
            Tensor(Ordered.cumulativeProduct (Shape.axis "cumprod" t.Rank axis) false t.Node)

        /// <summary>Products of the elements from each place of an axis to its end, itself included.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let cumprodReverse (axis: int) (t: Tensor) =
            Tensor(Ordered.cumulativeProduct (Shape.axis "cumprodReverse" t.Rank axis) true t.Node)

        /// <summary>The elements of an axis in ascending order; NaN comes last. The derivative follows each element to its place;
        /// equal elements keep their order.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let sort (axis: int) (t: Tensor) = Tensor(Ordered.sort (Shape.axis "sort" t.Rank axis) false t.Node)

        /// <summary>The elements of an axis in descending order; NaN comes last, and equal elements keep their order.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let sortDescending (axis: int) (t: Tensor) =
            Tensor(Ordered.sort (Shape.axis "sortDescending" t.Rank axis) true t.Node)

        /// <summary>Along an axis, the index of the element that comes first, second, … in ascending order; NaN comes last, and
        /// equal elements keep their order. Derivative 0.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let argsort (axis: int) (t: Tensor) = Tensor(Ordered.argsort (Shape.axis "argsort" t.Rank axis) false t.Node)

        /// <summary>Along an axis, the index of the element that comes first, second, … in descending order; NaN comes last, and
        /// equal elements keep their order. Derivative 0.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let argsortDescending (axis: int) (t: Tensor) =
            Tensor(Ordered.argsort (Shape.axis "argsortDescending" t.Rank axis) true t.Node)

        /// <summary>The largest elements of an axis, in descending order, and their indices along it; as `sortDescending` and
        /// `argsortDescending`, cut short.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="count">How many, 0 to the axis length; the axis has this length in the results.</param>
        /// <param name="t">Any shape.</param>
        /// <exception cref="T:Hesse.HesseException">There are fewer elements than that.</exception>
        let topK (axis: int) (count: int) (t: Tensor) =
            let axis = Shape.axis "topK" t.Rank axis

            if count < 0 || count > t.Node.Shape[axis] then
                Shape.fail
                    $"topK: cannot take {count} elements of axis {axis} of shape {Shape.show t.Node.Shape}; want 0 to {t.Node.Shape[axis]}"

            let values, indices = Ordered.top axis count t.Node
            Tensor values, Tensor indices

        /// <summary>The largest element up to each place of an axis, itself included. The derivative is that of the first of equal ones; a NaN
        /// stays from its place on.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let cummax (axis: int) (t: Tensor) = Tensor(Ordered.cumulativeMax (Shape.axis "cummax" t.Rank axis) t.Node)

        /// <summary>The smallest element up to each place of an axis, itself included. The derivative is that of the first of equal ones; a NaN
        /// stays from its place on.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let cummin (axis: int) (t: Tensor) = -(cummax axis -t)

        /// <summary>Elements along an axis at indices that may differ from place to place of the other axes, such as those of `argsort`.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="indices">Whole numbers 0 .. length − 1; the shape of t but for the length of the axis.</param>
        /// <param name="t">Any shape with that axis; the result has the shape of the indices.</param>
        /// <exception cref="T:Hesse.HesseException">The shapes differ outside the axis, or an index is out of range.</exception>
        let takeAlong (axis: int) (indices: Tensor) (t: Tensor) =
            let axis = Shape.axis "takeAlong" t.Rank axis
            let others shape = Shape.removeAxes [| axis |] shape

            if indices.Rank <> t.Rank || others indices.Node.Shape <> others t.Node.Shape then
                Shape.fail
                    $"takeAlong: indices of shape {Shape.show indices.Node.Shape} do not fit shape {Shape.show t.Node.Shape}; only axis {axis} may differ"

            Tensor(Ordered.takeAlong axis indices.Node t.Node)
