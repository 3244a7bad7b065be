using Xunit;

namespace Hesse.Interop.Tests;

public class ConvTests
{
    private static readonly Tensor X = Tensor.FromArray(1.0, 2.0, 3.0, 4.0);

    [Fact]
    public void Convolutions()
    {
        var x = X.Reshape(1, 4);
        var kernel = Tensor.FromArray(1.0, -1.0).Reshape(1, 1, 2);
        Near.Equal([-1.0, -1.0, -1.0], Conv.Conv1D(x, kernel));
        Near.Equal([-1.0, -1.0], Conv.Conv1D(x, kernel, stride: 2));
        Near.Equal([-1.0, -1.0, -1.0, 4.0], Conv.Conv1D(x, kernel, padding: null));
        Near.Equal([-1.0, -1.0, -1.0, -1.0, 4.0], Conv.Conv1D(x, kernel, padding: 1));
        Near.Equal([-2.0, -2.0], Conv.Conv1D(x, kernel, dilation: 2));
        var square = X.Reshape(2, 2, 1);
        Near.Equal([3.0, 7.0], Conv.Conv2D(square, Tensor.FromArray(1.0, 1.0, 1.0, 1.0).Reshape(2, 1, 2, 1), groups: 2));
    }

    [Fact]
    public void Poolings()
    {
        Near.Equal([2.0, 4.0], Conv.MaxPool1D(X, 2, 2));
        Near.Equal([1.5, 3.5], Conv.AvgPool1D(X, 2, 2));
        Near.Equal([2.0, 3.0, 4.0, 4.0], Conv.MaxPool1D(X, 2, 1, padding: null));
        Near.Equal([4.0], Conv.MaxPool2D(X.Reshape(2, 2), 2, 2));
        Near.Equal([2.5], Conv.AvgPool2D(X.Reshape(2, 2), 2, 2));
    }
}
