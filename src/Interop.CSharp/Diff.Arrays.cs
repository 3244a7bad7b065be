using System;
using CoreDiff = Hesse.Diff;

namespace Hesse.Interop;

// Functions of several tensors in an array.
public static partial class Diff
{
    /// <summary>The gradient of a scalar function of several tensors.</summary>
    /// <param name="f">From tensors to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>One gradient per tensor, of its shape.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static Tensor[] Grad(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Tensor.Wrap(CoreDiff.grad(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>The value and the gradient of a scalar function of several tensors.</summary>
    /// <param name="f">From tensors to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape [], and one gradient per tensor, of its shape.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static (Tensor Value, Tensor[] Gradient) ValueAndGrad(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, gradient) = CoreDiff.valueAndGrad(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)));
        return (new Tensor(value), Tensor.Wrap(gradient));
    }

    /// <summary>Value and directional derivative of a function of several tensors: forward mode.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <param name="dx">The directions; the shapes of x.</param>
    /// <returns>f(x) and Df(x)[dx], both of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">dx and x differ in number or shape.</exception>
    public static (Tensor Value, Tensor Tangent) Jvp(Func<Tensor[], Tensor> f, Tensor[] x, Tensor[] dx)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(dx);
        var (value, tangent) = CoreDiff.jvp(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)), Tensor.Unwrap(dx, nameof(dx)));
        return (new Tensor(value), new Tensor(tangent));
    }

    /// <summary>The value, and the transposed derivative at x as a function of the cotangent: reverse mode.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>f(x) and ct ↦ Df(x)ᵀ[ct], with ct of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static (Tensor Value, Func<Tensor, Tensor[]> Pullback) Vjp(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, pullback) = CoreDiff.vjp(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)));
        return (new Tensor(value), ct => Tensor.Wrap(pullback.Invoke(Tensor.Unwrap(ct, nameof(ct)))));
    }

    /// <summary>The value, and the derivative at x as a function of the directions; the value is computed once.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>f(x) and dx ↦ Df(x)[dx].</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static (Tensor Value, Func<Tensor[], Tensor> Derivative) Linearize(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, derivative) = CoreDiff.linearize(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)));
        return (new Tensor(value), dx => new Tensor(derivative.Invoke(Tensor.Unwrap(dx, nameof(dx)))));
    }

    /// <summary>Hessian-vector product of a scalar function of several tensors, without the Hessian.</summary>
    /// <param name="f">From tensors to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <param name="v">The vector; the shapes of x.</param>
    /// <returns>∇²f(x)·v, of the shapes of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar, or v and x differ in number or shape.</exception>
    public static Tensor[] Hvp(Func<Tensor[], Tensor> f, Tensor[] x, Tensor[] v)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(v);
        return Tensor.Wrap(CoreDiff.hvp(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)), Tensor.Unwrap(v, nameof(v))));
    }

    /// <summary>The Hessian of a scalar function of several tensors.</summary>
    /// <param name="f">From tensors to a scalar; shape [].</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>Shape [P; P], in the order of the tensors, each row-major.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static Tensor Hessian(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.hessian(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>The Jacobian with respect to several tensors, by whichever mode needs fewer passes.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The shape of f(x), followed by [P], in the order of the tensors, each row-major.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor Jacobian(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacobian(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>The Jacobian with respect to several tensors, by forward mode.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The shape of f(x), followed by [P], in the order of the tensors, each row-major.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor JacFwd(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacfwd(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>The Jacobian with respect to several tensors, by reverse mode.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The shape of f(x), followed by [P], in the order of the tensors, each row-major.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor JacRev(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.jacrev(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>The sum of all P second derivatives Σ ∂²f/∂xᵢ² of a function of several tensors.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <returns>The shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor Laplacian(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.laplacian(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>Derivatives of every order along a line of several tensors, by Taylor mode.</summary>
    /// <param name="order">Highest order K, at least 0.</param>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Where; P elements in all.</param>
    /// <param name="direction">v; the shapes of x.</param>
    /// <returns>K + 1 tensors of the shape of f(x); number k is dᵏ/dtᵏ f(x + t v) at t = 0.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The order is negative, or direction and x differ in number or shape.</exception>
    public static Tensor[] Jet(int order, Func<Tensor[], Tensor> f, Tensor[] x, Tensor[] direction)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(direction);
        return Tensor.Wrap(CoreDiff.jet(order, Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)), Tensor.Unwrap(direction, nameof(direction))));
    }

    /// <summary>Applies a function to corresponding parts of several tensors along their first axis, as one batch.</summary>
    /// <param name="f">A function of one part of each tensor.</param>
    /// <param name="xs">Each of shape [n; …], with one n.</param>
    /// <returns>The results of f, stacked along a new first axis of length n.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">First lengths differ, or a tensor is a scalar.</exception>
    public static Tensor VMap(Func<Tensor[], Tensor> f, Tensor[] xs)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(xs);
        return new Tensor(CoreDiff.vmap(Adapter.ToCore(f), Tensor.Unwrap(xs, nameof(xs))));
    }

    /// <summary>A function of several tensors that is compiled once for each set of shapes.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <returns>The same function, faster; safe to call from several threads.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor[], Tensor> Compile(Func<Tensor[], Tensor> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        var plan = CoreDiff.compile(Adapter.ToCore(f));
        return x => new Tensor(plan.Invoke(Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>The plan that Compile makes for a function of several tensors, as a table.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Arguments of the shapes in question.</param>
    /// <returns>Its steps (operation, shape, FLOPs, bytes, threads) and totals; the text is that of Explain.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function uses a tensor of a surrounding transformation, or the plan would not fit into memory.</exception>
    public static PlanTable Plan(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return CoreDiff.plan(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)));
    }

    /// <summary>The plan that Compile makes for a function of several tensors, as text.</summary>
    /// <param name="f">From tensors to any shape.</param>
    /// <param name="x">Arguments of the shapes in question.</param>
    /// <returns>One line per step, then the totals.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The function uses a tensor of a surrounding transformation.</exception>
    public static string Explain(Func<Tensor[], Tensor> f, Tensor[] x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return CoreDiff.explain(Adapter.ToCore(f), Tensor.Unwrap(x, nameof(x)));
    }
}
