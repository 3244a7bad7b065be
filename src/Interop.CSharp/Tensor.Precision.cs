using System;
using CoreTensors = Hesse.TensorPrecision.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>The precision of the elements. Tensors of different precision do not mix; plain numbers take that of what they meet.</summary>
    public DType DType => Core.DType;

    /// <summary>A float32 vector.</summary>
    /// <param name="data">Its elements, copied.</param>
    /// <returns>Shape [n].</returns>
    /// <exception cref="ArgumentNullException">The data is null.</exception>
    public static Tensor FromArray32(params float[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new Tensor(CoreTensors.ofArray32(data));
    }

    /// <summary>A float32 tensor from its elements.</summary>
    /// <param name="shape">Axis lengths, each at least 0.</param>
    /// <param name="data">The elements, row-major, copied; as many as the shape holds.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape or the data is null.</exception>
    /// <exception cref="HesseException">The number of elements does not fit the shape.</exception>
    public static Tensor FromArray32(int[] shape, float[] data)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(data);
        return new Tensor(CoreTensors.create32(shape, data));
    }

    /// <summary>The elements of a float32 tensor, row-major.</summary>
    /// <returns>A new array of <see cref="Size"/> elements.</returns>
    /// <exception cref="HesseException">The tensor is symbolic or float64.</exception>
    public float[] ToArray32() => Core.toArray32();

    /// <summary>The nearest float32 numbers; a tangent through it is converted too, and a cotangent converted back.</summary>
    /// <returns>The same shape.</returns>
    public Tensor ToFloat32() => new(CoreTensors.toFloat32(Core));

    /// <summary>The same numbers in float64; a tangent through it is converted too, and a cotangent converted back.</summary>
    /// <returns>The same shape.</returns>
    public Tensor ToFloat64() => new(CoreTensors.toFloat64(Core));
}
