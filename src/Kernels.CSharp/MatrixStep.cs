using System;

namespace Hesse.Kernels;

/// <summary>A function of one matrix, applied to a batch of them; all row-major and contiguous.</summary>
public abstract unsafe class MatrixStep : Step
{
    private readonly string name;
    private readonly int batch;
    private readonly int source;
    private readonly int target;
    private readonly long resultSize;

    /// <summary>Makes the step.</summary>
    /// <param name="name">Name of the operation.</param>
    /// <param name="batch">Number of matrices.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="columns">Columns of each.</param>
    /// <param name="source">Slot read, shape [batch; rows; columns].</param>
    /// <param name="target">Slot written, shape [batch; resultSize].</param>
    /// <param name="resultSize">Elements of one result.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    protected MatrixStep(string name, int batch, int rows, int columns, int source, int target, long resultSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        this.name = name;
        this.batch = batch;
        Rows = rows;
        Columns = columns;
        this.source = source;
        this.target = target;
        this.resultSize = resultSize;
    }

    /// <summary>Rows of the argument.</summary>
    protected int Rows { get; }

    /// <summary>Columns of the argument.</summary>
    protected int Columns { get; }

    /// <inheritdoc/>
    /// <remarks>The leading order, without the method's constant.</remarks>
    public override long Flops => (long)batch * Rows * Columns * Math.Min(Rows, Columns);

    /// <inheritdoc/>
    public override long Bytes => sizeof(double) * batch * (((long)Rows * Columns) + resultSize);

    /// <inheritdoc/>
    /// <exception cref="HesseException">The function is not defined at one of the matrices.</exception>
    public override void Run(double** slots)
    {
        for (int i = 0; i < batch; i++)
        {
            RunOne(slots[source] + ((long)i * Rows * Columns), slots[target] + (i * resultSize));
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"{name} {batch} × [{Rows}; {Columns}] s{source} -> s{target}";

    /// <summary>The function of one matrix.</summary>
    /// <param name="a">The matrix; not changed.</param>
    /// <param name="result">Where the result goes.</param>
    protected abstract void RunOne(double* a, double* result);
}
