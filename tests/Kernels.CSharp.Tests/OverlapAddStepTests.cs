using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Windows put back into their places, against a loop over all elements.</summary>
public sealed class OverlapAddStepTests
{
    [Fact]
    public void MatchesTheLoopForRandomWindows()
    {
        Random random = new(11);
        for (int trial = 0; trial < 2000; trial++)
        {
            int rank = random.Next(1, 4);
            int outer = random.Next(4);
            int[] size = new int[rank], count = new int[rank], stride = new int[rank], dilation = new int[rank], lengths = new int[rank];
            for (int d = 0; d < rank; d++)
            {
                (size[d], count[d], stride[d], dilation[d]) = (random.Next(1, 4), random.Next(5), random.Next(1, 4), random.Next(1, 4));
                lengths[d] = (Math.Max(0, count[d] - 1) * stride[d]) + ((size[d] - 1) * dilation[d]) + 1 + random.Next(3);
            }

            int[] shape = [outer, .. size, .. count];
            double[] source = TestData.Normal(random, TestData.Count(shape));
            double[] expected = new double[outer * TestData.Count(lengths)];
            for (int i = 0; i < source.Length; i++)
            {
                int rest = i, at = 0, step = 1;
                int[] index = new int[shape.Length];
                for (int d = shape.Length - 1; d >= 0; rest /= shape[d], d--)
                {
                    index[d] = rest % shape[d];
                }

                for (int d = rank - 1; d >= 0; step *= lengths[d], d--)
                {
                    at += step * ((index[1 + d] * dilation[d]) + (index[1 + rank + d] * stride[d]));
                }

                expected[(index[0] * TestData.Count(lengths)) + at] += source[i];
            }

            double[] actual = TestData.Filled(expected.Length, double.NaN);
            OverlapAddStep overlap = new(outer, size, count, stride, dilation, lengths, 0, 1);
            Plan.RunOnce(overlap, [source], actual);
            TestData.Near(expected, actual, 1e-13);
        }
    }

    [Fact]
    public void ChecksItsWindowsAndDescribesItself()
    {
        OverlapAddStep step = new(2, [2], [3], [2], [1], [7], 0, 1);
        Assert.Equal("overlap-add 2 × [2; 3] into [7] s0 -> s1", step.Describe());
        Assert.Equal((12, 8 * 26), (step.Flops, step.Bytes));
        Assert.Throws<ArgumentException>(() => new OverlapAddStep(1, [2], [3], [2], [1], [5], 0, 1));
        Assert.Throws<ArgumentException>(() => new OverlapAddStep(1, [2], [3], [0], [1], [7], 0, 1));
        Assert.Throws<ArgumentException>(() => new OverlapAddStep(1, [2, 1], [3], [2], [1], [7], 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new OverlapAddStep(-1, [2], [3], [2], [1], [7], 0, 1));
    }
}
