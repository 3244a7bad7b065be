namespace Hesse.Theory

open Hesse

/// Parameters of a diagonal linear network.
type DiagonalWeights = {
    /// a, shape [d].
    Inner: Tensor
    /// b, shape [d].
    Outer: Tensor
}

/// Diagonal linear networks f(x) = Σ_j a_j b_j x_j: linear in x with coefficients β = a ∘ b, but not in the parameters.
/// Source: L. Wu and W. Su, "The implicit regularization of dynamical stability in stochastic gradient descent" (2023).
[<RequireQualifiedAccess>]
module DiagonalLinear =
    /// <summary>The coefficients β = a ∘ b.</summary>
    /// <param name="w">The parameters.</param>
    /// <returns>Shape [d].</returns>
    let coefficients (w: DiagonalWeights) : Tensor = w.Inner * w.Outer

    /// <summary>Outputs of the network.</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Shape [n].</returns>
    let predict (x: Tensor) (w: DiagonalWeights) : Tensor = Tensor.matmul x (coefficients w)

    /// <summary>Squared loss (1/2n) Σᵢ (f(xᵢ) − yᵢ)².</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="y">Targets, shape [n].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar.</returns>
    let loss (x: Tensor) (y: Tensor) (w: DiagonalWeights) : Tensor = 0.5 * Tensor.mean (Tensor.square (predict x w - y))

    /// <summary>Trace of the Hessian of the squared loss at an interpolating point: Σ_j s_j (a_j² + b_j²), s_j = (1/n) Σᵢ x_ij².</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar.</returns>
    let hessianTrace (x: Tensor) (w: DiagonalWeights) : Tensor =
        Tensor.sum (Tensor.meanAxis 0 (x * x) * (w.Inner * w.Inner + w.Outer * w.Outer))

    /// <summary>The parameter norm that this trace bounds: 2 Σ_j s_j |β_j|, an ℓ₁ norm of the coefficients.</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar, not above <c>hessianTrace</c>; equal exactly where |a_j| = |b_j| for all j.</returns>
    let weightedL1 (x: Tensor) (w: DiagonalWeights) : Tensor =
        2.0 * Tensor.sum (Tensor.meanAxis 0 (x * x) * Tensor.abs (coefficients w))

    /// <summary>Largest eigenvalue of that Hessian on isotropic data, (1/n) XᵀX = I: max_j (a_j² + b_j²).</summary>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar, not below 2 ‖β‖_∞: the Hessian is block diagonal, with blocks (b_j, a_j)ᵀ(b_j, a_j).</returns>
    let isotropicTopEigenvalue (w: DiagonalWeights) : Tensor = Tensor.max (w.Inner * w.Inner + w.Outer * w.Outer)
