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
            Run((float*)slots[a], (float*)slots[b], (float*)slots[c], BlockOf(Share.Whole), false);
        }
        else
        {
            Run(slots[a], slots[b], slots[c], BlockOf(Share.Whole), false);
        }
    }

    /// <inheritdoc/>
    public override string Describe() =>
        $"gemm {batch} × [{m}; {k}]{(transA ? "ᵀ" : "")} [{k}; {n}]{(transB ? "ᵀ" : "")} s{a} s{b} -> s{c}{Suffix}";

    /// <inheritdoc/>
    internal override double Time =>
        CallTime + ((IsTall ? 1 : batch) * CallTime) + Math.Max(Bytes / BytesPerNanosecond, Flops / (IsSingle ? 100.0 : 50.0));

    /// <inheritdoc/>
    internal override bool HasShares => true;

    /// <summary>A right operand shared by the whole batch makes one tall product.</summary>
    private bool IsTall =>
        batch > 1 && bBatchStride == 0 && !transA && aBatchStride == (long)m * k && (long)batch * m <= int.MaxValue;

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        Block block = BlockOf(share);
        if (IsSingle)
        {
            Run((float*)slots[a], (float*)slots[b], (float*)slots[c], block, true);
        }
        else
        {
            Run(slots[a], slots[b], slots[c], block, true);
        }
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory)
    {
        Block block = BlockOf(share);
        if (block.IsEmpty)
        {
            return;
        }

        long first = block.Batch;
        long last = first + block.Batches - 1;
        long endRow = block.Row + block.Rows;
        long rowsFrom = transA ? 0 : (long)block.Row * k;
        long rowsTo = transA ? (long)m * k : endRow * k;
        memory.Reads(a, ElementSize * ((first * aBatchStride) + rowsFrom), ElementSize * ((last * aBatchStride) + rowsTo));
        memory.Reads(b, ElementSize * first * bBatchStride, ElementSize * ((last * bBatchStride) + ((long)k * n)));
        memory.Writes(c, ElementSize * ((first * m) + block.Row) * n, ElementSize * ((last * m) + endRow) * n);
    }

    /// <summary>The part of the results that a share makes.</summary>
    private Block BlockOf(Share share)
    {
        if (share.Count == 1)
        {
            return new Block(0, batch, 0, m, 0, n);
        }

        if (batch >= 4 * share.Count)
        {
            int first = share.First(batch);
            return new Block(first, share.End(batch) - first, 0, m, 0, n);
        }

        if (m < 8 * share.Count && n >= 16 * share.Count)
        {
            int first = share.First(n);
            return new Block(0, batch, 0, m, first, share.End(n) - first);
        }

        int row = share.First(m);
        return new Block(0, batch, row, share.End(m) - row, 0, n);
    }

    private void Run<T>(T* left, T* right, T* result, Block block, bool isShare)
        where T : unmanaged, INumber<T>
    {
        if (block.IsEmpty)
        {
            return;
        }

        int lda = transA ? m : k;
        int ldb = transB ? k : n;
        left += (block.Batch * aBatchStride) + ((long)block.Row * (transA ? 1 : lda));
        right += (block.Batch * bBatchStride) + ((long)block.Column * (transB ? ldb : 1));
        result += (((long)block.Batch * m) + block.Row) * n + block.Column;
        if (IsTall && block.Rows == m)
        {
            Gemm.Run(transA, transB, block.Batches * m, block.Columns, k, left, lda, right, ldb, result, n, isShare);
            return;
        }

        for (int i = 0; i < block.Batches; i++)
        {
            Gemm.Run(transA, transB, block.Rows, block.Columns, k, left, lda, right, ldb, result, n, isShare);
            left += aBatchStride;
            right += bBatchStride;
            result += (long)m * n;
        }
    }

    /// <summary>Some products of the batch, some rows and some columns of each result.</summary>
    private readonly record struct Block(int Batch, int Batches, int Row, int Rows, int Column, int Columns)
    {
        public bool IsEmpty => Batches <= 0 || Rows <= 0 || Columns <= 0;
    }
}
