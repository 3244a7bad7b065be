using System;

namespace Hesse.Kernels;

/// <summary>What a <see cref="DeterminantStep"/> computes.</summary>
public enum DeterminantPart
{
    /// <summary>The determinant.</summary>
    Value,

    /// <summary>−1, 0 or 1.</summary>
    Sign,

    /// <summary>Logarithm of its absolute value; −∞ for a singular matrix.</summary>
    LogAbsolute,
}

/// <summary>Determinants by LU factorisation. Allocates nothing.</summary>
/// <param name="part">What is computed.</param>
/// <param name="batch">Number of matrices.</param>
/// <param name="n">Order of each.</param>
/// <param name="source">Slot read, shape [batch; n; n].</param>
/// <param name="target">Slot written, shape [batch].</param>
public sealed unsafe class DeterminantStep(DeterminantPart part, int batch, int n, int source, int target)
    : MatrixStep($"determinant ({part})", batch, n, n, source, target, 1)
{
    /// <inheritdoc/>
    protected override void RunOne(double* a, double* result)
    {
        int n = Rows;
        double* factors = Scratch.ForStep(LuFactors.Size(n));
        int* pivots = LuFactors.Pivots(factors, n);
        Memory.Copy(a, factors, (long)n * n);
        LuFactors.Factor(factors, n, pivots);
        double product = 1;
        double logarithm = 0;
        double sign = 1;
        for (int k = 0; k < n; k++)
        {
            double pivot = factors[((long)k * n) + k];
            double exchange = pivots[k] == k + 1 ? 1 : -1;
            product *= exchange * pivot;
            sign *= exchange * (double.IsNaN(pivot) ? pivot : Math.Sign(pivot));
            logarithm += Math.Log(Math.Abs(pivot));
        }

        *result = part switch
        {
            DeterminantPart.Sign => sign,
            DeterminantPart.LogAbsolute => logarithm,
            _ => product,
        };
    }
}
