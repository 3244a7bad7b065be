namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// Hessian-vector products from gradients alone, for losses that cannot be differentiated twice (a gradient from elsewhere, a custom rule of first order).
[<RequireQualifiedAccess>]
module FiniteDifference =
    /// <summary>Central differences of gradients: (g(θ + εv) − g(θ − εv)) / 2ε, with ε|v| = ∛η (1 + |θ|) for the precision η of the gradient.</summary>
    /// <param name="precision">In which the gradient is computed: η is 2⁻⁵² for float64, 2⁻²³ for float32.</param>
    /// <param name="gradient">θ ↦ ∇L(θ), on raveled parameters.</param>
    /// <param name="point">θ, length M.</param>
    /// <returns>An operator that is symmetric, and linear, up to the error of the differences, of the order of η^⅔ relative (4e-11 for float64, 2e-5 for
    /// float32) times what the third derivatives and the rounding of the gradient make of it. A product is two gradients.</returns>
    let hessian (precision: DType) (gradient: float[] -> float[]) (point: float[]) : LinearOperator =
        let theta = Array.copy point
        let norm (a: float[]) = TensorPrimitives.Norm(ReadOnlySpan<float> a)

        let eta =
            if precision = DType.Float32 then
                1.1920928955078125e-7
            else
                2.220446049250313e-16

        let length = Math.Cbrt eta * (1.0 + norm theta)

        LinearOperator.symmetric "finite-difference Hessian" theta.Length (fun v ->
            let size = norm v

            if size = 0.0 then
                Array.zeroCreate v.Length
            else
                let step = length / size
                let shifted sign = gradient (Array.map2 (fun t x -> t + sign * step * x) theta v)
                Array.map2 (fun a b -> (a - b) / (2.0 * step)) (shifted 1.0) (shifted -1.0))

    /// <summary>The Hessian of a loss over a data set by central differences of its gradient.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters, all of one precision.</param>
    /// <returns>See <c>FiniteDifference.hessian</c>.</returns>
    let ofRisk (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        let flat, unravel = Tree.ravel point
        let convert (t: Tensor) = if flat.DType = DType.Float32 then Tensor.toFloat32 t else t

        hessian
            flat.DType
            (fun theta -> EmpiricalRisk.gradient risk (unravel (convert (Tensor.ofArray theta))))
            (flat.toArray ())
