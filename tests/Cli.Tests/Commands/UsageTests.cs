using System;
using System.IO;
using Xunit;

namespace Hesse.Cli.Tests.Commands;

public class UsageTests
{
    [Theory]
    [InlineData("", "no command given")]
    [InlineData("rnu", "did you mean 'run'?")]
    [InlineData("run", "nothing to run")]
    [InlineData("run pasing", "unknown reproduction 'pasing': did you mean 'passing'? See 'hesse list'")]
    [InlineData("run zzzzzzzzzz", "unknown reproduction 'zzzzzzzzzz': see 'hesse list'")]
    [InlineData("run passing --sed 1", "unknown option '--sed': did you mean '--seed'?")]
    [InlineData("run passing --all", "both IDs and --all")]
    [InlineData("run passing --seed x", "--seed is 'x', wanted a whole number")]
    [InlineData("run passing --seed -1", "--seed is '-1', wanted a whole number")]
    [InlineData("run passing --seed 99999999999", "--seed is '99999999999'")]
    [InlineData("run passing --seed 1.5", "--seed is '1.5'")]
    [InlineData("run passing --seed", "--seed")]
    [InlineData("run passing --seed 1 --seed 2", "--seed")]
    [InlineData("run passing --data nowhere", "nowhere has no digits.csv.gz")]
    [InlineData("list extra", "unknown argument 'extra'")]
    [InlineData("report", "'DIR'")]
    [InlineData("report nowhere", "nowhere")]
    [InlineData("run @file", "unknown reproduction '@file'")]
    public void BadUsageIsOneLineAndExitCode2(string commandLine, string part)
    {
        using var host = new TestHost(Fakes.Passing());
        Assert.Contains(part, host.Run(commandLine).OneLine(ExitCode.BadInput));
        Assert.False(Directory.Exists(host.File("results")));
    }

    [Fact]
    public void EmptyOutIsRefused()
    {
        using var host = new TestHost(Fakes.Passing());
        Assert.Contains("--out is empty", host.Run(["run", "passing", "--out", ""]).OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void EnvironmentNamesTheDataFolderAndIsChecked()
    {
        using var host = new TestHost(Fakes.Passing());
        host.Environment["HESSE_DATA"] = host.File("elsewhere");
        Assert.Contains("HESSE_DATA", host.Run("run passing").OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void DataFolderIsHandedToReproductions()
    {
        string? seen = null;
        using var host = new TestHost(Fakes.Reproduction("looker", [], context => seen = context.DataDirectory));
        Directory.CreateDirectory(host.File("data"));
        File.WriteAllText(host.File("data", "digits.csv.gz"), "");
        Assert.Equal(ExitCode.Success, host.Run("run looker").Code);
        Assert.Equal(host.File("data"), seen);

        Directory.CreateDirectory(host.File("other"));
        File.WriteAllText(host.File("other", "digits.csv.gz"), "");
        Assert.Equal(ExitCode.Success, host.Run("run looker --data other").Code);
        Assert.Equal(host.File("other"), seen);
    }

    [Fact]
    public void ListShowsIdTitleAndNumberOfClaims()
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Throwing("one", () => new InvalidOperationException()));
        Outcome outcome = host.Run("list");
        Assert.Equal(ExitCode.Success, outcome.Code);
        Assert.Equal(
            ["passing   2 claims  Title of passing", "one        1 claim  Title of one"],
            outcome.Out.TrimEnd().Split(Environment.NewLine));
    }

    [Fact]
    public void InfoShowsBackendAndCharts()
    {
        using var host = new TestHost { BackendNames = new BackendNames("test product", "test algebra") };
        Outcome outcome = host.Run("info");
        Assert.Equal(ExitCode.Success, outcome.Code);
        Assert.Contains("test product", outcome.Out);
        Assert.Contains("test algebra", outcome.Out);
        Assert.Contains("OpenBLAS was not found", outcome.Out);
        Assert.Contains("No script in tests.", outcome.Out);
        Assert.Contains("HESSE_DATA", outcome.Out);
    }

    [Fact]
    public void BugsOutsideOfARunAreOneLineAndGoToTheCrashLogOfTheUser()
    {
        using var host = new TestHost { BackendError = new InvalidOperationException("no\nbackend") };
        string line = host.Run("info").OneLine(ExitCode.BadInput);
        Assert.Contains("InvalidOperationException: no backend", line);
        Assert.Contains("bug in Hesse", line);
        Assert.Contains(host.File("local", "crash.log"), line);
        Assert.Contains("   at ", File.ReadAllText(host.File("local", "crash.log")));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("run --help")]
    [InlineData("--version")]
    public void HelpAndVersionSucceed(string commandLine)
    {
        using var host = new TestHost();
        Outcome outcome = host.Run(commandLine);
        Assert.Equal(ExitCode.Success, outcome.Code);
        Assert.NotEmpty(outcome.Out);
        Assert.Empty(outcome.Error);
    }
}
