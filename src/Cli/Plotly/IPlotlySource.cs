namespace Hesse.Cli.Plotly;

/// <summary>Gives the script that makes the figures of the report interactive.</summary>
internal interface IPlotlySource
{
    /// <summary>The script, from this machine or, when allowed, fetched first.</summary>
    /// <param name="fetch">Whether the script may be fetched when this machine lacks it.</param>
    PlotlyScript Get(bool fetch);
}

/// <summary>The script, or the reason why there is none.</summary>
/// <param name="Source">The script; null when there is none.</param>
/// <param name="Note">One sentence: where the script is from, or why there is none.</param>
internal sealed record PlotlyScript(string? Source, string Note);
