using System;
using Hesse.Interop.Trees;
using CoreCheck = Hesse.CheckGradients;

namespace Hesse.Interop;

/// <summary>Derivatives of a function against finite differences and against each other, to any order.</summary>
public static class CheckGradients
{
    /// <summary>Checks the derivatives of a function at a point, and says how well they agree.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="order">Highest order of derivative, at least 1.</param>
    /// <param name="tolerance">Largest relative error.</param>
    /// <param name="step">Step of the finite differences; the function must be smooth within it.</param>
    /// <param name="seed">Of the random directions.</param>
    /// <returns>The worst relative errors of forward mode against differences and of reverse against forward mode; element k − 1 belongs to order k.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A derivative disagrees; the message names order, mode and both numbers. Also when an option is out of range.</exception>
    public static (double[] Forward, double[] Reverse) Check(Func<Tensor, Tensor> f, Tensor x, int order = 2, double tolerance = 1e-6, double step = 1.0 / 64.0, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var report = CoreCheck.checkWith(new GradientCheckOptions(order, tolerance, step, seed), Adapter.ToCore(f), x.Core);
        return (report.Forward, report.Reverse);
    }

    /// <summary>Checks the derivatives of a function of a tree at a point, and says how well they agree.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <param name="order">Highest order of derivative, at least 1.</param>
    /// <param name="tolerance">Largest relative error.</param>
    /// <param name="step">Step of the finite differences; the function must be smooth within it.</param>
    /// <param name="seed">Of the random directions.</param>
    /// <returns>The worst relative errors of forward mode against differences and of reverse against forward mode; element k − 1 belongs to order k.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A derivative disagrees; the message names order, mode, tensor and both numbers. Also when an option is out of range.</exception>
    public static (double[] Forward, double[] Reverse) Check<T>(Func<T, Tensor> f, T x, int order = 2, double tolerance = 1e-6, double step = 1.0 / 64.0, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var report = CoreCheck.checkWith(new GradientCheckOptions(order, tolerance, step, seed), Adapter.ToCore(f), ObjectTree.Flatten(x));
        return (report.Forward, report.Reverse);
    }
}
