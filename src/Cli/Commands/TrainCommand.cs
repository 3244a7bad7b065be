using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Hesse.Theory;

namespace Hesse.Cli.Commands;

/// <summary><c>hesse train</c>: an MLP or a small convolutional network to look at, trained on digits or on IDX or .npy data.</summary>
internal static class TrainCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(CliHost host, CancellationToken cancellation)
    {
        var data = new Argument<string>("DATA")
        {
            Description = "'digits' for the digits of the data folder, or a file as for 'hesse curvature --data'",
        };
        var widths = new Option<string>("--widths") { Description = "Input, hidden and output widths", HelpName = "64-32-10", Required = true };
        var filters = new Option<string>("--filters") { Description = "Output channels of convolutions before the hidden layers [default: none, an MLP]", HelpName = "8-16" };
        var window = new Option<int>("--window") { Description = "Rows and columns of a kernel", HelpName = "N", DefaultValueFactory = _ => 3 };
        Option<string> image = ConvolutionOptions.Image("a square of one channel"), pooling = ConvolutionOptions.Pooling("max"), padding = ConvolutionOptions.Padding("same");
        Option<int> pool = ConvolutionOptions.Pool("2");
        var output = new Option<string>("--out") { Description = "The file of the weights: .npz or .safetensors", HelpName = "FILE", Required = true };
        var labels = new Option<string>("--labels") { Description = "The file of the labels, where the data does not have or name it", HelpName = "FILE" };
        var activation = new Option<string>("--activation") { Description = "As for 'hesse curvature'", HelpName = "NAME", DefaultValueFactory = _ => "tanh" };
        var steps = new Option<int>("--steps") { Description = "Steps of Adam on batches of 64", HelpName = "N", DefaultValueFactory = _ => 1000 };
        var rate = new Option<double>("--rate") { Description = "Learning rate; it falls to zero along a cosine", HelpName = "X", DefaultValueFactory = _ => 1e-2 };
        var seed = new Option<int>("--seed") { Description = "Seed of weights and batches", HelpName = "N", DefaultValueFactory = _ => 0 };
        var command = new Command("train", "Train an MLP, or with --filters a convolutional network, with softmax cross-entropy and write its weights, for 'hesse curvature'.")
        {
            data, widths, filters, window, image, pool, pooling, padding, output, labels, activation, steps, rate, seed,
        };
        command.SetAction(parsed =>
        {
            string given = parsed.GetValue(data)!;
            string file = given == "digits"
                ? Path.Combine(DataFolder.Find(host, null), DigitsModule.FileName)
                : Path.GetFullPath(given, host.CurrentDirectory);
            string model = Path.GetFullPath(parsed.GetValue(output)!, host.CurrentDirectory);
            string? named = parsed.GetValue(labels) is { Length: > 0 } l ? Path.GetFullPath(l, host.CurrentDirectory) : null;
            int total = parsed.GetValue(steps);
            System.Action<string> lines = CurvatureCommand.ProgressLines(host.Error);
            var request = new DigitsTrainingRequest(
                file,
                named,
                Positive("--widths", parsed.GetValue(widths)!, 2, "64-32-10"),
                parsed.GetValue(filters) is { Length: > 0 } f ? Positive("--filters", f, 1, "8-16") : [],
                parsed.GetValue(window),
                parsed.GetValue(image),
                parsed.GetValue(pool),
                parsed.GetValue(pooling),
                parsed.GetValue(padding),
                parsed.GetValue(activation)!,
                total,
                parsed.GetValue(rate),
                parsed.GetValue(seed),
                model);
            DigitsTrainingOutcome outcome = DigitsTraining.run(
                request, (step, loss) => lines($"training: step {step} of {total}, loss {Numbers.Short(loss)}"), cancellation);
            string accuracy = (100.0 * outcome.Accuracy).ToString("0.00", CultureInfo.InvariantCulture);
            host.Out.WriteLine($"{model}: {outcome.Parameters} parameters, {outcome.Steps} steps, loss {Numbers.Short(outcome.Loss)}, accuracy {accuracy} %");
            return cancellation.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Success;
        });
        return command;
    }

    private static int[] Positive(string option, string text, int least, string example)
    {
        string[] parts = text.Split('-');
        int[] numbers = [.. parts.Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int w) ? w : 0)];
        return numbers.Length >= least && numbers.All(w => w > 0)
            ? numbers
            : throw new UserErrorException($"{option} is '{text}', wanted {(least == 1 ? "positive numbers" : "at least two positive numbers")} with dashes, such as {example}.");
    }
}
