namespace Hesse.Cli.Figures;

/// <summary>
/// Colours and marker shapes of the series of a figure. The colours are those of Okabe and Ito (2008), darkened where
/// they would be pale on white and lightened where they would be dull on black; series also differ by marker shape.
/// </summary>
internal static class Palette
{
    private static readonly string[] LightColours =
        ["#0072b2", "#d55e00", "#008a63", "#b0568f", "#b57600", "#3a9bd4", "#555555", "#7a5c00"];

    private static readonly string[] DarkColours =
        ["#56b4e9", "#ff8f4d", "#2fc99a", "#e29ac6", "#f0b437", "#8fd0ff", "#bbbbbb", "#d9c15c"];

    private static readonly string[] Symbols =
        ["circle", "square", "diamond", "triangle-up", "triangle-down", "x", "cross", "star"];

    /// <summary>Number of different colours; further series start again.</summary>
    public static int Count => LightColours.Length;

    /// <summary>The colour of a series on a light ground.</summary>
    public static string Light(int series) => LightColours[series % LightColours.Length];

    /// <summary>The colour of a series on a dark ground.</summary>
    public static string Dark(int series) => DarkColours[series % DarkColours.Length];

    /// <summary>Plotly's name of the marker of a series.</summary>
    public static string Symbol(int series) => Symbols[series % Symbols.Length];
}
