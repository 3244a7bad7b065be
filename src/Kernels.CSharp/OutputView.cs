namespace Hesse.Kernels;

/// <summary>A slot that is the rest of a direct output's array from some element on: a part that is computed there, or a view of it.</summary>
/// <param name="Slot">The slot.</param>
/// <param name="Output">The output.</param>
/// <param name="Offset">The first element.</param>
public readonly record struct OutputView(int Slot, int Output, long Offset);
