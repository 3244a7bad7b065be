using System;
using System.Runtime.InteropServices;

namespace Hesse.Kernels;

/// <summary>On which processor a thread runs; on Linux only.</summary>
/// <remarks>
/// A scheduler may wake a worker on the processor of the thread that waits for it, while another one has nothing urgent to do, and
/// leave both there: they then take turns. Moving away once is enough, and the thread stays free to be moved again.
/// </remarks>
internal static unsafe partial class Processor
{
    /// <summary>Bytes of a set of processors: 1024 of them, as in the C library.</summary>
    private const int SetSize = 128;

    private static readonly bool IsKnown = OperatingSystem.IsLinux() && Works();

    /// <summary>Number of the processor that this thread runs on; −1 when it cannot be told.</summary>
    public static int Current => IsKnown ? sched_getcpu() : -1;

    /// <summary>Moves this thread to a processor that is allowed to it and not among some, if there is one.</summary>
    /// <param name="others">Processors to leave to others; negative numbers are none.</param>
    public static void Avoid(ReadOnlySpan<int> others)
    {
        if (!IsKnown)
        {
            return;
        }

        ulong* allowed = stackalloc ulong[SetSize / sizeof(ulong)];
        ulong* wanted = stackalloc ulong[SetSize / sizeof(ulong)];
        new Span<byte>(allowed, SetSize).Clear();
        if (sched_getaffinity(0, SetSize, allowed) < 0)
        {
            return;
        }

        Buffer.MemoryCopy(allowed, wanted, SetSize, SetSize);
        foreach (int other in others)
        {
            if (other >= 0 && other < 8 * SetSize)
            {
                wanted[other / 64] &= ~(1UL << (other % 64));
            }
        }

        // An empty set is refused, and the thread stays where it is.
        if (sched_setaffinity(0, SetSize, wanted) == 0)
        {
            _ = sched_setaffinity(0, SetSize, allowed);
        }
    }

    /// <summary>Calls each function once, so that a library without them shows it here, and later calls cost no look-up.</summary>
    private static bool Works()
    {
        try
        {
            ulong* allowed = stackalloc ulong[SetSize / sizeof(ulong)];
            return sched_getcpu() >= 0 && sched_getaffinity(0, SetSize, allowed) >= 0 && sched_setaffinity(0, SetSize, allowed) == 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc")]
    [SuppressGCTransition]
    private static partial int sched_getcpu();

    [LibraryImport("libc")]
    private static partial int sched_getaffinity(int thread, nuint size, ulong* set);

    [LibraryImport("libc")]
    private static partial int sched_setaffinity(int thread, nuint size, ulong* set);
}
