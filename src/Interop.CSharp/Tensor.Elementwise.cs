using System;
using CoreTensor = Hesse.Tensor;
using CoreTensors = Hesse.TensorElementwise.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>eᵗ.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Exp() => new(CoreTensors.exp(Core));

    /// <summary>eᵗ − 1, exact near 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Expm1() => new(CoreTensors.expm1(Core));

    /// <summary>Natural logarithm.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Log() => new(CoreTensors.log(Core));

    /// <summary>log(1 + t), exact near 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Log1p() => new(CoreTensors.log1p(Core));

    /// <summary>Square root.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Sqrt() => new(CoreTensors.sqrt(Core));

    /// <summary>Sine, radians.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Sin() => new(CoreTensors.sin(Core));

    /// <summary>Cosine, radians.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Cos() => new(CoreTensors.cos(Core));

    /// <summary>Hyperbolic tangent.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Tanh() => new(CoreTensors.tanh(Core));

    /// <summary>1 / (1 + e⁻ᵗ).</summary>
    /// <returns>The same shape.</returns>
    public Tensor Sigmoid() => new(CoreTensors.sigmoid(Core));

    /// <summary>The error function.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Erf() => new(CoreTensors.erf(Core));

    /// <summary>max(t, 0), with derivative 0 at 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Relu() => new(CoreTensors.relu(Core));

    /// <summary>|t|, with derivative 0 at 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Abs() => new(CoreTensors.abs(Core));

    /// <summary>−1, 0 or 1; derivative 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Sign() => new(CoreTensors.sign(Core));

    /// <summary>The greatest integer that is not above t; derivative 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Floor() => new(CoreTensors.floor(Core));

    /// <summary>t², with exact derivatives at 0.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Square() => new(CoreTensors.square(Core));

    /// <summary>The value as a constant: every derivative through it is zero.</summary>
    /// <returns>The same shape.</returns>
    public Tensor StopGradient() => new(CoreTensors.stopGradient(Core));

    /// <summary>This tensor to a power.</summary>
    /// <param name="exponent">A number.</param>
    /// <returns>The same shape.</returns>
    public Tensor Pow(double exponent) => new(CoreTensor.Pow(Core, exponent));

    /// <summary>This tensor to a power, elementwise.</summary>
    /// <param name="exponent">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor Pow(Tensor exponent) => new(CoreTensors.pow(Core, Unwrap(exponent, nameof(exponent))));

    /// <summary>The larger of two tensors; at a tie the derivative is that of the other.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor Maximum(Tensor other) => new(CoreTensors.maximum(Core, Unwrap(other, nameof(other))));

    /// <summary>The smaller of two tensors; at a tie the derivative is that of the other.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor Minimum(Tensor other) => new(CoreTensors.minimum(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask this &gt; other: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor Greater(Tensor other) => new(CoreTensors.greater(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask this ≥ other: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor GreaterEqual(Tensor other) => new(CoreTensors.greaterEqual(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask this = other: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor EqualTo(Tensor other) => new(CoreTensors.equal(Core, Unwrap(other, nameof(other))));

    /// <summary>One tensor where a mask is not 0, another elsewhere; the derivative follows the choice.</summary>
    /// <param name="mask">0 or 1.</param>
    /// <param name="a">Taken where the mask holds.</param>
    /// <param name="b">Taken elsewhere.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public static Tensor Where(Tensor mask, Tensor a, Tensor b) =>
        new(CoreTensors.where(Unwrap(mask, nameof(mask)), Unwrap(a, nameof(a)), Unwrap(b, nameof(b))));
}
