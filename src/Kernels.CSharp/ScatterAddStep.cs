using System;
using System.Numerics;

namespace Hesse.Kernels;

/// <summary>Adds rows by index, the transpose of <see cref="GatherStep"/>: dst = 0, then dst[o, idx[j], i] += src[o, j, i].</summary>
/// <remarks>Rows are added in index order, so the result is deterministic.</remarks>
public sealed unsafe class ScatterAddStep : Step
{
    private readonly IndexedAxis axis;
    private readonly int src;
    private readonly int idx;
    private readonly int dst;

    /// <summary>Makes the step.</summary>
    /// <param name="outer">Product of the axes before the indexed one.</param>
    /// <param name="axisSize">Size of the indexed axis in the destination.</param>
    /// <param name="inner">Product of the axes after the indexed one.</param>
    /// <param name="count">Number of indices (per outer position when batched).</param>
    /// <param name="src">Source slot, shape [outer; count; inner].</param>
    /// <param name="idx">Index slot, shape [count], or [outer; count] when batched; doubles that hold integers.</param>
    /// <param name="dst">Destination slot, shape [outer; axisSize; inner].</param>
    /// <param name="what">Name of the operation for error messages.</param>
    /// <param name="batchedIndex">Whether every outer position has its own row of indices.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public ScatterAddStep(int outer, int axisSize, int inner, int count, int src, int idx, int dst, string what, bool batchedIndex = false)
    {
        axis = new IndexedAxis(outer, axisSize, inner, count, what, batchedIndex);
        this.src = src;
        this.idx = idx;
        this.dst = dst;
    }

    /// <inheritdoc/>
    public override long Flops => axis.Moved;

    /// <inheritdoc/>
    public override long Bytes =>
        (ElementSize * (axis.Moved + ((long)axis.Outer * axis.AxisSize * axis.Inner))) + (sizeof(double) * axis.Indices);

    /// <inheritdoc/>
    public override bool HasSingle => true;

    /// <inheritdoc/>
    /// <exception cref="HesseException">An index is not an integer in [0, axisSize).</exception>
    public override void Run(double** slots)
    {
        if (IsSingle)
        {
            Run((float*)slots[src], slots[idx], (float*)slots[dst]);
        }
        else
        {
            Run(slots[src], slots[idx], slots[dst]);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"scatter-add {axis.Describe()} s{src} -> s{dst}[s{idx}]{Suffix}";

    private void Run<T>(T* source, double* indices, T* target)
        where T : unmanaged, INumber<T>
    {
        int inner = axis.Inner;
        long block = (long)axis.AxisSize * inner;
        Memory.Fill(target, block * axis.Outer, T.Zero);
        for (int o = 0; o < axis.Outer; o++)
        {
            for (int j = 0; j < axis.Count; j++, source += inner)
            {
                T* row = target + (axis.Index(indices, o, j) * inner);
                if (inner == 1)
                {
                    *row += *source;
                }
                else if (typeof(T) == typeof(double))
                {
                    TileKernels.Run(TileOp.Add, (double*)row, (double*)source, null, (double*)row, inner);
                }
                else
                {
                    for (int i = 0; i < inner; i++)
                    {
                        row[i] += source[i];
                    }
                }
            }

            target += block;
        }
    }
}
