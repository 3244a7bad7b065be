namespace Hesse.Theory

open Hesse

/// Parameters of a two-layer network with biases in the hidden layer.
type BiasedReluWeights = {
    /// w_j in rows, shape [m; d].
    Hidden: Tensor
    /// b, shape [m].
    Bias: Tensor
    /// a, shape [m].
    Readout: Tensor
}

/// Two-layer ReLU networks f(x) = Σ_j a_j max(0, w_jᵀx + b_j) on inputs of one norm, with the loss (1/n) Σᵢ (f(xᵢ) − yᵢ)²: how flat an
/// interpolating network can be, and flat networks that only memorise.
/// Source: K. Wen, Z. Li and T. Ma, "Sharpness minimization algorithms do not only minimize sharpness to achieve better
/// generalization" (2023).
[<RequireQualifiedAccess>]
module BiasedRelu =
    /// <summary>Random parameters: w_j ~ N(0, gain² I/d), a_j ~ N(0, gain²/m), biases zero.</summary>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="gain">Scale of both layers.</param>
    /// <param name="width">Number m of neurons.</param>
    /// <param name="inputs">Input dimension d.</param>
    /// <returns>The parameters.</returns>
    let init (key: Key) (gain: float) (width: int) (inputs: int) : BiasedReluWeights =
        let start = TwoLayerRelu.init key gain width inputs

        {
            Hidden = start.Hidden
            Bias = Tensor.zeros [ width ]
            Readout = start.Readout
        }

    let private preactivations (x: Tensor) (w: BiasedReluWeights) = Tensor.matmul x (Tensor.transpose w.Hidden) + w.Bias

    /// <summary>Outputs of the network.</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Shape [n].</returns>
    let predict (x: Tensor) (w: BiasedReluWeights) : Tensor = Tensor.matmul (Tensor.relu (preactivations x w)) w.Readout

    /// <summary>Outputs with simplified layer normalisation: the hidden pre-activations are divided by their norm, or by ε where that is
    /// larger; no mean is subtracted.</summary>
    /// <param name="epsilon">ε, above zero.</param>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Shape [n].</returns>
    let predictNormalised (epsilon: float) (x: Tensor) (w: BiasedReluWeights) : Tensor =
        let z = preactivations x w
        let size = Tensor.sqrt (Tensor.maximum (Tensor.sumAxis 1 (z * z)) (Tensor.scalar (epsilon * epsilon)))
        Tensor.matmul (Tensor.relu (z / Tensor.expandDims 1 size)) w.Readout

    /// <summary>Squared loss (1/n) Σᵢ (fᵢ − yᵢ)², without the factor one half.</summary>
    /// <param name="outputs">f, shape [n].</param>
    /// <param name="y">Targets, shape [n].</param>
    /// <returns>A scalar.</returns>
    let loss (outputs: Tensor) (y: Tensor) : Tensor = Tensor.mean (Tensor.square (outputs - y))

    /// <summary>Trace of the Hessian of that loss where the network interpolates: (2/n) Σᵢ ‖∇f(xᵢ)‖² =
    /// (2/n) Σᵢ Σ_{j active} [(w_jᵀxᵢ + b_j)² + a_j² (‖xᵢ‖² + 1)].</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A scalar.</returns>
    let hessianTrace (x: Tensor) (w: BiasedReluWeights) : Tensor =
        let active = Tensor.relu (preactivations x w)
        let readout = Tensor.matmul (Tensor.sign active) (w.Readout * w.Readout)
        let norms = Tensor.sumAxis 1 (x * x) + 1.0
        2.0 * (Tensor.sum (active * active) + Tensor.sum (norms * readout)) / float x.Shape[0]

    /// <summary>The least trace of any network that fits |yᵢ| = 1 at inputs of squared norm d: 4 √(d + 1), because an active neuron
    /// contributes h² + a²(d + 1) ≥ 2 √(d + 1) |a h|.</summary>
    /// <param name="inputs">d.</param>
    /// <returns>The bound; without biases it is 4 √d.</returns>
    let traceBound (inputs: int) : float = 4.0 * sqrt (float inputs + 1.0)

    /// <summary>A network as flat as an interpolating one can be that only memorises: neuron j fires at input j alone. Its output is
    /// zero at every other corner of the cube.</summary>
    /// <param name="scale">t, above ½ (d + 1)^¼: w_j = t x_j, b_j = (d + 1)^¼ − t d, a_j = y_j (d + 1)^−¼.</param>
    /// <param name="x">Different corners of the cube {−1, 1}^d, shape [n; d].</param>
    /// <param name="y">Targets ±1, shape [n].</param>
    /// <returns>n neurons.</returns>
    /// <exception cref="T:Hesse.HesseException">The scale is too small: neighbouring corners would activate a neuron.</exception>
    let memoriser (scale: float) (x: Tensor) (y: Tensor) : BiasedReluWeights =
        let d = float x.Shape[1]
        let root = (d + 1.0) ** 0.25

        if not (scale > 0.5 * root) then
            raise (
                HesseException
                    $"BiasedRelu.memoriser: scale {scale} for inputs of dimension {d}, wanted more than {0.5 * root}, half the fourth root of {d + 1.0}; with less a neuron also fires next to its input"
            )

        {
            Hidden = scale * x
            Bias = Tensor.full [ x.Shape[0] ] (root - scale * d)
            Readout = y / root
        }
