using System;
using CoreTensors = Hesse.TensorElementwise.Tensor;

namespace Hesse.Interop;

public sealed partial class Tensor
{
    /// <summary>Tangent.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Tan() => new(CoreTensors.tan(Core));

    /// <summary>Hyperbolic sine.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Sinh() => new(CoreTensors.sinh(Core));

    /// <summary>Hyperbolic cosine.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Cosh() => new(CoreTensors.cosh(Core));

    /// <summary>Inverse sine, radians; NaN outside [−1, 1].</summary>
    /// <returns>The same shape.</returns>
    public Tensor Asin() => new(CoreTensors.asin(Core));

    /// <summary>Inverse cosine, radians; NaN outside [−1, 1].</summary>
    /// <returns>The same shape.</returns>
    public Tensor Acos() => new(CoreTensors.acos(Core));

    /// <summary>Inverse tangent, radians.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Atan() => new(CoreTensors.atan(Core));

    /// <summary>The angle of the point (x, this), in (−π, π]. At the origin it is 0 or ±π, by the signs of the zeros, and every derivative is 0 by convention.</summary>
    /// <param name="x">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor Atan2(Tensor x) => new(CoreTensors.atan2(Core, Unwrap(x, nameof(x))));

    /// <summary>Inverse hyperbolic sine.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Asinh() => new(CoreTensors.asinh(Core));

    /// <summary>Inverse hyperbolic cosine; NaN below 1.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Acosh() => new(CoreTensors.acosh(Core));

    /// <summary>Inverse hyperbolic tangent; NaN outside [−1, 1].</summary>
    /// <returns>The same shape.</returns>
    public Tensor Atanh() => new(CoreTensors.atanh(Core));

    /// <summary>Cube root, also of negative numbers.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Cbrt() => new(CoreTensors.cbrt(Core));

    /// <summary>1 / t.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Reciprocal() => new(CoreTensors.reciprocal(Core));

    /// <summary>1 − erf(t), with all digits in the right tail.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Erfc() => new(CoreTensors.erfc(Core));

    /// <summary>e^(t²) erfc(t), which neither underflows nor overflows for t ≥ −26. The k-th derivative loses a factor t^(2k) of the relative precision for large positive t.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Erfcx() => new(CoreTensors.erfcx(Core));

    /// <summary>Density of the standard normal distribution.</summary>
    /// <returns>The same shape.</returns>
    public Tensor NormalPdf() => new(CoreTensors.normalPdf(Core));

    /// <summary>Distribution function Φ of the standard normal distribution, with all digits in the left tail.</summary>
    /// <returns>The same shape.</returns>
    public Tensor NormalCdf() => new(CoreTensors.normalCdf(Core));

    /// <summary>log Φ(t), in both tails. The slope is exact to rounding everywhere; the k-th derivative loses a factor t^(2k − 2) of the relative precision in the far left tail.</summary>
    /// <returns>The same shape.</returns>
    public Tensor NormalLogCdf() => new(CoreTensors.normalLogCdf(Core));

    /// <summary>log |Γ(t)|; +∞ at the poles 0, −1, ….</summary>
    /// <returns>The same shape.</returns>
    public Tensor LogGamma() => new(CoreTensors.lgamma(Core));

    /// <summary>The derivative of order n of the digamma function, ψ⁽ⁿ⁾(t); at the poles 0, −1, … NaN for even n, +∞ for odd n.</summary>
    /// <param name="n">The order, 0 to 170; 0 is digamma itself.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The order is out of range.</exception>
    public Tensor Polygamma(int n) => new(CoreTensors.polygamma(n, Core));

    /// <summary>ψ = (log Γ)′.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Digamma() => new(CoreTensors.digamma(Core));

    /// <summary>log(1 + eᵗ) without overflow; its derivative is the sigmoid, to every order.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Softplus() => new(CoreTensors.softplus(Core));

    /// <summary>log of the sigmoid, without overflow.</summary>
    /// <returns>The same shape.</returns>
    public Tensor LogSigmoid() => new(CoreTensors.logSigmoid(Core));

    /// <summary>t · sigmoid(t), also called swish.</summary>
    /// <returns>The same shape.</returns>
    public Tensor Silu() => new(CoreTensors.silu(Core));

    /// <summary>t · Φ(t), the exact form (Hendrycks and Gimpel 2016).</summary>
    /// <returns>The same shape.</returns>
    public Tensor Gelu() => new(CoreTensors.gelu(Core));

    /// <summary>The approximation ½t (1 + tanh(√(2/π) (t + 0.044715 t³))) of GELU (Hendrycks and Gimpel 2016), with all digits in the left tail.</summary>
    /// <returns>The same shape.</returns>
    public Tensor GeluTanh() => new(CoreTensors.geluTanh(Core));

    /// <summary>t held between two bounds; the derivative is 1 strictly between them and 0 elsewhere, also at the bounds.</summary>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound; not below the lower one.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="HesseException">The bounds are NaN or in the wrong order.</exception>
    public Tensor Clip(double low, double high) => new(CoreTensors.clip(low, high, Core));

    /// <summary>The mask this &lt; other: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor Less(Tensor other) => new(CoreTensors.less(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask this ≤ other: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor LessEqual(Tensor other) => new(CoreTensors.lessEqual(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask this ≠ other: 1 where it holds (also where one is NaN), 0 elsewhere.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor NotEqualTo(Tensor other) => new(CoreTensors.notEqual(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask of NaN elements.</summary>
    /// <returns>The same shape.</returns>
    public Tensor IsNaN() => new(CoreTensors.isNaN(Core));

    /// <summary>The mask of elements that are neither NaN nor infinite.</summary>
    /// <returns>The same shape.</returns>
    public Tensor IsFinite() => new(CoreTensors.isFinite(Core));

    /// <summary>The mask of what does not hold: 1 where the mask is 0, 0 elsewhere.</summary>
    /// <returns>The same shape.</returns>
    public Tensor LogicalNot() => new(CoreTensors.logicalNot(Core));

    /// <summary>The mask of where both hold.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor LogicalAnd(Tensor other) => new(CoreTensors.logicalAnd(Core, Unwrap(other, nameof(other))));

    /// <summary>The mask of where at least one holds.</summary>
    /// <param name="other">Broadcasts with this tensor.</param>
    /// <returns>The broadcast shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not broadcast.</exception>
    public Tensor LogicalOr(Tensor other) => new(CoreTensors.logicalOr(Core, Unwrap(other, nameof(other))));
}
