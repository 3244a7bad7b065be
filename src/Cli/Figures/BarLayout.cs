using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Reproductions;

namespace Hesse.Cli.Figures;

/// <summary>Bars side by side: those of the same place share a slot whose width follows from the closest places.</summary>
internal sealed class BarLayout
{
    private readonly bool _log;
    private readonly double _slot;
    private readonly int _groups;

    private BarLayout(bool log, double slot, int groups, IReadOnlyList<double> edges)
    {
        _log = log;
        _slot = slot;
        _groups = groups;
        Edges = edges;
    }

    /// <summary>Horizontal values that the axis has to include so that the outer bars are whole.</summary>
    public IReadOnlyList<double> Edges { get; }

    /// <summary>Lays out the bar series among the given ones.</summary>
    public static BarLayout Of(IReadOnlyList<Series> series, bool log)
    {
        Series[] bars = [.. series.Where(s => s.Mark.IsBars)];
        double[] places =
        [
            .. bars.SelectMany(s => s.X)
                .Where(x => double.IsFinite(x) && (!log || x > 0.0))
                .Select(x => log ? Math.Log10(x) : x)
                .Distinct()
                .Order(),
        ];
        if (places.Length == 0)
        {
            return new BarLayout(log, 1.0, Math.Max(1, bars.Length), []);
        }

        double gap = double.PositiveInfinity;
        for (int i = 1; i < places.Length; i++)
        {
            gap = Math.Min(gap, places[i] - places[i - 1]);
        }

        if (!double.IsFinite(gap))
        {
            gap = 1.0;
        }

        double low = places[0] - (gap / 2);
        double high = places[^1] + (gap / 2);
        return new BarLayout(log, 0.82 * gap, bars.Length, log ? [Math.Pow(10, low), Math.Pow(10, high)] : [low, high]);
    }

    /// <summary>Draws the bars of the series that is the given one among the bar series.</summary>
    public void Draw(StringBuilder svg, PlotArea area, Series series, int group)
    {
        double baseline = area.Top + ((1.0 - area.Y.Baseline) * area.Height);
        double width = _slot / _groups;
        for (int i = 0; i < series.X.Length; i++)
        {
            if (!area.Shows(series.X[i], series.Y[i]))
            {
                continue;
            }

            double centre = _log ? Math.Log10(series.X[i]) : series.X[i];
            double from = centre - (_slot / 2) + (group * width);
            double left = area.AtX(_log ? Math.Pow(10, from) : from);
            double right = area.AtX(_log ? Math.Pow(10, from + width) : from + width);
            double end = area.AtY(series.Y[i]);
            double top = Math.Min(end, baseline);
            double thickness = Math.Max(0.5, right - left);
            double height = Math.Abs(end - baseline);
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"bar\" x=\"{left:0.##}\" y=\"{top:0.##}\" ")
                .Append(CultureInfo.InvariantCulture, $"width=\"{thickness:0.##}\" height=\"{height:0.##}\"/>");
        }
    }
}
