using System;

namespace Hesse.Kernels;

/// <summary>For every place of every row of a matrix, the index of the first largest element up to there: dst[o, j] = argmax src[o, 0 … j].</summary>
/// <remarks>A NaN is larger than any number, so that it stays from its place on.</remarks>
public sealed unsafe class RunningArgMaxStep : Step
{
    private readonly int rows;
    private readonly int count;
    private readonly int src;
    private readonly int dst;

    /// <summary>Makes the step.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="count">Elements per row.</param>
    /// <param name="src">Source slot, shape [rows; count].</param>
    /// <param name="dst">Destination slot, the same shape; another buffer.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public RunningArgMaxStep(int rows, int count, int src, int dst)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.rows = rows;
        this.count = count;
        this.src = src;
        this.dst = dst;
    }

    /// <inheritdoc/>
    public override long Flops => (long)rows * count;

    /// <inheritdoc/>
    public override long Bytes => 2L * sizeof(double) * rows * count;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        for (long o = 0; o < rows; o++)
        {
            double* x = slots[src] + (o * count);
            double* index = slots[dst] + (o * count);
            int best = 0;
            for (int j = 0; j < count; j++)
            {
                if (x[j] > x[best] || (double.IsNaN(x[j]) && !double.IsNaN(x[best])))
                {
                    best = j;
                }

                index[j] = best;
            }
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"running argmax [{rows}; {count}] s{src} -> s{dst}";
}
