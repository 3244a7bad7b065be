using System;
using System.Collections.Generic;
using System.Linq;
using Hesse.Reproductions;
using Hesse.Theory;
using Microsoft.FSharp.Collections;

namespace Hesse.Cli.Summary;

/// <summary>The figures of a summary, and the density as a line of text.</summary>
internal static class SummaryFigures
{
    private const int Points = 400;
    private const string Levels = " ▁▂▃▄▅▆▇█";

    /// <summary>What can be drawn of the results.</summary>
    public static IReadOnlyList<Figure> Of(SummaryResults results)
    {
        var figures = new List<Figure>();
        if (results.SpectralDensity is { } density)
        {
            figures.Add(Linear(density));
            figures.Add(Magnitudes(density));
        }

        if (results.LeadingPairs is { } leading)
        {
            figures.Add(Leading(leading));
        }

        return figures;
    }

    /// <summary>The density between its ends as a line of block characters, on a logarithmic scale of six decades below its peak.</summary>
    /// <param name="density">The density.</param>
    /// <param name="width">Characters.</param>
    public static string Sparkline(SpectralDensity density, int width)
    {
        (double low, double high, double sigma) = Range(density, width);
        double[] grid = Grid(low, high, width);
        double[] values = SpectralDensityModule.smooth(sigma, grid, density);
        double peak = values.Max();
        return string.Concat(values.Select(v => Level(v, peak)));

        static char Level(double value, double peak)
        {
            double share = 1.0 + (Math.Log10(Math.Max(value, double.Epsilon) / peak) / 6.0);
            return Levels[(int)Math.Round(Math.Clamp(share, 0.0, 1.0) * (Levels.Length - 1))];
        }
    }

    /// <summary>The smallest and the largest node.</summary>
    public static (double Low, double High) Ends(SpectralDensity density) =>
        (density.Nodes.Min(n => n.Min()), density.Nodes.Max(n => n.Max()));

    private static (double Low, double High, double Sigma) Range(SpectralDensity density, int points)
    {
        (double low, double high) = Ends(density);
        double spread = Math.Max(high - low, 1e-12 * Math.Max(1.0, Math.Abs(high)));
        return (low - (0.02 * spread), high + (0.02 * spread), spread / points);
    }

    private static double[] Grid(double low, double high, int points) =>
        [.. Enumerable.Range(0, points).Select(i => low + ((high - low) * i / (points - 1)))];

    private static Figure Linear(SpectralDensity density)
    {
        (double low, double high, double sigma) = Range(density, Points / 2);
        double[] grid = Grid(low, high, Points);
        double[] values = SpectralDensityModule.smooth(sigma, grid, density);
        double floor = 1e-8 * values.Max();
        return new Figure(
            "Spectral density of the Hessian",
            $"Stochastic Lanczos quadrature, {density.Nodes.Length} probes, {density.Products} products, blurred by a Gaussian of width {Numbers.Short(sigma)}; it integrates to one.",
            "eigenvalue",
            "density",
            false,
            true,
            ListModule.OfSeq([new Series("density", Mark.Lines, grid, [.. values.Select(v => Math.Max(v, floor))])]));
    }

    private static Figure Magnitudes(SpectralDensity density)
    {
        (double low, double high) = Ends(density);
        double top = Math.Log10(Math.Max(Math.Max(Math.Abs(low), Math.Abs(high)), double.Epsilon));
        double[] grid = Grid(top - 8.0, top + 0.3, Points);
        (double[] negative, double[] positive) = SpectralDensityModule.smoothLogarithmic(0.1, Math.Pow(10.0, top - 8.0), grid, density);
        double[] magnitudes = [.. grid.Select(x => Math.Pow(10.0, x))];
        return new Figure(
            "Density over the magnitude",
            "The same measure per decade of |λ|, positive and negative eigenvalues apart; what is below eight decades under the largest is gathered at the left end.",
            "|eigenvalue|",
            "density per decade",
            true,
            false,
            ListModule.OfSeq([
                new Series("positive", Mark.Lines, magnitudes, positive),
                new Series("negative", Mark.DashedLines, magnitudes, negative)]));
    }

    private static Figure Leading(EigenSolution solution) => new(
        "Leading eigenvalues of the Hessian",
        "By rank, from restarted Lanczos; the table has their residuals.",
        "rank",
        "eigenvalue",
        false,
        false,
        ListModule.OfSeq([new Series(
            "eigenvalue",
            Mark.Markers,
            [.. Enumerable.Range(1, solution.Pairs.Length).Select(i => (double)i)],
            [.. solution.Pairs.Select(p => p.Value)])]));
}
