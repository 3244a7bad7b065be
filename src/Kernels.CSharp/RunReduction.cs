using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Reduces runs of elements to one number.</summary>
internal unsafe struct RunReduction
{
    /// <summary>Elements that one loop sums, in four registers of partial sums; longer runs are halved.</summary>
    private const int Block = 512;

    private readonly ReduceOp op;
    private double value;

    /// <summary>Rounding errors of the additions to <see cref="value"/>.</summary>
    private double lost;

    public RunReduction(ReduceOp op)
    {
        this.op = op;
        value = op == ReduceOp.Sum ? 0.0 : double.NegativeInfinity;
    }

    /// <summary>The result so far.</summary>
    public readonly double Result => double.IsFinite(value) ? value + lost : value;

    /// <summary>Brings in a run of elements.</summary>
    public void Add(double* source, long stride, int length)
    {
        if (op == ReduceOp.Max)
        {
            value = Math.Max(value, stride == 1 ? MaxOf(source, length) : StridedMax(source, stride, length));
            return;
        }

        double term = stride == 1 ? SumOf(source, length) : StridedSum(source, stride, length);
        double sum = value + term;
        double back = sum - value;
        lost += (value - (sum - back)) + (term - back);
        value = sum;
    }

    /// <summary>Pairwise sum of consecutive elements.</summary>
    public static double SumOf(double* source, int length)
    {
        if (length <= Block)
        {
            return Avx512F.IsSupported ? BlockSum<Isa512, Vector512<double>>(source, length)
                : Vector256.IsHardwareAccelerated ? BlockSum<Isa256, Vector256<double>>(source, length)
                : BlockSum<Isa128, Vector128<double>>(source, length);
        }

        int half = (length / 2 + 7) / 8 * 8;
        return SumOf(source, half) + SumOf(source + half, length - half);
    }

    private static double StridedSum(double* source, long stride, int length)
    {
        if (length > Block)
        {
            int half = length / 2;
            return StridedSum(source, stride, half) + StridedSum(source + (half * stride), stride, length - half);
        }

        double s0 = 0, s1 = 0;
        int i = 0;
        for (; i + 1 < length; i += 2, source += 2 * stride)
        {
            s0 += source[0];
            s1 += source[stride];
        }

        return i < length ? s0 + s1 + *source : s0 + s1;
    }

    private static double StridedMax(double* source, long stride, int length)
    {
        double max = *source;
        for (int i = 1; i < length; i++)
        {
            source += stride;
            max = Math.Max(max, *source);
        }

        return max;
    }

    private static double MaxOf(double* source, int length) =>
        Avx512F.IsSupported ? BlockMax<Isa512, Vector512<double>>(source, length)
        : Vector256.IsHardwareAccelerated ? BlockMax<Isa256, Vector256<double>>(source, length)
        : BlockMax<Isa128, Vector128<double>>(source, length);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double BlockSum<I, V>(double* source, int length)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        int i = 0;
        double sum = 0;
        if (length >= I.Width)
        {
            V s0 = I.All(0.0), s1 = I.All(0.0), s2 = I.All(0.0), s3 = I.All(0.0);
            for (; i <= length - (4 * I.Width); i += 4 * I.Width)
            {
                s0 = I.Add(s0, I.Load(source + i));
                s1 = I.Add(s1, I.Load(source + i + I.Width));
                s2 = I.Add(s2, I.Load(source + i + (2 * I.Width)));
                s3 = I.Add(s3, I.Load(source + i + (3 * I.Width)));
            }

            for (; i <= length - I.Width; i += I.Width)
            {
                s0 = I.Add(s0, I.Load(source + i));
            }

            sum = I.Sum(I.Add(I.Add(s0, s1), I.Add(s2, s3)));
        }

        for (; i < length; i++)
        {
            sum += source[i];
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double BlockMax<I, V>(double* source, int length)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        int i = 0;
        double max = double.NegativeInfinity;
        if (length >= I.Width)
        {
            V m = I.Load(source);
            for (i = I.Width; i <= length - I.Width; i += I.Width)
            {
                m = I.Max(m, I.Load(source + i));
            }

            double* parts = stackalloc double[I.Width];
            I.Store(m, parts);
            for (int j = 0; j < I.Width; j++)
            {
                max = Math.Max(max, parts[j]);
            }
        }

        for (; i < length; i++)
        {
            max = Math.Max(max, source[i]);
        }

        return max;
    }
}
