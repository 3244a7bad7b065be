using System;
using MathNet.Numerics;

namespace Hesse.Kernels;

/// <summary>Scalar references of the functions that <see cref="Math"/> lacks, written independently of the vector code.</summary>
internal static class ScalarFunctions
{
    /// <summary>
    /// e^x - 1 from u = e^x by Kahan's correction (u - 1) x / log u (Higham, Accuracy and Stability of Numerical Algorithms,
    /// 2nd ed., §1.14.1).
    /// </summary>
    public static double Expm1(double x)
    {
        double u = Math.Exp(x);
        return u == 1 ? x : u == 0 || double.IsInfinity(u) || Math.Abs(x) > 40 ? u - 1 : (u - 1) * (x / Math.Log(u));
    }

    /// <summary>log(1 + x) by the same correction, from u = 1 + x.</summary>
    public static double Log1p(double x)
    {
        double u = 1 + x;
        return u == 1 || double.IsPositiveInfinity(u) ? x : u <= 0 ? Math.Log(u) : Math.Log(u) * (x / (u - 1));
    }

    /// <summary>1 / (1 + e^-x), accurate in both tails.</summary>
    public static double Sigmoid(double x)
    {
        double e = Math.Exp(-Math.Abs(x));
        return (x < 0 ? e : 1) / (1 + e);
    }

    /// <summary>The error function.</summary>
    public static double Erf(double x) => double.IsNaN(x) ? x : SpecialFunctions.Erf(x);
}
