namespace Hesse.Theory

open Hesse

/// What the predictions f of a model are the natural parameters of.
[<RequireQualifiedAccess>]
type Likelihood =
    /// t ~ N(f, I), every entry by itself.
    | Gaussian
    /// t is one-hot with probabilities softmax(f) along the last axis.
    | Categorical
    /// t ∈ {0, 1} with probability σ(f), every entry by itself.
    | Bernoulli
    /// t ∈ {0, 1, 2, …} with rate exp(f), every entry by itself.
    | Poisson

/// Likelihoods of targets given the predictions of a model. Predictions and targets have the same shape, [n; …].
[<RequireQualifiedAccess>]
module Likelihood =
    /// <summary>−(1/n) Σᵢ log p(tᵢ | fᵢ), without terms that do not depend on the predictions.</summary>
    /// <param name="likelihood">The family.</param>
    /// <param name="predictions">f, shape [n; …].</param>
    /// <param name="targets">t, of the same shape.</param>
    /// <returns>A scalar in nats: the half squared error, the cross-entropy, Σ log(1 + eᶠ) − tf, or Σ eᶠ − tf.</returns>
    let negativeLogLikelihood (likelihood: Likelihood) (predictions: Tensor) (targets: Tensor) : Tensor =
        let total =
            match likelihood with
            | Likelihood.Gaussian -> 0.5 * Tensor.sum (Tensor.square (predictions - targets))
            | Likelihood.Categorical -> -(Tensor.sum (targets * Tensor.logSoftmax -1 predictions))
            | Likelihood.Bernoulli -> Tensor.sum (Tensor.softplus predictions - targets * predictions)
            | Likelihood.Poisson -> Tensor.sum (Tensor.exp predictions - targets * predictions)

        total / float predictions.Shape[0]

    /// E[t | f].
    let internal mean (likelihood: Likelihood) (f: Tensor) : Tensor =
        match likelihood with
        | Likelihood.Gaussian -> f
        | Likelihood.Categorical -> Tensor.softmax -1 f
        | Likelihood.Bernoulli -> Tensor.sigmoid f
        | Likelihood.Poisson -> Tensor.exp f

    /// The Fisher information of the natural parameters, Cov(t | f), times a tangent.
    let internal covariance (likelihood: Likelihood) (f: Tensor) (tangent: Tensor) : Tensor =
        let mean = mean likelihood f

        match likelihood with
        | Likelihood.Gaussian -> tangent
        | Likelihood.Categorical -> mean * (tangent - Tensor.expandDims -1 (Tensor.sumAxis -1 (mean * tangent)))
        | Likelihood.Bernoulli -> mean * (1.0 - mean) * tangent
        | Likelihood.Poisson -> mean * tangent

    /// Poisson numbers of these rates by inversion: the least k whose distribution function exceeds a uniform number. Above a rate of 700,
    /// where exp(−rate) has no digits left, NaN.
    let private poisson (rate: Tensor) (uniform: Tensor) : Tensor =
        let above (cumulative: Tensor) = Tensor.lessEqual cumulative uniform

        let step (k: Tensor, probability: Tensor, cumulative: Tensor) =
            let next = k + 1.0
            let probability = probability * rate / next
            Tensor.where (above cumulative) next k, probability, cumulative + probability

        // All entries count together, so that one that has its k only lets its distribution function grow.
        let going (_, _, cumulative) = Tensor.max (above cumulative)
        let none = Tensor.exp -rate
        let (k, _, _), _ = Diff.boundedWhile 2000 going step (Tensor.zeros uniform.Shape, none, none)
        Tensor.where (Tensor.greater rate (Tensor.scalar 700.0)) (Tensor.scalar nan) k

    /// t − E[t | f] for targets drawn from the model, `samples` for each row: [c; samples; …]. Row i draws by the key folded with its number, so
    /// that chunks do not matter.
    let internal residuals (likelihood: Likelihood) (samples: int) (words: Tensor) (rows: Tensor) (f: Tensor) : Tensor =
        let f = Tensor.toFloat64 f
        let shape = Array.append [| samples |] f.Shape[1..]
        let drawn draw = Diff.vmap (fun (row, f: Tensor) -> draw (Random.foldIn row (Random.ofWords words)) f) (rows, f)
        let mean = Tensor.expandDims 1 (mean likelihood f)
        let uniforms () = drawn (fun key _ -> Random.uniform key shape)

        match likelihood with
        | Likelihood.Gaussian -> drawn (fun key _ -> Random.normal key shape)
        | Likelihood.Categorical ->
            drawn (fun key f -> Tensor.oneHot f.Shape[f.Rank - 1] (Random.categorical key f [ samples ])) - mean
        | Likelihood.Bernoulli -> Tensor.less (uniforms ()) mean - mean
        | Likelihood.Poisson ->
            let uniforms = uniforms ()
            poisson (Tensor.broadcastTo uniforms.Shape mean) uniforms - mean

/// The Fisher information of a model over a data set (Amari 1998; Martens 2020; Kunstner, Balles, Hennig 2019 for the empirical one).
/// All three are averages (or sums, as the risk's reduction says) over the rows.
[<RequireQualifiedAccess>]
module Fisher =
    /// Rows are added up within a chunk.
    let private weight (risk: EmpiricalRisk<'P>) (_: DataChunk) =
        match risk.Options.Reduction with
        | LossReduction.Mean -> 1.0 / float risk.Count
        | LossReduction.Sum -> 1.0

    /// <summary>The Fisher information ("type 2"): (1/n) Σᵢ Jᵢᵀ Cov(t | fᵢ) Jᵢ, the expectation over the model's own targets done exactly.
    /// As predictions are natural parameters it is the Gauss–Newton operator of the negative log-likelihood, whatever the targets.</summary>
    /// <param name="likelihood">What the predictions mean.</param>
    /// <param name="risk">Model and inputs; loss and targets are not used.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric positive semi-definite operator of size M.</returns>
    let exact (likelihood: Likelihood) (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        (Curvature.symmetric $"Fisher {likelihood}" risk point (weight risk) EmpiricalRisk.nothing (fun p v chunk _ ->
            Curvature.throughOutputs (fun p -> risk.Model p chunk.Inputs) p v (Likelihood.covariance likelihood)))

    /// Jᵀ (Σ r rᵀ) J v for output gradients r of shape [c; samples; …].
    let internal throughGradients model point v (gradients: Tensor -> Tensor) =
        Curvature.throughOutputs model point v (fun outputs tangent ->
            let r = gradients outputs
            let rows, samples = outputs.Shape[0], r.Shape[1]
            let width = outputs.Size / rows
            let r = Tensor.reshape [ rows; samples; width ] r
            let r = if outputs.DType = DType.Float32 then Tensor.toFloat32 r else r
            let along = Tensor.einsum "csk,ck->cs" [ r; Tensor.reshape [ rows; width ] tangent ]
            Tensor.reshape outputs.Shape (Tensor.einsum "csk,cs->ck" [ r; along ]))

    /// <summary>The Monte-Carlo Fisher information: (1/nS) Σᵢ Σₛ g gᵀ, with g the gradient of −log p(tᵢₛ | fᵢ) for targets tᵢₛ that are drawn
    /// from the model. Its expectation over the key is <c>exact</c>.</summary>
    /// <param name="key">The same key gives the same operator, whatever the chunks.</param>
    /// <param name="samples">S, the number of targets drawn for each row; the standard error falls as 1/√(nS).</param>
    /// <param name="likelihood">What the predictions mean.</param>
    /// <param name="risk">Model and inputs; loss and targets are not used.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric positive semi-definite operator of size M; targets are drawn again, equally, in every product.</returns>
    /// <exception cref="T:Hesse.HesseException">There are no samples.</exception>
    let monteCarlo
        (key: Key)
        (samples: int)
        (likelihood: Likelihood)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        : LinearOperator =
        if samples < 1 then
            raise (HesseException $"Fisher.monteCarlo: {samples} samples; want at least 1")

        let name = $"Monte-Carlo Fisher {likelihood}, {samples} sample(s)"

        Curvature.symmetric name risk point (fun c -> weight risk c / float samples) key.Words (fun p v chunk words ->
            throughGradients
                (fun p -> risk.Model p chunk.Inputs)
                p
                v
                (Likelihood.residuals likelihood samples words chunk.Rows))

    /// ∂ℓᵢ/∂fᵢ for the rows of a chunk, [c; 1; …].
    let internal lossGradients (risk: EmpiricalRisk<'P>) (chunk: DataChunk) (outputs: Tensor) =
        let slope = Diff.grad (fun f -> risk.Loss f chunk.Targets) outputs

        Tensor.expandDims
            1
            (match risk.Options.Reduction with
             | LossReduction.Mean -> float chunk.Count * slope
             | LossReduction.Sum -> slope)

    /// <summary>The empirical Fisher information: (1/n) Σᵢ gᵢ gᵢᵀ, with gᵢ = ∇ℓᵢ the gradients of the loss at the targets of the data. It is not
    /// an approximation of the Hessian away from a perfect fit.</summary>
    /// <param name="risk">The loss over the data; any loss that is a mean or sum over rows.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric positive semi-definite operator of size M, of rank at most n.</returns>
    let empirical (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        Curvature.symmetric "empirical Fisher" risk point (weight risk) EmpiricalRisk.nothing (fun p v chunk _ ->
            throughGradients (fun p -> risk.Model p chunk.Inputs) p v (lossGradients risk chunk))
