using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Hesse;

/// <summary>A compiled plan to look at: its steps and its totals. Nothing is run.</summary>
public sealed record PlanTable
{
    /// <summary>The steps in order; the steps of a loop follow the loop, one level deeper.</summary>
    public required IReadOnlyList<PlanRow> Rows { get; init; }

    /// <summary>Number of steps, those within loops not counted.</summary>
    public required int Steps { get; init; }

    /// <summary>Floating-point operations of one run; a transcendental function counts as one.</summary>
    public required long Flops { get; init; }

    /// <summary>Bytes read and written by one run, summed over the steps.</summary>
    public required long Bytes { get; init; }

    /// <summary>Bytes of memory for intermediate values, of one running call.</summary>
    public required long ArenaBytes { get; init; }

    /// <summary>Bytes of the constants that the plan holds, those of loops in it included.</summary>
    public required long ConstantBytes { get; init; }

    /// <summary>Bytes of the results.</summary>
    public required long ResultBytes { get; init; }

    /// <summary>Elementwise operations in fused loops, each loop's counted once.</summary>
    public required int FusedOperations { get; init; }

    /// <summary>Steps that are matrix products or batches of them; one in a loop is counted once.</summary>
    public required int MatrixProducts { get; init; }

    /// <summary>Threads that run the plan together when they are free; 1 when it is too small for more.</summary>
    public required int Threads { get; init; }

    /// <summary>How often the threads wait for each other in a run, waits within loops not counted.</summary>
    public required int Meetings { get; init; }

    /// <summary>The plan as text: a line for each row, then the totals.</summary>
    /// <returns>Several lines, with \n between them.</returns>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (PlanRow row in Rows)
        {
            text.Append(row.ToString()).Append('\n');
        }

        text.Append(CultureInfo.InvariantCulture, $"{Steps} steps, {MatrixProducts} matrix products, {FusedOperations} fused operations, ");
        text.Append(CultureInfo.InvariantCulture, $"{Flops} FLOPs, {Bytes} bytes moved, arena of {ArenaBytes} bytes, ");
        text.Append(CultureInfo.InvariantCulture, $"constants of {ConstantBytes} bytes, results of {ResultBytes} bytes");
        return text.ToString();
    }
}
