namespace Hesse.Kernels;

/// <summary>One operation of a plan over a table of buffers (slots).</summary>
/// <remarks>
/// Steps are immutable: scratch memory belongs to the running thread, so one instance may run on several threads at once
/// as long as their slot tables differ. <see cref="Run"/> does not allocate once the thread's scratch memory has grown;
/// only a large matrix product that the C# kernel splits over cores allocates, for its tasks.
/// </remarks>
public abstract unsafe class Step
{
    /// <summary>Runs the operation.</summary>
    /// <param name="slots">Start addresses of the buffers, one per slot, in float64 units.</param>
    public abstract void Run(double** slots);

    /// <summary>One line for a printed plan: operation, shapes, slots.</summary>
    /// <returns>The line, without a line break.</returns>
    public abstract string Describe();

    /// <summary>Floating-point operations of one run; a transcendental function counts as one.</summary>
    public abstract long Flops { get; }

    /// <summary>Bytes read and written by one run, each operand counted once.</summary>
    public abstract long Bytes { get; }
}
