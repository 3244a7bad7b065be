using System.IO;
using System.Linq;
using Xunit;

namespace Hesse.Cli.Tests.Commands;

public class ResumeTests
{
    [Theory]
    [InlineData("run passing --seed 2 --resume", "--seed 1, not 2")]
    [InlineData("run passing --seed 1 --quick --resume", "no --quick")]
    [InlineData("run failing --seed 1 --resume", "the reproductions passing")]
    [InlineData("run --all --seed 1 --resume", "the reproductions passing")]
    public void OtherSettingsAreRefused(string commandLine, string part)
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Failing());
        host.Run("run passing --seed 1");
        string before = File.ReadAllText(host.File("results", "results.jsonl"));
        string line = host.Run(commandLine).OneLine(ExitCode.BadInput);
        Assert.Contains("cannot resume", line);
        Assert.Contains(part, line);
        Assert.Equal(before, File.ReadAllText(host.File("results", "results.jsonl")));
    }

    [Fact]
    public void ResumeWithoutAnEarlierRunStartsOne()
    {
        using var host = new TestHost(Fakes.Passing());
        Assert.Equal(ExitCode.Success, host.Run("run passing --resume").Code);
    }

    [Fact]
    public void AFinishedRunIsNotRunAgain()
    {
        int runs = 0;
        using var host = new TestHost(Fakes.Reproduction("counted", ["one"], context =>
        {
            runs++;
            context.Record.Invoke(Fakes.Claim("counted", "one"));
        }));
        host.Run("run counted");
        Assert.Equal(ExitCode.Success, host.Run("run counted --resume").Code);
        Assert.Equal(1, runs);
    }

    [Fact]
    public void ATornLastLineIsDroppedWithANoticeAndRunAgain()
    {
        using var host = new TestHost(Fakes.Passing());
        host.Run("run passing");
        string ledger = host.File("results", "results.jsonl");
        string whole = File.ReadAllText(ledger);
        File.WriteAllText(ledger, whole[..^20]);

        string reported = host.Run("report results").OneLine(ExitCode.BadInput);
        Assert.Contains("results.jsonl line 2 is damaged", reported);
        Assert.Contains("--resume", reported);

        Outcome resumed = host.Run("run passing --resume");
        Assert.Equal(ExitCode.Success, resumed.Code);
        Assert.Contains("note: dropped the unfinished line 2", resumed.Out);
        Assert.Equal(whole, File.ReadAllText(ledger));
    }

    [Theory]
    [InlineData("{\"paper\":")]
    [InlineData("[]")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("{} {}")]
    public void ADamagedLineInTheMiddleIsNamedByReportAndResume(string damage)
    {
        using var host = new TestHost(Fakes.Passing());
        host.Run("run passing");
        string ledger = host.File("results", "results.jsonl");
        string[] lines = File.ReadAllLines(ledger);
        File.WriteAllText(ledger, lines[0] + "\n" + damage + "\n" + lines[1] + "\n");
        Assert.Contains("line 2 is damaged", host.Run("report results").OneLine(ExitCode.BadInput));
        Assert.Contains("line 2 is damaged", host.Run("run passing --resume").OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void EditedVerdictsAndRepeatedClaimsAreDamage()
    {
        using var host = new TestHost(Fakes.Failing());
        host.Run("run failing");
        string ledger = host.File("results", "results.jsonl");
        string text = File.ReadAllText(ledger);
        File.WriteAllText(ledger, text.Replace("\"holds\":false", "\"holds\":true"));
        Assert.Contains("line 2 is damaged: \"holds\" contradicts", host.Run("report results").OneLine(ExitCode.BadInput));
        File.WriteAllText(ledger, text + text.Split('\n')[0] + "\n");
        Assert.Contains("line 3 is damaged: it repeats", host.Run("report results").OneLine(ExitCode.BadInput));
    }

    [Theory]
    [InlineData("run.json", "damaged")]
    [InlineData("figures/passing-2.json", "damaged")]
    public void OtherDamagedFilesAreNamed(string file, string part)
    {
        using var host = new TestHost(Fakes.Passing());
        host.Run("run passing");
        string path = host.File(["results", .. file.Split('/')]);
        File.WriteAllText(path, File.ReadAllText(path)[..30]);
        string line = host.Run("report results").OneLine(ExitCode.BadInput);
        Assert.Contains(path, line);
        Assert.Contains(part, line);
        File.Delete(path);
        Assert.Contains("missing", host.Run("report results").OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void AnEmptyFolderAndAnEmptyLedgerHaveNoResults()
    {
        using var host = new TestHost(Fakes.Throwing("thrower", () => new HesseException("no")));
        Directory.CreateDirectory(host.File("empty"));
        Assert.Contains("has no results", host.Run("report empty").OneLine(ExitCode.BadInput));
        host.Run("run thrower");
        Assert.Contains("no claim is finished", host.Run("report results").OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void FiguresOfASecondRunReplaceThoseOfTheFirst()
    {
        int figures = 3;
        bool fail = true;
        using var host = new TestHost(Fakes.Reproduction("drawer", ["one"], context =>
        {
            for (int i = 0; i < figures; i++)
            {
                context.Draw.Invoke(Fakes.Figure(Fakes.Line($"series {i}", [0, 1], [0, 1])));
            }

            if (fail)
            {
                throw new HesseException("stop");
            }

            context.Record.Invoke(Fakes.Claim("drawer", "one"));
        }));
        host.Run("run drawer");
        Assert.Equal(3, host.Files("results").Count(f => f.StartsWith("figures/", System.StringComparison.Ordinal)));
        (figures, fail) = (1, false);
        Assert.Equal(ExitCode.Success, host.Run("run drawer --resume").Code);
        Assert.Equal(["figures/drawer-1.json"], host.Files("results").Where(f => f.StartsWith("figures/", System.StringComparison.Ordinal)));
    }
}
