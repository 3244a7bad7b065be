using System;
using System.Linq;
using Hesse.Interop.Trees;
using Microsoft.FSharp.Collections;
using CoreDiff = Hesse.Diff;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <content>Transposes, mixed derivatives and derivative tensors.</content>
public static partial class Diff
{
    /// <summary>The transpose of a linear function, as a function: ⟨f(x), ct⟩ = ⟨x, fᵀ(ct)⟩.</summary>
    /// <param name="f">Linear, from any shape to any shape.</param>
    /// <param name="x">Any argument of the shape in question; its values do not matter.</param>
    /// <returns>fᵀ, from the shape of f(x) to the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function is not linear; the message names the operation.</exception>
    public static Func<Tensor, Tensor> LinearTranspose(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Adapter.FromCore(CoreDiff.linearTranspose(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The mixed derivative Dᵏf(x)[v₁, …, v_k], exactly, by the cheapest of several routes.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="directions">v₁, …, v_k, of the shape of x. Give one and the same tensor where directions are equal: that is cheaper.</param>
    /// <returns>The shape of f(x); f(x) itself for no direction.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A direction and x differ in shape.</exception>
    public static Tensor Directional(Func<Tensor, Tensor> f, Tensor x, Tensor[] directions)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(directions);
        return new Tensor(CoreDiff.directional(Adapter.ToCore(f), x.Core, ListModule.OfArray(Tensor.Unwrap(directions, nameof(directions)))));
    }

    /// <summary>The mixed derivative of a function of a tree.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <param name="directions">Trees of the structure of x.</param>
    /// <returns>The shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A direction and x differ in structure or shape.</exception>
    public static Tensor Directional<T>(Func<T, Tensor> f, T x, T[] directions)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(directions);
        var core = ListModule.OfArray(Array.ConvertAll(directions, d => ObjectTree.Flatten(d)));
        return new Tensor(CoreDiff.directional(Adapter.ToCore(f), ObjectTree.Flatten(x), core));
    }

    /// <summary>All partial derivatives up to an order along several directions, in one pass of multivariate Taylor mode.</summary>
    /// <param name="order">Highest total order K, at least 0.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="directions">v₁, …, v_m, of the shape of x.</param>
    /// <returns>For every multi-index a with Σ aᵢ ≤ K, in lexicographic order, the derivative Π ∂^aᵢ/∂tᵢ^aᵢ of f(x + Σ tᵢvᵢ) at t = 0.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The order is negative, or a direction and x differ in shape.</exception>
    /// <remarks>There are C(m + K, K) results.</remarks>
    public static (int[] Index, Tensor Derivative)[] MixedJet(int order, Func<Tensor, Tensor> f, Tensor x, Tensor[] directions)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(directions);
        FSharpMap<FSharpList<int>, CoreTensor> jet =
            CoreDiff.mixedJet(order, Adapter.ToCore(f), x.Core, ListModule.OfArray(Tensor.Unwrap(directions, nameof(directions))));
        return [.. jet.Select(entry => (ListModule.ToArray(entry.Key), new Tensor(entry.Value)))];
    }

    /// <summary>The Taylor coefficients of a function along a curve x(t) = x₀ + x₁t + x₂t² + ….</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="series">x₀, …, x_K: coefficients, not derivatives; of one shape.</param>
    /// <returns>y₀, …, y_K: coefficients; the k-th derivative along the curve is k!·y_k.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">There is no coefficient, or their shapes differ.</exception>
    public static Tensor[] JetSeries(Func<Tensor, Tensor> f, Tensor[] series)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(series);
        return Tensor.Wrap(CoreDiff.jetSeries(Adapter.ToCore(f), Tensor.Unwrap(series, nameof(series))));
    }

    /// <summary>All derivatives of one order, by the cheapest of several routes.</summary>
    /// <param name="order">k, at least 0.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x), followed by the shape of x k times.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The order is negative.</exception>
    public static Tensor DerivativeTensor(int order, Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.derivativeTensor(order, Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Jacobian, in a mode and with a bound on memory that you choose.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="mode">Forward, reverse, or chosen by predicted work.</param>
    /// <param name="chunk">How many directions are taken at once; null to have it chosen.</param>
    /// <returns>The shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The chunk is below 1.</exception>
    public static Tensor Jacobian(Func<Tensor, Tensor> f, Tensor x, JacobianMode mode, int? chunk = null)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacobianWith(Adapter.Options(mode, chunk), Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Hessian of a scalar function, so many Hessian-vector products at once.</summary>
    /// <param name="chunk">At least 1; memory for intermediate values grows with it.</param>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of x twice.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar, or the chunk is below 1.</exception>
    public static Tensor HessianChunked(int chunk, Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.hessianChunked(chunk, Adapter.ToCore(f), x.Core));
    }

    /// <summary>Applies a function to every part of its argument along the first axis, so many parts at once.</summary>
    /// <param name="chunk">At least 1; memory for intermediate values grows with it.</param>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">Shape [n; …].</param>
    /// <returns>What VMap gives.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">xs is a scalar, or the chunk is below 1.</exception>
    public static Tensor VMapChunked(int chunk, Func<Tensor, Tensor> f, Tensor xs)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(xs);
        return new Tensor(CoreDiff.vmapChunked(chunk, Adapter.ToCore(f), xs.Core));
    }

    /// <summary>Applies a function of several tensors to every part of them, with an axis for each.</summary>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">The tensors; those that are mapped over have the same length n along their axis.</param>
    /// <param name="inAxes">For each tensor its axis, or null if every part sees the whole of it.</param>
    /// <param name="outAxis">The place of the new axis in the result.</param>
    /// <param name="chunk">How many parts are taken at once; null for all.</param>
    /// <returns>The results of f, stacked along outAxis.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">An axis is missing, lengths differ, nothing is mapped, or the chunk is below 1.</exception>
    public static Tensor VMap(Func<Tensor[], Tensor> f, Tensor[] xs, int?[] inAxes, int outAxis = 0, int? chunk = null)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(xs);
        ArgumentNullException.ThrowIfNull(inAxes);
        return new Tensor(CoreDiff.vmapWith(Adapter.Options(inAxes, outAxis, chunk), Adapter.ToCore(f), Tensor.Unwrap(xs, nameof(xs))));
    }

    /// <summary>A function that stops at the first value that is not finite, and says which operation made it.</summary>
    /// <param name="f">From any shape to any shape; may be a derivative.</param>
    /// <returns>The same function, checked; it throws a HesseException that names operation, shapes, element and arguments.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <remarks>Every operation runs on its own and keeps its result. Inside another transformation it is f itself.</remarks>
    public static Func<Tensor, Tensor> CheckFinite(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => new Tensor(CoreDiff.checkFinite(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>A function of trees that stops at the first value that is not finite, and says which operation made it.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree; may be a derivative.</param>
    /// <returns>The same function, checked.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<TIn, TOut> CheckFinite<TIn, TOut>(Func<TIn, TOut> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => ObjectTree.Rebuild<TOut>(CoreDiff.checkFinite(Adapter.ToCoreTree(f), ObjectTree.Flatten(x)));
    }
}
