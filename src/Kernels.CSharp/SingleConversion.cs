using System;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Between float64 and float32: widening is exact, narrowing rounds to nearest, ties to even, as a cast does.</summary>
public static unsafe class SingleConversion
{
    /// <summary>Every element rounded to float32, kept as float64.</summary>
    /// <param name="source">The numbers.</param>
    /// <param name="target">The rounded numbers, as many; may be the source itself.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Round(double[] source, double[] target)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        if (source.Length != target.Length)
        {
            throw new ArgumentException($"round: {source.Length} numbers and room for {target.Length}; pass arrays of one length.");
        }

        fixed (double* from = source, to = target)
        {
            Round(from, to, source.Length);
        }
    }

    /// <summary>target[i] = the float32 number nearest to source[i]; in place where both are the same.</summary>
    internal static void Round(double* source, double* target, long count)
    {
        long i = 0;
        if (Avx512F.IsSupported)
        {
            for (; i <= count - 8; i += 8)
            {
                Avx512F.ConvertToVector512Double(Avx512F.ConvertToVector256Single(Vector512.Load(source + i))).Store(target + i);
            }
        }
        else if (Avx.IsSupported)
        {
            for (; i <= count - 4; i += 4)
            {
                Avx.ConvertToVector256Double(Avx.ConvertToVector128Single(Vector256.Load(source + i))).Store(target + i);
            }
        }

        for (; i < count; i++)
        {
            target[i] = (float)source[i];
        }
    }

    /// <summary>target[i] = source[i].</summary>
    internal static void Widen(float* source, double* target, long count)
    {
        long i = 0;
        if (Avx512F.IsSupported)
        {
            for (; i <= count - 8; i += 8)
            {
                Avx512F.ConvertToVector512Double(Vector256.Load(source + i)).Store(target + i);
            }
        }
        else if (Avx.IsSupported)
        {
            for (; i <= count - 4; i += 4)
            {
                Avx.ConvertToVector256Double(Vector128.Load(source + i)).Store(target + i);
            }
        }

        for (; i < count; i++)
        {
            target[i] = source[i];
        }
    }

    /// <summary>target[i] = the float32 number nearest to source[i].</summary>
    internal static void Narrow(double* source, float* target, long count)
    {
        long i = 0;
        if (Avx512F.IsSupported)
        {
            for (; i <= count - 8; i += 8)
            {
                Avx512F.ConvertToVector256Single(Vector512.Load(source + i)).Store(target + i);
            }
        }
        else if (Avx.IsSupported)
        {
            for (; i <= count - 4; i += 4)
            {
                Avx.ConvertToVector128Single(Vector256.Load(source + i)).Store(target + i);
            }
        }

        for (; i < count; i++)
        {
            target[i] = (float)source[i];
        }
    }
}
