using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>The innermost loops of the matrix product: a block of c that lives in registers while k runs.</summary>
/// <remarks>
/// Written out by hand because the JIT keeps only named locals in registers. 8 × 3 registers fit the 32 of AVX-512,
/// 4 × 3 the 16 of AVX2; the narrower ones serve the last columns.
/// </remarks>
internal static unsafe class GemmKernels
{
    /// <summary>Operands of one block; strides of a are in bytes, the others in elements.</summary>
    public struct Block<T>
        where T : unmanaged
    {
        public int K;
        public T* A;
        public nint RowA;
        public nint ColumnA;
        public T* B;
        public nint RowB;
        public T* C;
        public nint RowC;
        public bool Accumulate;
    }

    /// <summary>Computes a block of <paramref name="rows"/> (4 or 8) rows by 1 to 3 registers.</summary>
    public static void Run<I, V, T>(int rows, int registers, in Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        switch (rows == 8 ? registers + 3 : registers)
        {
            case 1:
                Run4x1<I, V, T>(x);
                break;
            case 2:
                Run4x2<I, V, T>(x);
                break;
            case 3:
                Run4x3<I, V, T>(x);
                break;
            case 4:
                Run8x1<I, V, T>(x);
                break;
            case 5:
                Run8x2<I, V, T>(x);
                break;
            default:
                Run8x3<I, V, T>(x);
                break;
        }
    }

    /// <summary>4 rows by 1 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run4x1<I, V, T>(Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        V c00 = I.All(default);
        V c10 = I.All(default);
        V c20 = I.All(default);
        V c30 = I.All(default);
        byte* a0 = (byte*)x.A;
        nint s1 = x.RowA;
        nint s2 = 2 * s1;
        nint s3 = 3 * s1;
        T* b = x.B;
        for (int p = x.K; p > 0; p--)
        {
            V b0 = I.Load(b);
            V a = I.All(*(T*)a0);
            c00 = I.Fma(a, b0, c00);
            a = I.All(*(T*)(a0 + s1));
            c10 = I.Fma(a, b0, c10);
            a = I.All(*(T*)(a0 + s2));
            c20 = I.Fma(a, b0, c20);
            a = I.All(*(T*)(a0 + s3));
            c30 = I.Fma(a, b0, c30);
            a0 += x.ColumnA;
            b += x.RowB;
        }

        T* c = x.C;
        Store1<I, V, T>(c, x.Accumulate, c00);
        Store1<I, V, T>(c + x.RowC, x.Accumulate, c10);
        Store1<I, V, T>(c + (2 * x.RowC), x.Accumulate, c20);
        Store1<I, V, T>(c + (3 * x.RowC), x.Accumulate, c30);
    }

    /// <summary>4 rows by 2 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run4x2<I, V, T>(Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        V c00 = I.All(default), c01 = I.All(default);
        V c10 = I.All(default), c11 = I.All(default);
        V c20 = I.All(default), c21 = I.All(default);
        V c30 = I.All(default), c31 = I.All(default);
        byte* a0 = (byte*)x.A;
        nint s1 = x.RowA;
        nint s2 = 2 * s1;
        nint s3 = 3 * s1;
        T* b = x.B;
        for (int p = x.K; p > 0; p--)
        {
            V b0 = I.Load(b);
            V b1 = I.Load(b + I.Width);
            V a = I.All(*(T*)a0);
            c00 = I.Fma(a, b0, c00);
            c01 = I.Fma(a, b1, c01);
            a = I.All(*(T*)(a0 + s1));
            c10 = I.Fma(a, b0, c10);
            c11 = I.Fma(a, b1, c11);
            a = I.All(*(T*)(a0 + s2));
            c20 = I.Fma(a, b0, c20);
            c21 = I.Fma(a, b1, c21);
            a = I.All(*(T*)(a0 + s3));
            c30 = I.Fma(a, b0, c30);
            c31 = I.Fma(a, b1, c31);
            a0 += x.ColumnA;
            b += x.RowB;
        }

        T* c = x.C;
        Store2<I, V, T>(c, x.Accumulate, c00, c01);
        Store2<I, V, T>(c + x.RowC, x.Accumulate, c10, c11);
        Store2<I, V, T>(c + (2 * x.RowC), x.Accumulate, c20, c21);
        Store2<I, V, T>(c + (3 * x.RowC), x.Accumulate, c30, c31);
    }

    /// <summary>4 rows by 3 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run4x3<I, V, T>(Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        V c00 = I.All(default), c01 = I.All(default), c02 = I.All(default);
        V c10 = I.All(default), c11 = I.All(default), c12 = I.All(default);
        V c20 = I.All(default), c21 = I.All(default), c22 = I.All(default);
        V c30 = I.All(default), c31 = I.All(default), c32 = I.All(default);
        byte* a0 = (byte*)x.A;
        nint s1 = x.RowA;
        nint s2 = 2 * s1;
        nint s3 = 3 * s1;
        T* b = x.B;
        for (int p = x.K; p > 0; p--)
        {
            V b0 = I.Load(b);
            V b1 = I.Load(b + I.Width);
            V b2 = I.Load(b + (2 * I.Width));
            V a = I.All(*(T*)a0);
            c00 = I.Fma(a, b0, c00);
            c01 = I.Fma(a, b1, c01);
            c02 = I.Fma(a, b2, c02);
            a = I.All(*(T*)(a0 + s1));
            c10 = I.Fma(a, b0, c10);
            c11 = I.Fma(a, b1, c11);
            c12 = I.Fma(a, b2, c12);
            a = I.All(*(T*)(a0 + s2));
            c20 = I.Fma(a, b0, c20);
            c21 = I.Fma(a, b1, c21);
            c22 = I.Fma(a, b2, c22);
            a = I.All(*(T*)(a0 + s3));
            c30 = I.Fma(a, b0, c30);
            c31 = I.Fma(a, b1, c31);
            c32 = I.Fma(a, b2, c32);
            a0 += x.ColumnA;
            b += x.RowB;
        }

        T* c = x.C;
        Store3<I, V, T>(c, x.Accumulate, c00, c01, c02);
        Store3<I, V, T>(c + x.RowC, x.Accumulate, c10, c11, c12);
        Store3<I, V, T>(c + (2 * x.RowC), x.Accumulate, c20, c21, c22);
        Store3<I, V, T>(c + (3 * x.RowC), x.Accumulate, c30, c31, c32);
    }

    /// <summary>8 rows by 1 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run8x1<I, V, T>(Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        V c00 = I.All(default);
        V c10 = I.All(default);
        V c20 = I.All(default);
        V c30 = I.All(default);
        V c40 = I.All(default);
        V c50 = I.All(default);
        V c60 = I.All(default);
        V c70 = I.All(default);
        byte* a0 = (byte*)x.A;
        byte* a4 = a0 + (4 * x.RowA);
        nint s1 = x.RowA;
        nint s2 = 2 * s1;
        nint s3 = 3 * s1;
        T* b = x.B;
        for (int p = x.K; p > 0; p--)
        {
            V b0 = I.Load(b);
            V a = I.All(*(T*)a0);
            c00 = I.Fma(a, b0, c00);
            a = I.All(*(T*)(a0 + s1));
            c10 = I.Fma(a, b0, c10);
            a = I.All(*(T*)(a0 + s2));
            c20 = I.Fma(a, b0, c20);
            a = I.All(*(T*)(a0 + s3));
            c30 = I.Fma(a, b0, c30);
            a = I.All(*(T*)a4);
            c40 = I.Fma(a, b0, c40);
            a = I.All(*(T*)(a4 + s1));
            c50 = I.Fma(a, b0, c50);
            a = I.All(*(T*)(a4 + s2));
            c60 = I.Fma(a, b0, c60);
            a = I.All(*(T*)(a4 + s3));
            c70 = I.Fma(a, b0, c70);
            a0 += x.ColumnA;
            a4 += x.ColumnA;
            b += x.RowB;
        }

        T* c = x.C;
        Store1<I, V, T>(c, x.Accumulate, c00);
        Store1<I, V, T>(c + x.RowC, x.Accumulate, c10);
        Store1<I, V, T>(c + (2 * x.RowC), x.Accumulate, c20);
        Store1<I, V, T>(c + (3 * x.RowC), x.Accumulate, c30);
        Store1<I, V, T>(c + (4 * x.RowC), x.Accumulate, c40);
        Store1<I, V, T>(c + (5 * x.RowC), x.Accumulate, c50);
        Store1<I, V, T>(c + (6 * x.RowC), x.Accumulate, c60);
        Store1<I, V, T>(c + (7 * x.RowC), x.Accumulate, c70);
    }

    /// <summary>8 rows by 2 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run8x2<I, V, T>(Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        V c00 = I.All(default), c01 = I.All(default);
        V c10 = I.All(default), c11 = I.All(default);
        V c20 = I.All(default), c21 = I.All(default);
        V c30 = I.All(default), c31 = I.All(default);
        V c40 = I.All(default), c41 = I.All(default);
        V c50 = I.All(default), c51 = I.All(default);
        V c60 = I.All(default), c61 = I.All(default);
        V c70 = I.All(default), c71 = I.All(default);
        byte* a0 = (byte*)x.A;
        byte* a4 = a0 + (4 * x.RowA);
        nint s1 = x.RowA;
        nint s2 = 2 * s1;
        nint s3 = 3 * s1;
        T* b = x.B;
        for (int p = x.K; p > 0; p--)
        {
            V b0 = I.Load(b);
            V b1 = I.Load(b + I.Width);
            V a = I.All(*(T*)a0);
            c00 = I.Fma(a, b0, c00);
            c01 = I.Fma(a, b1, c01);
            a = I.All(*(T*)(a0 + s1));
            c10 = I.Fma(a, b0, c10);
            c11 = I.Fma(a, b1, c11);
            a = I.All(*(T*)(a0 + s2));
            c20 = I.Fma(a, b0, c20);
            c21 = I.Fma(a, b1, c21);
            a = I.All(*(T*)(a0 + s3));
            c30 = I.Fma(a, b0, c30);
            c31 = I.Fma(a, b1, c31);
            a = I.All(*(T*)a4);
            c40 = I.Fma(a, b0, c40);
            c41 = I.Fma(a, b1, c41);
            a = I.All(*(T*)(a4 + s1));
            c50 = I.Fma(a, b0, c50);
            c51 = I.Fma(a, b1, c51);
            a = I.All(*(T*)(a4 + s2));
            c60 = I.Fma(a, b0, c60);
            c61 = I.Fma(a, b1, c61);
            a = I.All(*(T*)(a4 + s3));
            c70 = I.Fma(a, b0, c70);
            c71 = I.Fma(a, b1, c71);
            a0 += x.ColumnA;
            a4 += x.ColumnA;
            b += x.RowB;
        }

        T* c = x.C;
        Store2<I, V, T>(c, x.Accumulate, c00, c01);
        Store2<I, V, T>(c + x.RowC, x.Accumulate, c10, c11);
        Store2<I, V, T>(c + (2 * x.RowC), x.Accumulate, c20, c21);
        Store2<I, V, T>(c + (3 * x.RowC), x.Accumulate, c30, c31);
        Store2<I, V, T>(c + (4 * x.RowC), x.Accumulate, c40, c41);
        Store2<I, V, T>(c + (5 * x.RowC), x.Accumulate, c50, c51);
        Store2<I, V, T>(c + (6 * x.RowC), x.Accumulate, c60, c61);
        Store2<I, V, T>(c + (7 * x.RowC), x.Accumulate, c70, c71);
    }

    /// <summary>8 rows by 3 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run8x3<I, V, T>(Block<T> x)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        V c00 = I.All(default), c01 = I.All(default), c02 = I.All(default);
        V c10 = I.All(default), c11 = I.All(default), c12 = I.All(default);
        V c20 = I.All(default), c21 = I.All(default), c22 = I.All(default);
        V c30 = I.All(default), c31 = I.All(default), c32 = I.All(default);
        V c40 = I.All(default), c41 = I.All(default), c42 = I.All(default);
        V c50 = I.All(default), c51 = I.All(default), c52 = I.All(default);
        V c60 = I.All(default), c61 = I.All(default), c62 = I.All(default);
        V c70 = I.All(default), c71 = I.All(default), c72 = I.All(default);
        byte* a0 = (byte*)x.A;
        byte* a4 = a0 + (4 * x.RowA);
        nint s1 = x.RowA;
        nint s2 = 2 * s1;
        nint s3 = 3 * s1;
        T* b = x.B;
        for (int p = x.K; p > 0; p--)
        {
            V b0 = I.Load(b);
            V b1 = I.Load(b + I.Width);
            V b2 = I.Load(b + (2 * I.Width));
            V a = I.All(*(T*)a0);
            c00 = I.Fma(a, b0, c00);
            c01 = I.Fma(a, b1, c01);
            c02 = I.Fma(a, b2, c02);
            a = I.All(*(T*)(a0 + s1));
            c10 = I.Fma(a, b0, c10);
            c11 = I.Fma(a, b1, c11);
            c12 = I.Fma(a, b2, c12);
            a = I.All(*(T*)(a0 + s2));
            c20 = I.Fma(a, b0, c20);
            c21 = I.Fma(a, b1, c21);
            c22 = I.Fma(a, b2, c22);
            a = I.All(*(T*)(a0 + s3));
            c30 = I.Fma(a, b0, c30);
            c31 = I.Fma(a, b1, c31);
            c32 = I.Fma(a, b2, c32);
            a = I.All(*(T*)a4);
            c40 = I.Fma(a, b0, c40);
            c41 = I.Fma(a, b1, c41);
            c42 = I.Fma(a, b2, c42);
            a = I.All(*(T*)(a4 + s1));
            c50 = I.Fma(a, b0, c50);
            c51 = I.Fma(a, b1, c51);
            c52 = I.Fma(a, b2, c52);
            a = I.All(*(T*)(a4 + s2));
            c60 = I.Fma(a, b0, c60);
            c61 = I.Fma(a, b1, c61);
            c62 = I.Fma(a, b2, c62);
            a = I.All(*(T*)(a4 + s3));
            c70 = I.Fma(a, b0, c70);
            c71 = I.Fma(a, b1, c71);
            c72 = I.Fma(a, b2, c72);
            a0 += x.ColumnA;
            a4 += x.ColumnA;
            b += x.RowB;
        }

        T* c = x.C;
        Store3<I, V, T>(c, x.Accumulate, c00, c01, c02);
        Store3<I, V, T>(c + x.RowC, x.Accumulate, c10, c11, c12);
        Store3<I, V, T>(c + (2 * x.RowC), x.Accumulate, c20, c21, c22);
        Store3<I, V, T>(c + (3 * x.RowC), x.Accumulate, c30, c31, c32);
        Store3<I, V, T>(c + (4 * x.RowC), x.Accumulate, c40, c41, c42);
        Store3<I, V, T>(c + (5 * x.RowC), x.Accumulate, c50, c51, c52);
        Store3<I, V, T>(c + (6 * x.RowC), x.Accumulate, c60, c61, c62);
        Store3<I, V, T>(c + (7 * x.RowC), x.Accumulate, c70, c71, c72);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store1<I, V, T>(T* c, bool accumulate, V v0)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        if (accumulate)
        {
            v0 = I.Add(v0, I.Load(c));
        }

        I.Store(v0, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2<I, V, T>(T* c, bool accumulate, V v0, V v1)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        if (accumulate)
        {
            v0 = I.Add(v0, I.Load(c));
            v1 = I.Add(v1, I.Load(c + I.Width));
        }

        I.Store(v0, c);
        I.Store(v1, c + I.Width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store3<I, V, T>(T* c, bool accumulate, V v0, V v1, V v2)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged
    {
        if (accumulate)
        {
            v0 = I.Add(v0, I.Load(c));
            v1 = I.Add(v1, I.Load(c + I.Width));
            v2 = I.Add(v2, I.Load(c + (2 * I.Width)));
        }

        I.Store(v0, c);
        I.Store(v1, c + I.Width);
        I.Store(v2, c + (2 * I.Width));
    }
}
