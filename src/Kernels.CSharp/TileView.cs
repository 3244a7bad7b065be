using System;
using System.Runtime.Intrinsics;

namespace Hesse.Kernels;

/// <summary>How one input of a fused loop is brought into a tile.</summary>
internal sealed unsafe class TileView
{
    private const int MaxRank = 32;

    private readonly int[] shape;
    private readonly long[] strides;

    public TileView(TileInput input, ReadOnlySpan<int> iteration)
    {
        Slot = input.Slot;
        Offset = input.Offset;
        Constant = input.Constant;
        IsSingle = input.IsSingle;
        if (input.Slot < 0)
        {
            (shape, strides) = ([], []);
            IsUniform = true;
            return;
        }

        if (input.Strides is not null)
        {
            Strides.RequireRank(iteration, input.Strides, "fused loop", "an input view");
        }

        (shape, long[][] views) = Strides.Collapse(iteration, input.Strides ?? Strides.Contiguous(iteration));
        strides = views[0];
        if (shape.Length > MaxRank)
        {
            throw new ArgumentException(
                $"fused loop: an input view needs {shape.Length} axes, at most {MaxRank} are supported; copy it to a contiguous slot first.");
        }

        IsUniform = Array.TrueForAll(strides, s => s == 0);
        IsContiguous = !IsUniform && shape.Length == 1 && strides[0] == 1;
        Period = PeriodOf(shape, strides);
    }

    /// <summary>Slot, or negative for a constant.</summary>
    public int Slot { get; }

    /// <summary>First element inside the slot.</summary>
    public long Offset { get; }

    /// <summary>Value of a constant.</summary>
    public double Constant { get; }

    /// <summary>Every element is the same: a constant, or a single element broadcast over everything.</summary>
    public bool IsUniform { get; }

    /// <summary>Elements follow each other in memory.</summary>
    public bool IsContiguous { get; }

    /// <summary>The slot holds float32.</summary>
    public bool IsSingle { get; }

    /// <summary>The view can be read in place.</summary>
    public bool IsInPlace => IsContiguous && !IsSingle;

    /// <summary>Elements after which the view repeats because its outermost axis is broadcast; 0 when it does not.</summary>
    public long Period { get; }

    /// <summary>Its first element; the only one of a uniform view.</summary>
    public double First(double** slots) =>
        Slot < 0 ? Constant : IsSingle ? ((float*)slots[Slot])[Offset] : slots[Slot][Offset];

    /// <summary>The elements of the slot, from and up to, between which elements [first, end) of the flat iteration lie.</summary>
    public (long From, long To) Extent(long first, long end)
    {
        if (IsContiguous)
        {
            return (Offset + first, Offset + end);
        }

        long low = Offset;
        long high = Offset;
        long inner = 1;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            // Only along the outermost axis does the range bound the positions.
            long start = axis == 0 ? first / inner : 0;
            long last = axis == 0 ? (end - 1) / inner : shape[axis] - 1;
            low += Math.Min(start * strides[axis], last * strides[axis]);
            high += Math.Max(start * strides[axis], last * strides[axis]);
            inner *= shape[axis];
        }

        return (low, high + 1);
    }

    /// <summary>
    /// Makes elements [start, start + count) of the flat iteration available: in place where they are consecutive
    /// float64 in memory, else gathered into <paramref name="tile"/>.
    /// </summary>
    /// <returns>Address of the first element.</returns>
    public double* Load(double* slot, long start, int count, double* tile) =>
        IsSingle ? Load((float*)slot, start, count, tile) : Load<double>(slot, start, count, tile);

    private double* Load<T>(T* slot, long start, int count, double* tile)
        where T : unmanaged
    {
        int rank = shape.Length;
        int innerSize = shape[rank - 1];
        long innerStride = strides[rank - 1];
        int* index = stackalloc int[MaxRank];
        long rest = start;
        T* source = slot + Offset;
        for (int axis = rank - 1; axis >= 0; axis--)
        {
            int position = (int)(rest % shape[axis]);
            rest /= shape[axis];
            index[axis] = position;
            source += position * strides[axis];
        }

        if (innerStride == 1 && index[rank - 1] + count <= innerSize)
        {
            if (typeof(T) == typeof(double))
            {
                return (double*)source;
            }

            CopyRun(source, 1, tile, count);
            return tile;
        }

        double* target = tile;
        double* end = tile + count;
        int run = (int)Math.Min(innerSize - index[rank - 1], end - target);
        source -= index[rank - 1] * innerStride;
        T* first = source + (index[rank - 1] * innerStride);
        while (true)
        {
            if (typeof(T) == typeof(double) && innerStride > 1 && rank > 1 && strides[rank - 2] == 1 && run == innerSize && end - target >= 2 * run)
            {
                // Neighbours in memory are neighbours along the last axis but one: whole runs are transposed in blocks.
                int runs = (int)Math.Min(shape[rank - 2] - index[rank - 2], (end - target) / run);
                Transpose.Run((double*)first, innerStride, target, innerSize, runs, innerSize);
                target += (runs - 1) * (long)innerSize;
                index[rank - 2] += runs - 1;
                source += runs - 1;
            }
            else if (typeof(T) == typeof(double) && innerStride is 0 or 1 && rank > 1 && run == innerSize && run >= Vector256<double>.Count && end - target >= 2 * run)
            {
                // Short runs, one after the other along the last axis but one.
                int runs = (int)Math.Min(shape[rank - 2] - index[rank - 2], (end - target) / run);
                CopyRuns((double*)first, strides[rank - 2], innerStride, target, run, runs);
                target += (runs - 1) * (long)run;
                index[rank - 2] += runs - 1;
                source += (runs - 1) * strides[rank - 2];
            }
            else
            {
                CopyRun(first, innerStride, target, run);
            }

            target += run;
            if (target == end)
            {
                return tile;
            }

            for (int axis = rank - 2; axis >= 0; axis--)
            {
                source += strides[axis];
                if (++index[axis] < shape[axis])
                {
                    break;
                }

                source -= strides[axis] * shape[axis];
                index[axis] = 0;
            }

            first = source;
            run = (int)Math.Min(innerSize, end - target);
        }
    }

    /// <summary>Runs of four elements or more, each of consecutive elements or of one that repeats.</summary>
    private static void CopyRuns(double* source, long pitch, long stride, double* target, int run, int runs)
    {
        // The last store may overlap the one before it.
        int last = run - Vector256<double>.Count;
        for (; runs > 0; runs--, source += pitch, target += run)
        {
            if (stride == 0)
            {
                Vector256<double> all = Vector256.Create(*source);
                for (int i = 0; i < last; i += Vector256<double>.Count)
                {
                    all.Store(target + i);
                }

                all.Store(target + last);
            }
            else
            {
                for (int i = 0; i < last; i += Vector256<double>.Count)
                {
                    Vector256.Load(source + i).Store(target + i);
                }

                Vector256.Load(source + last).Store(target + last);
            }
        }
    }

    private static void CopyRun<T>(T* source, long stride, double* target, int count)
        where T : unmanaged
    {
        if (stride == 1)
        {
            if (typeof(T) == typeof(float))
            {
                SingleConversion.Widen((float*)source, target, count);
                return;
            }

            if (count >= 32)
            {
                Memory.Copy((double*)source, target, count);
                return;
            }

            for (int i = 0; i < count; i++)
            {
                target[i] = Value(source + i);
            }
        }
        else if (stride == 0)
        {
            double value = Value(source);
            for (int i = 0; i < count; i++)
            {
                target[i] = value;
            }
        }
        else
        {
            for (int i = 0; i < count; i++)
            {
                target[i] = Value(source);
                source += stride;
            }
        }
    }

    private static double Value<T>(T* source)
        where T : unmanaged =>
        typeof(T) == typeof(float) ? *(float*)source : *(double*)source;

    private static long PeriodOf(int[] shape, long[] strides)
    {
        if (strides.Length < 2 || strides[0] != 0)
        {
            return 0;
        }

        long period = 1;
        for (int axis = 1; axis < shape.Length; axis++)
        {
            period *= shape[axis];
        }

        return period;
    }
}
