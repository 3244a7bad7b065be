namespace Hesse.Kernels;

/// <summary>A slot that is the rest of an input's array from some element on.</summary>
/// <param name="Slot">The slot.</param>
/// <param name="Input">The input.</param>
/// <param name="Offset">The first element.</param>
public readonly record struct InputView(int Slot, int Input, long Offset);
