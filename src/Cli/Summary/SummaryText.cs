using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using Hesse.Theory;

namespace Hesse.Cli.Summary;

/// <summary>A summary as tables of text.</summary>
internal static class SummaryText
{
    private const int PlotWidth = 72;

    /// <summary>What is known before anything is measured: name and value.</summary>
    public static IReadOnlyList<(string Name, string Value)> Facts(ModelCurvatureRequest request, ModelCurvatureFacts facts) =>
    [
        ("model", $"{request.Model}: {facts.Architecture}, {facts.Activation} ({facts.ActivationFrom})"),
        ("parameters", facts.Parameters.ToString(CultureInfo.InvariantCulture)),
        ("data", $"{request.Data}: {Numbers.Count(facts.Rows, "row")}"),
        ("loss", $"{request.Loss}, {request.Reduction} over the rows"),
        ("accuracy", double.IsNaN(facts.Accuracy) ? "not defined" : (100.0 * facts.Accuracy).ToString("0.00", CultureInfo.InvariantCulture) + " %"),
    ];

    /// <summary>An interval, or nothing where the number is computed.</summary>
    public static string Interval(Measurement m) =>
        double.IsNaN(m.Lower) ? "" : $"[{Precise(m.Lower)}, {Precise(m.Upper)}]";

    /// <summary>Nine significant digits, so that a narrow interval has two different ends.</summary>
    public static string Precise(double value) => value.ToString("G9", CultureInfo.InvariantCulture);

    /// <summary>Writes facts, numbers, eigenvalues and the density.</summary>
    public static void Write(TextWriter output, ModelCurvatureRequest request, ModelCurvatureFacts facts, SummaryResults results)
    {
        foreach ((string name, string value) in Facts(request, facts))
        {
            output.WriteLine($"{name,-12} {value}");
        }

        output.WriteLine();
        Table(output, ["quantity", "", "value", "interval", "certificate", "products"], results.Measurements.Select(m => new[]
        {
            m.Name, m.Symbol, Precise(m.Value), Interval(m), m.Certificate, m.Products == 0 ? "" : m.Products.ToString(CultureInfo.InvariantCulture),
        }));

        if (results.LeadingPairs is { } leading)
        {
            output.WriteLine();
            Table(output, ["rank", "eigenvalue of H", "residual", "error bound by the gap"], leading.Pairs.Select((p, i) => new[]
            {
                (i + 1).ToString(CultureInfo.InvariantCulture), Precise(p.Value), Numbers.Short(p.Residual), Numbers.Short(p.ErrorBound),
            }));
        }

        if (results.SpectralDensity is { } density)
        {
            (double low, double high) = SummaryFigures.Ends(density);
            string left = Numbers.Short(low);
            output.WriteLine();
            output.WriteLine("density of the eigenvalues of H (logarithmic, six decades)");
            output.WriteLine(SummaryFigures.Sparkline(density, PlotWidth));
            output.WriteLine(left + Numbers.Short(high).PadLeft(PlotWidth - left.Length));
        }
    }

    private static void Table(TextWriter output, string[] head, IEnumerable<string[]> rows)
    {
        string[][] lines = [head, .. rows];
        int[] widths = [.. head.Select((_, column) => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
        {
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
