using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Combines rows of kept elements; sums go through a second level, so that rounding grows with its square root.</summary>
internal unsafe struct RowReduction
{
    /// <summary>Kept elements handled together: two rows of 8 KiB stay in the nearest cache.</summary>
    public const int MaxWidth = 1024;

    /// <summary>Rows summed in the second level before they join the total.</summary>
    private const int Group = 64;

    /// <summary>Up to this width columns are summed one block of registers after the other; wider rows are better read in order.</summary>
    private const int MostColumns = 256;

    private readonly ReduceOp op;
    private readonly double* total;
    private readonly double* partial;
    private readonly int width;
    private int rows;
    private bool started;

    public RowReduction(ReduceOp op, double* total, int width, double* partial)
    {
        this.op = op;
        this.total = total;
        this.partial = partial;
        this.width = width;
    }

    /// <summary>Adds rows.</summary>
    /// <param name="row">The first one.</param>
    /// <param name="stride">Elements from one to the next.</param>
    /// <param name="count">How many.</param>
    public void Add(double* row, long stride, int count)
    {
        if (op == ReduceOp.Max || width > MostColumns)
        {
            for (int i = 0; i < count; i++, row += stride)
            {
                Add(row);
            }

            return;
        }

        while (count > 0)
        {
            int taken = Math.Min(count, Group - rows);
            Sum(row, stride, taken, rows == 0);
            row += taken * stride;
            count -= taken;
            Advance(taken);
        }
    }

    /// <summary>Adds a row.</summary>
    public void Add(double* row)
    {
        if (op == ReduceOp.Max)
        {
            Join(TileOp.Max, row);
            return;
        }

        if (rows == 0)
        {
            Memory.Copy(row, partial, width);
        }
        else
        {
            ElementwiseLoop.Run<AddOp>(partial, row, null, partial, width);
        }

        Advance(1);
    }

    /// <summary>Brings the last rows into the total.</summary>
    public void Finish()
    {
        if (rows > 0)
        {
            Join(TileOp.Add, partial);
        }
    }

    private void Advance(int added)
    {
        rows += added;
        if (rows == Group)
        {
            Join(TileOp.Add, partial);
            rows = 0;
        }
    }

    /// <summary>Adds rows to the partial sums, or begins them; every column in the order of its rows.</summary>
    private readonly void Sum(double* row, long stride, int count, bool begins)
    {
        int done = 0;
        if (Avx512F.IsSupported)
        {
            done = SumBlocks<Isa512, Vector512<double>>(row, stride, count, begins, done);
        }

        if (Vector256.IsHardwareAccelerated)
        {
            done = SumBlocks<Isa256, Vector256<double>>(row, stride, count, begins, done);
        }

        done = SumBlocks<Isa128, Vector128<double>>(row, stride, count, begins, done);
        for (; done < width; done++)
        {
            double sum = begins ? row[done] : partial[done] + row[done];
            for (int i = 1; i < count; i++)
            {
                sum += row[(i * stride) + done];
            }

            partial[done] = sum;
        }
    }

    /// <summary>Adds columns from one on, as many as fill registers.</summary>
    /// <returns>The column after the last one.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly int SumBlocks<I, V>(double* row, long stride, int count, bool begins, int from)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        int column = from;
        for (; column <= width - (4 * I.Width); column += 4 * I.Width)
        {
            double* source = row + column;
            double* target = partial + column;
            V s0 = I.Load(source);
            V s1 = I.Load(source + I.Width);
            V s2 = I.Load(source + (2 * I.Width));
            V s3 = I.Load(source + (3 * I.Width));
            if (!begins)
            {
                s0 = I.Add(I.Load(target), s0);
                s1 = I.Add(I.Load(target + I.Width), s1);
                s2 = I.Add(I.Load(target + (2 * I.Width)), s2);
                s3 = I.Add(I.Load(target + (3 * I.Width)), s3);
            }

            for (int i = 1; i < count; i++)
            {
                source += stride;
                s0 = I.Add(s0, I.Load(source));
                s1 = I.Add(s1, I.Load(source + I.Width));
                s2 = I.Add(s2, I.Load(source + (2 * I.Width)));
                s3 = I.Add(s3, I.Load(source + (3 * I.Width)));
            }

            I.Store(s0, target);
            I.Store(s1, target + I.Width);
            I.Store(s2, target + (2 * I.Width));
            I.Store(s3, target + (3 * I.Width));
        }

        for (; column <= width - I.Width; column += I.Width)
        {
            double* source = row + column;
            V sum = I.Load(source);
            if (!begins)
            {
                sum = I.Add(I.Load(partial + column), sum);
            }

            for (int i = 1; i < count; i++)
            {
                source += stride;
                sum = I.Add(sum, I.Load(source));
            }

            I.Store(sum, partial + column);
        }

        return column;
    }

    private void Join(TileOp combine, double* row)
    {
        if (started)
        {
            TileKernels.Run(combine, total, row, null, total, width);
        }
        else
        {
            Memory.Copy(row, total, width);
            started = true;
        }
    }
}
