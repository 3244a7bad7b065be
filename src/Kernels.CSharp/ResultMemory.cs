using System;
using System.Runtime.InteropServices;

namespace Hesse.Kernels;

/// <summary>Arrays for results.</summary>
/// <remarks>
/// A fresh array of many megabytes costs a page fault for every 4 KiB, which takes longer than computing it. Where the operating system
/// offers pages of 2 MiB to those who ask, large arrays ask for them.
/// </remarks>
public static unsafe partial class ResultMemory
{
    /// <summary>Bytes from which asking pays.</summary>
    private const long Large = 4 << 20;

    private const nuint SmallPage = 4096;

    /// <summary>MADV_HUGEPAGE of madvise(2).</summary>
    private const int HugePages = 14;

    private static readonly bool CanAsk = OperatingSystem.IsLinux() && Works();

    /// <summary>An array whose elements are unspecified.</summary>
    /// <param name="length">Number of elements.</param>
    /// <returns>The array; all of it is meant to be written.</returns>
    public static double[] Take(int length)
    {
        double[] array = GC.AllocateUninitializedArray<double>(length);
        if (CanAsk && length * (long)sizeof(double) >= Large)
        {
            fixed (double* first = array)
            {
                Ask(first, length * (long)sizeof(double));
            }
        }

        return array;
    }

    /// <summary>Asks for large pages behind the whole pages of a region; nothing is lost if they are refused.</summary>
    internal static void Ask(void* start, long bytes)
    {
        nuint from = ((nuint)start + SmallPage - 1) & ~(SmallPage - 1);
        nuint to = ((nuint)start + (nuint)bytes) & ~(SmallPage - 1);
        if (CanAsk && bytes >= Large && to > from)
        {
            _ = madvise((void*)from, to - from, HugePages);
        }
    }

    private static bool Works()
    {
        try
        {
            return madvise(null, 0, HugePages) == 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* start, nuint length, int advice);
}
