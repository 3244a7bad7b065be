using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Hesse.Cli.Machine;

/// <summary>The machine of a run.</summary>
/// <param name="OperatingSystem">Operating system and version.</param>
/// <param name="Architecture">Processor architecture of the process.</param>
/// <param name="Processor">Model name of the processor.</param>
/// <param name="Cores">Logical processors the process may use.</param>
/// <param name="MemoryBytes">Memory the process may use, in bytes.</param>
internal sealed record MachineInfo(
    string OperatingSystem, string Architecture, string Processor, int Cores, long MemoryBytes)
{
    /// <summary>The machine of this process.</summary>
    public static MachineInfo Current() => new(
        RuntimeInformation.OSDescription,
        RuntimeInformation.ProcessArchitecture.ToString(),
        ProcessorName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    private static string ProcessorName()
    {
        string? name = null;
        try
        {
            if (System.OperatingSystem.IsLinux())
            {
                name = File.ReadLines("/proc/cpuinfo")
                    .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
                    ?.Split(':', 2)[1].Trim();
            }
            else if (System.OperatingSystem.IsMacOS())
            {
                name = Subprocess.Run("sysctl", ["-n", "machdep.cpu.brand_string"], null, TimeSpan.FromSeconds(5)).Output.Trim();
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            // The name is only for the report: without it the generic one below serves.
        }

        return string.IsNullOrEmpty(name)
            ? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? "unknown processor"
            : name;
    }
}
