using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Sums over rows, in blocks of registers and row by row.</summary>
public sealed unsafe class RowReductionTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 7)]
    [InlineData(63, 15)]
    [InlineData(64, 33)]
    [InlineData(65, 47)]
    [InlineData(200, 256)]
    [InlineData(130, 300)]
    public void RowsTogetherHaveTheBitsOfRowsOneByOne(int count, int width)
    {
        int stride = width + 3;
        double[] source = TestData.Normal(new Random(count + width), count * stride);
        double[] together = new double[width], apart = new double[width], partial = new double[width];
        fixed (double* rows = source, sums = together, others = apart, scratch = partial)
        {
            RowReduction blocks = new(ReduceOp.Sum, sums, width, scratch);
            int first = count / 3;
            blocks.Add(rows, stride, first);
            blocks.Add(rows + ((long)first * stride), stride, count - first);
            blocks.Finish();
            RowReduction single = new(ReduceOp.Sum, others, width, scratch);
            for (int i = 0; i < count; i++)
            {
                single.Add(rows + ((long)i * stride));
            }

            single.Finish();
        }

        Assert.Equal(apart, together);
        for (int j = 0; j < width; j++)
        {
            double sum = 0;
            for (int i = 0; i < count; i++)
            {
                sum += source[(i * stride) + j];
            }

            Assert.Equal(sum, together[j], 1e-12 * count);
        }
    }
}
