using System;

namespace Hesse.Kernels;

/// <summary>A plan that steps of another plan run, any number of times, in memory that they hand in.</summary>
public sealed unsafe class SubPlan
{
    private readonly PlanSpec spec;
    private readonly AlignedBuffer constants;
    private readonly int[] copied;

    /// <summary>Prepares a plan; the constants are copied once.</summary>
    /// <param name="spec">Its description.</param>
    public SubPlan(PlanSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        this.spec = spec;
        constants = new AlignedBuffer(spec.Constants.Length);
        spec.Constants.CopyTo(new Span<double>(constants.Pointer, spec.Constants.Length));
        foreach (Step step in spec.Steps)
        {
            Flops += step.Flops;
            Bytes += step.Bytes;
        }

        copied = Array.FindAll(System.Linq.Enumerable.ToArray(System.Linq.Enumerable.Range(0, spec.OutputCount)), o => !spec.DirectOutputs[o]);
    }

    /// <summary>Doubles of memory that a run needs: a table of pointers, then the arena.</summary>
    public long WorkspaceSize => TableSize + spec.ArenaSize;

    /// <summary>Number of inputs.</summary>
    public int InputCount => spec.InputCount;

    /// <summary>Number of outputs.</summary>
    public int OutputCount => spec.OutputCount;

    /// <summary>Floating-point operations of one run.</summary>
    public long Flops { get; }

    /// <summary>Bytes read and written by one run, summed over the steps.</summary>
    public long Bytes { get; }

    /// <summary>Number of steps.</summary>
    public int StepCount => spec.Steps.Length;

    /// <summary>Pointers to slots, then to outputs, in whole cache lines.</summary>
    private long TableSize => (spec.SlotOffsets.Length + spec.OutputCount + 7) / 8 * 8;

    /// <summary>Makes ready to run in a piece of memory.</summary>
    /// <param name="workspace">WorkspaceSize doubles, which belong to the runs until the last of them is over.</param>
    internal void Prepare(double* workspace) => spec.Place((double**)workspace, workspace + TableSize, constants.Pointer);

    /// <summary>The addresses of the inputs, to be set before a run.</summary>
    internal static double** Inputs(double* workspace) => (double**)workspace;

    /// <summary>The addresses that the outputs are to be written to, to be set before a run; none may be an input's.</summary>
    internal double** Outputs(double* workspace) => (double**)workspace + spec.SlotOffsets.Length;

    /// <summary>Runs the steps.</summary>
    /// <param name="workspace">Prepared memory, with the addresses of inputs and outputs set.</param>
    internal void Run(double* workspace)
    {
        double** slots = (double**)workspace;
        double** targets = slots + spec.SlotOffsets.Length;
        spec.PlaceViews(slots);
        bool[] direct = spec.DirectOutputs;
        for (int o = 0; o < direct.Length; o++)
        {
            if (direct[o])
            {
                slots[spec.OutputSlots[o]] = targets[o];
            }
        }

        spec.PlaceOutputViews(slots);
        foreach (Step step in spec.Steps)
        {
            step.Run(slots);
        }

        foreach (int o in copied)
        {
            Memory.Copy(slots[spec.OutputSlots[o]], targets[o], spec.OutputSizes[o]);
        }

        GC.KeepAlive(constants);
    }
}
