using System;
using System.Numerics;

namespace Hesse.Kernels;

/// <summary>A batch of matrix products c[i] = op(a[i]) op(b[i]), all row-major and contiguous per matrix.</summary>
public sealed unsafe class GemmStep : Step
{
    private readonly int batch;
    private readonly int m;
    private readonly int n;
    private readonly int k;
    private readonly int a;
    private readonly long aBatchStride;
    private readonly bool transA;
    private readonly int b;
    private readonly long bBatchStride;
    private readonly bool transB;
    private readonly int c;

    /// <summary>Makes the step.</summary>
    /// <param name="batch">Number of products.</param>
    /// <param name="m">Rows of op(a) and c.</param>
    /// <param name="n">Columns of op(b) and c.</param>
    /// <param name="k">Columns of op(a), rows of op(b); 0 gives zeros.</param>
    /// <param name="a">Left slot; matrices of m × k, or k × m when <paramref name="transA"/>.</param>
    /// <param name="aBatchStride">Elements between left matrices; 0 uses one matrix for all.</param>
    /// <param name="transA">Whether the left matrices are stored transposed.</param>
    /// <param name="b">Right slot; matrices of k × n, or n × k when <paramref name="transB"/>.</param>
    /// <param name="bBatchStride">Elements between right matrices; 0 uses one matrix for all.</param>
    /// <param name="transB">Whether the right matrices are stored transposed.</param>
    /// <param name="c">Destination slot, shape [batch; m; n]; must not overlap the operands.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public GemmStep(
        int batch, int m, int n, int k, int a, long aBatchStride, bool transA, int b, long bBatchStride, bool transB, int c)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        ArgumentOutOfRangeException.ThrowIfNegative(k);
        this.batch = batch;
        this.m = m;
        this.n = n;
        this.k = k;
        this.a = a;
        this.aBatchStride = aBatchStride;
        this.transA = transA;
        this.b = b;
        this.bBatchStride = bBatchStride;
        this.transB = transB;
        this.c = c;
    }

    /// <inheritdoc/>
    public override long Flops => 2L * batch * m * n * k;

    /// <inheritdoc/>
    public override long Bytes
    {
        get
        {
            long left = (aBatchStride == 0 ? 1L : batch) * m * k;
            long right = (bBatchStride == 0 ? 1L : batch) * k * n;
            return ElementSize * (left + right + ((long)batch * m * n));
        }
    }

    /// <inheritdoc/>
    public override bool HasSingle => true;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        if (IsSingle)
        {
            Run((float*)slots[a], (float*)slots[b], (float*)slots[c]);
        }
        else
        {
            Run(slots[a], slots[b], slots[c]);
        }
    }

    /// <inheritdoc/>
    public override string Describe() =>
        $"gemm {batch} × [{m}; {k}]{(transA ? "ᵀ" : "")} [{k}; {n}]{(transB ? "ᵀ" : "")} s{a} s{b} -> s{c}{Suffix}";

    private void Run<T>(T* left, T* right, T* result)
        where T : unmanaged, INumber<T>
    {
        int lda = transA ? m : k;
        int ldb = transB ? k : n;

        // A right operand shared by the whole batch makes one tall product.
        if (batch > 1 && bBatchStride == 0 && !transA && aBatchStride == (long)m * k && (long)batch * m <= int.MaxValue)
        {
            Gemm.Run(transA, transB, batch * m, n, k, left, lda, right, ldb, result, n);
            return;
        }

        for (int i = 0; i < batch; i++)
        {
            Gemm.Run(transA, transB, m, n, k, left, lda, right, ldb, result, n);
            left += aBatchStride;
            right += bBatchStride;
            result += (long)m * n;
        }
    }
}
