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
    public override void Run(double** slots)
    {
        if (count == 0)
        {
            return;
        }

        if (IsSingle)
        {
            Walk((float*)slots[src] + srcOffset, (float*)slots[dst] + dstOffset, 0);
        }
        else
        {
            Walk(slots[src] + srcOffset, slots[dst] + dstOffset, 0);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => description + Suffix;

    private void Walk<T>(T* source, T* target, int axis)
        where T : unmanaged
    {
        int inner = shape.Length - 1;
        if (axis == crossing)
        {
            axis++;
        }

        if (axis < inner)
        {
            for (int i = 0; i < shape[axis]; i++, source += from[axis], target += to[axis])
            {
                Walk(source, target, axis + 1);
            }
        }
        else if (crossing >= 0)
        {
            Transpose.Run(source, from[inner], target, to[crossing], shape[crossing], shape[inner]);
        }
        else if (inner < 0)
        {
            *target = *source;
        }
        else
        {
            Line(source, from[inner], target, to[inner], shape[inner]);
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
