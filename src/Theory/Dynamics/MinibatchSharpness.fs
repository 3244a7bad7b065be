namespace Hesse.Theory

open Hesse

/// Curvature as single batches see it at one point, each with its standard error over the batches.
type MinibatchCurvature = {
    /// E λ_max(H_B): the mean sharpness of the batch losses, never below that of the mean loss.
    TopEigenvalue: float
    /// Its standard error.
    TopEigenvalueError: float
    /// E[gᵀHg]/E[gᵀg] with g and H of the same batch ("batch sharpness"): SGD with small batches brings it to 2/η (Andreyev and Beneventano 2024).
    AlongGradient: float
    /// Its standard error (of a ratio, by linearisation).
    AlongGradientError: float
    /// Number of batches.
    Batches: int
}

/// The sharpness of minibatch losses.
[<RequireQualifiedAccess>]
module MinibatchSharpness =
    let private mean (x: float[]) = Array.average x

    let private error (x: float[]) =
        let m = mean x
        let n = float x.Length
        sqrt ((x |> Array.sumBy (fun v -> (v - m) * (v - m))) / (n * (n - 1.0)))

    /// <summary>Measures curvature on random batches.</summary>
    /// <param name="tolerance">Relative residual of the largest eigenvalue of each batch.</param>
    /// <param name="batch">How batches are drawn; BatchSize.Full gives every time the same.</param>
    /// <param name="key">The stream.</param>
    /// <param name="count">Number of batches, at least 2.</param>
    /// <param name="loss">From a batch and parameters to a scalar, an average over the samples.</param>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>Means over the batches with their standard errors.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two batches, a batch that does not fit the data, or gradients that are all zero.</exception>
    /// <remarks>One plan for all batches; for each batch the products of its largest eigenvalue, and one more.</remarks>
    let measure
        (tolerance: float)
        (batch: BatchSize)
        (key: Key)
        (count: int)
        (loss: 'B -> 'P -> Tensor)
        (data: 'B)
        (w: 'P)
        : MinibatchCurvature =
        if count < 2 then
            Vectors.fail
                $"MinibatchSharpness.measure: {count} batches, wanted at least 2; a standard error needs a spread"

        let theta, unravel = Tree.ravel w
        let m = theta.Size
        let flatLoss part v = loss part (unravel v)
        let batchAt = Training.batches batch key (Training.sampleCount data)

        let product =
            Diff.compile (fun (part, v: Tensor) -> Diff.hvp (flatLoss part) theta (Optimizer.inPrecisionOf theta v))

        let gradient = Diff.compile (fun part -> Diff.grad (flatLoss part) theta)

        let ofBatch k =
            let part =
                match batchAt k with
                | None -> data
                | Some indices -> Training.gather indices data

            let apply (v: float[]) = (product (part, Tensor.create [ m ] v)).toArray()
            let operator = LinearOperator.symmetric "minibatch Hessian" m apply
            let top = Eigenpairs.largest operator (Random.fold k key) 1 tolerance
            let g = (gradient part).toArray()
            top.Values[0], Vectors.dot g (apply g), Vectors.dot g g

        let results = Array.init count ofBatch
        let tops = results |> Array.map (fun (top, _, _) -> top)
        let squared = results |> Array.averageBy (fun (_, _, gg) -> gg)

        if squared = 0.0 then
            Vectors.fail
                "MinibatchSharpness.measure: the gradients of all batches are zero; there is no direction to measure along"

        let ratio = (results |> Array.averageBy (fun (_, gHg, _) -> gHg)) / squared

        {
            TopEigenvalue = mean tops
            TopEigenvalueError = error tops
            AlongGradient = ratio
            AlongGradientError = error (results |> Array.map (fun (_, gHg, gg) -> (gHg - ratio * gg) / squared))
            Batches = count
        }
