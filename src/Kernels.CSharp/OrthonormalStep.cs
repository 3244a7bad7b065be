using System;

namespace Hesse.Kernels;

/// <summary>The factor q of thin QR decompositions, for which qᵀ a is upper triangular with no negative diagonal.</summary>
/// <remarks>Allocates its working memory, whose size only LAPACK knows.</remarks>
/// <param name="batch">Number of matrices.</param>
/// <param name="rows">Rows of each.</param>
/// <param name="columns">Columns of each, no more than rows.</param>
/// <param name="source">Slot read, shape [batch; rows; columns].</param>
/// <param name="target">Slot written, shape [batch; rows; columns].</param>
public sealed unsafe class OrthonormalStep(int batch, int rows, int columns, int source, int target)
    : MatrixStep("orthonormal", batch, rows, columns, source, target, (long)rows * columns)
{
    /// <inheritdoc/>
    protected override void RunOne(double* a, double* result)
    {
        int size = Rows * Columns;
        (double[] q, _) = LinearAlgebra.Qr(new ReadOnlySpan<double>(a, size).ToArray(), Rows, Columns);
        q.CopyTo(new Span<double>(result, size));
    }
}
