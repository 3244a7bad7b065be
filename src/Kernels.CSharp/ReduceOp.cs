namespace Hesse.Kernels;

/// <summary>What a reduction computes.</summary>
public enum ReduceOp
{
    /// <summary>Sum; 0 over nothing.</summary>
    Sum,

    /// <summary>Maximum, NaN when any element is NaN; -infinity over nothing.</summary>
    Max,
}
