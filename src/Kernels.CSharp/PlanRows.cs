using System;
using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>The rows of a plan's table.</summary>
internal static class PlanRows
{
    /// <summary>Adds a row for each step, and after a loop those of its body and condition.</summary>
    /// <param name="rows">The rows so far.</param>
    /// <param name="spec">The plan.</param>
    /// <param name="schedule">How threads divide it; null for one thread.</param>
    /// <param name="depth">How many loops are around the steps.</param>
    /// <param name="role">What the kernels' lines are headed with.</param>
    public static void Add(List<PlanRow> rows, PlanSpec spec, TeamSchedule? schedule, int depth, string role = "")
    {
        for (int i = 0; i < spec.Steps.Length; i++)
        {
            Step step = spec.Steps[i];
            StepLabel label = i < spec.Labels.Length ? spec.Labels[i] : new StepLabel(step.GetType().Name, []);
            rows.Add(new PlanRow
            {
                Depth = depth,
                Operation = label.Operation,
                Shape = Array.AsReadOnly(label.Shape),
                Flops = step.Flops,
                Bytes = step.Bytes,
                FusedOperations = step is FusedStep fused ? fused.Operations : 0,
                IsMatrixProduct = step is GemmStep,
                Threads = schedule?.ThreadsOf(i) ?? 1,
                MeetsBefore = schedule is not null && schedule[i].MeetBefore,
                Kernel = role + step.Describe(),
            });
            if (step is LoopStep loop)
            {
                loop.Condition?.AddRows(rows, depth + 1, "while: ");
                loop.Body.AddRows(rows, depth + 1, "");
            }
        }
    }

    /// <summary>Bytes of a plan's constants, those of loops in it included.</summary>
    public static long ConstantBytes(PlanSpec spec)
    {
        long bytes = sizeof(double) * spec.Constants.LongLength;
        foreach (Step step in spec.Steps)
        {
            if (step is LoopStep loop)
            {
                bytes += loop.Body.ConstantBytes + (loop.Condition?.ConstantBytes ?? 0);
            }
        }

        return bytes;
    }
}
