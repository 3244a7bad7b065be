using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Running indices against a search from the start, with ties and NaN.</summary>
public sealed class RunningArgMaxStepTests
{
    [Fact]
    public void MatchesASearchFromTheStart()
    {
        Random random = new(3);
        foreach ((int rows, int count) in new[] { (0, 3), (3, 0), (1, 1), (4, 50) })
        {
            double[] x = new double[rows * count];
            for (int i = 0; i < x.Length; i++)
            {
                x[i] = random.Next(40) == 0 ? double.NaN : random.Next(12);
            }

            double[] actual = new double[x.Length];
            Plan.RunOnce(new RunningArgMaxStep(rows, count, 0, 1), [x], actual);
            for (int i = 0; i < x.Length; i++)
            {
                ReadOnlySpan<double> seen = x.AsSpan(i / count * count, (i % count) + 1);
                double largest = seen[0];
                foreach (double v in seen)
                {
                    largest = Math.Max(largest, v);
                }

                Assert.Equal(seen.IndexOf(largest), actual[i]);
            }
        }
    }

    [Fact]
    public void CountsItsBytesAndChecksItsSizes()
    {
        Assert.Equal(2 * 8 * 6, new RunningArgMaxStep(2, 3, 0, 1).Bytes);
        Assert.Equal("running argmax [2; 3] s0 -> s1", new RunningArgMaxStep(2, 3, 0, 1).Describe());
        Assert.Throws<ArgumentOutOfRangeException>(() => new RunningArgMaxStep(-1, 3, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RunningArgMaxStep(2, -1, 0, 1));
    }
}
