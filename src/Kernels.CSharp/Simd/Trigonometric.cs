using System;
using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>sin x and cos x; elements beyond <see cref="Limit"/> are computed by the scalar functions.</summary>
/// <remarks>
/// x = n π/2 + r + tail with π/2 in three parts of 33, 33 and 53 bits (Cody and Waite, Software Manual for the Elementary
/// Functions, 1980), and Chebyshev interpolants of (sin r - r)/r³ and (cos r - 1 + r²/2)/r⁴ in r² on |r| ≤ π/4.
/// Maximum error found by the tests: 1 unit in the last place.
/// </remarks>
internal static class Trigonometric
{
    /// <summary>2^19 π/2: n fits the 20 bits that make its products with the parts of π/2 exact.</summary>
    private const double Limit = 823549.0;

    private const double RoundingShift = 6755399441055744.0;

    private const double TwoOverPi = 0.6366197723675814;

    private const double HalfPi1 = 1.5707963267341256;

    private const double HalfPi2 = 6.077100506303966e-11;

    private const double HalfPi3 = 2.0222662487959506e-21;

    private const ulong SignBit = 0x8000000000000000;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sin<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V result = Quadrant<I, V>(x, 0);

        // Below 2^-27 the sine is x itself, and keeps the sign of zero.
        V tiny = I.Less(I.AndNot(x, I.AllBits(SignBit)), I.All(7.450580596923828e-09));
        return I.Select(tiny, x, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Cos<I, V>(V x)
        where I : struct, IVectorIsa<V>
        where V : struct => Quadrant<I, V>(x, 1);

    /// <summary>sin(x + quarterTurns π/2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Quadrant<I, V>(V x, ulong quarterTurns)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V shifted = I.Fma(x, I.All(TwoOverPi), I.All(RoundingShift));
        V n = I.Sub(shifted, I.All(RoundingShift));
        V first = I.Fma(n, I.All(-HalfPi1), x);
        V w = I.Mul(n, I.All(HalfPi2));
        V second = I.Sub(first, w);
        V back = I.Sub(I.Sub(first, second), w);
        V v = I.Sub(I.Mul(n, I.All(HalfPi3)), back);
        V r = I.Sub(second, v);
        V tail = I.Sub(I.Sub(second, r), v);

        V z = I.Mul(r, r);
        V z2 = I.Mul(z, z);

        // sin(r + tail) = r + (r³ S + tail (1 - r²/2)).
        V s01 = I.Fma(z, I.All(0.008333333333330936), I.All(-0.16666666666666666));
        V s23 = I.Fma(z, I.All(2.7557316093198404e-06), I.All(-0.00019841269836740532));
        V s45 = I.Fma(z, I.All(1.5917988979397435e-10), I.All(-2.5051129896450185e-08));
        V s = I.Fma(z2, I.Fma(z2, s45, s23), s01);
        V halfZ = I.Mul(z, I.All(0.5));
        V sine = I.Add(r, I.Fma(I.Mul(z, r), s, I.Fma(halfZ, I.Xor(tail, I.AllBits(SignBit)), tail)));

        // cos(r + tail) = (1 - r²/2) + ((1 - (1 - r²/2)) - r²/2 + r⁴ C - r tail).
        V c01 = I.Fma(z, I.All(-0.0013888888888887389), I.All(0.041666666666666664));
        V c23 = I.Fma(z, I.All(-2.755731726587808e-07), I.All(2.48015872987544e-05));
        V c45 = I.Fma(z, I.All(-1.138254464534925e-11), I.All(2.087614504941318e-09));
        V c = I.Fma(z2, I.Fma(z2, c45, c23), c01);
        V one = I.All(1.0);
        V lead = I.Sub(one, halfZ);
        V low = I.Sub(I.Sub(one, lead), halfZ);
        V cosine = I.Add(lead, I.Add(low, I.Sub(I.Mul(z2, c), I.Mul(r, tail))));

        // The low bits of the shifted number count quarter turns: bit 0 picks the function, bit 1 the sign.
        V turns = I.AddBits(shifted, I.AllBits(quarterTurns));
        V odd = I.Equal(I.And(turns, I.AllBits(1)), I.AllBits(0));
        V sign = I.And(I.ShiftLeft52(I.And(turns, I.AllBits(2))), I.AllBits(1UL << 53));
        sign = I.Select(I.Equal(sign, I.AllBits(0)), I.AllBits(0), I.AllBits(SignBit));
        V result = I.Xor(I.Select(odd, sine, cosine), sign);
        return I.AnyLess(I.All(Limit), I.AndNot(x, I.AllBits(SignBit))) ? Wide<I, V>(x, result, quarterTurns) : result;
    }

    /// <summary>Replaces the elements beyond the limit; the others keep their value.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe V Wide<I, V>(V x, V result, ulong quarterTurns)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        double* arguments = stackalloc double[2 * I.Width];
        double* values = arguments + I.Width;
        I.Store(x, arguments);
        I.Store(result, values);
        for (int i = 0; i < I.Width; i++)
        {
            if (Math.Abs(arguments[i]) > Limit)
            {
                values[i] = quarterTurns == 0 ? Math.Sin(arguments[i]) : Math.Cos(arguments[i]);
            }
        }

        return I.Load(values);
    }
}
