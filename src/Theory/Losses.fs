namespace Hesse.Theory

open Hesse

/// Losses of a batch: predictions and targets have shape [n; k], the value is a scalar, averaged over the n rows.
[<RequireQualifiedAccess>]
module Losses =
    let private check (operation: string) (predictions: Tensor) (targets: Tensor) =
        let show (t: Tensor) = "[" + System.String.Join("; ", t.Shape) + "]"

        if predictions.Shape.Length <> 2 || predictions.Shape <> targets.Shape then
            raise (
                HesseException
                    $"Losses.{operation}: predictions {show predictions} and targets {show targets}: wanted the same shape [n; k]; give one row of targets for each row of predictions"
            )

    /// <summary>Mean squared error with the factor one half: L = (1/2n) Σᵢ ‖fᵢ − tᵢ‖².</summary>
    /// <param name="predictions">f, shape [n; k].</param>
    /// <param name="targets">t, shape [n; k].</param>
    /// <returns>A scalar. With this factor the Gauss–Newton matrix is (1/n) JᵀJ.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ or are not matrices.</exception>
    let meanSquaredError (predictions: Tensor) (targets: Tensor) : Tensor =
        check "meanSquaredError" predictions targets
        let difference = predictions - targets
        Tensor.sum (difference * difference) / (2.0 * float predictions.Shape[0])

    /// <summary>Softmax cross-entropy: L = (1/n) Σᵢ Σ_c t_ic (log Σ_b exp(f_ib) − f_ic).</summary>
    /// <param name="logits">f, shape [n; k].</param>
    /// <param name="targets">t, shape [n; k]: one-hot, or rows of probabilities.</param>
    /// <returns>A scalar, in nats; no exponential overflows (see <c>Tensor.logSoftmax</c>).</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ or are not matrices.</exception>
    let crossEntropy (logits: Tensor) (targets: Tensor) : Tensor =
        check "crossEntropy" logits targets
        -(Tensor.sum (targets * Tensor.logSoftmax 1 logits)) / float logits.Shape[0]

    /// <summary>The share of rows whose largest prediction stands where the largest target does.</summary>
    /// <param name="predictions">Logits or probabilities, shape [n; k].</param>
    /// <param name="targets">Shape [n; k]: one-hot, or rows of probabilities.</param>
    /// <returns>A scalar from 0 to 1; its derivative is zero. Ties go to the first of the largest.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes differ or are not matrices.</exception>
    let accuracy (predictions: Tensor) (targets: Tensor) : Tensor =
        check "accuracy" predictions targets
        Tensor.mean (Tensor.equal (Tensor.argmax 1 predictions) (Tensor.argmax 1 targets))
