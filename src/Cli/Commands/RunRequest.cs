using System.Collections.Generic;
using System.Text;
using Hesse.Reproductions;

namespace Hesse.Cli.Commands;

/// <summary>A checked request for a run.</summary>
internal sealed record RunRequest
{
    /// <summary>What to run, in the order of the catalogue.</summary>
    public required IReadOnlyList<Reproduction> Reproductions { get; init; }

    /// <summary>Whether that is everything.</summary>
    public required bool All { get; init; }

    /// <summary>Seed of all random numbers.</summary>
    public required int Seed { get; init; }

    /// <summary>Smaller sizes.</summary>
    public required bool Quick { get; init; }

    /// <summary>The results folder as it was given.</summary>
    public required string OutGiven { get; init; }

    /// <summary>The results folder, absolute.</summary>
    public required string Folder { get; init; }

    /// <summary>Whether to continue an earlier run.</summary>
    public required bool Resume { get; init; }

    /// <summary>Folder of the data.</summary>
    public required string DataFolder { get; init; }

    /// <summary>Static figures only.</summary>
    public required bool NoPlotly { get; init; }

    /// <summary>Open the report at the end.</summary>
    public required bool Open { get; init; }

    /// <summary>The command line that continues this run.</summary>
    public string ResumeCommand()
    {
        var command = new StringBuilder("hesse run");
        if (All)
        {
            command.Append(" --all");
        }
        else
        {
            foreach (Reproduction reproduction in Reproductions)
            {
                command.Append(' ').Append(reproduction.Id);
            }
        }

        command.Append(Quick ? " --quick" : "").Append(" --seed ").Append(Seed);
        string quoted = OutGiven.Contains(' ', System.StringComparison.Ordinal) ? $"\"{OutGiven}\"" : OutGiven;
        return command.Append(" --out ").Append(quoted).Append(" --resume").ToString();
    }
}
