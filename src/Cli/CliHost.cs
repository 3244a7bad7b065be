using System;
using System.Collections.Generic;
using System.IO;
using Hesse.Cli.Plotly;
using Hesse.Reproductions;

namespace Hesse.Cli;

/// <summary>Everything the command line takes from outside, so that tests can hand in their own.</summary>
internal sealed record CliHost
{
    /// <summary>The reproductions that can be listed and run, in the order of the report.</summary>
    public required IReadOnlyList<Reproduction> Reproductions { get; init; }

    /// <summary>Standard output.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Standard error.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Names the numerical libraries in use; asked only when needed, as it may load them.</summary>
    public required Func<BackendNames> Backend { get; init; }

    /// <summary>Where relative paths start, and the search for the data folder.</summary>
    public required string CurrentDirectory { get; init; }

    /// <summary>The folder of the executable: the second place where the search for the data folder starts.</summary>
    public required string ProgramDirectory { get; init; }

    /// <summary>A folder of the user for caches and for crash logs that belong to no results folder.</summary>
    public required string LocalFolder { get; init; }

    /// <summary>Looks up an environment variable.</summary>
    public required Func<string, string?> EnvironmentVariable { get; init; }

    /// <summary>Gives the script of the interactive charts, or the reason why there is none.</summary>
    public required IPlotlySource Plotly { get; init; }

    /// <summary>Opens a file in the default browser.</summary>
    public required Action<string> Open { get; init; }

    /// <summary>Whether standard output is a terminal on which progress bars can be drawn.</summary>
    public bool Interactive { get; init; }

    /// <summary>The clock behind start times and durations.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Tells errors of the user from bugs in Hesse.</summary>
    public Func<Exception, bool> IsUserError { get; init; } = ErrorClassifier.IsUserError;

    /// <summary>What would make matrices faster on this machine, in one line; null when nothing would.</summary>
    public string? BackendAdvice() => Backend().Advice(EnvironmentVariable("HESSE_BLAS") == "managed");
}
