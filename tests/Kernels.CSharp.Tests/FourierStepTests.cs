using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Transforms against the defining sum, for every way that a length may factor.</summary>
public sealed class FourierStepTests
{
    public static TheoryData<int> Lengths => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 25, 30, 31, 37, 49, 64, 74, 97, 120, 128, 211, 1009, 1024];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void MatchesTheDefinition(int n)
    {
        const int Outer = 2;
        double[] x = TestData.Normal(new Random(n), Outer * 2 * n);
        foreach (bool backward in new[] { false, true })
        {
            double[] expected = new double[x.Length];
            for (int o = 0; o < Outer; o++)
            {
                for (int k = 0; k < n; k++)
                {
                    for (int j = 0; j < n; j++)
                    {
                        (double s, double c) = double.SinCosPi((backward ? 2.0 : -2.0) * ((long)j * k % n) / n);
                        double re = x[(2 * o * n) + j], im = x[(((2 * o) + 1) * n) + j];
                        expected[(2 * o * n) + k] += (re * c) - (im * s);
                        expected[(((2 * o) + 1) * n) + k] += (re * s) + (im * c);
                    }
                }
            }

            double[] actual = new double[x.Length];
            Plan.RunOnce(new FourierStep(Outer, n, backward, 0, 1), [x], actual);
            TestData.Near(expected, actual, 1e-14 * (n + 10));
        }
    }

    [Fact]
    public unsafe void AllocatesNothingWhenItRuns()
    {
        double[] x = TestData.Normal(new Random(1), 2 * 97), y = new double[2 * 97];
        FourierStep step = new(1, 97, false, 0, 1);
        fixed (double* a = x, b = y)
        {
            double** slots = stackalloc double*[] { a, b };
            step.Run(slots);
            long before = GC.GetAllocatedBytesForCurrentThread();
            step.Run(slots);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    [Fact]
    public void CountsItsWorkAndDescribesItself()
    {
        FourierStep step = new(3, 8, true, 0, 1);
        Assert.Equal("fourier 3 × 8 backward s0 -> s1", step.Describe());
        Assert.Equal((360, 768), (step.Flops, step.Bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FourierStep(-1, 8, true, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FourierStep(1, -8, true, 0, 1));
    }
}
