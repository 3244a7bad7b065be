using System;
using MathNet.Numerics;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Error and gamma functions against independent implementations, functional equations and known values.</summary>
public class SpecialFunctionTests
{
    private static double Eval(TileOp op, double x) => TileKernels.Eval(op, x, 0, 0);

    private static double Polygamma(int n, double x) => TileKernels.Eval(TileOp.Polygamma, n, x, 0);

    private static void Near(double expected, double actual, double relative, string what) =>
        Assert.True(Math.Abs(actual - expected) <= relative * Math.Abs(expected), $"{what}: {actual:R}, expected {expected:R}");

    /// <summary>x + ½/(x + 1/(x + …)), the continued fraction of e^(-x²) / (√π erfc x): Abramowitz and Stegun 1964, 7.1.14.</summary>
    private static double Fraction(double x)
    {
        double fraction = x;
        for (int k = 200; k >= 1; k--)
        {
            fraction = x + (k / 2.0 / fraction);
        }

        return fraction;
    }

    [Fact]
    public void ErfcKeepsItsDigitsInTheTail()
    {
        // The library's own error is up to 3e-15 here, and grows with x².
        for (double x = -6; x < 6; x += 0.0137)
        {
            Near(SpecialFunctions.Erfc(x), Eval(TileOp.Erfc, x), 6e-15, $"erfc {x}");
        }

        // Squares of sixteenths are exact.
        for (double x = 2.5; x < 26; x += 1.0 / 16)
        {
            Near(Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * Fraction(x)), Eval(TileOp.Erfc, x), 2e-15, $"erfc {x}");
        }

        Assert.Equal(0, Eval(TileOp.Erfc, double.PositiveInfinity));
        Assert.Equal(2, Eval(TileOp.Erfc, double.NegativeInfinity));
        Assert.True(double.IsNaN(Eval(TileOp.Erfc, double.NaN)));
    }

    [Fact]
    public void ErfcxIsItsContinuedFractionAndReflects()
    {
        for (double x = 2.5; x < 1e12; x *= 1.07)
        {
            Near(1 / (Math.Sqrt(Math.PI) * Fraction(x)), Eval(TileOp.Erfcx, x), 1.5e-15, $"erfcx {x}");
        }

        for (double x = -3; x < 3; x += 0.0173)
        {
            Near(Math.Exp(x * x) * SpecialFunctions.Erfc(x), Eval(TileOp.Erfcx, x), 3e-15, $"erfcx {x}");
            Near(2 * Math.Exp(x * x), Eval(TileOp.Erfcx, x) + Eval(TileOp.Erfcx, -x), 3e-15, $"reflection {x}");
        }

        Assert.Equal(double.PositiveInfinity, Eval(TileOp.Erfcx, -30));
        Assert.Equal(0, Eval(TileOp.Erfcx, double.PositiveInfinity));
    }

    [Fact]
    public void LogNormalCdfInBothTails()
    {
        for (double x = -30; x < 8; x += 0.0171)
        {
            double tail = SpecialFunctions.Erfc(Math.Abs(x) / Math.Sqrt(2)) / 2;
            double expected = x < 0 ? Math.Log(tail) : tail > 0.1 ? Math.Log(1 - tail) : -(tail + (tail * tail / 2) + Rest(tail));
            Near(expected, Eval(TileOp.LogNormalCdf, x), 1e-14, $"log Φ {x}");
        }

        // Where Φ itself underflows: -x²/2 - log(-x √(2π)) + log(1 - 1/x² + 3/x⁴ - …).
        double far = -1000;
        Near((-far * far / 2) - Math.Log(-far * Math.Sqrt(2 * Math.PI)) - 1e-6, Eval(TileOp.LogNormalCdf, far), 1e-14, "log Φ(-1000)");
        Assert.Equal(double.NegativeInfinity, Eval(TileOp.LogNormalCdf, double.NegativeInfinity));
        Assert.Equal(0, Eval(TileOp.LogNormalCdf, double.PositiveInfinity));

        static double Rest(double t)
        {
            double sum = 0;
            for (int k = 30; k >= 3; k--)
            {
                sum += Math.Pow(t, k) / k;
            }

            return sum;
        }
    }

    [Fact]
    public void LogGammaIsTheLogarithmOfFactorialsAndHalfIntegers()
    {
        double factorial = 1, half = Math.Sqrt(Math.PI);
        for (int n = 1; n < 150; n++)
        {
            Near(Math.Log(factorial), Eval(TileOp.LogGamma, n), 2e-15, $"Γ({n})");
            Near(Math.Log(half), Eval(TileOp.LogGamma, n - 0.5), 3e-15, $"Γ({n} - ½)");
            factorial *= n;
            half *= n - 0.5;
        }
    }

    [Fact]
    public void LogGammaKeepsItsDigitsAtItsZeros()
    {
        foreach (double z in (double[])[1e-3, -1e-3, 1e-6, -1e-8, 1e-12])
        {
            // log Γ(1 + z) = -γz + ζ(2) z²/2 - ζ(3) z³/3 + …, and log Γ(2 + z) adds log(1 + z).
            double near = z * (-Constants.EulerMascheroni + (z * ((Math.PI * Math.PI / 12) + (z * (-0.40068563438653143 + (z * 0.27058080842778454))))));
            double x = 1 + z;
            Near(near, Eval(TileOp.LogGamma, x), 1e-11 + (3e-16 / Math.Abs(z)), $"log Γ(1 + {z})");
            Near(near + ScalarFunctions.Log1p(z), Eval(TileOp.LogGamma, 2 + z), 1e-11 + (1e-15 / Math.Abs(z)), $"log Γ(2 + {z})");
        }
    }

    [Fact]
    public void LogGammaAgreesBetweenItsBranchesAndBelowZero()
    {
        for (double x = 0.013; x < 60; x += 0.0517)
        {
            double next = Eval(TileOp.LogGamma, x + 1), here = Eval(TileOp.LogGamma, x);
            Assert.Equal(here + Math.Log(x), next, 4e-15 * Math.Max(1, Math.Abs(next)));
            Assert.Equal(SpecialFunctions.GammaLn(x), here, 1e-13 * Math.Max(1, Math.Abs(here)));
        }

        for (double x = -20.37; x < 0; x += 0.21)
        {
            double next = Eval(TileOp.LogGamma, x + 1), here = Eval(TileOp.LogGamma, x);
            Assert.Equal(here + Math.Log(-x), next, 1e-14 * Math.Max(1, Math.Abs(x)));
        }

        foreach (double x in (double[])[0, -1, -2, -1e20, double.PositiveInfinity, double.NegativeInfinity])
        {
            Assert.Equal(double.PositiveInfinity, Eval(TileOp.LogGamma, x));
        }
    }

    [Fact]
    public void PolygammaHasItsKnownValues()
    {
        Near(-Constants.EulerMascheroni, Polygamma(0, 1), 2e-15, "ψ(1)");
        Near(-Constants.EulerMascheroni - (2 * Math.Log(2)), Polygamma(0, 0.5), 2e-15, "ψ(½)");
        Near(Math.PI * Math.PI / 6, Polygamma(1, 1), 1e-15, "ψ′(1)");
        Near(Math.PI * Math.PI / 2, Polygamma(1, 0.5), 1e-15, "ψ′(½)");
        Near(Math.Pow(Math.PI, 4) / 15, Polygamma(3, 1), 2e-15, "ψ‴(1)");
        Near(Math.Pow(Math.PI, 4), Polygamma(3, 0.5), 2e-15, "ψ‴(½)");
        Assert.True(double.IsNaN(Polygamma(0, -3)));
        Assert.Equal(double.PositiveInfinity, Polygamma(1, 0));
        Assert.True(double.IsNaN(TileKernels.Eval(TileOp.Polygamma, 0.5, 1, 0)));
        Assert.True(double.IsNaN(TileKernels.Eval(TileOp.Polygamma, -1, 1, 0)));
    }

    [Fact]
    public void PolygammaSatisfiesItsRecurrenceAndDuplication()
    {
        double factorial = 1;
        for (int n = 0; n <= 12; n++)
        {
            factorial *= Math.Max(n, 1);
            double sign = n % 2 == 0 ? 1 : -1;
            for (double x = -4.83; x < 40; x += 0.31)
            {
                double here = Polygamma(n, x), next = Polygamma(n, x + 1), step = sign * factorial * Math.Pow(x, -n - 1);
                Assert.Equal(here + step, next, 2e-13 * (1 + Math.Abs(here) + Math.Abs(step)));
                if (x > 0)
                {
                    // 2^(n+1) ψₙ(2x) = ψₙ(x) + ψₙ(x + ½), plus 2 log 2 for n = 0 (6.4.8).
                    double sum = here + Polygamma(n, x + 0.5) + (n == 0 ? 2 * Math.Log(2) : 0);
                    Assert.Equal(Math.Pow(2, n + 1) * Polygamma(n, 2 * x), sum, 1e-13 * (Math.Abs(here) + 1e-3));
                }
            }
        }
    }
}
