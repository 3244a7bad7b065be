using System;
using CoreTensors = Hesse.TensorOrdered.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>Sums of the elements up to each place of an axis, itself included.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor CumSum(int axis) => new(CoreTensors.cumsum(axis, Core));

    /// <summary>Sums of the elements from each place of an axis to its end, itself included.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor CumSumReverse(int axis) => new(CoreTensors.cumsumReverse(axis, Core));

    /// <summary>Products of the elements up to each place of an axis, itself included. The derivatives divide by nothing, so they are right where elements are 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor CumProd(int axis) => new(CoreTensors.cumprod(axis, Core));

    /// <summary>Products of the elements from each place of an axis to its end, itself included.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor CumProdReverse(int axis) => new(CoreTensors.cumprodReverse(axis, Core));

    /// <summary>The elements of an axis in ascending order; NaN comes last. The derivative follows each element to its place; equal elements keep their order.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Sort(int axis) => new(CoreTensors.sort(axis, Core));

    /// <summary>The elements of an axis in descending order; NaN comes last, and equal elements keep their order.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor SortDescending(int axis) => new(CoreTensors.sortDescending(axis, Core));

    /// <summary>Along an axis, the index of the element that comes first, second, … in ascending order; NaN comes last, and equal elements keep their order. Derivative 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor ArgSort(int axis) => new(CoreTensors.argsort(axis, Core));

    /// <summary>Along an axis, the index of the element that comes first, second, … in descending order; NaN comes last, and equal elements keep their order. Derivative 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor ArgSortDescending(int axis) => new(CoreTensors.argsortDescending(axis, Core));

    /// <summary>The largest elements of an axis, in descending order, and their indices along it; as <see cref="SortDescending"/> and <see cref="ArgSortDescending"/>, cut short.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="count">How many, 0 to the axis length; the axis has this length in the results.</param>
    /// <returns>Values and indices, of one shape.</returns>
    /// <exception cref="HesseException">The axis is out of range, or has fewer elements than that.</exception>
    public (Tensor Values, Tensor Indices) TopK(int axis, int count)
    {
        var (values, indices) = CoreTensors.topK(axis, count, Core);
        return (new Tensor(values), new Tensor(indices));
    }

    /// <summary>The largest element up to each place of an axis, itself included; the derivative is that of the first of equal ones.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor CumMax(int axis) => new(CoreTensors.cummax(axis, Core));

    /// <summary>The smallest element up to each place of an axis, itself included; the derivative is that of the first of equal ones.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor CumMin(int axis) => new(CoreTensors.cummin(axis, Core));

    /// <summary>Elements along an axis at indices that may differ from place to place of the other axes.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="indices">Whole numbers; the shape of this tensor but for the length of the axis.</param>
    /// <returns>The shape of the indices.</returns>
    /// <exception cref="ArgumentNullException">The indices are null.</exception>
    /// <exception cref="HesseException">The shapes differ outside the axis, or an index is out of range.</exception>
    public Tensor TakeAlong(int axis, Tensor indices) => new(CoreTensors.takeAlong(axis, Unwrap(indices, nameof(indices)), Core));
}
