using System.CommandLine;

namespace Hesse.Cli.Commands;

/// <summary>Options that say what the shapes of a convolutional network's weights leave open; null or 0 where they are not given.</summary>
internal static class ConvolutionOptions
{
    /// <summary>What a row of the data is.</summary>
    public static Option<string> Image(string otherwise) =>
        Text("--image", $"Convolutions: rows and columns of the input, channels before them if several [default: {otherwise}]", "CxHxW");

    /// <summary>How much is pooled.</summary>
    public static Option<int> Pool(string otherwise) => new("--pool")
    {
        Description = $"Convolutions: side of what is pooled after each, 1 for none [default: {otherwise}]",
        HelpName = "N",
    };

    /// <summary>How it is pooled.</summary>
    public static Option<string> Pooling(string otherwise) =>
        Text("--pooling", $"Convolutions: max or mean [default: {otherwise}]", "NAME");

    /// <summary>What is around the input of a convolution.</summary>
    public static Option<string> Padding(string otherwise) =>
        Text("--padding", $"Convolutions: same, valid, or a number of zeros on every side [default: {otherwise}]", "NAME");

    private static Option<string> Text(string name, string description, string helpName) => new(name)
    {
        Description = description,
        HelpName = helpName,
    };
}
