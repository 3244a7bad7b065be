using System;
using System.Globalization;

namespace Hesse.Cli;

/// <summary>Numbers for people: few digits, the same on every machine.</summary>
internal static class Numbers
{
    /// <summary>Up to six significant digits, e.g. "0.125", "1.2e-10", "NaN", "∞".</summary>
    public static string Short(double value)
    {
        double size = Math.Abs(value);
        return double.IsNaN(value) ? "NaN"
            : double.IsPositiveInfinity(value) ? "∞"
            : double.IsNegativeInfinity(value) ? "-∞"
            : size is 0.0 or (>= 1e-4 and < 1e6) ? (value + 0.0).ToString("G6", CultureInfo.InvariantCulture)
            : value.ToString("0.#####e-0", CultureInfo.InvariantCulture);
    }

    /// <summary>All digits that tell the number from its neighbours.</summary>
    public static string Full(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A duration, e.g. "0.8 s", "3 min 05 s", "1 h 12 min".</summary>
    public static string Duration(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds < 0.0)
        {
            return "unknown time";
        }

        return seconds < 9.95 ? seconds.ToString("0.0", CultureInfo.InvariantCulture) + " s"
            : seconds < 59.5 ? seconds.ToString("0", CultureInfo.InvariantCulture) + " s"
            : seconds < 3600 ? Parts(seconds, 60, "min", "s")
            : Parts(seconds / 60, 60, "h", "min");
    }

    /// <summary>A count with its noun, e.g. "1 claim", "12 claims".</summary>
    public static string Count(int number, string noun) =>
        string.Create(CultureInfo.InvariantCulture, $"{number} {noun}{(number == 1 ? "" : "s")}");

    private static string Parts(double small, int size, string largeUnit, string smallUnit)
    {
        long total = (long)Math.Round(small);
        return string.Create(CultureInfo.InvariantCulture, $"{total / size} {largeUnit} {total % size:00} {smallUnit}");
    }
}
