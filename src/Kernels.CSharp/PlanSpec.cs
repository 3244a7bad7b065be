using System;

namespace Hesse.Kernels;

/// <summary>The immutable description of a plan: its steps and where their buffers live.</summary>
public sealed class PlanSpec
{
    /// <summary>Makes a description and checks that every number points inside it.</summary>
    /// <param name="steps">Steps in the order in which they run.</param>
    /// <param name="slotOffsets">
    /// One entry per slot. Slots below <paramref name="inputCount"/> are the caller's inputs and their entry is ignored. For the
    /// others, an entry ≥ 0 is an offset into the arena, in doubles, and an entry -1-j is offset j into the constants.
    /// </param>
    /// <param name="inputCount">Number of input arrays.</param>
    /// <param name="outputSlots">Slot of every output; may be an input or a constant, and may repeat.</param>
    /// <param name="outputSizes">Number of elements of every output.</param>
    /// <param name="constants">Constant region; copied.</param>
    /// <param name="arenaSize">Size of the arena in doubles.</param>
    /// <param name="directOutputs">
    /// Optional, per output: true promises that no other slot shares memory with the output's slot, except those in
    /// <paramref name="outputViews"/>, and that it is no input, constant or repeated output; the steps then write to the caller's array, without a copy at the end. Its place in the arena
    /// is not used.
    /// </param>
    /// <param name="inputViews">Optional: slots that are the rest of an input's array from some element on; their entry in <paramref name="slotOffsets"/> is ignored.</param>
    /// <param name="outputViews">
    /// Optional: slots that share memory with the slot of a direct output; they follow it into the caller's array.
    /// </param>
    /// <exception cref="ArgumentException">An offset, slot or length is inconsistent; the message says which.</exception>
    public PlanSpec(
        Step[] steps,
        long[] slotOffsets,
        int inputCount,
        int[] outputSlots,
        long[] outputSizes,
        double[] constants,
        long arenaSize,
        bool[]? directOutputs = null,
        InputView[]? inputViews = null,
        OutputView[]? outputViews = null)
    {
        ArgumentNullException.ThrowIfNull(steps);
        ArgumentNullException.ThrowIfNull(slotOffsets);
        ArgumentNullException.ThrowIfNull(outputSlots);
        ArgumentNullException.ThrowIfNull(outputSizes);
        ArgumentNullException.ThrowIfNull(constants);
        ArgumentOutOfRangeException.ThrowIfNegative(arenaSize);
        if (inputCount < 0 || inputCount > slotOffsets.Length)
        {
            throw new ArgumentException(
                $"plan: {inputCount} inputs but {slotOffsets.Length} slots; give every input a slot of its own at the start.");
        }

        if (outputSizes.Length != outputSlots.Length || (directOutputs is not null && directOutputs.Length != outputSlots.Length))
        {
            throw new ArgumentException(
                $"plan: {outputSlots.Length} output slots, {outputSizes.Length} output sizes and {directOutputs?.Length ?? outputSlots.Length} "
                + "direct flags; pass one of each per output.");
        }

        for (int slot = inputCount; slot < slotOffsets.Length; slot++)
        {
            long offset = slotOffsets[slot];
            long limit = offset >= 0 ? arenaSize : constants.Length;
            long start = offset >= 0 ? offset : -1 - offset;
            if (start > limit)
            {
                throw new ArgumentException(
                    $"plan: slot {slot} starts at {start}, outside the {(offset >= 0 ? "arena" : "constants")} of {limit} doubles.");
            }
        }

        InputViews = inputViews is null ? [] : [.. inputViews];
        foreach (InputView view in InputViews)
        {
            if (view.Slot < inputCount || view.Slot >= slotOffsets.Length || view.Input < 0 || view.Input >= inputCount || view.Offset < 0)
            {
                throw new ArgumentException(
                    $"plan: slot {view.Slot} cannot be a view of input {view.Input} from element {view.Offset} on; there are {inputCount} inputs.");
            }
        }

        OutputViews = outputViews is null ? [] : [.. outputViews];
        foreach (OutputView view in OutputViews)
        {
            bool isOutput = view.Output >= 0 && view.Output < outputSlots.Length && directOutputs is not null && directOutputs[view.Output];
            if (!isOutput || view.Slot < inputCount || view.Slot >= slotOffsets.Length || view.Offset < 0 || view.Offset > outputSizes[view.Output])
            {
                throw new ArgumentException(
                    $"plan: slot {view.Slot} cannot be a view of output {view.Output} from element {view.Offset} on; name a direct output "
                    + "and an element of it.");
            }
        }

        for (int o = 0; o < outputSlots.Length; o++)
        {
            int slot = outputSlots[o];
            bool isElsewhere = slot < inputCount || Array.Exists(InputViews, v => v.Slot == slot) || Array.Exists(OutputViews, v => v.Slot == slot);
            CheckOutput(o, outputSlots, outputSizes, slotOffsets, isElsewhere, constants.Length, arenaSize, directOutputs);
        }

        Steps = [.. steps];
        SlotOffsets = [.. slotOffsets];
        InputCount = inputCount;
        OutputSlots = [.. outputSlots];
        OutputSizes = [.. outputSizes];
        Constants = [.. constants];
        ArenaSize = arenaSize;
        DirectOutputs = directOutputs is null ? new bool[outputSlots.Length] : [.. directOutputs];
    }

    /// <summary>Number of input arrays.</summary>
    public int InputCount { get; }

    /// <summary>Number of output arrays.</summary>
    public int OutputCount => OutputSlots.Length;

    /// <summary>Size of the arena in doubles.</summary>
    public long ArenaSize { get; }

    /// <summary>What each step computes, for plans that are looked at; empty when nobody said.</summary>
    public StepLabel[] Labels { get; init; } = [];

    internal Step[] Steps { get; }

    internal long[] SlotOffsets { get; }

    internal int[] OutputSlots { get; }

    internal long[] OutputSizes { get; }

    internal double[] Constants { get; }

    internal InputView[] InputViews { get; }

    internal OutputView[] OutputViews { get; }

    internal bool[] DirectOutputs { get; }

    /// <summary>Points the slots that are neither inputs nor views of them to the arena and the constants.</summary>
    /// <param name="slots">The slot table.</param>
    /// <param name="arena">An arena.</param>
    /// <param name="constants">The constants.</param>
    internal unsafe void Place(double** slots, double* arena, double* constants)
    {
        for (int slot = InputCount; slot < SlotOffsets.Length; slot++)
        {
            long offset = SlotOffsets[slot];
            slots[slot] = offset >= 0 ? arena + offset : constants + (-1 - offset);
        }
    }

    /// <summary>Points the slots that are views of inputs into them.</summary>
    /// <param name="slots">The slot table, inputs set.</param>
    internal unsafe void PlaceViews(double** slots)
    {
        foreach (InputView view in InputViews)
        {
            slots[view.Slot] = slots[view.Input] + view.Offset;
        }
    }

    /// <summary>Points the slots that are views of direct outputs into them.</summary>
    /// <param name="slots">The slot table, direct outputs set.</param>
    internal unsafe void PlaceOutputViews(double** slots)
    {
        foreach (OutputView view in OutputViews)
        {
            slots[view.Slot] = slots[OutputSlots[view.Output]] + view.Offset;
        }
    }

    private static void CheckOutput(
        int o, int[] slots, long[] sizes, long[] offsets, bool isElsewhere, long constants, long arena, bool[]? direct)
    {
        int slot = slots[o];
        if (slot < 0 || slot >= offsets.Length)
        {
            throw new ArgumentException($"plan: output {o} names slot {slot}, but there are {offsets.Length} slots.");
        }

        long offset = offsets[slot];
        bool isDirect = direct is not null && direct[o];
        long room = isElsewhere || isDirect ? long.MaxValue : offset >= 0 ? arena - offset : constants - (-1 - offset);
        if (sizes[o] < 0 || sizes[o] > room)
        {
            throw new ArgumentException($"plan: output {o} has {sizes[o]} elements, but its slot {slot} has room for {room}.");
        }

        if (isDirect && (isElsewhere || offset < 0 || Array.IndexOf(slots, slot) != Array.LastIndexOf(slots, slot)))
        {
            throw new ArgumentException(
                $"plan: output {o} cannot be direct, because slot {slot} is an input, a constant or a repeated output; let it be copied.");
        }
    }
}
