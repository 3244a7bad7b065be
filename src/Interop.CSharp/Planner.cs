using System;
using Microsoft.FSharp.Collections;
using CorePlanner = Hesse.Planner;

namespace Hesse.Interop;

/// <summary>The ways to compute a derivative, what each would take, and which is taken; nothing is run before <see cref="DerivativePlan.Run()"/>.</summary>
public static class Planner
{
    /// <summary>Ways to the mixed derivative Dᵏf(x)[v₁, …, v_k].</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="directions">v₁, …, v_k, of the shape of x.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A direction and x differ in shape.</exception>
    public static DerivativePlan Directional(Func<Tensor, Tensor> f, Tensor x, Tensor[] directions)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(directions);
        return new DerivativePlan(CorePlanner.directional(Adapter.ToCore(f), x.Core, ListModule.OfArray(Tensor.Unwrap(directions, nameof(directions)))));
    }

    /// <summary>Ways to the Jacobian.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static DerivativePlan Jacobian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new DerivativePlan(CorePlanner.jacobian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>Ways to the Hessian of a scalar function.</summary>
    /// <param name="f">From any shape to a scalar; shape [].</param>
    /// <param name="x">Where.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The result is not a scalar.</exception>
    public static DerivativePlan Hessian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new DerivativePlan(CorePlanner.hessian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>Ways to the sum of second derivatives.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static DerivativePlan Laplacian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new DerivativePlan(CorePlanner.laplacian(Adapter.ToCore(f), x.Core));
    }

    /// <summary>Ways to the full tensor of k-th derivatives.</summary>
    /// <param name="order">k, at least 0.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The plan.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The order is negative.</exception>
    public static DerivativePlan DerivativeTensor(int order, Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new DerivativePlan(CorePlanner.derivativeTensor(order, Adapter.ToCore(f), x.Core));
    }
}
