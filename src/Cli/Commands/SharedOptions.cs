using System.CommandLine;

namespace Hesse.Cli.Commands;

/// <summary>Options that several commands have.</summary>
internal static class SharedOptions
{
    /// <summary>The data folder.</summary>
    public static Option<string?> Data() => new("--data")
    {
        Description = $"Folder that holds digits.csv.gz [default: ${DataFolder.Variable}, else the nearest data/ upwards]",
        HelpName = "DIR",
    };

    /// <summary>Whether to leave out the interactive charts.</summary>
    public static Option<bool> NoPlotly() => new("--no-plotly")
    {
        Description = "Static figures only: do not include, or fetch, the script of the interactive charts",
    };

    /// <summary>Whether to open the report.</summary>
    public static Option<bool> Open() => new("--open")
    {
        Description = "Open the report in the default browser",
    };
}
