using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Hesse.Cli.Machine;
using Hesse.Cli.Results;
using Hesse.Cli.Running;
using Hesse.Reproductions;
using Spectre.Console;

namespace Hesse.Cli.Commands;

/// <summary>A run from the opening of its folder to its report and exit code.</summary>
/// <param name="host">The surroundings.</param>
/// <param name="request">What to run.</param>
internal sealed class RunSession(CliHost host, RunRequest request)
{
    private readonly ResultsFolder _folder = new(request.Folder);

    /// <summary>Runs to the exit code.</summary>
    /// <exception cref="UserErrorException">The folder cannot be used.</exception>
    public int Run(CancellationToken cancellation)
    {
        _folder.CheckReplaceable();
        using IDisposable held = _folder.Hold();
        bool resumed = request.Resume && _folder.HasRun;
        RunManifest manifest = resumed ? Continued(RunManifest.Load(_folder.Manifest)) : NewManifest();
        ClaimLedger ledger = resumed ? OpenLedger(manifest) : StartOver(manifest);
        IReadOnlyList<Reproduction> rest = Unfinished(manifest, ledger);
        foreach (Reproduction reproduction in rest)
        {
            manifest = manifest.With(reproduction.Id, e => e with { State = RunState.Pending });
        }

        manifest.Save(_folder.Manifest);
        if (host.BackendAdvice() is { } advice)
        {
            host.Out.WriteLine("note: " + advice);
        }

        RunOutcome outcome = Execute(manifest, ledger, rest, cancellation);
        return Conclude(outcome, ledger);
    }

    private RunManifest NewManifest() => new()
    {
        Tool = RunManifest.ToolName,
        Settings = new RunSettings(request.Seed, request.Quick, [.. request.Reproductions.Select(r => r.Id)]),
        StartedUtc = host.Clock.GetUtcNow(),
        Versions = VersionInfo.Current(host.Backend()),
        Machine = MachineInfo.Current(),
        Reproductions = [.. request.Reproductions.Select(Describe)],
    };

    // The manifest of a resumed run: the same run, with descriptions, versions and machine of this process.
    private RunManifest Continued(RunManifest stored)
    {
        RunManifest current = NewManifest();
        RunSettings settings = stored.Settings;
        string? difference =
            settings.Seed != request.Seed ? $"--seed {settings.Seed}, not {request.Seed}"
            : settings.Quick != request.Quick ? (settings.Quick ? "--quick" : "no --quick")
            : !settings.Ids.ToHashSet().SetEquals(current.Settings.Ids) ? $"the reproductions {string.Join(' ', settings.Ids)}"
            : Release(stored) != Release(current) ? $"Hesse {Release(stored)}, not {Release(current)}"
            : null;
        if (difference is not null)
        {
            throw new UserErrorException(
                $"cannot resume: {request.Folder} was run with {difference}. Repeat those settings, or give another --out.");
        }

        return current with
        {
            StartedUtc = stored.StartedUtc,
            Reproductions =
            [
                .. current.Reproductions.Select(entry =>
                    stored.Reproductions.FirstOrDefault(old => old.Id == entry.Id) is { } old
                        ? entry with { State = old.State, Figures = old.Figures, Seconds = old.Seconds, Error = old.Error }
                        : entry),
            ],
        };
    }

    private ClaimLedger OpenLedger(RunManifest manifest)
    {
        ClaimLedger ledger = ClaimLedger.Open(_folder.Ledger, dropTornLine: true);
        RunResults.CheckDeclared(_folder, manifest, ledger.Claims);
        if (ledger.DroppedLine is { } line)
        {
            host.Out.WriteLine($"note: dropped the unfinished line {line} of {_folder.Ledger}; its claim is run again");
        }

        return ledger;
    }

    private ClaimLedger StartOver(RunManifest manifest)
    {
        // The old ledger goes first and the new one comes last: in between the folder is not taken for a run.
        File.Delete(_folder.Ledger);
        if (File.Exists(_folder.Manifest))
        {
            foreach (ManifestEntry entry in RunManifest.Load(_folder.Manifest).Reproductions)
            {
                _folder.RemoveFigures(entry.Id, beyond: 0);
            }
        }

        File.Delete(_folder.Report);
        File.Delete(_folder.CrashLog);
        manifest.Save(_folder.Manifest);
        return ClaimLedger.Create(_folder.Ledger);
    }

    private List<Reproduction> Unfinished(RunManifest manifest, ClaimLedger ledger) =>
    [
        .. request.Reproductions.Where(r =>
        {
            ManifestEntry entry = manifest.Reproductions.First(e => e.Id == r.Id);
            return entry.State != RunState.Finished || Verdict.On(entry, ledger.Claims).Missing > 0;
        }),
    ];

    private RunOutcome Execute(
        RunManifest manifest, ClaimLedger ledger, IReadOnlyList<Reproduction> rest, CancellationToken cancellation)
    {
        int skipped = request.Reproductions.Count - rest.Count;
        if (skipped > 0)
        {
            host.Out.WriteLine($"note: {Numbers.Count(skipped, "reproduction")} already finished");
        }

        var runner = new Runner(_folder, ledger, manifest, request.DataFolder, host.IsUserError, cancellation);
        return host.Interactive
            ? TerminalView.Show(Console(), view => runner.Run(rest, view))
            : runner.Run(rest, new PlainView(host.Out));
    }

    private int Conclude(RunOutcome outcome, ClaimLedger ledger)
    {
        if (ledger.Claims.Count > 0)
        {
            bool finished = !outcome.Cancelled && outcome.Failures.Count == 0;
            Verdict verdict = ReportCommand.Write(host, _folder, request.NoPlotly, fetch: !outcome.Cancelled);
            if (host.Interactive)
            {
                TerminalView.Summarise(Console(), outcome.Manifest, ledger.Claims);
            }

            ReportCommand.Announce(host, _folder, verdict, request.Open && finished);
            if (finished)
            {
                return verdict.AllHold ? ExitCode.Success : ExitCode.ClaimFails;
            }
        }

        if (outcome.Cancelled)
        {
            host.Error.WriteLine(
                $"hesse: interrupted; {Numbers.Count(ledger.Claims.Count, "finished claim")} kept. Continue with: {request.ResumeCommand()}");
            return ExitCode.Interrupted;
        }

        if (outcome.Failures.Count > 0)
        {
            host.Error.WriteLine("hesse: " + Explain(outcome.Failures));
            return ExitCode.BadInput;
        }

        return ExitCode.Success;
    }

    private string Explain(IReadOnlyList<RunFailure> failures)
    {
        RunFailure first = failures.FirstOrDefault(f => !f.IsUserError) ?? failures[0];
        string text = first.OneLine;
        if (!first.IsUserError)
        {
            text += $"; this is a bug in Hesse, please report it with {_folder.CrashLog}";
        }

        string others = string.Join(", ", failures.Where(f => f != first).Select(f => f.Id));
        return others.Length == 0 ? text : $"{text.TrimEnd('.')}; also stopped: {others} (reasons in {_folder.Manifest})";
    }

    private IAnsiConsole Console() => AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(host.Out) });

    private static string Release(RunManifest manifest) => manifest.Versions.Hesse.Split('+')[0];

    private static ManifestEntry Describe(Reproduction reproduction) => new()
    {
        Id = reproduction.Id,
        Title = reproduction.Title,
        Citation = reproduction.Citation,
        Summary = reproduction.Summary,
        Claims = [.. reproduction.Claims],
    };
}
