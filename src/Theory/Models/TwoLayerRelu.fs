namespace Hesse.Theory

open Hesse

/// Parameters of a two-layer network without biases.
type TwoLayerWeights = {
    /// w_j in rows, shape [m; d].
    Hidden: Tensor
    /// a, shape [m].
    Readout: Tensor
}

/// Two-layer ReLU networks f(x) = Σ_j a_j max(0, w_jᵀx).
/// Source: L. Wu and W. Su, "The implicit regularization of dynamical stability in stochastic gradient descent" (2023).
[<RequireQualifiedAccess>]
module TwoLayerRelu =
    /// <summary>Random parameters: w_j ~ N(0, gain² I/d), a_j ~ N(0, gain²/m).</summary>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="gain">Scale of both layers.</param>
    /// <param name="width">Number m of neurons.</param>
    /// <param name="inputs">Input dimension d.</param>
    /// <returns>The parameters.</returns>
    let init (key: Key) (gain: float) (width: int) (inputs: int) : TwoLayerWeights = {
        Hidden = Random.normal (Random.fold 0 key) [ width; inputs ] * (gain / sqrt (float inputs))
        Readout = Random.normal (Random.fold 1 key) [ width ] * (gain / sqrt (float width))
    }

    /// <summary>Outputs of the network.</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Shape [n].</returns>
    let predict (x: Tensor) (w: TwoLayerWeights) : Tensor =
        Tensor.matmul (Tensor.relu (Tensor.matmul x (Tensor.transpose w.Hidden))) w.Readout

    /// <summary>Squared loss (1/2n) Σᵢ (f(xᵢ) − yᵢ)².</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="y">Targets, shape [n].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar.</returns>
    let loss (x: Tensor) (y: Tensor) (w: TwoLayerWeights) : Tensor = 0.5 * Tensor.mean (Tensor.square (predict x w - y))

    /// <summary>Trace of the Hessian of the squared loss at an interpolating point:
    /// (1/n) Σᵢ Σ_j [max(0, w_jᵀxᵢ)² + a_j² 1{w_jᵀxᵢ > 0} ‖xᵢ‖²].</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar.</returns>
    let hessianTrace (x: Tensor) (w: TwoLayerWeights) : Tensor =
        let active = Tensor.relu (Tensor.matmul x (Tensor.transpose w.Hidden))
        let readout = Tensor.matmul (Tensor.sign active) (w.Readout * w.Readout)
        let total = Tensor.sum (active * active) + Tensor.sum (Tensor.sumAxis 1 (x * x) * readout)
        total / float x.Shape[0]

    /// <summary>The same trace on isotropic inputs of symmetric law (E xxᵀ = I; x and −x alike): ½ Σ_j (‖w_j‖² + d a_j²).</summary>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar. By symmetry each neuron sees half of E (w_jᵀx)² = ‖w_j‖² and half of E ‖x‖² = d.</returns>
    let isotropicTrace (w: TwoLayerWeights) : Tensor =
        let d = float w.Hidden.Shape[1]
        0.5 * (Tensor.sum (w.Hidden * w.Hidden) + d * Tensor.sum (w.Readout * w.Readout))

    /// <summary>The path norm Σ_j |a_j| ‖w_j‖; as the function itself, it does not change under w_j → c w_j, a_j → a_j/c, c > 0.</summary>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar, not above <c>isotropicTrace</c>/√d; equal exactly where ‖w_j‖ = √d |a_j| for all j.</returns>
    let pathNorm (w: TwoLayerWeights) : Tensor =
        Tensor.sum (Tensor.abs w.Readout * Tensor.sqrt (Tensor.sumAxis 1 (w.Hidden * w.Hidden)))
