using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Defining identities of every decomposition, with LAPACK where it is present and without.</summary>
public sealed class LinearAlgebraTests
{
    private static readonly int[] Orders = [0, 1, 2, 3, 10, 37];

    public static TheoryData<bool> Backends => OpenBlas.Instance?.Lapack is null ? [false] : [false, true];

    private static NativeLapack Lapack => OpenBlas.Instance!.Lapack!;

    [Theory]
    [MemberData(nameof(Backends))]
    public void SymmetricEigenDiagonalises(bool native)
    {
        foreach (int n in Orders)
        {
            double[] a = Symmetric(n);
            (double[] w, double[]? v) = native ? Lapack.SymmetricEigen(a, n, true) : ManagedLinearAlgebra.SymmetricEigen(a, n, true);
            CheckEigen(a, w, v!, n);
            (double[] only, double[]? none) = native ? Lapack.SymmetricEigen(a, n, false) : ManagedLinearAlgebra.SymmetricEigen(a, n, false);
            TestData.Near(w, only, 1e-11);
            Assert.Null(none);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void TridiagonalEigenMatchesTheClosedForm(bool native)
    {
        // The second-difference matrix has eigenvalues 2 - 2 cos(π k / (n + 1)).
        foreach (int n in Orders)
        {
            double[] d = TestData.Filled(n, 2), e = TestData.Filled(Math.Max(0, n - 1), -1), full = new double[n * n], expected = new double[n];
            for (int i = 0; i < n; i++)
            {
                full[(i * n) + i] = 2;
                expected[i] = 2 - (2 * Math.Cos(Math.PI * (i + 1) / (n + 1)));
                if (i + 1 < n)
                {
                    full[(i * n) + i + 1] = full[((i + 1) * n) + i] = -1;
                }
            }

            (double[] w, double[] v) = native ? Lapack.SymmetricTridiagonalEigen(d, e) : ManagedLinearAlgebra.SymmetricTridiagonalEigen(d, e);
            TestData.Near(expected, w, 1e-12);
            CheckEigen(full, w, v, n);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void SvdRebuildsTheMatrix(bool native)
    {
        foreach (int m in Orders)
        {
            foreach (int n in Orders)
            {
                double[] a = TestData.Normal(new Random(m + (100 * n)), m * n);
                (double[] u, double[] s, double[] vt) = native ? Lapack.Svd(a, m, n) : ManagedLinearAlgebra.Svd(a, m, n);
                int r = Math.Min(m, n);
                Assert.Equal(r, s.Length);
                TestData.Near(s, native ? Lapack.SingularValues(a, m, n) : ManagedLinearAlgebra.SingularValues(a, m, n), 1e-12);
                double[] us = [.. u];
                for (int i = 0; i < us.Length; i++)
                {
                    us[i] *= s[i % r];
                }

                TestData.Near(a, Product(us, vt, m, n, r), 1e-11);
                TestData.Near(Identity(r), Product(Transposed(u, m, r), u, r, r, m), 1e-11);
                TestData.Near(Identity(r), Product(vt, Transposed(vt, r, n), r, r, n), 1e-11);
                for (int i = 0; i < r; i++)
                {
                    Assert.True(s[i] >= 0 && (i == 0 || s[i] <= s[i - 1]));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void CholeskyRebuildsTheMatrixAndNamesTheFailingPivot(bool native)
    {
        Func<double[], int, double[]> cholesky = native ? Lapack.Cholesky : ManagedLinearAlgebra.Cholesky;
        foreach (int n in Orders)
        {
            double[] b = TestData.Normal(new Random(n), n * n);
            double[] a = Product(b, Transposed(b, n, n), n, n, n);
            for (int i = 0; i < n; i++)
            {
                a[(i * n) + i] += 0.1;
            }

            double[] l = cholesky(a, n);
            TestData.Near(a, Product(l, Transposed(l, n, n), n, n, n), 1e-10);
            for (int i = 0; i < n; i++)
            {
                Assert.True(l[(i * n) + i] > 0);
                Assert.All(l.AsSpan((i * n) + i + 1, n - i - 1).ToArray(), x => Assert.Equal(0, x));
            }
        }

        HesseException error = Assert.Throws<HesseException>(() => cholesky([4, 0, 0, 0, 1, 0, 0, 0, -1], 3));
        Assert.Contains("cholesky: pivot 2 of 3 is not positive", error.Message, StringComparison.Ordinal);
        Assert.Contains("jitter", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void SolveSolvesAndNamesASingularPivot(bool native)
    {
        Func<double[], int, double[], int, double[]> solve = native ? Lapack.Solve : ManagedLinearAlgebra.Solve;
        foreach (int n in Orders)
        {
            foreach (int nrhs in (int[])[0, 1, 4])
            {
                double[] a = TestData.Normal(new Random(n), n * n), x = TestData.Normal(new Random(n + 1), n * nrhs);
                TestData.Near(x, solve(a, n, Product(a, x, n, nrhs, n), nrhs), 1e-9);
            }
        }

        HesseException error = Assert.Throws<HesseException>(() => solve([1, 0, 0, 0], 2, [1, 1], 1));
        Assert.Contains("solve: pivot 1 of 2 is exactly zero", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void GeneralEigenvaluesOfACyclicShiftAreTheRootsOfUnity(bool native)
    {
        foreach (int n in Orders)
        {
            double[] a = new double[n * n];
            for (int i = 0; i < n; i++)
            {
                a[(i * n) + ((i + 1) % n)] = 1;
            }

            (double[] re, double[] im) = native ? Lapack.GeneralEigenvalues(a, n) : ManagedLinearAlgebra.GeneralEigenvalues(a, n);
            double[] actual = new double[n], expected = new double[n];
            for (int i = 0; i < n; i++)
            {
                actual[i] = Math.Round(Math.Atan2(im[i], re[i]) * n / (2 * Math.PI), 6);
                expected[i] = i > n / 2 ? i - n : i;
                Assert.Equal(1, (re[i] * re[i]) + (im[i] * im[i]), 1e-10);
            }

            for (int i = 0; i < n; i++)
            {
                actual[i] = 2 * actual[i] == -n ? n / 2.0 : actual[i];
            }

            Array.Sort(actual);
            Array.Sort(expected);
            TestData.Near(expected, actual, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void QrRebuildsTheMatrix(bool native)
    {
        foreach (int m in Orders)
        {
            foreach (int n in Orders)
            {
                double[] a = TestData.Normal(new Random(m + (100 * n)), m * n);
                (double[] q, double[] r) = native ? Lapack.Qr(a, m, n) : ManagedLinearAlgebra.Qr(a, m, n);
                LinearAlgebra.FixSigns(q, r, m, n);
                int k = Math.Min(m, n);
                TestData.Near(a, Product(q, r, m, n, k), 1e-11);
                TestData.Near(Identity(k), Product(Transposed(q, m, k), q, k, k, m), 1e-11);
                for (int i = 0; i < k; i++)
                {
                    Assert.True(r[(i * n) + i] >= 0);
                    for (int j = 0; j < i; j++)
                    {
                        Assert.Equal(0, r[(i * n) + j]);
                    }
                }
            }
        }
    }

    [Fact]
    public void ThePublicRoutinesUseOneOfTheTwo()
    {
        double[] a = [2, 1, 1, 2];
        TestData.Near([1, 3], LinearAlgebra.SymmetricEigen(a, 2, true).Values, 1e-14);
        TestData.Near([1, 3], LinearAlgebra.SymmetricTridiagonalEigen([2, 2], [1]).Values, 1e-14);
        TestData.Near([3, 1], LinearAlgebra.Svd(a, 2, 2).S, 1e-14);
        TestData.Near([Math.Sqrt(2), 0, Math.Sqrt(0.5), Math.Sqrt(1.5)], LinearAlgebra.Cholesky(a, 2), 1e-14);
        TestData.Near([1, -1], LinearAlgebra.Solve(a, 2, [1, -1], 1), 1e-14);
        TestData.Near([0, 0], LinearAlgebra.GeneralEigenvalues(a, 2).Im, 1e-14);
        TestData.Near([Math.Sqrt(5), 4 / Math.Sqrt(5), 0, 3 / Math.Sqrt(5)], LinearAlgebra.Qr(a, 2, 2).R, 1e-14);
        Assert.Equal([2, 1, 1, 2], a);
    }

    [Fact]
    public void WrongArgumentsAreNamed()
    {
        Says("svd: expected 2 × 3 = 6 elements, got 5", () => LinearAlgebra.Svd(new double[5], 2, 3));
        Says("symmetric eigen: expected 3 × 3 = 9 elements, got 6", () => LinearAlgebra.SymmetricEigen(new double[6], 3, true));
        Says("qr: element [1; 0] is NaN", () => LinearAlgebra.Qr([1, 2, double.NaN, 3], 2, 2));
        Says("cholesky: element [0; 1] is Infinity", () => LinearAlgebra.Cholesky([1, double.PositiveInfinity, 0, 1], 2));
        Says("solve (right-hand side): expected 2 × 1", () => LinearAlgebra.Solve(new double[4], 2, new double[3], 1));
        Says("general eigenvalues: sizes must not be negative", () => LinearAlgebra.GeneralEigenvalues([], -1));
        Says("a diagonal of 3 needs 2 off-diagonal elements, got 3", () => LinearAlgebra.SymmetricTridiagonalEigen(new double[3], new double[3]));
        Says("(diagonal): element [0; 0] is NaN", () => LinearAlgebra.SymmetricTridiagonalEigen([double.NaN], []));
    }

    private static void Says(string text, Action action) =>
        Assert.Contains(text, Assert.ThrowsAny<HesseException>(action).Message, StringComparison.Ordinal);

    private static void CheckEigen(double[] a, double[] w, double[] v, int n)
    {
        double[] vw = [.. v];
        for (int i = 0; i < vw.Length; i++)
        {
            vw[i] *= w[i % n];
        }

        TestData.Near(Product(a, v, n, n, n), vw, 1e-11);
        TestData.Near(Identity(n), Product(Transposed(v, n, n), v, n, n, n), 1e-11);
        for (int i = 1; i < n; i++)
        {
            Assert.True(w[i - 1] <= w[i]);
        }
    }

    private static double[] Symmetric(int n)
    {
        double[] b = TestData.Normal(new Random(n), n * n), t = Transposed(b, n, n);
        for (int i = 0; i < b.Length; i++)
        {
            b[i] += t[i];
        }

        return b;
    }

    private static double[] Identity(int n)
    {
        double[] x = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            x[(i * n) + i] = 1;
        }

        return x;
    }

    private static double[] Transposed(double[] a, int m, int n)
    {
        double[] t = new double[a.Length];
        for (int i = 0; i < a.Length; i++)
        {
            t[((i % n) * m) + (i / n)] = a[i];
        }

        return t;
    }

    private static double[] Product(double[] a, double[] b, int m, int n, int k)
    {
        double[] c = new double[m * n];
        for (int i = 0; i < c.Length; i++)
        {
            for (int p = 0; p < k; p++)
            {
                c[i] += a[((i / n) * k) + p] * b[(p * n) + (i % n)];
            }
        }

        return c;
    }
}
