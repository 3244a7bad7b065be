using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Cli.Machine;
using Hesse.Cli.Plotly;
using Hesse.Cli.Report;
using Hesse.Reproductions;
using Hesse.Theory;

namespace Hesse.Cli.Summary;

/// <summary>The page of a summary: facts, the table of numbers with their certificates, eigenvalues, figures.</summary>
internal static class SummaryPage
{
    private const string Section = "curvature";

    /// <summary>Renders the page.</summary>
    public static string Render(
        ModelCurvatureRequest request,
        ModelCurvatureFacts facts,
        SummaryResults results,
        VersionInfo versions,
        MachineInfo machine,
        DateTimeOffset started,
        PlotlyScript plotly)
    {
        StringBuilder page = PageFrame.Begin($"Hesse: curvature of {request.Model}");
        string state = results.Complete ? "Complete" : "Interrupted: the numbers that were found before";
        page.Append("<header class=\"top\">\n<p class=\"brand\">Hesse</p>\n<h1>Curvature</h1>\n")
            .Append($"<p class=\"verdict {(results.Complete ? "ok" : "open")}\">{state}</p>\n<dl class=\"facts\">\n");
        foreach ((string name, string value) in SummaryText.Facts(request, facts))
        {
            PageFrame.Fact(page, char.ToUpperInvariant(name[0]) + name[1..], value);
        }

        PageFrame.Fact(page, "Seed", request.Seed.ToString(CultureInfo.InvariantCulture));
        PageFrame.Fact(page, "Started", started.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));
        PageFrame.Fact(page, "Time", Numbers.Duration(results.Measurements.Sum(m => m.Seconds)));
        PageFrame.Facts(page, machine, versions);
        page.Append("</dl>\n</header>\n<div class=\"layout\">\n<main id=\"main\">\n")
            .Append($"<section class=\"paper\" id=\"{Section}\" aria-label=\"Numbers\">\n");
        AppendTable(
            page,
            "Summary",
            ["Quantity", "Formula", "Value", "Interval", "Certificate", "Products", "Time"],
            results.Measurements.Select(m => new[]
            {
                m.Name,
                m.Symbol,
                SummaryText.Precise(m.Value),
                SummaryText.Interval(m),
                m.Certificate,
                m.Products == 0 ? "" : m.Products.ToString(CultureInfo.InvariantCulture),
                Numbers.Duration(m.Seconds),
            }));
        if (results.LeadingPairs is { } leading)
        {
            AppendTable(
                page,
                "Leading eigenvalues of the Hessian",
                ["Rank", "Eigenvalue", "Residual", "Error bound by the gap"],
                leading.Pairs.Select((p, i) => new[]
                {
                    (i + 1).ToString(CultureInfo.InvariantCulture),
                    SummaryText.Precise(p.Value),
                    Numbers.Short(p.Residual),
                    Numbers.Short(p.ErrorBound),
                }));
        }

        IReadOnlyList<Figure> figures = SummaryFigures.Of(results);
        PaperSection.AppendFigures(page, Section, figures);
        page.Append("</section>\n</main>\n</div>\n");
        return PageFrame.End(page, versions.Hesse, [KeyValuePair.Create(Section, figures)], plotly);
    }

    private static void AppendTable(StringBuilder page, string title, string[] head, IEnumerable<string[]> rows)
    {
        page.Append($"<article class=\"claim\">\n<h2>{Html.Escape(title)}</h2>\n<div class=\"scroll\"><table class=\"summary-table\">\n<thead><tr>")
            .Append(string.Concat(head.Select(cell => $"<th scope=\"col\">{Html.Escape(cell)}</th>")))
            .Append("</tr></thead>\n<tbody>\n");
        foreach (string[] row in rows)
        {
            page.Append("<tr>").Append(string.Concat(row.Select(cell => $"<td>{Html.Escape(cell)}</td>"))).Append("</tr>\n");
        }

        page.Append("</tbody>\n</table></div>\n</article>\n");
    }
}
