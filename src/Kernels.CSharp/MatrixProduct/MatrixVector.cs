using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Products of a matrix and a vector, bound by memory speed.</summary>
internal static unsafe class MatrixVector
{
    /// <summary>y[i] = Σ_p rows[i, p] x[p]: one dot product per row.</summary>
    public static void Dots<T>(T* matrix, nint stride, int rows, int length, T* x, T* y, nint strideY)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            Dots((float*)matrix, stride, rows, length, (float*)x, (float*)y, strideY);
        }
        else
        {
            Dots((double*)matrix, stride, rows, length, (double*)x, (double*)y, strideY);
        }
    }

    /// <summary>y[j] = Σ_p x[p] rows[p, j]: a weighted sum of rows.</summary>
    public static void Combine<T>(T* matrix, nint stride, int rows, int length, T* x, T* y)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            Combine((float*)matrix, stride, rows, length, (float*)x, (float*)y);
        }
        else
        {
            Combine((double*)matrix, stride, rows, length, (double*)x, (double*)y);
        }
    }

    private static void Dots(double* matrix, nint stride, int rows, int length, double* x, double* y, nint strideY)
    {
        if (Avx512F.IsSupported)
        {
            Dots<Isa512, Vector512<double>, double>(matrix, stride, rows, length, x, y, strideY);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Dots<Isa256, Vector256<double>, double>(matrix, stride, rows, length, x, y, strideY);
        }
        else
        {
            Dots<Isa128, Vector128<double>, double>(matrix, stride, rows, length, x, y, strideY);
        }
    }

    private static void Combine(double* matrix, nint stride, int rows, int length, double* x, double* y)
    {
        if (Avx512F.IsSupported)
        {
            Combine<Isa512, Vector512<double>, double>(matrix, stride, rows, length, x, y);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Combine<Isa256, Vector256<double>, double>(matrix, stride, rows, length, x, y);
        }
        else
        {
            Combine<Isa128, Vector128<double>, double>(matrix, stride, rows, length, x, y);
        }
    }

    private static void Dots(float* matrix, nint stride, int rows, int length, float* x, float* y, nint strideY)
    {
        if (Avx512F.IsSupported)
        {
            Dots<Single512, Vector512<float>, float>(matrix, stride, rows, length, x, y, strideY);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Dots<Single256, Vector256<float>, float>(matrix, stride, rows, length, x, y, strideY);
        }
        else
        {
            Dots<Single128, Vector128<float>, float>(matrix, stride, rows, length, x, y, strideY);
        }
    }

    private static void Combine(float* matrix, nint stride, int rows, int length, float* x, float* y)
    {
        if (Avx512F.IsSupported)
        {
            Combine<Single512, Vector512<float>, float>(matrix, stride, rows, length, x, y);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Combine<Single256, Vector256<float>, float>(matrix, stride, rows, length, x, y);
        }
        else
        {
            Combine<Single128, Vector128<float>, float>(matrix, stride, rows, length, x, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<I, V, T>(T* matrix, nint stride, int rows, int length, T* x, T* y, nint strideY)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < rows; i++, matrix += stride, y += strideY)
        {
            V s0 = I.All(T.Zero), s1 = I.All(T.Zero), s2 = I.All(T.Zero), s3 = I.All(T.Zero);
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

            T sum = I.Sum(I.Add(I.Add(s0, s1), I.Add(s2, s3)));
            for (; p < length; p++)
            {
                sum = T.FusedMultiplyAdd(matrix[p], x[p], sum);
            }

            *y = sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Combine<I, V, T>(T* matrix, nint stride, int rows, int length, T* x, T* y)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        new Span<T>(y, length).Clear();
        int p = 0;
        for (; p + 4 <= rows; p += 4, matrix += 4 * stride)
        {
            T* r1 = matrix + stride;
            T* r2 = r1 + stride;
            T* r3 = r2 + stride;
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
                y[j] += T.FusedMultiplyAdd(x[p], matrix[j], x[p + 1] * r1[j])
                    + T.FusedMultiplyAdd(x[p + 2], r2[j], x[p + 3] * r3[j]);
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
                y[j] = T.FusedMultiplyAdd(x[p], matrix[j], y[j]);
            }
        }
    }
}
