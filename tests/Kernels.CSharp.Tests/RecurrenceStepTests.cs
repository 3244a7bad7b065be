using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Running sums and recurrences against plain loops.</summary>
public sealed class RecurrenceStepTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 9, 1)]
    [InlineData(3, 5, 1)]
    [InlineData(2, 4, 37)]
    [InlineData(4, 1, 3)]
    [InlineData(0, 3, 2)]
    [InlineData(2, 0, 3)]
    public void MatchesTheLoopInBothDirections(int outer, int size, int inner)
    {
        Random random = new(3);
        int count = outer * size * inner;
        double[] a = TestData.Normal(random, count);
        double[] b = TestData.Normal(random, count);
        foreach (bool reverse in new[] { false, true })
        {
            foreach (bool sums in new[] { false, true })
            {
                double[] expected = new double[count];
                for (int o = 0; o < outer; o++)
                {
                    for (int i = 0; i < inner; i++)
                    {
                        double z = 0;
                        for (int j = 0; j < size; j++)
                        {
                            int place = reverse ? size - 1 - j : j;
                            int at = (((o * size) + place) * inner) + i;
                            z = ((sums ? 1 : a[at]) * z) + b[at];
                            expected[at] = z;
                        }
                    }
                }

                double[] actual = TestData.Filled(count, double.NaN);
                Plan.RunOnce(new RecurrenceStep(outer, size, inner, sums ? -1 : 0, 1, 2, reverse), [a, b], actual);
                TestData.Near(expected, actual, 1e-13);
            }
        }
    }

    [Fact]
    public void TheFirstFactorIsNotRead()
    {
        double[] z = new double[2];
        Plan.RunOnce(new RecurrenceStep(1, 2, 1, 0, 1, 2, false), [[double.NaN, 2.0], [3.0, 4.0]], z);
        Assert.Equal([3.0, 10.0], z);
    }

    [Fact]
    public void CountsItsWorkAndDescribesItself()
    {
        RecurrenceStep sums = new(2, 3, 4, -1, 0, 1, true);
        RecurrenceStep recurrence = new(2, 3, 4, 0, 1, 2, false);
        Assert.Equal((24, 384), (sums.Flops, sums.Bytes));
        Assert.Equal((48, 576), (recurrence.Flops, recurrence.Bytes));
        Assert.Equal("running sum reversed [2; 3; 4] s0 -> s1", sums.Describe());
        Assert.Equal("recurrence [2; 3; 4] s0 s1 -> s2", recurrence.Describe());
        Assert.Throws<ArgumentOutOfRangeException>(() => new RecurrenceStep(-1, 1, 1, -1, 0, 1, false));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RecurrenceStep(1, -1, 1, -1, 0, 1, false));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RecurrenceStep(1, 1, -1, -1, 0, 1, false));
    }
}
