using System;
using System.Collections.Generic;
using CorePlanner = Hesse.Planner;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <summary>The ways to compute a derivative, with their costs.</summary>
public sealed class DerivativePlan
{
    private readonly DerivativePlan<CoreTensor> _plan;

    internal DerivativePlan(DerivativePlan<CoreTensor> plan) => _plan = plan;

    /// <summary>What is asked for.</summary>
    public string Request => _plan.Request;

    /// <summary>Each route's name, FLOPs, bytes moved, bytes of memory for intermediate values, and whether it is the one that is taken.</summary>
    public IReadOnlyList<(string Name, long Flops, long Bytes, long Arena, bool Fits, bool Chosen)> Routes =>
        Array.ConvertAll(_plan.Routes, r => (r.Name, r.Flops, r.Bytes, r.Arena, r.Fits, r.Chosen));

    /// <summary>The same plan under another memory limit.</summary>
    /// <param name="bytes">What the intermediate values of a route may take.</param>
    /// <returns>A new plan.</returns>
    public DerivativePlan WithMemory(long bytes) => new(CorePlanner.withMemory(bytes, _plan));

    /// <summary>The derivative, by the route that the plan chose.</summary>
    /// <returns>What the derivative is.</returns>
    public Tensor Run() => new(CorePlanner.run(_plan));

    /// <summary>The derivative, by a route that you choose.</summary>
    /// <param name="route">The name of a route of the plan.</param>
    /// <returns>What the derivative is.</returns>
    /// <exception cref="ArgumentNullException">The name is null.</exception>
    /// <exception cref="HesseException">The plan has no such route.</exception>
    public Tensor Run(string route)
    {
        ArgumentNullException.ThrowIfNull(route);
        return new Tensor(CorePlanner.runBy(route, _plan));
    }

    /// <summary>The plan as text: the request, then one line for each route.</summary>
    /// <returns>Several lines.</returns>
    public override string ToString() => _plan.ToString();
}
