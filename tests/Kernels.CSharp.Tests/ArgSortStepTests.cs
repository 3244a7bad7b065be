using System;
using System.Linq;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>The stable order against that of LINQ, which is stable too.</summary>
public sealed class ArgSortStepTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void MatchesAStableSortForEveryLength(bool descending)
    {
        Random random = new(5);
        foreach (int count in Enumerable.Range(0, 40).Append(1000))
        {
            // Few distinct values, so that there are many ties; a NaN now and then.
            double[] x = [.. Enumerable.Range(0, 3 * count).Select(_ => random.Next(9) == 0 ? double.NaN : random.Next(8) - 4.0)];
            double[] actual = new double[x.Length];
            Plan.RunOnce(new ArgSortStep(3, count, 0, 1, descending), [x], actual);
            for (int row = 0; row < 3; row++)
            {
                double Value(int i) => x[(row * count) + i];
                var places = Enumerable.Range(0, count).OrderBy(i => double.IsNaN(Value(i)));
                var expected = descending ? places.ThenByDescending(Value) : places.ThenBy(Value);
                Assert.Equal(expected.Select(i => (double)i), actual.AsSpan(row * count, count).ToArray());
            }
        }
    }

    [Fact]
    public void ZerosOfEitherSignAreEqualAndInfinitiesAreOrdered()
    {
        double[] order = new double[5];
        Plan.RunOnce(new ArgSortStep(1, 5, 0, 1, false), [[0.0, double.PositiveInfinity, -0.0, double.NaN, double.NegativeInfinity]], order);
        Assert.Equal([4, 0, 2, 1, 3], order);
    }

    [Fact]
    public void CountsItsBytesAndChecksItsSizes()
    {
        Assert.Equal(2 * 8 * 6, new ArgSortStep(2, 3, 0, 1, false).Bytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ArgSortStep(-1, 3, 0, 1, false));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ArgSortStep(2, -1, 0, 1, false));
    }
}
