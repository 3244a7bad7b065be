using System;
using System.Runtime.InteropServices;

namespace Hesse.Kernels;

/// <summary>The Fortran LAPACK symbols of a library. Matrices cross column-major; the comments say how that is used.</summary>
/// <remarks>Every character argument is followed, at the end of the list, by its hidden length, as gfortran expects.</remarks>
internal sealed unsafe class NativeLapack
{
    private readonly delegate* unmanaged[Cdecl]<
        byte*, byte*, int*, double*, int*, double*, double*, int*, int*, int*, int*, nint, nint, void> dsyevd;
    private readonly delegate* unmanaged[Cdecl]<
        byte*, int*, double*, double*, double*, int*, double*, int*, int*, int*, int*, nint, void> dstevd;
    private readonly delegate* unmanaged[Cdecl]<
        byte*, int*, int*, double*, int*, double*, double*, int*, double*, int*, double*, int*, int*, int*, nint, void> dgesdd;
    private readonly delegate* unmanaged[Cdecl]<byte*, int*, double*, int*, int*, nint, void> dpotrf;
    private readonly delegate* unmanaged[Cdecl]<int*, int*, double*, int*, int*, int*, void> dgetrf;
    private readonly delegate* unmanaged[Cdecl]<byte*, int*, int*, double*, int*, int*, double*, int*, int*, nint, void> dgetrs;
    private readonly delegate* unmanaged[Cdecl]<
        byte*, byte*, int*, double*, int*, double*, double*, double*, int*, double*, int*, double*, int*, int*, nint, nint, void> dgeev;
    private readonly delegate* unmanaged[Cdecl]<int*, int*, double*, int*, double*, double*, int*, int*, void> dgeqrf;
    private readonly delegate* unmanaged[Cdecl]<int*, int*, int*, double*, int*, double*, double*, int*, int*, void> dorgqr;
    private readonly delegate* unmanaged[Cdecl]<
        byte*, byte*, byte*, byte*, int*, int*, double*, double*, int*, double*, int*, nint, nint, nint, nint, void> dtrsm;

    private NativeLapack(nint[] s)
    {
        dsyevd = (delegate* unmanaged[Cdecl]<
            byte*, byte*, int*, double*, int*, double*, double*, int*, int*, int*, int*, nint, nint, void>)s[0];
        dstevd = (delegate* unmanaged[Cdecl]<
            byte*, int*, double*, double*, double*, int*, double*, int*, int*, int*, int*, nint, void>)s[1];
        dgesdd = (delegate* unmanaged[Cdecl]<
            byte*, int*, int*, double*, int*, double*, double*, int*, double*, int*, double*, int*, int*, int*, nint, void>)s[2];
        dpotrf = (delegate* unmanaged[Cdecl]<byte*, int*, double*, int*, int*, nint, void>)s[3];
        dgetrf = (delegate* unmanaged[Cdecl]<int*, int*, double*, int*, int*, int*, void>)s[4];
        dgetrs = (delegate* unmanaged[Cdecl]<byte*, int*, int*, double*, int*, int*, double*, int*, int*, nint, void>)s[5];
        dgeev = (delegate* unmanaged[Cdecl]<
            byte*, byte*, int*, double*, int*, double*, double*, double*, int*, double*, int*, double*, int*, int*, nint, nint, void>)s[6];
        dgeqrf = (delegate* unmanaged[Cdecl]<int*, int*, double*, int*, double*, double*, int*, int*, void>)s[7];
        dorgqr = (delegate* unmanaged[Cdecl]<int*, int*, int*, double*, int*, double*, double*, int*, int*, void>)s[8];
        dtrsm = (delegate* unmanaged[Cdecl]<
            byte*, byte*, byte*, byte*, int*, int*, double*, double*, int*, double*, int*, nint, nint, nint, nint, void>)s[9];
    }

    /// <summary>Binds the symbols, or returns null when one is missing.</summary>
    public static NativeLapack? TryLoad(nint library)
    {
        string[] names = ["dsyevd_", "dstevd_", "dgesdd_", "dpotrf_", "dgetrf_", "dgetrs_", "dgeev_", "dgeqrf_", "dorgqr_", "dtrsm_"];
        nint[] symbols = new nint[names.Length];
        for (int i = 0; i < names.Length; i++)
        {
            if (!NativeLibrary.TryGetExport(library, names[i], out symbols[i]))
            {
                return null;
            }
        }

        return new NativeLapack(symbols);
    }

    /// <summary>As <see cref="LinearAlgebra.SymmetricEigen"/>. The lower triangle by rows is the upper one by columns.</summary>
    public (double[] Values, double[]? Vectors) SymmetricEigen(double[] a, int n, bool vectors)
    {
        if (n == 0)
        {
            return ([], vectors ? [] : null);
        }

        double[] v = [.. a];
        double[] w = new double[n];
        byte job = (byte)(vectors ? 'V' : 'N');
        byte part = (byte)'U';
        int info;
        int workSize = -1;
        int integerSize = -1;
        double workBest;
        int integerBest;
        fixed (double* pv = v, pw = w)
        {
            dsyevd(&job, &part, &n, pv, &n, pw, &workBest, &workSize, &integerBest, &integerSize, &info, 1, 1);
            workSize = (int)workBest;
            integerSize = integerBest;
            double[] work = new double[workSize];
            int[] integers = new int[integerSize];
            fixed (double* pWork = work)
            fixed (int* pIntegers = integers)
            {
                dsyevd(&job, &part, &n, pv, &n, pw, pWork, &workSize, pIntegers, &integerSize, &info, 1, 1);
            }
        }

        Check("symmetric eigen", info);
        return (w, vectors ? Transposed(v, n, n) : null);
    }

    /// <summary>As <see cref="LinearAlgebra.SymmetricTridiagonalEigen"/>.</summary>
    public (double[] Values, double[] Vectors) SymmetricTridiagonalEigen(double[] diagonal, double[] offDiagonal)
    {
        int n = diagonal.Length;
        if (n == 0)
        {
            return ([], []);
        }

        double[] d = [.. diagonal];
        double[] e = [.. offDiagonal, 0.0];
        double[] z = new double[n * n];
        byte job = (byte)'V';
        int info;
        int workSize = -1;
        int integerSize = -1;
        double workBest;
        int integerBest;
        fixed (double* pd = d, pe = e, pz = z)
        {
            dstevd(&job, &n, pd, pe, pz, &n, &workBest, &workSize, &integerBest, &integerSize, &info, 1);
            workSize = (int)workBest;
            integerSize = integerBest;
            double[] work = new double[workSize];
            int[] integers = new int[integerSize];
            fixed (double* pWork = work)
            fixed (int* pIntegers = integers)
            {
                dstevd(&job, &n, pd, pe, pz, &n, pWork, &workSize, pIntegers, &integerSize, &info, 1);
            }
        }

        Check("symmetric tridiagonal eigen", info);
        return (d, Transposed(z, n, n));
    }

    /// <summary>
    /// As <see cref="LinearAlgebra.Svd"/>. By columns the memory of a is aᵀ = u' s v'ᵀ, so the factors come back exchanged and
    /// already in place: v'ᵀ by columns is u by rows.
    /// </summary>
    public (double[] U, double[] S, double[] Vt) Svd(double[] a, int m, int n)
    {
        int r = Math.Min(m, n);
        if (r == 0)
        {
            return ([], [], []);
        }

        double[] s = new double[r];
        double[] u = new double[m * r];
        double[] vt = new double[r * n];
        Svd('S', a, m, n, u, s, vt);
        return (u, s, vt);
    }

    /// <summary>As <see cref="LinearAlgebra.SingularValues"/>.</summary>
    public double[] SingularValues(double[] a, int m, int n)
    {
        double[] s = new double[Math.Min(m, n)];
        if (s.Length > 0)
        {
            Svd('N', a, m, n, [], s, []);
        }

        return s;
    }

    private void Svd(char wanted, double[] a, int m, int n, double[] u, double[] s, double[] vt)
    {
        int r = s.Length;
        double[] copy = [.. a];
        int[] integers = new int[8 * r];
        byte job = (byte)wanted;
        int info;
        int size = -1;
        double best;
        fixed (double* pa = copy, ps = s, pu = u, pvt = vt)
        fixed (int* pIntegers = integers)
        {
            dgesdd(&job, &n, &m, pa, &n, ps, pvt, &n, pu, &r, &best, &size, pIntegers, &info, 1);
            size = (int)best;
            double[] work = new double[size];
            fixed (double* pWork = work)
            {
                dgesdd(&job, &n, &m, pa, &n, ps, pvt, &n, pu, &r, pWork, &size, pIntegers, &info, 1);
            }
        }

        Check("svd", info);
    }

    /// <summary>As <see cref="LinearAlgebra.Cholesky"/>. The upper factor by columns is the lower one by rows.</summary>
    public double[] Cholesky(double[] a, int n)
    {
        if (n == 0)
        {
            return [];
        }

        double[] l = [.. a];
        byte part = (byte)'U';
        int info;
        fixed (double* pl = l)
        {
            dpotrf(&part, &n, pl, &n, &info, 1);
        }

        if (info > 0)
        {
            throw LinearAlgebraChecks.NotPositiveDefinite(info - 1, n);
        }

        Check("cholesky", info);
        for (int i = 0; i < n; i++)
        {
            l.AsSpan((i * n) + i + 1, n - i - 1).Clear();
        }

        return l;
    }

    /// <summary>As <see cref="LinearAlgebra.Solve"/>. The factors are those of aᵀ, so the transposed system is solved.</summary>
    public double[] Solve(double[] a, int n, double[] b, int nrhs)
    {
        if (n == 0 || nrhs == 0)
        {
            return [];
        }

        double[] lu = [.. a];
        double[] x = Transposed(b, n, nrhs);
        int[] pivots = new int[n];
        byte transposed = (byte)'T';
        int info;
        fixed (double* pa = lu, px = x)
        fixed (int* pp = pivots)
        {
            dgetrf(&n, &n, pa, &n, pp, &info);
            if (info > 0)
            {
                throw LinearAlgebraChecks.Singular(info - 1, n);
            }

            Check("solve", info);
            dgetrs(&transposed, &n, &nrhs, pa, &n, pp, px, &n, &info, 1);
        }

        Check("solve", info);
        return Transposed(x, nrhs, n);
    }

    /// <summary>As <see cref="LinearAlgebra.GeneralEigenvalues"/>; a and aᵀ have the same eigenvalues.</summary>
    public (double[] Re, double[] Im) GeneralEigenvalues(double[] a, int n)
    {
        if (n == 0)
        {
            return ([], []);
        }

        double[] copy = [.. a];
        double[] re = new double[n];
        double[] im = new double[n];
        byte none = (byte)'N';
        int one = 1;
        int info;
        int size = -1;
        double best;
        fixed (double* pa = copy, pr = re, pi = im)
        {
            dgeev(&none, &none, &n, pa, &n, pr, pi, null, &one, null, &one, &best, &size, &info, 1, 1);
            size = (int)best;
            double[] work = new double[size];
            fixed (double* pWork = work)
            {
                dgeev(&none, &none, &n, pa, &n, pr, pi, null, &one, null, &one, pWork, &size, &info, 1, 1);
            }
        }

        Check("general eigenvalues", info);
        return (re, im);
    }

    /// <summary>As <see cref="LinearAlgebra.Qr"/>, without the choice of signs.</summary>
    public (double[] Q, double[] R) Qr(double[] a, int m, int n)
    {
        int r = Math.Min(m, n);
        if (r == 0)
        {
            return (new double[m * r], new double[r * n]);
        }

        double[] columns = Transposed(a, m, n);
        double[] tau = new double[r];
        double[] upper = new double[r * n];
        double[] work = new double[64 * Math.Max(m, n)];
        int size = work.Length;
        int info;
        fixed (double* pc = columns, pt = tau, pWork = work)
        {
            dgeqrf(&m, &n, pc, &m, pt, pWork, &size, &info);
            Check("qr", info);
            for (int i = 0; i < r; i++)
            {
                for (int j = i; j < n; j++)
                {
                    upper[(i * n) + j] = columns[(j * m) + i];
                }
            }

            dorgqr(&m, &r, &r, pc, &m, pt, pWork, &size, &info);
        }

        Check("qr", info);
        return (Transposed(columns[..(m * r)], r, m), upper);
    }

    /// <summary>Lower factor by rows, in place; the number (from 1) of the first pivot that is not positive, or 0.</summary>
    public int Cholesky(double* l, int n)
    {
        byte part = (byte)'U';
        int info;
        dpotrf(&part, &n, l, &n, &info, 1);
        return info;
    }

    /// <summary>LU factors of a column-major matrix, in place.</summary>
    public void Lu(double* a, int n, int* pivots)
    {
        int info;
        int lead = Math.Max(1, n);
        dgetrf(&n, &n, a, &lead, pivots, &info);
    }

    /// <summary>As <see cref="LuFactors.Solve"/>.</summary>
    public void LuSolve(double* factors, int n, int* pivots, bool transposed, double* columns, int count)
    {
        byte operation = (byte)(transposed ? 'T' : 'N');
        int info;
        dgetrs(&operation, &n, &count, factors, &n, pivots, columns, &n, &info, 1);
    }

    /// <summary>Solves op(a) x = b in place. By columns the memory holds aᵀ and xᵀ, so that xᵀ op(a)ᵀ = bᵀ is solved.</summary>
    public void TriangularSolve(double* a, int n, bool lower, bool transposed, double* b, int count)
    {
        byte side = (byte)'R';
        byte part = (byte)(lower ? 'U' : 'L');
        byte operation = (byte)(transposed ? 'T' : 'N');
        byte diagonal = (byte)'N';
        double one = 1;
        dtrsm(&side, &part, &operation, &diagonal, &count, &n, &one, a, &n, b, &count, 1, 1, 1, 1);
    }

    private static void Check(string operation, int info)
    {
        if (info < 0)
        {
            throw new InvalidOperationException($"{operation}: LAPACK rejected argument {-info}; this is a defect of the binding.");
        }

        if (info > 0)
        {
            throw LinearAlgebraChecks.NoConvergence(operation, info);
        }
    }

    /// <summary>The transpose of a row-major rows × columns matrix.</summary>
    private static double[] Transposed(double[] a, int rows, int columns)
    {
        double[] result = new double[a.Length];
        fixed (double* source = a, target = result)
        {
            Transpose.Run(source, columns, target, rows, columns, rows);
        }

        return result;
    }
}
