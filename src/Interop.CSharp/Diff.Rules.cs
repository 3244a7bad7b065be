using System;
using Microsoft.FSharp.Core;
using CoreDiff = Hesse.Diff;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <content>Derivatives that the user gives.</content>
public static partial class Diff
{
    /// <summary>A function with a derivative that you give, in place of the one that would be worked out.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="rule">From x, y = f(x) and a tangent dx (shape of x) to the tangent dy (shape of y). It must be linear in dx; it is differentiated in turn for higher orders.</param>
    /// <returns>The same function; every transformation uses the rule.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> CustomDerivative(Func<Tensor, Tensor> f, Func<Tensor, Tensor, Tensor, Tensor> rule)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(rule);
        FSharpFunc<CoreTensor, CoreTensor> core = Adapter.ToCore(f);
        FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, CoreTensor>>> coreRule = Adapter.ToCore(rule);
        return x => new Tensor(CoreDiff.customDerivative(core, coreRule, Tensor.Unwrap(x, nameof(x))));
    }

    /// <summary>A function with a pullback that you give, in place of the one that would be worked out.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="rule">From x, y = f(x) and a cotangent ct (shape of y) to the cotangent of x (shape of x). It must be linear in ct.</param>
    /// <returns>The same function; forward mode and jets use the transpose of the rule.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<Tensor, Tensor> CustomPullback(Func<Tensor, Tensor> f, Func<Tensor, Tensor, Tensor, Tensor> rule)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(rule);
        FSharpFunc<CoreTensor, CoreTensor> core = Adapter.ToCore(f);
        FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, CoreTensor>>> coreRule = Adapter.ToCore(rule);
        return x => new Tensor(CoreDiff.customPullback(core, coreRule, Tensor.Unwrap(x, nameof(x))));
    }
}
