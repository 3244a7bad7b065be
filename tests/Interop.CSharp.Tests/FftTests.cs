using Xunit;

namespace Hesse.Interop.Tests;

public class FftTests
{
    private static readonly Tensor X = Tensor.FromArray(1.0, 2.0, 3.0, 4.0);
    private static readonly Tensor Zero = Tensor.FromArray(0.0, 0.0, 0.0, 0.0);

    [Fact]
    public void TransformsAndTheirInverses()
    {
        var (re, im) = Fft.Forward(X, Zero);
        Near.Equal([10.0, -2.0, -2.0, -2.0], re);
        Near.Equal([0.0, 2.0, 0.0, -2.0], im);
        Near.Equal(X.ToArray(), Fft.Inverse(re, im).Re);
        var (half, other) = Fft.RealForward(X);
        Near.Equal([10.0, -2.0, -2.0], half);
        Near.Equal([0.0, 2.0, 0.0], other);
        Near.Equal(X.ToArray(), Fft.RealInverse(half, other, 4));
        var square = X.Reshape(2, 2);
        var (a, b) = Fft.Forward2D(square, Zero.Reshape(2, 2));
        Near.Equal([10.0, -2.0, -4.0, 0.0], a);
        Near.Equal(X.ToArray(), Fft.Inverse2D(a, b).Re);
    }

    [Fact]
    public void Frequencies()
    {
        Near.Equal([0.0, 0.25, -0.5, -0.25], Fft.Frequencies(4));
        Near.Equal([0.0, 0.5, 1.0], Fft.RealFrequencies(4, 0.5));
    }
}
