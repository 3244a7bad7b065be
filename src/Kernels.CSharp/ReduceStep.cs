using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Reduces axes of a strided view; the result is contiguous over the kept axes.</summary>
/// <remarks>
/// Sums are accurate and deterministic: runs are summed pairwise over blocks, and partial sums are combined with
/// compensation (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., §4.2 and §4.3).
/// </remarks>
public sealed unsafe class ReduceStep : Step
{
    /// <summary>Elements of as many narrow rows as are combined like one: partial sums and totals stay in the nearest cache.</summary>
    private const int JoinedRows = 512;

    /// <summary>Elements of a row from which its sums fill registers by themselves.</summary>
    private const int NarrowSum = 16;

    /// <summary>Elements of a run that is reduced without the bookkeeping of longer ones.</summary>
    private const int ShortRun = 32;

    private readonly ReduceOp op;
    private readonly int[] kept;
    private readonly long[] keptFrom;
    private readonly long[] keptTo;
    private readonly int[] reduced;
    private readonly long[] reducedFrom;
    private readonly int src;
    private readonly int dst;
    private readonly long keptCount;
    private readonly long reducedCount;
    private readonly string description;

    /// <summary>Whether whole rows of kept elements are combined, instead of one kept element after the other.</summary>
    private readonly bool byRows;

    /// <summary>Makes the step.</summary>
    /// <param name="op">Sum or maximum.</param>
    /// <param name="keptShape">Sizes of the kept axes, in the order of the result.</param>
    /// <param name="keptStrides">Source strides of the kept axes, in elements.</param>
    /// <param name="reducedShape">Sizes of the reduced axes.</param>
    /// <param name="reducedStrides">Source strides of the reduced axes, in elements.</param>
    /// <param name="src">Source slot, read from its first element.</param>
    /// <param name="dst">Destination slot; must not overlap the source.</param>
    /// <exception cref="ArgumentException">A stride count differs from its rank, or an axis is negative.</exception>
    public ReduceStep(ReduceOp op, int[] keptShape, long[] keptStrides, int[] reducedShape, long[] reducedStrides, int src, int dst)
    {
        ArgumentNullException.ThrowIfNull(keptShape);
        ArgumentNullException.ThrowIfNull(reducedShape);
        keptCount = Strides.Count(keptShape, "reduce");
        reducedCount = Strides.Count(reducedShape, "reduce");
        Strides.RequireRank(keptShape, keptStrides, "reduce", nameof(keptStrides));
        Strides.RequireRank(reducedShape, reducedStrides, "reduce", nameof(reducedStrides));
        this.op = op;
        this.src = src;
        this.dst = dst;
        description = $"reduce {op.ToString().ToLowerInvariant()} kept {Strides.Text(keptShape)} {Strides.Text(keptStrides)} "
            + $"over {Strides.Text(reducedShape)} {Strides.Text(reducedStrides)} s{src} -> s{dst}";

        // Reduced axes may be walked in any order: the smallest stride goes last.
        int[] sizes = [.. reducedShape];
        long[] strides = [.. reducedStrides];
        long[] keys = Array.ConvertAll(strides, stride => -Math.Abs(stride));
        Array.Sort([.. keys], sizes);
        Array.Sort(keys, strides);
        (reduced, long[][] reducedViews) = Strides.Collapse(sizes, strides);
        reducedFrom = reducedViews[0];
        (kept, long[][] keptViews) = Strides.Collapse(keptShape, keptStrides, Strides.Contiguous(keptShape));
        (keptFrom, keptTo) = (keptViews[0], keptViews[1]);
        byRows = kept.Length > 0 && keptFrom[^1] == 1 && kept[^1] > 1 && (reduced.Length == 0 || reducedFrom[^1] != 1);
    }

    /// <inheritdoc/>
    public override long Flops => keptCount * reducedCount;

    /// <inheritdoc/>
    public override long Bytes => ElementSize * (keptCount + (keptCount * reducedCount));

    /// <inheritdoc/>
    public override bool HasSingle => true;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        if (IsSingle)
        {
            Run((float*)slots[src], (float*)slots[dst], 0, Units);
        }
        else
        {
            Run(slots[src], slots[dst], 0, Units);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => description + Suffix;

    /// <inheritdoc/>
    internal override double Time => (2 * CallTime) + (Flops / OperationsPerNanosecond);

    /// <inheritdoc/>
    internal override bool HasShares => true;

    /// <summary>What shares are cut from: the outermost kept axis, unless that is the one axis of rows that are combined several at once.</summary>
    private int Units => kept.Length == 0 || (kept.Length == 1 && byRows && RowsAtOnce(kept[0]) > 1) ? 1 : kept[0];

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        (int first, int end) = (share.First(Units), share.End(Units));
        if (IsSingle)
        {
            Run((float*)slots[src], (float*)slots[dst], first, end);
        }
        else
        {
            Run(slots[src], slots[dst], first, end);
        }
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory)
    {
        (int first, int end) = (share.First(Units), share.End(Units));
        if (first >= end || keptCount == 0)
        {
            return;
        }

        bool isWhole = Units == 1;
        long low = isWhole ? 0 : Math.Min(first * keptFrom[0], (end - 1) * keptFrom[0]);
        long high = isWhole ? 0 : Math.Max(first * keptFrom[0], (end - 1) * keptFrom[0]);
        for (int axis = isWhole ? 0 : 1; axis < kept.Length; axis++)
        {
            low += Math.Min(0, (kept[axis] - 1) * keptFrom[axis]);
            high += Math.Max(0, (kept[axis] - 1) * keptFrom[axis]);
        }

        for (int axis = 0; axis < reduced.Length; axis++)
        {
            low += Math.Min(0, (reduced[axis] - 1) * reducedFrom[axis]);
            high += Math.Max(0, (reduced[axis] - 1) * reducedFrom[axis]);
        }

        long rows = keptCount / Units;
        if (reducedCount > 0)
        {
            memory.Reads(src, ElementSize * low, ElementSize * (high + 1));
        }

        memory.Writes(dst, ElementSize * first * rows, ElementSize * end * rows);
    }

    /// <summary>Results [first, end) along the outermost kept axis.</summary>
    private void Run<T>(T* source, T* target, int first, int end)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (keptCount == 0 || first >= end)
        {
            return;
        }

        long rows = keptCount / Units;
        if (reducedCount == 0)
        {
            Memory.Fill(target + (first * rows), (end - first) * rows, op == ReduceOp.Sum ? T.Zero : T.NegativeInfinity);
        }
        else if (kept.Length == 0)
        {
            Kept(source, target, 0, 1);
        }
        else
        {
            Kept(source + (first * keptFrom[0]), target + (first * keptTo[0]), 0, Units == 1 ? kept[0] : end - first);
        }
    }

    /// <summary>Walks the kept axes, all of them or all but the last.</summary>
    private void Kept<T>(T* source, T* target, int axis, int length)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        if (typeof(T) == typeof(double) && byRows && axis == kept.Length - 1 && RowsAtOnce(length) is int together and > 1)
        {
            JoinRows((double*)source, (double*)target, length, together);
        }
        else if (typeof(T) == typeof(double) && axis == kept.Length - 1 && reduced.Length == 1 && reducedFrom[0] == 1 && reduced[0] <= ShortRun)
        {
            ShortRuns((double*)source, keptFrom[axis], (double*)target, keptTo[axis], length);
        }
        else if (byRows && axis == kept.Length - 1)
        {
            for (int start = 0; start < length; start += RowReduction.MaxWidth)
            {
                int width = Math.Min(RowReduction.MaxWidth, length - start);
                double* scratch = Scratch.ForStep(3 * RowReduction.MaxWidth);
                double* total = typeof(T) == typeof(double) ? (double*)target + start : scratch + RowReduction.MaxWidth;
                RowReduction rows = new(op, total, width, scratch);
                Rows(ref rows, source + start, width, scratch + (2 * RowReduction.MaxWidth), 0);
                rows.Finish();
                if (typeof(T) == typeof(float))
                {
                    SingleConversion.Narrow(total, (float*)target + start, width);
                }
            }
        }
        else if (axis == kept.Length)
        {
            RunReduction runs = new(op);
            Runs(ref runs, source, 0);
            *target = T.CreateTruncating(runs.Result);
        }
        else
        {
            for (int i = 0; i < length; i++, source += keptFrom[axis], target += keptTo[axis])
            {
                Kept(source, target, axis + 1, axis + 1 < kept.Length ? kept[axis + 1] : 1);
            }
        }
    }

    /// <summary>How many rows without gaps between them are combined like one row; whole registers of them where possible.</summary>
    private int RowsAtOnce(int width)
    {
        // Sums of wider rows stay in registers column by column, and threads share the columns of one block of wide rows.
        bool isWide = op == ReduceOp.Sum ? width >= NarrowSum : kept.Length == 1 && width >= 64;
        if (isWide || reduced.Length != 1 || reducedFrom[0] != width)
        {
            return 1;
        }

        int most = Math.Min(JoinedRows / width, reduced[0] / 4);
        for (int rows = most; rows > 1; rows--)
        {
            if (rows * width % 8 == 0)
            {
                return rows;
            }
        }

        return most;
    }

    /// <summary>Combines rows that follow each other, several as one wide row; the parts of that row are combined in the end.</summary>
    private void JoinRows(double* source, double* target, int width, int together)
    {
        int wide = together * width;
        double* scratch = Scratch.ForStep(2 * JoinedRows);
        double* total = scratch + JoinedRows;
        RowReduction rows = new(op, total, wide, scratch);
        int whole = reduced[0] / together;
        for (int i = 0; i < whole; i++, source += wide)
        {
            rows.Add(source);
        }

        rows.Finish();
        TileOp combine = op == ReduceOp.Max ? TileOp.Max : TileOp.Add;
        TileKernels.Run(combine, total, source, null, total, (reduced[0] - (whole * together)) * width);
        for (int parts = together; parts > 1; parts -= parts / 2)
        {
            int half = parts / 2;
            TileKernels.Run(combine, total, total + ((parts - half) * width), null, total, half * width);
        }

        Memory.Copy(total, target, width);
    }

    /// <summary>Reduces runs of few consecutive elements.</summary>
    private void ShortRuns(double* source, long pitch, double* target, long step, int count)
    {
        if (op == ReduceOp.Max)
        {
            ShortMaxima(source, pitch, target, step, count, reduced[0]);
        }
        else if (Avx512F.IsSupported)
        {
            ShortSums<Isa512, Vector512<double>>(source, pitch, target, step, count, reduced[0]);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            ShortSums<Isa256, Vector256<double>>(source, pitch, target, step, count, reduced[0]);
        }
        else
        {
            ShortSums<Isa128, Vector128<double>>(source, pitch, target, step, count, reduced[0]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShortSums<I, V>(double* source, long pitch, double* target, long step, int count, int length)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        for (int run = 0; run < count; run++, source += pitch, target += step)
        {
            int i = 0;
            double sum = 0;
            if (length >= I.Width)
            {
                V parts = I.Load(source);
                for (i = I.Width; i <= length - I.Width; i += I.Width)
                {
                    parts = I.Add(parts, I.Load(source + i));
                }

                sum = I.Sum(parts);
            }

            double rest = 0;
            for (; i < length; i++)
            {
                rest += source[i];
            }

            *target = sum + rest;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShortMaxima(double* source, long pitch, double* target, long step, int count, int length)
    {
        for (int run = 0; run < count; run++, source += pitch, target += step)
        {
            // Two chains, so that one comparison need not wait for the other.
            double even = source[0];
            double odd = source[length - 1];
            for (int i = 1; i < length - 1; i += 2)
            {
                even = Math.Max(even, source[i]);
                odd = Math.Max(odd, source[i + 1]);
            }

            *target = Math.Max(even, odd);
        }
    }

    private void Rows<T>(ref RowReduction rows, T* source, int width, double* wide, int axis)
        where T : unmanaged
    {
        if (axis == reduced.Length)
        {
            if (typeof(T) == typeof(float))
            {
                SingleConversion.Widen((float*)source, wide, width);
                rows.Add(wide);
            }
            else
            {
                rows.Add((double*)source);
            }

            return;
        }

        if (typeof(T) == typeof(double) && axis == reduced.Length - 1)
        {
            rows.Add((double*)source, reducedFrom[axis], reduced[axis]);
            return;
        }

        for (int i = 0; i < reduced[axis]; i++, source += reducedFrom[axis])
        {
            Rows(ref rows, source, width, wide, axis + 1);
        }
    }

    private void Runs<T>(ref RunReduction runs, T* source, int axis)
        where T : unmanaged
    {
        int last = reduced.Length - 1;
        if (axis >= last)
        {
            long stride = last < 0 ? 1 : reducedFrom[last];
            int length = last < 0 ? 1 : reduced[last];
            if (typeof(T) == typeof(float))
            {
                AddWidened(ref runs, (float*)source, stride, length);
            }
            else
            {
                runs.Add((double*)source, stride, length);
            }

            return;
        }

        for (int i = 0; i < reduced[axis]; i++, source += reducedFrom[axis])
        {
            Runs(ref runs, source, axis + 1);
        }
    }

    /// <summary>A run of float32, widened block by block.</summary>
    private static void AddWidened(ref RunReduction runs, float* source, long stride, int length)
    {
        double* wide = Scratch.ForStep(RowReduction.MaxWidth);
        for (int done = 0; done < length; done += RowReduction.MaxWidth)
        {
            int count = Math.Min(RowReduction.MaxWidth, length - done);
            if (stride == 1)
            {
                SingleConversion.Widen(source, wide, count);
            }
            else
            {
                for (int i = 0; i < count; i++)
                {
                    wide[i] = source[i * stride];
                }
            }

            runs.Add(wide, 1, count);
            source += count * stride;
        }
    }
}
