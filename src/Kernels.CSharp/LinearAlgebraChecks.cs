using System;
using System.Globalization;

namespace Hesse.Kernels;

/// <summary>Argument checks of the linear algebra routines.</summary>
internal static class LinearAlgebraChecks
{
    /// <summary>Throws unless <paramref name="a"/> holds rows × columns finite values.</summary>
    public static void Matrix(string operation, double[] a, int rows, int columns)
    {
        ArgumentNullException.ThrowIfNull(a);
        if (rows < 0 || columns < 0)
        {
            throw new HesseException($"{operation}: sizes must not be negative, got {rows} × {columns}.");
        }

        if (a.LongLength != (long)rows * columns)
        {
            throw new HesseException(
                $"{operation}: expected {rows} × {columns} = {(long)rows * columns} elements, got {a.LongLength}; "
                + "pass the matrix row by row.");
        }

        for (int i = 0; i < a.Length; i++)
        {
            if (!double.IsFinite(a[i]))
            {
                throw new HesseException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{operation}: element [{i / columns}; {i % columns}] is {a[i]}; every element must be finite."));
            }
        }
    }

    /// <summary>Throws unless the two diagonals belong to one matrix and are finite.</summary>
    public static void Tridiagonal(double[] diagonal, double[] offDiagonal)
    {
        ArgumentNullException.ThrowIfNull(diagonal);
        ArgumentNullException.ThrowIfNull(offDiagonal);
        if (offDiagonal.Length != Math.Max(0, diagonal.Length - 1))
        {
            throw new HesseException(
                $"symmetric tridiagonal eigen: a diagonal of {diagonal.Length} needs {Math.Max(0, diagonal.Length - 1)} off-diagonal "
                + $"elements, got {offDiagonal.Length}.");
        }

        Matrix("symmetric tridiagonal eigen (diagonal)", diagonal, 1, diagonal.Length);
        Matrix("symmetric tridiagonal eigen (off-diagonal)", offDiagonal, 1, offDiagonal.Length);
    }

    /// <summary>A matrix is not positive definite.</summary>
    public static HesseException NotPositiveDefinite(int pivot, int n) => new(
        $"cholesky: pivot {pivot} of {n} is not positive, so the matrix is not positive definite; "
        + "check its symmetry, or add a small multiple of the identity (jitter) to the diagonal.");

    /// <summary>A matrix is singular.</summary>
    public static HesseException Singular(int pivot, int n, string operation = "solve") => new(
        $"{operation}: pivot {pivot} of {n} is exactly zero, so the matrix is singular; "
        + "use a least-squares or pseudo-inverse solution, or regularise the diagonal.");

    /// <summary>A triangular matrix is singular.</summary>
    public static HesseException SingularTriangle(int index, int n) => new(
        $"triangular solve: diagonal element {index} of {n} is exactly zero, so the matrix is singular; regularise the diagonal.");

    /// <summary>An iteration did not converge.</summary>
    public static HesseException NoConvergence(string operation, int info) => new(
        $"{operation}: the iteration did not converge (LAPACK info {info}); scale the matrix to moderate values and try again.");
}
