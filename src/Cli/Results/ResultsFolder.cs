using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Hesse.Cli.Figures;
using Hesse.Reproductions;

namespace Hesse.Cli.Results;

/// <summary>The layout of a results folder: <c>results.jsonl</c>, <c>run.json</c>, <c>figures/</c>, <c>report.html</c>.</summary>
/// <param name="path">The folder, absolute.</param>
internal sealed class ResultsFolder(string path)
{
    /// <summary>The folder.</summary>
    public string Folder => path;

    /// <summary>The claims, a line each.</summary>
    public string Ledger => Path.Combine(path, "results.jsonl");

    /// <summary>Settings, versions, machine and state of the run.</summary>
    public string Manifest => Path.Combine(path, "run.json");

    /// <summary>The report.</summary>
    public string Report => Path.Combine(path, "report.html");

    /// <summary>Stack traces of bugs in Hesse.</summary>
    public string CrashLog => Path.Combine(path, "crash.log");

    private string FigureFolder => Path.Combine(path, "figures");

    private string LockFile => Path.Combine(path, ".hesse.lock");

    /// <summary>Whether the folder holds a run of hesse.</summary>
    public bool HasRun => File.Exists(Manifest) && File.Exists(Ledger);

    /// <summary>The file of a figure; figures of a reproduction count from one.</summary>
    public string FigureFile(string paper, int number) =>
        Path.Combine(FigureFolder, string.Create(CultureInfo.InvariantCulture, $"{paper}-{number}.json"));

    /// <summary>
    /// Makes the folder ready for writing and holds it for this process until the result is disposed.
    /// </summary>
    /// <exception cref="UserErrorException">It cannot be written, or another run holds it.</exception>
    public IDisposable Hold()
    {
        try
        {
            Directory.CreateDirectory(path);
            Directory.CreateDirectory(FigureFolder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(
                $"cannot write to {path}: {ErrorClassifier.OneLine(error)} Choose another folder with --out.", error);
        }

        FileStream held;
        try
        {
            held = new FileStream(
                LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new UserErrorException($"cannot write to {path}: choose another folder with --out.", error);
        }
        catch (IOException error)
        {
            throw new UserErrorException(
                $"cannot write to {path}, or another hesse run is using it: wait for it, or choose another folder with --out.",
                error);
        }

        try
        {
            AtomicFile.RemoveLeftovers(path);
            AtomicFile.RemoveLeftovers(FigureFolder);
        }
        catch
        {
            held.Dispose();
            throw;
        }

        return held;
    }

    /// <summary>Refuses a folder whose results were not written by hesse; one that is missing, or has none, passes.</summary>
    /// <exception cref="UserErrorException">The path is a file, or results of another origin would be lost.</exception>
    public void CheckReplaceable()
    {
        if (File.Exists(path))
        {
            throw new UserErrorException($"{path} is a file: choose a folder with --out.");
        }

        bool hasResults = new[] { Ledger, Manifest, Report }.Any(File.Exists)
            || (Directory.Exists(FigureFolder) && Directory.EnumerateFileSystemEntries(FigureFolder).Any());
        if (!hasResults)
        {
            return;
        }

        try
        {
            RunManifest.Load(Manifest);
        }
        catch (Exception error) when (error is UserErrorException or IOException)
        {
            throw new UserErrorException(
                $"{path} has results that were not made by hesse (no valid run.json): choose another folder with --out, or remove it.",
                error);
        }
    }

    /// <summary>Writes a figure as Plotly JSON.</summary>
    public void WriteFigure(string paper, int number, Figure figure) =>
        AtomicFile.WriteAllText(FigureFile(paper, number), PlotlyFigure.Write(figure) + "\n");

    /// <summary>Reads the figures of a reproduction.</summary>
    /// <exception cref="UserErrorException">A file is missing or damaged; the message names it.</exception>
    public IReadOnlyList<Figure> ReadFigures(ManifestEntry entry)
    {
        var figures = new List<Figure>();
        for (int number = 1; number <= entry.Figures; number++)
        {
            string file = FigureFile(entry.Id, number);
            try
            {
                figures.Add(PlotlyFigure.Read(File.ReadAllBytes(file)));
            }
            catch (Exception error) when (error is FormatException or IOException)
            {
                string what = error is FormatException ? $"damaged ({error.Message})" : "missing";
                throw new UserErrorException($"{file} is {what}: run {entry.Id} again.", error);
            }
        }

        return figures;
    }

    /// <summary>Removes the figures of a reproduction beyond the given number.</summary>
    public void RemoveFigures(string paper, int beyond)
    {
        for (int number = beyond + 1; File.Exists(FigureFile(paper, number)); number++)
        {
            File.Delete(FigureFile(paper, number));
        }
    }

    /// <summary>Adds a stack trace to the crash log.</summary>
    public void AppendCrash(string what, Exception error) => AppendCrash(CrashLog, what, error);

    /// <summary>Adds a stack trace to a crash log, making its folder where needed.</summary>
    public static void AppendCrash(string file, string what, Exception error)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        string stamp = DateTimeOffset.UtcNow.ToString("u", CultureInfo.InvariantCulture);
        File.AppendAllText(file, $"{stamp} {what}\n{error}\n\n", new UTF8Encoding(false));
    }
}
