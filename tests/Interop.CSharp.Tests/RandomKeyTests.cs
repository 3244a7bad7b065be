using System;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

public class RandomKeyTests
{
    [Fact]
    public void SameKeySameNumbers()
    {
        var key = RandomKey.FromSeed(7);
        Assert.Equal(key.Normal(4, 5).ToArray(), RandomKey.FromSeed(7).Normal(4, 5).ToArray());
        Assert.Equal(key, RandomKey.FromSeed(7));
        Assert.Equal(key.GetHashCode(), RandomKey.FromSeed(7).GetHashCode());
        Assert.NotEqual(key, RandomKey.FromSeed(8));
        Assert.Equal(3, key.Split(3).Distinct().Count());
        Assert.Equal(key.Split(3)[2], key.Fold(2));
        Assert.NotEqual(key.Normal(4).ToArray(), key.Fold(0).Normal(4).ToArray());
    }

    [Fact]
    public void NumbersAreThoseOfTheCore() =>
        Assert.Equal(Hesse.Random.normal(Hesse.Random.key(3), [6]).toArray(), RandomKey.FromSeed(3).Normal(6).ToArray());

    [Fact]
    public void DrawsFollowTheirLaws()
    {
        const int n = 20000;
        var keys = RandomKey.FromSeed(11).Split(5);
        var uniform = keys[0].Uniform(n).ToArray();
        Assert.All(uniform, u => Assert.InRange(u, 0.0, 1.0));
        // Five standard errors of the mean: 5 σ / √n, with σ = 1/√12 and 1.
        Assert.Equal(0.5, uniform.Average(), 5.0 / Math.Sqrt(12.0 * n));
        var normal = keys[1].Normal(n).ToArray();
        Assert.Equal(0.0, normal.Average(), 5.0 / Math.Sqrt(n));
        Assert.Equal(1.0, normal.Average(z => z * z), 5.0 * Math.Sqrt(2.0 / n));
        Assert.All(keys[2].Rademacher(100).ToArray(), s => Assert.Equal(1.0, Math.Abs(s)));
        Assert.Equal([0.0, 1.0, 2.0], keys[3].Integers(3, 200).ToArray().Distinct().Order());
        Assert.Equal(Enumerable.Range(0, 50), keys[4].Permutation(50).Order());
    }

    [Fact]
    public void NegativeCountsAreErrors()
    {
        var key = RandomKey.FromSeed(0);
        Assert.Throws<ArgumentOutOfRangeException>("count", () => key.Split(-1));
        Assert.Throws<ArgumentOutOfRangeException>("i", () => key.Fold(-1));
        Assert.Throws<ArgumentOutOfRangeException>("n", () => key.Permutation(-1));
        Assert.Throws<HesseException>(() => key.Normal(-1));
        Assert.Throws<HesseException>(() => key.Integers(0, 2));
    }
}
