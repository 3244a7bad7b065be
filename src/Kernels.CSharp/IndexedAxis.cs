using System;
using System.Globalization;

namespace Hesse.Kernels;

/// <summary>Sizes and index checks shared by gather and scatter.</summary>
internal sealed unsafe class IndexedAxis
{
    private readonly string what;
    private readonly bool batched;

    public IndexedAxis(int outer, int axisSize, int inner, int count, string what, bool batched)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(outer);
        ArgumentOutOfRangeException.ThrowIfNegative(axisSize);
        ArgumentOutOfRangeException.ThrowIfNegative(inner);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentNullException.ThrowIfNull(what);
        Outer = outer;
        AxisSize = axisSize;
        Inner = inner;
        Count = count;
        this.what = what;
        this.batched = batched;
    }

    public int Outer { get; }

    public int AxisSize { get; }

    public int Inner { get; }

    public int Count { get; }

    /// <summary>Elements moved by one run.</summary>
    public long Moved => (long)Outer * Count * Inner;

    /// <summary>Number of stored indices.</summary>
    public long Indices => batched ? (long)Outer * Count : Count;

    /// <summary>The checked index of row <paramref name="j"/> at outer position <paramref name="o"/>.</summary>
    public long Index(double* indices, int o, int j)
    {
        double value = indices[batched ? ((long)o * Count) + j : j];
        int index = (int)value;
        if (index != value || (uint)index >= (uint)AxisSize)
        {
            Throw(value, o, j);
        }

        return index;
    }

    public string Describe() => $"[{Outer}; {AxisSize}; {Inner}] count {Count}{(batched ? " batched" : "")}";

    private void Throw(double value, int o, int j)
    {
        string position = batched ? $"[{o}; {j}]" : $"[{j}]";
        string allowed = AxisSize == 0
            ? "the indexed axis has size 0, so no index is allowed"
            : $"allowed are the integers 0 to {AxisSize - 1}; negative indices do not count from the end";
        throw new HesseException(
            string.Create(CultureInfo.InvariantCulture, $"{what}: index {value:R} at position {position} is out of range: {allowed}."));
    }
}
