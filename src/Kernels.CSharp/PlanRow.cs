using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Hesse;

/// <summary>One step of a compiled plan.</summary>
public sealed record PlanRow
{
    /// <summary>0 for a step of the plan itself, 1 for a step of a loop in it, 2 for a step of a loop within a loop, …</summary>
    public required int Depth { get; init; }

    /// <summary>The operation that the step computes; for a fused loop the different elementwise operations in it.</summary>
    public required string Operation { get; init; }

    /// <summary>Axis lengths of the operation's result; empty for a scalar.</summary>
    public required IReadOnlyList<int> Shape { get; init; }

    /// <summary>Floating-point operations of one run of the step; a transcendental function counts as one. Those of a loop are those of all
    /// its rounds (of one round, when it has no bound), those of a step in a loop those of one round.</summary>
    public required long Flops { get; init; }

    /// <summary>Bytes read and written by one run of the step, each operand counted once; for loops as for the operations.</summary>
    public required long Bytes { get; init; }

    /// <summary>Elementwise operations that a fused loop does for each element; 0 for any other step.</summary>
    public required int FusedOperations { get; init; }

    /// <summary>Whether the step is a matrix product, or a batch of them.</summary>
    public required bool IsMatrixProduct { get; init; }

    /// <summary>Threads that run the step when they are free: its shares, or those that go through a loop together.</summary>
    public required int Threads { get; init; }

    /// <summary>Whether the threads wait for each other before it.</summary>
    public required bool MeetsBefore { get; init; }

    /// <summary>The step in the words of its kernel: sizes, and the buffers s0, s1, … that it reads and writes.</summary>
    public required string Kernel { get; init; }

    /// <summary>The row as one line of a printed plan.</summary>
    /// <returns>The line, without a line break.</returns>
    public override string ToString()
    {
        StringBuilder text = new();
        text.Append(' ', 4 * Depth).Append(Kernel);
        text.Append(CultureInfo.InvariantCulture, $" | {Operation} [{string.Join("; ", Shape)}], {Flops} FLOPs, {Bytes} bytes");
        if (Threads > 1)
        {
            text.Append(CultureInfo.InvariantCulture, $", by {Threads} threads");
        }

        return text.Append(MeetsBefore ? ", after a meeting" : "").ToString();
    }
}
