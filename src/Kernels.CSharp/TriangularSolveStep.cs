using System;
using System.Numerics.Tensors;

namespace Hesse.Kernels;

/// <summary>Solves a batch of triangular systems op(a) x = b; the other triangle is not read. Allocates nothing.</summary>
public sealed unsafe class TriangularSolveStep : Step
{
    private readonly int batch;
    private readonly int n;
    private readonly int count;
    private readonly bool lower;
    private readonly bool transposed;
    private readonly int a;
    private readonly int b;
    private readonly int x;

    /// <summary>Makes the step.</summary>
    /// <param name="batch">Number of systems.</param>
    /// <param name="n">Order of each.</param>
    /// <param name="count">Right-hand sides of each.</param>
    /// <param name="lower">Whether a is its lower triangle, else its upper one.</param>
    /// <param name="transposed">Whether op(a) is the transpose of that triangle.</param>
    /// <param name="a">Slot of the matrices, shape [batch; n; n].</param>
    /// <param name="b">Slot of the right-hand sides in columns, shape [batch; n; count].</param>
    /// <param name="x">Slot written, shape [batch; n; count].</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public TriangularSolveStep(int batch, int n, int count, bool lower, bool transposed, int a, int b, int x)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        this.batch = batch;
        this.n = n;
        this.count = count;
        this.lower = lower;
        this.transposed = transposed;
        this.a = a;
        this.b = b;
        this.x = x;
    }

    /// <inheritdoc/>
    public override long Flops => (long)batch * n * n * count;

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * batch * (((long)n * n / 2) + (2L * n * count));

    /// <inheritdoc/>
    /// <exception cref="HesseException">A diagonal element is exactly zero; the message names it.</exception>
    public override void Run(double** slots)
    {
        if (n == 0 || count == 0)
        {
            return;
        }

        long sides = (long)n * count;
        for (int i = 0; i < batch; i++)
        {
            double* matrix = slots[a] + ((long)i * n * n);
            for (int k = 0; k < n; k++)
            {
                if (matrix[((long)k * n) + k] == 0)
                {
                    throw LinearAlgebraChecks.SingularTriangle(k, n);
                }
            }

            double* solution = slots[x] + (i * sides);
            Memory.Copy(slots[b] + (i * sides), solution, sides);
            if (OpenBlas.LapackFor(n) is { } lapack)
            {
                lapack.TriangularSolve(matrix, n, lower, transposed, solution, count);
            }
            else
            {
                Substitute(matrix, solution);
            }
        }
    }

    /// <inheritdoc/>
    public override string Describe() =>
        $"triangular solve {batch} × [{n}; {n}] ({(lower ? "lower" : "upper")}{(transposed ? "ᵀ" : "")}) [{n}; {count}] s{a} s{b} -> s{x}";

    /// <summary>Substitution by rows of x: forward when op(a) is lower, else backward.</summary>
    private void Substitute(double* matrix, double* solution)
    {
        bool forward = lower != transposed;
        for (int step = 0; step < n; step++)
        {
            int i = forward ? step : n - 1 - step;
            Span<double> row = new(solution + ((long)i * count), count);
            for (int done = 0; done < step; done++)
            {
                int j = forward ? done : n - 1 - done;
                double factor = transposed ? matrix[((long)j * n) + i] : matrix[((long)i * n) + j];
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<double>(solution + ((long)j * count), count), -factor, row, row);
            }

            TensorPrimitives.Divide(row, matrix[((long)i * n) + i], row);
        }
    }
}
