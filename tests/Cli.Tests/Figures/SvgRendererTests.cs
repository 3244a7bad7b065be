using System;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Hesse.Cli.Figures;
using Hesse.Reproductions;
using Xunit;

namespace Hesse.Cli.Tests.Figures;

public partial class SvgRendererTests
{
    private static readonly double[] Awkward =
    [
        0, -0.0, -1, 1, 1e-320, 1e300, -1e300, double.MaxValue, double.MinValue, double.Epsilon, double.NaN,
        double.PositiveInfinity, double.NegativeInfinity, 3, 3, 1e-12,
    ];

    public static TheoryData<string, double[], double[]> Cases => new()
    {
        { "empty", [], [] },
        { "one point", [1], [1] },
        { "zero", [0, 0], [0, 0] },
        { "constant", [1, 2, 3], [5, 5, 5] },
        { "nearly constant", [1, 2, 3], [1e9, 1e9 + 1e-6, 1e9] },
        { "negative", [-3, -2, -1], [-1e-5, -2e-5, -3e-5] },
        { "all NaN", [1, 2], [double.NaN, double.NaN] },
        { "gaps", [1, 2, 3, 4, 5], [1, double.NaN, 2, double.PositiveInfinity, 3] },
        { "awkward", Awkward, [.. Awkward.Reverse()] },
        { "huge", [double.MinValue, double.MaxValue], [double.MinValue, double.MaxValue] },
        { "huge positive", [1e308, 1.7e308], [1e308, 1.7e308] },
        { "tiny", [double.Epsilon, 1e-323], [double.Epsilon, 1e-323] },
        { "many", [.. Enumerable.Range(0, 4_000).Select(i => (double)i)], [.. Enumerable.Range(0, 4_000).Select(i => i % 97 == 0 ? double.NaN : Math.Sin(i))] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryCoordinateIsFiniteAndInside(string name, double[] x, double[] y)
    {
        foreach (bool logX in new[] { false, true })
        {
            foreach (bool logY in new[] { false, true })
            {
                foreach (Mark mark in new[] { Mark.Lines, Mark.DashedLines, Mark.Markers, Mark.Bars })
                {
                    Figure figure = Fakes.Figure(
                        logX, logY, new Series("one", mark, x, y), new Series("two", mark, [1, 2, 4], [1, 0.5, 2]));
                    AssertDrawable($"{name}, {mark}, log {logX} {logY}", SvgRenderer.Render(figure));
                    AssertDrawable(name, SvgRenderer.Render(Fakes.Figure(logX, logY, new Series("one", mark, x, y))));
                }
            }
        }
    }

    [Fact]
    public void AFigureWithoutSeriesSaysSo()
    {
        string svg = SvgRenderer.Render(Fakes.Figure());
        AssertDrawable("none", svg);
        Assert.Contains("no data to show", svg);
        Assert.DoesNotContain("no data to show", SvgRenderer.Render(Fakes.Figure(Fakes.Line("a", [1], [2]))));
        Assert.Contains("no data to show", SvgRenderer.Render(Fakes.Figure(false, true, Fakes.Line("a", [1], [-2]))));
    }

    [Fact]
    public void TextsAreEscaped()
    {
        var figure = new Figure("<t>", "<c>", "<x>&", "<y>", false, false, Fakes.Figure(
            Fakes.Line("<a>\"", [1], [1]), Fakes.Line("'b'", [1], [1])).Series);
        XElement svg = XElement.Parse(SvgRenderer.Render(figure));
        Assert.Contains(svg.Descendants("text"), t => t.Value == "<x>&");
        Assert.Contains(svg.Descendants("text"), t => t.Value == "<a>\"");
        Assert.StartsWith("<t>.", svg.Attribute("aria-label")!.Value);
    }

    [Fact]
    public void PointsAreWhereTheyBelong()
    {
        // A straight line in log-log coordinates has its middle point half-way between its ends.
        string svg = SvgRenderer.Render(Fakes.Figure(true, true, Fakes.Line("law", [0.01, 1, 100], [1e4, 1, 1e-4])));
        double[] p = Coordinates(XElement.Parse(svg).Descendants("path").Single(e => (string?)e.Attribute("class") == "line").Attribute("d")!.Value);
        Assert.Equal(6, p.Length);
        Assert.Equal((p[0] + p[4]) / 2, p[2], 0.02);
        Assert.Equal((p[1] + p[5]) / 2, p[3], 0.02);
        Assert.True(p[0] < p[4] && p[1] < p[5], "y decreases upwards in SVG, the law falls");
    }

    [Fact]
    public void BarsStartAtZeroAndHaveProportionalHeights()
    {
        XElement svg = XElement.Parse(SvgRenderer.Render(Fakes.Figure(new Series("bars", Mark.Bars, [1, 2, 3], [1, 2, -4]))));
        double[][] bars = [.. svg.Descendants("rect").Select(r => new[] { Value(r, "y"), Value(r, "height") })];
        Assert.Equal(2 * bars[0][1], bars[1][1], 0.05);
        Assert.Equal(4 * bars[0][1], bars[2][1], 0.05);
        Assert.Equal(bars[0][0] + bars[0][1], bars[2][0], 0.05);
    }

    [Fact]
    public void LonePointsBetweenGapsAreVisible()
    {
        string svg = SvgRenderer.Render(Fakes.Figure(Fakes.Line("gaps", [1, 2, 3], [1, double.NaN, 3])));
        string path = XElement.Parse(svg).Descendants("path").Single(e => (string?)e.Attribute("class") == "line").Attribute("d")!.Value;
        Assert.Equal(2, path.Count(c => c == 'M'));
        Assert.Equal(2, path.Count(c => c == 'L'));
    }

    [Fact]
    public void LongSeriesStaySmallAndKeepTheirExtremes()
    {
        double[] x = [.. Enumerable.Range(0, 100_000).Select(i => (double)i)];
        double[] y = [.. x.Select(v => v == 54_321 ? 10.0 : 0.0)];
        string svg = SvgRenderer.Render(Fakes.Figure(Fakes.Line("spike", x, y)));
        Assert.True(svg.Length < 100_000, $"{svg.Length} characters");
        double[] p = Coordinates(XElement.Parse(svg).Descendants("path").Single(e => (string?)e.Attribute("class") == "line").Attribute("d")!.Value);
        Assert.True(p.Where((_, i) => i % 2 == 1).Min() < 50, "the spike is gone");
    }

    [Fact]
    public void PairsOfTheoryAndMeasurementShareTheirColour()
    {
        Series theory = Fakes.Line("t", [1], [1]);
        var measured = new Series("m", Mark.Markers, [1], [1]);
        Assert.Equal([0, 0, 1, 1], SeriesColours.Of(Fakes.Figure(theory, measured, theory, measured)));
        Assert.Equal([0, 1, 0, 1], SeriesColours.Of(Fakes.Figure(theory, theory, measured, measured)));
        Assert.Equal([0, 1], SeriesColours.Of(Fakes.Figure(theory, measured)));
        Assert.Equal([0, 1, 2, 3], SeriesColours.Of(Fakes.Figure(theory, measured, measured, theory)));
    }

    private static double Value(XElement element, string name) =>
        double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    private static double[] Coordinates(string text) =>
        [.. Number().Matches(text).Select(m => double.Parse(m.Value, CultureInfo.InvariantCulture))];

    private static void AssertDrawable(string what, string svg)
    {
        XElement root = XElement.Parse(svg);
        double[] box = Coordinates(root.Attribute("viewBox")!.Value);
        foreach (XElement element in root.Descendants())
        {
            foreach (string name in new[] { "x", "y", "width", "height" })
            {
                if (element.Attribute(name) is { } attribute)
                {
                    double value = double.Parse(attribute.Value, CultureInfo.InvariantCulture);
                    double limit = name is "x" or "width" ? box[2] : box[3];
                    Assert.True(double.IsFinite(value) && value >= -0.01 && value <= limit + 0.01, $"{what}: {element}");
                }
            }

            if (element.Attribute("d") is { } path)
            {
                Assert.Matches(@"^[-MmLlHhVvAaz0-9. ]*$", path.Value);
            }
        }
    }

    [GeneratedRegex(@"-?\d+(\.\d+)?")]
    private static partial Regex Number();
}
