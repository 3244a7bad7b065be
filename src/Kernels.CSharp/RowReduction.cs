namespace Hesse.Kernels;

/// <summary>Combines rows of kept elements; sums go through a second level, so that rounding grows with its square root.</summary>
internal unsafe struct RowReduction
{
    /// <summary>Kept elements handled together: two rows of 8 KiB stay in the nearest cache.</summary>
    public const int MaxWidth = 1024;

    /// <summary>Rows summed in the second level before they join the total.</summary>
    private const int Group = 64;

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

        if (++rows == Group)
        {
            Join(TileOp.Add, partial);
            rows = 0;
        }
    }

    /// <summary>Brings the last rows into the total.</summary>
    public void Finish()
    {
        if (rows > 0)
        {
            Join(TileOp.Add, partial);
        }
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
