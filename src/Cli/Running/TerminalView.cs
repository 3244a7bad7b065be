using System;
using System.Collections.Generic;
using Hesse.Cli.Results;
using Hesse.Reproductions;
using Spectre.Console;

namespace Hesse.Cli.Running;

/// <summary>For terminals: a progress bar per reproduction, finished claims above the bars, and a table at the end.</summary>
internal sealed class TerminalView : IRunView
{
    private readonly IAnsiConsole _console;
    private readonly ProgressContext _progress;
    private readonly Dictionary<string, ProgressTask> _tasks = [];

    private TerminalView(IAnsiConsole console, ProgressContext progress)
    {
        _console = console;
        _progress = progress;
    }

    /// <summary>Shows progress bars while a run goes on.</summary>
    public static T Show<T>(IAnsiConsole console, Func<IRunView, T> run) =>
        console.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new ElapsedTimeColumn(),
                new SpinnerColumn())
            .Start(progress => run(new TerminalView(console, progress)));

    /// <summary>Draws the table of verdicts.</summary>
    public static void Summarise(IAnsiConsole console, RunManifest manifest, IReadOnlyList<Claim> claims)
    {
        Table table = new Table().Border(TableBorder.Rounded)
            .AddColumn("reproduction")
            .AddColumn(new TableColumn("claims").RightAligned())
            .AddColumn(new TableColumn("hold").RightAligned())
            .AddColumn(new TableColumn("time").RightAligned());
        foreach (ManifestEntry entry in manifest.Reproductions)
        {
            Verdict verdict = Verdict.On(entry, claims);
            string colour = verdict.AllHold ? "green" : verdict.Fail > 0 ? "red" : "yellow";
            table.AddRow(
                Markup.Escape(entry.Id),
                $"{verdict.Total}",
                $"[{colour}]{verdict.Hold}[/]",
                Markup.Escape(Numbers.Duration(entry.Seconds)));
        }

        console.Write(table);
    }

    /// <inheritdoc/>
    public void Start(Reproduction reproduction) =>
        _tasks[reproduction.Id] = _progress.AddTask(Markup.Escape(reproduction.Id), maxValue: 1.0);

    /// <inheritdoc/>
    public void Progress(string id, double fraction, string what)
    {
        ProgressTask task = _tasks[id];
        task.Value = double.IsNaN(fraction) ? 0.0 : Math.Clamp(fraction, 0.0, 1.0);
        task.Description = $"{Markup.Escape(id)} [grey]{Markup.Escape(ErrorClassifier.SingleLine(what))}[/]";
    }

    /// <inheritdoc/>
    public void Record(Claim claim)
    {
        string line = ClaimText.Line(claim);
        string colour = claim.Holds ? "green" : "red bold";
        _console.MarkupLine($"[{colour}]{Markup.Escape(line[..4])}[/]{Markup.Escape(line[4..])}");
    }

    /// <inheritdoc/>
    public void Finish(string id, bool completed)
    {
        ProgressTask task = _tasks[id];
        if (completed)
        {
            task.Value = 1.0;
            task.Description = Markup.Escape(id);
        }

        task.StopTask();
    }

    /// <inheritdoc/>
    public void Note(string text) => _console.MarkupLine(Markup.Escape(text));
}
