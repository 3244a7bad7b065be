using Hesse.Reproductions;

namespace Hesse.Cli.Running;

/// <summary>A claim in words and short numbers.</summary>
internal static class ClaimText
{
    /// <summary>One line for the terminal: verdict, name, measured, predicted, tolerance, time.</summary>
    public static string Line(Claim claim) =>
        $"{(claim.Holds ? "ok  " : "FAIL")} {claim.Paper}/{claim.Claim}  measured {Numbers.Short(claim.Measured)}  "
        + $"predicted {Prediction(claim)}  ({Numbers.Duration(claim.Seconds)})";

    /// <summary>The condition on the measured value, e.g. "|measured − predicted| ≤ 1e-8".</summary>
    public static string Criterion(Claim claim)
    {
        string tolerance = Numbers.Short(claim.Tolerance);
        return claim.Relation.Tag switch
        {
            Relation.Tags.Absolute or Relation.Tags.Relative when claim.Tolerance == 0.0 => "measured = predicted",
            Relation.Tags.Absolute => $"|measured − predicted| ≤ {tolerance}",
            Relation.Tags.Relative => $"|measured − predicted| ≤ {tolerance} · |predicted|",
            Relation.Tags.AtMost => claim.Tolerance == 0.0 ? "measured ≤ predicted" : $"measured ≤ predicted + {tolerance}",
            _ => claim.Tolerance == 0.0 ? "measured ≥ predicted" : $"measured ≥ predicted − {tolerance}",
        };
    }

    private static string Prediction(Claim claim)
    {
        string predicted = Numbers.Short(claim.Predicted);
        string tolerance = Numbers.Short(claim.Tolerance);
        return claim.Relation.Tag switch
        {
            Relation.Tags.Absolute or Relation.Tags.Relative when claim.Tolerance == 0.0 => $"{predicted} exactly",
            Relation.Tags.Absolute => $"{predicted}  ± {tolerance}",
            Relation.Tags.Relative => $"{predicted}  ± {tolerance} relative",
            Relation.Tags.AtMost => claim.Tolerance == 0.0 ? $"≤ {predicted}" : $"≤ {predicted} + {tolerance}",
            _ => claim.Tolerance == 0.0 ? $"≥ {predicted}" : $"≥ {predicted} − {tolerance}",
        };
    }
}
