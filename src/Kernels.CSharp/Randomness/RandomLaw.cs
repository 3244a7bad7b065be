namespace Hesse.Kernels;

/// <summary>Families of distributions that the random kernel draws from.</summary>
public enum RandomFamily
{
    /// <summary>Uniform on [0, 1).</summary>
    Uniform,

    /// <summary>Standard normal.</summary>
    Normal,

    /// <summary>Exponential of rate 1.</summary>
    Exponential,

    /// <summary>Standard Gumbel.</summary>
    Gumbel,

    /// <summary>Standard normal, given that it lies between the two parameters.</summary>
    TruncatedNormal,

    /// <summary>Whole numbers below the second parameter.</summary>
    Integers,

    /// <summary>Orders of 0 .. n - 1, where n is the second parameter.</summary>
    Permutation,

    /// <summary>Unit vectors with as many coordinates as the second parameter says.</summary>
    Sphere,
}

/// <summary>A distribution: its family and up to two parameters.</summary>
/// <param name="Family">Which kind.</param>
/// <param name="Lower">Lower bound of a truncated normal; otherwise 0.</param>
/// <param name="Upper">Upper bound, number of integers, length of a permutation or of a unit vector; otherwise 0.</param>
public readonly record struct RandomLaw(RandomFamily Family, double Lower, double Upper);
