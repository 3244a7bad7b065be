using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Cli.Figures;
using Hesse.Cli.Results;
using Hesse.Cli.Running;
using Hesse.Reproductions;

namespace Hesse.Cli.Report;

/// <summary>The part of the report on one paper: what it is, its claims, its figures.</summary>
internal static class PaperSection
{
    // The style sheet repeats these names for narrow screens.
    private static readonly string[] Columns = ["Predicted", "Measured", "Holds when", "Difference", "Time"];

    /// <summary>Appends the section.</summary>
    public static void Append(StringBuilder page, ManifestEntry entry, RunResults results)
    {
        Claim[] claims = [.. results.Claims.Where(c => c.Paper == entry.Id).OrderBy(c => IndexOf(entry.Claims, c.Claim))];
        Verdict verdict = Verdict.On(entry, claims);
        string id = Html.Escape(entry.Id);
        page.Append($"<section class=\"paper\" id=\"{id}\" aria-labelledby=\"{id}--title\">\n<header>\n")
            .Append($"<h2 id=\"{id}--title\">{Html.Escape(entry.Title)}</h2>\n")
            .Append($"<p class=\"citation\">{Html.Escape(entry.Citation)}</p>\n")
            .Append($"<p class=\"summary\">{Html.Escape(entry.Summary)}</p>\n")
            .Append($"<p class=\"tally\"><span class=\"count {ReportPage.Class(verdict)}\">")
            .Append($"{verdict.Hold} of {Numbers.Count(verdict.Total, "claim")} hold</span> ")
            .Append($"<code>{id}</code>, {Numbers.Duration(entry.Seconds)}</p>\n");
        AppendState(page, entry, claims);
        page.Append("</header>\n");
        foreach (Claim claim in claims)
        {
            AppendClaim(page, claim);
        }

        AppendFigures(page, entry.Id, results.Figures[entry.Id]);
        page.Append("</section>\n");
    }

    /// <summary>The element identifier of a figure.</summary>
    public static string FigureId(string paper, int number) =>
        string.Create(CultureInfo.InvariantCulture, $"{paper}--figure-{number}");

    /// <summary>Appends the figures of a section, if there are any.</summary>
    public static void AppendFigures(StringBuilder page, string section, IReadOnlyList<Figure> figures)
    {
        if (figures.Count == 0)
        {
            return;
        }

        page.Append("<div class=\"figures\">\n");
        for (int i = 0; i < figures.Count; i++)
        {
            AppendFigure(page, section, i + 1, figures[i]);
        }

        page.Append("</div>\n");
    }

    private static int IndexOf(IReadOnlyList<string> names, string name)
    {
        int i = 0;
        while (i < names.Count && names[i] != name)
        {
            i++;
        }

        return i;
    }

    private static void AppendState(StringBuilder page, ManifestEntry entry, Claim[] claims)
    {
        string[] missing = [.. entry.Claims.Where(name => claims.All(c => c.Claim != name))];
        if (entry.State == RunState.Finished && missing.Length == 0)
        {
            return;
        }

        string state = entry.State switch
        {
            RunState.Failed => $"Stopped by an error: {entry.Error}",
            RunState.Cancelled => "Interrupted before its end.",
            RunState.Pending => "Not run yet.",
            RunState.Running => "Still running, or ended without notice.",
            _ => "Finished.",
        };
        string names = missing.Length == 0 ? "" : $" Not recorded: {string.Join(", ", missing)}.";
        page.Append($"<p class=\"notice\" role=\"note\">{Html.Escape(state + names)}</p>\n");
    }

    private static void AppendClaim(StringBuilder page, Claim claim)
    {
        string verdict = claim.Holds ? "holds" : "fails";
        string style = claim.Holds ? "ok" : "fail";
        string mark = claim.Holds ? "✓" : "✗";
        string id = Html.Escape($"{claim.Paper}--{claim.Claim}");
        page.Append($"<article class=\"claim {style}\" id=\"{id}\" aria-labelledby=\"{id}--statement\">\n")
            .Append($"<p class=\"kind\"><span class=\"badge {style}\"><span aria-hidden=\"true\">{mark}</span> {verdict}</span> ")
            .Append($"{ClaimJson.StatusName(claim.Status)} <code>{Html.Escape(claim.Claim)}</code></p>\n")
            .Append($"<h3 id=\"{id}--statement\">{Html.Escape(claim.Statement)}</h3>\n")
            .Append($"<p class=\"formula\">{Html.Escape(claim.Formula)}</p>\n")
            .Append("<div class=\"scroll\"><table class=\"numbers\">\n<thead><tr>")
            .Append(string.Concat(Columns.Select(name => $"<th scope=\"col\">{name}</th>")))
            .Append("</tr></thead>\n<tbody><tr>")
            .Append(Cell(claim.Predicted))
            .Append(Cell(claim.Measured))
            .Append($"<td>{Html.Escape(ClaimText.Criterion(claim))}</td>")
            .Append(Cell(claim.Measured - claim.Predicted))
            .Append($"<td>{Numbers.Duration(claim.Seconds)}</td></tr></tbody>\n</table></div>\n")
            .Append($"<p class=\"detail\">{Html.Escape(claim.Detail)}</p>\n</article>\n");
    }

    private static string Cell(double value)
    {
        string text = Numbers.Short(value);
        string shown = text.StartsWith('-') ? string.Concat("−", text.AsSpan(1)) : text;
        return $"<td class=\"number\" title=\"{Numbers.Full(value)}\">{shown}</td>";
    }

    private static void AppendFigure(StringBuilder page, string paper, int number, Figure figure)
    {
        string id = Html.Escape(FigureId(paper, number));
        page.Append($"<figure id=\"{id}\" aria-labelledby=\"{id}--title\">\n")
            .Append($"<h3 id=\"{id}--title\">{Html.Escape(figure.Title)}</h3>\n<div class=\"plot\">")
            .Append(SvgRenderer.Render(figure))
            .Append($"</div>\n<figcaption>{Html.Escape(figure.Caption)}</figcaption>\n</figure>\n");
    }
}
