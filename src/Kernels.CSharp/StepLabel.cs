namespace Hesse.Kernels;

/// <summary>What a step computes, in the words of the program that a plan was made from.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Shape">Axis lengths of its result.</param>
public sealed record StepLabel(string Operation, int[] Shape);
