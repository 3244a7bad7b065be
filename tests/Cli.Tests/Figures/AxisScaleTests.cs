using System;
using System.Collections.Generic;
using System.Linq;
using Hesse.Cli.Figures;
using Xunit;

namespace Hesse.Cli.Tests.Figures;

public class AxisScaleTests
{
    [Theory]
    [InlineData(new double[] { 0, 10 }, false, "0 2 4 6 8 10")]
    [InlineData(new double[] { 0, 1 }, false, "0.0 0.2 0.4 0.6 0.8 1.0")]
    [InlineData(new double[] { 0, 20000 }, false, "0 5000 10000 15000 20000", 4)]
    [InlineData(new double[] { -1e-7, 1e-7 }, false, "-1.0×10⁻⁷ -5×10⁻⁸ 0 5×10⁻⁸ 1.0×10⁻⁷", 4)]
    [InlineData(new double[] { 1, 1000 }, true, "1 10 100 1000")]
    [InlineData(new double[] { 1e-6, 1e2 }, true, "10⁻⁶ 10⁻⁴ 0.01 1 100")]
    [InlineData(new double[] { 1, 10 }, true, "1 2 5 10")]
    [InlineData(new double[] { 1, 3 }, true, "1.0 1.5 2.0 2.5 3.0")]
    public void TicksAreRound(double[] values, bool log, string labels, int wanted = 6)
    {
        AxisScale scale = AxisScale.Fit(values, log, withZero: false, margin: 0.0);
        Assert.Equal(labels, string.Join(' ', scale.Ticks(wanted).Select(t => t.Label)));
    }

    [Fact]
    public void TicksAreInsideIncreasingFewAndDistinct()
    {
        var random = new System.Random(5);
        for (int trial = 0; trial < 2000; trial++)
        {
            bool log = trial % 2 == 0;
            double centre = Math.Pow(10, (random.NextDouble() * 24) - 12) * (log || random.Next(2) == 0 ? 1 : -1);
            double width = Math.Abs(centre) * Math.Pow(10, (random.NextDouble() * 6) - 4);
            double[] values = [centre, centre + width];
            IReadOnlyList<Tick> ticks = AxisScale.Fit(values, log, withZero: false, margin: 0.05).Ticks(6);
            string what = $"{centre:R} + {width:R}, log {log}: {string.Join(' ', ticks.Select(t => t.Label))}";
            Assert.True(ticks.Count is >= 2 and <= 14, what);
            Assert.All(ticks, t => Assert.InRange(t.Position, -1e-6, 1 + 1e-6));
            Assert.True(ticks.Zip(ticks.Skip(1)).All(p => p.First.Position < p.Second.Position), what);
            Assert.True(ticks.Select(t => t.Label).Distinct().Count() == ticks.Count, what);
        }
    }
}
