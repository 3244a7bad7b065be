using System;
using System.Collections.Generic;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <summary>An immutable tensor of float64 or float32 numbers, concrete (it has values) or symbolic (inside a function that is being transformed).</summary>
/// <remarks>
/// Operators and functions broadcast as NumPy does. Errors in shapes are raised at once as <see cref="HesseException"/>; they name
/// the operation and every shape. Equality is by reference: compare values with <see cref="ToArray"/>.
/// </remarks>
public sealed partial class Tensor
{
    private IReadOnlyList<int>? _shape;

    internal Tensor(CoreTensor core) => Core = core;

    /// <summary>The tensor of the F# core.</summary>
    internal CoreTensor Core { get; }

    /// <summary>Axis lengths, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<int> Shape => _shape ??= Array.AsReadOnly(Core.Shape);

    /// <summary>Number of axes.</summary>
    public int Rank => Core.Rank;

    /// <summary>Number of elements.</summary>
    public int Size => Core.Size;

    /// <summary>True when the values are known; false inside a function that a transformation traces.</summary>
    public bool IsConcrete => Core.IsConcrete;

    /// <summary>The elements, row-major.</summary>
    /// <returns>A new array of <see cref="Size"/> elements.</returns>
    /// <exception cref="HesseException">The tensor is symbolic.</exception>
    public double[] ToArray() => Core.toArray();

    /// <summary>The elements of a matrix.</summary>
    /// <returns>A new array [rows, columns].</returns>
    /// <exception cref="HesseException">The tensor is symbolic or not of rank 2.</exception>
    public double[,] ToArray2D() => Core.toArray2D();

    /// <summary>The value of a tensor with one element.</summary>
    /// <returns>That element.</returns>
    /// <exception cref="HesseException">The tensor is symbolic, or has not exactly one element.</exception>
    public double Item() => Core.item();

    /// <summary>Shape and values, shortened for large tensors.</summary>
    /// <returns>Text for people; its format may change.</returns>
    public override string ToString() => Core.ToString();

    internal static CoreTensor Unwrap(Tensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        return tensor.Core;
    }

    internal static CoreTensor[] Unwrap(Tensor[] tensors, string name)
    {
        ArgumentNullException.ThrowIfNull(tensors, name);
        return Array.ConvertAll(tensors, t => Unwrap(t, name));
    }

    internal static Tensor[] Wrap(CoreTensor[] tensors) => Array.ConvertAll(tensors, t => new Tensor(t));
}
