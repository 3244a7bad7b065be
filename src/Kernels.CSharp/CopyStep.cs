using System;

namespace Hesse.Kernels;

/// <summary>Copies one strided view to another: transpose, slice, concatenation part, pad interior, broadcast.</summary>
/// <remarks>
/// Axes are reordered by the destination and merged where both views allow, so that contiguous regions are moved as blocks.
/// Where source and destination run along different axes, the two axes are walked in cache-sized blocks.
/// </remarks>
public sealed unsafe class CopyStep : Step
{
    private readonly int[] shape;
    private readonly long[] from;
    private readonly long[] to;
    private readonly int src;
    private readonly long srcOffset;
    private readonly int dst;
    private readonly long dstOffset;
    private readonly long count;
    private readonly string description;

    /// <summary>Axis of the source's unit stride in a blocked transpose; -1 when there is none.</summary>
    private readonly int crossing = -1;

    /// <summary>Makes the step.</summary>
    /// <param name="shape">Shape of both views.</param>
    /// <param name="src">Source slot.</param>
    /// <param name="srcOffset">First source element.</param>
    /// <param name="srcStrides">Source strides in elements; 0 broadcasts.</param>
    /// <param name="dst">Destination slot; must not overlap the source.</param>
    /// <param name="dstOffset">First destination element.</param>
    /// <param name="dstStrides">Destination strides in elements.</param>
    /// <exception cref="ArgumentException">A stride count differs from the rank, or an axis is negative.</exception>
    public CopyStep(int[] shape, int src, long srcOffset, long[] srcStrides, int dst, long dstOffset, long[] dstStrides)
    {
        ArgumentNullException.ThrowIfNull(shape);
        count = Strides.Count(shape, "copy");
        Strides.RequireRank(shape, srcStrides, "copy", nameof(srcStrides));
        Strides.RequireRank(shape, dstStrides, "copy", nameof(dstStrides));
        this.src = src;
        this.srcOffset = srcOffset;
        this.dst = dst;
        this.dstOffset = dstOffset;
        description = $"copy {Strides.Text(shape)} s{src}+{srcOffset} {Strides.Text(srcStrides)} "
            + $"-> s{dst}+{dstOffset} {Strides.Text(dstStrides)}";

        int[] order = new int[shape.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (i, j) =>
            dstStrides[i] != dstStrides[j] ? Math.Abs(dstStrides[j]).CompareTo(Math.Abs(dstStrides[i])) : i.CompareTo(j));
        (this.shape, long[][] views) = Strides.Collapse(
            Array.ConvertAll(order, i => shape[i]),
            Array.ConvertAll(order, i => srcStrides[i]),
            Array.ConvertAll(order, i => dstStrides[i]));
        (from, to) = (views[0], views[1]);
        int inner = this.shape.Length - 1;
        if (inner >= 1 && to[inner] == 1 && from[inner] != 1)
        {
            crossing = Array.IndexOf(from, 1L);
        }
    }

    /// <inheritdoc/>
    public override long Flops => 0;

    /// <inheritdoc/>
    public override long Bytes => 2 * count * ElementSize;

    /// <inheritdoc/>
    public override bool HasSingle => true;

    /// <inheritdoc/>
    public override void Run(double** slots) => RunShare(slots, Share.Whole);

    /// <inheritdoc/>
    internal override bool HasShares => shape.Length > 0;

    /// <inheritdoc/>
    internal override double Time => CallTime + ((crossing >= 0 || (from.Length > 0 && from[^1] > 1) ? 3 : 1) * (Bytes / BytesPerNanosecond));

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        if (count == 0)
        {
            return;
        }

        (int first, int end) = RangeOf(share);
        if (IsSingle)
        {
            Walk((float*)slots[src] + srcOffset, (float*)slots[dst] + dstOffset, first, end);
        }
        else
        {
            Walk(slots[src] + srcOffset, slots[dst] + dstOffset, first, end);
        }
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory)
    {
        (int first, int end) = RangeOf(share);
        if (first < end && count > 0)
        {
            (long low, long high) = Extent(from, first, end);
            memory.Reads(src, ElementSize * (srcOffset + low), ElementSize * (srcOffset + high + 1));
            (low, high) = Extent(to, first, end);
            memory.Writes(dst, ElementSize * (dstOffset + low), ElementSize * (dstOffset + high + 1));
        }
    }

    /// <inheritdoc/>
    public override string Describe() => description + Suffix;

    /// <summary>The positions of a share along the outermost axis.</summary>
    private (int First, int End) RangeOf(Share share) => shape.Length == 0 ? (0, 1) : (share.First(shape[0]), share.End(shape[0]));

    /// <summary>First and last element of a view, of positions [first, end) along the outermost axis.</summary>
    private (long Low, long High) Extent(long[] strides, int first, int end)
    {
        long low = 0;
        long high = 0;
        for (int axis = 0; axis < shape.Length; axis++)
        {
            long near = axis == 0 ? first * strides[0] : 0;
            long far = (axis == 0 ? end - 1 : shape[axis] - 1) * strides[axis];
            low += Math.Min(near, far);
            high += Math.Max(near, far);
        }

        return (low, high);
    }

    /// <summary>Positions [first, end) along the outermost axis.</summary>
    private void Walk<T>(T* source, T* target, int first, int end)
        where T : unmanaged
    {
        if (first >= end)
        {
            return;
        }

        if (shape.Length > 0)
        {
            source += first * from[0];
            target += first * to[0];
        }

        Descend(source, target, 0, end - first);
    }

    /// <summary>Walks the axes from one on; of the outermost axis only so many positions.</summary>
    private void Descend<T>(T* source, T* target, int axis, int outermost)
        where T : unmanaged
    {
        int inner = shape.Length - 1;
        if (axis == crossing)
        {
            axis++;
        }

        if (axis < inner)
        {
            int length = axis == 0 ? outermost : shape[axis];
            for (int i = 0; i < length; i++, source += from[axis], target += to[axis])
            {
                Descend(source, target, axis + 1, outermost);
            }
        }
        else if (crossing >= 0)
        {
            int columns = crossing == 0 ? outermost : shape[crossing];
            Transpose.Run(source, from[inner], target, to[crossing], columns, shape[inner]);
        }
        else if (inner < 0)
        {
            *target = *source;
        }
        else
        {
            Line(source, from[inner], target, to[inner], inner == 0 ? outermost : shape[inner]);
        }
    }

    private static void Line<T>(T* source, long sourceStride, T* target, long targetStride, int length)
        where T : unmanaged
    {
        if (targetStride == 1 && sourceStride == 1)
        {
            Memory.Copy(source, target, length);
        }
        else if (targetStride == 1 && sourceStride == 0)
        {
            Memory.Fill(target, length, *source);
        }
        else
        {
            for (int i = 0; i < length; i++, source += sourceStride, target += targetStride)
            {
                *target = *source;
            }
        }
    }
}
