using System;

namespace Hesse.Kernels;

/// <summary>A plan that steps of another plan run, any number of times, in memory that they hand in.</summary>
public sealed unsafe class SubPlan
{
    private readonly PlanSpec spec;
    private readonly AlignedBuffer constants;
    private readonly int[] copied;
    private readonly TeamSchedule? schedule;

    /// <summary>Prepares a plan; the constants are copied once.</summary>
    /// <param name="spec">Its description.</param>
    public SubPlan(PlanSpec spec)
        : this(spec, Team.Threads, false)
    {
    }

    /// <summary>Prepares a plan for a number of threads.</summary>
    /// <param name="spec">Its description.</param>
    /// <param name="threads">Number of shares of a step that is cut.</param>
    /// <param name="always">Cuts whatever can be cut, however small; for tests.</param>
    public SubPlan(PlanSpec spec, int threads, bool always)
    {
        ArgumentNullException.ThrowIfNull(spec);
        this.spec = spec;
        constants = new AlignedBuffer(spec.Constants.Length);
        spec.Constants.CopyTo(new Span<double>(constants.Pointer, spec.Constants.Length));
        foreach (Step step in spec.Steps)
        {
            Flops += step.Flops;
            Bytes += step.Bytes;
            Time += step.Time;
        }

        schedule = TeamSchedule.Of(spec, threads, always);
        copied = Array.FindAll(System.Linq.Enumerable.ToArray(System.Linq.Enumerable.Range(0, spec.OutputCount)), o => !spec.DirectOutputs[o]);
    }

    /// <summary>Doubles of memory that a run needs: a table of pointers for every thread, then the arena.</summary>
    public long WorkspaceSize => (Threads * TableSize) + spec.ArenaSize;

    /// <summary>Threads that can run the steps together.</summary>
    public int Threads => schedule?.Threads ?? 1;

    /// <summary>Rough time of a run on one thread, in nanoseconds.</summary>
    internal double Time { get; }

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

    /// <summary>Bytes of the constants that it holds, those of loops in it included.</summary>
    internal long ConstantBytes => PlanRows.ConstantBytes(spec);

    /// <summary>Adds a row for each step to a table.</summary>
    /// <param name="rows">The rows so far.</param>
    /// <param name="depth">How many loops are around the steps.</param>
    /// <param name="role">What the rows' kernels are headed with.</param>
    internal void AddRows(System.Collections.Generic.List<PlanRow> rows, int depth, string role) => PlanRows.Add(rows, spec, schedule, depth, role);

    /// <summary>Makes ready to run in a piece of memory.</summary>
    /// <param name="workspace">WorkspaceSize doubles, which belong to the runs until the last of them is over.</param>
    /// <param name="thread">The thread that prepares its table; every thread that runs the steps has one of its own.</param>
    internal void Prepare(double* workspace, int thread = 0) =>
        spec.Place((double**)Table(workspace, thread), workspace + (Threads * TableSize), constants.Pointer);

    /// <summary>A thread's addresses of the inputs, to be set before a run.</summary>
    internal double** Inputs(double* workspace, int thread = 0) => (double**)Table(workspace, thread);

    /// <summary>A thread's addresses that the outputs are to be written to, to be set before a run; none may be an input's.</summary>
    internal double** Outputs(double* workspace, int thread = 0) => (double**)Table(workspace, thread) + spec.SlotOffsets.Length;

    /// <summary>Runs the steps on this thread.</summary>
    /// <param name="workspace">Prepared memory, with the addresses of inputs and outputs set.</param>
    internal void Run(double* workspace)
    {
        double** slots = Place(workspace, 0);
        if (schedule is null)
        {
            foreach (Step step in spec.Steps)
            {
                step.Run(slots);
            }
        }
        else
        {
            schedule.RunAlone(slots);
        }

        CopyOutputs(workspace);
    }

    /// <summary>Runs the steps with the other threads of a team, each of which calls this; they meet at the end.</summary>
    /// <param name="workspace">Memory that every thread prepared for itself, with the addresses of inputs and outputs set.</param>
    /// <param name="member">This thread.</param>
    /// <returns>Whether the team is still together; if not, a worker left early and the caller finished alone.</returns>
    internal bool RunTogether(double* workspace, TeamMember member)
    {
        bool together = schedule!.RunTogether(Place(workspace, member.Index), member, 0, 0) && member.Meet();
        if (member.IsCaller)
        {
            CopyOutputs(workspace);
        }

        return together && (copied.Length == 0 || member.Meet());
    }

    private double* Table(double* workspace, int thread) => workspace + (thread * TableSize);

    private double** Place(double* workspace, int thread)
    {
        double** slots = (double**)Table(workspace, thread);
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
        return slots;
    }

    private void CopyOutputs(double* workspace)
    {
        double** slots = (double**)workspace;
        double** targets = slots + spec.SlotOffsets.Length;
        foreach (int o in copied)
        {
            Memory.Copy(slots[spec.OutputSlots[o]], targets[o], spec.OutputSizes[o]);
        }

        GC.KeepAlive(constants);
    }
}
