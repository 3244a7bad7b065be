using System;
using System.Runtime.CompilerServices;
using CoreTensor = Hesse.Tensor;
using CoreTensors = Hesse.TensorShapes.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>The part at an index of the first axis; negative indices are errors, use ^1 for the last.</summary>
    /// <param name="i">0 .. length − 1.</param>
    /// <returns>The shape without its first axis.</returns>
    /// <exception cref="HesseException">The index is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[int i] => new(Core[i]);

    /// <summary>The part at an index of the first axis, counted from either end.</summary>
    /// <param name="i">For example ^1, the last.</param>
    /// <returns>The shape without its first axis.</returns>
    /// <exception cref="HesseException">The index is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[Index i] => new(Drop(Core, 0, i));

    /// <summary>A range of the first axis, end excluded as everywhere in C#.</summary>
    /// <param name="range">For example 1..3, ..^1.</param>
    /// <returns>The shape with a shorter first axis.</returns>
    /// <exception cref="HesseException">The range is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[Range range] => new(Cut(Core, 0, range));

    /// <summary>The part at indices of the first two axes.</summary>
    /// <param name="i">0 .. length − 1 of the first axis.</param>
    /// <param name="j">0 .. length − 1 of the second axis.</param>
    /// <returns>The shape without its first two axes.</returns>
    /// <exception cref="HesseException">An index is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[int i, int j] => new(Core[i, j]);

    /// <summary>The part at indices of the first two axes, counted from either end.</summary>
    /// <param name="i">Along the first axis.</param>
    /// <param name="j">Along the second axis.</param>
    /// <returns>The shape without its first two axes.</returns>
    /// <exception cref="HesseException">An index is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[Index i, Index j] => new(Drop(Drop(Core, 1, j), 0, i));

    /// <summary>A block of the first two axes.</summary>
    /// <param name="rows">Of the first axis, end excluded.</param>
    /// <param name="columns">Of the second axis, end excluded.</param>
    /// <returns>The shape with shorter first two axes.</returns>
    /// <exception cref="HesseException">A range is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[Range rows, Range columns] => new(Cut(Cut(Core, 1, columns), 0, rows));

    /// <summary>A range of the second axis at one index of the first: part of a row.</summary>
    /// <param name="i">Along the first axis.</param>
    /// <param name="columns">Of the second axis, end excluded.</param>
    /// <returns>The shape without its first axis, and with a shorter second one.</returns>
    /// <exception cref="HesseException">The index or the range is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[Index i, Range columns] => new(Drop(Cut(Core, 1, columns), 0, i));

    /// <summary>A range of the first axis at one index of the second: part of a column.</summary>
    /// <param name="rows">Of the first axis, end excluded.</param>
    /// <param name="j">Along the second axis.</param>
    /// <returns>The shape without its second axis, and with a shorter first one.</returns>
    /// <exception cref="HesseException">The index or the range is out of range.</exception>
    [IndexerName("Part")]
    public Tensor this[Range rows, Index j] => new(Cut(Drop(Core, 1, j), 0, rows));

    /// <summary>The same elements under another shape; one length may be −1 and is worked out.</summary>
    /// <param name="shape">The new axis lengths.</param>
    /// <returns>The new shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">The numbers of elements differ.</exception>
    public Tensor Reshape(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreTensors.reshape(shape, Core));
    }

    /// <summary>All elements in one axis.</summary>
    /// <returns>Shape [size].</returns>
    public Tensor Flatten() => new(CoreTensors.flatten(Core));

    /// <summary>Axes in reverse order; the transpose of a matrix.</summary>
    /// <returns>The reversed shape.</returns>
    public Tensor Transpose() => new(CoreTensors.transpose(Core));

    /// <summary>Axes in another order: result axis i is axis order[i].</summary>
    /// <param name="order">A permutation of the axes.</param>
    /// <returns>The permuted shape.</returns>
    /// <exception cref="ArgumentNullException">The order is null.</exception>
    /// <exception cref="HesseException">The order is not a permutation.</exception>
    public Tensor Permute(params int[] order)
    {
        ArgumentNullException.ThrowIfNull(order);
        return new Tensor(CoreTensors.permute(order, Core));
    }

    /// <summary>Repeats axes of length one, and adds leading axes, up to a shape.</summary>
    /// <param name="shape">The new axis lengths.</param>
    /// <returns>That shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">This shape does not broadcast to it.</exception>
    public Tensor BroadcastTo(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreTensors.broadcastTo(shape, Core));
    }

    /// <summary>Inserts an axis of length one.</summary>
    /// <param name="axis">Its place in the result; negative counts from the end.</param>
    /// <returns>The shape with one more axis.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor ExpandDims(int axis) => new(CoreTensors.expandDims(axis, Core));

    /// <summary>Elements start, start + step, … below stop along one axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="start">First index.</param>
    /// <param name="stop">One past the last index.</param>
    /// <param name="step">At least 1.</param>
    /// <returns>The shape with a shorter axis.</returns>
    /// <exception cref="HesseException">Axis or bounds are out of range.</exception>
    public Tensor Slice(int axis, int start, int stop, int step = 1) => new(CoreTensors.slice(axis, start, stop, step, Core));

    /// <summary>Elements along an axis at given indices, which may repeat.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="indices">Whole numbers 0 .. length − 1; shape [count].</param>
    /// <returns>The shape with the axis of length count.</returns>
    /// <exception cref="ArgumentNullException">The indices are null.</exception>
    /// <exception cref="HesseException">The axis is out of range, or the indices are not a vector.</exception>
    public Tensor Gather(int axis, Tensor indices) => new(CoreTensors.gather(axis, Unwrap(indices, nameof(indices)), Core));

    /// <summary>Joins tensors along an existing axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="parts">At least one; shapes may differ only along the axis.</param>
    /// <returns>The shape with the lengths of the axis added up.</returns>
    /// <exception cref="ArgumentNullException">The parts, or one of them, are null.</exception>
    /// <exception cref="HesseException">The shapes do not fit, or there are no parts.</exception>
    public static Tensor Concat(int axis, params Tensor[] parts) => new(CoreTensors.concat(axis, Unwrap(parts, nameof(parts))));

    /// <summary>Joins tensors of one shape along a new axis.</summary>
    /// <param name="axis">Place of the new axis; negative counts from the end.</param>
    /// <param name="parts">At least one; all of one shape.</param>
    /// <returns>The shape with the new axis.</returns>
    /// <exception cref="ArgumentNullException">The parts, or one of them, are null.</exception>
    /// <exception cref="HesseException">The shapes differ, or there are no parts.</exception>
    public static Tensor Stack(int axis, params Tensor[] parts) => new(CoreTensors.stack(axis, Unwrap(parts, nameof(parts))));

    private static int Length(CoreTensor t, int axis) => axis < t.Rank ? t.Shape[axis] : 0;

    private static CoreTensor Cut(CoreTensor t, int axis, Range range)
    {
        var length = Length(t, axis);
        return CoreTensors.slice(axis, range.Start.GetOffset(length), range.End.GetOffset(length), 1, t);
    }

    private static CoreTensor Drop(CoreTensor t, int axis, Index index)
    {
        var start = index.GetOffset(Length(t, axis));
        var part = CoreTensors.slice(axis, start, start + 1, 1, t);
        var shape = part.Shape;
        return CoreTensors.reshape((int[])[.. shape[..axis], .. shape[(axis + 1)..]], part);
    }

    /// <summary>The elements of an axis in reverse order.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Flip(int axis) => new(CoreTensors.flip(axis, Core));

    /// <summary>Drops an axis of length one.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>One axis less.</returns>
    /// <exception cref="HesseException">The axis is longer, or out of range.</exception>
    public Tensor Squeeze(int axis) => new(CoreTensors.squeeze(axis, Core));

    /// <summary>One axis at another place; the others keep their order.</summary>
    /// <param name="source">The axis; negative counts from the end.</param>
    /// <param name="target">Its place in the result; negative counts from the end.</param>
    /// <returns>The same elements.</returns>
    /// <exception cref="HesseException">A place is out of range.</exception>
    public Tensor MoveAxis(int source, int target) => new(CoreTensors.moveAxis(source, target, Core));

    /// <summary>The elements of an axis moved towards its end; those that leave it come in at its start.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="shift">By how many places; negative moves towards the start.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The axis is out of range.</exception>
    public Tensor Roll(int axis, int shift) => new(CoreTensors.roll(axis, shift, Core));

    /// <summary>Each element of an axis several times in a row.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="count">How many times.</param>
    /// <returns>The axis becomes that many times as long.</returns>
    /// <exception cref="HesseException">The axis is out of range, or the number is negative.</exception>
    public Tensor Repeat(int axis, int count) => new(CoreTensors.repeat(axis, count, Core));

    /// <summary>The whole tensor several times along each axis.</summary>
    /// <param name="counts">How many times, for each axis.</param>
    /// <returns>Axes become that many times as long.</returns>
    /// <exception cref="ArgumentNullException">The counts are null.</exception>
    /// <exception cref="HesseException">There is not one number for each axis, or one is negative.</exception>
    public Tensor Tile(params int[] counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        return new(CoreTensors.tile(counts, Core));
    }

    /// <summary>Differences of neighbours along an axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <returns>The axis gets shorter by one.</returns>
    /// <exception cref="HesseException">The axis is out of range or empty.</exception>
    public Tensor Diff(int axis) => new(CoreTensors.diff(axis, Core));

    /// <summary>The part of each matrix on and below a diagonal, zeros elsewhere.</summary>
    /// <param name="diagonal">0 for the main diagonal, above it if positive.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">There are fewer than two axes.</exception>
    public Tensor TriL(int diagonal = 0) => new(CoreTensors.tril(diagonal, Core));

    /// <summary>The part of each matrix on and above a diagonal, zeros elsewhere.</summary>
    /// <param name="diagonal">0 for the main diagonal, above it if positive.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">There are fewer than two axes.</exception>
    public Tensor TriU(int diagonal = 0) => new(CoreTensors.triu(diagonal, Core));

    /// <summary>The matrix with this vector as diagonal, and zeros elsewhere.</summary>
    /// <returns>Shape [n; n].</returns>
    /// <exception cref="HesseException">This tensor is not a vector.</exception>
    public Tensor Diag() => new(CoreTensors.diag(Core));

    /// <summary>Rows of the identity at these indices: 1 at the index, 0 elsewhere, along a new last axis; derivative 0.</summary>
    /// <param name="count">Length of the new axis.</param>
    /// <returns>One axis more.</returns>
    /// <exception cref="HesseException">The length is negative.</exception>
    public Tensor OneHot(int count) => new(CoreTensors.oneHot(count, Core));
}
