using System;
using System.Globalization;

namespace Hesse.Kernels;

/// <summary>Writes one value to the first elements of a slot.</summary>
public sealed unsafe class FillStep : Step
{
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
        if (IsSingle)
        {
            Memory.Fill((float*)slots[dst], count, (float)value);
        }
        else
        {
            Memory.Fill(slots[dst], count, value);
        }
    }

    /// <inheritdoc/>
    public override string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"fill [{count}] value {value:R} -> s{dst}{Suffix}");
}
