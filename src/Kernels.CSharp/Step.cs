using System;

namespace Hesse.Kernels;

/// <summary>One operation of a plan over a table of buffers (slots).</summary>
/// <remarks>
/// Steps are immutable: scratch memory belongs to the running thread, so one instance may run on several threads at once
/// as long as their slot tables differ. <see cref="Run"/> does not allocate once the thread's scratch memory has grown;
/// only a large matrix product that the C# kernel splits over cores allocates, for its tasks.
/// </remarks>
public abstract unsafe class Step
{
    /// <summary>Whether the operation also runs on float32 buffers; see <see cref="ToSingle"/>.</summary>
    public virtual bool HasSingle => false;

    /// <summary>Whether the buffers hold float32; index buffers hold float64 all the same.</summary>
    public bool IsSingle { get; private set; }

    /// <summary>Bytes of an element of the buffers.</summary>
    private protected int ElementSize => IsSingle ? sizeof(float) : sizeof(double);

    /// <summary>What a printed plan adds to the line of a float32 operation.</summary>
    private protected string Suffix => IsSingle ? " (float32)" : "";

    /// <summary>The same operation on float32 buffers in the same slots.</summary>
    /// <returns>A copy of this step.</returns>
    /// <exception cref="InvalidOperationException">There is no such operation.</exception>
    public Step ToSingle()
    {
        if (!HasSingle)
        {
            throw new InvalidOperationException($"{GetType().Name} has no float32 form; convert its operands to float64.");
        }

        Step copy = (Step)MemberwiseClone();
        copy.IsSingle = true;
        return copy;
    }

    /// <summary>Runs the operation.</summary>
    /// <param name="slots">Start addresses of the buffers, one per slot, whatever their elements are.</param>
    public abstract void Run(double** slots);

    /// <summary>One line for a printed plan: operation, shapes, slots.</summary>
    /// <returns>The line, without a line break.</returns>
    public abstract string Describe();

    /// <summary>Floating-point operations of one run; a transcendental function counts as one.</summary>
    public abstract long Flops { get; }

    /// <summary>Bytes read and written by one run, each operand counted once.</summary>
    public abstract long Bytes { get; }

    /// <summary>Rough time of one run on one thread, in nanoseconds: what decides whether the step is shared among threads.</summary>
    internal virtual double Time => CallTime + (Bytes / BytesPerNanosecond) + (Flops / OperationsPerNanosecond);

    /// <summary>Whether threads can run the step share by share, in any order or at once.</summary>
    internal virtual bool HasShares => false;

    /// <summary>Whether the threads of a team run the step together and meet within.</summary>
    internal virtual bool IsTeamwork => false;

    /// <summary>Nanoseconds to start a step.</summary>
    private protected const double CallTime = 50;

    /// <summary>Bytes that one thread moves in a nanosecond, in and out of the second-level cache.</summary>
    private protected const double BytesPerNanosecond = 48;

    /// <summary>Simple operations that one thread does in a nanosecond.</summary>
    private protected const double OperationsPerNanosecond = 8;

    /// <summary>Runs a share of the operation; all of them together are one run.</summary>
    /// <param name="slots">The slot table.</param>
    /// <param name="share">Which part.</param>
    internal virtual void RunShare(double** slots, Share share) => throw new InvalidOperationException($"{GetType().Name} has no shares.");

    /// <summary>Tells which bytes a share reads and writes.</summary>
    /// <param name="share">Which part.</param>
    /// <param name="memory">Where it is noted.</param>
    internal virtual void Touch(Share share, Footprint memory) => throw new InvalidOperationException($"{GetType().Name} has no shares.");

    /// <summary>Runs the operation with the other threads of a team, each of which calls this.</summary>
    /// <param name="slots">The slot table.</param>
    /// <param name="member">This thread.</param>
    /// <returns>Whether the team is still together; if not, a worker left early and the caller finished alone.</returns>
    internal virtual bool RunTogether(double** slots, TeamMember member) =>
        throw new InvalidOperationException($"{GetType().Name} is no teamwork.");
}
