using System;
using System.Numerics.Tensors;

namespace Hesse.Kernels;

/// <summary>LU factorisation with partial pivoting of a column-major matrix in place, and its use. Allocates nothing.</summary>
internal static unsafe class LuFactors
{
    /// <summary>Doubles of scratch that hold the factors of an n × n matrix and its pivots.</summary>
    public static long Size(int n) => ((long)n * n) + (n / 2) + 1;

    /// <summary>Where the pivots lie in that scratch.</summary>
    public static int* Pivots(double* factors, int n) => (int*)(factors + ((long)n * n));

    /// <summary>Factors in place. Pivot k says that row k changed places with row pivots[k] (from 1).</summary>
    public static void Factor(double* a, int n, int* pivots)
    {
        if (OpenBlas.LapackFor(n) is { } lapack)
        {
            lapack.Lu(a, n, pivots);
            return;
        }

        for (int k = 0; k < n; k++)
        {
            double* column = a + ((long)k * n);
            int best = k;
            for (int i = k + 1; i < n; i++)
            {
                best = Math.Abs(column[i]) > Math.Abs(column[best]) ? i : best;
            }

            pivots[k] = best + 1;
            if (column[best] == 0)
            {
                continue;
            }

            if (best != k)
            {
                for (int j = 0; j < n; j++)
                {
                    double* c = a + ((long)j * n);
                    (c[k], c[best]) = (c[best], c[k]);
                }
            }

            Span<double> below = new(column + k + 1, n - k - 1);
            TensorPrimitives.Divide(below, column[k], below);
            for (int j = k + 1; j < n; j++)
            {
                double* c = a + ((long)j * n);
                Span<double> rest = new(c + k + 1, n - k - 1);
                TensorPrimitives.MultiplyAdd(below, -c[k], rest, rest);
            }
        }
    }

    /// <summary>The index of the first pivot that is exactly zero, or −1.</summary>
    public static int ZeroPivot(double* factors, int n)
    {
        for (int k = 0; k < n; k++)
        {
            if (factors[((long)k * n) + k] == 0)
            {
                return k;
            }
        }

        return -1;
    }

    /// <summary>Solves m x = b, or mᵀ x = b, in place for the column-major matrix m whose factors are given.</summary>
    /// <param name="factors">The factors.</param>
    /// <param name="n">Order.</param>
    /// <param name="pivots">The row exchanges.</param>
    /// <param name="transposed">Whether mᵀ is meant.</param>
    /// <param name="columns">Right-hand sides, each contiguous.</param>
    /// <param name="count">How many.</param>
    public static void Solve(double* factors, int n, int* pivots, bool transposed, double* columns, int count)
    {
        if (OpenBlas.LapackFor(n) is { } lapack)
        {
            lapack.LuSolve(factors, n, pivots, transposed, columns, count);
            return;
        }

        for (int c = 0; c < count; c++)
        {
            double* x = columns + ((long)c * n);
            if (transposed)
            {
                SolveTransposed(factors, n, pivots, x);
            }
            else
            {
                SolveOne(factors, n, pivots, x);
            }
        }
    }

    private static void SolveOne(double* factors, int n, int* pivots, double* x)
    {
        for (int k = 0; k < n; k++)
        {
            (x[k], x[pivots[k] - 1]) = (x[pivots[k] - 1], x[k]);
        }

        for (int k = 0; k < n; k++)
        {
            Span<double> rest = new(x + k + 1, n - k - 1);
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<double>(factors + ((long)k * n) + k + 1, n - k - 1), -x[k], rest, rest);
        }

        for (int k = n - 1; k >= 0; k--)
        {
            double* column = factors + ((long)k * n);
            x[k] /= column[k];
            Span<double> rest = new(x, k);
            TensorPrimitives.MultiplyAdd(new ReadOnlySpan<double>(column, k), -x[k], rest, rest);
        }
    }

    private static void SolveTransposed(double* factors, int n, int* pivots, double* x)
    {
        for (int k = 0; k < n; k++)
        {
            double* column = factors + ((long)k * n);
            x[k] = (x[k] - TensorPrimitives.Dot(new ReadOnlySpan<double>(column, k), new ReadOnlySpan<double>(x, k))) / column[k];
        }

        for (int k = n - 1; k >= 0; k--)
        {
            int below = n - k - 1;
            x[k] -= TensorPrimitives.Dot(
                new ReadOnlySpan<double>(factors + ((long)k * n) + k + 1, below), new ReadOnlySpan<double>(x + k + 1, below));
        }

        for (int k = n - 1; k >= 0; k--)
        {
            (x[k], x[pivots[k] - 1]) = (x[pivots[k] - 1], x[k]);
        }
    }
}
