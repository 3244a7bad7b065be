using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Products of a column and a row, bound by the speed of writing.</summary>
internal static unsafe class OuterProduct
{
    /// <summary>c[i, j] = x[i] y[j].</summary>
    /// <param name="x">Column of m elements.</param>
    /// <param name="strideX">Elements between neighbours of the column.</param>
    /// <param name="y">Row of n elements, without gaps.</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns.</param>
    /// <param name="c">Result; must not overlap x or y.</param>
    /// <param name="ldc">Elements between rows of c.</param>
    public static void Run<T>(T* x, nint strideX, T* y, int m, int n, T* c, nint ldc)
        where T : unmanaged, INumber<T>
    {
        if (typeof(T) == typeof(float))
        {
            Run((float*)x, strideX, (float*)y, m, n, (float*)c, ldc);
        }
        else
        {
            Run((double*)x, strideX, (double*)y, m, n, (double*)c, ldc);
        }
    }

    private static void Run(double* x, nint strideX, double* y, int m, int n, double* c, nint ldc)
    {
        if (Avx512F.IsSupported)
        {
            Rows<Isa512, Vector512<double>, double>(x, strideX, y, m, n, c, ldc);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Rows<Isa256, Vector256<double>, double>(x, strideX, y, m, n, c, ldc);
        }
        else
        {
            Rows<Isa128, Vector128<double>, double>(x, strideX, y, m, n, c, ldc);
        }
    }

    private static void Run(float* x, nint strideX, float* y, int m, int n, float* c, nint ldc)
    {
        if (Avx512F.IsSupported)
        {
            Rows<Single512, Vector512<float>, float>(x, strideX, y, m, n, c, ldc);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Rows<Single256, Vector256<float>, float>(x, strideX, y, m, n, c, ldc);
        }
        else
        {
            Rows<Single128, Vector128<float>, float>(x, strideX, y, m, n, c, ldc);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows<I, V, T>(T* x, nint strideX, T* y, int m, int n, T* c, nint ldc)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged, INumber<T>
    {
        for (int i = 0; i < m; i++, x += strideX, c += ldc)
        {
            V factor = I.All(*x);
            int j = 0;
            for (; j <= n - I.Width; j += I.Width)
            {
                I.Store(I.Mul(factor, I.Load(y + j)), c + j);
            }

            for (; j < n; j++)
            {
                c[j] = *x * y[j];
            }
        }
    }
}
