using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Threading;
using Hesse.Cli.Results;

namespace Hesse.Cli.Commands;

/// <summary>The command line: parses, runs the command, and turns every error into an exit code and one line.</summary>
internal static class HesseCommandLine
{
    /// <summary>Runs a command line to its exit code; never throws.</summary>
    public static int Run(CliHost host, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        try
        {
            RootCommand root = Build(host, cancellation);
            ParseResult parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (arguments.Count == 0)
            {
                throw new UserErrorException("no command given; 'hesse --help' lists them.");
            }

            CheckUsage(parsed);
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = host.Out,
                Error = host.Error,
                EnableDefaultExceptionHandler = false,
            });
        }
        catch (Exception error) when (cancellation.IsCancellationRequested && ErrorClassifier.IsCancellation(error))
        {
            host.Error.WriteLine("hesse: interrupted.");
            return ExitCode.Interrupted;
        }
        catch (Exception error)
        {
            host.Error.WriteLine("hesse: " + Explain(host, arguments, error));
            return ExitCode.BadInput;
        }
    }

    private static RootCommand Build(CliHost host, CancellationToken cancellation) => new(
        "Reproductions of deep-learning theory, checked claim by claim.")
    {
        ListCommand.Create(host),
        RunCommand.Create(host, cancellation),
        ReportCommand.Create(host),
        CurvatureCommand.Create(host, cancellation),
        TrainCommand.Create(host, cancellation),
        InfoCommand.Create(host),
    };

    private static void CheckUsage(ParseResult parsed)
    {
        if (parsed.Errors.Count == 0)
        {
            return;
        }

        Command command = parsed.CommandResult.Command;
        string help = command is RootCommand ? "'hesse --help'" : $"'hesse {command.Name} --help'";
        string? unknown = parsed.UnmatchedTokens.FirstOrDefault();
        if (unknown is null)
        {
            string message = ErrorClassifier.SingleLine(parsed.Errors[0].Message).TrimEnd('.');
            throw new UserErrorException($"{message}; see {help}.");
        }

        bool isOption = unknown.StartsWith('-');
        IEnumerable<string> known = isOption
            ? command.Options.Select(o => o.Name)
            : command.Subcommands.Select(c => c.Name);
        string kind = isOption ? "option" : command is RootCommand ? "command" : "argument";
        throw new UserErrorException(Unknown(kind, unknown, known, help));
    }

    /// <summary>The message for an unknown name, with the nearest known one.</summary>
    public static string Unknown(string kind, string name, IEnumerable<string> known, string help)
    {
        string hint = Nearest.To(name, known) is { } nearest ? $"did you mean '{nearest}'? See {help}." : $"see {help}.";
        return $"unknown {kind} '{name}': {hint}";
    }

    private static string Explain(CliHost host, IReadOnlyList<string> arguments, Exception error)
    {
        if (host.IsUserError(error))
        {
            return ErrorClassifier.OneLine(error);
        }

        string log = Path.Combine(host.LocalFolder, "crash.log");
        string what = $"internal error ({error.GetType().Name}: {ErrorClassifier.OneLine(error)}); this is a bug in Hesse";
        try
        {
            ResultsFolder.AppendCrash(log, "hesse " + string.Join(' ', arguments), error);
            return $"{what}, please report it with {log}.";
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            return $"{what}, please report it.";
        }
    }
}
