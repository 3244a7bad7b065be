namespace Hesse.Theory

open Hesse
open Hesse.Kernels

/// Hessians of single samples as Hᵢ = AᵢᵀAᵢ, in coordinates of the space that they span together.
type SampleCurvature = {
    /// Row-major [n; k; r]: Aᵢ in an orthonormal basis.
    Factors: float[]
    /// n.
    Samples: int
    /// k, the rows of each Aᵢ.
    Outputs: int
    /// r, the dimension of the span.
    Rank: int
}

/// Stability of SGD from the geometry of per-sample curvatures (Dexter, Ocejo, Keerthi, Gupta, Acharya, Khanna 2024, "A precise characterization of SGD stability
/// using loss surface geometry"). SGD is linearised as w ← (I − (η/B) Σ_{i∈S} Hᵢ) w, where each sample is in S with probability B/n on its own, and
/// H = (1/n) Σ Hᵢ. Mean-square stability is ρ(M) ≤ 1 for M = (I − ηH) ⊗ (I − ηH) + (η²/n²)(n/B − 1) Σ Hᵢ ⊗ Hᵢ.
[<RequireQualifiedAccess>]
module SgdCoherence =
    /// <summary>Factors of given matrices Aᵢ.</summary>
    /// <param name="factors">Shape [n; k; M], not all zero.</param>
    /// <returns>The curvatures Hᵢ = AᵢᵀAᵢ.</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has another rank, or is zero.</exception>
    /// <remarks>One singular value decomposition of [nk; M]; directions below 10⁻¹⁰ of the largest are left out.</remarks>
    let ofFactors (factors: Tensor) : SampleCurvature =
        if factors.Rank <> 3 then
            Vectors.fail
                $"SgdCoherence.ofFactors: factors of shape {Files.show factors.Shape}, wanted [n; k; M] with one matrix for each sample"

        let n, k, m = factors.Shape[0], factors.Shape[1], factors.Shape[2]
        let struct (u, s, _) = LinearAlgebra.Svd(factors.toArray (), n * k, m)
        let width = s.Length
        let rank = s |> Array.filter (fun v -> v > 1e-10 * s[0]) |> Array.length

        if rank = 0 then
            Vectors.fail "SgdCoherence.ofFactors: all curvatures are zero; any step is stable there"

        {
            Factors = Array.init (n * k * rank) (fun q -> u[q / rank * width + q % rank] * s[q % rank])
            Samples = n
            Outputs = k
            Rank = rank
        }

    /// The Jacobians of the outputs of each sample, [n; k; M].
    let private jacobians (model: 'P -> Tensor -> Tensor) (inputs: Tensor) (w: 'P) =
        let theta, unravel = Tree.ravel w

        let single (x: Tensor) =
            Diff.jacobian (fun t -> Tensor.flatten (model (unravel t) (Tensor.expandDims 0 x))) theta

        Diff.vmap single inputs

    /// <summary>Gauss–Newton curvatures of squared loss ½‖f − t‖²: Aᵢ is the Jacobian of sample i. At an interpolating minimum they are the Hessians.</summary>
    /// <param name="model">From parameters and inputs [c; …] to outputs [c; k].</param>
    /// <param name="inputs">Shape [n; …].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>The curvatures.</returns>
    /// <exception cref="T:Hesse.HesseException">All Jacobians are zero.</exception>
    let squaredLoss (model: 'P -> Tensor -> Tensor) (inputs: Tensor) (w: 'P) : SampleCurvature =
        ofFactors (jacobians model inputs w)

    /// <summary>Gauss–Newton curvatures of softmax cross-entropy: Aᵢ = diag(√p)(I − 1pᵀ) Jᵢ, since diag(p) − ppᵀ = (I − p1ᵀ) diag(p) (I − 1pᵀ).</summary>
    /// <param name="model">From parameters and inputs [c; …] to logits [c; k].</param>
    /// <param name="inputs">Shape [n; …].</param>
    /// <param name="w">The parameters.</param>
    /// <returns>The curvatures.</returns>
    /// <exception cref="T:Hesse.HesseException">All Jacobians are zero.</exception>
    let crossEntropy (model: 'P -> Tensor -> Tensor) (inputs: Tensor) (w: 'P) : SampleCurvature =
        let j = jacobians model inputs w
        let p = Tensor.expandDims 2 (Tensor.softmax 1 (model w inputs))
        ofFactors (Tensor.sqrt p * (j - Tensor.expandDims 1 (Tensor.sumAxis 1 (p * j))))

    let private factors (c: SampleCurvature) = Tensor.create [ c.Samples; c.Outputs; c.Rank ] c.Factors

    let private mean (c: SampleCurvature) =
        let flat = Tensor.create [ c.Samples * c.Outputs; c.Rank ] c.Factors
        Tensor.matmul (Tensor.transpose flat) flat / float c.Samples

    let private top (matrix: Tensor) =
        let n = matrix.Shape[0]
        let struct (values, _) = LinearAlgebra.SymmetricEigen(matrix.toArray (), n, false)
        values[n - 1]

    /// <summary>λ₁(H), H = (1/n) Σ Hᵢ.</summary>
    /// <param name="c">The curvatures.</param>
    let sharpness (c: SampleCurvature) : float = top (mean c)

    /// <summary>The coherence σ = λ₁(S)/maxᵢ λ₁(Hᵢ) with S_ij = ‖Hᵢ^½ Hⱼ^½‖_F = ‖Aᵢ Aⱼᵀ‖_F: 1 for curvatures in orthogonal directions, n for equal ones of rank one.</summary>
    /// <param name="c">The curvatures.</param>
    /// <returns>At least 1 (Dexter et al. 2024, definition 1).</returns>
    /// <remarks>O((nk)² r) and an eigenvalue problem of order n.</remarks>
    let coherence (c: SampleCurvature) : float =
        let n, k, r = c.Samples, c.Outputs, c.Rank
        let flat = Tensor.create [ n * k; r ] c.Factors
        let gram = Tensor.reshape [ n; k; n; k ] (Tensor.matmul flat (Tensor.transpose flat))
        let s = Tensor.sqrt (Tensor.sumAxes [ 1; 3 ] (gram * gram))

        let largest =
            Seq.init n (fun i ->
                let a = (factors c)[i]
                top (Tensor.matmul a (Tensor.transpose a)))
            |> Seq.max

        top s / largest

    let private check (batch: float) (c: SampleCurvature) =
        if not (batch > 0.0 && batch <= float c.Samples) then
            Vectors.fail
                $"SgdCoherence: an expected batch of {batch} among {c.Samples} samples, wanted more than 0 and at most all"

    /// <summary>The step above which SGD diverges for certain: min(2/λ₁, σ (n/B − 1)^(−½)/λ₁) (Dexter et al. 2024, theorem 1).</summary>
    /// <param name="batch">B, the expected batch size.</param>
    /// <param name="c">The curvatures.</param>
    /// <returns>A step that is not below <c>criticalStep</c>.</returns>
    /// <exception cref="T:Hesse.HesseException">The batch is out of range.</exception>
    let divergenceBound (batch: float) (c: SampleCurvature) : float =
        check batch c
        let noise = float c.Samples / batch - 1.0
        let slowest = if noise > 0.0 then coherence c / sqrt noise else infinity
        min 2.0 slowest / sharpness c

    /// <summary>The step that the coherence alone allows some curvatures of the same sharpness and coherence to bear: 2σ/(λ₁ (n/B + σ − 1)) (Dexter et al. 2024,
    /// theorem 2). Equal and orthogonal curvatures of rank one have it as their critical step.</summary>
    /// <param name="batch">B, the expected batch size.</param>
    /// <param name="c">The curvatures.</param>
    /// <returns>The step.</returns>
    /// <exception cref="T:Hesse.HesseException">The batch is out of range.</exception>
    let coherenceStep (batch: float) (c: SampleCurvature) : float =
        check batch c
        let sigma = coherence c
        2.0 * sigma / (sharpness c * (float c.Samples / batch + sigma - 1.0))

    /// Σ ↦ (I − ηH)Σ(I − ηH) + (η²/n²)(n/B − 1) Σ HᵢΣHᵢ on r × r matrices.
    let private propagation (batch: float) (step: float) (c: SampleCurvature) : Tensor -> Tensor =
        let n, r = c.Samples, c.Rank
        let h, a = mean c, factors c
        let contraction = Tensor.eye r - step * h
        let weight = step * step / float (n * n) * (float n / batch - 1.0)

        fun sigma ->
            // AᵢΣAᵢᵀ for each sample, and back.
            let inner = Tensor.einsum "ikp,pq,ilq->ikl" [ a; sigma; a ]
            let noise = Tensor.einsum "ikp,ikl,ilq->pq" [ a; inner; a ]
            Tensor.matmul (Tensor.matmul contraction sigma) contraction + weight * noise

    /// <summary>E wwᵀ one step later: M applied to a second moment.</summary>
    /// <param name="batch">B, the expected batch size.</param>
    /// <param name="step">η.</param>
    /// <param name="c">The curvatures.</param>
    /// <param name="moment">E wwᵀ in the basis of the factors, shape [r; r].</param>
    /// <returns>Shape [r; r].</returns>
    /// <exception cref="T:Hesse.HesseException">The batch is out of range, or the moment has another shape.</exception>
    /// <remarks>O(n k r (r + k)).</remarks>
    let propagate (batch: float) (step: float) (c: SampleCurvature) (moment: Tensor) : Tensor =
        check batch c

        if moment.Shape <> [| c.Rank; c.Rank |] then
            Vectors.fail
                $"SgdCoherence.propagate: a second moment of shape {Files.show moment.Shape}, wanted [{c.Rank}; {c.Rank}], in the basis of the factors"

        propagation batch step c moment

    /// <summary>The second moment that grows fastest: MΣ = ρ(M)Σ with Σ positive semi-definite and of trace 1 (Krein and Rutman). From w₀ with this
    /// second moment, E‖w_k‖² = ρ(M)ᵏ at every k.</summary>
    /// <param name="batch">B, the expected batch size.</param>
    /// <param name="step">η.</param>
    /// <param name="c">The curvatures.</param>
    /// <returns>ρ(M), and Σ in the basis of the factors, shape [r; r].</returns>
    /// <exception cref="T:Hesse.HesseException">The batch is out of range.</exception>
    /// <remarks>By Lanczos: the map is symmetric and maps covariances to covariances, so that its radius is an eigenvalue.</remarks>
    let growthMode (batch: float) (step: float) (c: SampleCurvature) : float * Tensor =
        check batch c
        let r = c.Rank
        let advance = propagation batch step c

        let options = {
            Eigenpairs.defaults with
                Part = SpectrumPart.LargestMagnitude
                Tolerance = 1e-9
                Start = [| (Tensor.eye r).toArray() |]
        }

        let solution =
            LinearOperator.ofFunction (r * r) (Tensor.reshape [ r; r ] >> advance >> Tensor.flatten)
            |> Eigenpairs.compute options

        let sigma = Tensor.create [ r; r ] solution.Pairs[0].Vector
        abs solution.Values[0], sigma / Tensor.trace sigma

    /// <summary>ρ(M): the factor by which E‖w‖² grows in a step in the long run, on the span of the curvatures.</summary>
    /// <param name="batch">B, the expected batch size.</param>
    /// <param name="step">η.</param>
    /// <param name="c">The curvatures.</param>
    /// <returns>Below 1: stable in mean square.</returns>
    /// <exception cref="T:Hesse.HesseException">The batch is out of range.</exception>
    let growthFactor (batch: float) (step: float) (c: SampleCurvature) : float = fst (growthMode batch step c)

    /// <summary>The exact mean-square stability threshold: the step at which ρ(M) = 1.</summary>
    /// <param name="batch">B, the expected batch size.</param>
    /// <param name="c">The curvatures.</param>
    /// <returns>η*; not above 2/λ₁(H).</returns>
    /// <exception cref="T:Hesse.HesseException">The batch is out of range.</exception>
    /// <remarks>2/λ_max(C⁺D) with C = ½(H ⊗ I + I ⊗ H), D = H ⊗ H + (1/n²)(n/B − 1) Σ Hᵢ ⊗ Hᵢ, as M = I − 2ηC + η²D (Mulayoff and Michaeli 2024, theorem 1, for this sampling), by Lanczos.</remarks>
    let criticalStep (batch: float) (c: SampleCurvature) : float =
        check batch c
        let n, r = c.Samples, c.Rank
        let struct (values, vectors) = LinearAlgebra.SymmetricEigen((mean c).toArray(), r, true)
        // In the eigenbasis of H, C is diagonal.
        let basis = Tensor.create [ r; r ] vectors
        let a = Tensor.einsum "ikp,pq->ikq" [ factors c; basis ]

        let root =
            Tensor.create [ r; r ] (Array.init (r * r) (fun q -> sqrt (0.5 * (values[q / r] + values[q % r]))))

        let product = Tensor.create [ r; r ] (Array.init (r * r) (fun q -> values[q / r] * values[q % r]))
        let weight = 1.0 / float (n * n) * (float n / batch - 1.0)

        let scaled (flat: Tensor) =
            let sigma = Tensor.reshape [ r; r ] flat / root
            let inner = Tensor.einsum "ikp,pq,ilq->ikl" [ a; sigma; a ]
            let noise = Tensor.einsum "ikp,ikl,ilq->pq" [ a; inner; a ]
            Tensor.flatten ((product * sigma + weight * noise) / root)

        let options = {
            Eigenpairs.defaults with
                Tolerance = 1e-10
                Start = [| (Tensor.eye r).toArray() |]
        }

        2.0 / (Eigenpairs.compute options (LinearOperator.ofFunction (r * r) scaled)).Values[0]

    /// <summary>Alignment of the noise of SGD with the curvature at a point of squared loss (Wu, Wang, Su 2022; Wu and Su 2023):
    /// tr(ΣG)/(2 L ‖G‖_F²), Σ the covariance of the gradients rᵢ∇fᵢ, G = (1/n) Σ ∇fᵢ∇fᵢᵀ, L = (1/2n) Σ rᵢ².</summary>
    /// <param name="jacobian">∇fᵢ in rows, shape [n; M].</param>
    /// <param name="residuals">rᵢ, shape [n], not all zero.</param>
    /// <returns>μ. Stability of SGD with batches of B asks for ‖G‖_F ≤ √(B/μ)/η.</returns>
    /// <exception cref="T:Hesse.HesseException">Shapes do not fit, or there is no residual or no gradient.</exception>
    /// <remarks>O(n² M): everything is read from the Gram matrix of the rows.</remarks>
    let noiseAlignment (jacobian: Tensor) (residuals: Tensor) : float =
        if jacobian.Rank <> 2 || residuals.Shape <> [| jacobian.Shape[0] |] then
            Vectors.fail
                $"SgdCoherence.noiseAlignment: a Jacobian {Files.show jacobian.Shape} and residuals {Files.show residuals.Shape}, wanted [n; M] and [n]"

        let n = float jacobian.Shape[0]
        let gram = Tensor.matmul jacobian (Tensor.transpose jacobian)
        let squares = gram * gram
        let loss = (Tensor.sum (residuals * residuals)).item() / (2.0 * n)
        let frobenius = (Tensor.sum squares).item() / (n * n)

        if loss = 0.0 || frobenius = 0.0 then
            Vectors.fail
                "SgdCoherence.noiseAlignment: the loss or the curvature is zero; the noise of SGD vanishes there"

        // tr(ΣG) = (1/n) Σ rᵢ² ∇fᵢᵀG∇fᵢ − gᵀGg, both from the Gram matrix.
        let second = (Tensor.sum (residuals * residuals * Tensor.sumAxis 1 squares)).item() / (n * n)
        let drift = Tensor.matmul gram residuals
        let first = (Tensor.sum (drift * drift)).item() / (n * n * n)
        (second - first) / (2.0 * loss * frobenius)
