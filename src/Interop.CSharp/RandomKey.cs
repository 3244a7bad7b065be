using System;
using CoreRandom = Hesse.Random;
using CoreTensors = Hesse.TensorCreation.Tensor;

namespace Hesse.Interop;

/// <summary>Key of a random stream: same key, same numbers, on every machine. There is no hidden state.</summary>
/// <remarks>
/// Every draw from one key gives the same numbers: <see cref="Split"/> it where independent streams are needed. The generator is
/// counter-based, Threefry-2×64 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011), the one of the F# core. A key is a tree: an argument of
/// VMap, Compile and every other transformation, with the same numbers there, and with derivative zero.
/// </remarks>
public sealed class RandomKey : IEquatable<RandomKey>
{
    private readonly Key _key;

    internal RandomKey(Key key) => _key = key;

    /// <summary>The key of the F# core.</summary>
    internal Key Core => _key;

    /// <summary>The key of a seed.</summary>
    /// <param name="seed">Any number.</param>
    /// <returns>Always the same key for the same seed.</returns>
    public static RandomKey FromSeed(int seed) => new(CoreRandom.key(seed));

    /// <summary>Independent keys from one; do not use the parent again.</summary>
    /// <param name="count">How many, at least 0.</param>
    /// <returns>That many keys.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative.</exception>
    public RandomKey[] Split(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Array.ConvertAll(CoreRandom.split(count, _key), k => new RandomKey(k));
    }

    /// <summary>Key number i of those that this key splits into, for streams numbered by a step or a sample.</summary>
    /// <param name="i">At least 0.</param>
    /// <returns>A key that is independent of this key's own stream.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public RandomKey Fold(int i)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(i);
        return new RandomKey(CoreRandom.fold(i, _key));
    }

    /// <summary>Independent keys from one, stacked: what VMap maps over. A draw from it has one part per key.</summary>
    /// <param name="count">How many, at least 0.</param>
    /// <returns>The keys of <see cref="Split"/> as one value.</returns>
    /// <exception cref="HesseException">The count is negative.</exception>
    public RandomKey SplitKeys(int count) => new(CoreRandom.splitKeys(count, _key));

    /// <summary>The child that a number names, which may be a value inside a transformation.</summary>
    /// <param name="index">A whole number, shape [].</param>
    /// <returns>A key that is independent of this key's own stream.</returns>
    /// <exception cref="ArgumentNullException">The index is null.</exception>
    /// <exception cref="HesseException">The index is not whole, or no scalar.</exception>
    public RandomKey FoldIn(Tensor index) => new(CoreRandom.foldIn(Tensor.Unwrap(index, nameof(index)), _key));

    /// <summary>Uniform on [0, 1).</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public Tensor Uniform(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.uniform(_key, shape));
    }

    /// <summary>Standard normal.</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public Tensor Normal(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.normal(_key, shape));
    }

    /// <summary>+1 or −1 with equal probability.</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public Tensor Rademacher(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.rademacher(_key, shape));
    }

    /// <summary>Whole numbers, uniform on 0 .. bound − 1.</summary>
    /// <param name="bound">At least 1.</param>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">The bound is below 1, or a length is negative.</exception>
    public Tensor Integers(int bound, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.integers(_key, bound, shape));
    }

    /// <summary>Exponential with rate 1.</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public Tensor Exponential(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.exponential(_key, shape));
    }

    /// <summary>Standard Gumbel.</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public Tensor Gumbel(params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.gumbel(_key, shape));
    }

    /// <summary>Standard normal, given that it lies in an interval.</summary>
    /// <param name="lower">Lower end; may be −∞.</param>
    /// <param name="upper">Upper end, above the lower one; may be ∞.</param>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">The interval is empty, or a length is negative.</exception>
    public Tensor TruncatedNormal(double lower, double upper, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.truncatedNormal(_key, lower, upper, shape));
    }

    /// <summary>1 with probability p, else 0.</summary>
    /// <param name="p">From 0 to 1.</param>
    /// <param name="shape">Axis lengths.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public Tensor Bernoulli(double p, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.bernoulli(_key, CoreTensors.scalar(p), shape));
    }

    /// <summary>Classes with probabilities proportional to exp(logits).</summary>
    /// <param name="logits">Unnormalised log-probabilities of K classes, shape [..., K].</param>
    /// <param name="shape">Axis lengths in front: how many draws for each row of logits.</param>
    /// <returns>Whole numbers from 0 to K − 1.</returns>
    /// <exception cref="ArgumentNullException">The logits or the shape are null.</exception>
    /// <exception cref="HesseException">The logits have no class, or a length is negative.</exception>
    public Tensor Categorical(Tensor logits, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.categorical(_key, Tensor.Unwrap(logits, nameof(logits)), shape));
    }

    /// <summary>Unit vectors, uniform on the sphere.</summary>
    /// <param name="d">Coordinates of each, at least 1.</param>
    /// <param name="shape">Axis lengths in front: how many vectors.</param>
    /// <returns>The shape followed by [d].</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">d is below 1, or a length is negative.</exception>
    public Tensor Sphere(int d, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreRandom.sphere(_key, d, shape));
    }

    /// <summary>Orthonormal columns, uniform (Haar) among all.</summary>
    /// <param name="rows">m, at least n.</param>
    /// <param name="columns">n, at least 0.</param>
    /// <returns>Shape [m; n].</returns>
    /// <exception cref="HesseException">m is below n, or n is negative.</exception>
    public Tensor Orthogonal(int rows, int columns) => new(CoreRandom.orthogonal(_key, rows, columns));

    /// <summary>A random order of 0 .. n − 1, all equally likely.</summary>
    /// <param name="n">At least 0.</param>
    /// <returns>Each number once.</returns>
    /// <exception cref="ArgumentOutOfRangeException">n is negative.</exception>
    public int[] Permutation(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        return CoreRandom.permutation(_key, n);
    }

    /// <summary>Whether two keys give the same numbers.</summary>
    /// <param name="other">Another key.</param>
    /// <returns>True when they are the same stream.</returns>
    public bool Equals(RandomKey? other) => other is not null && _key.Equals(other._key);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as RandomKey);

    /// <inheritdoc/>
    public override int GetHashCode() => _key.GetHashCode();
}
