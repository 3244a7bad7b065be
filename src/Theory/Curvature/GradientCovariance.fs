namespace Hesse.Theory

open Hesse

/// Mean and variance over the data of each entry of the gradients ∇ℓᵢ.
type GradientMoments = {
    /// ḡ = (1/n) Σᵢ gᵢ, length M.
    Mean: float[]
    /// (1/n) Σᵢ gᵢ² − ḡ², entry by entry, length M.
    Variance: float[]
}

/// The gradients of the single rows of a data set, gᵢ = ∇ℓᵢ(θ), and their covariance: the noise of stochastic gradients.
[<RequireQualifiedAccess>]
module GradientCovariance =
    /// The gradient of one row's loss; both reductions agree on one row.
    let private ofRows (risk: EmpiricalRisk<'P>) (p: 'P) (chunk: DataChunk) (f: Tensor -> Tensor) =
        Diff.vmap
            (fun (x, t) ->
                let loss p = risk.Loss (risk.Model p (Tensor.expandDims 0 x)) (Tensor.expandDims 0 t)
                f (Curvature.raveled (Diff.grad loss p)))
            (chunk.Inputs, chunk.Targets)

    /// What a kernel says of each row, `width` numbers, one row after the other.
    let private rowByRow (risk: EmpiricalRisk<'P>) (point: 'P) (width: int) (plan: ChunkPlan<'P>) : float[] =
        let result = Array.zeroCreate (risk.Count * width)

        risk.EachChunk(fun chunk ->
            let part = Array.zeroCreate (chunk.Count * width)
            plan.One point EmpiricalRisk.nothing chunk EmpiricalRisk.nothing part
            Array.blit part 0 result (chunk.Start * width) part.Length)

        result

    /// <summary>The gradients of all rows.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>Row-major [n; M]: row i is ∇ℓᵢ, not divided by n.</returns>
    let gradients (risk: EmpiricalRisk<'P>) (point: 'P) : float[] =
        risk.Plan "gradients of rows" (fun p _ chunk _ -> ofRows risk p chunk id)
        |> rowByRow risk point (Curvature.sizeOf point)

    /// <summary>The lengths of the gradients of all rows; the gradients themselves are not stored beyond a chunk.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ.</param>
    /// <returns>‖∇ℓᵢ‖, length n.</returns>
    let norms (risk: EmpiricalRisk<'P>) (point: 'P) : float[] =
        risk.Plan "norms of gradients" (fun p _ chunk _ -> ofRows risk p chunk (Tensor.square >> Tensor.sum))
        |> rowByRow risk point 1
        |> Array.map sqrt

    /// <summary>Mean and variance of each entry of the gradients.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>ḡ and the diagonal of the covariance; gradients are centred before they are squared, so small variances keep their digits.</returns>
    let moments (risk: EmpiricalRisk<'P>) (point: 'P) : GradientMoments =
        let m, n = Curvature.sizeOf point, float risk.Count

        let sum name kernel extra =
            let plan = risk.Plan name kernel
            risk.Sum m (fun _ -> 1.0 / n) (fun chunk -> plan.One point EmpiricalRisk.nothing chunk extra)

        let mean =
            sum "sum of gradients" (fun p _ chunk _ -> Tensor.sumAxis 0 (ofRows risk p chunk id)) EmpiricalRisk.nothing

        let variance =
            sum
                "sum of squared gradients"
                (fun p _ chunk mean ->
                    Tensor.sumAxis 0 (ofRows risk p chunk (fun g -> Tensor.square (Tensor.toFloat64 g - mean))))
                (Tensor.ofArray mean)

        { Mean = mean; Variance = variance }

    /// <summary>The second moment of the gradients: (1/n) Σᵢ gᵢ gᵢᵀ.</summary>
    /// <param name="risk">The loss over the data, of either reduction.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric positive semi-definite operator of size M; a product costs about as much as one of Gauss–Newton.</returns>
    let uncentred (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        let fisher = Fisher.empirical risk point

        match risk.Options.Reduction with
        | LossReduction.Mean -> fisher.Named "second moment of gradients"
        | LossReduction.Sum -> (fisher / float risk.Count).Named "second moment of gradients"

    /// <summary>The covariance of the gradients: C = (1/n) Σᵢ gᵢ gᵢᵀ − ḡ ḡᵀ.</summary>
    /// <param name="risk">The loss over the data, of either reduction.</param>
    /// <param name="point">θ, M parameters; the mean gradient ḡ is computed once.</param>
    /// <returns>A symmetric positive semi-definite operator of size M.</returns>
    let centred (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        let gradient = EmpiricalRisk.gradient risk point

        let scale =
            match risk.Options.Reduction with
            | LossReduction.Mean -> 1.0
            | LossReduction.Sum -> 1.0 / float risk.Count

        let mean = gradient |> Array.map (fun g -> scale * g)
        (uncentred risk point - StructuredOperator.lowRank [| 1.0 |] [| mean |]).Named "covariance of gradients"

    /// <summary>The covariance of the mean gradient of a random mini-batch: C/B, or C/B · (n − B)/(n − 1) when no row is drawn twice.</summary>
    /// <param name="batch">B, the number of rows in a mini-batch.</param>
    /// <param name="replacement">Whether a row may be drawn several times.</param>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric positive semi-definite operator of size M.</returns>
    /// <exception cref="T:Hesse.HesseException">B is below 1, or above n without replacement.</exception>
    let sgdNoise (batch: int) (replacement: bool) (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        let n = risk.Count

        if batch < 1 || (not replacement && batch > n) then
            raise (
                HesseException
                    $"GradientCovariance.sgdNoise: mini-batches of {batch} rows of {n}; want at least 1, and at most {n} without replacement"
            )

        let finite = if replacement || n = 1 then 1.0 else float (n - batch) / float (n - 1)
        (finite / float batch * centred risk point).Named $"SGD noise of batches of {batch}"
