using System;
using Hesse.Interop.Trees;
using CoreDiff = Hesse.Diff;

namespace Hesse.Interop;

// Functions of trees: records, classes, lists, dictionaries, tuples.
public static partial class Diff
{
    /// <summary>The gradient of a scalar function of a tree, as a function.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <returns>A function to the structure of its argument.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<T, T> Grad<T>(Func<T, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => Grad(f, x);
    }

    /// <summary>The gradient of a scalar function of a tree: a record, a class, a list, ….</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>A tree of the structure of x; its static data is that of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar, or a type in the tree holds tensors but cannot be rebuilt.</exception>
    public static T Grad<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return ObjectTree.Rebuild<T>(CoreDiff.grad(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>The value and the gradient of a scalar function of a tree, as a function.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <returns>A function to shape [] and the structure of its argument.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<T, (Tensor Value, T Gradient)> ValueAndGrad<T>(Func<T, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => ValueAndGrad(f, x);
    }

    /// <summary>The value and the gradient of a scalar function of a tree.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>Shape [], and a tree of the structure of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar, or a type in the tree holds tensors but cannot be rebuilt.</exception>
    public static (Tensor Value, T Gradient) ValueAndGrad<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, gradient) = CoreDiff.valueAndGrad(Adapter.ToCore(f), ObjectTree.Flatten(x));
        return (new Tensor(value), ObjectTree.Rebuild<T>(gradient));
    }

    /// <summary>Value and directional derivative of a function of trees: forward mode.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="dx">The direction; a tree of the structure of x.</param>
    /// <returns>f(x) and Df(x)[dx], both of the structure of the result of f.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">dx and x differ in structure or shape.</exception>
    public static (TOut Value, TOut Tangent) Jvp<TIn, TOut>(Func<TIn, TOut> f, TIn x, TIn dx)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(dx);
        var (value, tangent) = CoreDiff.jvp(Adapter.ToCoreTree(f), ObjectTree.Flatten(x), ObjectTree.Flatten(dx));
        return (ObjectTree.Rebuild<TOut>(value), ObjectTree.Rebuild<TOut>(tangent));
    }

    /// <summary>The value, and the derivative at x as a function of the direction; the value is computed once.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and dx ↦ Df(x)[dx].</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static (TOut Value, Func<TIn, TOut> Derivative) Linearize<TIn, TOut>(Func<TIn, TOut> f, TIn x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, derivative) = CoreDiff.linearize(Adapter.ToCoreTree(f), ObjectTree.Flatten(x));
        return (ObjectTree.Rebuild<TOut>(value), Adapter.FromCoreTree<TIn, TOut>(derivative));
    }

    /// <summary>The value, and the transposed derivative at x as a function of the cotangent: reverse mode.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and ct ↦ Df(x)ᵀ[ct], with ct of the structure of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static (TOut Value, Func<TOut, TIn> Pullback) Vjp<TIn, TOut>(Func<TIn, TOut> f, TIn x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, pullback) = CoreDiff.vjp(Adapter.ToCoreTree(f), ObjectTree.Flatten(x));
        return (ObjectTree.Rebuild<TOut>(value), Adapter.FromCoreTree<TOut, TIn>(pullback));
    }

    /// <summary>Hessian-vector product of a scalar function of a tree, without the Hessian.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <param name="v">The vector; a tree of the structure of x.</param>
    /// <returns>∇²f(x)·v, of the structure of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar, or v and x differ in structure or shape.</exception>
    public static T Hvp<T>(Func<T, Tensor> f, T x, T v)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(v);
        return ObjectTree.Rebuild<T>(CoreDiff.hvp(Adapter.ToCore(f), ObjectTree.Flatten(x), ObjectTree.Flatten(v)));
    }

    /// <summary>The Hessian of a scalar function of a tree.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a scalar; shape [].</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>Shape [P; P]: tensors in the order of the tree, each row-major.
    /// For T = Tensor, the shape of x twice.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static Tensor Hessian<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return f is Func<Tensor, Tensor> g && x is Tensor t
            ? Hessian(g, t)
            : new Tensor(CoreDiff.hessian(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>The Jacobian with respect to a tree, by whichever mode needs fewer passes.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>The shape of f(x), followed by [P]: tensors in the order of the tree, each row-major.
    /// For T = Tensor, the shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor Jacobian<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return f is Func<Tensor, Tensor> g && x is Tensor t
            ? Jacobian(g, t)
            : new Tensor(CoreDiff.jacobian(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>The Jacobian with respect to a tree, by forward mode.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>The shape of f(x), followed by [P]: tensors in the order of the tree, each row-major.
    /// For T = Tensor, the shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor JacFwd<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return f is Func<Tensor, Tensor> g && x is Tensor t
            ? JacFwd(g, t)
            : new Tensor(CoreDiff.jacfwd(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>The Jacobian with respect to a tree, by reverse mode.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>The shape of f(x), followed by [P]: tensors in the order of the tree, each row-major.
    /// For T = Tensor, the shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor JacRev<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return f is Func<Tensor, Tensor> g && x is Tensor t
            ? JacRev(g, t)
            : new Tensor(CoreDiff.jacrev(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>The sum of all P second derivatives Σ ∂²f/∂xᵢ² of a function of a tree.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>The shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor Laplacian<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.laplacian(Adapter.ToCore(f), ObjectTree.Flatten(x)));
    }

    /// <summary>Derivatives of every order along a line of trees, by Taylor mode.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="order">Highest order K, at least 0.</param>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">Where.</param>
    /// <param name="direction">v; a tree of the structure of x.</param>
    /// <returns>K + 1 results; number k is dᵏ/dtᵏ f(x + t v) at t = 0.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The order is negative, or direction and x differ in structure or shape.</exception>
    public static TOut[] Jet<TIn, TOut>(int order, Func<TIn, TOut> f, TIn x, TIn direction)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(direction);
        var derivatives = CoreDiff.jet(order, Adapter.ToCoreTree(f), ObjectTree.Flatten(x), ObjectTree.Flatten(direction));
        return Array.ConvertAll(derivatives, ObjectTree.Rebuild<TOut>);
    }

    /// <summary>Applies a function to every part of a tree along the first axis of its tensors, as one batch.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">A tree whose tensors all have the same first length n.</param>
    /// <returns>The results of f, stacked: every tensor has a new first axis of length n.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">First lengths differ, or a tensor is a scalar.</exception>
    public static TOut VMap<TIn, TOut>(Func<TIn, TOut> f, TIn xs)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(xs);
        return ObjectTree.Rebuild<TOut>(CoreDiff.vmap(Adapter.ToCoreTree(f), ObjectTree.Flatten(xs)));
    }

    /// <summary>A function of trees that is traced and compiled once for each structure of its argument.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <returns>The same function, faster; safe to call from several threads.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <remarks>The structure is types, shapes, keys and static data: a change in static data compiles anew.</remarks>
    public static Func<TIn, TOut> Compile<TIn, TOut>(Func<TIn, TOut> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Adapter.FromCoreTree<TIn, TOut>(CoreDiff.compile(Adapter.ToCoreTree(f)));
    }

    /// <summary>The plan that Compile makes for a function of trees, as a table.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">An argument of the structure in question.</param>
    /// <returns>Its steps (operation, shape, FLOPs, bytes, threads) and totals; the text is that of Explain.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function uses a tensor of a surrounding transformation, or the plan would not fit into memory.</exception>
    public static PlanTable Plan<TIn, TOut>(Func<TIn, TOut> f, TIn x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return CoreDiff.plan(Adapter.ToCoreTree(f), ObjectTree.Flatten(x));
    }

    /// <summary>The plan that Compile makes for a function of trees, as text.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <param name="x">An argument of the structure in question.</param>
    /// <returns>One line per step, then the totals.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function uses a tensor of a surrounding transformation.</exception>
    public static string Explain<TIn, TOut>(Func<TIn, TOut> f, TIn x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return CoreDiff.explain(Adapter.ToCoreTree(f), ObjectTree.Flatten(x));
    }
}
