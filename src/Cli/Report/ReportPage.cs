using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Cli.Machine;
using Hesse.Cli.Plotly;
using Hesse.Cli.Results;

namespace Hesse.Cli.Report;

/// <summary>The report of a run, as one page.</summary>
internal static class ReportPage
{
    /// <summary>Renders the page.</summary>
    public static string Render(RunResults results, PlotlyScript plotly)
    {
        Verdict verdict = results.Verdict;
        StringBuilder page = PageFrame.Begin($"Hesse: {Headline(verdict)}");
        AppendHeader(page, results, verdict);
        page.Append("<div class=\"layout\">\n");
        AppendContents(page, results);
        page.Append("<main id=\"main\">\n");
        foreach (ManifestEntry entry in results.Manifest.Reproductions)
        {
            PaperSection.Append(page, entry, results);
        }

        page.Append("</main>\n</div>\n");
        return PageFrame.End(page, results.Manifest.Versions.Hesse, results.Figures, plotly);
    }

    /// <summary>The verdict in words.</summary>
    public static string Headline(Verdict verdict) =>
        verdict.AllHold ? (verdict.Total == 1 ? "The claim holds" : $"All {verdict.Total} claims hold")
        : verdict.Fail > 0 ? $"{verdict.Fail} of {Numbers.Count(verdict.Total, "claim")} {(verdict.Fail == 1 ? "fails" : "fail")}"
        : $"Unfinished: {verdict.Missing} of {Numbers.Count(verdict.Total, "claim")} not recorded";

    /// <summary>The style class of a verdict.</summary>
    public static string Class(Verdict verdict) => verdict.AllHold ? "ok" : verdict.Fail > 0 ? "fail" : "open";

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
        PageFrame.Facts(page, machine, run.Versions);
        page.Append("</dl>\n</header>\n");

        void Fact(string name, string value) =>
            PageFrame.Fact(page, name, value);
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
}
