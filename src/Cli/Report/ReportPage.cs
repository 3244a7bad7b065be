using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Cli.Figures;
using Hesse.Cli.Machine;
using Hesse.Cli.Plotly;
using Hesse.Cli.Results;
using Hesse.Reproductions;

namespace Hesse.Cli.Report;

/// <summary>
/// The report: one HTML page that needs no other file and no network. Each figure is a static SVG; where the Plotly
/// script is included, it replaces them on screen, not in print, by interactive charts.
/// </summary>
internal static class ReportPage
{
    // Nothing may be loaded from anywhere: the browser itself refuses what this page would not need.
    private const string Policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:";

    /// <summary>Renders the page.</summary>
    public static string Render(RunResults results, PlotlyScript plotly)
    {
        Verdict verdict = results.Verdict;
        var page = new StringBuilder();
        page.Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
            .Append("<meta name=\"color-scheme\" content=\"light dark\">\n")
            .Append($"<meta http-equiv=\"Content-Security-Policy\" content=\"{Policy}\">\n")
            .Append($"<title>{Html.Escape($"Hesse: {Headline(verdict)}")}</title>\n<style>\n")
            .Append(EmbeddedText.Read("report.css"))
            .Append(SeriesColours())
            .Append("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n");
        AppendHeader(page, results, verdict);
        page.Append("<div class=\"layout\">\n");
        AppendContents(page, results);
        page.Append("<main id=\"main\">\n");
        foreach (ManifestEntry entry in results.Manifest.Reproductions)
        {
            PaperSection.Append(page, entry, results);
        }

        page.Append("</main>\n</div>\n<footer>\n");
        page.Append($"<p>Written by Hesse {Html.Escape(results.Manifest.Versions.Hesse)}. {Html.Escape(plotly.Note)}</p>\n</footer>\n");
        AppendScripts(page, results, plotly);
        return page.Append("</body>\n</html>\n").ToString();
    }

    /// <summary>The verdict in words.</summary>
    public static string Headline(Verdict verdict) =>
        verdict.AllHold ? (verdict.Total == 1 ? "The claim holds" : $"All {verdict.Total} claims hold")
        : verdict.Fail > 0 ? $"{verdict.Fail} of {Numbers.Count(verdict.Total, "claim")} {(verdict.Fail == 1 ? "fails" : "fail")}"
        : $"Unfinished: {verdict.Missing} of {Numbers.Count(verdict.Total, "claim")} not recorded";

    /// <summary>The style class of a verdict.</summary>
    public static string Class(Verdict verdict) => verdict.AllHold ? "ok" : verdict.Fail > 0 ? "fail" : "open";

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

    private static void AppendHeader(StringBuilder page, RunResults results, Verdict verdict)
    {
        RunManifest run = results.Manifest;
        MachineInfo machine = run.Machine;
        string mark = verdict.AllHold ? "✓" : verdict.Fail > 0 ? "✗" : "…";
        page.Append("<header class=\"top\">\n<p class=\"brand\">Hesse</p>\n<h1>Reproduction report</h1>\n")
            .Append($"<p class=\"verdict {Class(verdict)}\"><span aria-hidden=\"true\">{mark}</span> {Headline(verdict)}</p>\n<dl class=\"facts\">\n");
        Fact("Seed", run.Settings.Seed.ToString(CultureInfo.InvariantCulture));
        Fact("Sizes", run.Settings.Quick ? "quick (smaller sizes, fewer repetitions)" : "full");
        Fact("Started", run.StartedUtc.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));
        Fact("Time", Numbers.Duration(run.Reproductions.Sum(e => e.Seconds)));
        Fact("Processor", $"{machine.Processor}, {Numbers.Count(machine.Cores, "logical core")}");
        Fact("Memory", (machine.MemoryBytes / (double)(1L << 30)).ToString("0.0", CultureInfo.InvariantCulture) + " GiB");
        Fact("System", $"{machine.OperatingSystem} ({machine.Architecture})");
        Fact("Runtime", $"Hesse {run.Versions.Hesse.Split('+')[0]}, {run.Versions.DotNet}, F# core {run.Versions.FSharpCore}");
        Fact("Matrix product", run.Versions.MatrixProduct);
        Fact("Linear algebra", run.Versions.LinearAlgebra);
        page.Append("</dl>\n</header>\n");

        void Fact(string name, string value) =>
            page.Append($"<div><dt>{name}</dt><dd>{Html.Escape(value)}</dd></div>\n");
    }

    private static void AppendContents(StringBuilder page, RunResults results)
    {
        page.Append("<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<table>\n<thead><tr>")
            .Append("<th scope=\"col\">Paper</th><th scope=\"col\">Claims that hold</th></tr></thead>\n<tbody>\n");
        foreach (ManifestEntry entry in results.Manifest.Reproductions)
        {
            Verdict verdict = Verdict.On(entry, results.Claims);
            page.Append($"<tr><th scope=\"row\"><a href=\"#{Html.Escape(entry.Id)}\">{Html.Escape(entry.Title)}</a></th>")
                .Append($"<td><span class=\"count {Class(verdict)}\">{verdict.Hold} of {verdict.Total}</span></td></tr>\n");
        }

        page.Append("</tbody>\n</table>\n</nav>\n");
    }

    private static void AppendScripts(StringBuilder page, RunResults results, PlotlyScript plotly)
    {
        bool anyFigure = results.Figures.Values.Any(f => f.Count > 0);
        if (plotly.Source is null || !anyFigure)
        {
            return;
        }

        foreach ((string paper, IReadOnlyList<Figure> figures) in results.Figures)
        {
            for (int i = 0; i < figures.Count; i++)
            {
                page.Append($"<script type=\"application/json\" id=\"{Html.Escape(PaperSection.FigureId(paper, i + 1))}-data\">")
                    .Append(Html.ScriptJson(PlotlyFigure.Write(figures[i])))
                    .Append("</script>\n");
            }
        }

        page.Append("<script>").Append(Html.Script(plotly.Source)).Append("</script>\n")
            .Append("<script>").Append(EmbeddedText.Read("report.js")).Append("</script>\n");
    }
}
