using System;
using System.Runtime.Intrinsics;

namespace Hesse.Kernels;

/// <summary>
/// The standard normal between two bounds, by rejection with the proposals of Robert (1995, "Simulation of truncated normal
/// variables", Statistics and Computing 5): normal where the interval is wide around 0, exponential in a tail, uniform on a short interval.
/// Attempt j of draw i uses counter (i, j), so that a draw does not depend on the others.
/// </summary>
internal static class TruncatedNormal
{
    public static double Draw(ulong low, ulong high, ulong index, double lower, double upper) =>
        upper < 0 ? -Positive(low, high, index, -upper, -lower) : Positive(low, high, index, lower, upper);

    /// <summary>For upper ≥ 0.</summary>
    private static double Positive(ulong low, ulong high, ulong index, double lower, double upper)
    {
        // The rate of the best exponential proposal beyond `lower` (Robert 1995, equation 2.1).
        double rate = (lower + Math.Sqrt((lower * lower) + 4)) / 2;
        bool isTail = lower > 0;
        bool isWide = isTail ? (upper - lower) * rate > 1 : upper - lower > Math.Sqrt(2 * Math.PI);

        for (ulong attempt = 0; ; attempt++)
        {
            (ulong a, ulong b) = Threefry.Block(low, high, index, attempt);
            double u = Threefry.Unit(a), v = 1 - Threefry.Unit(b);
            double x, logAcceptance;
            if (isTail && isWide)
            {
                x = lower - (Log(1 - u) / rate);
                logAcceptance = -(x - rate) * (x - rate) / 2;
            }
            else if (isWide)
            {
                x = Math.Sqrt(-2 * Log(1 - u)) * Cos(2 * Math.PI * Threefry.Unit(b));
                logAcceptance = 0;
                v = 1;
            }
            else
            {
                // The density is largest at the point of the interval that is nearest to 0.
                double peak = Math.Max(lower, 0);
                x = lower + (u * (upper - lower));
                logAcceptance = ((peak * peak) - (x * x)) / 2;
            }

            if (x >= lower && x <= upper && Log(v) <= logAcceptance)
            {
                return x;
            }
        }
    }

    /// <summary>The logarithm of the vector kernels, which gives the same bits everywhere.</summary>
    private static double Log(double x) => Logarithm.Log<Isa128, Vector128<double>>(Vector128.Create(x)).ToScalar();

    private static double Cos(double x) => Trigonometric.Cos<Isa128, Vector128<double>>(Vector128.Create(x)).ToScalar();
}
