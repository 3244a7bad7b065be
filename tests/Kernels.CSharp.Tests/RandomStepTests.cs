using System;
using System.Runtime.Intrinsics;
using Xunit;

namespace Hesse.Kernels.Tests;

public sealed unsafe class RandomStepTests
{
    /// <summary>Random123 (Salmon et al. 2011), file kat_vectors, "threefry2x64 20".</summary>
    [Theory]
    [InlineData(0UL, 0UL, 0UL, 0UL, 0xc2b6e3a8c2c69865UL, 0x6f81ed42f350084dUL)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0xe02cb7c4d95d277aUL, 0xd06633d0893b8b68UL)]
    [InlineData(0x243f6a8885a308d3UL, 0x13198a2e03707344UL, 0xa4093822299f31d0UL, 0x082efa98ec4e6c89UL, 0x263c7d30bb0f0af1UL, 0x56be8361d3311526UL)]
    public void ThreefryGivesThePublishedVectors(ulong counter0, ulong counter1, ulong key0, ulong key1, ulong first, ulong second) =>
        Assert.Equal((first, second), Threefry.Block(key0, key1, counter0, counter1));

    /// <summary>
    /// What normal, exponential and Gumbel numbers go through besides IEEE operations: the same bits for every register width, so that
    /// the width of the machine does not show in the numbers.
    /// </summary>
    [Fact]
    public void LogarithmAndCosineGiveTheSameBitsForEveryWidth()
    {
        const int n = 20_000;
        double[] x = new double[n];
        for (int i = 0; i < n; i++)
        {
            x[i] = 1.0 - Threefry.Unit(Threefry.Block(7, 8, (ulong)i, 0).First);
        }

        double[] angles = Array.ConvertAll(x, u => 2 * Math.PI * u);
        AssertSameBits<LogOp>(x);
        AssertSameBits<CosOp>(angles);
    }

    [Fact]
    public void DrawsDoNotDependOnTheirNumberAndKeysAreRows()
    {
        foreach (RandomFamily family in Enum.GetValues<RandomFamily>())
        {
            int[] counts = family is RandomFamily.Permutation ? [600, 600] : [600, 4];
            RandomLaw law = new(family, -1, family is RandomFamily.Permutation ? 600 : 2);
            double[] words = [1, 2, 3, 4, 4294967295, 0, 9, 7];
            double[] both = Run(law, words, 2, counts[0]);
            double[] second = Run(law, words[4..], 1, counts[1]);
            Assert.Equal(both[600..(600 + counts[1])], second);
            Assert.NotEqual(both[..4], second[..4]);
        }
    }

    [Fact]
    public void FoldedKeysAreThoseOfTheBlockCipher()
    {
        double[] words = [1, 2, 3, 4], index = [5], result = new double[4];
        fixed (double* w = words, i = index, r = result)
        {
            double*[] slots = [w, i, r];
            fixed (double** s = slots)
            {
                new FoldKeyStep(1, 0, 1, 2).Run(s);
            }
        }

        (ulong first, ulong second) = Threefry.Fold(1 | (2UL << 32), 3 | (4UL << 32), 5);
        Assert.Equal([(uint)first, first >> 32, (uint)second, second >> 32], result);
    }

    private static void AssertSameBits<TOp>(double[] x)
        where TOp : struct, IElementwise
    {
        double[] wide = new double[x.Length], middle = new double[x.Length], narrow = new double[x.Length];
        fixed (double* a = x, w = wide, m = middle, s = narrow)
        {
            ElementwiseLoop.Run<TOp, Isa512, Vector512<double>>(a, null, null, w, x.Length);
            ElementwiseLoop.Run<TOp, Isa256, Vector256<double>>(a, null, null, m, x.Length);
            ElementwiseLoop.Run<TOp, Isa128, Vector128<double>>(a, null, null, s, x.Length);
        }

        Assert.Equal(wide, narrow);
        Assert.Equal(middle, narrow);
    }

    private static double[] Run(RandomLaw law, double[] words, int keys, int count)
    {
        double[] result = new double[keys * count];
        fixed (double* w = words, r = result)
        {
            double*[] slots = [w, r];
            fixed (double** s = slots)
            {
                new RandomStep(law, keys, count, 0, 1).Run(s);
            }
        }

        return result;
    }
}
