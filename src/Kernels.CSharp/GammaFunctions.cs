using System;

namespace Hesse.Kernels;

/// <summary>The logarithm of the gamma function and its derivatives, for every real argument.</summary>
/// <remarks>Equation numbers are those of Abramowitz and Stegun (1964).</remarks>
internal static class GammaFunctions
{
    private const double EulerGamma = 0.57721566490153286060651209008240;
    private const double HalfLogTwoPi = 0.91893853320467274178032973640562;

    /// <summary>Beyond it n! overflows.</summary>
    private const int LargestOrder = 170;

    /// <summary>Asymptotic series are used from here on.</summary>
    private const double Far = 10;

    /// <summary>B₂, B₄, …, B₂₀.</summary>
    private static readonly double[] Bernoulli =
    [
        1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330,
    ];

    /// <summary>ζ(k) - 1 for k = 2, 3, …, enough for |z| ≤ 1/2 in (6.1.33).</summary>
    private static readonly double[] ZetaLessOne = MakeZeta();

    /// <summary>
    /// log |Γ(x)|, with relative error below 2e-15 for x &gt; 0 (also near the zeros 1 and 2) and absolute error below
    /// 1e-14 · max(1, |x|) between the poles; +infinity at the poles 0, -1, -2, ….
    /// </summary>
    public static double LogGamma(double x)
    {
        if (x < 0)
        {
            // (6.1.17)
            return double.IsInfinity(x) ? double.PositiveInfinity
                : Math.Log(Math.PI / Math.Abs(Math.Sin(Math.PI * (x - Math.Round(x))))) - LogGamma(1 - x);
        }

        if (x < 0.5)
        {
            return NearOne(x) - Math.Log(x);
        }

        if (x <= 1.5)
        {
            return NearOne(x - 1);
        }

        if (x <= 2.5)
        {
            return NearOne(x - 2) + ScalarFunctions.Log1p(x - 2);
        }

        if (x < Far)
        {
            double product = 1;
            while (x > 2.5)
            {
                x -= 1;
                product *= x;
            }

            return LogGamma(x) + Math.Log(product);
        }

        if (double.IsNaN(x) || double.IsInfinity(x))
        {
            return x;
        }

        // (6.1.41)
        double inverse = 1 / x, square = inverse * inverse, series = 0;
        for (int j = Bernoulli.Length; j >= 1; j--)
        {
            series = (series * square) + (Bernoulli[j - 1] / (2 * j * ((2 * j) - 1)));
        }

        return ((x - 0.5) * (Math.Log(x) - 1)) - 0.5 + HalfLogTwoPi + (series * inverse);
    }

    /// <summary>
    /// The n-th derivative of the digamma function ψ = (log Γ)′. Relative error below 1e-13 for n ≥ 1 and x &gt; 0; absolute error
    /// below 4e-15 · max(1, |ψ|) for n = 0 and x &gt; 0. At the poles 0, -1, …: NaN for even n, +infinity for odd n.
    /// NaN when n is not a whole number from 0 to 170.
    /// </summary>
    public static double Polygamma(double n, double x)
    {
        if (!(n >= 0 && n <= LargestOrder) || n != Math.Floor(n) || double.IsNaN(x) || double.IsNegativeInfinity(x))
        {
            return double.NaN;
        }

        int order = (int)n;
        bool odd = order % 2 == 1;
        if (x > 0)
        {
            // (6.4.10)
            return order == 0 ? Digamma(x) : (odd ? 1 : -1) * Factorial(order) * HurwitzZeta(order + 1, x);
        }

        if (x == Math.Floor(x))
        {
            return odd ? double.PositiveInfinity : double.NaN;
        }

        // (6.4.7)
        return ((odd ? -1 : 1) * Polygamma(n, 1 - x)) - (Math.PI * CotangentDerivative(order, x));
    }

    /// <summary>log Γ(1 + z) for -1/2 ≤ z ≤ 1/2, by (6.1.33).</summary>
    private static double NearOne(double z)
    {
        double series = 0;
        for (int k = ZetaLessOne.Length + 1; k >= 2; k--)
        {
            series = (ZetaLessOne[k - 2] / k) - (z * series);
        }

        return (z * (1 - EulerGamma)) + (z * z * series) - ScalarFunctions.Log1p(z);
    }

    private static double Digamma(double x)
    {
        double shifted = 0;
        while (x < Far)
        {
            // (6.3.5)
            shifted -= 1 / x;
            x += 1;
        }

        // (6.3.18)
        double square = 1 / (x * x), series = 0;
        for (int j = Bernoulli.Length; j >= 1; j--)
        {
            series = (series + (Bernoulli[j - 1] / (2 * j))) * square;
        }

        return Math.Log(x) - (0.5 / x) - series + shifted;
    }

    /// <summary>Σ (x + k)^-s over k ≥ 0, for whole s ≥ 2 and x &gt; 0, by the Euler-Maclaurin formula (23.1.30).</summary>
    private static double HurwitzZeta(int s, double x)
    {
        double sum = 0;
        while (x < Far + s)
        {
            sum += Math.Pow(x, -s);
            x += 1;
        }

        double power = Math.Pow(x, -s), square = 1 / (x * x);
        sum += power * ((x / (s - 1)) + 0.5);

        // s (s + 1) … (s + 2j - 2) / (2j)! · x^(-s - 2j + 1), without B₂ⱼ.
        double factor = power * s / (2 * x);
        for (int j = 1; j <= Bernoulli.Length; j++)
        {
            sum += Bernoulli[j - 1] * factor;
            factor *= (s + (2 * j) - 1.0) * (s + (2 * j)) / (((2 * j) + 1.0) * ((2 * j) + 2)) * square;
        }

        return sum;
    }

    /// <summary>The n-th derivative of cot πx: πⁿ Pₙ(cot πx) with P₀(c) = c and Pₙ₊₁ = -(1 + c²) Pₙ′.</summary>
    private static double CotangentDerivative(int n, double x)
    {
        Span<double> p = stackalloc double[LargestOrder + 3];
        Span<double> next = stackalloc double[LargestOrder + 3];
        p.Clear();
        p[1] = 1;
        for (int k = 0; k < n; k++)
        {
            next.Clear();
            for (int d = 1; d <= k + 1; d++)
            {
                double slope = d * p[d];
                next[d - 1] -= slope;
                next[d + 1] -= slope;
            }

            next.CopyTo(p);
        }

        double c = 1 / Math.Tan(Math.PI * (x - Math.Round(x))), value = 0;
        for (int d = n + 1; d >= 0; d--)
        {
            value = (value * c) + p[d];
        }

        return Math.Pow(Math.PI, n) * value;
    }

    private static double Factorial(int n)
    {
        double product = 1;
        for (int k = 2; k <= n; k++)
        {
            product *= k;
        }

        return product;
    }

    private static double[] MakeZeta()
    {
        double[] zeta = new double[30];
        for (int i = 0; i < zeta.Length; i++)
        {
            zeta[i] = HurwitzZeta(i + 2, 2);
        }

        return zeta;
    }
}
