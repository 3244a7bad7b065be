using System;
using CoreDiff = Hesse.Diff;

namespace Hesse.Interop;

/// <summary>Differentiation, vectorisation and compilation of functions on tensors, on arrays of tensors and on trees of tensors.</summary>
/// <remarks>
/// Every transformation calls its function once on symbolic tensors and transforms the expression that comes back, so that
/// transformations nest to any order. A tree is a tensor, or an array, List, Dictionary, tuple, record or class of trees; other data in it
/// (numbers, names, functions) is kept as it is and has no derivative. Exceptions of the library are <see cref="HesseException"/>.
/// </remarks>
public static partial class Diff
{
    /// <summary>The gradient of a scalar function, as a function.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <returns>A function to the shape of its argument.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> Grad(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => Grad(f, x);
    }

    /// <summary>The gradient of a scalar function.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    /// <remarks>Cost: at most about 3 evaluations of f (Griewank and Walther 2008, section 3.3).</remarks>
    public static Tensor Grad(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.grad(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The value and the gradient of a scalar function, as a function.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <returns>A function to shape [] and the shape of its argument.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, (Tensor Value, Tensor Gradient)> ValueAndGrad(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => ValueAndGrad(f, x);
    }

    /// <summary>The value and the gradient of a scalar function.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <returns>Shape [] and the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static (Tensor Value, Tensor Gradient) ValueAndGrad(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, gradient) = CoreDiff.valueAndGrad(Adapter.ToCore(f), x.Core);
        return (new Tensor(value), new Tensor(gradient));
    }

    /// <summary>Value and directional derivative: forward mode.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="dx">The direction; the shape of x.</param>
    /// <returns>f(x) and Df(x)[dx], both of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">dx and x differ in shape.</exception>
    public static (Tensor Value, Tensor Tangent) Jvp(Func<Tensor, Tensor> f, Tensor x, Tensor dx)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(dx);
        var (value, tangent) = CoreDiff.jvp(Adapter.ToCore(f), x.Core, dx.Core);
        return (new Tensor(value), new Tensor(tangent));
    }

    /// <summary>The value, and the derivative at x as a function of the direction; the value is computed once.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and dx ↦ Df(x)[dx].</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static (Tensor Value, Func<Tensor, Tensor> Derivative) Linearize(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, derivative) = CoreDiff.linearize(Adapter.ToCore(f), x.Core);
        return (new Tensor(value), Adapter.FromCore(derivative));
    }

    /// <summary>The value, and the transposed derivative at x as a function of the cotangent: reverse mode.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x) and ct ↦ Df(x)ᵀ[ct], with ct of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static (Tensor Value, Func<Tensor, Tensor> Pullback) Vjp(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, pullback) = CoreDiff.vjp(Adapter.ToCore(f), x.Core);
        return (new Tensor(value), Adapter.FromCore(pullback));
    }

    /// <summary>Hessian-vector product of a scalar function: forward over reverse, without the Hessian.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <param name="v">The vector; the shape of x.</param>
    /// <returns>∇²f(x)·v, of the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar, or v and x differ in shape.</exception>
    /// <remarks>The exact product (Pearlmutter 1994), at about two gradients' cost.</remarks>
    public static Tensor Hvp(Func<Tensor, Tensor> f, Tensor x, Tensor v)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(v);
        return new Tensor(CoreDiff.hvp(Adapter.ToCore(f), x.Core, v.Core));
    }

    /// <summary>The Hessian of a scalar function, as a function.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <returns>A function to the shape of its argument twice.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> Hessian(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => Hessian(f, x);
    }

    /// <summary>The Hessian of a scalar function, as a batch of Hessian-vector products.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of x twice.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static Tensor Hessian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.hessian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Jacobian, as a function.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <returns>A function to the shape of the result, followed by the shape of the argument.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> Jacobian(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x => Jacobian(f, x);
    }

    /// <summary>The Jacobian, by whichever mode needs fewer passes.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor Jacobian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacobian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Jacobian by forward mode: one batch of directions, one per input element.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor JacFwd(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacfwd(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The Jacobian by reverse mode: one batch of cotangents, one per output element.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor JacRev(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacrev(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The sum of second derivatives Σ ∂²f/∂xᵢ², from second-order jets along every axis.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor Laplacian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.laplacian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The n-th derivative of a function of one number.</summary>
    /// <param name="n">The order, at least 0.</param>
    /// <param name="f">From a scalar to any shape.</param>
    /// <param name="x">Where; shape [].</param>
    /// <returns>dⁿf/dxⁿ, of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">n is negative, or x is not a scalar.</exception>
    public static Tensor Derivative(int n, Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.derivative(n, Adapter.ToCore(f), x.Core));
    }

    /// <summary>Derivatives of every order along a line, by Taylor mode.</summary>
    /// <param name="order">Highest order K, at least 0.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="direction">v; the shape of x.</param>
    /// <returns>K + 1 tensors of the shape of f(x); number k is dᵏ/dtᵏ f(x + t v) at t = 0: derivatives, not Taylor coefficients.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The order is negative, or direction and x differ in shape.</exception>
    /// <remarks>Cost O(K²) evaluations of f, not 2ᴷ (Griewank and Walther 2008, chapter 13).</remarks>
    public static Tensor[] Jet(int order, Func<Tensor, Tensor> f, Tensor x, Tensor direction)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(direction);
        return Tensor.Wrap(CoreDiff.jet(order, Adapter.ToCore(f), x.Core, direction.Core));
    }

    /// <summary>A function that applies f to every part of its argument along the first axis, as one batch.</summary>
    /// <param name="f">A function of one part.</param>
    /// <returns>A function from shape [n; …] to shape [n; …].</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> VMap(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return xs => VMap(f, xs);
    }

    /// <summary>Applies a function to every part of its argument along an axis, as one batch.</summary>
    /// <param name="f">A function of one part.</param>
    /// <param name="xs">Shape [n; …].</param>
    /// <param name="inAxis">The axis of xs that is mapped over.</param>
    /// <param name="outAxis">The place of that axis in the result.</param>
    /// <returns>The results of f, stacked along outAxis.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">xs or the result lacks the axis.</exception>
    public static Tensor VMap(Func<Tensor, Tensor> f, Tensor xs, int inAxis = 0, int outAxis = 0)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(xs);
        return new Tensor(CoreDiff.vmapAxes(inAxis, outAxis, Adapter.ToCore(f), xs.Core));
    }

    /// <summary>A function that is traced and compiled once for each shape, and from then on runs its plan.</summary>
    /// <param name="f">
    /// Built from tensor operations and transformations. It is called once per shape: side effects and branches on values are not repeated.
    /// </param>
    /// <returns>The same function, faster; safe to call from several threads.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> Compile(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Adapter.FromCore(CoreDiff.compile(Adapter.ToCore(f)));
    }

    /// <summary>A compiled function that writes its result into an array of the caller, and allocates nothing for it.</summary>
    /// <param name="f">Built from tensor operations and transformations; called once per shape.</param>
    /// <returns>A function of the argument and of an array of exactly as many numbers as the result has; safe to call from several threads.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">On a call: the array has another length, or the argument belongs to a surrounding transformation.</exception>
    public static Action<Tensor, double[]> CompileInto(Func<Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Adapter.FromCoreInto(CoreDiff.compileInto(Adapter.ToCore(f)));
    }

    /// <summary>A function of two arguments that is compiled in two stages: what depends on the first alone is computed once and kept.</summary>
    /// <param name="f">Built from tensor operations and transformations; called once per pair of shapes.</param>
    /// <returns>A function of the first argument that gives the function of the second, which holds what was computed; safe to call from several threads.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Func<Tensor, Tensor>> CompileStaged(Func<Tensor, Tensor, Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return Adapter.FromCoreStaged(CoreDiff.compileStaged(Adapter.ToCore(f)));
    }

    /// <summary>The plan that Compile makes for a function, as a table.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">An argument of the shape in question.</param>
    /// <returns>Its steps (operation, shape, FLOPs, bytes, threads) and totals; the text is that of Explain.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function uses a tensor of a surrounding transformation, or the plan would not fit into memory.</exception>
    public static PlanTable Plan(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return CoreDiff.plan(Adapter.ToCore(f), x.Core);
    }

    /// <summary>The plan that Compile makes for a function, as text: operations, FLOPs, bytes, memory.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">An argument of the shape in question.</param>
    /// <returns>One line per step, then the totals.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function uses a tensor of a surrounding transformation.</exception>
    public static string Explain(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return CoreDiff.explain(Adapter.ToCore(f), x.Core);
    }
}
