using System;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Hesse.Cli.Machine;
using Hesse.Cli.Results;

namespace Hesse.Cli.Plotly;

/// <summary>
/// Keeps plotly.min.js of the npm package <c>plotly.js-dist-min</c> in a folder of the user. It is fetched once, by npm,
/// and only used when it is byte for byte the pinned file. Whatever goes wrong, the report falls back to static figures.
/// </summary>
internal sealed class PlotlyCache : IPlotlySource
{
    /// <summary>The pinned version.</summary>
    public const string Version = "3.7.0";

    private const string FileName = "plotly.min.js";
    private const string Sha256 = "8ef4c6ab1369f0019611cbcd2d5b8aafef23e5d19ef58c39d4b4249831fe2180";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _file;
    private readonly string _expected;
    private readonly Func<string, string> _pack;

    /// <summary>The cache of a user, filled by npm.</summary>
    public PlotlyCache(string localFolder, Func<string, string?> environmentVariable)
        : this(localFolder, Sha256, folder => PackWithNpm(folder, environmentVariable))
    {
    }

    /// <summary>A cache with its own source.</summary>
    /// <param name="localFolder">Folder that holds the cache.</param>
    /// <param name="sha256">SHA-256 of the script, in lower-case hexadecimal digits.</param>
    /// <param name="pack">Puts the package into a folder and returns the path of its tarball.</param>
    public PlotlyCache(string localFolder, string sha256, Func<string, string> pack)
    {
        _file = Path.Combine(localFolder, $"plotly-{Version}", FileName);
        _expected = sha256;
        _pack = pack;
    }

    /// <inheritdoc/>
    public PlotlyScript Get(bool fetch)
    {
        try
        {
            if (File.Exists(_file) && TryCheck(File.ReadAllBytes(_file)) is { } cached)
            {
                return new PlotlyScript(cached, $"Interactive figures by Plotly {Version}.");
            }

            if (!fetch)
            {
                return new PlotlyScript(
                    null, $"Figures are static: Plotly {Version} is not in {Path.GetDirectoryName(_file)} yet; 'hesse report DIR' fetches it through npm.");
            }

            byte[] script = Fetch();
            Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
            AtomicFile.WriteAllBytes(_file, script);
            return new PlotlyScript(Encoding.UTF8.GetString(script), $"Interactive figures by Plotly {Version}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidOperationException or InvalidDataException)
        {
            return new PlotlyScript(null, $"Figures are static: Plotly {Version} could not be fetched ({ErrorClassifier.OneLine(error)}).");
        }
    }

    private byte[] Fetch()
    {
        string folder = Directory.CreateTempSubdirectory("hesse-plotly-").FullName;
        try
        {
            using FileStream tarball = File.OpenRead(_pack(folder));
            byte[] script = Tarball.ReadFile(tarball, "package/" + FileName);
            return TryCheck(script) is not null
                ? script
                : throw new InvalidDataException($"{FileName} from the package is not the pinned file");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string? TryCheck(byte[] script) =>
        Convert.ToHexStringLower(SHA256.HashData(script)) == _expected ? Encoding.UTF8.GetString(script) : null;

    private static string PackWithNpm(string folder, Func<string, string?> environmentVariable)
    {
        string npm = ProgramPath.Find("npm", environmentVariable)
            ?? throw new InvalidOperationException("npm is not on the PATH");
        Subprocess.Result result = Subprocess.Run(
            npm,
            ["pack", $"plotly.js-dist-min@{Version}", "--pack-destination", folder, "--ignore-scripts", "--silent"],
            folder,
            Limit);
        return Directory.EnumerateFiles(folder, "*.tgz").FirstOrDefault()
            ?? throw new InvalidOperationException($"npm pack ended with exit code {result.ExitCode} and no package");
    }
}
