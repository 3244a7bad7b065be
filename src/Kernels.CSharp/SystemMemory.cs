using System;
using System.Globalization;
using System.IO;

namespace Hesse.Kernels;

/// <summary>Memory that the process can still get.</summary>
public static class SystemMemory
{
    /// <summary>Bytes that are free to the process: what the machine has left, and no more than a container's limit leaves.</summary>
    /// <returns>The number of bytes, at least 0.</returns>
    /// <remarks>Linux says how much it can give without swapping (MemAvailable of proc(5)). Elsewhere it is what was free at the last garbage collection.</remarks>
    public static long FreeBytes()
    {
        GCMemoryInfo info = GC.GetGCMemoryInfo();
        long machine = Available() ?? info.TotalAvailableMemoryBytes - info.MemoryLoadBytes;

        // The total is the container's limit where there is one.
        long container = info.TotalAvailableMemoryBytes - Environment.WorkingSet;
        return Math.Max(0, Math.Min(machine, container));
    }

    private static long? Available()
    {
        const string Entry = "MemAvailable:";
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        try
        {
            foreach (string line in File.ReadLines("/proc/meminfo"))
            {
                if (line.StartsWith(Entry, StringComparison.Ordinal))
                {
                    ReadOnlySpan<char> number = line.AsSpan(Entry.Length).Trim().TrimEnd("kB").Trim();
                    return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes) ? kibibytes << 10 : null;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return null;
    }
}
