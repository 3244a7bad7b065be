using System;
using System.Globalization;

namespace Hesse.Kernels;

/// <summary>Writes one value to the first elements of a slot.</summary>
public sealed unsafe class FillStep : Step
{
    /// <summary>Elements between which shares divide: a cache line in either precision.</summary>
    private const int Line = 16;

    private readonly int dst;
    private readonly long count;
    private readonly double value;

    /// <summary>Makes the step.</summary>
    /// <param name="dst">Slot written.</param>
    /// <param name="count">Number of elements, at least 0.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    public FillStep(int dst, long count, double value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.dst = dst;
        this.count = count;
        this.value = value;
    }

    /// <inheritdoc/>
    public override long Flops => 0;

    /// <inheritdoc/>
    public override long Bytes => count * ElementSize;

    /// <inheritdoc/>
    public override bool HasSingle => true;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        RunShare(slots, Share.Whole);
    }

    /// <inheritdoc/>
    internal override bool HasShares => true;

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        (long first, long end) = (share.First(count, Line), share.End(count, Line));
        if (IsSingle)
        {
            Memory.Fill((float*)slots[dst] + first, end - first, (float)value);
        }
        else
        {
            Memory.Fill(slots[dst] + first, end - first, value);
        }
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory) =>
        memory.Writes(dst, ElementSize * share.First(count, Line), ElementSize * share.End(count, Line));

    /// <inheritdoc/>
    public override string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"fill [{count}] value {value:R} -> s{dst}{Suffix}");
}
