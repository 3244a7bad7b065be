using System;
using System.Numerics.Tensors;

namespace Hesse.Kernels;

/// <summary>The matrix exponential by scaling, the [13/13] Padé approximant and squaring (Higham 2005, algorithm 2.3).</summary>
internal static unsafe class MatrixExponential
{
    /// <summary>Up to this 1-norm the approximant is exact to rounding (Higham 2005, table 2.3).</summary>
    private const double LargestNorm = 5.371920351148152;

    /// <summary>Coefficients of the approximant's numerator, constant first.</summary>
    private static readonly double[] Pade =
    [
        64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800,
        33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
    ];

    /// <summary>Largest sum of absolute values in a column.</summary>
    public static double Norm(ReadOnlySpan<double> a, int n)
    {
        double[] sums = new double[n];
        for (int i = 0; i < a.Length; i++)
        {
            sums[i % n] += Math.Abs(a[i]);
        }

        return n == 0 ? 0 : TensorPrimitives.Max<double>(sums);
    }

    /// <summary>e to the power of a row-major n × n matrix with finite elements.</summary>
    public static double[] Of(double[] a, int n)
    {
        double norm = Norm(a, n);
        int squarings = norm > LargestNorm ? (int)Math.Ceiling(Math.Log2(norm / LargestNorm)) : 0;
        double[] x = new double[a.Length];
        TensorPrimitives.Multiply(a, Math.ScaleB(1, -squarings), x);
        double[] x2 = Product(x, x, n);
        double[] x4 = Product(x2, x2, n);
        double[] x6 = Product(x2, x4, n);

        // Odd part x·(…) and even part of the numerator; the denominator has the odd part negated.
        double[] odd = Product(x, HalfOf(1, x2, x4, x6, n), n);
        double[] even = HalfOf(0, x2, x4, x6, n);
        double[] numerator = new double[a.Length];
        double[] denominator = new double[a.Length];
        TensorPrimitives.Add<double>(even, odd, numerator);
        TensorPrimitives.Subtract<double>(even, odd, denominator);
        double[] result = LinearAlgebra.Solve(denominator, n, numerator, n);
        for (int i = 0; i < squarings; i++)
        {
            result = Product(result, result, n);
        }

        return result;
    }

    /// <summary>x6 (p₁₂₊ x6 + p₁₀₊ x4 + p₈₊ x2) + p₆₊ x6 + p₄₊ x4 + p₂₊ x2 + p₀₊ I, with indices moved by <paramref name="parity"/>.</summary>
    private static double[] HalfOf(int parity, double[] x2, double[] x4, double[] x6, int n)
    {
        double[] Combine(int k)
        {
            double[] sum = new double[x2.Length];
            TensorPrimitives.MultiplyAdd(x2, Pade[k + parity], sum, sum);
            TensorPrimitives.MultiplyAdd(x4, Pade[k + 2 + parity], sum, sum);
            TensorPrimitives.MultiplyAdd(x6, Pade[k + 4 + parity], sum, sum);
            return sum;
        }

        double[] total = Product(x6, Combine(8), n);
        TensorPrimitives.Add<double>(total, Combine(2), total);
        for (int i = 0; i < n; i++)
        {
            total[(i * n) + i] += Pade[parity];
        }

        return total;
    }

    private static double[] Product(double[] a, double[] b, int n)
    {
        double[] c = new double[a.Length];
        fixed (double* pa = a, pb = b, pc = c)
        {
            Gemm.Multiply(false, false, n, n, n, pa, n, pb, n, pc, n);
        }

        return c;
    }
}
