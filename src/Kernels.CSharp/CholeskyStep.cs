using System;

namespace Hesse.Kernels;

/// <summary>Lower Cholesky factors; only the lower triangle of each matrix is read. Allocates nothing.</summary>
/// <param name="batch">Number of matrices.</param>
/// <param name="n">Order of each.</param>
/// <param name="source">Slot read, shape [batch; n; n].</param>
/// <param name="target">Slot written, shape [batch; n; n]; zero above the diagonals.</param>
public sealed unsafe class CholeskyStep(int batch, int n, int source, int target)
    : MatrixStep("cholesky", batch, n, n, source, target, (long)n * n)
{
    /// <inheritdoc/>
    protected override void RunOne(double* a, double* result)
    {
        int n = Rows;
        Memory.Copy(a, result, (long)n * n);
        if (n == 0)
        {
            return;
        }

        int failed = OpenBlas.LapackFor(n) is { } lapack ? lapack.Cholesky(result, n) : Factor(result, n);
        if (failed > 0)
        {
            throw LinearAlgebraChecks.NotPositiveDefinite(failed - 1, n);
        }

        for (int i = 0; i < n; i++)
        {
            new Span<double>(result + ((long)i * n) + i + 1, n - i - 1).Clear();

            // LAPACK lets a pivot that is not a number pass.
            if (!double.IsFinite(result[((long)i * n) + i]))
            {
                throw LinearAlgebraChecks.NotPositiveDefinite(i, n);
            }
        }
    }

    /// <summary>Row by row, in place; the number (from 1) of the first pivot that is not positive, or 0.</summary>
    private static int Factor(double* a, int n)
    {
        for (int i = 0; i < n; i++)
        {
            double* row = a + ((long)i * n);
            for (int j = 0; j <= i; j++)
            {
                double* other = a + ((long)j * n);
                double rest = row[j] - System.Numerics.Tensors.TensorPrimitives.Dot(
                    new ReadOnlySpan<double>(row, j), new ReadOnlySpan<double>(other, j));
                if (j < i)
                {
                    row[j] = rest / other[j];
                }
                else if (rest > 0)
                {
                    row[i] = Math.Sqrt(rest);
                }
                else
                {
                    return i + 1;
                }
            }
        }

        return 0;
    }
}
