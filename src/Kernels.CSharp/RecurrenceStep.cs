using System;
using System.Globalization;

namespace Hesse.Kernels;

/// <summary>Running sums and first-order linear recurrences along an axis: z[i] = a[i] · z[i - 1] + b[i], from z = 0.</summary>
public sealed unsafe class RecurrenceStep : Step
{
    private readonly int outer;
    private readonly int axisSize;
    private readonly int inner;
    private readonly int factor;
    private readonly int addend;
    private readonly int dst;
    private readonly bool reverse;

    /// <summary>Makes the step.</summary>
    /// <param name="outer">Product of the axes before the axis.</param>
    /// <param name="axisSize">Size of the axis.</param>
    /// <param name="inner">Product of the axes after the axis.</param>
    /// <param name="factor">Slot of a, shape [outer; axisSize; inner], or -1 for a running sum (a = 1).</param>
    /// <param name="addend">Slot of b, the same shape.</param>
    /// <param name="dst">Destination slot, the same shape; another buffer than a and b.</param>
    /// <param name="reverse">Whether to run from the end of the axis to its start.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public RecurrenceStep(int outer, int axisSize, int inner, int factor, int addend, int dst, bool reverse)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(outer);
        ArgumentOutOfRangeException.ThrowIfNegative(axisSize);
        ArgumentOutOfRangeException.ThrowIfNegative(inner);
        this.outer = outer;
        this.axisSize = axisSize;
        this.inner = inner;
        this.factor = factor;
        this.addend = addend;
        this.dst = dst;
        this.reverse = reverse;
    }

    private long Size => (long)outer * axisSize * inner;

    /// <inheritdoc/>
    public override long Flops => Size * (factor < 0 ? 1 : 2);

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * Size * (factor < 0 ? 2 : 3);

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        if (Size == 0)
        {
            return;
        }

        long block = (long)axisSize * inner;
        for (long o = 0; o < outer; o++)
        {
            double* a = factor < 0 ? null : slots[factor] + (o * block);
            double* b = slots[addend] + (o * block);
            double* z = slots[dst] + (o * block);
            long step = reverse ? -inner : inner;
            long at = reverse ? block - inner : 0;
            Memory.Copy(b + at, z + at, inner);
            for (int j = 1; j < axisSize; j++)
            {
                at += step;
                double* previous = z + (at - step);
                if (a == null)
                {
                    TileKernels.Run(TileOp.Add, previous, b + at, null, z + at, inner);
                }
                else
                {
                    for (int i = 0; i < inner; i++)
                    {
                        z[at + i] = (a[at + i] * previous[i]) + b[at + i];
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public override string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(factor < 0 ? "running sum" : "recurrence")}{(reverse ? " reversed" : "")} [{outer}; {axisSize}; {inner}] {(factor < 0 ? "" : $"s{factor} ")}s{addend} -> s{dst}");
}
