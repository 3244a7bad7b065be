using System;

namespace Hesse.Kernels;

/// <summary>Decompositions and solvers of dense float64 matrices, row-major. Arguments are not changed.</summary>
/// <remarks>
/// LAPACK of OpenBLAS is used when it is on the machine, MathNet.Numerics otherwise; see <see cref="Backend.LinearAlgebra"/>.
/// Every routine throws <see cref="HesseException"/> for a wrong length or a value that is not finite.
/// </remarks>
public static class LinearAlgebra
{
    /// <summary>Eigenvalues, and optionally eigenvectors, of a symmetric matrix: a = v diag(values) vᵀ.</summary>
    /// <param name="a">Shape [n; n]; only the lower triangle is read.</param>
    /// <param name="n">Order.</param>
    /// <param name="vectors">Whether eigenvectors are wanted.</param>
    /// <returns>Values ascending, shape [n]; vectors in columns, shape [n; n], or null.</returns>
    public static (double[] Values, double[]? Vectors) SymmetricEigen(double[] a, int n, bool vectors)
    {
        LinearAlgebraChecks.Matrix("symmetric eigen", a, n, n);
        return Native is { } lapack ? lapack.SymmetricEigen(a, n, vectors) : ManagedLinearAlgebra.SymmetricEigen(a, n, vectors);
    }

    /// <summary>Eigenvalues and eigenvectors of a symmetric tridiagonal matrix.</summary>
    /// <param name="diagonal">Shape [n].</param>
    /// <param name="offDiagonal">Shape [n - 1].</param>
    /// <returns>Values ascending, shape [n]; vectors in columns, shape [n; n].</returns>
    public static (double[] Values, double[] Vectors) SymmetricTridiagonalEigen(double[] diagonal, double[] offDiagonal)
    {
        LinearAlgebraChecks.Tridiagonal(diagonal, offDiagonal);
        return Native is { } lapack
            ? lapack.SymmetricTridiagonalEigen(diagonal, offDiagonal)
            : ManagedLinearAlgebra.SymmetricTridiagonalEigen(diagonal, offDiagonal);
    }

    /// <summary>Thin singular value decomposition a = u diag(s) vt, with r = min(m, n).</summary>
    /// <param name="a">Shape [m; n].</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns.</param>
    /// <returns>u, shape [m; r]; s descending, shape [r]; vt, shape [r; n].</returns>
    public static (double[] U, double[] S, double[] Vt) Svd(double[] a, int m, int n)
    {
        LinearAlgebraChecks.Matrix("svd", a, m, n);
        return Native is { } lapack ? lapack.Svd(a, m, n) : ManagedLinearAlgebra.Svd(a, m, n);
    }

    /// <summary>Singular values alone.</summary>
    /// <param name="a">Shape [m; n].</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns.</param>
    /// <returns>Values descending, shape [min(m, n)].</returns>
    public static double[] SingularValues(double[] a, int m, int n)
    {
        LinearAlgebraChecks.Matrix("svd", a, m, n);
        return Native is { } lapack ? lapack.SingularValues(a, m, n) : ManagedLinearAlgebra.SingularValues(a, m, n);
    }

    /// <summary>Lower Cholesky factor l of a symmetric positive definite matrix: a = l lᵀ.</summary>
    /// <param name="a">Shape [n; n]; only the lower triangle is read.</param>
    /// <param name="n">Order.</param>
    /// <returns>l, shape [n; n], zero above the diagonal.</returns>
    /// <exception cref="HesseException">A pivot is not positive; the message names it.</exception>
    public static double[] Cholesky(double[] a, int n)
    {
        LinearAlgebraChecks.Matrix("cholesky", a, n, n);
        return Native is { } lapack ? lapack.Cholesky(a, n) : ManagedLinearAlgebra.Cholesky(a, n);
    }

    /// <summary>Solves a x = b by LU factorisation with partial pivoting.</summary>
    /// <param name="a">Shape [n; n].</param>
    /// <param name="n">Order.</param>
    /// <param name="b">Right-hand sides in columns, shape [n; nrhs].</param>
    /// <param name="nrhs">Number of right-hand sides.</param>
    /// <returns>x, shape [n; nrhs].</returns>
    /// <exception cref="HesseException">The matrix is exactly singular; the message names the pivot.</exception>
    public static double[] Solve(double[] a, int n, double[] b, int nrhs)
    {
        LinearAlgebraChecks.Matrix("solve", a, n, n);
        LinearAlgebraChecks.Matrix("solve (right-hand side)", b, n, nrhs);
        return Native is { } lapack ? lapack.Solve(a, n, b, nrhs) : ManagedLinearAlgebra.Solve(a, n, b, nrhs);
    }

    /// <summary>Eigenvalues of a general square matrix, complex pairs next to each other.</summary>
    /// <param name="a">Shape [n; n].</param>
    /// <param name="n">Order.</param>
    /// <returns>Real and imaginary parts, each of shape [n], in no particular order of size.</returns>
    public static (double[] Re, double[] Im) GeneralEigenvalues(double[] a, int n)
    {
        LinearAlgebraChecks.Matrix("general eigenvalues", a, n, n);
        return Native is { } lapack ? lapack.GeneralEigenvalues(a, n) : ManagedLinearAlgebra.GeneralEigenvalues(a, n);
    }

    /// <summary>Thin QR decomposition a = q r with r = min(m, n) columns in q; the diagonal of r is not negative.</summary>
    /// <param name="a">Shape [m; n].</param>
    /// <param name="m">Rows.</param>
    /// <param name="n">Columns.</param>
    /// <returns>q, shape [m; min(m, n)]; r upper triangular, shape [min(m, n); n].</returns>
    public static (double[] Q, double[] R) Qr(double[] a, int m, int n)
    {
        LinearAlgebraChecks.Matrix("qr", a, m, n);
        (double[] q, double[] upper) = Native is { } lapack ? lapack.Qr(a, m, n) : ManagedLinearAlgebra.Qr(a, m, n);
        FixSigns(q, upper, m, n);
        return (q, upper);
    }

    private static NativeLapack? Native
    {
        get
        {
            OpenBlas? blas = OpenBlas.Instance;
            blas?.UseThreads(blas.Threads);
            return blas?.Lapack;
        }
    }

    /// <summary>Makes the diagonal of r not negative, which makes the decomposition of a full-rank matrix unique.</summary>
    internal static void FixSigns(double[] q, double[] upper, int m, int n)
    {
        int r = Math.Min(m, n);
        for (int i = 0; i < r; i++)
        {
            if (upper[(i * n) + i] >= 0)
            {
                continue;
            }

            for (int j = i; j < n; j++)
            {
                upper[(i * n) + j] = -upper[(i * n) + j];
            }

            for (int j = 0; j < m; j++)
            {
                q[(j * r) + i] = -q[(j * r) + i];
            }
        }
    }
}
