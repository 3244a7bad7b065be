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
    public void EveryDrawIsThatOfTheCore()
    {
        var key = RandomKey.FromSeed(5);
        var core = Hesse.Random.key(5);
        Assert.Equal(Hesse.Random.exponential(core, [3]).toArray(), key.Exponential(3).ToArray());
        Assert.Equal(Hesse.Random.gumbel(core, [3]).toArray(), key.Gumbel(3).ToArray());
        Assert.Equal(Hesse.Random.truncatedNormal(core, 1.0, 2.0, [3]).toArray(), key.TruncatedNormal(1.0, 2.0, 3).ToArray());
        Assert.Equal(Hesse.Random.sphere(core, 3, [2]).toArray(), key.Sphere(3, 2).ToArray());
        Assert.Equal(Hesse.Random.orthogonal(core, 3, 2).toArray(), key.Orthogonal(3, 2).ToArray());
        var logits = Tensor.FromArray([0.0, 1.0]);
        Assert.Equal(Hesse.Random.categorical(core, Hesse.TensorCreation.Tensor.ofArray([0.0, 1.0]), [9]).toArray(), key.Categorical(logits, 9).ToArray());
        Assert.Equal(Hesse.Random.bernoulli(core, Hesse.TensorCreation.Tensor.scalar(0.5), [9]).toArray(), key.Bernoulli(0.5, 9).ToArray());
        Assert.Equal(key.Fold(4), key.FoldIn(Tensor.Scalar(4.0)));
    }

    [Fact]
    public void AKeyIsAnArgumentOfTransformations()
    {
        var key = RandomKey.FromSeed(5);
        var mapped = Diff.VMap((RandomKey k) => k.Normal(3), key.SplitKeys(2));
        Assert.Equal(key.Split(2).SelectMany(k => k.Normal(3).ToArray()), mapped.ToArray());
        var compiled = Diff.Compile((RandomKey k) => k.Fold(1).Uniform(2));
        Assert.Equal(key.Fold(1).Uniform(2).ToArray(), compiled(key).ToArray());
        Assert.NotEqual(compiled(key).ToArray(), compiled(key.Fold(0)).ToArray());
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
