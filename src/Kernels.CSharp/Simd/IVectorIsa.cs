using System.Runtime.Intrinsics;

namespace Hesse.Kernels;

/// <summary>
/// The vector instructions that the float64 kernels use, for one register width. Kernels are written once over this interface; the
/// JIT compiles each width separately and inlines every call.
/// </summary>
/// <typeparam name="V">Register of float64, such as <see cref="Vector256{T}"/> of double.</typeparam>
internal interface IVectorIsa<V> : IProductIsa<V, double>
    where V : struct
{
    static abstract V AllBits(ulong bits);

    static abstract V Sub(V a, V b);

    static abstract V Div(V a, V b);

    static abstract V Sqrt(V a);

    static abstract V Floor(V a);

    /// <summary>IEEE 754 maximum: NaN propagates.</summary>
    static abstract V Max(V a, V b);

    /// <summary>IEEE 754 minimum: NaN propagates.</summary>
    static abstract V Min(V a, V b);

    /// <summary>min(bound, a) in one instruction; a NaN in a stays, because x86 returns the second operand then.</summary>
    static abstract V AtMost(double bound, V a);

    /// <summary>max(bound, a) in one instruction; a NaN in a stays.</summary>
    static abstract V AtLeast(double bound, V a);

    static abstract V And(V a, V b);

    /// <summary>a and not b.</summary>
    static abstract V AndNot(V a, V b);

    static abstract V Or(V a, V b);

    static abstract V Xor(V a, V b);

    /// <summary>All bits set where a &lt; b.</summary>
    static abstract V Less(V a, V b);

    /// <summary>All bits set where a ≤ b.</summary>
    static abstract V LessOrEqual(V a, V b);

    /// <summary>All bits set where a = b.</summary>
    static abstract V Equal(V a, V b);

    /// <summary>b where the mask is set, else c.</summary>
    static abstract V Select(V mask, V b, V c);

    /// <summary>Whether a &lt; b in some element.</summary>
    static abstract bool AnyLess(V a, V b);

    /// <summary>Sum of the bit patterns as 64-bit integers.</summary>
    static abstract V AddBits(V a, V b);

    /// <summary>Difference of the bit patterns as 64-bit integers.</summary>
    static abstract V SubBits(V a, V b);

    /// <summary>Bit pattern shifted left by 52: an integer becomes an exponent.</summary>
    static abstract V ShiftLeft52(V a);

    /// <summary>Bit pattern shifted right by 52, filled with zeros: an exponent becomes an integer.</summary>
    static abstract V ShiftRight52(V a);
}
