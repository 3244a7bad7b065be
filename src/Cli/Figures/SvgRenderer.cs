using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Cli.Report;
using Hesse.Reproductions;

namespace Hesse.Cli.Figures;

/// <summary>
/// Draws a figure as a static SVG element for the report: it needs no script and no other file. Colours come from the
/// style sheet of the page (classes <c>s0</c>, <c>s1</c>, …), so that the drawing follows light and dark mode.
/// </summary>
internal static class SvgRenderer
{
    private const double Width = 560;
    private const double PlotHeight = 270;
    private const double Right = 18;
    private const double CharacterWidth = 7.6;

    /// <summary>Draws a figure.</summary>
    public static string Render(Figure figure)
    {
        Series[] series = [.. figure.Series];
        bool bars = series.Any(s => s.Mark.IsBars);
        var barLayout = BarLayout.Of(series, figure.LogX);
        AxisScale x = AxisScale.Fit(
            series.SelectMany(s => s.X).Concat(barLayout.Edges), figure.LogX, withZero: false, margin: 0.03);
        AxisScale y = AxisScale.Fit(series.SelectMany(s => s.Y), figure.LogY, withZero: bars, margin: 0.06);
        IReadOnlyList<Tick> xTicks = x.Ticks(7);
        IReadOnlyList<Tick> yTicks = y.Ticks(6);

        IReadOnlyList<int> colours = SeriesColours.Of(figure);
        Legend legend = series.Length > 1 ? Legend.Of(series, colours, Width - 24) : Legend.Empty;
        double left = 40 + (CharacterWidth * yTicks.Select(t => t.Label.Length).DefaultIfEmpty(1).Max());
        double top = 12 + legend.Height;
        var area = new PlotArea(left, top, Width - left - Right, PlotHeight, x, y);
        double height = top + PlotHeight + 52;

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg class=\"chart\" viewBox=\"0 0 {Width:0} {height:0}\" role=\"img\" aria-label=\"");
        svg.Append(Html.Escape(Describe(figure))).Append("\">");
        legend.Draw(svg);
        DrawFrame(svg, area, xTicks, yTicks, figure);
        int bar = 0;
        for (int i = 0; i < series.Length; i++)
        {
            Series s = series[i];
            svg.Append(CultureInfo.InvariantCulture, $"<g class=\"s{colours[i]}\">");
            if (s.Mark.IsBars)
            {
                barLayout.Draw(svg, area, s, bar++);
            }
            else if (s.Mark.IsMarkers)
            {
                MarkerShape.DrawAll(svg, area, s, colours[i]);
            }
            else
            {
                LinePath.Draw(svg, area, s);
            }

            svg.Append("</g>");
        }

        if (!series.Any(s => s.X.Zip(s.Y).Any(p => x.Shows(p.First) && y.Shows(p.Second))))
        {
            Text(
                svg,
                "class=\"empty\" text-anchor=\"middle\"",
                area.Left + (area.Width / 2),
                area.Top + (area.Height / 2),
                "no data to show");
        }

        return svg.Append("</svg>").ToString();
    }

    private static void Text(StringBuilder svg, string attributes, double x, double y, string text) =>
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:0.##}\" y=\"{y:0.##}\" {attributes}>")
            .Append(Html.Escape(text))
            .Append("</text>");

    private static string Describe(Figure figure)
    {
        string names = string.Join(", ", figure.Series.Select(s => s.Name));
        return $"{figure.Title}. Horizontal axis: {figure.XLabel}{(figure.LogX ? " (logarithmic)" : "")}. "
            + $"Vertical axis: {figure.YLabel}{(figure.LogY ? " (logarithmic)" : "")}. Series: {names}.";
    }

    private static void DrawFrame(
        StringBuilder svg, PlotArea area, IReadOnlyList<Tick> xTicks, IReadOnlyList<Tick> yTicks, Figure figure)
    {
        double bottom = area.Top + area.Height;
        double right = area.Left + area.Width;
        svg.Append("<g class=\"grid\">");
        foreach (Tick tick in xTicks)
        {
            double at = area.Left + (tick.Position * area.Width);
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{at:0.##} {area.Top:0.##}V{bottom:0.##}\"/>");
        }

        foreach (Tick tick in yTicks)
        {
            double at = bottom - (tick.Position * area.Height);
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{area.Left:0.##} {at:0.##}H{right:0.##}\"/>");
        }

        svg.Append("</g><g class=\"axis\">")
            .Append(CultureInfo.InvariantCulture, $"<path d=\"M{area.Left:0.##} {area.Top:0.##}V{bottom:0.##}H{right:0.##}\"/>")
            .Append("</g><g class=\"ticks\">");
        foreach (Tick tick in xTicks)
        {
            double at = area.Left + (tick.Position * area.Width);
            Text(svg, "text-anchor=\"middle\"", at, bottom + 18, tick.Label);
        }

        foreach (Tick tick in yTicks)
        {
            double at = bottom - (tick.Position * area.Height);
            Text(svg, "text-anchor=\"end\"", area.Left - 7, at + 4, tick.Label);
        }

        double middle = area.Top + (area.Height / 2);
        svg.Append("</g><g class=\"labels\">");
        Text(svg, "text-anchor=\"middle\"", area.Left + (area.Width / 2), bottom + 42, figure.XLabel);
        svg.Append(CultureInfo.InvariantCulture, $"<text transform=\"translate(16 {middle:0.##}) rotate(-90)\" text-anchor=\"middle\">")
            .Append(Html.Escape(figure.YLabel))
            .Append("</text></g>");
    }
}
