using System;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using CoreDiff = Hesse.Diff;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <content>Sums of second derivatives, exact and estimated.</content>
public static partial class Diff
{
    /// <summary>Value, all first derivatives and the sum of second derivatives, in one forward pass.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>f(x); the Jacobian, of the shape of f(x) followed by that of x; and Σ ∂²f/∂xᵢ², of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <remarks>Cost: that of Laplacian.</remarks>
    public static (Tensor Value, Tensor Jacobian, Tensor Laplacian) ValueGradLaplacian(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        var (value, jacobian, laplacian) = CoreDiff.valueGradLaplacian(Adapter.ToCore(f), x.Core);
        return (new Tensor(value), new Tensor(jacobian), new Tensor(laplacian));
    }

    /// <summary>The second derivatives ∂²f/∂xᵢ² one by one.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x), followed by the shape of x.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Tensor LaplacianTerms(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.laplacianTerms(Adapter.ToCore(f), x.Core));
    }

    /// <summary>The second-order operator Σ aᵢⱼ ∂²f/∂xᵢ∂xⱼ with constant weights, by the forward Laplacian.</summary>
    /// <param name="weights">[P] for a diagonal, or [P; P], over the elements of x; of any sign.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where; P elements.</param>
    /// <returns>The shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The weights have another shape.</exception>
    public static Tensor LaplacianWith(Tensor weights, Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.laplacianWith(weights.Core, Adapter.ToCore(f), x.Core));
    }

    /// <summary>The sum Σ wₖ D²f(x)[dₖ, dₖ] over given directions, by the forward Laplacian.</summary>
    /// <param name="weights">w, shape [m]; of any sign.</param>
    /// <param name="directions">Shape [m], followed by the shape of x.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>The shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">Weights and directions do not fit each other or x.</exception>
    public static Tensor LaplacianAlong(Tensor weights, Tensor directions, Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(directions);
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return new Tensor(CoreDiff.laplacianAlong(weights.Core, directions.Core, Adapter.ToCore(f), x.Core));
    }

    /// <summary>An unbiased estimate of Σ ∂²f/∂xᵢ² from second-order jets along random directions.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="probes">How many directions, at least 2.</param>
    /// <param name="key">The stream: the same key, the same probes.</param>
    /// <param name="probe">The distribution of a direction.</param>
    /// <param name="chunk">How many are taken at once; null to have it chosen.</param>
    /// <returns>Mean and standard error over the probes, of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">There are fewer than 2 probes, or the chunk is below 1.</exception>
    public static (Tensor Value, Tensor StandardError) StochasticLaplacian(
        Func<Tensor, Tensor> f, Tensor x, int probes, RandomKey key, Probe probe = Probe.Rademacher, int? chunk = null)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(key);
        return Estimate(CoreDiff.stochasticLaplacian(Adapter.Options(probes, key, probe, chunk), Adapter.ToCore(f), x.Core));
    }

    /// <summary>An unbiased estimate of Σ aᵢⱼ ∂²f/∂xᵢ∂xⱼ from mixed derivatives D²f[v, A v] along random v.</summary>
    /// <param name="weights">[P] for a diagonal, or [P; P], over the elements of x; of any sign.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where; P elements.</param>
    /// <param name="probes">How many directions, at least 2.</param>
    /// <param name="key">The stream: the same key, the same probes.</param>
    /// <param name="probe">The distribution of a direction.</param>
    /// <param name="chunk">How many are taken at once; null to have it chosen.</param>
    /// <returns>Mean and standard error over the probes, of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The weights have another shape, there are fewer than 2 probes, or the chunk is below 1.</exception>
    public static (Tensor Value, Tensor StandardError) StochasticLaplacianWith(
        Tensor weights, Func<Tensor, Tensor> f, Tensor x, int probes, RandomKey key, Probe probe = Probe.Rademacher, int? chunk = null)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(key);
        return Estimate(
            CoreDiff.stochasticLaplacianWith(weights.Core, Adapter.Options(probes, key, probe, chunk), Adapter.ToCore(f), x.Core));
    }

    /// <summary>An unbiased estimate of a linear differential operator of any order: the mean of w·Dᵏf(x)[v₁, …, v_k] over samples of w and v.</summary>
    /// <param name="sample">From a key to a weight and k directions of the shape of x; one and the same tensor where directions are equal.</param>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <param name="probes">How many directions, at least 2.</param>
    /// <param name="key">The stream: the same key, the same probes.</param>
    /// <param name="chunk">How many are taken at once; null to have it chosen.</param>
    /// <returns>Mean and standard error over the probes, of the shape of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">A direction does not fit x, samples differ in which directions are equal, there are fewer than 2 probes, or the chunk is below 1.</exception>
    public static (Tensor Value, Tensor StandardError) StochasticOperator(
        Func<RandomKey, (double Weight, Tensor[] Directions)> sample, Func<Tensor, Tensor> f, Tensor x, int probes, RandomKey key, int? chunk = null)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(key);
        FSharpFunc<Key, Tuple<double, FSharpList<CoreTensor>>> core = FuncConvert.FromFunc<Key, Tuple<double, FSharpList<CoreTensor>>>(k =>
        {
            var (weight, directions) = sample(new RandomKey(k));
            return Tuple.Create(weight, ListModule.OfArray(Tensor.Unwrap(directions, nameof(sample))));
        });
        return Estimate(CoreDiff.stochasticOperator(core, Adapter.Options(probes, key, Probe.Gaussian, chunk), Adapter.ToCore(f), x.Core));
    }

    private static (Tensor Value, Tensor StandardError) Estimate(StochasticEstimate<CoreTensor> e) => (new Tensor(e.Value), new Tensor(e.StandardError));
}
