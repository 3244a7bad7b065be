using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Products of a matrix and a vector, bound by memory speed.</summary>
internal static unsafe class MatrixVector
{
    /// <summary>y[i] = Σ_p rows[i, p] x[p]: one dot product per row.</summary>
    public static void Dots(double* matrix, nint stride, int rows, int length, double* x, double* y, nint strideY)
    {
        if (Avx512F.IsSupported)
        {
            Dots<Isa512, Vector512<double>>(matrix, stride, rows, length, x, y, strideY);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Dots<Isa256, Vector256<double>>(matrix, stride, rows, length, x, y, strideY);
        }
        else
        {
            Dots<Isa128, Vector128<double>>(matrix, stride, rows, length, x, y, strideY);
        }
    }

    /// <summary>y[j] = Σ_p x[p] rows[p, j]: a weighted sum of rows.</summary>
    public static void Combine(double* matrix, nint stride, int rows, int length, double* x, double* y)
    {
        if (Avx512F.IsSupported)
        {
            Combine<Isa512, Vector512<double>>(matrix, stride, rows, length, x, y);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Combine<Isa256, Vector256<double>>(matrix, stride, rows, length, x, y);
        }
        else
        {
            Combine<Isa128, Vector128<double>>(matrix, stride, rows, length, x, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<I, V>(double* matrix, nint stride, int rows, int length, double* x, double* y, nint strideY)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        for (int i = 0; i < rows; i++, matrix += stride, y += strideY)
        {
            V s0 = I.All(0.0), s1 = I.All(0.0), s2 = I.All(0.0), s3 = I.All(0.0);
            int p = 0;
            for (; p <= length - (4 * I.Width); p += 4 * I.Width)
            {
                s0 = I.Fma(I.Load(matrix + p), I.Load(x + p), s0);
                s1 = I.Fma(I.Load(matrix + p + I.Width), I.Load(x + p + I.Width), s1);
                s2 = I.Fma(I.Load(matrix + p + (2 * I.Width)), I.Load(x + p + (2 * I.Width)), s2);
                s3 = I.Fma(I.Load(matrix + p + (3 * I.Width)), I.Load(x + p + (3 * I.Width)), s3);
            }

            for (; p <= length - I.Width; p += I.Width)
            {
                s0 = I.Fma(I.Load(matrix + p), I.Load(x + p), s0);
            }

            double sum = I.Sum(I.Add(I.Add(s0, s1), I.Add(s2, s3)));
            for (; p < length; p++)
            {
                sum = Math.FusedMultiplyAdd(matrix[p], x[p], sum);
            }

            *y = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine<I, V>(double* matrix, nint stride, int rows, int length, double* x, double* y)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        new Span<double>(y, length).Clear();
        int p = 0;
        for (; p + 4 <= rows; p += 4, matrix += 4 * stride)
        {
            double* r1 = matrix + stride;
            double* r2 = r1 + stride;
            double* r3 = r2 + stride;
            V x0 = I.All(x[p]), x1 = I.All(x[p + 1]), x2 = I.All(x[p + 2]), x3 = I.All(x[p + 3]);
            int j = 0;
            for (; j <= length - I.Width; j += I.Width)
            {
                V sum = I.Fma(x0, I.Load(matrix + j), I.Mul(x1, I.Load(r1 + j)));
                sum = I.Add(sum, I.Fma(x2, I.Load(r2 + j), I.Mul(x3, I.Load(r3 + j))));
                I.Store(I.Add(I.Load(y + j), sum), y + j);
            }

            for (; j < length; j++)
            {
                y[j] += Math.FusedMultiplyAdd(x[p], matrix[j], x[p + 1] * r1[j])
                    + Math.FusedMultiplyAdd(x[p + 2], r2[j], x[p + 3] * r3[j]);
            }
        }

        for (; p < rows; p++, matrix += stride)
        {
            V x0 = I.All(x[p]);
            int j = 0;
            for (; j <= length - I.Width; j += I.Width)
            {
                I.Store(I.Fma(x0, I.Load(matrix + j), I.Load(y + j)), y + j);
            }

            for (; j < length; j++)
            {
                y[j] = Math.FusedMultiplyAdd(x[p], matrix[j], y[j]);
            }
        }
    }
}
