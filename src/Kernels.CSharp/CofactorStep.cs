using System;

namespace Hesse.Kernels;

/// <summary>Cofactor matrices and their derivatives: ∂ᵏ/∂t₁…∂tₖ cof(a + t₁e₁ + … + tₖeₖ) at t = 0, over a batch; cof(a) is the gradient of det a.</summary>
/// <remarks>
/// With a = u diag(s) vᵀ the determinant of a + x is det(u) det(v) det(diag(s) + uᵀ x v), and only the minors of k + 1 rows and the same
/// columns of uᵀ x v have a derivative of order k + 1, each with the product of the other singular values. Nothing is divided by, so
/// singular matrices are no special case. Work: an SVD and some products of order n, and (k + 1)!² times the number of choices of k + 1 out of n.
/// Allocates its working memory, whose size only LAPACK knows; a matrix that equals the one before it is not factored again.
/// </remarks>
public sealed unsafe class CofactorStep : Step
{
    private readonly int batch;
    private readonly int n;
    private readonly int[] sources;
    private readonly int target;

    /// <summary>Makes the step.</summary>
    /// <param name="batch">Number of matrices.</param>
    /// <param name="n">Order of each.</param>
    /// <param name="sources">Slots of a and of the k directions, each of shape [batch; n; n].</param>
    /// <param name="target">Slot written, shape [batch; n; n].</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public CofactorStep(int batch, int n, int[] sources, int target)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        this.batch = batch;
        this.n = n;
        this.sources = sources;
        this.target = target;
    }

    private int Order => sources.Length - 1;

    /// <inheritdoc/>
    /// <remarks>Without the constant of the SVD.</remarks>
    public override long Flops
    {
        get
        {
            double minors = 1;
            for (int i = 0; i <= Order; i++)
            {
                minors *= (double)Math.Max(0, n - i) * (i + 1);
            }

            return (long)(batch * (((double)n * n * n * (4 + (4 * Order))) + minors));
        }
    }

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * (sources.Length + 1L) * batch * n * n;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        int size = n * n;
        double[] rotated = new double[size * (sources.Length + 1)];
        (double[] U, double[] S, double[] Vt) factors = ([], [], []);
        double sign = 0;
        Span<int> places = stackalloc int[sources.Length];
        for (int i = 0; i < batch; i++)
        {
            long offset = (long)i * size;
            ReadOnlySpan<double> matrix = new(slots[sources[0]] + offset, size);
            Span<double> result = new(slots[target] + offset, size);
            if (!AllFinite(matrix))
            {
                result.Fill(double.NaN);
                factors = ([], [], []);
                continue;
            }

            if (factors.S.Length == 0 || !matrix.SequenceEqual(new(slots[sources[0]] + offset - size, size)))
            {
                factors = LinearAlgebra.Svd(matrix.ToArray(), n, n);
                sign = SignOfDeterminant(factors.U) * SignOfDeterminant(factors.Vt);
            }

            fixed (double* u = factors.U, vt = factors.Vt, work = rotated)
            {
                double* product = work;
                for (int k = 1; k < sources.Length; k++)
                {
                    Gemm.Multiply(true, false, n, n, n, u, n, slots[sources[k]] + offset, n, product, n);
                    Gemm.Multiply(false, true, n, n, n, product, n, vt, n, work + (k * size), n);
                }

                double* cofactors = work + (sources.Length * size);
                new Span<double>(cofactors, size).Clear();
                Choose(factors.S, sign, work, cofactors, places, 0, 0);
                Gemm.Multiply(false, false, n, n, n, u, n, cofactors, n, product, n);
                Gemm.Multiply(false, false, n, n, n, product, n, vt, n, slots[target] + offset, n);
            }
        }
    }

    /// <inheritdoc/>
    public override string Describe() =>
        $"cofactor (derivative {Order}) {batch} × [{n}; {n}] s{string.Join(" s", sources)} -> s{target}";

    /// <summary>Goes through the ascending choices of places and adds the minors of each.</summary>
    private void Choose(double[] s, double product, double* directions, double* cofactors, Span<int> places, int count, int from)
    {
        if (count == places.Length)
        {
            for (int l = from; l < n; l++)
            {
                product *= s[l];
            }

            AddMinors(product, directions, cofactors, places);
            return;
        }

        for (int l = from; l < n; l++)
        {
            places[count] = l;
            Choose(s, product, directions, cofactors, places, count + 1, l + 1);
            product *= s[l];
        }
    }

    private void AddMinors(double product, double* directions, double* cofactors, ReadOnlySpan<int> places)
    {
        if (product == 0)
        {
            return;
        }

        int all = (1 << places.Length) - 1;
        for (int p = 0; p < places.Length; p++)
        {
            for (int q = 0; q < places.Length; q++)
            {
                double minor = MixedMinor(directions, places, 1, all & ~(1 << p), all & ~(1 << q));
                cofactors[(places[p] * n) + places[q]] += ((p + q) % 2 == 0 ? product : -product) * minor;
            }
        }
    }

    /// <summary>The mixed determinant of directions k, k + 1, … over the remaining places: a Laplace expansion in which direction k gives the first factor.</summary>
    private double MixedMinor(double* directions, ReadOnlySpan<int> places, int k, int rows, int columns)
    {
        if (k == sources.Length)
        {
            return 1;
        }

        double total = 0;
        double rowSign = 1;
        for (int p = 0; p < places.Length; p++)
        {
            if ((rows & (1 << p)) == 0)
            {
                continue;
            }

            double sign = rowSign;
            for (int q = 0; q < places.Length; q++)
            {
                if ((columns & (1 << q)) != 0)
                {
                    double element = directions[(k * n * n) + (places[p] * n) + places[q]];
                    total += sign * element * MixedMinor(directions, places, k + 1, rows & ~(1 << p), columns & ~(1 << q));
                    sign = -sign;
                }
            }

            rowSign = -rowSign;
        }

        return total;
    }

    private static bool AllFinite(ReadOnlySpan<double> values)
    {
        foreach (double x in values)
        {
            if (!double.IsFinite(x))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The sign of the determinant of an orthogonal matrix.</summary>
    private double SignOfDeterminant(double[] orthogonal)
    {
        double* factors = Scratch.ForStep(LuFactors.Size(n));
        int* pivots = LuFactors.Pivots(factors, n);
        orthogonal.CopyTo(new Span<double>(factors, n * n));
        LuFactors.Factor(factors, n, pivots);
        double sign = 1;
        for (int k = 0; k < n; k++)
        {
            sign *= (pivots[k] == k + 1 ? 1 : -1) * Math.Sign(factors[(k * n) + k]);
        }

        return sign;
    }
}
