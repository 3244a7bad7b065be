using System;
using System.Runtime.Intrinsics;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Both matrix products, and every register width, against three nested loops.</summary>
public sealed unsafe class GemmTests
{
    private static readonly int[] Sizes = [1, 2, 3, 4, 7, 8, 9, 15, 24, 25, 33];

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void EveryRouteMatchesTheLoopsForAwkwardSizes(bool transA, bool transB)
    {
        foreach (int m in Sizes)
        {
            foreach (int n in Sizes)
            {
                foreach (int k in (int[])[0, 1, 2, 5, 8, 17])
                {
                    foreach (string route in (string[])["chosen", "managed", "512", "256", "128", "native"])
                    {
                        Check(route, transA, transB, m, n, k, 3);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData("managed")]
    [InlineData("256")]
    [InlineData("512")]
    [InlineData("chosen")]
    public void LargeProductsAcrossAllBlocksMatch(string route)
    {
        foreach ((int m, int n, int k) in ((int, int, int)[])[(130, 800, 300), (101, 77, 530), (400, 30, 40), (9, 1600, 70)])
        {
            foreach (bool transA in (bool[])[false, true])
            {
                foreach (bool transB in (bool[])[false, true])
                {
                    Check(route, transA, transB, m, n, k, 0);
                }
            }
        }
    }

    [Theory]
    [InlineData(192)]
    [InlineData(193)]
    [InlineData(250)]
    [InlineData(1001)]
    public void SharesOfTallProductsMatchWithOrWithoutALastRow(int m)
    {
        int n = 100, k = 100;
        double[] a = TestData.Normal(new Random(m), m * k), b = TestData.Normal(new Random(2), k * n);
        double[] whole = new double[m * n], share = new double[m * n];
        foreach (bool transA in (bool[])[false, true])
        {
            foreach (bool transB in (bool[])[false, true])
            {
                fixed (double* pa = a, pb = b, pw = whole, ps = share)
                {
                    ManagedGemm.Multiply(transA, transB, m, n, k, pa, transA ? m : k, pb, transB ? k : n, pw, n, true);
                    Gemm.Run(transA, transB, m, n, k, pa, transA ? m : k, pb, transB ? k : n, ps, n, true);
                }

                for (int i = 0; i < whole.Length; i++)
                {
                    Assert.Equal(whole[i], share[i], 1e-11);
                }
            }
        }
    }

    [Fact]
    public void SpansGiveTheSameProductAndAreChecked()
    {
        double[] a = TestData.Normal(new Random(3), 40);
        double[] b = TestData.Normal(new Random(4), 40);
        foreach (bool transA in (bool[])[false, true])
        {
            foreach (bool transB in (bool[])[false, true])
            {
                double[] c = new double[3 * 4];
                Gemm.Multiply(transA, transB, 3, 4, 5, a, 6, b, 7, c, 4);
                TestData.Near(Loops(transA, transB, 3, 4, 5, a, 6, b, 7), c, 1e-14);
            }
        }

        foreach ((int rows, int columns, int stride) in ((int, int, int)[])[(6, 7, 7), (3, 5, 4), (-1, 2, 2)])
        {
            HesseException e = Assert.Throws<HesseException>(
                () => Gemm.Multiply(false, false, rows, 2, columns, a, stride, b, 2, new double[80], 2));
            Assert.Contains("a is [", e.Message);
        }
    }

    [Fact]
    public void BatchesWithStridesAndSharedOperandsMatch()
    {
        Random random = new(8);
        foreach ((int batch, int m, int n, int k) in ((int, int, int, int)[])[(0, 2, 3, 4), (1, 5, 4, 3), (6, 3, 5, 2), (4, 1, 6, 7), (3, 6, 1, 7), (5, 2, 2, 0), (3, 0, 2, 2), (7, 16, 8, 8)])
        {
            for (int mask = 0; mask < 16; mask++)
            {
                bool transA = (mask & 1) != 0, transB = (mask & 2) != 0;
                long strideA = (mask & 4) != 0 ? 0 : (long)m * k, strideB = (mask & 8) != 0 ? 0 : (long)k * n;
                double[] a = TestData.Normal(random, (int)(strideA == 0 ? m * k : batch * strideA));
                double[] b = TestData.Normal(random, (int)(strideB == 0 ? k * n : batch * strideB));
                double[] c = TestData.Filled(batch * m * n, double.NaN);
                GemmStep step = new(batch, m, n, k, 0, strideA, transA, 1, strideB, transB, 2);
                Plan.RunOnce(step, [a, b], c);
                for (int i = 0; i < batch; i++)
                {
                    double[] expected = Loops(transA, transB, m, n, k, a.AsSpan((int)(i * strideA)), transA ? m : k, b.AsSpan((int)(i * strideB)), transB ? k : n);
                    TestData.Near(expected, c.AsSpan(i * m * n, m * n), 1e-13);
                }

                Assert.Equal(2L * batch * m * n * k, step.Flops);
                Assert.Contains("gemm", step.Describe(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void NegativeSizesAreRejected() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new GemmStep(1, -1, 2, 3, 0, 0, false, 1, 0, false, 2));

    [Fact]
    public void TheBackendIsNamed()
    {
        Assert.Equal(Backend.HasNativeBlas, Backend.MatrixProduct.StartsWith("OpenBLAS", StringComparison.Ordinal));
        Assert.Equal(Backend.HasNativeLapack, Backend.LinearAlgebra.StartsWith("LAPACK", StringComparison.Ordinal));
        Assert.Equal(Backend.HasNativeBlas, OpenBlas.Instance is not null);
    }

    private static void Check(string route, bool transA, bool transB, int m, int n, int k, int gap)
    {
        if (k == 0 && route != "chosen")
        {
            return; // Gemm itself answers empty sums.
        }

        if (route == "native" && OpenBlas.Instance is null)
        {
            return;
        }

        Random random = new((m * 10007) + (n * 101) + k);
        int lda = (transA ? m : k) + gap, ldb = (transB ? k : n) + gap, ldc = n + gap;
        double[] a = TestData.Normal(random, (transA ? k : m) * lda);
        double[] b = TestData.Normal(random, (transB ? n : k) * ldb);
        double[] c = TestData.Filled(m * ldc, 55);
        fixed (double* pa = a, pb = b, pc = c)
        {
            switch (route)
            {
                case "chosen": Gemm.Multiply(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc); break;
                case "managed": ManagedGemm.Multiply(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, false); break;
                case "512": ManagedGemm.MultiplyWith<Isa512, Vector512<double>, double>(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, 8); break;
                case "256": ManagedGemm.MultiplyWith<Isa256, Vector256<double>, double>(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, 4); break;
                case "128": ManagedGemm.MultiplyWith<Isa128, Vector128<double>, double>(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, 4); break;
                default: OpenBlas.Instance!.Multiply(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, false); break;
            }
        }

        double[] expected = Loops(transA, transB, m, n, k, a, lda, b, ldb);
        for (int i = 0; i < m; i++)
        {
            TestData.Near(expected.AsSpan(i * n, n), c.AsSpan(i * ldc, n), 1e-14 * (k + 10));
            for (int j = n; j < ldc; j++)
            {
                Assert.Equal(55, c[(i * ldc) + j]);
            }
        }
    }

    internal static double[] Loops(
        bool transA, bool transB, int m, int n, int k, ReadOnlySpan<double> a, int lda, ReadOnlySpan<double> b, int ldb)
    {
        double[] c = new double[m * n];
        for (int i = 0; i < m; i++)
        {
            for (int p = 0; p < k; p++)
            {
                double x = transA ? a[(p * lda) + i] : a[(i * lda) + p];
                for (int j = 0; j < n; j++)
                {
                    c[(i * n) + j] += x * (transB ? b[(j * ldb) + p] : b[(p * ldb) + j]);
                }
            }
        }

        return c;
    }
}
