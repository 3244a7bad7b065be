using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Hesse.Cli.Figures;

/// <summary>A tick of an axis.</summary>
/// <param name="Position">Place along the axis, in [0, 1].</param>
/// <param name="Label">Its number.</param>
internal readonly record struct Tick(double Position, string Label);

/// <summary>
/// Maps the values of an axis to [0, 1], linearly or by logarithm, with round ticks. Any data gives a finite scale:
/// values that an axis cannot show (not finite; not positive on a logarithmic axis) are outside of it.
/// </summary>
internal sealed class AxisScale
{
    // Beyond this size the arithmetic of ranges would overflow or lose all digits; values are drawn at the limit.
    private const double Largest = 1e300;
    private const double LargestExponent = 300;

    private readonly bool _log;
    private readonly double _low;
    private readonly double _high;

    private AxisScale(bool log, double low, double high)
    {
        _log = log;
        _low = low;
        _high = high;
    }

    /// <summary>Makes the scale that shows all showable values with a small margin.</summary>
    /// <param name="values">The data; may be empty.</param>
    /// <param name="log">Whether the axis is logarithmic.</param>
    /// <param name="withZero">Whether a linear axis has to include zero, as for bars.</param>
    /// <param name="margin">Free space at either end, as a fraction of the range of the data.</param>
    public static AxisScale Fit(IEnumerable<double> values, bool log, bool withZero, double margin)
    {
        double low = double.PositiveInfinity;
        double high = double.NegativeInfinity;
        IEnumerable<double> anchored = withZero && !log ? values.Append(0.0) : values;
        foreach (double value in anchored)
        {
            if (Shows(value, log))
            {
                double t = Transform(value, log);
                low = Math.Min(low, t);
                high = Math.Max(high, t);
            }
        }

        if (low > high)
        {
            (low, high) = (0.0, 1.0);
        }

        double span = high - low;
        double size = Math.Max(Math.Abs(low), Math.Abs(high));
        if (span <= 1e-12 * size || span < 1e-290)
        {
            // A constant: centre it in a range of its own size.
            double half = log ? 0.5 : size < 1e-290 ? 1.0 : 0.1 * size;
            return new AxisScale(log, low - half, high + half);
        }

        double lowEnd = withZero && !log && low == 0.0 ? 0.0 : low - (margin * span);
        double highEnd = withZero && !log && high == 0.0 ? 0.0 : high + (margin * span);
        return new AxisScale(log, lowEnd, highEnd);
    }

    /// <summary>Whether the axis can show the value.</summary>
    public bool Shows(double value) => Shows(value, _log);

    /// <summary>The place of a value that the axis can show: 0 at its lower end, 1 at its upper end.</summary>
    public double Position(double value) => (Transform(value, _log) - _low) / (_high - _low);

    /// <summary>The place from which bars start: zero, or the lower end of a logarithmic axis.</summary>
    public double Baseline => _log ? 0.0 : Math.Clamp(Position(0.0), 0.0, 1.0);

    /// <summary>Round ticks in increasing order.</summary>
    /// <param name="wanted">About how many.</param>
    public IReadOnlyList<Tick> Ticks(int wanted) =>
        !_log ? LinearTicks(wanted)
        : _high - _low < 0.7 ? RoundTicksOnLog(wanted)
        : LogTicks(wanted);

    private static bool Shows(double value, bool log) => double.IsFinite(value) && (!log || value > 0.0);

    private static double Transform(double value, bool log) =>
        log
            ? Math.Clamp(Math.Log10(value), -LargestExponent, LargestExponent)
            : Math.Clamp(value, -Largest, Largest);

    private double Fraction(double transformed) => (transformed - _low) / (_high - _low);

    private List<Tick> LinearTicks(int wanted)
    {
        double step = RoundStep((_high - _low) / wanted);
        var values = new List<double>();
        double first = Math.Ceiling(_low / step - 1e-9);
        for (int i = 0; i < 4 * wanted; i++)
        {
            double value = (first + i) * step;
            if (Fraction(value) > 1.0 + 1e-9)
            {
                break;
            }

            values.Add(value);
        }

        return Label(values, step, Fraction);
    }

    // Less than about a factor of five: round numbers at their logarithmic places.
    private List<Tick> RoundTicksOnLog(int wanted)
    {
        double low = Math.Pow(10.0, _low);
        double high = Math.Pow(10.0, _high);
        var linear = new AxisScale(false, low, high);
        double step = RoundStep((high - low) / wanted);
        var values = linear.LinearTicks(wanted).Select(t => Math.Round((low + (t.Position * (high - low))) / step) * step);
        return Label([.. values.Where(v => v > 0.0)], step, v => Fraction(Math.Log10(v)));
    }

    private List<Tick> LogTicks(int wanted)
    {
        double decades = _high - _low;
        double[] mantissas = decades < 1.5 ? [1, 2, 5] : decades < 2.5 ? [1, 3] : [1];
        int stride = Math.Max(1, (int)Math.Ceiling(decades / (wanted + 1)));
        var ticks = new List<Tick>();
        int last = (int)Math.Floor(_high);
        for (int exponent = (int)Math.Floor(_low); exponent <= last; exponent++)
        {
            if (exponent % stride != 0)
            {
                continue;
            }

            foreach (double mantissa in mantissas)
            {
                double position = Fraction(exponent + Math.Log10(mantissa));
                if (position is >= -1e-9 and <= 1.0 + 1e-9)
                {
                    ticks.Add(new Tick(position, PowerLabel(mantissa, exponent)));
                }
            }
        }

        return ticks;
    }

    private static List<Tick> Label(IReadOnlyList<double> values, double step, Func<double, double> place)
    {
        double size = values.Count == 0 ? 0.0 : values.Max(Math.Abs);
        int stepExponent = (int)Math.Floor(Math.Log10(step) + 1e-9);
        int sizeExponent = size > 0.0 ? (int)Math.Floor(Math.Log10(size) + 1e-9) : 0;
        bool scientific = sizeExponent >= 5 || (size > 0.0 && sizeExponent < -3);
        return
        [
            .. values.Select(value => new Tick(
                place(value),
                scientific
                    ? ScientificLabel(value, stepExponent)
                    : value.ToString("F" + Math.Clamp(-stepExponent, 0, 15), CultureInfo.InvariantCulture))),
        ];
    }

    private static string ScientificLabel(double value, int stepExponent)
    {
        if (value == 0.0)
        {
            return "0";
        }

        int exponent = (int)Math.Floor(Math.Log10(Math.Abs(value)) + 1e-9);
        double mantissa = value / Math.Pow(10.0, exponent);
        int digits = Math.Clamp(exponent - stepExponent, 0, 12);
        string text = mantissa.ToString("F" + digits, CultureInfo.InvariantCulture);
        return text + "×10" + Superscript(exponent);
    }

    private static string PowerLabel(double mantissa, int exponent)
    {
        if (exponent is >= -2 and <= 3)
        {
            return (mantissa * Math.Pow(10.0, exponent)).ToString("0.###", CultureInfo.InvariantCulture);
        }

        string power = "10" + Superscript(exponent);
        return mantissa == 1.0 ? power : mantissa.ToString("0", CultureInfo.InvariantCulture) + "×" + power;
    }

    private static string Superscript(int number) =>
        string.Concat(number.ToString(CultureInfo.InvariantCulture).Select(c => c == '-' ? '⁻' : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c - '0']));

    // The number 1, 2 or 5 times a power of ten at or above the given one.
    private static double RoundStep(double rough)
    {
        double power = Math.Pow(10.0, Math.Floor(Math.Log10(rough)));
        double mantissa = rough / power;
        return power * (mantissa <= 1.0 + 1e-9 ? 1.0 : mantissa <= 2.0 + 1e-9 ? 2.0 : mantissa <= 5.0 + 1e-9 ? 5.0 : 10.0);
    }
}
