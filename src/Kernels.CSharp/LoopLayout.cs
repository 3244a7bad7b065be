namespace Hesse.Kernels;

/// <summary>What a loop carries, reads and writes; sizes and offsets in float64 units.</summary>
public sealed class LoopLayout
{
    /// <summary>Most steps; for a loop without bound, long.MaxValue.</summary>
    public required long Length { get; init; }

    /// <summary>Whether elements and results are gone through from their end.</summary>
    public required bool Reverse { get; init; }

    /// <summary>Slot of the number of steps to run; −1 for none.</summary>
    public required int CountSlot { get; init; }

    /// <summary>Where the number of steps that were run is written in the result; −1 for nowhere.</summary>
    public required long CountOffset { get; init; }

    /// <summary>Elements of each carry.</summary>
    public required long[] CarrySizes { get; init; }

    /// <summary>Slot of each carry's first value.</summary>
    public required int[] CarrySlots { get; init; }

    /// <summary>Where each carry's last value is written in the result.</summary>
    public required long[] FinalOffsets { get; init; }

    /// <summary>Where each carry's values before the steps are written in the result, one after the other; −1 for nowhere.</summary>
    public required long[] HistoryOffsets { get; init; }

    /// <summary>Elements that each sequence hands to a step.</summary>
    public required long[] ElementSizes { get; init; }

    /// <summary>Slot of each sequence.</summary>
    public required int[] ElementSlots { get; init; }

    /// <summary>Slots of what every step reads.</summary>
    public required int[] CapturedSlots { get; init; }

    /// <summary>Elements of each result of a step.</summary>
    public required long[] OutputSizes { get; init; }

    /// <summary>Where the results of the steps are written in the result, one after the other.</summary>
    public required long[] OutputOffsets { get; init; }
}
