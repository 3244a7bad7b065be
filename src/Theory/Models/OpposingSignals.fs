namespace Hesse.Theory

open Hesse

/// Parameters of the opposing-signals model. One model has three numbers; arrays of models are tensors of one shape.
type OpposingWeights = {
    /// c, the second layer.
    Readout: Tensor
    /// b_s, the weight on the feature that carries the target.
    Signal: Tensor
    /// b_o, the weight on the large feature that carries none.
    Opposing: Tensor
}

/// A two-layer linear model f(x) = c (b_s x_s + b_o x_o) on two groups of samples: both have the target β x_s with E x_s² = 1, and
/// a large feature x_o = +√α in one group, −√α in the other. The groups pull b_o in opposite directions, so that it
/// is of no use, but its curvature αc² grows with the part of the model that learns.
/// Source: E. Rosenfeld and A. Risteski, "Outliers with opposing signals have an outsized effect on neural network optimization"
/// (2023); the closed forms follow from the model.
[<RequireQualifiedAccess>]
module OpposingSignals =
    let private checkSizes operation (alpha: float) (beta: float) =
        if not (alpha > 0.0 && beta > 0.0) then
            raise (
                HesseException
                    $"OpposingSignals.{operation}: α = {alpha} and β = {beta}, wanted both above zero; they are a squared feature and the size of the target"
            )

    /// <summary>Residual e = c b_s − β of the signal, and s = c b_o √α of the opposing feature.</summary>
    /// <param name="alpha">α, the square of the large feature; a scalar or one for each model.</param>
    /// <param name="beta">β, the size of the target.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>e and s, shaped as the parameters.</returns>
    let residuals (alpha: Tensor) (beta: Tensor) (w: OpposingWeights) : Tensor * Tensor =
        w.Readout * w.Signal - beta, w.Readout * w.Opposing * Tensor.sqrt alpha

    /// <summary>Squared losses of the two groups at x_s = 1: ½(e + s)² and ½(e − s)²; they differ by 2es.</summary>
    /// <param name="alpha">α, the square of the large feature; a scalar or one for each model.</param>
    /// <param name="beta">β, the size of the target.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Losses of the group with x_o = +√α and of the other, shaped as the parameters.</returns>
    let groupLosses (alpha: Tensor) (beta: Tensor) (w: OpposingWeights) : Tensor * Tensor =
        let e, s = residuals alpha beta w
        0.5 * Tensor.square (e + s), 0.5 * Tensor.square (e - s)

    /// <summary>The population loss ½[(c b_s − β)² + α c² b_o²] of each model.</summary>
    /// <param name="alpha">α, the square of the large feature; a scalar or one for each model.</param>
    /// <param name="beta">β, the size of the target.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Shaped as the parameters.</returns>
    let loss (alpha: Tensor) (beta: Tensor) (w: OpposingWeights) : Tensor =
        let e, s = residuals alpha beta w
        0.5 * (e * e + s * s)

    /// <summary>What gradient flow conserves: D = c² − b_s² − b_o², for every α and β.</summary>
    /// <param name="w">The parameters.</param>
    /// <returns>Shaped as the parameters.</returns>
    let conserved (w: OpposingWeights) : Tensor = w.Readout * w.Readout - w.Signal * w.Signal - w.Opposing * w.Opposing

    /// <summary>Square of the readout where gradient flow ends, c∞² = ½(D + √(D² + 4β²)): there b_o = 0 and c b_s = β.</summary>
    /// <param name="beta">β, above zero.</param>
    /// <param name="conserved">D at the start.</param>
    /// <returns>c∞².</returns>
    /// <exception cref="T:Hesse.HesseException">β is not above zero.</exception>
    let finalReadoutSquared (beta: float) (conserved: float) : float =
        checkSizes "finalReadoutSquared" 1.0 beta
        0.5 * (conserved + sqrt (conserved * conserved + 4.0 * beta * beta))

    /// <summary>Sharpness where gradient flow ends: the larger of αc∞², the curvature of the opposing feature, and c∞² + β²/c∞².</summary>
    /// <param name="alpha">α, above zero.</param>
    /// <param name="beta">β, above zero.</param>
    /// <param name="conserved">D at the start.</param>
    /// <returns>λ∞. Gradient descent with a step η reaches the edge of stability when η > 2/λ∞.</returns>
    /// <exception cref="T:Hesse.HesseException">α or β is not above zero.</exception>
    let finalSharpness (alpha: float) (beta: float) (conserved: float) : float =
        checkSizes "finalSharpness" alpha beta
        let square = finalReadoutSquared beta conserved
        max (alpha * square) (square + beta * beta / square)

    /// <summary>Largest eigenvalue of the Hessian of one model's loss.</summary>
    /// <param name="alpha">α.</param>
    /// <param name="beta">β.</param>
    /// <param name="c">The readout.</param>
    /// <param name="signal">b_s.</param>
    /// <param name="opposing">b_o.</param>
    /// <returns>λ_max of [[b_s² + αb_o², 2cb_s − β, 2αcb_o], [·, c², 0], [·, 0, αc²]].</returns>
    let sharpness (alpha: float) (beta: float) (c: float) (signal: float) (opposing: float) : float =
        let cross, pull = 2.0 * c * signal - beta, 2.0 * alpha * c * opposing

        let hessian = [|
            signal * signal + alpha * opposing * opposing
            cross
            pull
            cross
            c * c
            0.0
            pull
            0.0
            alpha * c * c
        |]

        (Spectrum.eigenvalues 3 hessian)[0]
