using System;

namespace Hesse.Kernels;

/// <summary>Discrete Fourier transforms of rows of real and imaginary parts, forward or backward, without a factor. Allocates nothing.</summary>
public sealed unsafe class FourierStep : Step
{
    private readonly int outer;
    private readonly int n;
    private readonly bool backward;
    private readonly int src;
    private readonly int dst;
    private readonly FourierPlan? plan;

    /// <summary>Makes the step, with the tables of its length.</summary>
    /// <param name="outer">Number of transforms.</param>
    /// <param name="n">Length of each; any number.</param>
    /// <param name="backward">Whether the exponent has the sign + instead of −.</param>
    /// <param name="src">Source slot, shape [outer; 2; n]: real parts, then imaginary parts.</param>
    /// <param name="dst">Destination slot, the same shape; another buffer.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative.</exception>
    public FourierStep(int outer, int n, bool backward, int src, int dst)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(outer);
        ArgumentOutOfRangeException.ThrowIfNegative(n);
        this.outer = outer;
        this.n = n;
        this.backward = backward;
        this.src = src;
        this.dst = dst;
        plan = n > 0 ? new FourierPlan(n) : null;
    }

    /// <inheritdoc/>
    public override long Flops => outer * (plan?.Flops ?? 0);

    /// <inheritdoc/>
    public override long Bytes => 4L * sizeof(double) * outer * n;

    /// <inheritdoc/>
    public override void Run(double** slots)
    {
        if (plan is null)
        {
            return;
        }

        Memory.Copy(slots[src], slots[dst], 2L * outer * n);
        double* work = Scratch.ForStep(plan.WorkSize);
        for (int o = 0; o < outer; o++)
        {
            double* re = slots[dst] + (2L * o * n);
            double* im = re + n;
            plan.Transform(backward ? im : re, backward ? re : im, work);
        }
    }

    /// <inheritdoc/>
    public override string Describe() => $"fourier {outer} × {n}{(backward ? " backward" : "")} s{src} -> s{dst}";
}
