using System;

namespace Hesse.Kernels;

/// <summary>Adds windows into the places that they were cut from: dst[o, stride · c + dilation · w] += src[o, w, c], from zero.</summary>
/// <remarks>The transpose of the strided copy that cuts windows. Rows of c are added as blocks where the last stride is 1.</remarks>
public sealed unsafe class OverlapAddStep : Step
{
    private readonly int outer;
    private readonly int[] shape;
    private readonly long[] to;
    private readonly long block;
    private readonly long result;
    private readonly int src;
    private readonly int dst;
    private readonly string description;

    /// <summary>Makes the step.</summary>
    /// <param name="outer">Product of the axes before the windows.</param>
    /// <param name="size">Window lengths, one for each axis.</param>
    /// <param name="count">Number of windows along each axis.</param>
    /// <param name="stride">Distance between neighbouring windows along each axis, at least 1.</param>
    /// <param name="dilation">Distance between neighbours in a window along each axis, at least 1.</param>
    /// <param name="lengths">Axis lengths of the result; every window lies inside.</param>
    /// <param name="src">Source slot, shape [outer; size...; count...].</param>
    /// <param name="dst">Destination slot, shape [outer; lengths...]; must not overlap the source.</param>
    /// <exception cref="ArgumentException">The arrays differ in length, or a window lies outside.</exception>
    public OverlapAddStep(int outer, int[] size, int[] count, int[] stride, int[] dilation, int[] lengths, int src, int dst)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(outer);
        ArgumentNullException.ThrowIfNull(size);
        ArgumentNullException.ThrowIfNull(count);
        ArgumentNullException.ThrowIfNull(stride);
        ArgumentNullException.ThrowIfNull(dilation);
        ArgumentNullException.ThrowIfNull(lengths);
        int rank = lengths.Length;
        if (size.Length != rank || count.Length != rank || stride.Length != rank || dilation.Length != rank)
        {
            throw new ArgumentException("overlap-add: every array must have one number for each axis.", nameof(lengths));
        }

        long[] strides = Strides.Contiguous(lengths);
        to = new long[2 * rank];
        for (int d = 0; d < rank; d++)
        {
            long last = ((count[d] - 1L) * stride[d]) + ((size[d] - 1L) * dilation[d]);
            if (size[d] > 0 && count[d] > 0 && (stride[d] < 1 || dilation[d] < 1 || last >= lengths[d]))
            {
                throw new ArgumentException($"overlap-add: the last window of axis {d} lies outside its {lengths[d]} elements.", nameof(lengths));
            }

            to[d] = strides[d] * dilation[d];
            to[rank + d] = strides[d] * stride[d];
        }

        this.outer = outer;
        shape = [.. size, .. count];
        block = Strides.Count(shape, "overlap-add");
        result = Strides.Count(lengths, "overlap-add");
        this.src = src;
        this.dst = dst;
        description = $"overlap-add {outer} × {Strides.Text(shape)} into {Strides.Text(lengths)} s{src} -> s{dst}";
    }

    /// <inheritdoc/>
    public override long Flops => outer * block;

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * outer * (block + result);

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        Memory.Fill(slots[dst], outer * result, 0.0);
        if (block == 0)
        {
            return;
        }

        double* source = slots[src];
        for (int o = 0; o < outer; o++)
        {
            Add(ref source, slots[dst] + (o * result), 0);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => description;

    /// <summary>The axes from <paramref name="axis"/> on; the source is read in order.</summary>
    private void Add(ref double* source, double* target, int axis)
    {
        int length = axis < shape.Length ? shape[axis] : 1;
        if (axis >= shape.Length - 1)
        {
            AddRow(source, target, length);
            source += length;
            return;
        }

        for (int i = 0; i < length; i++, target += to[axis])
        {
            Add(ref source, target, axis + 1);
        }
    }

    private void AddRow(double* source, double* target, int length)
    {
        long step = to.Length == 0 ? 1 : to[^1];
        if (step == 1)
        {
            TileKernels.Run(TileOp.Add, target, source, null, target, length);
            return;
        }

        for (int i = 0; i < length; i++, target += step)
        {
            *target += source[i];
        }
    }
}
