using System;
using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Threading;
using Hesse.Cli.Machine;
using Hesse.Cli.Plotly;
using Hesse.Cli.Results;
using Hesse.Cli.Summary;
using Hesse.Theory;

namespace Hesse.Cli.Commands;

/// <summary><c>hesse curvature MODEL --data FILE</c>: the curvature of the loss of a model from a file.</summary>
internal static class CurvatureCommand
{
    private const string Description =
        "Measure the curvature of the loss of an MLP or a convolutional network from a file: a table on standard output, curvature.json and curvature.html in the results folder. "
        + "Exit code 0 when all is measured, 2 on bad usage or input, 130 when interrupted (what was found is kept; go on with --resume).";

    /// <summary>The file of the finished stages, in the results folder.</summary>
    private const string CheckpointName = "curvature.checkpoint.safetensors";

    private const double SecondsBetweenLines = 2.0;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliHost host, CancellationToken cancellation)
    {
        var model = new Argument<string>("MODEL")
        {
            Description = "Weights: .npz, .safetensors (a checkpoint too) or a folder of .npy files, named as hesse train or as PyTorch does",
        };
        var data = new Option<string>("--data")
        {
            Description = "Inputs: digits .csv(.gz), IDX images (.gz or plain), or .npy [n, ...]",
            HelpName = "FILE",
            Required = true,
        };
        Option<string> labels = Text("--labels", "Labels: IDX, or .npy classes [n] or numbers [n, k]; beside MNIST-like images they are found", "FILE", "");
        Option<string> activation = Text("--activation", "tanh, relu, gelu, silu, softplus, sigmoid or identity [default: as the file says, else tanh]", "NAME", "");
        Option<string> image = ConvolutionOptions.Image("as the file says, else a square"), padding = ConvolutionOptions.Padding("as the file says, else what fits the shapes");
        Option<int> pool = ConvolutionOptions.Pool("as the file says, else what fits the shapes");
        Option<string> pooling = ConvolutionOptions.Pooling("as the file says, else max");
        Option<string> loss = Text("--loss", "cross-entropy or mse", "NAME", "cross-entropy");
        Option<string> reduction = Text("--reduction", "mean or sum over the rows", "NAME", "mean");
        Option<int> limit = Number("--limit", "Rows at most, from the first; 0 for all", 0);
        Option<int> chunk = Number("--chunk", "Rows taken at once: memory grows with it, results do not depend on it", 1024);
        Option<int> top = Number("--top", "Leading eigenpairs", 10);
        Option<int> probes = Number("--probes", "Probes of traces, norms and the density", 16);
        Option<int> steps = Number("--steps", "Lanczos steps of a probe", 40);
        Option<int> most = Number("--max-products", "Most products of one search for eigenpairs", 2000);
        Option<int> seed = Number("--seed", "Seed of all random numbers", 0);
        var tolerance = new Option<double>("--tolerance")
        {
            Description = "Relative residual at which an eigenpair has converged",
            HelpName = "X",
            DefaultValueFactory = _ => 1e-6,
        };
        Option<string> output = Text("--out", "Results folder", "DIR", "curvature");
        var resume = new Option<bool>("--resume") { Description = $"Take the finished stages of an earlier run from {CheckpointName} of the results folder" };
        Option<bool> noPlotly = SharedOptions.NoPlotly();
        Option<bool> open = SharedOptions.Open();
        var command = new Command("curvature", Description)
        {
            model, data, labels, activation, image, pool, pooling, padding, loss, reduction, limit, chunk, top, probes, steps, most, seed, tolerance, output, resume, noPlotly, open,
        };
        command.SetAction(parsed =>
        {
            var request = new ModelCurvatureRequest(
                Full(parsed.GetValue(model)!),
                Full(parsed.GetValue(data)!),
                parsed.GetValue(labels) is { Length: > 0 } named ? Full(named) : "",
                parsed.GetValue(limit),
                parsed.GetValue(activation),
                parsed.GetValue(image),
                parsed.GetValue(pool),
                parsed.GetValue(pooling),
                parsed.GetValue(padding),
                parsed.GetValue(loss),
                parsed.GetValue(reduction),
                parsed.GetValue(chunk),
                parsed.GetValue(top),
                parsed.GetValue(tolerance),
                parsed.GetValue(most),
                parsed.GetValue(probes),
                parsed.GetValue(steps),
                parsed.GetValue(seed));
            if (parsed.GetValue(output) is not { Length: > 0 } folder)
            {
                throw new UserErrorException("--out is empty: name a folder.");
            }

            return Run(host, request, Full(folder), parsed.GetValue(resume), parsed.GetValue(noPlotly), parsed.GetValue(open), cancellation);
        });
        return command;

        string Full(string path) => Path.GetFullPath(path, host.CurrentDirectory);
    }

    private static int Run(
        CliHost host, ModelCurvatureRequest request, string folder, bool resume, bool noPlotly, bool open, CancellationToken cancellation)
    {
        DateTimeOffset started = host.Clock.GetUtcNow();
        (ModelCurvatureFacts facts, Action<ISummaryObserver> measure) = ModelCurvature.prepare(
            request, Path.Combine(folder, CheckpointName), resume, cancellation);
        Directory.CreateDirectory(folder);
        var results = new SummaryResults(ProgressLines(host.Error));
        try
        {
            measure(results);
            results.Complete = true;
        }
        catch (Exception error) when (cancellation.IsCancellationRequested && ErrorClassifier.IsCancellation(error))
        {
            // What was found before is written below.
        }

        SummaryText.Write(host.Out, request, facts, results);
        VersionInfo versions = VersionInfo.Current(host.Backend());
        MachineInfo machine = MachineInfo.Current();
        string page = Path.Combine(folder, "curvature.html");
        PlotlyScript plotly = noPlotly
            ? new PlotlyScript(null, "Figures are static, as asked for with --no-plotly.")
            : host.Plotly.Get(fetch: results.Complete);
        AtomicFile.WriteAllText(
            Path.Combine(folder, "curvature.json"), SummaryJson.Write(request, facts, results, versions, machine, started));
        AtomicFile.WriteAllText(page, SummaryPage.Render(request, facts, results, versions, machine, started, plotly));
        host.Out.WriteLine();
        host.Out.WriteLine($"report: {page}");
        if (!results.Complete)
        {
            host.Error.WriteLine($"hesse: interrupted; {Numbers.Count(results.Measurements.Count, "number")} kept in {folder}; go on with --resume.");
            return ExitCode.Interrupted;
        }

        if (open)
        {
            Open(host, page);
        }

        return ExitCode.Success;
    }

    private static void Open(CliHost host, string page)
    {
        try
        {
            host.Open(page);
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException)
        {
            throw new UserErrorException($"no browser could be opened: open {page} by hand.", error);
        }
    }

    /// <summary>A line on standard error for each new kind of work, and every few seconds within one.</summary>
    internal static Action<string> ProgressLines(TextWriter error)
    {
        string kind = "";
        long last = 0;
        return text =>
        {
            string now = text.Split(':')[0];
            if (now == kind && Stopwatch.GetElapsedTime(last).TotalSeconds < SecondsBetweenLines)
            {
                return;
            }

            kind = now;
            last = Stopwatch.GetTimestamp();
            error.WriteLine(text);
        };
    }

    private static Option<string> Text(string name, string description, string helpName, string value) => new(name)
    {
        Description = description,
        HelpName = helpName,
        DefaultValueFactory = _ => value,
    };

    private static Option<int> Number(string name, string description, int value) => new(name)
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => value,
    };
}
