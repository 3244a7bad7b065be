namespace Hesse.Cli.Figures;

/// <summary>The rectangle between the axes of a drawing, with the scales of both axes.</summary>
/// <param name="Left">Left edge in drawing units.</param>
/// <param name="Top">Top edge in drawing units.</param>
/// <param name="Width">Width in drawing units.</param>
/// <param name="Height">Height in drawing units.</param>
/// <param name="X">Horizontal scale.</param>
/// <param name="Y">Vertical scale.</param>
internal sealed record PlotArea(double Left, double Top, double Width, double Height, AxisScale X, AxisScale Y)
{
    /// <summary>The horizontal place of a value that the axis shows.</summary>
    public double AtX(double value) => Left + (X.Position(value) * Width);

    /// <summary>The vertical place of a value that the axis shows.</summary>
    public double AtY(double value) => Top + ((1.0 - Y.Position(value)) * Height);

    /// <summary>Whether both axes show the point.</summary>
    public bool Shows(double x, double y) => X.Shows(x) && Y.Shows(y);
}
