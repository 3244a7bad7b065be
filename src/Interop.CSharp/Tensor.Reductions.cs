using System;
using CoreTensors = Hesse.TensorReductions.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>Sum of all elements.</summary>
    /// <returns>Shape [].</returns>
    public Tensor Sum() => new(CoreTensors.sum(Core));

    /// <summary>Sum over axes.</summary>
    /// <param name="axes">The axes; negative counts from the end.</param>
    /// <returns>The shape without the axes.</returns>
    /// <exception cref="ArgumentNullException">The axes are null.</exception>
    /// <exception cref="HesseException">An axis is out of range or given twice.</exception>
    public Tensor Sum(params int[] axes)
    {
        ArgumentNullException.ThrowIfNull(axes);
        return new Tensor(CoreTensors.sumAxes(axes, Core));
    }

    /// <summary>Mean of all elements.</summary>
    /// <returns>Shape [].</returns>
    /// <exception cref="HesseException">There are no elements.</exception>
    public Tensor Mean() => new(CoreTensors.mean(Core));

    /// <summary>Mean over one axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The shape without the axis.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Mean(int axis) => new(CoreTensors.meanAxis(axis, Core));

    /// <summary>Largest element; ties share the derivative.</summary>
    /// <returns>Shape [].</returns>
    public Tensor Max() => new(CoreTensors.max(Core));

    /// <summary>Maximum over one axis; ties share the derivative.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The shape without the axis.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Max(int axis) => new(CoreTensors.maxAxis(axis, Core));

    /// <summary>log Σ eᵗ over one axis, without overflow.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The shape without the axis.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor LogSumExp(int axis) => new(CoreTensors.logSumExp(axis, Core));

    /// <summary>Logarithm of the softmax over one axis, without overflow.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor LogSoftmax(int axis) => new(CoreTensors.logSoftmax(axis, Core));

    /// <summary>eᵗ / Σ eᵗ over one axis, without overflow.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Softmax(int axis) => new(CoreTensors.softmax(axis, Core));

    /// <summary>Product of all elements.</summary>
    /// <returns>Shape [].</returns>
    public Tensor Prod() => new(CoreTensors.prod(Core));

    /// <summary>Product over one axis; its derivatives are right where elements are 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The shape without the axis.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Prod(int axis) => new(CoreTensors.prodAxis(axis, Core));

    /// <summary>Mean squared deviation of all elements from their mean.</summary>
    /// <returns>Shape [].</returns>
    /// <exception cref="HesseException">There are no elements.</exception>
    public Tensor Variance() => new(CoreTensors.variance(Core));

    /// <summary>Mean squared deviation from the mean over one axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The shape without the axis.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Variance(int axis) => new(CoreTensors.varianceAxis(axis, Core));

    /// <summary>Square root of the variance; where it is 0, every derivative is 0 by convention.</summary>
    /// <returns>Shape [].</returns>
    /// <exception cref="HesseException">There are no elements.</exception>
    public Tensor Std() => new(CoreTensors.std(Core));

    /// <summary>Euclidean norm of all elements; where it is 0, every derivative is 0 by convention.</summary>
    /// <returns>Shape [].</returns>
    public Tensor Norm() => new(CoreTensors.norm(Core));

    /// <summary>Minimum over one axis; ties share the derivative.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The axis goes away.</returns>
    /// <exception cref="HesseException">The axis is out of range or empty.</exception>
    public Tensor MinAxis(int axis) => new(CoreTensors.minAxis(axis, Core));

    /// <summary>Smallest element.</summary>
    /// <returns>Shape [].</returns>
    /// <exception cref="HesseException">There are no elements.</exception>
    public Tensor Min() => new(CoreTensors.min(Core));

    /// <summary>Index of the first largest element along one axis, or of the first NaN; derivative 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The axis goes away.</returns>
    /// <exception cref="HesseException">The axis is out of range or empty.</exception>
    public Tensor ArgMax(int axis) => new(CoreTensors.argmax(axis, Core));

    /// <summary>Index of the first smallest element along one axis, or of the first NaN; derivative 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The axis goes away.</returns>
    /// <exception cref="HesseException">The axis is out of range or empty.</exception>
    public Tensor ArgMin(int axis) => new(CoreTensors.argmin(axis, Core));
}
