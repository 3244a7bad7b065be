using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>log x and log(1 + x).</summary>
/// <remarks>
/// x = 2^k m with m in [√½, √2), f = m - 1, s = f / (2 + f): log m = 2 atanh s = f - (f²/2 - s (f²/2 + R)), with R = s² r(s²)
/// and r the Chebyshev interpolant of degree 6 of (2 atanh s - 2 s) / s³. This arrangement keeps f exact in the leading place
/// (P. T. P. Tang, ACM TOMS 16, 1990, and the classic libm). log(1 + x) adds the rounding error of 1 + x back.
/// Maximum errors found by the tests, in units in the last place: log 1, log1p 2.
/// </remarks>
internal static class Logarithm
{
    /// <summary>Leading bits of log 2: k times it is exact.</summary>
    private const double Log2High = 0.6931471805582987;

    private const double Log2Low = 1.6465949582897082e-12;

    private const ulong One = 0x3FF0000000000000;

    private const ulong RootHalf = 0x3FE6A09E667F3BCD;

    private const ulong MantissaMask = 0x000FFFFFFFFFFFFF;

    /// <summary>2^52; its low bits hold an integer.</summary>
    private const double IntegerShift = 4503599627370496.0;

    private const double SmallestNormal = 2.2250738585072014e-308;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V denormal = I.Less(x, I.All(SmallestNormal));
        V scaled = I.Select(denormal, I.Mul(x, I.All(IntegerShift)), x);
        V bias = I.Select(denormal, I.All(IntegerShift + 1023 + 52), I.All(IntegerShift + 1023));
        V result = Core<I, V>(scaled, I.All(0.0), bias);
        return Special<I, V>(x, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1p<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V one = I.All(1.0);
        V u = I.Add(one, x);

        // Error of the sum: exact by two-sum, whichever of 1 and x is larger.
        V back = I.Sub(u, one);
        V error = I.Add(I.Sub(one, I.Sub(u, back)), I.Sub(x, back));
        V result = Core<I, V>(u, I.Div(error, u), I.All(IntegerShift + 1023));
        result = Special<I, V>(u, result);
        V tiny = I.Less(I.AndNot(x, I.AllBits(0x8000000000000000)), I.All(1e-17));
        return I.Select(tiny, x, result);
    }

    /// <summary>log u + correction for normal positive u; the bias is that of the exponent, plus 2^52.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Core<I, V>(V u, V correction, V bias)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V moved = I.AddBits(u, I.AllBits(One - RootHalf));
        V k = I.Sub(I.Or(I.ShiftRight52(moved), I.All(IntegerShift)), bias);
        V m = I.AddBits(I.And(moved, I.AllBits(MantissaMask)), I.AllBits(RootHalf));
        V f = I.Sub(m, I.All(1.0));
        V s = I.Div(f, I.Add(f, I.All(2.0)));
        V z = I.Mul(s, s);
        V z2 = I.Mul(z, z);
        V r01 = I.Fma(z, I.All(0.3999999999989889), I.All(0.666666666666667));
        V r23 = I.Fma(z, I.All(0.22222211089379496), I.All(0.28571428626253836));
        V r45 = I.Fma(z, I.All(0.15331611722055008), I.All(0.1818289243253687));
        V r46 = I.Fma(z2, I.All(0.14617807153417325), r45);
        V r = I.Mul(z, I.Fma(z2, I.Fma(z2, r46, r23), r01));
        V half = I.Mul(I.Mul(f, f), I.All(0.5));
        V low = I.Add(I.Fma(k, I.All(Log2Low), correction), I.Mul(s, I.Add(half, r)));
        return I.Fma(k, I.All(Log2High), I.Sub(f, I.Sub(half, low)));
    }

    /// <summary>Values outside the positive finite numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Special<I, V>(V x, V result)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V zero = I.All(0.0);
        result = I.Select(I.Less(x, I.All(double.PositiveInfinity)), result, x);
        result = I.Select(I.Less(x, zero), I.All(double.NaN), result);
        return I.Select(I.Equal(x, zero), I.All(double.NegativeInfinity), result);
    }
}
