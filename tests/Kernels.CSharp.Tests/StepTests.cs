using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Copies, fills, reductions, gathers and scatters against plain loops.</summary>
public sealed class StepTests
{
    [Fact]
    public void CopyMatchesTheLoopForRandomViews()
    {
        Random random = new(21);
        for (int trial = 0; trial < 3000; trial++)
        {
            int[] shape = TestData.Shape(random, 5, trial % 10 == 0 ? 40 : 7);
            if (TestData.Count(shape) > 200_000)
            {
                continue;
            }

            (long[] from, int sourceSize) = TestData.View(random, shape, broadcast: true);
            (long[] to, int targetSize) = TestData.View(random, shape, broadcast: false);
            int sourceOffset = random.Next(4), targetOffset = random.Next(4);
            double[] source = TestData.Normal(random, sourceSize + sourceOffset);
            double[] actual = TestData.Filled(targetSize + targetOffset, 9);
            double[] expected = [.. actual];
            for (long i = 0; i < TestData.Count(shape); i++)
            {
                expected[targetOffset + TestData.At(i, shape, to)] = source[sourceOffset + TestData.At(i, shape, from)];
            }

            CopyStep step = new(shape, 0, sourceOffset, from, 1, targetOffset, to);
            Plan.RunOnce(step, [source], actual);
            Assert.True(expected.AsSpan().SequenceEqual(actual), step.Describe());
        }
    }

    [Theory]
    [InlineData(1, 65, 67)]
    [InlineData(3, 33, 100)]
    [InlineData(2, 4, 300)]
    public void BatchedTransposesMatch(int batch, int rows, int columns)
    {
        double[] source = TestData.Normal(new Random(1), batch * rows * columns);
        double[] target = new double[source.Length];
        Plan.RunOnce(new CopyStep([batch, columns, rows], 0, 0, [rows * columns, 1, columns], 1, 0, [rows * columns, rows, 1]), [source], target);
        for (int b = 0; b < batch; b++)
        {
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    Assert.Equal(source[(b * rows * columns) + (i * columns) + j], target[(b * rows * columns) + (j * rows) + i]);
                }
            }
        }
    }

    [Fact]
    public void FillWritesItsCount()
    {
        double[] x = new double[10];
        Plan.RunOnce(new FillStep(0, 7, 2.5), [], x);
        Assert.Equal([2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 0, 0, 0], x);
        Assert.Throws<ArgumentOutOfRangeException>(() => new FillStep(0, -1, 0));
    }

    [Fact]
    public void ReductionsMatchTheLoopForRandomViews()
    {
        Random random = new(4);
        for (int trial = 0; trial < 3000; trial++)
        {
            int[] shape = TestData.Shape(random, 5, trial % 10 == 0 ? 30 : 6);
            if (TestData.Count(shape) > 200_000)
            {
                continue;
            }

            (long[] strides, int size) = TestData.View(random, shape, broadcast: true);
            int split = random.Next(shape.Length + 1);
            int[] order = new int[shape.Length];
            for (int i = 0; i < order.Length; i++)
            {
                order[i] = i;
            }

            random.Shuffle(order);
            int[] kept = Array.ConvertAll(order[..split], i => shape[i]);
            int[] reduced = Array.ConvertAll(order[split..], i => shape[i]);
            long[] keptStrides = Array.ConvertAll(order[..split], i => strides[i]);
            long[] reducedStrides = Array.ConvertAll(order[split..], i => strides[i]);
            double[] source = TestData.Normal(random, size);
            if (size > 0 && trial % 7 == 0)
            {
                source[random.Next(size)] = double.NaN;
            }

            foreach (ReduceOp op in Enum.GetValues<ReduceOp>())
            {
                double[] expected = new double[TestData.Count(kept)];
                for (int i = 0; i < expected.Length; i++)
                {
                    double value = op == ReduceOp.Sum ? 0 : double.NegativeInfinity;
                    for (int j = 0; j < TestData.Count(reduced); j++)
                    {
                        double x = source[TestData.At(i, kept, keptStrides) + TestData.At(j, reduced, reducedStrides)];
                        value = op == ReduceOp.Sum ? value + x : Math.Max(value, x);
                    }

                    expected[i] = value;
                }

                double[] actual = TestData.Filled(expected.Length, 123);
                Plan.RunOnce(new ReduceStep(op, kept, keptStrides, reduced, reducedStrides, 0, 1), [source], actual);
                TestData.Near(expected, actual, op == ReduceOp.Sum ? 1e-9 : 0);
            }
        }
    }

    [Theory]
    [InlineData(1, 1_000_000)]
    [InlineData(3, 300_000)]
    public void LongSumsAreAccurateAlongEitherAxis(int kept, int count)
    {
        // 0.1 is not a binary fraction: a plain running sum of a million is off by 1e-6.
        double[] source = TestData.Filled(kept * count, 0.1);
        double exact = (double)((decimal)count * 0.1000000000000000055511151231m);
        double[] inner = new double[kept], outer = new double[kept];
        Plan.RunOnce(new ReduceStep(ReduceOp.Sum, [kept], [count], [count], [1], 0, 1), [source], inner);
        Plan.RunOnce(new ReduceStep(ReduceOp.Sum, [kept], [1], [count], [kept], 0, 1), [source], outer);
        for (int i = 0; i < kept; i++)
        {
            Assert.Equal(exact, inner[i], 1e-10);
            Assert.Equal(exact, outer[i], 1e-8);
        }
    }

    /// <summary>Rows and runs of few elements take shorter ways than long ones.</summary>
    [Fact]
    public void NarrowRowsAndShortRunsMatchTheLoop()
    {
        Random random = new(12);
        foreach (int width in (int[])[1, 2, 3, 7, 8, 9, 10, 31, 32, 33, 100])
        {
            foreach (int rows in (int[])[1, 2, 3, 8, 15, 57, 400])
            {
                double[] source = TestData.Normal(random, 2 * rows * width);
                if (rows % 2 == 1)
                {
                    source[random.Next(source.Length)] = double.NaN;
                }

                foreach (ReduceOp op in Enum.GetValues<ReduceOp>())
                {
                    double[] alongRows = new double[2 * width], alongRuns = new double[2 * rows];
                    for (int i = 0; i < source.Length; i++)
                    {
                        (int block, int row, int column) = (i / width / rows, i / width % rows, i % width);
                        Combine(ref alongRows[(block * width) + column], source[i], row == 0, op);
                        Combine(ref alongRuns[(block * rows) + row], source[i], column == 0, op);
                    }

                    double[] down = TestData.Filled(2 * width, 123), across = TestData.Filled(2 * rows, 123);
                    Plan.RunOnce(new ReduceStep(op, [2, width], [rows * width, 1], [rows], [width], 0, 1), [source], down);
                    Plan.RunOnce(new ReduceStep(op, [2 * rows], [width], [width], [1], 0, 1), [source], across);
                    TestData.Near(alongRows, down, op == ReduceOp.Sum ? 1e-12 : 0);
                    TestData.Near(alongRuns, across, op == ReduceOp.Sum ? 1e-12 : 0);
                }
            }
        }

        static void Combine(ref double value, double x, bool isFirst, ReduceOp op) =>
            value = isFirst ? x : op == ReduceOp.Sum ? value + x : Math.Max(value, x);
    }

    [Fact]
    public void InfinitiesSumToInfinity()
    {
        double[] result = new double[1];
        Plan.RunOnce(new ReduceStep(ReduceOp.Sum, [], [], [3], [1], 0, 1), [[1, double.PositiveInfinity, 2]], result);
        Assert.Equal(double.PositiveInfinity, result[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void GatherAndScatterAreTransposesAndMatchTheLoops(bool batched)
    {
        Random random = new(6);
        for (int trial = 0; trial < 300; trial++)
        {
            int outer = random.Next(4), size = random.Next(1, 6), inner = random.Next(4), count = random.Next(5);
            double[] index = new double[batched ? outer * count : count];
            for (int i = 0; i < index.Length; i++)
            {
                index[i] = random.Next(size);
            }

            double[] x = TestData.Normal(random, outer * size * inner), y = TestData.Normal(random, outer * count * inner);
            double[] gathered = new double[y.Length], scattered = TestData.Filled(x.Length, 3);
            Plan.RunOnce(new GatherStep(outer, size, inner, count, 0, 1, 2, "take", batched), [x, index], gathered);
            Plan.RunOnce(new ScatterAddStep(outer, size, inner, count, 0, 1, 2, "take", batched), [y, index], scattered);
            double left = 0, right = 0;
            for (int o = 0; o < outer; o++)
            {
                for (int j = 0; j < count; j++)
                {
                    for (int i = 0; i < inner; i++)
                    {
                        int at = (((o * count) + j) * inner) + i;
                        Assert.Equal(x[(((o * size) + (int)index[batched ? (o * count) + j : j]) * inner) + i], gathered[at]);
                        left += gathered[at] * y[at];
                    }
                }
            }

            for (int i = 0; i < x.Length; i++)
            {
                right += x[i] * scattered[i];
            }

            Assert.Equal(left, right, 1e-12);
        }
    }

    [Theory]
    [InlineData(3.0, "take: index 3 at position [1] is out of range: allowed are the integers 0 to 2")]
    [InlineData(-1.0, "take: index -1 at position [1] is out of range")]
    [InlineData(0.5, "take: index 0.5 at position [1] is out of range")]
    [InlineData(double.NaN, "take: index NaN at position [1] is out of range")]
    [InlineData(1e300, "take: index 1E+300 at position [1] is out of range")]
    public void BadIndicesAreNamed(double bad, string message)
    {
        double[] data = [1, 2, 3];
        HesseException gather = Assert.Throws<HesseException>(
            () => Plan.RunOnce(new GatherStep(1, 3, 1, 2, 0, 1, 2, "take"), [data, [0, bad]], new double[2]));
        Assert.StartsWith(message, gather.Message, StringComparison.Ordinal);
        HesseException scatter = Assert.Throws<HesseException>(
            () => Plan.RunOnce(new ScatterAddStep(1, 3, 1, 2, 0, 1, 2, "take"), [[1, 2], [0, bad]], new double[3]));
        Assert.StartsWith(message, scatter.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BadBatchedIndicesAndEmptyAxesAreNamed()
    {
        HesseException error = Assert.Throws<HesseException>(
            () => Plan.RunOnce(new GatherStep(2, 2, 1, 1, 0, 1, 2, "take", true), [[1, 2, 3, 4], [0, 2]], new double[2]));
        Assert.Contains("position [1; 0]", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<HesseException>(
            () => Plan.RunOnce(new GatherStep(1, 0, 1, 1, 0, 1, 2, "take"), [[], [0]], new double[1]));
        Assert.Contains("the indexed axis has size 0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongShapesAreNamed()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new CopyStep([2, 3], 0, 0, [1], 1, 0, [3, 1]));
        Assert.Contains("copy: shape [2; 3] has 2 axes but srcStrides has 1 strides", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => new ReduceStep(ReduceOp.Sum, [2], [1], [-3], [1], 0, 1));
        Assert.Contains("reduce: axis sizes must not be negative, got shape [-3]", error.Message, StringComparison.Ordinal);
    }
}
