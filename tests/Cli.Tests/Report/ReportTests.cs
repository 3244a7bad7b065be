using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Hesse.Cli.Plotly;
using Hesse.Cli.Report;
using Hesse.Reproductions;
using Xunit;

namespace Hesse.Cli.Tests.Report;

public partial class ReportTests
{
    private const string Hostile = "</script><img src=x onerror=alert(1)>&\"'<!--";

    [Fact]
    public void TheReportShowsEverythingOfEveryClaim()
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Failing());
        host.Run("run --all --seed 42 --quick");
        string page = File.ReadAllText(host.File("results", "report.html"));
        foreach (string text in new[]
        {
            "1 of 4 claims fails", "<dd>42</dd>", "quick", "test product", "Title of passing", "Author, Paper on failing, 2020",
            "Summary of passing.", "2 of 2 claims hold", "1 of 2 claims hold", "Statement of bad.", "a = b (eq. 1)",
            "theorem", "A detail.", "|measured − predicted| ≤ 0.1", "A caption.", "No script in tests.",
        })
        {
            Assert.Contains(text, page);
        }

        Assert.Equal(2, Count(page, "<svg class=\"chart\""));
        Assert.Equal(2, Count(page, "<figure id="));
        Assert.DoesNotContain("<script", page);
    }

    [Fact]
    public void TheScriptIsIncludedOnceWithTheDataOfEachFigure()
    {
        using var host = new TestHost(Fakes.Passing()) { Script = new PlotlyScript("var Plotly = '</script><!--';", "With charts.") };
        host.Run("run passing");
        string page = File.ReadAllText(host.File("results", "report.html"));
        Assert.Equal(1, Count(page, "var Plotly = '<\\/script><\\!--';"));
        Assert.Equal(2, Count(page, "<script type=\"application/json\""));
        Assert.Equal(4, Count(page, "<script"));
        Assert.Equal(4, Count(page, "</script>"));
        Assert.Equal(2, Count(page, "<svg class=\"chart\""));

        host.Run("report results --no-plotly");
        Assert.Equal(0, Count(File.ReadAllText(host.File("results", "report.html")), "<script"));
    }

    [Fact]
    public void EveryTextIsEscaped()
    {
        Figure figure = new(Hostile, Hostile, Hostile, Hostile, false, false, Fakes.Figure(
            Fakes.Line(Hostile, [1, 2], [1, 2]), Fakes.Line(Hostile, [1, 2], [1, 2])).Series);
        Reproduction plain = Fakes.Reproduction("hostile", ["c"], context =>
        {
            context.Record.Invoke(new Claim(
                "hostile", "c", Status.Observation, Hostile, Hostile, 1, 1, 0, Relation.AtLeast, Hostile, 0, 0));
            context.Draw.Invoke(figure);
        });
        using var host = new TestHost(new Reproduction(plain.Id, Hostile, Hostile, Hostile, plain.Claims, plain.Run))
        {
            Script = new PlotlyScript("var Plotly;", Hostile),
        };
        Assert.Equal(ExitCode.Success, host.Run("run hostile").Code);
        string page = File.ReadAllText(host.File("results", "report.html"));
        Assert.DoesNotContain("<img", page);
        Assert.DoesNotContain("<!--", page);
        Assert.Equal(Count(page, "<script"), Count(page, "</script>"));
        Assert.True(Count(page, "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;&lt;!--") >= 10);
    }

    [Fact]
    public void ThePageLoadsNothing()
    {
        using var host = new TestHost(Fakes.Passing()) { Script = new PlotlyScript("var Plotly;", "") };
        host.Run("run passing");
        string page = File.ReadAllText(host.File("results", "report.html"));
        Assert.DoesNotContain("http:", page);
        Assert.DoesNotContain("https:", page);
        Assert.DoesNotContain("url(", page);
        Assert.DoesNotContain("@import", page);
        Assert.DoesNotContain("<link", page);
        Assert.All(LinkTarget().Matches(page).Select(m => m.Groups[2].Value), target => Assert.StartsWith("#", target));
        Assert.Contains("default-src 'none'", page);
    }

    [Fact]
    public void EveryInternalLinkAndLabelHasItsTargetAndIdsAreUnique()
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Passing("second"), Fakes.Failing()) { Script = new PlotlyScript("var Plotly;", "") };
        host.Run("run --all");
        string page = File.ReadAllText(host.File("results", "report.html"));
        List<string> ids = [.. Id().Matches(page).Select(m => m.Groups[1].Value)];
        Assert.Equal(ids.Count, ids.Distinct().Count());
        IEnumerable<string> wanted = LinkTarget().Matches(page).Select(m => m.Groups[2].Value[1..])
            .Concat(LabelledBy().Matches(page).Select(m => m.Groups[1].Value));
        Assert.All(wanted, id => Assert.Contains(id, ids));
        Assert.All(Tables().Matches(page), m => Assert.Contains("scope=\"col\"", m.Value));
    }

    [Fact]
    public void TheStylesBalanceAndFollowTheColourScheme()
    {
        string css = EmbeddedText.Read("report.css");
        Assert.Equal(css.Count(c => c == '{'), css.Count(c => c == '}'));
        Assert.Contains("prefers-color-scheme: dark", css);
        Assert.Contains("@media print", css);
        Assert.Throws<InvalidOperationException>(() => EmbeddedText.Read("none.css"));
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a<b & \"c\" 'd' >", "a&lt;b &amp; &quot;c&quot; &#39;d&#39; &gt;")]
    [InlineData("bell\u0007 tab\t", "bell tab\t")]
    public void HtmlIsEscaped(string text, string expected) => Assert.Equal(expected, Html.Escape(text));

    private static int Count(string text, string part) => Regex.Count(text, Regex.Escape(part));

    [GeneratedRegex("\\s(src|href)=\"([^\"]*)\"")]
    private static partial Regex LinkTarget();

    [GeneratedRegex("\\sid=\"([^\"]*)\"")]
    private static partial Regex Id();

    [GeneratedRegex("aria-labelledby=\"([^\"]*)\"")]
    private static partial Regex LabelledBy();

    [GeneratedRegex("<table.*?</table>", RegexOptions.Singleline)]
    private static partial Regex Tables();
}
