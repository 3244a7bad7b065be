namespace Hesse

/// Part of the module `Tensor`: reductions.
[<AutoOpen>]
module TensorReductions =
    /// Functions that take axes away, and those built on them.
    [<RequireQualifiedAccess>]
    module Tensor =
        /// <summary>Sum over axes.</summary>
        /// <param name="axes">The axes; negative counts from the end.</param>
        /// <param name="t">Any shape; the axes go away.</param>
        let sumAxes (axes: int seq) (t: Tensor) = Tensor(Linear.sum (Shape.axes "sum" t.Rank (Array.ofSeq axes)) t.Node)

        /// <summary>Sum of all elements; shape [].</summary>
        /// <param name="t">Any shape.</param>
        let sum (t: Tensor) = sumAxes [| 0 .. t.Rank - 1 |] t

        /// <summary>Sum over one axis.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let sumAxis (axis: int) (t: Tensor) = sumAxes [ axis ] t

        /// <summary>Mean over one axis.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let meanAxis (axis: int) (t: Tensor) = sumAxis axis t / float t.Node.Shape[Shape.axis "mean" t.Rank axis]

        /// <summary>Mean of all elements; shape [].</summary>
        /// <param name="t">At least one element.</param>
        let mean (t: Tensor) =
            if t.Size = 0 then
                Shape.fail $"mean: shape {Shape.show t.Node.Shape} has no elements; the mean of nothing is undefined"

            sum t / float t.Size

        /// <summary>Maximum over one axis; ties share the derivative.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let maxAxis (axis: int) (t: Tensor) = Tensor(Elementwise.maxOver [| Shape.axis "max" t.Rank axis |] t.Node)

        /// <summary>Largest element; shape [].</summary>
        /// <param name="t">At least one element.</param>
        let max (t: Tensor) = Tensor(Elementwise.maxOver [| 0 .. t.Rank - 1 |] t.Node)

        /// <summary>Minimum over one axis; ties share the derivative.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let minAxis (axis: int) (t: Tensor) = -(maxAxis axis -t)

        /// <summary>Smallest element; shape [].</summary>
        /// <param name="t">At least one element.</param>
        let min (t: Tensor) = -(max -t)

        /// <summary>Index of the first largest element along one axis, or of the first NaN; derivative 0.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let argmax (axis: int) (t: Tensor) =
            let axis = Shape.axis "argmax" t.Rank axis

            let isLargest =
                Tensor.where
                    (Tensor.isNaN t)
                    (Tensor.scalar 1.0)
                    (Tensor.equal t (Tensor.expandDims axis (maxAxis axis t)))

            let length = t.Node.Shape[axis]

            let places =
                Tensor(Graph.weak [| length |] (Array.init length float))
                |> Tensor.reshape (Array.init t.Rank (fun d -> if d = axis then length else 1))

            minAxis axis (Tensor.where isLargest places (Tensor.scalar (float length)))

        /// <summary>Index of the first smallest element along one axis, or of the first NaN; derivative 0.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let argmin (axis: int) (t: Tensor) = argmax axis -t

        /// <summary>log Σ eᵗ over one axis, without overflow.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let logSumExp (axis: int) (t: Tensor) =
            let top = Tensor.stopGradient (maxAxis axis t)
            let place = Shape.axis "logSumExp" t.Rank axis
            top + Tensor.log (sumAxis axis (Tensor.exp (t - Tensor.expandDims place top)))

        /// t less its maximum over one axis: exponentials of it cannot overflow, and no digits are lost to the size of t.
        let private shifted (axis: int) (t: Tensor) =
            let place = Shape.axis "softmax" t.Rank axis
            place, t - Tensor.expandDims place (Tensor.stopGradient (maxAxis place t))

        /// <summary>log of softmax over one axis, without overflow.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let logSoftmax (axis: int) (t: Tensor) =
            let place, s = shifted axis t
            s - Tensor.expandDims place (Tensor.log (sumAxis place (Tensor.exp s)))

        /// <summary>eᵗ / Σ eᵗ over one axis, without overflow.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape, kept.</param>
        let softmax (axis: int) (t: Tensor) =
            let place, s = shifted axis t
            let e = Tensor.exp s
            e / Tensor.expandDims place (sumAxis place e)

        /// <summary>Product over one axis; the derivatives divide by nothing, so they are right where elements are 0.</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away. The product of nothing is 1.</param>
        let prodAxis (axis: int) (t: Tensor) =
            let axis = Shape.axis "prod" t.Rank axis
            let last = t.Node.Shape[axis] - 1

            if last < 0 then
                Tensor.ones (Shape.removeAxes [| axis |] t.Node.Shape)
            else
                sumAxis axis (Tensor.slice axis last (last + 1) 1 (Tensor.cumprod axis t))

        /// <summary>Product of all elements; shape [].</summary>
        /// <param name="t">Any shape.</param>
        let prod (t: Tensor) = prodAxis 0 (Tensor.flatten t)

        /// <summary>Mean squared deviation from the mean over one axis (the sum is divided by n, not by n − 1).</summary>
        /// <param name="axis">The axis; negative counts from the end.</param>
        /// <param name="t">Any shape; the axis goes away.</param>
        let varianceAxis (axis: int) (t: Tensor) =
            let axis = Shape.axis "variance" t.Rank axis
            meanAxis axis (Tensor.square (t - Tensor.expandDims axis (meanAxis axis t)))

        /// <summary>Mean squared deviation of all elements from their mean; shape [].</summary>
        /// <param name="t">At least one element.</param>
        let variance (t: Tensor) = mean (Tensor.square (t - mean t))

        /// The square root, with every derivative 0 at 0.
        let private rootOrZero (t: Tensor) =
            let isZero = Tensor.equal t (Tensor.scalar 0.0)
            Tensor.where isZero (Tensor.zeros t.Shape) (Tensor.sqrt (Tensor.where isZero (Tensor.scalar 1.0) t))

        /// <summary>Square root of the variance of all elements; shape []. Where it is 0, every derivative is 0 by convention.</summary>
        /// <param name="t">At least one element.</param>
        let std (t: Tensor) = rootOrZero (variance t)

        /// <summary>Euclidean norm of all elements; shape []. Where it is 0, every derivative is 0 by convention.</summary>
        /// <param name="t">Any shape.</param>
        let norm (t: Tensor) = rootOrZero (sum (Tensor.square t))
