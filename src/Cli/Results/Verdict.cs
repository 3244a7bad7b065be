using System.Collections.Generic;
using System.Linq;
using Hesse.Reproductions;

namespace Hesse.Cli.Results;

/// <summary>How many claims hold, fail, or were not recorded.</summary>
/// <param name="Hold">Claims that hold.</param>
/// <param name="Fail">Claims that fail.</param>
/// <param name="Missing">Claims that were to be recorded and were not.</param>
internal readonly record struct Verdict(int Hold, int Fail, int Missing)
{
    /// <summary>All claims, recorded or not.</summary>
    public int Total => Hold + Fail + Missing;

    /// <summary>True when every claim was recorded and holds.</summary>
    public bool AllHold => Fail == 0 && Missing == 0;

    /// <summary>The verdict on one reproduction.</summary>
    public static Verdict On(ManifestEntry entry, IReadOnlyList<Claim> claims)
    {
        int hold = claims.Count(c => c.Paper == entry.Id && c.Holds);
        int fail = claims.Count(c => c.Paper == entry.Id && !c.Holds);
        return new Verdict(hold, fail, entry.Claims.Count - hold - fail);
    }

    /// <summary>The verdict on a run.</summary>
    public static Verdict On(RunManifest manifest, IReadOnlyList<Claim> claims) =>
        manifest.Reproductions.Select(e => On(e, claims)).Aggregate(
            new Verdict(0, 0, 0),
            (a, b) => new Verdict(a.Hold + b.Hold, a.Fail + b.Fail, a.Missing + b.Missing));
}
