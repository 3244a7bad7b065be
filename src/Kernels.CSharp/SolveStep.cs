using System;

namespace Hesse.Kernels;

/// <summary>Solves a batch of systems op(a) x = b by LU factorisation with partial pivoting. Allocates nothing.</summary>
public sealed unsafe class SolveStep : Step
{
    private readonly int batch;
    private readonly int n;
    private readonly int count;
    private readonly bool transposed;
    private readonly int a;
    private readonly int b;
    private readonly int x;
    private readonly string operation;

    /// <summary>Makes the step.</summary>
    /// <param name="batch">Number of systems.</param>
    /// <param name="n">Order of each.</param>
    /// <param name="count">Right-hand sides of each.</param>
    /// <param name="transposed">Whether op(a) is aᵀ.</param>
    /// <param name="a">Slot of the matrices, shape [batch; n; n].</param>
    /// <param name="b">Slot of the right-hand sides in columns, shape [batch; n; count].</param>
    /// <param name="x">Slot written, shape [batch; n; count].</param>
    /// <param name="operation">What an error is called after.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public SolveStep(int batch, int n, int count, bool transposed, int a, int b, int x, string operation = "solve")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.batch = batch;
        this.n = n;
        this.count = count;
        this.transposed = transposed;
        this.a = a;
        this.b = b;
        this.x = x;
        this.operation = operation;
    }

    /// <inheritdoc/>
    public override long Flops => batch * (((2L * n * n * n) / 3) + (2L * n * n * count));

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * batch * (((long)n * n) + (2L * n * count));

    /// <inheritdoc/>
    /// <exception cref="HesseException">A matrix is exactly singular; the message names the pivot.</exception>
    public override void Run(double** slots)
    {
        if (n == 0 || count == 0)
        {
            return;
        }

        long matrix = (long)n * n;
        long sides = (long)n * count;
        double* factors = Scratch.ForStep(LuFactors.Size(n) + sides);
        double* columns = factors + LuFactors.Size(n);
        int* pivots = LuFactors.Pivots(factors, n);
        for (int i = 0; i < batch; i++)
        {
            // Row-major memory is the transpose by columns.
            Memory.Copy(slots[a] + (i * matrix), factors, matrix);
            LuFactors.Factor(factors, n, pivots);
            if (LuFactors.ZeroPivot(factors, n) is >= 0 and int pivot)
            {
                throw LinearAlgebraChecks.Singular(pivot, n, operation);
            }

            Transpose.Run(slots[b] + (i * sides), count, columns, n, count, n);
            LuFactors.Solve(factors, n, pivots, !transposed, columns, count);
            Transpose.Run(columns, n, slots[x] + (i * sides), count, n, count);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"solve {batch} × [{n}; {n}]{(transposed ? "ᵀ" : "")} [{n}; {count}] s{a} s{b} -> s{x}";
}
