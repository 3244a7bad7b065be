using System;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>Compiles the expressions of fused loops that are used much, on a thread of its own.</summary>
/// <remarks>A loop runs one operation at a time until then, with the same results. Asking for it allocates nothing and does not wait.</remarks>
internal static class ExpressionCompiler
{
    private static readonly AutoResetEvent Signal = new(false);
    private static FusedStep? first;
    private static int started;

    /// <summary>Asks for the expressions of a loop, which is asked for once only.</summary>
    public static void Add(FusedStep step)
    {
        FusedStep? next;
        do
        {
            next = Volatile.Read(ref first);
            step.NextToCompile = next;
        }
        while (Interlocked.CompareExchange(ref first, step, next) != next);

        if (Interlocked.Exchange(ref started, 1) == 0)
        {
            Thread thread = new(Work) { IsBackground = true, Name = "Hesse expressions", Priority = ThreadPriority.BelowNormal };
            thread.Start();
        }

        Signal.Set();
    }

    private static void Work()
    {
        while (true)
        {
            Signal.WaitOne();
            for (FusedStep? step = Interlocked.Exchange(ref first, null); step is not null;)
            {
                FusedStep? next = step.NextToCompile;
                step.NextToCompile = null;
                Compile(step);
                step = next;
            }
        }
    }

    /// <summary>A loop that cannot be compiled goes on as it is; nothing but time depends on it.</summary>
    private static void Compile(FusedStep step)
    {
        try
        {
            step.Compile();
        }
        catch (Exception e) when (e is TypeLoadException or InvalidProgramException or OutOfMemoryException)
        {
            // No one waits for the code.
        }
    }
}
