using System.Collections.Generic;
using System.Linq;
using Hesse.Reproductions;

namespace Hesse.Cli.Figures;

/// <summary>Gives each series of a figure its number in the palette.</summary>
internal static class SeriesColours
{
    /// <summary>
    /// One number per series. Where lines and markers come in pairs, alternating or first all of one and then all of the
    /// other, they are theory and measurement of the same thing, and a pair shares its number.
    /// </summary>
    public static IReadOnlyList<int> Of(Figure figure)
    {
        bool[] markers = [.. figure.Series.Select(s => s.Mark.IsMarkers)];
        int count = markers.Length;
        int pairs = count / 2;
        bool even = count >= 4 && count % 2 == 0 && !figure.Series.Any(s => s.Mark.IsBars);
        bool alternating = even && Enumerable.Range(0, count).All(i => markers[i] == (markers[0] ^ (i % 2 == 1)));
        bool halves = even && Enumerable.Range(0, count).All(i => markers[i] == (markers[0] ^ (i >= pairs)));
        return
        [
            .. Enumerable.Range(0, count).Select(i => (alternating ? i / 2 : halves ? i % pairs : i) % Palette.Count),
        ];
    }
}
