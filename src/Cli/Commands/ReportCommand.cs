using System;
using System.CommandLine;
using System.ComponentModel;
using System.IO;
using Hesse.Cli.Plotly;
using Hesse.Cli.Report;
using Hesse.Cli.Results;

namespace Hesse.Cli.Commands;

/// <summary><c>hesse report DIR</c>: writes the report of a results folder.</summary>
internal static class ReportCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(CliHost host)
    {
        var folder = new Argument<string>("DIR") { Description = "A folder that 'hesse run' has written" };
        Option<bool> noPlotly = SharedOptions.NoPlotly();
        Option<bool> open = SharedOptions.Open();
        var command = new Command(
            "report", "Write DIR/report.html anew from DIR/results.jsonl. Exit code 0 when every claim holds, 1 otherwise.")
        {
            folder,
            noPlotly,
            open,
        };
        command.SetAction(parsed =>
        {
            var results = new ResultsFolder(Path.GetFullPath(parsed.GetValue(folder)!, host.CurrentDirectory));
            Verdict verdict = Write(host, results, parsed.GetValue(noPlotly), fetch: true);
            Announce(host, results, verdict, parsed.GetValue(open));
            return verdict.AllHold ? ExitCode.Success : ExitCode.ClaimFails;
        });
        return command;
    }

    /// <summary>Writes the report of a folder.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="noPlotly">Static figures only.</param>
    /// <param name="fetch">Whether the script of the interactive charts may be fetched.</param>
    /// <exception cref="UserErrorException">The results are missing or damaged, or the report cannot be written.</exception>
    public static Verdict Write(CliHost host, ResultsFolder folder, bool noPlotly, bool fetch)
    {
        RunResults results = RunResults.Load(folder);
        PlotlyScript plotly = noPlotly
            ? new PlotlyScript(null, "Figures are static, as asked for with --no-plotly.")
            : host.Plotly.Get(fetch);
        AtomicFile.WriteAllText(folder.Report, ReportPage.Render(results, plotly));
        return results.Verdict;
    }

    /// <summary>Prints the verdict and the path of the report, and opens it when asked.</summary>
    public static void Announce(CliHost host, ResultsFolder folder, Verdict verdict, bool open)
    {
        host.Out.WriteLine(Summary(verdict));
        host.Out.WriteLine($"report: {folder.Report}");
        if (!open)
        {
            return;
        }

        try
        {
            host.Open(folder.Report);
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException)
        {
            throw new UserErrorException($"no browser could be opened: open {folder.Report} by hand.", error);
        }
    }

    private static string Summary(Verdict verdict)
    {
        string holds = verdict.Hold == 1 ? "1 holds" : $"{verdict.Hold} hold";
        string fails = verdict.Fail switch { 0 => "", 1 => ", 1 fails", _ => $", {verdict.Fail} fail" };
        string missing = verdict.Missing == 0 ? "" : $", {verdict.Missing} not recorded";
        return $"{Numbers.Count(verdict.Total, "claim")}: {holds}{fails}{missing}";
    }
}
