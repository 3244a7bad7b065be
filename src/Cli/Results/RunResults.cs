using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hesse.Reproductions;

namespace Hesse.Cli.Results;

/// <summary>What a results folder holds: the manifest, the claims and the figures, checked against each other.</summary>
/// <param name="Manifest">The manifest.</param>
/// <param name="Claims">All recorded claims.</param>
/// <param name="Figures">The figures of each reproduction.</param>
internal sealed record RunResults(
    RunManifest Manifest,
    IReadOnlyList<Claim> Claims,
    IReadOnlyDictionary<string, IReadOnlyList<Figure>> Figures)
{
    /// <summary>The verdict on all claims.</summary>
    public Verdict Verdict => Verdict.On(Manifest, Claims);

    /// <summary>Reads a finished, interrupted or still running run.</summary>
    /// <exception cref="UserErrorException">There are no results, or a file is damaged.</exception>
    public static RunResults Load(ResultsFolder folder)
    {
        if (!Directory.Exists(folder.Folder))
        {
            throw new UserErrorException($"no folder {folder.Folder}: make results with 'hesse run ID… --out DIR' first.");
        }

        foreach (string file in new[] { folder.Ledger, folder.Manifest })
        {
            if (!File.Exists(file))
            {
                throw new UserErrorException(
                    $"{folder.Folder} has no results ({Path.GetFileName(file)} is missing): make them with 'hesse run ID… --out DIR' first.");
            }
        }

        IReadOnlyList<Claim> claims = ClaimLedger.Open(folder.Ledger, dropTornLine: false).Claims;
        RunManifest manifest = RunManifest.Load(folder.Manifest);
        if (claims.Count == 0)
        {
            throw new UserErrorException(
                $"{folder.Folder} has no results (no claim is finished): continue the run with --resume.");
        }

        CheckDeclared(folder, manifest, claims);
        return new RunResults(manifest, claims, manifest.Reproductions.ToDictionary(e => e.Id, folder.ReadFigures));
    }

    /// <summary>Checks that a ledger has no claim that the manifest does not announce.</summary>
    /// <exception cref="UserErrorException">There is one; the message names it.</exception>
    public static void CheckDeclared(ResultsFolder folder, RunManifest manifest, IReadOnlyList<Claim> claims)
    {
        foreach (Claim claim in claims)
        {
            if (!manifest.Reproductions.Any(e => e.Id == claim.Paper && e.Claims.Contains(claim.Claim)))
            {
                throw new UserErrorException(
                    $"{folder.Ledger} has the claim {claim.Paper}/{claim.Claim}, which its run does not announce: run again without --resume.");
            }
        }
    }
}
