using System;
using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Matrix product of row-major matrices, of float64 or of float32.</summary>
public static unsafe class Gemm
{
    /// <summary>Multiply-adds up to which OpenBLAS has kernels that do not pack their operands.</summary>
    private const long SmallProduct = 1_000_000;

    /// <summary>Multiply-adds up to which the C# kernel is the faster one between those kernels and large products.</summary>
    private const long MediumProduct = 1 << 22;

    /// <summary>Fewest rows of a block that a share of a tall product is cut into.</summary>
    private const int BlockRows = 16;

    /// <summary>Rows of the result from which turning a transposed right operand pays.</summary>
    private const int TurnedRows = 16;

    /// <summary>c = op(a) op(b), where op transposes when its flag is set.</summary>
    /// <param name="transA">Whether a is stored k × m.</param>
    /// <param name="transB">Whether b is stored n × k.</param>
    /// <param name="m">Rows of op(a) and c.</param>
    /// <param name="n">Columns of op(b) and c.</param>
    /// <param name="k">Columns of op(a), rows of op(b); 0 gives zeros.</param>
    /// <param name="a">Left matrix.</param>
    /// <param name="lda">Elements between stored rows of a.</param>
    /// <param name="b">Right matrix.</param>
    /// <param name="ldb">Elements between stored rows of b.</param>
    /// <param name="c">Result; must not overlap a or b.</param>
    /// <param name="ldc">Elements between rows of c.</param>
    public static void Multiply(
        bool transA, bool transB, int m, int n, int k, double* a, int lda, double* b, int ldb, double* c, int ldc) =>
        Run(transA, transB, m, n, k, a, lda, b, ldb, c, ldc);

    /// <summary>c = op(a) op(b) in float32, where op transposes when its flag is set.</summary>
    /// <param name="transA">Whether a is stored k × m.</param>
    /// <param name="transB">Whether b is stored n × k.</param>
    /// <param name="m">Rows of op(a) and c.</param>
    /// <param name="n">Columns of op(b) and c.</param>
    /// <param name="k">Columns of op(a), rows of op(b); 0 gives zeros.</param>
    /// <param name="a">Left matrix.</param>
    /// <param name="lda">Elements between stored rows of a.</param>
    /// <param name="b">Right matrix.</param>
    /// <param name="ldb">Elements between stored rows of b.</param>
    /// <param name="c">Result; must not overlap a or b.</param>
    /// <param name="ldc">Elements between rows of c.</param>
    public static void Multiply(
        bool transA, bool transB, int m, int n, int k, float* a, int lda, float* b, int ldb, float* c, int ldc) =>
        Run(transA, transB, m, n, k, a, lda, b, ldb, c, ldc);

    /// <summary>c = op(a) op(b) on spans, where op transposes when its flag is set.</summary>
    /// <param name="transA">Whether a is stored k × m.</param>
    /// <param name="transB">Whether b is stored n × k.</param>
    /// <param name="m">Rows of op(a) and c.</param>
    /// <param name="n">Columns of op(b) and c.</param>
    /// <param name="k">Columns of op(a), rows of op(b); 0 gives zeros.</param>
    /// <param name="a">Left matrix.</param>
    /// <param name="lda">Elements between stored rows of a.</param>
    /// <param name="b">Right matrix.</param>
    /// <param name="ldb">Elements between stored rows of b.</param>
    /// <param name="c">Result; must not overlap a or b.</param>
    /// <param name="ldc">Elements between rows of c.</param>
    /// <exception cref="HesseException">A size is negative, a stride is shorter than a row, or a span is shorter than its matrix.</exception>
    public static void Multiply(
        bool transA,
        bool transB,
        int m,
        int n,
        int k,
        ReadOnlySpan<double> a,
        int lda,
        ReadOnlySpan<double> b,
        int ldb,
        Span<double> c,
        int ldc)
    {
        Check("a", a.Length, transA ? k : m, transA ? m : k, lda);
        Check("b", b.Length, transB ? n : k, transB ? k : n, ldb);
        Check("c", c.Length, m, n, ldc);
        fixed (double* left = a, right = b, result = c)
        {
            Multiply(transA, transB, m, n, k, left, lda, right, ldb, result, ldc);
        }
    }

    private static void Check(string name, int length, int rows, int columns, int stride)
    {
        if (rows < 0 || columns < 0 || stride < columns || (rows > 0 && ((long)(rows - 1) * stride) + columns > length))
        {
            throw new HesseException(
                $"Gemm.Multiply: {name} is [{rows}; {columns}] with {stride} elements between rows, in a span of {length}; wanted sizes of at least 0, a stride of at least a row, and a span that holds the matrix");
        }
    }

    /// <summary>The product in either precision; a share of a larger one stays on its thread.</summary>
    internal static void Run<T>(
        bool transA, bool transB, int m, int n, int k, T* a, int lda, T* b, int ldb, T* c, int ldc, bool isShare = false)
        where T : unmanaged, INumber<T>
    {
        if (m == 0 || n == 0)
        {
            return;
        }

        if (k == 0)
        {
            for (int i = 0; i < m; i++)
            {
                Memory.Fill(c + ((long)i * ldc), n, T.Zero);
            }

            return;
        }

        // One multiplication for each element that is written: nothing for a blocked kernel to reuse.
        if (k == 1 && (!transB || ldb == 1 || n == 1))
        {
            OuterProduct.Run(a, transA ? 1 : lda, b, m, n, c, ldc);
            return;
        }

        if (m == 1 || n == 1)
        {
            Vectors(transA, transB, m, n, k, a, lda, b, ldb, c, ldc);
            return;
        }

        // Measured on one core of an EPYC with AVX-512, OpenBLAS 0.3.21 against the C# kernel, in GFLOP/s of 59: 128×64×64 58 / 54,
        // 100×32×32 56 / 42, 128×10×64 51 / 28; with b transposed 44 / 53, 38 / 40, 23 / 29, and 56, 54, 48 when b is turned first.
        // The library's kernels for small matrices end at 10⁶ multiply-adds: 128×128×64 47 / 55, 1797×32×64 42 / 53, and from
        // about 128×256×256 on both are alike. A call through the function pointer costs about 10 ns, and the library's threads
        // begin at 4·10⁶, so no size is worth a third route. Products with a vector never get here: they are bound by memory.
        long products = (long)m * n * k;
        OpenBlas? native = OpenBlas.Instance;
        bool isTall = products > SmallProduct && (long)n * k * BlockRows <= SmallProduct;
        if (isTall && isShare && typeof(T) == typeof(double) && native is not null && Avx512F.IsSupported)
        {
            RowBlocks(transA, transB, m, n, k, a, lda, b, ldb, c, ldc);
            return;
        }

        if (native is null || (Avx512F.IsSupported && products > SmallProduct && products <= MediumProduct))
        {
            ManagedGemm.Multiply(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, isShare);
            return;
        }

        if (transB && Avx512F.IsSupported && products <= SmallProduct && m >= TurnedRows)
        {
            b = Turned(b, ldb, n, k);
            transB = false;
            ldb = n;
        }

        if (typeof(T) == typeof(float))
        {
            native.Multiply(transA, transB, m, n, k, (float*)a, lda, (float*)b, ldb, (float*)c, ldc, isShare);
        }
        else
        {
            native.Multiply(transA, transB, m, n, k, (double*)a, lda, (double*)b, ldb, (double*)c, ldc, isShare);
        }
    }

    /// <summary>
    /// A tall product in blocks of rows, each small enough for the kernels that do not pack: 2000×100×100 57 against 48 GFLOP/s in one
    /// piece, 1797×32×64 58 against 53, 512×128×128 58 against 49, 400×200×200 58 against 51; with b transposed 54 against 48.
    /// </summary>
    private static void RowBlocks<T>(
        bool transA, bool transB, int m, int n, int k, T* a, int lda, T* b, int ldb, T* c, int ldc)
        where T : unmanaged, INumber<T>
    {
        if (transB)
        {
            b = Turned(b, ldb, n, k);
            ldb = n;
        }

        int most = (int)(SmallProduct / ((long)n * k)) / 8 * 8;
        int first = 0;
        while (first < m)
        {
            // Never one row alone, which would be gathered where the turned operand stands.
            int rest = m - first;
            int rows = rest == most + 1 ? most - 1 : Math.Min(most, rest);
            T* left = a + ((long)first * (transA ? 1 : lda));
            Run(transA, false, rows, n, k, left, lda, b, ldb, c + ((long)first * ldc), ldc, true);
            first += rows;
        }
    }

    /// <summary>The transpose of a right operand [n; k], on the thread's scratch memory for products.</summary>
    private static T* Turned<T>(T* b, int ldb, int n, int k)
        where T : unmanaged
    {
        T* turned = Scratch.ForProduct<T>((long)k * n);
        Transpose.Run(b, ldb, turned, n, k, n);
        return turned;
    }

    /// <summary>One operand is a vector; a strided vector is first gathered.</summary>
    private static void Vectors<T>(
        bool transA, bool transB, int m, int n, int k, T* a, int lda, T* b, int ldb, T* c, int ldc)
        where T : unmanaged
    {
        if (m == 1 && n == 1 && !transB && ldb == 1)
        {
            // A column without gaps is also a row: one dot product.
            (transB, ldb) = (true, k);
        }

        bool rowVector = m == 1;
        T* x = rowVector ? a : b;
        nint strideX = rowVector ? (transA ? lda : 1) : (transB ? 1 : ldb);
        bool combine = rowVector ? !transB : transA;
        int length = rowVector ? n : m;
        nint strideY = rowVector ? 1 : ldc;
        T* scratch = Scratch.ForProduct<T>((long)k + length);
        if (strideX != 1)
        {
            for (int p = 0; p < k; p++)
            {
                scratch[p] = x[p * strideX];
            }

            x = scratch;
        }

        T* matrix = rowVector ? b : a;
        int stride = rowVector ? ldb : lda;
        if (!combine)
        {
            MatrixVector.Dots(matrix, stride, length, k, x, c, strideY);
            return;
        }

        T* y = strideY == 1 ? c : scratch + k;
        MatrixVector.Combine(matrix, stride, k, length, x, y);
        for (int i = 0; strideY != 1 && i < length; i++)
        {
            c[i * strideY] = y[i];
        }
    }
}
