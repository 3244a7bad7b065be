using System;
using System.Collections.Generic;
using System.Linq;

namespace Hesse.Cli.Commands;

/// <summary>Finds what a user probably meant.</summary>
internal static class Nearest
{
    /// <summary>The name closest to the given one, or null when none is close.</summary>
    public static string? To(string name, IEnumerable<string> names)
    {
        string given = name.ToLowerInvariant();
        var best = names
            .Select(candidate => (
                Name: candidate,
                Distance: Distance(given, candidate.ToLowerInvariant()),
                Part: given.Length >= 3 && candidate.Contains(given, StringComparison.OrdinalIgnoreCase)))
            .Where(c => c.Part || c.Distance <= Math.Max(2, c.Name.Length / 3))
            .OrderBy(c => c.Distance)
            .ToList();
        return best.Count == 0 ? null : best[0].Name;
    }

    /// <summary>Number of insertions, deletions, replacements and swaps of neighbours between two words (Damerau, 1964).</summary>
    public static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }

                int change = a[i - 1] == b[j - 1] ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + change);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
                }
            }
        }

        return d[a.Length, b.Length];
    }
}
