using System;
using CoreTensors = Hesse.TensorCreation.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>A tensor of rank 0.</summary>
    /// <param name="value">Its value.</param>
    /// <returns>Shape [].</returns>
    public static Tensor Scalar(double value) => new(CoreTensors.scalar(value));

    /// <summary>A vector.</summary>
    /// <param name="data">Its elements, copied.</param>
    /// <returns>Shape [n].</returns>
    /// <exception cref="ArgumentNullException">The data is null.</exception>
    public static Tensor FromArray(params double[] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new Tensor(CoreTensors.ofArray(data));
    }

    /// <summary>A matrix.</summary>
    /// <param name="data">Its elements, copied.</param>
    /// <returns>Shape [rows; columns].</returns>
    /// <exception cref="ArgumentNullException">The data is null.</exception>
    public static Tensor FromArray(double[,] data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new Tensor(CoreTensors.ofArray2D(data));
    }

    /// <summary>A tensor from its elements.</summary>
    /// <param name="shape">Axis lengths, each at least 0.</param>
    /// <param name="data">The elements, row-major, copied; as many as the shape holds.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape or the data is null.</exception>
    /// <exception cref="HesseException">The number of elements does not fit the shape.</exception>
    public static Tensor FromArray(int[] shape, double[] data)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(data);
        return new Tensor(CoreTensors.create(shape, data));
    }

    /// <summary>Zeros.</summary>
    /// <param name="shape">Axis lengths, each at least 0.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    public static Tensor Zeros(params int[] shape) => Full(0.0, shape);

    /// <summary>Ones.</summary>
    /// <param name="shape">Axis lengths, each at least 0.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    public static Tensor Ones(params int[] shape) => Full(1.0, shape);

    /// <summary>One repeated value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="shape">Axis lengths, each at least 0.</param>
    /// <returns>A tensor of the shape.</returns>
    /// <exception cref="ArgumentNullException">The shape is null.</exception>
    /// <exception cref="HesseException">A length is negative.</exception>
    public static Tensor Full(double value, params int[] shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new Tensor(CoreTensors.full(shape, value));
    }

    /// <summary>The identity matrix.</summary>
    /// <param name="n">Rows and columns.</param>
    /// <returns>Shape [n; n].</returns>
    public static Tensor Eye(int n) => new(CoreTensors.eye(n));

    /// <summary>Evenly spaced numbers, both ends included.</summary>
    /// <param name="first">The first number.</param>
    /// <param name="last">The last number.</param>
    /// <param name="count">How many, at least 2.</param>
    /// <returns>Shape [count].</returns>
    /// <exception cref="HesseException">The count is below 2.</exception>
    public static Tensor Linspace(double first, double last, int count) => new(CoreTensors.linspace(first, last, count));

    /// <summary>0, 1, …, n − 1.</summary>
    /// <param name="n">How many.</param>
    /// <returns>Shape [n].</returns>
    public static Tensor Arange(int n) => new(CoreTensors.arange(n));
}
