namespace Hesse.Theory

open System
open Hesse

/// A normal approximation N(θ*, (nC/σ² + τI)⁻¹) of the posterior of parameters with the prior N(0, I/τ) (MacKay 1992). Any structure of C will do:
/// full, by tensor, KFAC, EKFAC, diagonal; for the last layer alone restrict the risk (<c>RestrictedRisk.ofPath</c>).
type LaplacePosterior<'P> = {
    /// The model, the loss and n rows of data.
    Risk: EmpiricalRisk<'P>
    /// θ*, a minimum of nL(θ)/σ² + τ‖θ‖²/2, with L the mean of the losses.
    Mode: 'P
    /// The curvature of the risk at the mode, positive semi-definite: C, or nC for a loss that adds up.
    Curvature: BlockCurvature
    /// How targets are distributed.
    Likelihood: Likelihood
    /// σ² of Gaussian targets; 1 for all others.
    NoiseVariance: float
    /// τ.
    PriorPrecision: float
}

/// A normal distribution of predictions for every input: mean [m; k] and covariance [m; k; k].
type LinearisedPrediction = {
    /// f(θ*, x), shape [m; k].
    Mean: Tensor
    /// J Σ Jᵀ of each row, shape [m; k; k]; without the noise of the targets.
    Covariance: Tensor
}

/// Evidence, hyper-parameters and predictions of Laplace's approximation (MacKay 1992; Immer et al. 2021; Daxberger et al. 2021).
[<RequireQualifiedAccess>]
module Laplace =
    let private checkPositive (operation: string) (name: string) (value: float) =
        if not (value > 0.0 && Double.IsFinite value) then
            raise (HesseException $"Laplace.{operation}: the {name} is {value}; wanted a positive number")

    /// <summary>The posterior of a trained model.</summary>
    /// <param name="likelihood">How targets are distributed. The loss must be its negative logarithm (<c>Likelihood.negativeLogLikelihood</c>).</param>
    /// <param name="priorPrecision">τ.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="mode">θ*, where the model was trained to.</param>
    /// <param name="curvature">That of the risk at the mode, such as `ExactBlocks.full` or `Kfac.curvature`.</param>
    /// <returns>The posterior, for Gaussian targets with noise of variance 1; `withNoiseVariance` changes that.</returns>
    /// <exception cref="T:Hesse.HesseException">The precision is not positive; the curvature is of another size, or has a negative eigenvalue beyond rounding.</exception>
    let create
        (likelihood: Likelihood)
        (priorPrecision: float)
        (risk: EmpiricalRisk<'P>)
        (mode: 'P)
        (curvature: BlockCurvature)
        : LaplacePosterior<'P> =
        checkPositive "create" "prior precision" priorPrecision
        let size = Curvature.sizeOf mode
        let values = BlockCurvature.eigenvalues curvature
        let lowest = Array.last values

        if curvature.Size <> size || not (lowest >= -1e-8 * abs values[0]) then
            raise (
                HesseException
                    $"Laplace.create: a curvature of size {curvature.Size} with eigenvalues from {lowest:G3} to {values[0]:G3}, for {size} parameters; wanted one eigenvalue for each, none negative: take a Gauss–Newton matrix"
            )

        {
            Risk = risk
            Mode = mode
            // What is negative is so by rounding.
            Curvature = BlockCurvature.map (max 0.0) curvature
            Likelihood = likelihood
            NoiseVariance = 1.0
            PriorPrecision = priorPrecision
        }

    /// <summary>The posterior for another variance of Gaussian noise, with the same mode.</summary>
    /// <param name="variance">σ².</param>
    /// <param name="posterior">The posterior.</param>
    /// <returns>The posterior.</returns>
    /// <exception cref="T:Hesse.HesseException">The variance is not positive, or the targets are not Gaussian.</exception>
    let withNoiseVariance (variance: float) (posterior: LaplacePosterior<'P>) : LaplacePosterior<'P> =
        checkPositive "withNoiseVariance" "noise variance" variance

        if posterior.Likelihood <> Likelihood.Gaussian then
            raise (
                HesseException
                    $"Laplace.withNoiseVariance: the likelihood is {posterior.Likelihood}; only Gaussian targets have a noise variance"
            )

        { posterior with NoiseVariance = variance }

    /// n.
    let private rows (posterior: LaplacePosterior<'P>) = float posterior.Risk.Count

    /// k, how many numbers a prediction has.
    let private outputs (posterior: LaplacePosterior<'P>) = float (Curvature.outputsOf posterior.Risk posterior.Mode)

    /// What the risk, and its curvature, counts in the negative log-likelihood: n/σ² for a mean, 1/σ² for a sum.
    let private weight (posterior: LaplacePosterior<'P>) =
        rows posterior / Examples.rowsPerMean posterior.Risk / posterior.NoiseVariance

    let private squaredNorm (p: 'P) =
        Tree.leaves p |> Array.sumBy (fun leaf -> leaf.toArray () |> Array.sumBy (fun x -> x * x))

    // ----- the posterior -----

    /// <summary>The posterior precision nC/σ² + τI.</summary>
    /// <param name="posterior">The posterior.</param>
    /// <returns>The precision, with the eigenvectors of C.</returns>
    let precision (posterior: LaplacePosterior<'P>) : BlockCurvature =
        let scale = weight posterior
        BlockCurvature.map (fun x -> scale * x + posterior.PriorPrecision) posterior.Curvature

    /// <summary>The posterior covariance (nC/σ² + τI)⁻¹.</summary>
    /// <param name="posterior">The posterior.</param>
    /// <returns>The covariance, with the eigenvectors of C.</returns>
    let covariance (posterior: LaplacePosterior<'P>) : BlockCurvature = BlockCurvature.inverse 0.0 (precision posterior)

    /// <summary>Draws of parameters from the posterior.</summary>
    /// <param name="count">How many.</param>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="posterior">The posterior, of M parameters.</param>
    /// <returns>Raveled parameters, shape [count; M], float64.</returns>
    let sample (count: int) (key: Key) (posterior: LaplacePosterior<'P>) : Tensor =
        Tensor.toFloat64 (fst (Tree.ravel posterior.Mode))
        + BlockCurvature.sample count key (covariance posterior)

    // ----- evidence -----

    /// <summary>log p(D | θ*).</summary>
    /// <param name="posterior">The posterior.</param>
    /// <returns>−nL(θ*)/σ² − (nk/2) log 2πσ² for Gaussian targets of k numbers, else −nL(θ*), in nats; without what the loss leaves out (Poisson: Σ log t!).</returns>
    let logLikelihood (posterior: LaplacePosterior<'P>) : float =
        let fit = -(weight posterior) * EmpiricalRisk.value posterior.Risk posterior.Mode

        if posterior.Likelihood = Likelihood.Gaussian then
            fit - 0.5 * rows posterior * outputs posterior * log (2.0 * Math.PI * posterior.NoiseVariance)
        else
            fit

    /// <summary>The logarithm of the evidence p(D), by Laplace's approximation.</summary>
    /// <param name="posterior">The posterior, of M parameters.</param>
    /// <returns>log p(D | θ*) − τ‖θ*‖²/2 + (M/2) log τ − ½ log det(nC/σ² + τI), in nats. Exact for a linear model with Gaussian noise and the full matrix.</returns>
    /// <remarks>MacKay 1992, "A practical Bayesian framework for backpropagation networks", with the constants (M/2) log 2π cancelled; Immer et al. 2021, equation 4.</remarks>
    let logEvidence (posterior: LaplacePosterior<'P>) : float =
        let tau = posterior.PriorPrecision

        logLikelihood posterior - 0.5 * tau * squaredNorm posterior.Mode
        + 0.5 * float posterior.Curvature.Size * log tau
        - 0.5 * BlockCurvature.logDeterminant 0.0 (precision posterior)

    /// <summary>The number of parameters that the data determine: γ = Σ (nλ/σ²) / (nλ/σ² + τ).</summary>
    /// <param name="posterior">The posterior, of M parameters.</param>
    /// <returns>From 0 to M (MacKay 1992, "Bayesian interpolation").</returns>
    let effectiveParameters (posterior: LaplacePosterior<'P>) : float =
        let scale = weight posterior

        posterior.Curvature.Blocks
        |> Array.sumBy (fun b ->
            b.Eigenvalues |> Array.sumBy (fun x -> scale * x / (scale * x + posterior.PriorPrecision)))

    /// <summary>The derivatives of the log-evidence at fixed mode and curvature.</summary>
    /// <param name="posterior">The posterior.</param>
    /// <returns>∂/∂log τ = ½(γ − τ‖θ*‖²); and ∂/∂log σ² = nL/σ² − ½(nk − γ) for Gaussian targets of k numbers, zero for all others.</returns>
    let evidenceGradient (posterior: LaplacePosterior<'P>) : float * float =
        let gamma = effectiveParameters posterior
        let byPrecision = 0.5 * (gamma - posterior.PriorPrecision * squaredNorm posterior.Mode)

        if posterior.Likelihood = Likelihood.Gaussian then
            let fit = weight posterior * EmpiricalRisk.value posterior.Risk posterior.Mode
            byPrecision, fit - 0.5 * (rows posterior * outputs posterior - gamma)
        else
            byPrecision, 0.0

    /// <summary>Prior precision, and for Gaussian targets the noise variance, of the largest evidence at fixed mode and curvature, by MacKay's fixed point.</summary>
    /// <param name="steps">Largest number of steps.</param>
    /// <param name="posterior">Where to start.</param>
    /// <returns>The posterior with τ = γ/‖θ*‖² and σ² = 2nL/(nk − γ), when a step changes them by less than 10⁻¹⁰ of themselves.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence in so many steps; the evidence may grow with τ → ∞ (all parameters zero), or with σ² → 0 (no residuals).</exception>
    /// <remarks>MacKay 1992, "Bayesian interpolation". Train again and repeat for a joint optimum (Immer et al. 2021).</remarks>
    let maximiseEvidence (steps: int) (posterior: LaplacePosterior<'P>) : LaplacePosterior<'P> =
        let norm = squaredNorm posterior.Mode
        let isGaussian = (posterior.Likelihood = Likelihood.Gaussian)

        let loss =
            weight posterior * posterior.NoiseVariance * EmpiricalRisk.value posterior.Risk posterior.Mode

        let targets = rows posterior * outputs posterior
        let isClose (a: float) (b: float) = abs (a - b) <= 1e-10 * abs a

        let rec improve step (p: LaplacePosterior<'P>) =
            let gamma = effectiveParameters p
            let tau = gamma / norm
            let variance = if isGaussian then 2.0 * loss / (targets - gamma) else 1.0
            let next = { p with PriorPrecision = tau; NoiseVariance = variance }
            let isPossible = tau > 0.0 && variance > 0.0 && Double.IsFinite(tau * variance)

            if isPossible && isClose tau p.PriorPrecision && isClose variance p.NoiseVariance then
                next
            elif step >= steps || not isPossible then
                raise (
                    HesseException
                        $"Laplace.maximiseEvidence: no optimum in {steps} steps: after step {step} the prior precision is {tau:G6} and the noise variance {variance:G6}; take more steps, or fewer parameters"
                )
            else
                improve (step + 1) next

        improve 1 posterior

    // ----- predictions -----

    /// <summary>The distribution of the predictions of the model that is linearised at the mode.</summary>
    /// <param name="inputs">Shape [m; …].</param>
    /// <param name="posterior">The posterior.</param>
    /// <returns>Means f(θ*, x) and covariances J Σ Jᵀ. For Gaussian targets, add σ²I to the covariance for that of a target.</returns>
    /// <remarks>k backward passes and products with Σ for every input, in chunks of the risk's size (MacKay 1992; Immer, Korzepa, Bauer 2021).</remarks>
    let predict (inputs: Tensor) (posterior: LaplacePosterior<'P>) : LinearisedPrediction =
        let theta, unravel = Tree.ravel posterior.Mode
        let times = BlockCurvature.product (covariance posterior)

        let one (_, x, _) =
            let f = Examples.outputs posterior.Risk
            let j = Diff.jacrev (fun v -> f (unravel v) x) theta |> Tensor.toFloat64
            f posterior.Mode x, Tensor.matmul j (Tensor.transpose (Diff.vmap times j))

        // The targets do not matter.
        let asked =
            EmpiricalRisk.createWith
                posterior.Risk.Options
                posterior.Risk.Model
                posterior.Risk.Loss
                inputs
                (Tensor.zeros [ inputs.Shape[0] ])

        let parts = asked |> Examples.mapChunks (Diff.compile (Diff.vmap one))

        {
            Mean = Tensor.concat 0 (parts |> List.map fst)
            Covariance = Tensor.concat 0 (parts |> List.map snd)
        }

    /// <summary>Probabilities of classes by the probit approximation: softmax(mₖ / √(1 + π vₖ/8)).</summary>
    /// <param name="prediction">Means m and covariances, of which the diagonal v counts.</param>
    /// <returns>Shape [m; k].</returns>
    /// <remarks>MacKay 1992, "The evidence framework applied to classification networks"; for several classes Lu, Ie, Sha 2020.</remarks>
    let probit (prediction: LinearisedPrediction) : Tensor =
        let v = Tensor.einsum "mcc->mc" [ prediction.Covariance ]
        Tensor.softmax 1 (Tensor.toFloat64 prediction.Mean / Tensor.sqrt (1.0 + (Math.PI / 8.0) * v))

    /// <summary>Probabilities of classes as the mean of the softmax over draws of the predictions.</summary>
    /// <param name="draws">How many, at least 1.</param>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="prediction">Means and covariances of the predictions.</param>
    /// <returns>Shape [m; k]; the error is of the order 1/√draws.</returns>
    /// <exception cref="T:Hesse.HesseException">The number of draws is not positive.</exception>
    let classProbabilities (draws: int) (key: Key) (prediction: LinearisedPrediction) : Tensor =
        if draws < 1 then
            raise (HesseException $"Laplace.classProbabilities: {draws} draws; wanted at least 1")

        let mean = Tensor.toFloat64 prediction.Mean
        let values, vectors = Linalg.eigh prediction.Covariance
        let root = vectors * Tensor.expandDims 1 (Tensor.sqrt (Tensor.relu values))
        let noise = Random.normal key [ draws; mean.Shape[0]; mean.Shape[1] ]
        let drawn = mean + Tensor.einsum "mck,smk->smc" [ root; noise ]
        Tensor.meanAxis 0 (Tensor.softmax 2 drawn)
