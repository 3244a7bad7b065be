using System;
using CoreTensors = Hesse.TensorModule;

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

    /// <summary>Products of the elements of two vectors, each with each.</summary>
    /// <param name="other">Shape [n], where this tensor has shape [m].</param>
    /// <returns>Shape [m; n].</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">An operand is not a vector.</exception>
    public Tensor Outer(Tensor other) => new(CoreTensors.outer(Core, Unwrap(other, nameof(other))));

    /// <summary>Matrix product with NumPy's rules; equal leading axes are a batch.</summary>
    /// <param name="other">Shape [..; k; n] or [k], where this tensor has shape [..; m; k] or [k].</param>
    /// <returns>Shape [..; m; n]; the axis of a vector operand goes away.</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">Inner or batch sizes differ.</exception>
    public Tensor MatMul(Tensor other) => new(CoreTensors.matmul(Core, Unwrap(other, nameof(other))));

    /// <summary>Inner product with a tensor of the same shape.</summary>
    /// <param name="other">The same shape.</param>
    /// <returns>Shape [].</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ.</exception>
    public Tensor Dot(Tensor other) => new(CoreTensors.dot(Core, Unwrap(other, nameof(other))));

    /// <summary>Sum of the diagonal of a square matrix.</summary>
    /// <returns>Shape [].</returns>
    /// <exception cref="HesseException">The tensor is not a square matrix.</exception>
    public Tensor Trace() => new(CoreTensors.trace(Core));

    /// <summary>The diagonal of a square matrix.</summary>
    /// <returns>Shape [n] for a tensor of shape [n; n].</returns>
    /// <exception cref="HesseException">The tensor is not a square matrix.</exception>
    public Tensor Diagonal() => new(CoreTensors.diagonal(Core));

    /// <summary>Sum of products in subscript notation, for any number of operands.</summary>
    /// <param name="spec">Letters per operand, separated by commas; after "->" those of the result: "ij,jk->ik".</param>
    /// <param name="operands">As many as the notation names.</param>
    /// <returns>One axis per letter of the result.</returns>
    /// <exception cref="ArgumentNullException">The notation, the operands or one of them are null.</exception>
    /// <exception cref="HesseException">Notation and shapes do not fit.</exception>
    public static Tensor Einsum(string spec, params Tensor[] operands)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new Tensor(CoreTensors.einsum(spec, Unwrap(operands, nameof(operands))));
    }
}
