using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using Hesse.Cli.Results;
using Hesse.Reproductions;
using Microsoft.FSharp.Core;

namespace Hesse.Cli.Running;

/// <summary>
/// Runs reproductions one after the other and writes each claim and figure down as soon as it is handed over.
/// An error in one reproduction does not keep the others from running.
/// </summary>
internal sealed class Runner
{
    private readonly ResultsFolder _folder;
    private readonly ClaimLedger _ledger;
    private readonly string _dataFolder;
    private readonly Func<Exception, bool> _isUserError;
    private readonly CancellationToken _cancellation;
    private readonly Lock _lock = new();
    private RunManifest _manifest;

    /// <summary>Prepares a run; the manifest must have an entry for each reproduction.</summary>
    public Runner(
        ResultsFolder folder,
        ClaimLedger ledger,
        RunManifest manifest,
        string dataFolder,
        Func<Exception, bool> isUserError,
        CancellationToken cancellation)
    {
        _folder = folder;
        _ledger = ledger;
        _manifest = manifest;
        _dataFolder = dataFolder;
        _isUserError = isUserError;
        _cancellation = cancellation;
    }

    /// <summary>Runs the given reproductions until the end or until cancelled.</summary>
    public RunOutcome Run(IReadOnlyList<Reproduction> reproductions, IRunView view)
    {
        var failures = new List<RunFailure>();
        foreach (Reproduction reproduction in reproductions)
        {
            if (_cancellation.IsCancellationRequested)
            {
                return new RunOutcome(_manifest, Cancelled: true, failures);
            }

            if (RunOne(reproduction, view) is { } failure)
            {
                failures.Add(failure);
            }
        }

        bool cancelled = reproductions.Any(r => _manifest.Reproductions.Any(
            e => e.Id == r.Id && e.State is RunState.Cancelled));
        return new RunOutcome(_manifest, cancelled, failures);
    }

    private RunFailure? RunOne(Reproduction reproduction, IRunView view)
    {
        string id = reproduction.Id;
        Change(id, e => e with { State = RunState.Running, Error = null });
        view.Start(reproduction);
        long start = Stopwatch.GetTimestamp();
        var recorded = new HashSet<string>();
        int figures = 0;

        void Record(Claim claim)
        {
            lock (_lock)
            {
                CheckClaim(reproduction, claim, recorded);
                _ledger.Record(claim);
                recorded.Add(claim.Claim);
            }

            view.Record(claim);
        }

        void Draw(Figure figure)
        {
            lock (_lock)
            {
                figures++;
                _folder.WriteFigure(id, figures, figure);
                Change(id, e => e with { Figures = Math.Max(e.Figures, figures) });
            }
        }

        var context = new Context(
            _manifest.Settings.Seed,
            _manifest.Settings.Quick,
            _dataFolder,
            _cancellation,
            FuncConvert.FromAction<double, string>((fraction, what) => view.Progress(id, fraction, what)),
            FuncConvert.FromAction<Claim>(Record),
            FuncConvert.FromAction<Figure>(Draw));
        Exception? error = null;
        try
        {
            reproduction.Run.Invoke(context);
            string? missing = reproduction.Claims.FirstOrDefault(c => !recorded.Contains(c));
            if (missing is not null)
            {
                throw new InvalidOperationException($"{id} ended without recording its claim '{missing}'");
            }
        }
        catch (Exception caught)
        {
            error = caught;
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        bool cancelled = error is not null
            && _cancellation.IsCancellationRequested && ErrorClassifier.IsCancellation(error);
        RunFailure? failure = error is null || cancelled ? null : new RunFailure(id, error, _isUserError(error));
        Change(id, e => e with
        {
            State = cancelled ? RunState.Cancelled : failure is null ? RunState.Finished : RunState.Failed,
            Seconds = seconds,
            Error = failure?.OneLine,
            Figures = error is null ? figures : e.Figures,
        });
        if (error is null)
        {
            _folder.RemoveFigures(id, beyond: figures);
        }

        if (failure is { IsUserError: false })
        {
            _folder.AppendCrash($"{id}, seed {_manifest.Settings.Seed}, quick {_manifest.Settings.Quick}", failure.Error);
        }

        view.Finish(id, completed: error is null);
        return failure;
    }

    private static void CheckClaim(Reproduction reproduction, Claim claim, HashSet<string> recorded)
    {
        if (claim.Paper != reproduction.Id || !reproduction.Claims.Contains(claim.Claim))
        {
            throw new InvalidOperationException(
                $"{reproduction.Id} recorded {claim.Paper}/{claim.Claim}, which is not among its announced claims");
        }

        if (recorded.Contains(claim.Claim))
        {
            throw new InvalidOperationException($"{reproduction.Id} recorded its claim '{claim.Claim}' twice");
        }
    }

    private void Change(string id, Func<ManifestEntry, ManifestEntry> change)
    {
        lock (_lock)
        {
            _manifest = _manifest.With(id, change);
            _manifest.Save(_folder.Manifest);
        }
    }
}
