using System;

namespace Hesse.Kernels;

/// <summary>The stable order of every row of a matrix: dst[o, j] is the index of the element that comes j-th.</summary>
/// <remarks>NaN comes last in either direction, and -0 equals +0. A bottom-up merge sort in scratch memory: O(n log n), no allocation.</remarks>
public sealed unsafe class ArgSortStep : Step
{
    private readonly int rows;
    private readonly int count;
    private readonly int src;
    private readonly int dst;
    private readonly bool descending;

    /// <summary>Makes the step.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="count">Elements per row.</param>
    /// <param name="src">Source slot, shape [rows; count].</param>
    /// <param name="dst">Destination slot, the same shape; another buffer.</param>
    /// <param name="descending">Whether the largest comes first.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public ArgSortStep(int rows, int count, int src, int dst, bool descending)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.rows = rows;
        this.count = count;
        this.src = src;
        this.dst = dst;
        this.descending = descending;
    }

    private long Size => (long)rows * count;

    /// <inheritdoc/>
    public override long Flops => Size * (long)Math.Ceiling(Math.Log2(Math.Max(count, 2)));

    /// <inheritdoc/>
    public override long Bytes => 2 * sizeof(double) * Size;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        double* scratch = Scratch.ForStep(count);
        for (long o = 0; o < rows; o++)
        {
            SortRow(slots[src] + (o * count), slots[dst] + (o * count), scratch);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"argsort{(descending ? " descending" : "")} [{rows}; {count}] s{src} -> s{dst}";

    private void SortRow(double* keys, double* order, double* scratch)
    {
        double* from = order, to = scratch;
        for (int i = 0; i < count; i++)
        {
            from[i] = i;
        }

        for (long width = 1; width < count; width *= 2)
        {
            for (long start = 0; start < count; start += 2 * width)
            {
                Merge(keys, from, to, start, Math.Min(start + width, count), Math.Min(start + (2 * width), count));
            }

            double* merged = to;
            to = from;
            from = merged;
        }

        if (from != order)
        {
            Memory.Copy(from, order, count);
        }
    }

    private void Merge(double* keys, double* from, double* to, long start, long middle, long end)
    {
        long left = start, right = middle;
        for (long k = start; k < end; k++)
        {
            // The left one wins a tie: that makes the order stable.
            bool takeRight = left == middle || (right < end && Before(keys[(int)from[right]], keys[(int)from[left]]));
            to[k] = takeRight ? from[right++] : from[left++];
        }
    }

    private bool Before(double a, double b) => double.IsNaN(b) ? !double.IsNaN(a) : descending ? a > b : a < b;
}
