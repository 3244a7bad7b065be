using System;

namespace Hesse.Kernels;

/// <summary>Eigenvalues of symmetric matrices, alone or with the eigenvectors below them; only the lower triangle of each is read.</summary>
/// <remarks>
/// Values ascend. Vectors are in columns, in the order of the values; the first of the largest elements of each (to 10⁻⁸) is positive, so that
/// the libraries agree. Allocates its working memory, whose size only LAPACK knows.
/// </remarks>
/// <param name="vectors">Whether vectors are computed too.</param>
/// <param name="batch">Number of matrices.</param>
/// <param name="n">Order of each.</param>
/// <param name="source">Slot read, shape [batch; n; n].</param>
/// <param name="target">Slot written, shape [batch; n + 1; n] with vectors (the values are the first row), else [batch; n].</param>
public sealed unsafe class EigenStep(bool vectors, int batch, int n, int source, int target)
    : MatrixStep(vectors ? "eigen" : "eigenvalues", batch, n, n, source, target, vectors ? (long)n * (n + 1) : n)
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
        w.CopyTo(new Span<double>(result, n));
        if (v is not null)
        {
            v.CopyTo(new Span<double>(result + n, v.Length));
            VectorSigns.Fix(result + n, n, n, null, 0);
        }
    }
}
