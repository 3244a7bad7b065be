using System.Collections.Generic;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Hesse.Reproductions;

namespace Hesse.Cli.Commands;

/// <summary><c>hesse run</c>: the options of a run; <see cref="RunSession"/> does the work.</summary>
internal static class RunCommand
{
    private const string Description =
        "Run reproductions; write results.jsonl (a line per claim), run.json, figures/ and report.html into the results folder. "
        + "A new run replaces the results of an earlier run of hesse in that folder; --resume continues it instead. "
        + "Exit code 0 when every claim holds, 1 when one fails, 2 on bad usage or input, 130 when interrupted.";

    /// <summary>Makes the command.</summary>
    public static Command Create(CliHost host, CancellationToken cancellation)
    {
        var ids = new Argument<string[]>("ID")
        {
            Description = "Reproductions to run; 'hesse list' shows them",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var all = new Option<bool>("--all") { Description = "Run every reproduction" };
        var quick = new Option<bool>("--quick") { Description = "Smaller sizes and fewer repetitions; the same claims" };
        var seed = new Option<int>("--seed")
        {
            Description = "Seed of all random numbers",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
            CustomParser = ParseSeed,
        };
        var output = new Option<string>("--out")
        {
            Description = "Results folder",
            HelpName = "DIR",
            DefaultValueFactory = _ => "results",
        };
        var resume = new Option<bool>("--resume")
        {
            Description = "Continue an interrupted run: keep what is finished, run the rest (same IDs, --seed and --quick)",
        };
        Option<string?> data = SharedOptions.Data();
        Option<bool> noPlotly = SharedOptions.NoPlotly();
        Option<bool> open = SharedOptions.Open();
        var command = new Command("run", Description) { ids, all, quick, seed, output, resume, data, noPlotly, open };
        command.SetAction(parsed =>
        {
            string outGiven = parsed.GetValue(output)!;
            if (outGiven.Length == 0)
            {
                throw new UserErrorException("--out is empty: name a folder.");
            }

            bool everything = parsed.GetValue(all);
            IReadOnlyList<Reproduction> chosen = Choose(host, command, parsed.GetValue(ids) ?? [], everything);
            var session = new RunSession(host, new RunRequest
            {
                Reproductions = chosen,
                All = everything,
                Seed = parsed.GetValue(seed),
                Quick = parsed.GetValue(quick),
                OutGiven = outGiven,
                Folder = Path.GetFullPath(outGiven, host.CurrentDirectory),
                Resume = parsed.GetValue(resume),
                DataFolder = DataFolder.Find(host, parsed.GetValue(data)),
                NoPlotly = parsed.GetValue(noPlotly),
                Open = parsed.GetValue(open),
            });
            return session.Run(cancellation);
        });
        return command;
    }

    private static List<Reproduction> Choose(CliHost host, Command command, string[] ids, bool all)
    {
        foreach (string id in ids)
        {
            if (id.StartsWith('-'))
            {
                throw new UserErrorException(HesseCommandLine.Unknown(
                    "option", id, command.Options.Select(o => o.Name), "'hesse run --help'"));
            }

            if (host.Reproductions.All(r => r.Id != id))
            {
                throw new UserErrorException(HesseCommandLine.Unknown(
                    "reproduction", id, host.Reproductions.Select(r => r.Id), "'hesse list'"));
            }
        }

        return (ids.Length, all) switch
        {
            (0, false) => throw new UserErrorException("nothing to run: name reproductions ('hesse list' shows them) or give --all."),
            ( > 0, true) => throw new UserErrorException("both IDs and --all are given: give one of them."),
            _ => [.. host.Reproductions.Where(r => all || ids.Contains(r.Id))],
        };
    }

    private static int ParseSeed(ArgumentResult result)
    {
        string text = result.Tokens.Count == 0 ? string.Empty : result.Tokens[^1].Value;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seed))
        {
            result.AddError($"--seed is '{text}', wanted a whole number from 0 to {int.MaxValue}");
        }

        return seed;
    }
}
