using System;
using System.Linq;
using System.Text;
using System.Text.Json;
using Hesse.Cli.Figures;
using Hesse.Reproductions;
using Xunit;

namespace Hesse.Cli.Tests.Figures;

public class PlotlyFigureTests
{
    [Fact]
    public void FiguresRoundTripAndNonFiniteNumbersBecomeGaps()
    {
        Figure figure = Fakes.Figure(
            true,
            false,
            new Series("l", Mark.Lines, [1, 2, double.PositiveInfinity], [1.0 / 3.0, double.NaN, 3]),
            new Series("d", Mark.DashedLines, [], []),
            new Series("</script>", Mark.Markers, [1e-300], [double.MaxValue]),
            new Series("b", Mark.Bars, [1], [2]));
        Figure read = PlotlyFigure.Read(Encoding.UTF8.GetBytes(PlotlyFigure.Write(figure)));
        Assert.Equal((figure.Title, figure.Caption, figure.XLabel, figure.YLabel), (read.Title, read.Caption, read.XLabel, read.YLabel));
        Assert.True(read.LogX && !read.LogY);
        Assert.Equal(figure.Series.Select(s => (s.Name, s.Mark)), read.Series.Select(s => (s.Name, s.Mark)));
        Assert.Equal([1, 2, double.NaN], read.Series.First().X);
        Assert.Equal([1.0 / 3.0, double.NaN, 3], read.Series.First().Y);
        Assert.Equal([double.MaxValue], read.Series.ElementAt(2).Y);
    }

    [Fact]
    public void TheJsonIsAPlotlyFigure()
    {
        using JsonDocument json = JsonDocument.Parse(PlotlyFigure.Write(Fakes.Figure(false, true, Fakes.Line("l", [1], [2]))));
        Assert.Equal("scatter", json.RootElement.GetProperty("data")[0].GetProperty("type").GetString());
        Assert.Equal("log", json.RootElement.GetProperty("layout").GetProperty("yaxis").GetProperty("type").GetString());
        Assert.Equal("x axis", json.RootElement.GetProperty("layout").GetProperty("xaxis").GetProperty("title").GetProperty("text").GetString());
    }

    [Fact]
    public void UnevenSeriesAreRefusedByName()
    {
        var error = Assert.Throws<ArgumentException>(() => PlotlyFigure.Write(Fakes.Figure(Fakes.Line("uneven", [1, 2], [1]))));
        Assert.Contains("'uneven': got 2 x values and 1 y values", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"data\":3,\"layout\":{}}")]
    public void OtherTextIsRefused(string text) =>
        Assert.Throws<FormatException>(() => PlotlyFigure.Read(Encoding.UTF8.GetBytes(text)));
}
