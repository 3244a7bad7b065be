using System;
using Hesse.Interop.Trees;
using CoreSparse = Hesse.Sparse;

namespace Hesse.Interop;

/// <summary>Jacobians and Hessians with many zeros, from few directional derivatives.</summary>
/// <remarks>The pattern comes from the graph alone, so it holds at every x of the shape.</remarks>
public static class Sparse
{
    /// <summary>The Jacobian in compressed rows, from one jvp per colour, in one batch.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The matrix, with the number of colours.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">x has no value yet.</exception>
    public static SparseMatrix Jacobian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new SparseMatrix(CoreSparse.jacobian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Jacobian in compressed rows, from one jvp per colour, in one batch.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>The matrix, with the number of colours; columns in the order of the tree.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">x has no value yet.</exception>
    public static SparseMatrix Jacobian<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new SparseMatrix(CoreSparse.jacobian(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>The Hessian of a scalar function in compressed rows, from one Hessian-vector product per colour, in one batch.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <returns>The matrix, with the number of colours.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static SparseMatrix Hessian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new SparseMatrix(CoreSparse.hessian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Hessian of a scalar function in compressed rows, from one Hessian-vector product per colour, in one batch.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>The matrix, with the number of colours; columns in the order of the tree.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static SparseMatrix Hessian<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new SparseMatrix(CoreSparse.hessian(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>Where the Jacobian of a function may differ from zero, at every x of this shape.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">An argument of the shape in question.</param>
    /// <returns>For every row its columns, ascending.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static int[][] Pattern(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return SparseMatrix.Rows(CoreSparse.pattern(Adapter.ToCore(f), x.Core));
    }
}
