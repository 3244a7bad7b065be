using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Hesse.Cli.Report;
using Hesse.Reproductions;

namespace Hesse.Cli.Figures;

/// <summary>The legend above a drawing: entries in rows, broken where a row is full.</summary>
internal sealed class Legend
{
    private const double Row = 20;
    private const double Sample = 26;
    private const double CharacterWidth = 7.9;

    private readonly IReadOnlyList<(Series Series, int Colour, double X, double Y)> _entries;

    private Legend(IReadOnlyList<(Series Series, int Colour, double X, double Y)> entries, double height)
    {
        _entries = entries;
        Height = height;
    }

    /// <summary>No legend.</summary>
    public static Legend Empty { get; } = new([], 0);

    /// <summary>Height in drawing units.</summary>
    public double Height { get; }

    /// <summary>Lays out the entries of the series, each with its number in the palette.</summary>
    public static Legend Of(IReadOnlyList<Series> series, IReadOnlyList<int> colours, double width)
    {
        var entries = new List<(Series, int, double, double)>();
        double x = 12;
        double y = 16;
        foreach ((Series s, int colour) in series.Zip(colours))
        {
            double needed = Sample + 8 + (CharacterWidth * s.Name.Length) + 16;
            if (x > 12 && x + needed > width)
            {
                x = 12;
                y += Row;
            }

            entries.Add((s, colour, x, y));
            x += needed;
        }

        return new Legend(entries, y + 4);
    }

    /// <summary>Draws the legend.</summary>
    public void Draw(StringBuilder svg)
    {
        if (_entries.Count == 0)
        {
            return;
        }

        svg.Append("<g class=\"legend\">");
        foreach ((Series series, int colour, double x, double y) in _entries)
        {
            double middle = y - 4;
            svg.Append(CultureInfo.InvariantCulture, $"<g class=\"s{colour}\">");
            if (series.Mark.IsBars)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"bar\" x=\"{x + 6:0.##}\" y=\"{middle - 6:0.##}\" width=\"14\" height=\"12\"/>");
            }
            else if (series.Mark.IsMarkers)
            {
                svg.Append("<path class=\"marker\" d=\"");
                MarkerShape.Append(svg, colour, x + (Sample / 2), middle);
                svg.Append("\"/>");
            }
            else
            {
                string dash = series.Mark.IsDashedLines ? " dashed" : "";
                svg.Append(CultureInfo.InvariantCulture, $"<path class=\"line{dash}\" d=\"M{x:0.##} {middle:0.##}h{Sample:0.##}\"/>");
            }

            svg.Append("</g>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + Sample + 8:0.##}\" y=\"{y:0.##}\">{Html.Escape(series.Name)}</text>");
        }

        svg.Append("</g>");
    }
}
