using System;

namespace Hesse.Kernels;

/// <summary>Moore-Penrose inverses, by singular values; those up to a limit count as zero.</summary>
/// <remarks>Allocates its working memory, whose size only LAPACK knows.</remarks>
/// <param name="tolerance">The limit, relative to the largest singular value.</param>
/// <param name="batch">Number of matrices.</param>
/// <param name="rows">Rows of each.</param>
/// <param name="columns">Columns of each.</param>
/// <param name="source">Slot read, shape [batch; rows; columns].</param>
/// <param name="target">Slot written, shape [batch; columns; rows].</param>
public sealed unsafe class PseudoInverseStep(double tolerance, int batch, int rows, int columns, int source, int target)
    : MatrixStep("pseudo-inverse", batch, rows, columns, source, target, (long)rows * columns)
{
    /// <inheritdoc/>
    protected override void RunOne(double* a, double* result)
    {
        int m = Rows;
        int n = Columns;
        (double[] u, double[] s, double[] vt) = LinearAlgebra.Svd(new ReadOnlySpan<double>(a, m * n).ToArray(), m, n);
        int r = s.Length;
        for (int k = 0; k < r; k++)
        {
            double factor = s[k] > tolerance * s[0] ? 1 / s[k] : 0;
            System.Numerics.Tensors.TensorPrimitives.Multiply<double>(vt.AsSpan(k * n, n), factor, vt.AsSpan(k * n, n));
        }

        fixed (double* left = u, right = vt)
        {
            Gemm.Multiply(true, true, n, m, r, right, n, left, r, result, m);
        }
    }
}
