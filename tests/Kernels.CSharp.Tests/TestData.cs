using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Arrays and comparisons for the tests.</summary>
internal static class TestData
{
    /// <summary>Values of moderate size, symmetric about 0.</summary>
    public static double[] Normal(Random random, int count)
    {
        double[] x = new double[count];
        for (int i = 0; i < count; i++)
        {
            x[i] = (random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * 2;
        }

        return x;
    }

    /// <summary>One value everywhere.</summary>
    public static double[] Filled(int count, double value)
    {
        double[] x = new double[count];
        Array.Fill(x, value);
        return x;
    }

    /// <summary>Fails, naming the position, unless all elements agree within the tolerance (or are both NaN).</summary>
    public static void Near(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!expected[i].Equals(actual[i]) && !(Math.Abs(expected[i] - actual[i]) <= tolerance))
            {
                Assert.Fail($"element {i}: expected {expected[i]:R}, got {actual[i]:R}");
            }
        }
    }

    /// <summary>A random shape; a fifth of the axes have size 1, and now and then one has size 0.</summary>
    public static int[] Shape(Random random, int maxRank, int maxSize)
    {
        int[] shape = new int[random.Next(maxRank + 1)];
        for (int i = 0; i < shape.Length; i++)
        {
            int kind = random.Next(20);
            shape[i] = kind == 0 ? 0 : kind < 5 ? 1 : random.Next(2, maxSize + 1);
        }

        return shape;
    }

    /// <summary>Number of elements.</summary>
    public static int Count(int[] shape)
    {
        int count = 1;
        foreach (int axis in shape)
        {
            count *= axis;
        }

        return count;
    }

    /// <summary>Offset of a flat position under strides.</summary>
    public static long At(long flat, int[] shape, long[] strides)
    {
        long at = 0;
        for (int axis = shape.Length - 1; axis >= 0; axis--)
        {
            at += flat % shape[axis] * strides[axis];
            flat /= shape[axis];
        }

        return at;
    }

    /// <summary>
    /// Random strides into a buffer of <paramref name="room"/> doubles: a permuted contiguous layout with gaps, some axes
    /// broadcast. Returns the strides and the elements needed.
    /// </summary>
    public static (long[] Strides, int Needed) View(Random random, int[] shape, bool broadcast)
    {
        int[] order = new int[shape.Length];
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        if (random.Next(2) == 0)
        {
            random.Shuffle(order);
        }

        bool gaps = random.Next(3) == 0;
        long[] strides = new long[shape.Length];
        long step = 1;
        for (int i = order.Length - 1; i >= 0; i--)
        {
            int axis = order[i];
            if (broadcast && random.Next(3) == 0)
            {
                continue;
            }

            strides[axis] = step;
            step *= Math.Max(1, shape[axis]) + (gaps ? random.Next(3) : 0);
        }

        return (strides, (int)step);
    }
}
