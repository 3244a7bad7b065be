using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using Hesse.Cli.Commands;
using Hesse.Cli.Plotly;
using Hesse.Reproductions;
using Xunit;

namespace Hesse.Cli.Tests;

/// <summary>Runs command lines in a temporary folder, with own reproductions and without network or browser.</summary>
internal sealed class TestHost : IDisposable, IPlotlySource
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hesse-tests-");

    public TestHost(params Reproduction[] reproductions)
    {
        Reproductions = reproductions;
    }

    public IReadOnlyList<Reproduction> Reproductions { get; set; }

    public PlotlyScript Script { get; set; } = new(null, "No script in tests.");

    public Dictionary<string, string> Environment { get; } = [];

    public List<string> Opened { get; } = [];

    public bool Interactive { get; set; }

    public Exception? BackendError { get; set; }

    public BackendNames BackendNames { get; set; } = new("test product like OpenBLAS", "test algebra");

    /// <summary>Hears of every line on standard error when it is written.</summary>
    public Action<string>? OnError { get; set; }

    public string Folder => _folder.FullName;

    public string File(params string[] parts) => Path.Combine([Folder, .. parts]);

    public Outcome Run(string commandLine, CancellationToken cancellation = default) =>
        Run(commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries), cancellation);

    public Outcome Run(string[] arguments, CancellationToken cancellation = default)
    {
        using var output = new StringWriter();
        using var error = new HeardWriter(text => OnError?.Invoke(text));
        var host = new CliHost
        {
            Reproductions = Reproductions,
            Out = output,
            Error = error,
            Backend = () => BackendError is null ? BackendNames : throw BackendError,
            CurrentDirectory = Folder,
            ProgramDirectory = Folder,
            LocalFolder = File("local"),
            EnvironmentVariable = name => Environment.GetValueOrDefault(name),
            Plotly = this,
            Open = Opened.Add,
            Interactive = Interactive,
        };
        int code = HesseCommandLine.Run(host, arguments, cancellation);
        return new Outcome(code, output.ToString(), error.ToString());
    }

    public PlotlyScript Get(bool fetch) => Script;

    /// <summary>All files of a folder, relative, sorted.</summary>
    public string[] Files(string folder) =>
    [
        .. Directory.EnumerateFiles(File(folder), "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(File(folder), f).Replace('\\', '/'))
            .Order(StringComparer.Ordinal),
    ];

    public void Dispose() => _folder.Delete(recursive: true);
}

/// <summary>A writer that tells of every line.</summary>
internal sealed class HeardWriter(Action<string> heard) : StringWriter
{
    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        heard(value ?? "");
    }
}

/// <summary>What a command line left.</summary>
internal sealed record Outcome(int Code, string Out, string Error)
{
    /// <summary>Asserts an exit code and exactly one line on standard error, and returns that line.</summary>
    public string OneLine(int code)
    {
        Assert.Equal(code, Code);
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("hesse: ", line);
        Assert.DoesNotContain("   at ", line);
        return line;
    }
}
