using Xunit;

namespace Hesse.Interop.Tests;

public class PrecisionTests
{
    [Fact]
    public void Float32GoesInAndOut()
    {
        var t = Tensor.FromArray32(0.1f, 2f);
        Assert.Equal(DType.Float32, t.DType);
        Assert.Equal([0.1f, 2f], t.ToArray32());
        Assert.Equal([0.1f, 2f], t.ToArray());
        Assert.Equal([1, 2], Tensor.FromArray32([1, 2], [3f, 4f]).Shape);
        Assert.Equal(DType.Float64, Tensor.FromArray(0.1).DType);
    }

    [Fact]
    public void ConversionsAndGradientsKeepThePrecision()
    {
        var x = Tensor.FromArray(0.1, 0.2);
        var narrow = x.ToFloat32();
        Assert.Equal(DType.Float32, narrow.DType);
        Assert.Equal(DType.Float64, narrow.ToFloat64().DType);
        var gradient = Diff.Grad((Tensor t) => (t * t * 3.0).Sum(), narrow);
        Assert.Equal(DType.Float32, gradient.DType);
        Assert.Equal(6 * 0.1, gradient.ToArray()[0], 1e-6);
    }

    [Fact]
    public void MixingIsAnError()
    {
        var x = Tensor.FromArray(0.1);
        var error = Assert.Throws<HesseException>(() => x + x.ToFloat32());
        Assert.Equal(
            "add: tensors of different dtype do not mix: float64 [1] and float32 [1]; convert one with Tensor.toFloat32 or Tensor.toFloat64",
            error.Message);
    }
}
