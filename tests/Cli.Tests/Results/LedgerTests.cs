using System;
using System.IO;
using System.Linq;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Hesse.Cli.Results;
using Hesse.Reproductions;
using Xunit;

namespace Hesse.Cli.Tests.Results;

public class LedgerTests
{
    private static readonly double[] Numbers =
    [
        0.0, -0.0, 1.0 / 3.0, Math.PI, double.Epsilon, double.MaxValue, double.MinValue, 1e-300, 123456789012345678,
        double.NaN, double.PositiveInfinity, double.NegativeInfinity,
    ];

    [Fact]
    public void EveryRelationStatusAndNumberRoundTrips()
    {
        foreach (Relation relation in new[] { Relation.Absolute, Relation.Relative, Relation.AtMost, Relation.AtLeast })
        {
            foreach (Status status in new[] { Status.Theorem, Status.Prediction, Status.Observation })
            {
                foreach (double number in Numbers)
                {
                    var claim = new Claim(
                        "p", "c", status, "Line\nbreak \"quoted\" ∂ ‖Θ‖ </script>", "α ≤ β\t🙂", number, number, Math.Abs(number), relation, "", int.MinValue, number);
                    string line = ClaimJson.Write(claim);
                    Assert.DoesNotContain('\n', line);
                    AssertSame(claim, ClaimJson.Read(Encoding.UTF8.GetBytes(line)));
                }
            }
        }
    }

    [Fact]
    public void RandomClaimsRoundTrip()
    {
        Prop.ForAll<double, double, NonNull<string>>((predicted, measured, text) =>
        {
            Claim claim = Fakes.Claim("p", "c", measured, predicted) is var c
                ? new Claim(c.Paper, c.Claim, c.Status, text.Get, text.Get, predicted, measured, 1e-3, c.Relation, text.Get, 1, 0.5)
                : throw new InvalidOperationException();
            AssertSame(claim, ClaimJson.Read(Encoding.UTF8.GetBytes(ClaimJson.Write(claim))));
        }).Check(Config.QuickThrowOnFailure.WithReplay(new Replay(new Rnd(11UL, 13UL), null)));
    }

    [Fact]
    public void NumbersThatJsonCannotWriteAreStrings()
    {
        string line = ClaimJson.Write(Fakes.Claim("p", "c", measured: double.NaN, predicted: double.PositiveInfinity));
        Assert.Contains("\"measured\":\"NaN\"", line);
        Assert.Contains("\"predicted\":\"Infinity\"", line);
        Assert.Contains("\"holds\":false", line);
    }

    [Fact]
    public void RecordingAgainReplacesInPlace()
    {
        using var folder = new TestHost();
        ClaimLedger ledger = ClaimLedger.Create(folder.File("l.jsonl"));
        ledger.Record(Fakes.Claim("p", "a"));
        ledger.Record(Fakes.Claim("p", "b"));
        ledger.Record(Fakes.Claim("p", "a", measured: 9));
        ClaimLedger read = ClaimLedger.Open(folder.File("l.jsonl"), dropTornLine: false);
        Assert.Equal(["a", "b"], read.Claims.Select(c => c.Claim));
        Assert.Equal(9, read.Claims[0].Measured);
        Assert.Null(read.DroppedLine);
    }

    [Fact]
    public void EveryTornEndIsSurvived()
    {
        using var folder = new TestHost();
        string path = folder.File("l.jsonl");
        ClaimLedger ledger = ClaimLedger.Create(path);
        ledger.Record(Fakes.Claim("p", "a"));
        int firstLine = (int)new FileInfo(path).Length;
        ledger.Record(Fakes.Claim("p", "b∂"));
        byte[] whole = File.ReadAllBytes(path);
        foreach (int length in Enumerable.Range(0, whole.Length + 1)
            .Where(l => l % 9 == 0 || Math.Abs(l - firstLine) <= 3 || l >= whole.Length - 3))
        {
            File.WriteAllBytes(path, whole[..length]);
            ClaimLedger read = ClaimLedger.Open(path, dropTornLine: true);
            int complete = (length >= firstLine - 1 ? 1 : 0) + (length >= whole.Length - 1 ? 1 : 0);
            Assert.Equal(complete, read.Claims.Count);
            Assert.Equal(complete, ClaimLedger.Open(path, dropTornLine: false).Claims.Count);
        }
    }

    [Fact]
    public void AFailedWriteLeavesTheOldFileAndNoTemporary()
    {
        using var folder = new TestHost();
        string target = folder.File("file");
        AtomicFile.WriteAllText(target, "old");
        AtomicFile.WriteAllText(target, "new");
        Assert.Equal("new", File.ReadAllText(target));

        // A folder in the place of the file makes the rename fail after the temporary file was written.
        Directory.CreateDirectory(folder.File("taken", "inner"));
        Assert.ThrowsAny<Exception>(() => AtomicFile.WriteAllText(folder.File("taken"), "x"));
        Assert.Equal(["file"], folder.Files("."));
    }

    [Fact]
    public void LeftoversOfAKilledProcessAreRemovedByTheNextRun()
    {
        using var host = new TestHost(Fakes.Passing());
        Directory.CreateDirectory(host.File("results", "figures"));
        File.WriteAllText(host.File("results", ".results.jsonl.0123.hesse-tmp"), "half");
        Assert.Equal(ExitCode.Success, host.Run("run passing").Code);
        Assert.DoesNotContain(host.Files("results"), f => f.Contains("tmp") || f.Contains("lock"));
    }

    private static void AssertSame(Claim expected, Claim actual)
    {
        // F# record equality treats NaN as different from itself; the serialised form shows every field.
        Assert.Equal(ClaimJson.Write(expected), ClaimJson.Write(actual));
        Assert.Equal(BitConverter.DoubleToInt64Bits(expected.Measured), BitConverter.DoubleToInt64Bits(actual.Measured));
        Assert.Equal(expected.Statement, actual.Statement);
        Assert.Equal(expected.Relation, actual.Relation);
        Assert.Equal(expected.Status, actual.Status);
    }
}
