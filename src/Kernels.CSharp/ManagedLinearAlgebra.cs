using System;
using System.Numerics;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Double;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Hesse.Kernels;

/// <summary>The linear algebra routines without a native library: MathNet.Numerics and a few loops.</summary>
internal static class ManagedLinearAlgebra
{
    public static (double[] Values, double[]? Vectors) SymmetricEigen(double[] a, int n, bool vectors)
    {
        if (n == 0)
        {
            return ([], vectors ? [] : null);
        }

        DenseMatrix matrix = DenseMatrix.Create(n, n, (i, j) => a[(Math.Max(i, j) * n) + Math.Min(i, j)]);
        Evd<double> evd = matrix.Evd(Symmetricity.Symmetric);
        double[] values = new double[n];
        int[] order = new int[n];
        for (int i = 0; i < n; i++)
        {
            values[i] = evd.EigenValues[i].Real;
            order[i] = i;
        }

        Array.Sort(values, order);
        if (!vectors)
        {
            return (values, null);
        }

        double[] result = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                result[(i * n) + j] = evd.EigenVectors[i, order[j]];
            }
        }

        return (values, result);
    }

    public static (double[] Values, double[] Vectors) SymmetricTridiagonalEigen(double[] diagonal, double[] offDiagonal)
    {
        int n = diagonal.Length;
        double[] full = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            full[(i * n) + i] = diagonal[i];
            if (i + 1 < n)
            {
                full[((i + 1) * n) + i] = offDiagonal[i];
            }
        }

        (double[] values, double[]? vectors) = SymmetricEigen(full, n, true);
        return (values, vectors!);
    }

    public static (double[] U, double[] S, double[] Vt) Svd(double[] a, int m, int n)
    {
        int r = Math.Min(m, n);
        if (r == 0)
        {
            return ([], [], []);
        }

        Svd<double> svd = DenseMatrix.Create(m, n, (i, j) => a[(i * n) + j]).Svd(true);
        double[] u = new double[m * r];
        double[] vt = new double[r * n];
        for (int j = 0; j < r; j++)
        {
            for (int i = 0; i < m; i++)
            {
                u[(i * r) + j] = svd.U[i, j];
            }

            for (int i = 0; i < n; i++)
            {
                vt[(j * n) + i] = svd.VT[j, i];
            }
        }

        return (u, svd.S.ToArray(), vt);
    }

    public static double[] SingularValues(double[] a, int m, int n) =>
        Math.Min(m, n) == 0 ? [] : DenseMatrix.Create(m, n, (i, j) => a[(i * n) + j]).Svd(false).S.ToArray();

    public static double[] Cholesky(double[] a, int n)
    {
        double[] l = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            Span<double> row = l.AsSpan(i * n, n);
            for (int j = 0; j <= i; j++)
            {
                ReadOnlySpan<double> other = l.AsSpan(j * n, j);
                double rest = a[(i * n) + j] - System.Numerics.Tensors.TensorPrimitives.Dot<double>(row[..j], other);
                if (i != j)
                {
                    row[j] = rest / l[(j * n) + j];
                }
                else if (rest > 0)
                {
                    row[i] = Math.Sqrt(rest);
                }
                else
                {
                    throw LinearAlgebraChecks.NotPositiveDefinite(i, n);
                }
            }
        }

        return l;
    }

    public static double[] Solve(double[] a, int n, double[] b, int nrhs)
    {
        if (n == 0 || nrhs == 0)
        {
            return [];
        }

        LU<double> lu = DenseMatrix.Create(n, n, (i, j) => a[(i * n) + j]).LU();
        for (int i = 0; i < n; i++)
        {
            if (lu.U[i, i] == 0)
            {
                throw LinearAlgebraChecks.Singular(i, n);
            }
        }

        Matrix<double> x = lu.Solve(DenseMatrix.Create(n, nrhs, (i, j) => b[(i * nrhs) + j]));
        return x.ToRowMajorArray();
    }

    public static (double[] Re, double[] Im) GeneralEigenvalues(double[] a, int n)
    {
        if (n == 0)
        {
            return ([], []);
        }

        Evd<double> evd = DenseMatrix.Create(n, n, (i, j) => a[(i * n) + j]).Evd(Symmetricity.Asymmetric);
        Complex[] values = evd.EigenValues.ToArray();
        return (Array.ConvertAll(values, z => z.Real), Array.ConvertAll(values, z => z.Imaginary));
    }

    public static (double[] Q, double[] R) Qr(double[] a, int m, int n)
    {
        int r = Math.Min(m, n);
        if (r == 0)
        {
            return (new double[m * r], new double[r * n]);
        }

        // MathNet's thin form needs m ≥ n; for a wide matrix the left m columns decide q, and r follows as qᵀ a.
        QR<double> qr = DenseMatrix.Create(m, r, (i, j) => a[(i * n) + j]).QR(QRMethod.Thin);
        Matrix<double> upper = qr.Q.TransposeThisAndMultiply(DenseMatrix.Create(m, n, (i, j) => a[(i * n) + j]));
        double[] q = qr.Q.ToRowMajorArray();
        double[] result = upper.ToRowMajorArray();
        for (int i = 0; i < r; i++)
        {
            for (int j = 0; j < i; j++)
            {
                result[(i * n) + j] = 0;
            }
        }

        return (q, result);
    }
}
