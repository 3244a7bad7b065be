using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading;
using Hesse.Cli.Plotly;
using Xunit;

namespace Hesse.Cli.Tests.Commands;

public class CurvatureTests
{
    private const string Quick = " --top 2 --probes 3 --steps 4 --max-products 100 --seed 3";

    /// <summary>Writes 60 digits of three kinds, and trains a network of 64-4-3 on them.</summary>
    private static TestHost WithModel()
    {
        var host = new TestHost();
        string[] lines =
        [
            .. Enumerable.Range(0, 60).Select(i =>
                string.Join(',', Enumerable.Range(0, 64).Select(p => ((i * 7) + (p * (1 + (i % 3)))) % 17)) + "," + (i % 3)),
        ];
        File.WriteAllLines(host.File("digits.csv"), lines);
        Outcome trained = host.Run("train digits.csv --widths 64-4-3 --out model.npz --steps 20");
        Assert.Equal(ExitCode.Success, trained.Code);
        Assert.Contains("20 steps, loss", trained.Out);
        return host;
    }

    [Fact]
    public void WritesTableJsonAndPage()
    {
        using TestHost host = WithModel();
        host.Script = new PlotlyScript("/* charts */", "Charts by a test.");
        Outcome outcome = host.Run("curvature model.npz --data digits.csv --out out" + Quick);
        Assert.Equal(ExitCode.Success, outcome.Code);
        Assert.Contains("64-4-3, tanh (assumed", outcome.Out);
        Assert.Contains("λ_max(H)", outcome.Out);
        Assert.Contains("density of the eigenvalues", outcome.Out);
        Assert.Contains("largest eigenvalues of H", outcome.Error);
        Assert.Equal(["curvature.checkpoint.safetensors", "curvature.html", "curvature.json"], host.Files("out"));

        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(host.File("out", "curvature.json")));
        JsonElement root = json.RootElement;
        Assert.True(root.GetProperty("complete").GetBoolean());
        Assert.Equal(275, root.GetProperty("model").GetProperty("parameters").GetInt32());
        Assert.Equal(3, root.GetProperty("request").GetProperty("Seed").GetInt32());
        Assert.Equal(2, root.GetProperty("eigenpairs").GetArrayLength());
        Assert.Equal(3, root.GetProperty("density").GetArrayLength());
        JsonElement top = root.GetProperty("measurements").EnumerateArray().First(m => m.GetProperty("symbol").GetString() == "λ_max(H)");
        double value = top.GetProperty("value").GetDouble();
        Assert.InRange(value, top.GetProperty("lower").GetDouble(), top.GetProperty("upper").GetDouble());
        Assert.Contains(value.ToString("G9", CultureInfo.InvariantCulture), outcome.Out);

        string page = File.ReadAllText(host.File("out", "curvature.html"));
        Assert.Equal(3, page.Split("<svg class=\"chart\"").Length - 1);
        Assert.Equal(3, page.Split("<script type=\"application/json\"").Length - 1);
        Assert.Contains("Charts by a test.", page);
        Assert.DoesNotContain("NaN", page);
    }

    [Fact]
    public void AConvolutionalNetworkIsTrainedAndMeasured()
    {
        using TestHost host = WithModel();
        Outcome trained = host.Run("train digits.csv --widths 64-4-3 --filters 2-3 --pooling mean --activation relu --out cnn.safetensors --steps 10");
        Assert.Equal(ExitCode.Success, trained.Code);
        Assert.Contains("144 parameters, 10 steps, loss", trained.Out);
        Outcome outcome = host.Run("curvature cnn.safetensors --data digits.csv --out out" + Quick);
        Assert.Equal(ExitCode.Success, outcome.Code);
        Assert.Contains("1×8×8, 3×3 convolutions to 2, 3, padding same, mean pooling by 2, then 12-4-3, relu (as the file says)", outcome.Out);
        Assert.Contains("λ_max(H)", outcome.Out);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(host.File("out", "curvature.json")));
        JsonElement model = json.RootElement.GetProperty("model");
        Assert.Equal("cnn", model.GetProperty("kind").GetString());
        Assert.Equal(144, model.GetProperty("parameters").GetInt32());
        Assert.Contains("mean pooling by 2", File.ReadAllText(host.File("out", "curvature.html")));

        // The same kind of network without a description in the file.
        Assert.Equal(ExitCode.Success, host.Run("train digits.csv --widths 64-4-3 --filters 2-3 --out cnn.npz --steps 1").Code);
        Outcome bare = host.Run("curvature cnn.npz --data digits.csv --out bare" + Quick);
        Assert.Equal(ExitCode.Success, bare.Code);
        Assert.Contains("max pooling by 2, then 12-4-3 (padding and pooling fit the shapes, max pooling is assumed)", bare.Out);
    }

    [Fact]
    public void TheSameSeedGivesTheSameNumbers()
    {
        using TestHost host = WithModel();
        double[] first = Values("a", Quick), again = Values("b", Quick), other = Values("c", Quick.Replace("--seed 3", "--seed 4", StringComparison.Ordinal));
        Assert.All(first.Zip(again), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 1e-6 * (1e-3 + Math.Abs(pair.First))));
        Assert.Contains(first.Zip(other), pair => Math.Abs(pair.First - pair.Second) > 1e-6 * Math.Abs(pair.First));

        double[] Values(string folder, string options)
        {
            Assert.Equal(ExitCode.Success, host.Run($"curvature model.npz --data digits.csv --no-plotly --out {folder}" + options).Code);
            using JsonDocument json = JsonDocument.Parse(File.ReadAllText(host.File(folder, "curvature.json")));
            return [.. json.RootElement.GetProperty("measurements").EnumerateArray().Select(m => m.GetProperty("value").GetDouble())];
        }
    }

    [Fact]
    public void WhatWasFoundBeforeAnInterruptionIsKept()
    {
        using TestHost host = WithModel();
        using var source = new CancellationTokenSource();
        source.Cancel();
        Outcome outcome = host.Run("curvature model.npz --data digits.csv --out out" + Quick, source.Token);
        Assert.Contains("interrupted", outcome.Error);
        Assert.Equal(ExitCode.Interrupted, outcome.Code);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(host.File("out", "curvature.json")));
        Assert.False(json.RootElement.GetProperty("complete").GetBoolean());
        Assert.Contains("Interrupted", File.ReadAllText(host.File("out", "curvature.html")));
    }

    [Fact]
    public void AnInterruptedRunGoesOnWithResume()
    {
        using TestHost host = WithModel();
        const string Line = "curvature model.npz --data digits.csv --no-plotly --out ";
        Assert.Equal(ExitCode.Success, host.Run(Line + "whole" + Quick).Code);
        using var source = new CancellationTokenSource();
        host.OnError = text =>
        {
            if (text.StartsWith("smallest eigenvalue of H", StringComparison.Ordinal))
            {
                source.Cancel();
            }
        };
        Outcome interrupted = host.Run(Line + "out" + Quick, source.Token);
        host.OnError = null;
        Assert.Equal(ExitCode.Interrupted, interrupted.Code);
        Assert.Contains("go on with --resume", interrupted.Error);
        Assert.True(File.Exists(host.File("out", "curvature.checkpoint.safetensors")));

        Outcome resumed = host.Run(Line + "out --resume" + Quick);
        Assert.Equal(ExitCode.Success, resumed.Code);
        Assert.Contains("resumed: 4 stages are there", resumed.Error);
        Assert.DoesNotContain("largest eigenvalues of H", resumed.Error);
        Assert.All(
            Values("whole").Zip(Values("out")),
            pair => Assert.True(
                (pair.First is null && pair.Second is null) || Math.Abs(pair.First!.Value - pair.Second!.Value) <= 1e-6 * (1e-3 + Math.Abs(pair.First.Value))));

        // All is there: nothing is measured again.
        Outcome again = host.Run(Line + "out --resume" + Quick);
        Assert.Equal(ExitCode.Success, again.Code);
        Assert.Equal(resumed.Out, again.Out);
        Assert.DoesNotContain("eigenvalue of", again.Error);
        string before = File.ReadAllText(host.File("out", "curvature.json"));
        string line = host.Run(Line + "out --resume" + Quick.Replace("--probes 3", "--probes 5", StringComparison.Ordinal)).OneLine(ExitCode.BadInput);
        Assert.Contains("cannot resume", line);
        Assert.Contains("probes 3, not 5", line);
        File.WriteAllLines(host.File("digits.csv"), File.ReadAllLines(host.File("digits.csv")).Reverse());
        Assert.Contains("was made with other data;", host.Run(Line + "out --resume" + Quick).OneLine(ExitCode.BadInput));
        Assert.Equal(before, File.ReadAllText(host.File("out", "curvature.json")));

        double?[] Values(string folder)
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllText(host.File(folder, "curvature.json")));
            return
            [
                .. json.RootElement.GetProperty("measurements").EnumerateArray()
                    .SelectMany(m => new[] { m.GetProperty("value"), m.GetProperty("lower"), m.GetProperty("upper") })
                    .Select(v => v.ValueKind == JsonValueKind.Null ? (double?)null : v.GetDouble()),
            ];
        }
    }

    [Theory]
    [InlineData("curvature --data digits.csv", "'MODEL'")]
    [InlineData("curvature model.npz", "--data")]
    [InlineData("curvature model.npz --data digits.csv --probs 3", "did you mean '--probes'?")]
    [InlineData("curvature nowhere.npz --data digits.csv", "nowhere.npz")]
    [InlineData("curvature model.npz --data nowhere.csv", "nowhere.csv")]
    [InlineData("curvature model.txt --data digits.csv", "wanted .safetensors, .npz or .npy")]
    [InlineData("curvature model.npz --data digits.csv --loss hinge", "there are cross-entropy and mse")]
    [InlineData("curvature model.npz --data digits.csv --activation sine", "there are tanh, relu")]
    [InlineData("curvature model.npz --data digits.csv --probes 1", "at least 3 probes")]
    [InlineData("curvature model.npz --data digits.csv --chunk 0", "chunks of 0 rows")]
    [InlineData("curvature model.npz --data digits.csv --limit -1", "wanted at least 1")]
    [InlineData("curvature model.npz --data digits.csv --top x", "--top")]
    [InlineData("curvature model.npz --data empty.csv", "holds no line")]
    [InlineData("curvature model.npz --data bad.csv", "line 1")]
    [InlineData("curvature model.npz --data digits.csv --pool 2", "is an MLP")]
    [InlineData("train digits.csv --widths 64-x --out m.npz", "--widths is '64-x'")]
    [InlineData("train digits.csv --widths 64-3 --filters 4- --out m.npz", "--filters is '4-'")]
    [InlineData("train digits.csv --widths 64-3 --filters 4 --image 4x4 --out m.npz", "images of 1×4×4")]
    [InlineData("train digits.csv --widths 64-3 --image 8x8 --out m.npz", "name filters")]
    [InlineData("train digits.csv --widths 64-2 --out m.npz", "class 2")]
    [InlineData("train digits.csv --widths 64-3 --out m.bin --steps 1", "wanted .npz or .safetensors")]
    [InlineData("train digits --widths 64-3 --out m.npz", "digits.csv.gz")]
    public void BadInputIsOneLineAndExitCode2(string commandLine, string part)
    {
        using TestHost host = WithModel();
        File.WriteAllText(host.File("empty.csv"), "");
        File.WriteAllText(host.File("bad.csv"), "1,2,nan\n");
        Outcome outcome = host.Run(commandLine);
        Assert.Equal(ExitCode.BadInput, outcome.Code);
        string line = outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.StartsWith("hesse: ", line);
        Assert.Contains(part, line);
        Assert.DoesNotContain("bug in Hesse", line);
        Assert.False(Directory.Exists(host.File("curvature")));
    }
}
