using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Xunit;

namespace Hesse.Cli.Tests.Commands;

public class RunTests
{
    [Fact]
    public void AllClaimsHoldIsExitCode0WithOneLinePerClaim()
    {
        using var host = new TestHost(Fakes.Passing());
        Outcome outcome = host.Run("run --all --seed 7");
        Assert.Equal(ExitCode.Success, outcome.Code);
        Assert.Empty(outcome.Error);
        Assert.Equal(
            [
                "ok   passing/first  measured 7  predicted 7  ± 0.1  (0.2 s)",
                "ok   passing/second  measured 1  predicted 1  ± 0.1  (0.2 s)",
                "2 claims: 2 hold",
                "report: " + host.File("results", "report.html"),
            ],
            outcome.Out.TrimEnd().Split(Environment.NewLine));
        Assert.Equal(
            ["figures/passing-1.json", "figures/passing-2.json", "report.html", "results.jsonl", "run.json"],
            host.Files("results"));
        Assert.Empty(host.Opened);
    }

    [Fact]
    public void AFailingClaimIsExitCode1InRunAndReport()
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Failing());
        Outcome run = host.Run("run --all");
        Assert.Equal(ExitCode.ClaimFails, run.Code);
        Assert.Contains("FAIL failing/bad  measured 2", run.Out);
        Assert.Contains("4 claims: 3 hold, 1 fails", run.Out);
        Outcome report = host.Run("report results --open");
        Assert.Equal(ExitCode.ClaimFails, report.Code);
        Assert.Equal([host.File("results", "report.html")], host.Opened);
    }

    [Fact]
    public void WithoutOpenBlasARunSaysThatItIsSlowerAndWhatToDo()
    {
        using var host = new TestHost(Fakes.Passing()) { BackendNames = new BackendNames("C# kernel", "MathNet") };
        Assert.StartsWith("note: OpenBLAS was not found, so large matrices are slower; ", host.Run("run --all").Out);
        host.Environment["HESSE_BLAS"] = "managed";
        Assert.StartsWith("note: OpenBLAS is kept out by HESSE_BLAS=managed; large matrices are slower", host.Run("run --all").Out);
    }

    [Fact]
    public void AnInteractiveTerminalShowsClaimsAndATable()
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Failing()) { Interactive = true };
        Outcome outcome = host.Run("run --all");
        Assert.Equal(ExitCode.ClaimFails, outcome.Code);
        Assert.Contains("passing/second", outcome.Out);
        Assert.Contains("reproduction", outcome.Out);
        Assert.Contains("4 claims: 3 hold, 1 fails", outcome.Out);
    }

    [Fact]
    public void LedgerLinesHaveTheDocumentedFields()
    {
        using var host = new TestHost(Fakes.Passing());
        host.Run("run passing --seed 3 --out out");
        string[] lines = File.ReadAllLines(host.File("out", "results.jsonl"));
        Assert.Equal(2, lines.Length);
        using JsonDocument line = JsonDocument.Parse(lines[0]);
        Assert.Equal(
            ["paper", "claim", "predicted", "measured", "tolerance", "holds", "seed", "seconds", "relation", "status", "statement", "formula", "detail"],
            line.RootElement.EnumerateObject().Select(p => p.Name));
        Assert.Equal(3, line.RootElement.GetProperty("seed").GetInt32());
        Assert.True(line.RootElement.GetProperty("holds").GetBoolean());
        using JsonDocument run = JsonDocument.Parse(File.ReadAllText(host.File("out", "run.json")));
        Assert.Equal("test product like OpenBLAS", run.RootElement.GetProperty("versions").GetProperty("matrixProduct").GetString());
        Assert.Equal("finished", run.RootElement.GetProperty("reproductions")[0].GetProperty("state").GetString());
    }

    public static TheoryData<string> UserErrors => ["library", "io", "access", "argument", "data", "parallel"];

    [Theory]
    [MemberData(nameof(UserErrors))]
    public void UserErrorsOfAReproductionAreOneLine(string kind)
    {
        Func<Exception> make = kind switch
        {
            "library" => () => new HesseException("digits: line 3 has a NaN;\n repair the file"),
            "io" => () => new FileNotFoundException("digits.csv.gz is missing"),
            "access" => () => new UnauthorizedAccessException("no access to digits.csv.gz"),
            "argument" => () => new ArgumentException("bad width", "width"),
            "data" => () => new InvalidDataException("damaged archive"),
            _ => () => new AggregateException(new HesseException("in parallel"), new IOException("too")),
        };
        using var host = new TestHost(Fakes.Throwing("thrower", make), Fakes.Passing());
        string line = host.Run("run --all").OneLine(ExitCode.BadInput);
        Assert.StartsWith("hesse: thrower: ", line);
        Assert.DoesNotContain("bug", line);
        Assert.DoesNotContain("Parameter", line);
        Assert.False(File.Exists(host.File("results", "crash.log")));
        Assert.Equal(2, File.ReadAllLines(host.File("results", "results.jsonl")).Length);
        Assert.Contains("Stopped by an error", File.ReadAllText(host.File("results", "report.html")));
    }

    [Fact]
    public void InternalErrorsAreOneLineWithTheStackInTheCrashLog()
    {
        using var host = new TestHost(Fakes.Throwing("thrower", () => new NullReferenceException("oops")));
        string line = host.Run("run thrower").OneLine(ExitCode.BadInput);
        Assert.Contains("bug in Hesse", line);
        Assert.Contains(host.File("results", "crash.log"), line);
        string log = File.ReadAllText(host.File("results", "crash.log"));
        Assert.Contains("oops", log);
        Assert.Contains("   at ", log);
    }

    [Fact]
    public void SeveralStoppedReproductionsAreStillOneLine()
    {
        using var host = new TestHost(
            Fakes.Throwing("a", () => new HesseException("no data.")), Fakes.Throwing("b", () => new HesseException("no data.")));
        string line = host.Run("run --all").OneLine(ExitCode.BadInput);
        Assert.Contains("a: no data; also stopped: b", line);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("undeclared")]
    [InlineData("twice")]
    [InlineData("figure")]
    public void BrokenPromisesOfAReproductionAreErrors(string kind)
    {
        using var host = new TestHost(Fakes.Reproduction("broken", ["one"], context =>
        {
            if (kind == "figure")
            {
                context.Draw.Invoke(Fakes.Figure(Fakes.Line("uneven", [1, 2], [1])));
            }

            if (kind != "missing")
            {
                context.Record.Invoke(Fakes.Claim("broken", kind == "undeclared" ? "two" : "one"));
                context.Record.Invoke(Fakes.Claim("broken", "one"));
            }
        }));
        host.Run("run broken").OneLine(ExitCode.BadInput);
    }

    [Fact]
    public void UnwritableOutputIsNamed()
    {
        using var host = new TestHost(Fakes.Passing());
        File.WriteAllText(host.File("plain"), "");
        Assert.Contains(host.File("plain"), host.Run("run passing --out plain").OneLine(ExitCode.BadInput));
        Assert.Contains("cannot write", host.Run("run passing --out plain/below").OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void ResultsOfAnotherOriginAreNotOverwritten()
    {
        using var host = new TestHost(Fakes.Passing());
        Directory.CreateDirectory(host.File("results"));
        File.WriteAllText(host.File("results", "results.jsonl"), "precious\n");
        Assert.Contains("not made by hesse", host.Run("run passing").OneLine(ExitCode.BadInput));
        Assert.Equal("precious\n", File.ReadAllText(host.File("results", "results.jsonl")));
    }

    [Fact]
    public void APlainRunReplacesAnEarlierRunAndLeavesOtherFiles()
    {
        using var host = new TestHost(Fakes.Passing(), Fakes.Failing());
        host.Run("run passing");
        File.WriteAllText(host.File("results", "notes.txt"), "mine");
        Assert.Equal(ExitCode.ClaimFails, host.Run("run failing").Code);
        Assert.Equal(["notes.txt", "report.html", "results.jsonl", "run.json"], host.Files("results"));
        Assert.DoesNotContain("passing", File.ReadAllText(host.File("results", "results.jsonl")));
    }

    [Fact]
    public void TwoRunsCannotShareAFolder()
    {
        using var host = new TestHost();
        Outcome? inner = null;
        host.Reproductions = [Fakes.Reproduction("outer", [], _ => inner = host.Run("run outer"))];
        Assert.Equal(ExitCode.Success, host.Run("run outer").Code);
        Assert.Contains("another hesse run", inner!.OneLine(ExitCode.BadInput));
    }

    [Fact]
    public void CancellationKeepsFinishedClaimsAndSaysHowToResume()
    {
        using var cancellation = new CancellationTokenSource();
        bool wait = true;
        using var host = new TestHost(Fakes.Passing(), Fakes.Slow(() => wait, cancellation.Cancel), Fakes.Failing());
        string line = host.Run("run --all --seed 5 --quick", cancellation.Token).OneLine(ExitCode.Interrupted);
        Assert.Contains("3 finished claims kept", line);
        Assert.EndsWith("hesse run --all --quick --seed 5 --out results --resume", line.TrimEnd());
        string[] kept = File.ReadAllLines(host.File("results", "results.jsonl"));
        Assert.Equal(3, kept.Length);
        Assert.Contains("Interrupted before its end", File.ReadAllText(host.File("results", "report.html")));

        wait = false;
        Outcome resumed = host.Run("run --all --quick --seed 5 --out results --resume");
        Assert.Equal(ExitCode.ClaimFails, resumed.Code);
        Assert.DoesNotContain("passing/first", resumed.Out);
        Assert.Contains("slow/early", resumed.Out);
        Assert.Contains("6 claims: 5 hold, 1 fails", resumed.Out);
        Assert.Equal(kept[..2], File.ReadAllLines(host.File("results", "results.jsonl"))[..2]);
    }

    [Fact]
    public void ACancelledRunBeforeTheFirstReproductionIsInterrupted()
    {
        using var host = new TestHost(Fakes.Passing());
        string line = host.Run("run passing", new CancellationToken(canceled: true)).OneLine(ExitCode.Interrupted);
        Assert.Contains("0 finished claims kept", line);
        Assert.Equal(ExitCode.Success, host.Run("run passing --resume").Code);
    }
}
