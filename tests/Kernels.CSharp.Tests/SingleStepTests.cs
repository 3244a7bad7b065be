using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>The float32 forms of the steps against their float64 forms on the same numbers.</summary>
public sealed unsafe class SingleStepTests
{
    [Fact]
    public void ConversionsHoldAtEveryLengthAndAlignment()
    {
        Random random = new(3);
        double[] numbers = TestData.Normal(random, 80);
        (numbers[3], numbers[9], numbers[20], numbers[33]) = (double.NaN, 1e300, -1e-300, double.NegativeInfinity);
        (numbers[40], numbers[41]) = (1 + Math.Pow(2, -24), 1 + (3 * Math.Pow(2, -24)));
        float[] narrow = new float[100];
        double[] wide = new double[100];
        fixed (double* from = numbers, back = wide)
        fixed (float* to = narrow)
        {
            for (int length = 0; length <= 40; length++)
            {
                for (int at = 0; at < 17; at++)
                {
                    Array.Fill(narrow, 7f);
                    Array.Fill(wide, 7.0);
                    SingleConversion.Narrow(from + at, to + at, length);
                    SingleConversion.Widen(to + at, back + (at / 2), length);
                    for (int i = 0; i < narrow.Length; i++)
                    {
                        Assert.Equal(i >= at && i < at + length ? (float)numbers[i] : 7f, narrow[i]);
                    }

                    for (int i = 0; i < wide.Length; i++)
                    {
                        int j = i - (at / 2);
                        Assert.Equal(j >= 0 && j < length ? (float)numbers[at + j] : 7.0, wide[i]);
                    }

                    Array.Fill(wide, 7.0);
                    SingleConversion.Round(from + at, back + at, length);
                    for (int i = 0; i < numbers.Length; i++)
                    {
                        Assert.Equal(i >= at && i < at + length ? (float)numbers[i] : 7.0, wide[i]);
                    }
                }
            }
        }

        Assert.Throws<ArgumentException>(() => SingleConversion.Round(numbers, wide));
    }

    [Fact]
    public void CopiesMatchForRandomViews()
    {
        Random random = new(21);
        for (int trial = 0; trial < 2000; trial++)
        {
            int[] shape = TestData.Shape(random, 5, trial % 10 == 0 ? 40 : 7);
            if (TestData.Count(shape) > 100_000)
            {
                continue;
            }

            (long[] from, int sourceSize) = TestData.View(random, shape, broadcast: true);
            (long[] to, int targetSize) = TestData.View(random, shape, broadcast: false);
            int sourceOffset = random.Next(4), targetOffset = random.Next(4);
            double[] source = SingleData.Normal(random, sourceSize + sourceOffset);
            double[] expected = TestData.Filled(targetSize + targetOffset, 9);
            CopyStep step = new(shape, 0, sourceOffset, from, 1, targetOffset, to);
            Plan.RunOnce(step, [source], expected);
            Assert.Equal(expected, SingleData.Run(step, [source], expected.Length, 9));
        }
    }

    [Fact]
    public void FillsWriteTheNearestNumber()
    {
        double[] result = SingleData.Run(new FillStep(0, 3, 0.1), [], 5, 9);
        Assert.Equal([0.1f, 0.1f, 0.1f, 9, 9], result);
        Assert.Equal(12, new FillStep(0, 3, 0.1).ToSingle().Bytes);
    }

    [Theory]
    [InlineData(ReduceOp.Sum)]
    [InlineData(ReduceOp.Max)]
    public void ReductionsAreTheRoundedFloat64Ones(ReduceOp op)
    {
        Random random = new(5);
        for (int trial = 0; trial < 1500; trial++)
        {
            int[] kept = TestData.Shape(random, 3, trial % 20 == 0 ? 1500 : 6);
            int[] reduced = TestData.Shape(random, 2, trial % 15 == 0 ? 3000 : 9);
            int[] all = [.. kept, .. reduced];
            if ((long)TestData.Count(kept) * TestData.Count(reduced) > 200_000)
            {
                continue;
            }

            (long[] strides, int size) = TestData.View(random, all, broadcast: true);
            double[] source = SingleData.Normal(random, size);
            double[] expected = new double[TestData.Count(kept)];
            ReduceStep step = new(op, kept, strides[..kept.Length], reduced, strides[kept.Length..], 0, 1);
            Plan.RunOnce(step, [source], expected);
            double[] actual = SingleData.Run(step, [source], expected.Length);

            // Both sum in float64, in another order: they round to the same number or to neighbours.
            double largest = 1;
            foreach (double x in expected)
            {
                largest = double.IsFinite(x) ? Math.Max(largest, Math.Abs(x)) : largest;
            }

            TestData.Near(expected, actual, largest * Math.Pow(2, -23));
        }
    }

    [Fact]
    public void GathersAndScattersMatchWithFloat64Indices()
    {
        Random random = new(11);
        foreach ((int outer, int size, int inner, int count) in ((int, int, int, int)[])[(1, 5, 1, 9), (3, 4, 7, 6), (2, 6, 33, 3), (2, 3, 1, 0)])
        {
            foreach (bool batched in (bool[])[false, true])
            {
                double[] indices = new double[batched ? outer * count : count];
                for (int i = 0; i < indices.Length; i++)
                {
                    indices[i] = random.Next(size);
                }

                double[] rows = SingleData.Normal(random, outer * size * inner), entries = SingleData.Normal(random, outer * count * inner);
                CheckIndexed(new GatherStep(outer, size, inner, count, 0, 1, 2, "gather", batched), rows, indices, outer * count * inner);
                CheckIndexed(new ScatterAddStep(outer, size, inner, count, 0, 1, 2, "scatter", batched), entries, indices, outer * size * inner);
            }
        }
    }

    [Fact]
    public void LoopsWidenWhatTheyReadAndRoundWhatTheyWrite()
    {
        Random random = new(31);
        for (int trial = 0; trial < 1500; trial++)
        {
            int[] shape = TestData.Shape(random, 4, trial % 5 == 0 ? 60 : 9);
            int count = TestData.Count(shape);
            if (count > 60_000)
            {
                continue;
            }

            // (a + b) · c, each a view of float32 or float64, to a float32 and a float64 result.
            TileInput[] inputs = new TileInput[3];
            double[][] data = new double[3][];
            long[][] strides = new long[3][];
            for (int i = 0; i < 3; i++)
            {
                bool contiguous = random.Next(3) == 0;
                int needed = count;
                strides[i] = Strides.Contiguous(shape);
                if (!contiguous)
                {
                    (strides[i], needed) = TestData.View(random, shape, broadcast: true);
                }

                int offset = random.Next(3);
                data[i] = SingleData.Normal(random, needed + offset);
                inputs[i] = new TileInput(i, offset, contiguous ? null : strides[i], 0, random.Next(3) > 0);
            }

            FusedStep step = new(
                shape, inputs, [new(TileOp.Add, 3, 0, 1, 0), new(TileOp.Mul, 4, 3, 2, 0)], [new(4, 3, true), new(3, 4)]);
            (float[] single, double[] wide) = RunLoop(step, inputs, data, count);
            for (int i = 0; i < count; i++)
            {
                double At(int k) => data[k][inputs[k].Offset + TestData.At(i, shape, strides[k])];
                Assert.Equal((float)((At(0) + At(1)) * At(2)), single[i]);
                Assert.Equal(At(0) + At(1), wide[i]);
            }
        }
    }

    [Fact]
    public void ALoopCountsTheBytesOfEachPrecision()
    {
        FusedStep step = new([10], [new(0, 0, null, 0, true), new(1, 0, null, 0)], [new(TileOp.Add, 2, 0, 1, 0)], [new(2, 2, true)]);
        Assert.Equal(10 * (4 + 8 + 4), step.Bytes);
        Assert.Contains("s0 float32", step.Describe(), StringComparison.Ordinal);
        Assert.Contains("-> s2 float32", step.Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public void AStepWithoutFloat32FormSaysSo()
    {
        RecurrenceStep step = new(1, 4, 1, -1, 0, 1, false);
        Assert.False(step.HasSingle);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(step.ToSingle);
        Assert.Equal("RecurrenceStep has no float32 form; convert its operands to float64.", error.Message);
    }

    [Fact]
    public void ConvertStepsGoBothWays()
    {
        double[] x = [0.1, -2, 1e300];
        float[] narrow = new float[3];
        double[] back = new double[3];
        fixed (double* from = x, to = back)
        fixed (float* between = narrow)
        {
            double** slots = stackalloc double*[3];
            slots[0] = from;
            slots[1] = (double*)between;
            slots[2] = to;
            new ConvertStep(0, 1, 3, true).Run(slots);
            new ConvertStep(1, 2, 3, false).Run(slots);
        }

        Assert.Equal([0.1f, -2, float.PositiveInfinity], narrow);
        Assert.Equal([0.1f, -2, double.PositiveInfinity], back);
        Assert.Equal(36, new ConvertStep(0, 1, 3, true).Bytes);
        Assert.Equal("narrow [3] s0 -> s1", new ConvertStep(0, 1, 3, true).Describe());
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConvertStep(0, 1, -1, true));
    }

    private static void CheckIndexed(Step step, double[] source, double[] indices, int count)
    {
        double[] expected = new double[count];
        Plan.RunOnce(step, [source, indices], expected);
        float[] actual = new float[count];
        fixed (float* from = SingleData.Narrow(source), to = actual)
        fixed (double* at = indices)
        {
            double** slots = stackalloc double*[3];
            slots[0] = (double*)from;
            slots[1] = at;
            slots[2] = (double*)to;
            step.ToSingle().Run(slots);
        }

        TestData.Near(expected, Array.ConvertAll(actual, x => (double)x), 20 * Math.Pow(2, -23));
    }

    private static (float[] Single, double[] Wide) RunLoop(FusedStep step, TileInput[] inputs, double[][] data, int count)
    {
        float[] single = new float[count];
        double[] wide = new double[count];
        float[][] narrow = Array.ConvertAll(data, SingleData.Narrow);
        fixed (double* d0 = data[0], d1 = data[1], d2 = data[2], w = wide)
        fixed (float* f0 = narrow[0], f1 = narrow[1], f2 = narrow[2], s = single)
        {
            double** slots = stackalloc double*[5];
            slots[0] = inputs[0].IsSingle ? (double*)f0 : d0;
            slots[1] = inputs[1].IsSingle ? (double*)f1 : d1;
            slots[2] = inputs[2].IsSingle ? (double*)f2 : d2;
            slots[3] = (double*)s;
            slots[4] = w;
            step.Run(slots);
        }

        return (single, wide);
    }
}
