using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>e^x, e^x - 1, tanh and the logistic function.</summary>
/// <remarks>
/// x = k log 2 + r with |r| ≤ log(2)/2; e^r - 1 = r + r² q(r), where q is the Chebyshev interpolant of degree 10 of the exact
/// quotient (absolute error 1.4e-18); then e^x = 2^k e^r. Maximum errors found by the tests, in units in the last place:
/// exp 1, expm1 2, tanh 2.5, sigmoid 2.
/// </remarks>
internal static class Exponential
{
    /// <summary>1.5 · 2^52: adding it rounds to an integer, which then stands in the low bits.</summary>
    private const double RoundingShift = 6755399441055744.0;

    private const double InverseLog2 = 1.4426950408889634;

    /// <summary>Leading 38 bits of log 2, so that k times it is exact.</summary>
    private const double Log2High = 0.6931471805582987;

    /// <summary>log 2 - Log2High.</summary>
    private const double Log2Low = 1.6465949582897082e-12;

    private const ulong ExponentBias = 1023;

    private const ulong SignBit = 0x8000000000000000;

    /// <summary>Below this bound 2^k is a normal number and e^x does not underflow.</summary>
    private const double SafeBound = 708.0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V magnitude = I.AndNot(x, I.AllBits(SignBit));
        if (I.AnyLess(I.All(SafeBound), magnitude))
        {
            return ExpWide<I, V>(x);
        }

        (V shifted, V p) = Reduced<I, V>(x);
        V scale = I.ShiftLeft52(I.AddBits(shifted, I.AllBits(ExponentBias)));
        return I.Fma(scale, p, scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Expm1<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        // Halved powers keep 2^k finite up to the overflow of the result; below -40 the result is -1 to the last bit.
        V y = I.AtLeast(-40.0, I.AtMost(710.0, x));
        (V shifted, V p) = Reduced<I, V>(y);
        V half = I.ShiftLeft52(I.AddBits(shifted, I.AllBits(ExponentBias - 1)));
        V t = I.Fma(half, p, I.Sub(half, I.All(0.5)));
        V tiny = I.Less(I.AndNot(x, I.AllBits(SignBit)), I.All(1e-17));
        return I.Select(tiny, x, I.Add(t, t));
    }

    /// <summary>tanh x = t / (t + 2) with t = e^(2|x|) - 1; from |x| = 22 on it is 1 to the last bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V sign = I.And(x, I.AllBits(SignBit));
        V y = I.AtMost(22.0, I.Xor(x, sign));
        (V shifted, V p) = Reduced<I, V>(I.Add(y, y));
        V scale = I.ShiftLeft52(I.AddBits(shifted, I.AllBits(ExponentBias)));
        V t = I.Fma(scale, p, I.Sub(scale, I.All(1.0)));
        return I.Or(I.Div(t, I.Add(t, I.All(2.0))), sign);
    }

    /// <summary>With e = e^-|x|: 1 / (1 + e) above 0, e / (1 + e) below, so that both tails keep their relative accuracy.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V one = I.All(1.0);
        V e = Exp<I, V>(I.Or(x, I.AllBits(SignBit)));
        V numerator = I.Select(I.Less(x, I.All(0.0)), e, one);
        return I.Div(numerator, I.Add(one, e));
    }

    /// <summary>e^r - 1 for the reduced argument, and k in the low bits of the first result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V Shifted, V P) Reduced<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V shifted = I.Fma(x, I.All(InverseLog2), I.All(RoundingShift));
        V k = I.Sub(shifted, I.All(RoundingShift));
        V r = I.Fma(k, I.All(-Log2High), x);
        r = I.Fma(k, I.All(-Log2Low), r);
        V r2 = I.Mul(r, r);
        V r4 = I.Mul(r2, r2);
        V q01 = I.Fma(r, I.All(0.1666666666666667), I.All(0.5));
        V q23 = I.Fma(r, I.All(0.008333333333326112), I.All(0.04166666666666667));
        V q45 = I.Fma(r, I.All(0.0001984126987490126), I.All(0.001388888888888373));
        V q67 = I.Fma(r, I.All(2.7557255297969643e-06), I.All(2.4801587325605324e-05));
        V q89 = I.Fma(r, I.All(2.5105259538448494e-08), I.All(2.755727357010214e-07));
        V q03 = I.Fma(r2, q23, q01);
        V q47 = I.Fma(r2, q67, q45);
        V q8A = I.Fma(r2, I.All(2.0914717341716378e-09), q89);
        V q = I.Fma(r4, I.Fma(r4, q8A, q47), q03);
        return (shifted, I.Fma(r2, q, r));
    }

    /// <summary>e^x over the whole range: 2^k is applied in two halves, so that neither overflows before the result does.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V ExpWide<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V y = I.AtLeast(-746.0, I.AtMost(710.0, x));
        (V shifted, V p) = Reduced<I, V>(y);
        V shift = I.All(RoundingShift);
        V k = I.Sub(shifted, shift);
        V firstShifted = I.Fma(k, I.All(0.5), shift);
        V secondShifted = I.Add(I.Sub(k, I.Sub(firstShifted, shift)), shift);
        V bias = I.AllBits(ExponentBias);
        V first = I.ShiftLeft52(I.AddBits(firstShifted, bias));
        V second = I.ShiftLeft52(I.AddBits(secondShifted, bias));
        return I.Mul(I.Fma(first, p, first), second);
    }
}
