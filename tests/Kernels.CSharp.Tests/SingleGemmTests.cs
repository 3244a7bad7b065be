using System;
using System.Runtime.Intrinsics;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>The float32 matrix products, and every register width, against three nested loops in float64.</summary>
public sealed unsafe class SingleGemmTests
{
    private static readonly int[] Sizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 50];

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
                foreach (int k in (int[])[0, 1, 2, 5, 17])
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

    [Fact]
    public void BatchesWithStridesAndSharedOperandsMatch()
    {
        Random random = new(8);
        foreach ((int batch, int m, int n, int k) in ((int, int, int, int)[])[(0, 2, 3, 4), (1, 5, 4, 3), (6, 3, 5, 2), (4, 1, 6, 7), (3, 6, 1, 7), (5, 2, 2, 0), (7, 16, 8, 8)])
        {
            for (int mask = 0; mask < 16; mask++)
            {
                bool transA = (mask & 1) != 0, transB = (mask & 2) != 0;
                long strideA = (mask & 4) != 0 ? 0 : (long)m * k, strideB = (mask & 8) != 0 ? 0 : (long)k * n;
                double[] a = SingleData.Normal(random, (int)(strideA == 0 ? m * k : batch * strideA));
                double[] b = SingleData.Normal(random, (int)(strideB == 0 ? k * n : batch * strideB));
                GemmStep step = new(batch, m, n, k, 0, strideA, transA, 1, strideB, transB, 2);
                double[] c = SingleData.Run(step, [a, b], batch * m * n);
                for (int i = 0; i < batch; i++)
                {
                    double[] expected = GemmTests.Loops(transA, transB, m, n, k, a.AsSpan((int)(i * strideA)), transA ? m : k, b.AsSpan((int)(i * strideB)), transB ? k : n);
                    TestData.Near(expected, c.AsSpan(i * m * n, m * n), Tolerance(k));
                }

                Assert.Equal(2L * step.ToSingle().Bytes, step.Bytes);
                Assert.EndsWith("(float32)", step.ToSingle().Describe(), StringComparison.Ordinal);
            }
        }
    }

    /// <summary>Operands are at most 3 in size, so a sum of k products is off by at most k roundings of at most 9 k, and far less on average.</summary>
    private static double Tolerance(int k) => 9 * Math.Sqrt(k + 1) * (k + 2) * Math.Pow(2, -24);

    private static void Check(string route, bool transA, bool transB, int m, int n, int k, int gap)
    {
        if ((k == 0 && route != "chosen") || (route == "native" && OpenBlas.Instance is null))
        {
            return; // Gemm itself answers empty sums.
        }

        Random random = new((m * 10007) + (n * 101) + k);
        int lda = (transA ? m : k) + gap, ldb = (transB ? k : n) + gap, ldc = n + gap;
        double[] a = SingleData.Normal(random, (transA ? k : m) * lda);
        double[] b = SingleData.Normal(random, (transB ? n : k) * ldb);
        float[] c = new float[m * ldc];
        Array.Fill(c, 55);
        fixed (float* pa = SingleData.Narrow(a), pb = SingleData.Narrow(b), pc = c)
        {
            switch (route)
            {
                case "chosen": Gemm.Multiply(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc); break;
                case "managed": ManagedGemm.Multiply(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, false); break;
                case "512": ManagedGemm.MultiplyWith<Single512, Vector512<float>, float>(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, 8); break;
                case "256": ManagedGemm.MultiplyWith<Single256, Vector256<float>, float>(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, 4); break;
                case "128": ManagedGemm.MultiplyWith<Single128, Vector128<float>, float>(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, 4); break;
                default: OpenBlas.Instance!.Multiply(transA, transB, m, n, k, pa, lda, pb, ldb, pc, ldc, false); break;
            }
        }

        double[] expected = GemmTests.Loops(transA, transB, m, n, k, a, lda, b, ldb);
        double[] actual = Array.ConvertAll(c, x => (double)x);
        for (int i = 0; i < m; i++)
        {
            TestData.Near(expected.AsSpan(i * n, n), actual.AsSpan(i * ldc, n), Tolerance(k));
            for (int j = n; j < ldc; j++)
            {
                Assert.Equal(55f, c[(i * ldc) + j]);
            }
        }
    }
}
