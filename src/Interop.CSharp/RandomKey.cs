using System;
using CoreRandom = Hesse.Random;

namespace Hesse.Interop;

/// <summary>Key of a random stream: same key, same numbers, on every machine. There is no hidden state.</summary>
/// <remarks>
/// Every draw from one key gives the same numbers: <see cref="Split"/> it where independent streams are needed. The generator is
/// counter-based, Threefry-2×64 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011), the one of the F# core.
/// </remarks>
public sealed class RandomKey : IEquatable<RandomKey>
{
    private readonly Key _key;

    private RandomKey(Key key) => _key = key;

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
