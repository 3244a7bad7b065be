using System;

namespace Hesse.Kernels;

/// <summary>Singular values of matrices with no more columns than rows, alone or with the singular vectors below them.</summary>
/// <remarks>
/// Values descend. Vectors are in columns, in the order of the values; the first of the largest elements of each right vector (to 10⁻⁸) is
/// positive, and the left vector goes with it. Allocates its working memory, whose size only LAPACK knows.
/// </remarks>
/// <param name="vectors">Whether vectors are computed too.</param>
/// <param name="batch">Number of matrices.</param>
/// <param name="rows">Rows of each.</param>
/// <param name="columns">Columns of each, no more than rows.</param>
/// <param name="source">Slot read, shape [batch; rows; columns].</param>
/// <param name="target">
/// Slot written: [batch; 1 + rows + columns; columns] with vectors (the values are the first row, then come the left vectors, then the
/// right ones), else [batch; columns].
/// </param>
public sealed unsafe class SvdStep(bool vectors, int batch, int rows, int columns, int source, int target)
    : MatrixStep(
        vectors ? "svd" : "singular values",
        batch,
        rows,
        columns,
        source,
        target,
        vectors ? (1L + rows + columns) * columns : columns)
{
    /// <inheritdoc/>
    protected override void RunOne(double* a, double* result)
    {
        int m = Rows;
        int n = Columns;
        double[] matrix = new ReadOnlySpan<double>(a, m * n).ToArray();
        if (!vectors)
        {
            LinearAlgebra.SingularValues(matrix, m, n).CopyTo(new Span<double>(result, n));
            return;
        }

        (double[] u, double[] s, double[] vt) = LinearAlgebra.Svd(matrix, m, n);
        double* left = result + n;
        double* right = left + ((long)m * n);
        s.CopyTo(new Span<double>(result, n));
        u.CopyTo(new Span<double>(left, m * n));
        fixed (double* rowsOfV = vt)
        {
            Transpose.Run(rowsOfV, n, right, n, n, n);
        }

        VectorSigns.Fix(right, n, n, left, m);
    }
}
