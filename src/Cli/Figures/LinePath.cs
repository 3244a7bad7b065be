using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Hesse.Reproductions;

namespace Hesse.Cli.Figures;

/// <summary>Draws a series as a polyline with gaps where points cannot be shown.</summary>
internal static class LinePath
{
    // Long lines keep the first, lowest, highest and last point of each bucket: the drawing looks the same.
    private const int Buckets = 700;

    /// <summary>Draws the line.</summary>
    public static void Draw(StringBuilder svg, PlotArea area, Series series)
    {
        var path = new StringBuilder();
        bool open = false;
        int runLength = 0;
        (double X, double Y) last = default;
        foreach (int i in Kept(series.Y))
        {
            if (!area.Shows(series.X[i], series.Y[i]))
            {
                CloseRun(path, runLength, last);
                open = false;
                runLength = 0;
                continue;
            }

            last = (area.AtX(series.X[i]), area.AtY(series.Y[i]));
            path.Append(CultureInfo.InvariantCulture, $"{(open ? 'L' : 'M')}{last.X:0.##} {last.Y:0.##}");
            open = true;
            runLength++;
        }

        CloseRun(path, runLength, last);
        string dash = series.Mark.IsDashedLines ? " dashed" : "";
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"line{dash}\" d=\"{path}\"/>");
    }

    // A point alone between gaps would be invisible as a line: with round caps a line of no length is a dot.
    private static void CloseRun(StringBuilder path, int runLength, (double X, double Y) last)
    {
        if (runLength == 1)
        {
            path.Append(CultureInfo.InvariantCulture, $"L{last.X:0.##} {last.Y:0.##}");
        }
    }

    private static IEnumerable<int> Kept(double[] y)
    {
        int size = Math.Max(1, y.Length / Buckets);
        for (int start = 0; start < y.Length; start += size)
        {
            int end = Math.Min(start + size, y.Length);
            if (size <= 4)
            {
                for (int i = start; i < end; i++)
                {
                    yield return i;
                }

                continue;
            }

            var kept = new SortedSet<int> { start, end - 1 };
            int low = start;
            int high = start;
            for (int i = start; i < end; i++)
            {
                if (!double.IsFinite(y[i]))
                {
                    kept.Add(i);
                }

                low = y[i] < y[low] ? i : low;
                high = y[i] > y[high] ? i : high;
            }

            kept.Add(low);
            kept.Add(high);
            foreach (int i in kept)
            {
                yield return i;
            }
        }
    }
}
