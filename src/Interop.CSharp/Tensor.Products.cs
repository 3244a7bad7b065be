using System;
using CoreTensors = Hesse.TensorProducts.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>Products of the elements of two vectors, each with each.</summary>
    /// <param name="other">Shape [n], where this tensor has shape [m].</param>
    /// <returns>Shape [m; n].</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">An operand is not a vector.</exception>
    public Tensor Outer(Tensor other) => new(CoreTensors.outer(Core, Unwrap(other, nameof(other))));

    /// <summary>Matrix product with NumPy's rules; equal leading axes are a batch.</summary>
    /// <param name="other">Shape [..; k; n] or [k], where this tensor has shape [..; m; k] or [k].</param>
    /// <returns>Shape [..; m; n]; the axis of a vector operand goes away.</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">Inner or batch sizes differ.</exception>
    public Tensor MatMul(Tensor other) => new(CoreTensors.matmul(Core, Unwrap(other, nameof(other))));

    /// <summary>Inner product with a tensor of the same shape.</summary>
    /// <param name="other">The same shape.</param>
    /// <returns>Shape [].</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">The shapes differ.</exception>
    public Tensor Dot(Tensor other) => new(CoreTensors.dot(Core, Unwrap(other, nameof(other))));

    /// <summary>Sum of the diagonal of a square matrix.</summary>
    /// <returns>Shape [].</returns>
    /// <exception cref="HesseException">The tensor is not a square matrix.</exception>
    public Tensor Trace() => new(CoreTensors.trace(Core));

    /// <summary>The diagonal of a square matrix.</summary>
    /// <returns>Shape [n] for a tensor of shape [n; n].</returns>
    /// <exception cref="HesseException">The tensor is not a square matrix.</exception>
    public Tensor Diagonal() => new(CoreTensors.diagonal(Core));

    /// <summary>Sum of products in subscript notation, for any number of operands.</summary>
    /// <param name="spec">Letters per operand, separated by commas; after "->" those of the result: "ij,jk->ik".</param>
    /// <param name="operands">As many as the notation names.</param>
    /// <returns>One axis per letter of the result.</returns>
    /// <exception cref="ArgumentNullException">The notation, the operands or one of them are null.</exception>
    /// <exception cref="HesseException">Notation and shapes do not fit.</exception>
    public static Tensor Einsum(string spec, params Tensor[] operands)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new Tensor(CoreTensors.einsum(spec, Unwrap(operands, nameof(operands))));
    }

    /// <summary>Kronecker product: the matrix of blocks a_ij · other.</summary>
    /// <param name="other">Shape [p; q], where this tensor has shape [m; n].</param>
    /// <returns>Shape [m·p; n·q].</returns>
    /// <exception cref="ArgumentNullException">The other tensor is null.</exception>
    /// <exception cref="HesseException">An operand is not a matrix.</exception>
    public Tensor Kron(Tensor other) => new(CoreTensors.kron(Core, Unwrap(other, nameof(other))));
}
