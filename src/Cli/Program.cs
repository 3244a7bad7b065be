using System;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;
using Hesse.Cli.Commands;
using Hesse.Cli.Plotly;
using Hesse.Kernels;
using Hesse.Reproductions;
using Spectre.Console;

namespace Hesse.Cli;

/// <summary>Entry point of the <c>hesse</c> command.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        using var cancellation = new CancellationTokenSource();

        // The first Ctrl-C asks the run to stop at its next safe point, the second one ends the process at once.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

        string localFolder = LocalFolder();
        var host = new CliHost
        {
            Reproductions = Catalogue.all,
            Out = Console.Out,
            Error = Console.Error,
            Backend = () => new BackendNames(Backend.MatrixProduct, Backend.LinearAlgebra),
            CurrentDirectory = Environment.CurrentDirectory,
            ProgramDirectory = AppContext.BaseDirectory,
            LocalFolder = localFolder,
            EnvironmentVariable = Environment.GetEnvironmentVariable,
            Plotly = new PlotlyCache(localFolder, Environment.GetEnvironmentVariable),
            Open = path => Process.Start(new ProcessStartInfo(path) { UseShellExecute = true })?.Dispose(),
            Interactive = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive,
        };
        return HesseCommandLine.Run(host, args, cancellation.Token);
    }

    // Users without a home folder, as in some containers, have no application data: the temporary folder serves them.
    private static string LocalFolder()
    {
        string applicationData = Environment.GetFolderPath(
            Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        return Path.Combine(applicationData.Length > 0 ? applicationData : Path.GetTempPath(), "hesse");
    }
}
