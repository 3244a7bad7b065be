using System;

namespace Hesse.Kernels;

/// <summary>Random numbers of a law, from every key of an array of keys.</summary>
/// <remarks>
/// Draw number i of a key is a function of the key and of i alone. Besides integer operations, it takes additions, products,
/// quotients, square roots and fused multiply-adds only (the logarithm and the cosine are those of the vector kernels), which IEEE 754
/// rounds in one way: the numbers are the same on every machine and for every register width. Allocates nothing.
/// </remarks>
public sealed unsafe class RandomStep : Step
{
    /// <summary>Draws between two calls of a vector function: the buffers stay in the first-level cache.</summary>
    private const int Block = 256;

    private readonly RandomLaw law;
    private readonly int keys;
    private readonly int count;
    private readonly int source;
    private readonly int target;

    /// <summary>Makes the step.</summary>
    /// <param name="law">The distribution.</param>
    /// <param name="keys">Number of keys.</param>
    /// <param name="count">Numbers per key; for permutations and unit vectors a multiple of their length.</param>
    /// <param name="source">Slot read, shape [keys; 4]: the words of each key, lowest first.</param>
    /// <param name="target">Slot written, shape [keys; count].</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public RandomStep(RandomLaw law, int keys, int count, int source, int target)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keys);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.law = law;
        this.keys = keys;
        this.count = count;
        this.source = source;
        this.target = target;
    }

    /// <inheritdoc/>
    public override long Flops => (long)keys * count;

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * keys * (4L + count);

    /// <inheritdoc/>
    public override string Describe() => $"random {law.Family} [{keys}; {count}] s{source} -> s{target}";

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        for (long k = 0; k < keys; k++)
        {
            (ulong low, ulong high) = Threefry.Read(slots[source] + (4 * k));
            Stream(low, high, slots[target] + (k * count));
        }
    }

    private void Stream(ulong low, ulong high, double* x)
    {
        switch (law.Family)
        {
            case RandomFamily.Uniform:
                for (int i = 0; i < count; i++)
                {
                    x[i] = Threefry.Unit(Threefry.Block(low, high, (ulong)i, 0).First);
                }

                break;
            case RandomFamily.Integers:
                for (int i = 0; i < count; i++)
                {
                    x[i] = Below(Threefry.Block(low, high, (ulong)i, 0).First, (ulong)law.Upper);
                }

                break;
            case RandomFamily.Normal:
                Normals(low, high, x);
                break;
            case RandomFamily.Exponential:
                Exponentials(low, high, x);
                break;
            case RandomFamily.Gumbel:
                Gumbels(low, high, x);
                break;
            case RandomFamily.TruncatedNormal:
                for (int i = 0; i < count; i++)
                {
                    x[i] = TruncatedNormal.Draw(low, high, (ulong)i, law.Lower, law.Upper);
                }

                break;
            case RandomFamily.Permutation:
                Permute(low, high, x);
                break;
            case RandomFamily.Sphere:
                Normals(low, high, x);
                Normalise(x, (int)law.Upper);
                break;
            default:
                throw new InvalidOperationException($"RandomStep: unknown family {law.Family}");
        }
    }

    /// <summary>The high half of a 64 × 64-bit product: the bias is below 2⁻³³ for bounds that fit an int.</summary>
    private static ulong Below(ulong bits, ulong bound) => Math.BigMul(bits, bound, out _);

    /// <summary>√(-2 log(1 - u)) cos 2πv (Box and Muller 1958).</summary>
    private void Normals(ulong low, ulong high, double* x)
    {
        double* angle = Scratch.ForStep(Block);
        for (int start = 0; start < count; start += Block)
        {
            int n = Math.Min(Block, count - start);
            double* radius = x + start;
            for (int i = 0; i < n; i++)
            {
                (ulong a, ulong b) = Threefry.Block(low, high, (ulong)(start + i), 0);
                radius[i] = 1.0 - Threefry.Unit(a);
                angle[i] = 2.0 * Math.PI * Threefry.Unit(b);
            }

            ElementwiseLoop.Run<LogOp>(radius, null, null, radius, n);
            ElementwiseLoop.Run<CosOp>(angle, null, null, angle, n);
            for (int i = 0; i < n; i++)
            {
                radius[i] = Math.Sqrt(-2.0 * radius[i]) * angle[i];
            }
        }
    }

    /// <summary>-log(1 - u).</summary>
    private void Exponentials(ulong low, ulong high, double* x)
    {
        for (int i = 0; i < count; i++)
        {
            x[i] = 1.0 - Threefry.Unit(Threefry.Block(low, high, (ulong)i, 0).First);
        }

        ElementwiseLoop.Run<LogOp>(x, null, null, x, count);
        ElementwiseLoop.Run<NegateOp>(x, null, null, x, count);
    }

    /// <summary>-log(-log u), with u an odd multiple of 2⁻⁵³: never 0 or 1.</summary>
    private void Gumbels(ulong low, ulong high, double* x)
    {
        for (int i = 0; i < count; i++)
        {
            ulong bits = Threefry.Block(low, high, (ulong)i, 0).First >> 12;
            x[i] = ((2 * bits) + 1) * (1.0 / 9007199254740992.0);
        }

        for (int pass = 0; pass < 2; pass++)
        {
            ElementwiseLoop.Run<LogOp>(x, null, null, x, count);
            ElementwiseLoop.Run<NegateOp>(x, null, null, x, count);
        }
    }

    /// <summary>All orders equally likely (Fisher and Yates), up to the bias of <see cref="Below"/>.</summary>
    private void Permute(ulong low, ulong high, double* x)
    {
        for (int i = 0; i < count; i++)
        {
            x[i] = i;
        }

        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)Below(Threefry.Block(low, high, (ulong)i, 0).First, (ulong)i + 1);
            (x[i], x[j]) = (x[j], x[i]);
        }
    }

    /// <summary>Divides every run of d numbers by its length.</summary>
    private void Normalise(double* x, int d)
    {
        for (int start = 0; d > 0 && start < count; start += d)
        {
            double square = 0;
            for (int i = start; i < start + d; i++)
            {
                square += x[i] * x[i];
            }

            double length = Math.Sqrt(square);
            for (int i = start; i < start + d; i++)
            {
                // All d normals are 0 with a probability of 2⁻⁵³ᵈ.
                x[i] = length > 0 ? x[i] / length : i == start ? 1 : 0;
            }
        }
    }
}
