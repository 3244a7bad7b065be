using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Hesse.Cli.Commands;

/// <summary>Finds the folder of the data set that reproductions read.</summary>
internal static class DataFolder
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string Variable = "HESSE_DATA";

    private const string DataFile = "digits.csv.gz";

    /// <summary>
    /// The folder given by option or environment, else the first <c>data</c> folder with the data file found upwards from the
    /// current folder and from the program; where there is none, the place where it should be, so that a reproduction
    /// that needs it names the missing file.
    /// </summary>
    /// <exception cref="UserErrorException">The folder given by option or environment lacks the data file.</exception>
    public static string Find(CliHost host, string? option)
    {
        if (!string.IsNullOrEmpty(option))
        {
            return Checked(host, option, "--data");
        }

        if (host.EnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            return Checked(host, named, Variable);
        }

        return Search(host) ?? Path.Combine(host.CurrentDirectory, "data");
    }

    /// <summary>Whether a folder holds the data file.</summary>
    public static bool HasData(string folder) => File.Exists(Path.Combine(folder, DataFile));

    private static string? Search(CliHost host) =>
        Upwards(host.CurrentDirectory).Concat(Upwards(host.ProgramDirectory))
            .Select(folder => Path.Combine(folder, "data"))
            .FirstOrDefault(HasData);

    private static string Checked(CliHost host, string folder, string origin)
    {
        string full = Path.GetFullPath(folder, host.CurrentDirectory);
        return HasData(full)
            ? full
            : throw new UserErrorException($"{full} has no {DataFile}: give the folder that has it with {origin}.");
    }

    private static IEnumerable<string> Upwards(string folder)
    {
        for (DirectoryInfo? at = new(folder); at is not null; at = at.Parent)
        {
            yield return at.FullName;
        }
    }
}
