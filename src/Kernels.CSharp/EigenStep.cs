using System;

namespace Hesse.Kernels;

/// <summary>Eigenvalues or eigenvectors of symmetric matrices; only the lower triangle of each is read.</summary>
/// <remarks>
/// Values ascend. Vectors are in columns, in the order of the values; the first of the largest elements of each (to 10⁻⁸) is positive, so that
/// the libraries agree. Allocates its working memory, whose size only LAPACK knows.
/// </remarks>
/// <param name="vectors">Whether vectors are computed, else values.</param>
/// <param name="batch">Number of matrices.</param>
/// <param name="n">Order of each.</param>
/// <param name="source">Slot read, shape [batch; n; n].</param>
/// <param name="target">Slot written, shape [batch; n; n] for vectors, [batch; n] for values.</param>
public sealed unsafe class EigenStep(bool vectors, int batch, int n, int source, int target)
    : MatrixStep(vectors ? "eigenvectors" : "eigenvalues", batch, n, n, source, target, vectors ? (long)n * n : n)
{
    /// <inheritdoc/>
    protected override void RunOne(double* a, double* result)
    {
        int n = Rows;
        double[] lower = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            new ReadOnlySpan<double>(a + ((long)i * n), i + 1).CopyTo(lower.AsSpan(i * n));
        }

        (double[] w, double[]? v) = LinearAlgebra.SymmetricEigen(lower, n, vectors);
        if (v is not null)
        {
            FixSigns(v, n);
        }

        (v ?? w).CopyTo(new Span<double>(result, (v ?? w).Length));
    }

    private static void FixSigns(double[] v, int n)
    {
        for (int j = 0; j < n; j++)
        {
            double largest = 0;
            for (int i = 0; i < n; i++)
            {
                double x = v[(i * n) + j];
                largest = Math.Abs(x) > Math.Abs(largest) * (1 + 1e-8) ? x : largest;
            }

            for (int i = 0; largest < 0 && i < n; i++)
            {
                v[(i * n) + j] = -v[(i * n) + j];
            }
        }
    }
}
