using System;

namespace Hesse.Kernels;

/// <summary>Reads rows by index: dst[o, j, i] = src[o, idx[j], i].</summary>
public sealed unsafe class GatherStep : Step
{
    private readonly IndexedAxis axis;
    private readonly int src;
    private readonly int idx;
    private readonly int dst;

    /// <summary>Makes the step.</summary>
    /// <param name="outer">Product of the axes before the indexed one.</param>
    /// <param name="axisSize">Size of the indexed axis in the source.</param>
    /// <param name="inner">Product of the axes after the indexed one.</param>
    /// <param name="count">Number of indices (per outer position when batched).</param>
    /// <param name="src">Source slot, shape [outer; axisSize; inner].</param>
    /// <param name="idx">Index slot, shape [count], or [outer; count] when batched; doubles that hold integers.</param>
    /// <param name="dst">Destination slot, shape [outer; count; inner].</param>
    /// <param name="what">Name of the operation for error messages.</param>
    /// <param name="batchedIndex">Whether every outer position has its own row of indices.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public GatherStep(int outer, int axisSize, int inner, int count, int src, int idx, int dst, string what, bool batchedIndex = false)
    {
        axis = new IndexedAxis(outer, axisSize, inner, count, what, batchedIndex);
        this.src = src;
        this.idx = idx;
        this.dst = dst;
    }

    /// <inheritdoc/>
    public override long Flops => 0;

    /// <inheritdoc/>
    public override long Bytes => (ElementSize * 2 * axis.Moved) + (sizeof(double) * axis.Indices);

    /// <inheritdoc/>
    public override bool HasSingle => true;

    /// <inheritdoc/>
    /// <exception cref="HesseException">An index is not an integer in [0, axisSize).</exception>
    public override void Run(double** slots)
    {
        RunShare(slots, Share.Whole);
    }

    /// <inheritdoc/>
    internal override bool HasShares => true;

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        if (IsSingle)
        {
            Run((float*)slots[src], slots[idx], (float*)slots[dst], share);
        }
        else
        {
            Run(slots[src], slots[idx], slots[dst], share);
        }
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory)
    {
        long rows = (long)axis.Outer * axis.Count;
        (long first, long end) = (share.First(rows, 1), share.End(rows, 1));
        if (first < end)
        {
            memory.Reads(src, 0, (long)ElementSize * axis.Outer * axis.AxisSize * axis.Inner);
            memory.Reads(idx, 0, sizeof(double) * axis.Indices);
            memory.Writes(dst, ElementSize * first * axis.Inner, ElementSize * end * axis.Inner);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"gather {axis.Describe()} s{src}[s{idx}] -> s{dst}{Suffix}";

    private void Run<T>(T* source, double* indices, T* target, Share share)
        where T : unmanaged
    {
        int inner = axis.Inner;
        long rows = (long)axis.Outer * axis.Count;
        long end = share.End(rows, 1);
        for (long at = share.First(rows, 1); at < end; at++)
        {
            int o = (int)(at / axis.Count);
            int j = (int)(at - ((long)o * axis.Count));
            T* row = source + ((((long)o * axis.AxisSize) + axis.Index(indices, o, j)) * inner);
            if (inner == 1)
            {
                target[at] = *row;
            }
            else
            {
                Memory.Copy(row, target + (at * inner), inner);
            }
        }
    }
}
