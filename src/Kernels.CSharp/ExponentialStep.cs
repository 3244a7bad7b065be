using System;

namespace Hesse.Kernels;

/// <summary>Matrix exponentials and their derivatives: ∂ᵏ/∂t₁…∂tₖ exp(a + t₁e₁ + … + tₖeₖ) at t = 0, over a batch.</summary>
/// <remarks>
/// The k-th derivative is the upper right block of the exponential of a matrix of order 2ᵏn, which has a in every diagonal block and eᵢ
/// in block (p, q) where the binary digits of q are those of p and the i-th (Higham 2008, section 10.6, for k = 1). Allocates its
/// working memory.
/// </remarks>
public sealed unsafe class ExponentialStep : Step
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
    public ExponentialStep(int batch, int n, int[] sources, int target)
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
    /// <remarks>Without squarings, whose number depends on the values: six products and one solve.</remarks>
    public override long Flops => batch * ((12L + 2) * n * n * n << (3 * Order));

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * (sources.Length + 1L) * batch * n * n;

    /// <inheritdoc/>
    /// <exception cref="HesseException">An element is not finite, or the block matrix is too large for one array.</exception>
    public override void Run(double** slots)
    {
        long size = (long)n << Order;
        if (size * size > Array.MaxLength)
        {
            throw new HesseException(
                $"expm: derivative {Order} of the exponential of a matrix of order {n} needs one of order {size}, more than one array can hold; "
                + "lower the order of the derivative.");
        }

        for (int i = 0; i < batch; i++)
        {
            RunOne(slots, (long)i * n * n, (int)size);
        }
    }

    /// <inheritdoc/>
    public override string Describe() =>
        $"exponential (derivative {Order}) {batch} × [{n}; {n}] s{string.Join(" s", sources)} -> s{target}";

    private void RunOne(double** slots, long offset, int size)
    {
        double[] blocks = new double[size * size];
        double factor = 1;
        for (int k = 0; k < sources.Length; k++)
        {
            double[] matrix = new ReadOnlySpan<double>(slots[sources[k]] + offset, n * n).ToArray();
            LinearAlgebraChecks.Matrix("expm", matrix, n, n);

            // The result is linear in each direction: unit ones keep the scaling to what a needs.
            double norm = k == 0 ? 1 : MatrixExponential.Norm(matrix, n);
            factor *= norm;
            int digit = k == 0 ? 0 : 1 << (k - 1);
            for (int p = 0; norm > 0 && p < 1 << Order; p++)
            {
                if (k == 0 || (p & digit) == 0)
                {
                    Place(matrix, 1 / norm, blocks, size, p * n, (p | digit) * n);
                }
            }
        }

        double[] exponential = factor == 0 ? blocks : MatrixExponential.Of(blocks, size);
        double* result = slots[target] + offset;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                result[(i * n) + j] = factor == 0 ? 0 : factor * exponential[(i * size) + size - n + j];
            }
        }
    }

    private void Place(double[] matrix, double scale, double[] blocks, int size, int row, int column)
    {
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                blocks[((row + i) * size) + column + j] = scale * matrix[(i * n) + j];
            }
        }
    }
}
