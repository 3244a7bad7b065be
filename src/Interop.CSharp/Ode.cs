using System;
using Hesse.Interop.Trees;
using Microsoft.FSharp.Core;
using CoreOde = Hesse.Ode;

namespace Hesse.Interop;

/// <summary>Solutions of ordinary differential equations y′ = f(t, y) by the method of Dormand and Prince, order 5(4). Every transformation goes through them.</summary>
public static class Ode
{
    /// <summary>The solution at given times. Derivatives are those of the steps taken, with respect to the first state, the times and what f closes over.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a time, shape [], and a state to the slope, a tree like the state.</param>
    /// <param name="first">The state at the first time.</param>
    /// <param name="times">Shape [m], m ≥ 1, ascending or descending.</param>
    /// <param name="relativeTolerance">Tolerated error of a step, relative to the size of each element.</param>
    /// <param name="absoluteTolerance">Tolerated error of a step where the state is near 0.</param>
    /// <param name="maxSteps">Most steps between two output times.</param>
    /// <returns>The states at these times, stacked along a new first axis.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A time is not reached, the slope is not like the state, or a limit is not positive.</exception>
    public static T Solve<T>(
        Func<Tensor, T, T> f, T first, Tensor times, double relativeTolerance = 1e-8, double absoluteTolerance = 1e-10, int maxSteps = 2000)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(first);
        return ObjectTree.Rebuild<T>(
            CoreOde.solve(
                new OdeOptions(relativeTolerance, absoluteTolerance, maxSteps, FSharpOption<double>.None),
                Adapter.ToCoreSlope(f),
                ObjectTree.Flatten(first),
                Tensor.Unwrap(times, nameof(times))));
    }

    /// <summary>The first time after the start at which g(t, y) changes its sign.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a time, shape [], and a state to the slope, a tree like the state.</param>
    /// <param name="g">From a time and a state to a scalar, shape [].</param>
    /// <param name="first">The state at the start.</param>
    /// <param name="time">The start, shape [].</param>
    /// <param name="until">When to give up, shape [].</param>
    /// <param name="relativeTolerance">Tolerated error of a step, relative to the size of each element.</param>
    /// <param name="absoluteTolerance">Tolerated error of a step where the state is near 0.</param>
    /// <param name="maxSteps">Most steps in all.</param>
    /// <returns>Time and state of the event and 1; without one, the last time, the state there, and 0.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">As for <see cref="Solve"/>; or g is not scalar.</exception>
    public static (Tensor Time, T State, Tensor Found) UntilEvent<T>(
        Func<Tensor, T, T> f,
        Func<Tensor, T, Tensor> g,
        T first,
        Tensor time,
        Tensor until,
        double relativeTolerance = 1e-8,
        double absoluteTolerance = 1e-10,
        int maxSteps = 2000)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(first);
        var found = CoreOde.untilEvent(
            new OdeOptions(relativeTolerance, absoluteTolerance, maxSteps, FSharpOption<double>.None),
            Adapter.ToCoreSlope(f),
            Adapter.ToCoreGauge(g),
            ObjectTree.Flatten(first),
            Tensor.Unwrap(time, nameof(time)),
            Tensor.Unwrap(until, nameof(until)));
        return (new Tensor(found.Time), ObjectTree.Rebuild<T>(found.State), new Tensor(found.Found));
    }
}
