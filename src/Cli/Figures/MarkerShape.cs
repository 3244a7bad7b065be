using System;
using System.Globalization;
using System.Text;
using Hesse.Reproductions;

namespace Hesse.Cli.Figures;

/// <summary>Marker shapes, one per series, so that series differ by more than colour.</summary>
internal static class MarkerShape
{
    private const int MostMarkers = 3000;

    /// <summary>Draws the markers of a series; of very many, every second, third, … one.</summary>
    public static void DrawAll(StringBuilder svg, PlotArea area, Series series, int index)
    {
        int stride = Math.Max(1, (series.X.Length + MostMarkers - 1) / MostMarkers);
        svg.Append("<path class=\"marker\" d=\"");
        for (int i = 0; i < series.X.Length; i += stride)
        {
            if (area.Shows(series.X[i], series.Y[i]))
            {
                Append(svg, index, area.AtX(series.X[i]), area.AtY(series.Y[i]));
            }
        }

        svg.Append("\"/>");
    }

    /// <summary>Appends the outline of a marker to path data.</summary>
    public static void Append(StringBuilder path, int index, double x, double y)
    {
        path.Append(CultureInfo.InvariantCulture, $"M{x:0.##} {y:0.##}");
        path.Append((index % Palette.Count) switch
        {
            0 => "m-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
            1 => "m-3.2 -3.2h6.4v6.4h-6.4z",
            2 => "m0 -4.6l4.6 4.6l-4.6 4.6l-4.6 -4.6z",
            3 => "m0 -4.4l4.4 7.4h-8.8z",
            4 => "m0 4.4l4.4 -7.4h-8.8z",
            5 => "m0 -1.7l2.4 -2.4l1.7 1.7l-2.4 2.4l2.4 2.4l-1.7 1.7l-2.4 -2.4l-2.4 2.4l-1.7 -1.7l2.4 -2.4l-2.4 -2.4l1.7 -1.7z",
            6 => "m-1.2 -4.2h2.4v3h3v2.4h-3v3h-2.4v-3h-3v-2.4h3z",
            _ => "m0 -4.8l1.3 3.2l3.5 0.2l-2.7 2.2l0.9 3.4l-3 -1.9l-3 1.9l0.9 -3.4l-2.7 -2.2l3.5 -0.2z",
        });
    }
}
