using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>The steps that rest on the singular value decomposition, with LAPACK or MathNet, whichever the process has.</summary>
public sealed class SingularValueStepTests
{
    private const int M = 5;
    private const int N = 3;

    private static readonly double[] Matrices = TestData.Normal(new Random(8), 2 * M * N);

    [Fact]
    public void SvdRebuildsItsMatricesAndFixesSigns()
    {
        int size = (1 + M + N) * N;
        double[] packed = new double[2 * size];
        Plan.RunOnce(new SvdStep(true, 2, M, N, 0, 1), [Matrices], packed);
        double[] values = new double[2 * N];
        Plan.RunOnce(new SvdStep(false, 2, M, N, 0, 1), [Matrices], values);
        for (int b = 0; b < 2; b++)
        {
            double[] s = packed[(b * size)..((b * size) + N)];
            double[] u = packed[((b * size) + N)..((b * size) + ((1 + M) * N))];
            double[] v = packed[((b * size) + ((1 + M) * N))..((b + 1) * size)];
            TestData.Near(s, values.AsSpan(b * N, N), 1e-13);
            double[] rebuilt = new double[M * N];
            for (int i = 0; i < M; i++)
            {
                for (int j = 0; j < N; j++)
                {
                    for (int k = 0; k < N; k++)
                    {
                        rebuilt[(i * N) + j] += u[(i * N) + k] * s[k] * v[(j * N) + k];
                    }
                }
            }

            TestData.Near(Matrices.AsSpan(b * M * N, M * N), rebuilt, 1e-13);
            for (int k = 0; k < N; k++)
            {
                double largest = 0;
                for (int i = 0; i < N; i++)
                {
                    largest = Math.Abs(v[(i * N) + k]) > Math.Abs(largest) ? v[(i * N) + k] : largest;
                }

                Assert.True(largest > 0);
            }
        }
    }

    [Theory]
    [InlineData(M, N)]
    [InlineData(N, M)]
    public void PseudoInverseIsALeftOrARightInverse(int m, int n)
    {
        double[] inverse = new double[m * n];
        Plan.RunOnce(new PseudoInverseStep(1e-12, 1, m, n, 0, 1), [Matrices[..(m * n)]], inverse);
        int r = Math.Min(m, n);
        for (int i = 0; i < r; i++)
        {
            for (int j = 0; j < r; j++)
            {
                double sum = 0;
                for (int k = 0; k < Math.Max(m, n); k++)
                {
                    sum += m > n ? inverse[(i * m) + k] * Matrices[(k * n) + j] : Matrices[(i * n) + k] * inverse[(k * m) + j];
                }

                Assert.Equal(i == j ? 1 : 0, sum, 1e-13);
            }
        }
    }

    [Fact]
    public void CofactorsAndTheirDerivativesOfASmallMatrix()
    {
        // cof [[a, b], [c, d]] = [[d, −c], [−b, a]]: linear, so that its first derivative is itself and the second is zero.
        double[] a = [1, 2, 3, 4, 2, 4, 1, 2], e = [5, 6, 7, 8, 0, 1, 0, 0];
        double[] actual = new double[8];
        Plan.RunOnce(new CofactorStep(2, 2, [0], 1), [a], actual);
        TestData.Near([4, -3, -2, 1, 2, -1, -4, 2], actual, 1e-14);
        Plan.RunOnce(new CofactorStep(2, 2, [0, 1], 2), [a, e], actual);
        TestData.Near([8, -7, -6, 5, 0, 0, -1, 0], actual, 1e-14);
        Plan.RunOnce(new CofactorStep(2, 2, [0, 1, 1], 2), [a, e], actual);
        TestData.Near(new double[8], actual, 0);
    }

    [Fact]
    public void CofactorsOfABatchDoNotDependOnTheMatrixBefore()
    {
        double[] a = [1, 2, 3, 4, 1, 2, 3, 4, double.NaN, 0, 0, 1, 4, 3, 2, 1];
        double[] actual = new double[16];
        Plan.RunOnce(new CofactorStep(4, 2, [0], 1), [a], actual);
        double nan = double.NaN;
        TestData.Near([4, -3, -2, 1, 4, -3, -2, 1, nan, nan, nan, nan, 1, -2, -3, 4], actual, 1e-14);
    }

    [Fact]
    public void TheyDescribeThemselvesAndCheckTheirSizes()
    {
        Assert.Equal("svd 2 × [5; 3] s0 -> s1", new SvdStep(true, 2, 5, 3, 0, 1).Describe());
        Assert.Equal("singular values 2 × [5; 3] s0 -> s1", new SvdStep(false, 2, 5, 3, 0, 1).Describe());
        Assert.Equal("pseudo-inverse 1 × [3; 5] s0 -> s1", new PseudoInverseStep(0, 1, 3, 5, 0, 1).Describe());
        CofactorStep cofactor = new(2, 3, [0, 1], 2);
        Assert.Equal("cofactor (derivative 1) 2 × [3; 3] s0 s1 -> s2", cofactor.Describe());
        Assert.True(cofactor.Flops > 0);
        Assert.Equal(8 * 3 * 18, cofactor.Bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => new CofactorStep(-1, 3, [0], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CofactorStep(1, -3, [0], 1));
    }
}
