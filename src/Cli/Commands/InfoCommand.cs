using System.CommandLine;
using System.Globalization;
using Hesse.Cli.Machine;

namespace Hesse.Cli.Commands;

/// <summary><c>hesse info</c>: versions, machine, numerical libraries, data.</summary>
internal static class InfoCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(CliHost host)
    {
        Option<string?> data = SharedOptions.Data();
        var command = new Command("info", "Show versions, machine, numerical libraries in use, and where the data are.")
        {
            data,
        };
        command.SetAction(parsed =>
        {
            VersionInfo versions = VersionInfo.Current(host.Backend());
            MachineInfo machine = MachineInfo.Current();
            string folder = DataFolder.Find(host, parsed.GetValue(data));
            Line("Hesse", versions.Hesse);
            Line(".NET", versions.DotNet);
            Line("F# core", versions.FSharpCore);
            Line("system", $"{machine.OperatingSystem} ({machine.Architecture})");
            Line("processor", $"{machine.Processor}, {Numbers.Count(machine.Cores, "logical core")}");
            Line("memory", (machine.MemoryBytes / (double)(1L << 30)).ToString("0.0", CultureInfo.InvariantCulture) + " GiB");
            Line("matrix product", versions.MatrixProduct);
            Line("linear algebra", versions.LinearAlgebra);
            if (host.BackendAdvice() is { } advice)
            {
                Line("", advice);
            }

            Line("charts", host.Plotly.Get(fetch: false).Note);
            Line("data", DataFolder.HasData(folder) ? folder : $"not found; give the folder with --data or {DataFolder.Variable}");
            return ExitCode.Success;
        });
        return command;

        void Line(string name, string value) => host.Out.WriteLine($"{name,-15} {value}");
    }
}
