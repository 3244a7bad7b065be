using System;

namespace Hesse.Kernels.Tests;

/// <summary>
/// Numbers of about 106 bits as an unevaluated sum of two doubles (T. J. Dekker, Numer. Math. 18, 1971), and the functions
/// under test computed from their series: an accuracy reference that shares nothing with the kernels.
/// </summary>
internal readonly record struct DoubleDouble(double High, double Low)
{
    private static readonly DoubleDouble Log2 = new(0.6931471805599453, 2.3190468138462996e-17);
    private static readonly DoubleDouble HalfPi = new(1.5707963267948966, 6.123233995736766e-17);
    private static readonly DoubleDouble TwoOverRootPi = new(1.1283791670955126, 1.533545961316588e-17);

    public static implicit operator DoubleDouble(double x) => new(x, 0);

    public static DoubleDouble operator -(DoubleDouble a) => new(-a.High, -a.Low);

    public static DoubleDouble operator +(DoubleDouble a, DoubleDouble b)
    {
        double s = a.High + b.High;
        double t = s - a.High;
        double e = (a.High - (s - t)) + (b.High - t);
        return Normalize(s, e + a.Low + b.Low);
    }

    public static DoubleDouble operator -(DoubleDouble a, DoubleDouble b) => a + -b;

    public static DoubleDouble operator *(DoubleDouble a, DoubleDouble b)
    {
        double p = a.High * b.High;
        double e = Math.FusedMultiplyAdd(a.High, b.High, -p);
        return Normalize(p, e + ((a.High * b.Low) + (a.Low * b.High)));
    }

    public static DoubleDouble operator /(DoubleDouble a, DoubleDouble b)
    {
        double q1 = a.High / b.High;
        DoubleDouble rest = a - (b * q1);
        double q2 = rest.High / b.High;
        rest -= b * q2;
        return Normalize(q1, q2) + (rest.High / b.High);
    }

    public static DoubleDouble Expm1(DoubleDouble x)
    {
        double k = Math.Round(x.High / Log2.High);
        DoubleDouble r = (x - (Log2 * k)) * (1.0 / 64);
        DoubleDouble term = r;
        DoubleDouble sum = r;
        for (int i = 2; i < 24; i++)
        {
            term = term * r / i;
            sum += term;
        }

        for (int i = 0; i < 6; i++)
        {
            sum = (sum * 2.0) + (sum * sum);
        }

        if (k == 0)
        {
            return sum;
        }

        double half = Math.ScaleB(1, (int)k - 1);
        return (((sum + 1.0) * half) * 2.0) - 1.0;
    }

    public static DoubleDouble Exp(DoubleDouble x) => Expm1(x) + 1.0;

    /// <summary>Two Newton steps on e^y = x.</summary>
    public static DoubleDouble Log(DoubleDouble x)
    {
        DoubleDouble y = Math.Log(x.High);
        for (int i = 0; i < 2; i++)
        {
            y += (x * Exp(-y)) - 1.0;
        }

        return y;
    }

    /// <summary>log(1 + x) for x that would vanish beside 1: Newton on expm1 instead.</summary>
    public static DoubleDouble Log1p(DoubleDouble x)
    {
        if (Math.Abs(x.High) > 0.5)
        {
            return Log(x + 1.0);
        }

        DoubleDouble y = x;
        for (int i = 0; i < 8; i++)
        {
            DoubleDouble e = Expm1(y);
            y -= (e - x) / (e + 1.0);
        }

        return y;
    }

    public static DoubleDouble Tanh(DoubleDouble x)
    {
        if (x.High < 0)
        {
            return -Tanh(-x);
        }

        DoubleDouble t = Expm1(x * 2.0);
        return t / (t + 2.0);
    }

    public static DoubleDouble Sigmoid(DoubleDouble x)
    {
        DoubleDouble e = Exp(x.High < 0 ? x : -x);
        return (x.High < 0 ? e : 1.0) / (e + 1.0);
    }

    /// <summary>2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!, whose terms are all of one sign.</summary>
    public static DoubleDouble Erf(DoubleDouble x)
    {
        DoubleDouble square = x * x;
        DoubleDouble term = x;
        DoubleDouble sum = x;
        for (int n = 1; n < 400 && Math.Abs(term.High) > 1e-40 * Math.Abs(sum.High); n++)
        {
            term = term * square * 2.0 / ((2 * n) + 1);
            sum += term;
        }

        return TwoOverRootPi * Exp(-square) * sum;
    }

    public static DoubleDouble Sin(DoubleDouble x) => Quadrant(x, 0);

    public static DoubleDouble Cos(DoubleDouble x) => Quadrant(x, 1);

    /// <summary>Distance of a result from this value, in units in the last place of the value.</summary>
    public double UlpsTo(double result)
    {
        double unit = Math.Max(Math.BitIncrement(Math.Abs(High)) - Math.Abs(High), double.Epsilon);
        return Math.Abs(((result - High) - Low) / unit);
    }

    private static DoubleDouble Quadrant(DoubleDouble x, int turns)
    {
        double k = Math.Round(x.High / HalfPi.High);
        DoubleDouble r = x - (HalfPi * k);
        int quadrant = (int)((((long)k + turns) % 4) + 4) % 4;
        DoubleDouble square = -(r * r);
        bool cosine = quadrant % 2 == 1;
        DoubleDouble term = cosine ? 1.0 : r;
        DoubleDouble sum = term;
        for (int i = cosine ? 1 : 2; i < 40; i += 2)
        {
            term = term * square / ((double)i * (i + 1));
            sum += term;
        }

        return quadrant >= 2 ? -sum : sum;
    }

    private static DoubleDouble Normalize(double high, double low)
    {
        double sum = high + low;
        return new(sum, low - (sum - high));
    }
}
