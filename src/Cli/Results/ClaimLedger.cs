using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Hesse.Reproductions;

namespace Hesse.Cli.Results;

/// <summary>
/// The claims of a results folder, one JSON line each. Every change rewrites the file atomically: a ledger has at most
/// a few hundred short lines, and a crash at any moment leaves either the old or the new version.
/// </summary>
internal sealed class ClaimLedger
{
    private readonly string _path;
    private readonly List<Claim> _claims;
    private readonly Lock _lock = new();

    private ClaimLedger(string path, List<Claim> claims)
    {
        _path = path;
        _claims = claims;
    }

    /// <summary>The claims in the order in which they were first recorded.</summary>
    public IReadOnlyList<Claim> Claims
    {
        get
        {
            lock (_lock)
            {
                return [.. _claims];
            }
        }
    }

    /// <summary>The line number of an unfinished last line that was dropped on opening, or null.</summary>
    public int? DroppedLine { get; private init; }

    /// <summary>Starts an empty ledger, replacing an older one.</summary>
    public static ClaimLedger Create(string path)
    {
        AtomicFile.WriteAllText(path, string.Empty);
        return new ClaimLedger(path, []);
    }

    /// <summary>Opens a ledger.</summary>
    /// <param name="path">The ledger file.</param>
    /// <param name="dropTornLine">
    /// Whether an unreadable last line without a line end, which a killed process may leave, is dropped; otherwise it is an error.
    /// </param>
    /// <exception cref="UserErrorException">A line is damaged; the message names it.</exception>
    public static ClaimLedger Open(string path, bool dropTornLine)
    {
        byte[] bytes = File.ReadAllBytes(path);
        var claims = new List<Claim>();
        var seen = new HashSet<(string Paper, string Claim)>();
        int? dropped = null;
        int lineNumber = 0;
        for (int start = 0; start < bytes.Length;)
        {
            lineNumber++;
            int length = bytes.AsSpan(start).IndexOf((byte)'\n');
            bool complete = length >= 0;
            Span<byte> line = complete ? bytes.AsSpan(start, length) : bytes.AsSpan(start);
            start += line.Length + 1;
            try
            {
                Claim claim = ClaimJson.Read(line);
                if (!seen.Add((claim.Paper, claim.Claim)))
                {
                    throw new FormatException($"it repeats the claim {claim.Paper}/{claim.Claim}");
                }

                claims.Add(claim);
            }
            catch (FormatException) when (!complete && dropTornLine)
            {
                dropped = lineNumber;
            }
            catch (FormatException error)
            {
                string remedy = complete
                    ? "restore the line or delete it"
                    : "continue the run with --resume, which drops it";
                throw new UserErrorException($"{path} line {lineNumber} is damaged: {error.Message}; {remedy}.", error);
            }
        }

        var ledger = new ClaimLedger(path, claims) { DroppedLine = dropped };
        if (dropped is not null)
        {
            ledger.Write();
        }

        return ledger;
    }

    /// <summary>Adds a claim, or replaces the one of the same name in its place; it is on disk when the call returns.</summary>
    public void Record(Claim claim)
    {
        lock (_lock)
        {
            int place = _claims.FindIndex(c => c.Paper == claim.Paper && c.Claim == claim.Claim);
            if (place >= 0)
            {
                _claims[place] = claim;
            }
            else
            {
                _claims.Add(claim);
            }

            Write();
        }
    }

    /// <summary>The claims of one reproduction.</summary>
    public IReadOnlyList<Claim> Of(string paper) => [.. Claims.Where(c => c.Paper == paper)];

    private void Write()
    {
        var text = new StringBuilder();
        foreach (Claim claim in _claims)
        {
            text.Append(ClaimJson.Write(claim)).Append('\n');
        }

        AtomicFile.WriteAllText(_path, text.ToString());
    }
}
