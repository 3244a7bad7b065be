using System;

namespace Hesse.Kernels;

/// <summary>Copies a buffer from one precision to the other.</summary>
public sealed unsafe class ConvertStep : Step
{
    /// <summary>Elements between which shares divide: a cache line of float32.</summary>
    private const int Line = 16;

    private readonly int src;
    private readonly int dst;
    private readonly long count;
    private readonly bool toSingle;

    /// <summary>Makes the step.</summary>
    /// <param name="src">Source slot: float64 when <paramref name="toSingle"/>, else float32.</param>
    /// <param name="dst">Destination slot of the other precision; must not overlap the source.</param>
    /// <param name="count">Number of elements, at least 0.</param>
    /// <param name="toSingle">Whether float64 is rounded to float32; else float32 is widened.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    public ConvertStep(int src, int dst, long count, bool toSingle)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.src = src;
        this.dst = dst;
        this.count = count;
        this.toSingle = toSingle;
    }

    /// <inheritdoc/>
    public override long Flops => 0;

    /// <inheritdoc/>
    public override long Bytes => count * (sizeof(double) + sizeof(float));

    /// <inheritdoc/>
    public override void Run(double** slots) => RunShare(slots, Share.Whole);

    /// <inheritdoc/>
    internal override bool HasShares => true;

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        (long first, long end) = (share.First(count, Line), share.End(count, Line));
        if (toSingle)
        {
            SingleConversion.Narrow(slots[src] + first, (float*)slots[dst] + first, end - first);
        }
        else
        {
            SingleConversion.Widen((float*)slots[src] + first, slots[dst] + first, end - first);
        }
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory)
    {
        (long first, long end) = (share.First(count, Line), share.End(count, Line));
        (int from, int to) = toSingle ? (sizeof(double), sizeof(float)) : (sizeof(float), sizeof(double));
        memory.Reads(src, from * first, from * end);
        memory.Writes(dst, to * first, to * end);
    }

    /// <inheritdoc/>
    public override string Describe() => $"{(toSingle ? "narrow" : "widen")} [{count}] s{src} -> s{dst}";
}
