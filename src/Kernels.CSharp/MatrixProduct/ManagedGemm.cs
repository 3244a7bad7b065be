using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Threading.Tasks;

namespace Hesse.Kernels;

/// <summary>The matrix product in C#: register blocks, packed panels for large operands, all cores for large products.</summary>
internal static unsafe class ManagedGemm
{
    /// <summary>Depth of a packed block: a panel of three registers of columns is 48 KiB, so it streams from the second cache.</summary>
    private const int DepthBlock = 256;

    /// <summary>Columns of b packed at once: with the depth above 1.5 MiB of float64.</summary>
    private const int ColumnBlock = 768;

    /// <summary>Rows of a packed at once: with the depth above 192 KiB of float64.</summary>
    private const int RowBlock = 96;

    /// <summary>Elements of b below which a product reads it in place where its layout allows.</summary>
    private const long DirectLimit = 1 << 15;

    /// <summary>Multiply-adds from which splitting over cores pays for waking them, about 10 µs.</summary>
    private const long ParallelLimit = 1 << 22;

    /// <summary>Name of the registers in use.</summary>
    public static string Registers =>
        Avx512F.IsSupported ? "Vector512" : Vector256.IsHardwareAccelerated ? "Vector256" : "Vector128";

    /// <summary>c = op(a) op(b); arguments as in <see cref="Gemm"/>; a share of a larger product stays on its thread.</summary>
    public static void Multiply<T>(
        bool transA, bool transB, int m, int n, int k, T* a, int lda, T* b, int ldb, T* c, int ldc, bool isShare)
        where T : unmanaged, INumber<T>
    {
        Operands<T> x = new(transA, transB, a, lda, b, ldb, c, ldc);
        int cores = Environment.ProcessorCount;
        if (isShare || cores == 1 || (long)m * n * k < ParallelLimit || m < 32)
        {
            Serial<T>(x, m, n, k);
            return;
        }

        Split(x, m, n, k, cores);
    }

    /// <summary>The product on this thread, with the widest registers.</summary>
    private static void Serial<T>(Operands<T> x, int m, int n, int k)
        where T : unmanaged, INumber<T>
    {
        if (typeof(T) == typeof(float))
        {
            Serial(Unsafe.As<Operands<T>, Operands<float>>(ref x), m, n, k);
        }
        else
        {
            Serial(Unsafe.As<Operands<T>, Operands<double>>(ref x), m, n, k);
        }
    }

    private static void Serial(Operands<double> x, int m, int n, int k)
    {
        if (Avx512F.IsSupported)
        {
            Blocked<Isa512, Vector512<double>, double>(x, m, n, k, 8);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Blocked<Isa256, Vector256<double>, double>(x, m, n, k, 4);
        }
        else
        {
            Blocked<Isa128, Vector128<double>, double>(x, m, n, k, 4);
        }
    }

    private static void Serial(Operands<float> x, int m, int n, int k)
    {
        if (Avx512F.IsSupported)
        {
            Blocked<Single512, Vector512<float>, float>(x, m, n, k, 8);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Blocked<Single256, Vector256<float>, float>(x, m, n, k, 4);
        }
        else
        {
            Blocked<Single128, Vector128<float>, float>(x, m, n, k, 4);
        }
    }

    /// <summary>The product with given registers, for tests of widths that the machine would not choose.</summary>
    internal static void MultiplyWith<I, V, T>(
        bool transA, bool transB, int m, int n, int k, T* a, int lda, T* b, int ldb, T* c, int ldc, int rows)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged, INumber<T>
    {
        Blocked<I, V, T>(new Operands<T>(transA, transB, a, lda, b, ldb, c, ldc), m, n, k, rows);
    }

    /// <summary>One share of rows per core; every share packs for itself.</summary>
    private static void Split<T>(Operands<T> x, int m, int n, int k, int cores)
        where T : unmanaged, INumber<T>
    {
        int share = ((m + cores - 1) / cores + 7) / 8 * 8;
        Parallel.For(0, (m + share - 1) / share, part =>
        {
            int first = part * share;
            Operands<T> y = x;
            y.A += first * y.RowA;
            y.C += first * y.RowC;
            Serial<T>(y, Math.Min(share, m - first), n, k);
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocked<I, V, T>(Operands<T> x, int m, int n, int k, int rows)
        where I : struct, IProductIsa<V, T>
        where V : struct
        where T : unmanaged, INumber<T>
    {
        int panel = 3 * I.Width;
        bool large = (long)k * n > DirectLimit;
        bool packB = x.ColumnB != 1 || (large && m >= 4 * rows);
        bool packA = large && x.RowA != 1 && n > panel;
        int depth = large ? DepthBlock : k;
        int widest = large ? ColumnBlock / panel * panel : n;
        int tallest = large ? RowBlock : m;

        long sizeB = (long)depth * (packB ? (widest + panel - 1) / panel * panel : panel);
        long sizeA = (long)depth * (packA ? tallest + rows : rows);
        T* packedB = Scratch.ForProduct<T>(sizeB + sizeA + (rows * panel) + 16);
        T* packedA = packedB + ((sizeB + 7) / 8 * 8);
        T* edge = packedA + sizeA;

        for (int j0 = 0; j0 < n; j0 += widest)
        {
            int width = Math.Min(widest, n - j0);
            for (int p0 = 0; p0 < k; p0 += depth)
            {
                int deep = Math.Min(depth, k - p0);
                T* b = x.B + (p0 * x.RowB) + (j0 * x.ColumnB);
                if (packB)
                {
                    for (int j = 0; j < width; j += panel)
                    {
                        int columns = Math.Min(panel, width - j);
                        int padded = Padded(columns, panel, I.Width);
                        PackB(b + (j * x.ColumnB), x.RowB, x.ColumnB, deep, columns, padded, packedB + ((long)j * deep));
                    }
                }

                for (int i0 = 0; i0 < m; i0 += tallest)
                {
                    int height = Math.Min(tallest, m - i0);
                    T* a = x.A + (i0 * x.RowA) + (p0 * x.ColumnA);
                    nint rowA = x.RowA;
                    nint columnA = x.ColumnA;
                    bool padA = height % rows != 0;
                    for (int i = 0; packA && i < height; i += rows)
                    {
                        PackA(a + (i * rowA), rowA, columnA, deep, Math.Min(rows, height - i), rows, packedA + ((long)i * deep));
                    }

                    if (!packA && padA)
                    {
                        int last = height / rows * rows;
                        PackA(a + (last * rowA), rowA, columnA, deep, height - last, rows, packedA);
                    }

                    for (int j = 0; j < width; j += panel)
                    {
                        int columns = Math.Min(panel, width - j);
                        int padded = Padded(columns, panel, I.Width);
                        GemmKernels.Block<T> block = new() { K = deep, Accumulate = p0 > 0 };
                        if (packB)
                        {
                            block.B = packedB + ((long)j * deep);
                            block.RowB = padded;
                        }
                        else if (columns == padded)
                        {
                            block.B = b + j;
                            block.RowB = x.RowB;
                        }
                        else
                        {
                            PackB(b + j, x.RowB, 1, deep, columns, padded, packedB);
                            block.B = packedB;
                            block.RowB = padded;
                        }

                        for (int i = 0; i < height; i += rows)
                        {
                            int present = Math.Min(rows, height - i);
                            bool packed = packA || present < rows;
                            block.A = packA ? packedA + ((long)i * deep) : present < rows ? packedA : a + (i * rowA);
                            block.RowA = (packed ? 1 : rowA) * sizeof(T);
                            block.ColumnA = (packed ? rows : columnA) * sizeof(T);
                            T* c = x.C + ((i0 + i) * x.RowC) + j0 + j;
                            if (present == rows && columns == padded)
                            {
                                block.C = c;
                                block.RowC = x.RowC;
                                GemmKernels.Run<I, V, T>(rows, padded / I.Width, block);
                            }
                            else
                            {
                                GemmKernels.Block<T> partial = block;
                                partial.C = edge;
                                partial.RowC = padded;
                                partial.Accumulate = false;
                                GemmKernels.Run<I, V, T>(rows, padded / I.Width, partial);
                                WriteEdge(edge, padded, c, x.RowC, present, columns, block.Accumulate);
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>Columns of a panel rounded up to whole registers.</summary>
    private static int Padded(int columns, int panel, int width) =>
        columns >= panel ? panel : (columns + width - 1) / width * width;

    /// <summary>Copies a panel of b to rows of <paramref name="padded"/> elements, zero beyond its columns.</summary>
    private static void PackB<T>(T* b, nint row, nint column, int depth, int columns, int padded, T* packed)
        where T : unmanaged, INumber<T>
    {
        if (column == 1)
        {
            for (int p = 0; p < depth; p++, b += row, packed += padded)
            {
                int j = 0;
                for (; j < columns; j++)
                {
                    packed[j] = b[j];
                }

                for (; j < padded; j++)
                {
                    packed[j] = T.Zero;
                }
            }

            return;
        }

        if (columns < padded)
        {
            new Span<T>(packed, depth * padded).Clear();
        }

        // Stored by columns of the panel: a transpose.
        Transpose.Run(b, column, packed, padded, depth, columns);
    }

    /// <summary>Copies rows of a to groups of <paramref name="rows"/> elements per depth, zero beyond those present.</summary>
    private static void PackA<T>(T* a, nint row, nint column, int depth, int present, int rows, T* packed)
        where T : unmanaged
    {
        if (present < rows)
        {
            new Span<T>(packed, depth * rows).Clear();
        }

        if (column == 1)
        {
            Transpose.Run(a, row, packed, rows, depth, present);
            return;
        }

        for (int p = 0; p < depth; p++, a += column, packed += rows)
        {
            for (int i = 0; i < present; i++)
            {
                packed[i] = a[i * row];
            }
        }
    }

    private static void WriteEdge<T>(T* edge, int padded, T* c, nint row, int rows, int columns, bool accumulate)
        where T : unmanaged, INumber<T>
    {
        for (int i = 0; i < rows; i++, edge += padded, c += row)
        {
            for (int j = 0; j < columns; j++)
            {
                c[j] = accumulate ? c[j] + edge[j] : edge[j];
            }
        }
    }

    /// <summary>The operands with row and column strides in elements.</summary>
    private struct Operands<T>(
        bool transA, bool transB, T* a, int lda, T* b, int ldb, T* c, int ldc)
        where T : unmanaged
    {
        public T* A = a;
        public nint RowA = transA ? 1 : lda;
        public nint ColumnA = transA ? lda : 1;
        public T* B = b;
        public nint RowB = transB ? 1 : ldb;
        public nint ColumnB = transB ? ldb : 1;
        public T* C = c;
        public nint RowC = ldc;
    }
}
