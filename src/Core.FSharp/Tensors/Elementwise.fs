namespace Hesse

/// Part of the module `Tensor`: elementwise functions.
[<AutoOpen>]
module TensorElementwise =
    /// Elementwise functions keep the shape; those of two tensors broadcast as NumPy does.
    [<RequireQualifiedAccess>]
    module Tensor =
        let private lift1 (f: Node -> Node) (t: Tensor) = Tensor(f t.Node)

        let private lift2 name f (a: Tensor) (b: Tensor) = Tensor(Broadcasting.binary name f a.Node b.Node)

        /// <summary>eᵗ.</summary>
        /// <param name="t">Any shape.</param>
        let exp (t: Tensor) = lift1 Elementwise.exp t

        /// <summary>eᵗ − 1, exact near 0.</summary>
        /// <param name="t">Any shape.</param>
        let expm1 (t: Tensor) = lift1 Elementwise.expm1 t

        /// <summary>Natural logarithm.</summary>
        /// <param name="t">Any shape.</param>
        let log (t: Tensor) = lift1 Elementwise.log t

        /// <summary>log(1 + t), exact near 0.</summary>
        /// <param name="t">Any shape.</param>
        let log1p (t: Tensor) = lift1 Elementwise.log1p t

        /// <summary>Square root.</summary>
        /// <param name="t">Any shape.</param>
        let sqrt (t: Tensor) = lift1 Elementwise.sqrt t

        /// <summary>Sine.</summary>
        /// <param name="t">Any shape, radians.</param>
        let sin (t: Tensor) = lift1 Elementwise.sin t

        /// <summary>Cosine.</summary>
        /// <param name="t">Any shape, radians.</param>
        let cos (t: Tensor) = lift1 Elementwise.cos t

        /// <summary>Hyperbolic tangent.</summary>
        /// <param name="t">Any shape.</param>
        let tanh (t: Tensor) = lift1 Elementwise.tanh t

        /// <summary>1 / (1 + e⁻ᵗ).</summary>
        /// <param name="t">Any shape.</param>
        let sigmoid (t: Tensor) = lift1 Elementwise.sigmoid t

        /// <summary>The error function.</summary>
        /// <param name="t">Any shape.</param>
        let erf (t: Tensor) = lift1 Elementwise.erf t

        /// <summary>Tangent.</summary>
        /// <param name="t">Any shape, radians.</param>
        let tan (t: Tensor) = sin t / cos t

        /// <summary>Hyperbolic sine.</summary>
        /// <param name="t">Any shape.</param>
        let sinh (t: Tensor) = lift1 Special.sinh t

        /// <summary>Hyperbolic cosine.</summary>
        /// <param name="t">Any shape.</param>
        let cosh (t: Tensor) = lift1 Special.cosh t

        /// <summary>Inverse sine, radians; NaN outside [−1, 1].</summary>
        /// <param name="t">Any shape.</param>
        let asin (t: Tensor) = lift1 Special.asin t

        /// <summary>Inverse cosine, radians; NaN outside [−1, 1].</summary>
        /// <param name="t">Any shape.</param>
        let acos (t: Tensor) = lift1 Special.acos t

        /// <summary>Inverse tangent, radians.</summary>
        /// <param name="t">Any shape.</param>
        let atan (t: Tensor) = lift1 Special.atan t

        /// <summary>The angle of the point (x, y), in (−π, π]. At the origin it is 0 or ±π, by the signs of the zeros, and every
        /// derivative is 0 by convention.</summary>
        /// <param name="y">Broadcasts with x.</param>
        /// <param name="x">Broadcasts with y.</param>
        let atan2 (y: Tensor) (x: Tensor) = lift2 "atan2" Special.atan2 y x

        /// <summary>Inverse hyperbolic sine.</summary>
        /// <param name="t">Any shape.</param>
        let asinh (t: Tensor) = lift1 Special.asinh t

        /// <summary>Inverse hyperbolic cosine; NaN below 1.</summary>
        /// <param name="t">Any shape.</param>
        let acosh (t: Tensor) = lift1 Special.acosh t

        /// <summary>Inverse hyperbolic tangent; NaN outside [−1, 1].</summary>
        /// <param name="t">Any shape.</param>
        let atanh (t: Tensor) = lift1 Special.atanh t

        /// <summary>Cube root, also of negative numbers.</summary>
        /// <param name="t">Any shape.</param>
        let cbrt (t: Tensor) = lift1 Special.cbrt t

        /// <summary>1 / t.</summary>
        /// <param name="t">Any shape.</param>
        let reciprocal (t: Tensor) = 1.0 / t

        /// <summary>1 − erf(t), with all digits in the right tail.</summary>
        /// <param name="t">Any shape.</param>
        let erfc (t: Tensor) = lift1 Special.erfc t

        /// <summary>e^(t²) erfc(t), which neither underflows nor overflows for t ≥ −26. The k-th derivative loses a factor t^(2k) of
        /// the relative precision for large positive t.</summary>
        /// <param name="t">Any shape.</param>
        let erfcx (t: Tensor) = lift1 Special.erfcx t

        /// <summary>Density of the standard normal distribution.</summary>
        /// <param name="t">Any shape.</param>
        let normalPdf (t: Tensor) = lift1 Special.normalPdf t

        /// <summary>Distribution function Φ of the standard normal distribution, with all digits in the left tail.</summary>
        /// <param name="t">Any shape.</param>
        let normalCdf (t: Tensor) = lift1 Special.normalCdf t

        /// <summary>log Φ(t), in both tails. The slope is exact to rounding everywhere; the k-th derivative loses a factor
        /// t^(2k − 2) of the relative precision in the far left tail.</summary>
        /// <param name="t">Any shape.</param>
        let normalLogCdf (t: Tensor) = lift1 Special.logNormalCdf t

        /// <summary>log |Γ(t)|; +∞ at the poles 0, −1, ….</summary>
        /// <param name="t">Any shape.</param>
        let lgamma (t: Tensor) = lift1 Special.logGamma t

        /// <summary>The derivative of order n of the digamma function, ψ⁽ⁿ⁾(t); at the poles 0, −1, … NaN for even n, +∞ for odd n.</summary>
        /// <param name="n">The order, 0 to 170; 0 is digamma itself.</param>
        /// <param name="t">Any shape.</param>
        /// <exception cref="T:Hesse.HesseException">The order is out of range.</exception>
        let polygamma (n: int) (t: Tensor) =
            if n < 0 || n > 170 then
                Shape.fail $"polygamma: order {n} is out of range; want 0 to 170"

            Tensor(Special.polygamma (Graph.full t.Node.Shape (float n)) t.Node)

        /// <summary>ψ = (log Γ)′.</summary>
        /// <param name="t">Any shape.</param>
        let digamma (t: Tensor) = polygamma 0 t

        /// <summary>log(1 + eᵗ) without overflow; its derivative is the sigmoid, to every order.</summary>
        /// <param name="t">Any shape.</param>
        let softplus (t: Tensor) = lift1 Special.softplus t

        /// <summary>log of the sigmoid, without overflow.</summary>
        /// <param name="t">Any shape.</param>
        let logSigmoid (t: Tensor) = -softplus(-t)

        /// <summary>t · sigmoid(t), also called swish.</summary>
        /// <param name="t">Any shape.</param>
        let silu (t: Tensor) = t * sigmoid t

        /// <summary>t · Φ(t), the exact form (Hendrycks and Gimpel 2016).</summary>
        /// <param name="t">Any shape.</param>
        let gelu (t: Tensor) = t * normalCdf t

        /// <summary>The approximation ½t (1 + tanh(√(2/π) (t + 0.044715 t³))) of GELU (Hendrycks and Gimpel 2016), with all digits in the left tail.</summary>
        /// <param name="t">Any shape.</param>
        let geluTanh (t: Tensor) =
            t * sigmoid (2.0 * System.Math.Sqrt(2.0 / System.Math.PI) * (t + 0.044715 * t * t * t))

        /// <summary>max(t, 0), with derivative 0 at 0.</summary>
        /// <param name="t">Any shape.</param>
        let relu (t: Tensor) = lift1 Elementwise.relu t

        /// <summary>|t|, with derivative 0 at 0.</summary>
        /// <param name="t">Any shape.</param>
        let abs (t: Tensor) = lift1 Elementwise.abs t

        /// <summary>−1, 0 or 1; derivative 0.</summary>
        /// <param name="t">Any shape.</param>
        let sign (t: Tensor) = lift1 Elementwise.sign t

        /// <summary>The greatest integer that is not above t; derivative 0.</summary>
        /// <param name="t">Any shape.</param>
        let floor (t: Tensor) = lift1 Elementwise.floor t

        /// <summary>t², exact derivatives at 0.</summary>
        /// <param name="t">Any shape.</param>
        let square (t: Tensor) = t * t

        /// <summary>The value as a constant: every derivative through it is zero.</summary>
        /// <param name="t">Any shape.</param>
        let stopGradient (t: Tensor) = lift1 Elementwise.stopGradient t

        /// <summary>The larger of two tensors; at a tie the derivative is that of b.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let maximum (a: Tensor) (b: Tensor) = lift2 "maximum" Elementwise.max a b

        /// <summary>The smaller of two tensors; at a tie the derivative is that of b.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let minimum (a: Tensor) (b: Tensor) = lift2 "minimum" Elementwise.min a b

        /// <summary>t held between two bounds; the derivative is 1 strictly between them and 0 elsewhere, also at the bounds.</summary>
        /// <param name="low">The lower bound.</param>
        /// <param name="high">The upper bound; not below the lower one.</param>
        /// <param name="t">Any shape.</param>
        /// <exception cref="T:Hesse.HesseException">The bounds are NaN or in the wrong order.</exception>
        let clip (low: float) (high: float) (t: Tensor) =
            if not (low <= high) then
                Shape.fail $"clip: bounds {low} and {high} are not in order; want low ≤ high"

            minimum (maximum t (Tensor.scalar low)) (Tensor.scalar high)

        /// <summary>aᵇ.</summary>
        /// <param name="a">The base.</param>
        /// <param name="b">The exponent.</param>
        let pow (a: Tensor) (b: Tensor) = lift2 "pow" Elementwise.pow a b

        /// <summary>The mask a > b: 1 where it holds, 0 elsewhere.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let greater (a: Tensor) (b: Tensor) = lift2 "greater" Elementwise.greater a b

        /// <summary>The mask a ≥ b: 1 where it holds, 0 elsewhere.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let greaterEqual (a: Tensor) (b: Tensor) = lift2 "greaterEqual" Elementwise.greaterEqual a b

        /// <summary>The mask a = b: 1 where it holds, 0 elsewhere.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let equal (a: Tensor) (b: Tensor) = lift2 "equal" Elementwise.equal a b

        /// <summary>The mask a &lt; b: 1 where it holds, 0 elsewhere.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let less (a: Tensor) (b: Tensor) = lift2 "less" (fun a b -> Elementwise.greater b a) a b

        /// <summary>The mask a ≤ b: 1 where it holds, 0 elsewhere.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let lessEqual (a: Tensor) (b: Tensor) = lift2 "lessEqual" (fun a b -> Elementwise.greaterEqual b a) a b

        /// <summary>The mask a ≠ b: 1 where it holds (also where one is NaN), 0 elsewhere.</summary>
        /// <param name="a">Broadcasts with b.</param>
        /// <param name="b">Broadcasts with a.</param>
        let notEqual (a: Tensor) (b: Tensor) = 1.0 - lift2 "notEqual" Elementwise.equal a b

        /// <summary>The mask of NaN elements.</summary>
        /// <param name="t">Any shape.</param>
        let isNaN (t: Tensor) = notEqual t t

        /// <summary>The mask of elements that are neither NaN nor infinite.</summary>
        /// <param name="t">Any shape.</param>
        let isFinite (t: Tensor) = less (abs t) (Tensor.scalar infinity)

        /// <summary>The mask of what does not hold: 1 where the mask is 0, 0 elsewhere.</summary>
        /// <param name="mask">Any shape; all but 0 counts as true, also NaN.</param>
        let logicalNot (mask: Tensor) = equal mask (Tensor.scalar 0.0)

        /// <summary>The mask of where both hold.</summary>
        /// <param name="a">Broadcasts with b; all but 0 counts as true, also NaN.</param>
        /// <param name="b">Broadcasts with a.</param>
        let logicalAnd (a: Tensor) (b: Tensor) =
            lift2 "logicalAnd" Linear.mul (logicalNot (logicalNot a)) (logicalNot (logicalNot b))

        /// <summary>The mask of where at least one holds.</summary>
        /// <param name="a">Broadcasts with b; all but 0 counts as true, also NaN.</param>
        /// <param name="b">Broadcasts with a.</param>
        let logicalOr (a: Tensor) (b: Tensor) = logicalNot (lift2 "logicalOr" Linear.mul (logicalNot a) (logicalNot b))

        /// <summary>a where the mask is not 0, b elsewhere; the derivative follows the choice.</summary>
        /// <param name="mask">0 or 1.</param>
        /// <param name="a">Taken where the mask holds.</param>
        /// <param name="b">Taken elsewhere.</param>
        let where (mask: Tensor) (a: Tensor) (b: Tensor) =
            let shape = Shape.broadcast "where" [| mask.Node.Shape; a.Node.Shape; b.Node.Shape |]
            let expand (t: Tensor) = Broadcasting.expand shape t.Node
            Tensor(Elementwise.select (expand mask) (expand a) (expand b))
