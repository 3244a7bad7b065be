using System;

namespace Hesse.Kernels;

/// <summary>Runs a plan again and again on the carries that it makes itself: a scan or a while loop. Allocates nothing.</summary>
/// <remarks>
/// The body's inputs are carries, elements and captured values; its outputs are the next carries and the results of a step. All
/// of them are read and written in place: a carry whose history is kept is made right in the history, any other one in one of two
/// buffers by turns, and in the last step in the result.
/// </remarks>
public sealed unsafe class LoopStep : Step
{
    private readonly SubPlan body;
    private readonly SubPlan? condition;
    private readonly LoopLayout layout;
    private readonly int result;
    private readonly int workspace;

    /// <summary>Makes the step.</summary>
    /// <param name="body">Inputs: carries, elements, captured values; outputs: next carries, results.</param>
    /// <param name="condition">Inputs: carries, captured values; one output: 0 ends the loop. Null for none.</param>
    /// <param name="layout">Sizes and places.</param>
    /// <param name="result">Slot written.</param>
    /// <param name="workspace">Slot of <see cref="WorkspaceSize"/> doubles.</param>
    /// <exception cref="ArgumentException">The plans do not fit the layout.</exception>
    public LoopStep(SubPlan body, SubPlan? condition, LoopLayout layout, int result, int workspace)
    {
        ArgumentNullException.ThrowIfNull(body);
        ArgumentNullException.ThrowIfNull(layout);
        int carries = layout.CarrySlots.Length;
        int inputs = carries + layout.ElementSlots.Length + layout.CapturedSlots.Length;
        int outputs = carries + layout.OutputSizes.Length;
        if (body.InputCount != inputs || body.OutputCount != outputs)
        {
            throw new ArgumentException(
                $"loop: the body has {body.InputCount} inputs and {body.OutputCount} outputs, the layout {inputs} and {outputs}.");
        }

        if (condition is not null && (condition.InputCount != carries + layout.CapturedSlots.Length || condition.OutputCount != 1))
        {
            throw new ArgumentException(
                $"loop: the condition has {condition.InputCount} inputs and {condition.OutputCount} outputs, "
                + $"expected {carries + layout.CapturedSlots.Length} and 1.");
        }

        this.body = body;
        this.condition = condition;
        this.layout = layout;
        this.result = result;
        this.workspace = workspace;
    }

    /// <inheritdoc/>
    /// <remarks>Those of the greatest number of steps; those of one step for a loop without bound.</remarks>
    public override long Flops => Trips * (body.Flops + (condition?.Flops ?? 0));

    /// <inheritdoc/>
    /// <remarks>As for the operations.</remarks>
    public override long Bytes => Trips * (body.Bytes + (condition?.Bytes ?? 0));

    private long Trips => layout.Length == long.MaxValue ? 1 : layout.Length;

    /// <summary>Doubles of memory that a loop needs for itself.</summary>
    /// <param name="body">Its body.</param>
    /// <param name="condition">Its condition, or null.</param>
    /// <param name="carrySizes">Elements of each carry.</param>
    /// <returns>The number of doubles, in whole cache lines.</returns>
    public static long WorkspaceSize(SubPlan body, SubPlan? condition, long[] carrySizes)
    {
        ArgumentNullException.ThrowIfNull(body);
        ArgumentNullException.ThrowIfNull(carrySizes);
        long size = Line(body.WorkspaceSize) + Line(condition?.WorkspaceSize ?? 0);
        foreach (long carry in carrySizes)
        {
            size += 2 * Line(carry);
        }

        return size;
    }

    /// <inheritdoc/>
    public override void Run(double** slots) => _ = Run(slots, null);

    /// <inheritdoc/>
    internal override double Time => Trips * (body.Time + (condition?.Time ?? 0) + CallTime);

    /// <inheritdoc/>
    /// <remarks>A loop that ends on a condition stays on one thread.</remarks>
    internal override bool IsTeamwork => condition is null && body.Threads > 1;

    /// <inheritdoc/>
    internal override bool RunTogether(double** slots, TeamMember member) => Run(slots, member);

    /// <summary>Runs on this thread, or with a team whose threads all go through the same steps, each with pointers of its own.</summary>
    /// <returns>Whether the team is still together.</returns>
    private bool Run(double** slots, TeamMember? member)
    {
        int thread = member?.Index ?? 0;
        double* bodySpace = slots[workspace];
        double* conditionSpace = bodySpace + Line(body.WorkspaceSize);
        double* buffers = conditionSpace + Line(condition?.WorkspaceSize ?? 0);
        double* target = slots[result];
        int carries = layout.CarrySlots.Length;
        int elements = layout.ElementSlots.Length;
        body.Prepare(bodySpace, thread);
        double** inputs = body.Inputs(bodySpace, thread);
        double** outputs = body.Outputs(bodySpace, thread);
        long planned = Planned(slots);
        for (int i = 0; i < layout.CapturedSlots.Length; i++)
        {
            inputs[carries + elements + i] = slots[layout.CapturedSlots[i]];
        }

        if (condition is not null)
        {
            PrepareCondition(slots, conditionSpace);
        }

        for (int i = 0; i < carries; i++)
        {
            inputs[i] = slots[layout.CarrySlots[i]];
        }

        long done = 0;
        for (; done < planned && (condition is null || Holds(inputs, conditionSpace)); done++)
        {
            long at = layout.Reverse ? planned - 1 - done : done;
            if (done == 0)
            {
                StartHistories(inputs, target, at, thread == 0);
                if (member is { } starting && !Stays(starting.Meet(), ref member))
                {
                    return false;
                }
            }

            bool last = done + 1 == planned;
            double* buffer = buffers;
            for (int i = 0; i < carries; i++)
            {
                long size = layout.CarrySizes[i];
                outputs[i] = last ? target + layout.FinalOffsets[i]
                    : layout.HistoryOffsets[i] >= 0 ? target + layout.HistoryOffsets[i] + ((layout.Reverse ? at - 1 : at + 1) * size)
                    : buffer + ((done & 1) * Line(size));
                buffer += 2 * Line(size);
            }

            for (int i = 0; i < elements; i++)
            {
                inputs[carries + i] = slots[layout.ElementSlots[i]] + (at * layout.ElementSizes[i]);
            }

            for (int i = 0; i < layout.OutputSizes.Length; i++)
            {
                outputs[carries + i] = target + layout.OutputOffsets[i] + (at * layout.OutputSizes[i]);
            }

            if (member is null)
            {
                body.Run(bodySpace);
            }
            else if (!Stays(body.RunTogether(bodySpace, member.Value), ref member))
            {
                return false;
            }

            for (int i = 0; i < carries; i++)
            {
                inputs[i] = outputs[i];
            }
        }

        if (thread == 0)
        {
            Finish(inputs, target, done, planned);
        }

        return member is not null;
    }

    /// <summary>Whether this thread goes on; the caller of a team that parts goes on alone.</summary>
    private static bool Stays(bool together, ref TeamMember? member)
    {
        bool goesOn = together || member!.Value.IsCaller;
        member = together ? member : null;
        return goesOn;
    }

    /// <inheritdoc/>
    public override string Describe() =>
        $"loop {(layout.Length == long.MaxValue ? "" : $"{layout.Length} × ")}({body.StepCount} steps, {body.Flops} flops)"
        + $"{(condition is null ? "" : " while")}{(layout.Reverse ? " backwards" : "")} -> s{result}";

    /// <summary>What a step of the loop runs.</summary>
    internal SubPlan Body => body;

    /// <summary>What says whether the loop goes on; null for a loop that ends by itself.</summary>
    internal SubPlan? Condition => condition;

    private static long Line(long size) => (size + 7) / 8 * 8;

    /// <summary>Most steps of this run.</summary>
    private long Planned(double** slots)
    {
        if (layout.CountSlot < 0)
        {
            return layout.Length;
        }

        double count = *slots[layout.CountSlot];
        return count >= layout.Length ? layout.Length : count > 0 ? (long)count : 0;
    }

    private void PrepareCondition(double** slots, double* space)
    {
        condition!.Prepare(space);
        double** inputs = condition.Inputs(space);
        for (int i = 0; i < layout.CapturedSlots.Length; i++)
        {
            inputs[layout.CarrySlots.Length + i] = slots[layout.CapturedSlots[i]];
        }
    }

    private bool Holds(double** carries, double* space)
    {
        double holds = 0;
        double** inputs = condition!.Inputs(space);
        for (int i = 0; i < layout.CarrySlots.Length; i++)
        {
            inputs[i] = carries[i];
        }

        *condition.Outputs(space) = &holds;
        condition.Run(space);
        return holds != 0;
    }

    /// <summary>Puts the first value of every carry whose history is kept in its place there; one thread of a team copies it.</summary>
    private void StartHistories(double** inputs, double* target, long at, bool copies)
    {
        for (int i = 0; i < layout.CarrySizes.Length; i++)
        {
            if (layout.HistoryOffsets[i] >= 0)
            {
                double* first = target + layout.HistoryOffsets[i] + (at * layout.CarrySizes[i]);
                if (copies)
                {
                    Memory.Copy(inputs[i], first, layout.CarrySizes[i]);
                }

                inputs[i] = first;
            }
        }
    }

    /// <summary>Writes what the steps did not: last values of a loop that ended early, zeros for the steps that were not run.</summary>
    private void Finish(double** inputs, double* target, long done, long planned)
    {
        if (done == 0 || done < planned)
        {
            for (int i = 0; i < layout.CarrySizes.Length; i++)
            {
                Memory.Copy(inputs[i], target + layout.FinalOffsets[i], layout.CarrySizes[i]);
            }
        }

        if (layout.CountOffset >= 0)
        {
            target[layout.CountOffset] = done;
        }

        if (done == layout.Length)
        {
            return;
        }

        // Steps are left out at the end, in either direction.
        for (int i = 0; i < layout.OutputSizes.Length; i++)
        {
            Clear(target + layout.OutputOffsets[i], layout.OutputSizes[i], done);
        }

        for (int i = 0; i < layout.CarrySizes.Length; i++)
        {
            if (layout.HistoryOffsets[i] >= 0)
            {
                Clear(target + layout.HistoryOffsets[i], layout.CarrySizes[i], done);
            }
        }
    }

    private void Clear(double* sequence, long size, long done) =>
        Memory.Fill(sequence + (done * size), (layout.Length - done) * size, 0);
}
