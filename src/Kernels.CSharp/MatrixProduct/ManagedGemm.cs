using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Threading.Tasks;

namespace Hesse.Kernels;

/// <summary>The matrix product in C#: register blocks, packed panels for large operands, all cores for large products.</summary>
internal static unsafe class ManagedGemm
{
    /// <summary>Depth of a packed block: a panel of 24 columns is 48 KiB, so it streams from the second cache.</summary>
    private const int DepthBlock = 256;

    /// <summary>Columns of b packed at once: with the depth above 1.5 MiB.</summary>
    private const int ColumnBlock = 768;

    /// <summary>Rows of a packed at once: with the depth above 192 KiB.</summary>
    private const int RowBlock = 96;

    /// <summary>Elements of b below which a product reads it in place where its layout allows.</summary>
    private const long DirectLimit = 1 << 15;

    /// <summary>Multiply-adds from which splitting over cores pays for waking them, about 10 µs.</summary>
    private const long ParallelLimit = 1 << 22;

    /// <summary>Name of the registers in use.</summary>
    public static string Registers =>
        Avx512F.IsSupported ? "Vector512" : Vector256.IsHardwareAccelerated ? "Vector256" : "Vector128";

    /// <summary>c = op(a) op(b); arguments as in <see cref="Gemm.Multiply"/>.</summary>
    public static void Multiply(
        bool transA, bool transB, int m, int n, int k, double* a, int lda, double* b, int ldb, double* c, int ldc)
    {
        Operands x = new(transA, transB, a, lda, b, ldb, c, ldc);
        int cores = Environment.ProcessorCount;
        if (cores == 1 || (long)m * n * k < ParallelLimit || m < 32)
        {
            Serial(x, m, n, k);
            return;
        }

        Split(x, m, n, k, cores);
    }

    /// <summary>The product on this thread, with the widest registers.</summary>
    private static void Serial(Operands x, int m, int n, int k)
    {
        if (Avx512F.IsSupported)
        {
            Blocked<Isa512, Vector512<double>>(x, m, n, k, 8);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Blocked<Isa256, Vector256<double>>(x, m, n, k, 4);
        }
        else
        {
            Blocked<Isa128, Vector128<double>>(x, m, n, k, 4);
        }
    }

    /// <summary>The product with given registers, for tests of widths that the machine would not choose.</summary>
    internal static void MultiplyWith<I, V>(
        bool transA, bool transB, int m, int n, int k, double* a, int lda, double* b, int ldb, double* c, int ldc, int rows)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        Blocked<I, V>(new Operands(transA, transB, a, lda, b, ldb, c, ldc), m, n, k, rows);
    }

    /// <summary>One share of rows per core; every share packs for itself.</summary>
    private static void Split(Operands x, int m, int n, int k, int cores)
    {
        int share = ((m + cores - 1) / cores + 7) / 8 * 8;
        Parallel.For(0, (m + share - 1) / share, part =>
        {
            int first = part * share;
            Operands y = x;
            y.A += first * y.RowA;
            y.C += first * y.RowC;
            Serial(y, Math.Min(share, m - first), n, k);
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocked<I, V>(Operands x, int m, int n, int k, int rows)
        where I : struct, IVectorIsa<V>
        where V : struct
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
        double* packedB = Scratch.ForProduct(sizeB + sizeA + (rows * panel) + 16);
        double* packedA = packedB + ((sizeB + 7) / 8 * 8);
        double* edge = packedA + sizeA;

        for (int j0 = 0; j0 < n; j0 += widest)
        {
            int width = Math.Min(widest, n - j0);
            for (int p0 = 0; p0 < k; p0 += depth)
            {
                int deep = Math.Min(depth, k - p0);
                double* b = x.B + (p0 * x.RowB) + (j0 * x.ColumnB);
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
                    double* a = x.A + (i0 * x.RowA) + (p0 * x.ColumnA);
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
                        GemmKernels.Block block = new() { K = deep, Accumulate = p0 > 0 };
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
                            block.RowA = (packed ? 1 : rowA) * sizeof(double);
                            block.ColumnA = (packed ? rows : columnA) * sizeof(double);
                            double* c = x.C + ((i0 + i) * x.RowC) + j0 + j;
                            if (present == rows && columns == padded)
                            {
                                block.C = c;
                                block.RowC = x.RowC;
                                GemmKernels.Run<I, V>(rows, padded / I.Width, block);
                            }
                            else
                            {
                                GemmKernels.Block partial = block;
                                partial.C = edge;
                                partial.RowC = padded;
                                partial.Accumulate = false;
                                GemmKernels.Run<I, V>(rows, padded / I.Width, partial);
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
    private static void PackB(double* b, nint row, nint column, int depth, int columns, int padded, double* packed)
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
                    packed[j] = 0;
                }
            }

            return;
        }

        if (columns < padded)
        {
            new Span<double>(packed, depth * padded).Clear();
        }

        // Stored by columns of the panel: a transpose.
        Transpose.Run(b, column, packed, padded, depth, columns);
    }

    /// <summary>Copies rows of a to groups of <paramref name="rows"/> elements per depth, zero beyond those present.</summary>
    private static void PackA(double* a, nint row, nint column, int depth, int present, int rows, double* packed)
    {
        if (present < rows)
        {
            new Span<double>(packed, depth * rows).Clear();
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

    private static void WriteEdge(double* edge, int padded, double* c, nint row, int rows, int columns, bool accumulate)
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
    private struct Operands(
        bool transA, bool transB, double* a, int lda, double* b, int ldb, double* c, int ldc)
    {
        public double* A = a;
        public nint RowA = transA ? 1 : lda;
        public nint ColumnA = transA ? lda : 1;
        public double* B = b;
        public nint RowB = transB ? 1 : ldb;
        public nint ColumnB = transB ? ldb : 1;
        public double* C = c;
        public nint RowC = ldc;
    }
}
