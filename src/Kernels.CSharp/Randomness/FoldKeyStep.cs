using System;

namespace Hesse.Kernels;

/// <summary>Child keys: dst[k] is key number index[k] of those that key[k] splits into.</summary>
public sealed unsafe class FoldKeyStep : Step
{
    private readonly int count;
    private readonly int keys;
    private readonly int indices;
    private readonly int target;

    /// <summary>Makes the step.</summary>
    /// <param name="count">Number of keys.</param>
    /// <param name="keys">Slot read, shape [count; 4]: the words of each key, lowest first.</param>
    /// <param name="indices">Slot read, shape [count]: whole numbers.</param>
    /// <param name="target">Slot written, shape [count; 4].</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative.</exception>
    public FoldKeyStep(int count, int keys, int indices, int target)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.count = count;
        this.keys = keys;
        this.indices = indices;
        this.target = target;
    }

    /// <inheritdoc/>
    public override long Flops => count;

    /// <inheritdoc/>
    public override long Bytes => 9L * sizeof(double) * count;

    /// <inheritdoc/>
    public override string Describe() => $"foldKey [{count}] s{keys} s{indices} -> s{target}";

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        for (long k = 0; k < count; k++)
        {
            double index = slots[indices][k];
            if (Math.Floor(index) != index || Math.Abs(index) > 9007199254740992.0)
            {
                throw new HesseException(
                    $"Random.foldIn: index {index} is no whole number of at most 2⁵³ in size; round it with floor");
            }

            (ulong low, ulong high) = Threefry.Read(slots[keys] + (4 * k));
            Threefry.Write(Threefry.Fold(low, high, (long)index), slots[target] + (4 * k));
        }
    }
}
