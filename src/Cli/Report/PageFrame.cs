using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Hesse.Cli.Figures;
using Hesse.Cli.Machine;
using Hesse.Cli.Plotly;
using Hesse.Reproductions;

namespace Hesse.Cli.Report;

/// <summary>
/// What all pages share: one HTML file that needs no other file and no network. Each figure is a static SVG; where the Plotly
/// script is included, it replaces them on screen, not in print, by interactive charts.
/// </summary>
internal static class PageFrame
{
    // Nothing may be loaded from anywhere: the browser itself refuses what these pages would not need.
    private const string Policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:";

    /// <summary>Everything up to the link that skips to the main part.</summary>
    public static StringBuilder Begin(string title) => new StringBuilder()
        .Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .Append("<meta name=\"color-scheme\" content=\"light dark\">\n")
        .Append($"<meta http-equiv=\"Content-Security-Policy\" content=\"{Policy}\">\n")
        .Append($"<title>{Html.Escape(title)}</title>\n<style>\n")
        .Append(EmbeddedText.Read("report.css"))
        .Append(SeriesColours())
        .Append("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n");

    /// <summary>An entry of the list of facts.</summary>
    public static void Fact(StringBuilder page, string name, string value) =>
        page.Append($"<div><dt>{name}</dt><dd>{Html.Escape(value)}</dd></div>\n");

    /// <summary>The facts on machine and versions.</summary>
    public static void Facts(StringBuilder page, MachineInfo machine, VersionInfo versions)
    {
        Fact(page, "Processor", $"{machine.Processor}, {Numbers.Count(machine.Cores, "logical core")}");
        Fact(page, "Memory", (machine.MemoryBytes / (double)(1L << 30)).ToString("0.0", CultureInfo.InvariantCulture) + " GiB");
        Fact(page, "System", $"{machine.OperatingSystem} ({machine.Architecture})");
        Fact(page, "Runtime", $"Hesse {versions.Hesse.Split('+')[0]}, {versions.DotNet}, F# core {versions.FSharpCore}");
        Fact(page, "Matrix product", versions.MatrixProduct);
        Fact(page, "Linear algebra", versions.LinearAlgebra);
    }

    /// <summary>Everything from the footer on.</summary>
    /// <param name="page">The page.</param>
    /// <param name="hesse">The version.</param>
    /// <param name="figures">The figures of the page by the name of their section.</param>
    /// <param name="plotly">The script of the interactive charts.</param>
    public static string End(
        StringBuilder page, string hesse, IEnumerable<KeyValuePair<string, IReadOnlyList<Figure>>> figures, PlotlyScript plotly)
    {
        page.Append($"<footer>\n<p>Written by Hesse {Html.Escape(hesse)}. {Html.Escape(plotly.Note)}</p>\n</footer>\n");
        if (plotly.Source is not null)
        {
            bool any = false;
            foreach ((string section, IReadOnlyList<Figure> drawn) in figures)
            {
                for (int i = 0; i < drawn.Count; i++)
                {
                    any = true;
                    page.Append($"<script type=\"application/json\" id=\"{Html.Escape(PaperSection.FigureId(section, i + 1))}-data\">")
                        .Append(Html.ScriptJson(PlotlyFigure.Write(drawn[i])))
                        .Append("</script>\n");
                }
            }

            if (any)
            {
                page.Append("<script>").Append(Html.Script(plotly.Source)).Append("</script>\n")
                    .Append("<script>").Append(EmbeddedText.Read("report.js")).Append("</script>\n");
            }
        }

        return page.Append("</body>\n</html>\n").ToString();
    }

    private static string SeriesColours()
    {
        var css = new StringBuilder();
        css.Append(":root{");
        Variables(css, Palette.Light);
        css.Append("}\n@media screen and (prefers-color-scheme:dark){:root{");
        Variables(css, Palette.Dark);
        css.Append("}}\n");
        for (int i = 0; i < Palette.Count; i++)
        {
            css.Append(CultureInfo.InvariantCulture, $".s{i}{{--c:var(--series-{i})}}");
        }

        return css.Append('\n').ToString();
    }

    private static void Variables(StringBuilder css, System.Func<int, string> colour)
    {
        for (int i = 0; i < Palette.Count; i++)
        {
            css.Append(CultureInfo.InvariantCulture, $"--series-{i}:{colour(i)};");
        }
    }
}
