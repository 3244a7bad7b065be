using Hesse.Cli.Commands;
using Hesse.Cli.Running;
using Hesse.Reproductions;
using Xunit;

namespace Hesse.Cli.Tests;

public class NumbersTests
{
    [Theory]
    [InlineData(0.0, "0")]
    [InlineData(1.0 / 3.0, "0.333333")]
    [InlineData(1.2e-10, "1.2e-10")]
    [InlineData(-1e8, "-1e8")]
    [InlineData(123456.7, "123457")]
    [InlineData(1e-4, "0.0001")]
    [InlineData(double.NaN, "NaN")]
    [InlineData(double.NegativeInfinity, "-∞")]
    public void ShortNumbers(double value, string expected) => Assert.Equal(expected, Cli.Numbers.Short(value));

    [Fact]
    public void ZeroHasNoSign() => Assert.Equal("0", Cli.Numbers.Short(double.NegativeZero));

    [Theory]
    [InlineData(0.04, "0.0 s")]
    [InlineData(9.94, "9.9 s")]
    [InlineData(9.96, "10 s")]
    [InlineData(59.6, "1 min 00 s")]
    [InlineData(185, "3 min 05 s")]
    [InlineData(4320, "1 h 12 min")]
    [InlineData(double.NaN, "unknown time")]
    public void Durations(double seconds, string expected) => Assert.Equal(expected, Cli.Numbers.Duration(seconds));

    [Theory]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("rnu", "run", 1)]
    [InlineData("", "abc", 3)]
    [InlineData("same", "same", 0)]
    public void EditDistance(string a, string b, int expected)
    {
        Assert.Equal(expected, Nearest.Distance(a, b));
        Assert.Equal(expected, Nearest.Distance(b, a));
    }

    [Fact]
    public void NearestPrefersTheClosestAndRefusesTheFar()
    {
        string[] names = ["saxe-deep-linear", "jacot-ntk", "lee-nngp"];
        Assert.Equal("jacot-ntk", Nearest.To("jacot-nkt", names));
        Assert.Equal("saxe-deep-linear", Nearest.To("saxe", names));
        Assert.Null(Nearest.To("transformer", names));
    }

    [Fact]
    public void CriteriaNameTheirRelation()
    {
        Claim With(Relation relation, double tolerance) =>
            new("p", "c", Status.Theorem, "", "", 2.0, 2.0, tolerance, relation, "", 0, 0.0);

        Assert.Equal("|measured − predicted| ≤ 1e-8", ClaimText.Criterion(With(Relation.Absolute, 1e-8)));
        Assert.Equal("|measured − predicted| ≤ 0.05 · |predicted|", ClaimText.Criterion(With(Relation.Relative, 0.05)));
        Assert.Equal("measured = predicted", ClaimText.Criterion(With(Relation.Absolute, 0)));
        Assert.Contains("predicted 2 exactly  (", ClaimText.Line(With(Relation.Relative, 0)));
        Assert.Equal("measured ≤ predicted", ClaimText.Criterion(With(Relation.AtMost, 0)));
        Assert.Equal("measured ≥ predicted − 0.5", ClaimText.Criterion(With(Relation.AtLeast, 0.5)));
        Assert.Contains("predicted ≤ 2 + 0.5", ClaimText.Line(With(Relation.AtMost, 0.5)));
        Assert.Contains("predicted 2  ± 0.05 relative", ClaimText.Line(With(Relation.Relative, 0.05)));
    }
}
