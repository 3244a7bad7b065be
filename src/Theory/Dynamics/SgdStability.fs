namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// How a minibatch is drawn.
[<RequireQualifiedAccess>]
type Sampling =
    /// Independently, from all samples.
    | WithReplacement
    /// A uniformly random subset.
    | WithoutReplacement

/// The gradients of an interpolating model at a minimum, in the coordinates that matter: an orthonormal basis of their
/// span in which the Hessian H = (1/n) Σᵢ gᵢgᵢᵀ is diagonal.
type GradientEnsemble = {
    /// Coordinates of the n gradients, row-major [n; r].
    Coordinates: float[]
    /// Number of samples, n.
    Samples: int
    /// The r non-zero eigenvalues of the Hessian, descending.
    Eigenvalues: float[]
} with

    /// Dimension r of the span.
    member e.Rank = e.Eigenvalues.Length

/// Linear stability of a minimum under (stochastic) gradient descent. At a minimum that interpolates under squared loss
/// (1/2n) Σᵢ rᵢ², SGD linearises to δ ← δ − (η/B) Σ_{i in batch} gᵢ gᵢᵀδ with gᵢ = ∇f(xᵢ), and Σ = E δδᵀ obeys
/// Σ ← T(Σ) = Σ − η (HΣ + ΣH) + η² [p (1/n) Σᵢ (gᵢᵀΣgᵢ) gᵢgᵢᵀ + (1 − p) HΣH].
/// Sources: L. Wu and W. Su, "The implicit regularization of dynamical stability in stochastic gradient descent" (2023);
/// R. Mulayoff and T. Michaeli, "Exact mean square linear stability analysis for SGD" (2024).
[<RequireQualifiedAccess>]
module SgdStability =
    let private fail (message: string) = raise (HesseException message)

    /// <summary>Reduces gradients to their span.</summary>
    /// <param name="gradients">One gradient a row, shape [n; p].</param>
    /// <returns>The ensemble; directions with an eigenvalue below 10⁻¹² of the largest are left out: SGD never moves along them.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrix is not two-dimensional, or every gradient is zero.</exception>
    let ensemble (gradients: Tensor) : GradientEnsemble =
        if gradients.Shape.Length <> 2 then
            fail
                $"SgdStability.ensemble: gradients of rank {gradients.Shape.Length}, wanted a matrix with one gradient a row; reshape to [n; p]"

        let n, p = gradients.Shape[0], gradients.Shape[1]
        let struct (u, s, _) = LinearAlgebra.Svd(gradients.toArray (), n, p)
        let width = s.Length
        let rank = s |> Array.filter (fun v -> v > 1e-6 * s[0]) |> Array.length

        if rank = 0 then
            fail
                "SgdStability.ensemble: every gradient is zero, wanted at least one that is not; any step is stable there"

        {
            Coordinates = Array.init (n * rank) (fun q -> u[q / rank * width + q % rank] * s[q % rank])
            Samples = n
            Eigenvalues = Array.init rank (fun k -> s[k] * s[k] / float n)
        }

    /// <summary>Trace of the Hessian.</summary>
    /// <param name="e">The gradients.</param>
    /// <returns>(1/n) Σᵢ ‖gᵢ‖².</returns>
    let trace (e: GradientEnsemble) : float = Array.sum e.Eigenvalues

    /// <summary>Frobenius norm of the Hessian.</summary>
    /// <param name="e">The gradients.</param>
    /// <returns>√Σ λ².</returns>
    let frobenius (e: GradientEnsemble) : float = sqrt (e.Eigenvalues |> Array.sumBy (fun l -> l * l))

    /// <summary>Largest step at which gradient descent is linearly stable: 2/λ_max.</summary>
    /// <param name="e">The gradients.</param>
    /// <returns>The step.</returns>
    let gradientDescentBound (e: GradientEnsemble) : float = 2.0 / e.Eigenvalues[0]

    /// <summary>Weight p of the single-sample term in the second moment of a minibatch.</summary>
    /// <param name="sampling">How the batch is drawn.</param>
    /// <param name="batch">Batch size B, from 1 to n.</param>
    /// <param name="n">Number of samples.</param>
    /// <returns>1/B with replacement, (n − B)/(B (n − 1)) without.</returns>
    let singleWeight (sampling: Sampling) (batch: int) (n: int) : float =
        if batch < 1 || (sampling = Sampling.WithoutReplacement && batch > n) then
            fail $"SgdStability: batch size {batch} from {n} samples, wanted 1 to {n}; pass a size in that range"

        match sampling with
        | Sampling.WithReplacement -> 1.0 / float batch
        | Sampling.WithoutReplacement -> if batch = n then 0.0 else float (n - batch) / (float batch * float (n - 1))

    /// <summary>Second moment of the linearised iterate after one step: the operator T.</summary>
    /// <param name="sampling">How the batch is drawn.</param>
    /// <param name="batch">Batch size.</param>
    /// <param name="step">η.</param>
    /// <param name="gradients">Shape [n; d].</param>
    /// <param name="sigma">E δδᵀ before the step, shape [d; d].</param>
    /// <returns>E δδᵀ after the step, shape [d; d].</returns>
    let propagate (sampling: Sampling) (batch: int) (step: float) (gradients: Tensor) (sigma: Tensor) : Tensor =
        let n = gradients.Shape[0]
        let p = singleWeight sampling batch n
        let transposed = Tensor.transpose gradients
        let h = Tensor.matmul transposed gradients / float n
        let hs = Tensor.matmul h sigma
        let energies = Tensor.sumAxis 1 (Tensor.matmul gradients sigma * gradients)
        let single = Tensor.matmul (transposed * energies) gradients / float n

        sigma - step * (hs + Tensor.transpose hs)
        + step * step * (p * single + (1.0 - p) * Tensor.matmul hs h)

    /// Rows wᵢ with wᵢ_(kl) = c_kl b_ik b_il / √C_kl over k ≤ l, where c = √2 off the diagonal: D = (p/n) Σ wᵢwᵢᵀ + (1 − p)
    /// diag(λ_kλ_l / C_kl) after both sides are divided by √C. Symmetric matrices have r(r+1)/2 coordinates.
    let private symmetrised (e: GradientEnsemble) =
        let r, l = e.Rank, e.Eigenvalues

        let pairs = [|
            for i in 0 .. r - 1 do
                for j in i .. r - 1 -> struct (i, j)
        |]

        let drift = pairs |> Array.map (fun struct (i, j) -> 0.5 * (l[i] + l[j]))
        let product = pairs |> Array.map (fun struct (i, j) -> l[i] * l[j])

        let rows =
            Array.init (e.Samples * pairs.Length) (fun q ->
                let sample, k = q / pairs.Length, q % pairs.Length
                let struct (i, j) = pairs[k]
                let c = if i = j then 1.0 else sqrt 2.0
                c * e.Coordinates[sample * r + i] * e.Coordinates[sample * r + j] / sqrt drift[k])

        struct (drift, product, rows)

    let private topEigenvalue (matrix: float[]) order =
        let struct (values, _) = LinearAlgebra.SymmetricEigen(matrix, order, false)
        values[order - 1]

    /// (1/n) scale · rows · rowsᵀ (of the samples) or rowsᵀ · rows (of the coordinates).
    let private gram (rows: float[]) n m bySample scale =
        let a = Tensor.create [ n; m ] rows
        let t = Tensor.transpose a
        ((if bySample then Tensor.matmul a t else Tensor.matmul t a) * (scale / float n)).toArray()

    /// <summary>The exact mean-square stability threshold of linearised SGD: E‖δ‖² stays bounded exactly for steps up to it.</summary>
    /// <param name="sampling">How the batch is drawn.</param>
    /// <param name="batch">Batch size B.</param>
    /// <param name="e">The gradients.</param>
    /// <returns>η* = 2/λ_max(C⁺D), C = ½(H⊗I + I⊗H), D = p (1/n) Σ (gᵢgᵢᵀ)⊗(gᵢgᵢᵀ) + (1 − p) H⊗H; Mulayoff and Michaeli (2024), Theorem 1.</returns>
    /// <remarks>One symmetric eigenvalue problem: of order n for B = 1, of order r(r+1)/2 otherwise.</remarks>
    let criticalStep (sampling: Sampling) (batch: int) (e: GradientEnsemble) : float =
        let p = singleWeight sampling batch e.Samples
        let struct (drift, product, rows) = symmetrised e
        let m = drift.Length

        if p = 1.0 then
            2.0 / topEigenvalue (gram rows e.Samples m true 1.0) e.Samples
        elif p = 0.0 then
            gradientDescentBound e
        else
            let matrix = gram rows e.Samples m false p

            for k in 0 .. m - 1 do
                matrix[k * m + k] <- matrix[k * m + k] + (1.0 - p) * product[k] / drift[k]

            2.0 / topEigenvalue matrix m

    /// <summary>Factor by which E δδᵀ grows in a step, in the long run: the spectral radius of T on the span of the gradients.</summary>
    /// <param name="sampling">How the batch is drawn.</param>
    /// <param name="batch">Batch size.</param>
    /// <param name="step">η.</param>
    /// <param name="e">The gradients.</param>
    /// <returns>Below 1: stable. T maps covariances to covariances, so that its radius is an eigenvalue (Krein and Rutman).</returns>
    /// <remarks>One symmetric eigenvalue problem of order r(r+1)/2.</remarks>
    let growthFactor (sampling: Sampling) (batch: int) (step: float) (e: GradientEnsemble) : float =
        let p = singleWeight sampling batch e.Samples
        let struct (drift, product, rows) = symmetrised e
        let m = drift.Length
        let matrix = gram rows e.Samples m false (p * step * step)

        for i in 0 .. m - 1 do
            for j in 0 .. m - 1 do
                matrix[i * m + j] <- matrix[i * m + j] * sqrt (drift[i] * drift[j])

            let diagonal = 1.0 - 2.0 * step * drift[i] + (1.0 - p) * step * step * product[i]
            matrix[i * m + i] <- matrix[i * m + i] + diagonal

        topEigenvalue matrix m

    /// <summary>A bound on the stable step from the norms of the gradients alone, by testing T with Σ = I on the span.</summary>
    /// <param name="sampling">How the batch is drawn.</param>
    /// <param name="batch">Batch size.</param>
    /// <param name="e">The gradients.</param>
    /// <returns>2 tr H / (p E‖g‖⁴ + (1 − p) ‖H‖_F²), not below <c>criticalStep</c>, and not above 2B/tr H with replacement.</returns>
    let momentBound (sampling: Sampling) (batch: int) (e: GradientEnsemble) : float =
        let p = singleWeight sampling batch e.Samples
        let r = e.Rank

        let fourth =
            Seq.init e.Samples (fun i ->
                let squared = Seq.init r (fun k -> e.Coordinates[i * r + k] ** 2.0) |> Seq.sum
                squared * squared)
            |> Seq.average

        2.0 * trace e / (p * fourth + (1.0 - p) * frobenius e ** 2.0)

    /// <summary>The bound of Wu and Su (2023) on the stable step: 2/tr H for single samples, 2B/tr H for B drawn with replacement.</summary>
    /// <param name="batch">Batch size.</param>
    /// <param name="e">The gradients.</param>
    /// <returns>The step. It equals <c>criticalStep</c> for B = 1 when all gradients have one norm.</returns>
    let traceBound (batch: int) (e: GradientEnsemble) : float = 2.0 * float batch / trace e

    /// <summary>Alignment of the gradient noise with the Hessian: the least tr(Σ(δ)H) / (2 L(δ) ‖H‖_F²) over directions δ, where
    /// Σ(δ) is the covariance of gᵢgᵢᵀδ and L(δ) = ½ δᵀHδ.</summary>
    /// <param name="e">The gradients.</param>
    /// <returns>μ, not negative. Wu and Su (2023) assume it positive; here it is computed, as an eigenvalue.</returns>
    let noiseAlignment (e: GradientEnsemble) : float =
        let n, r, l = e.Samples, e.Rank, e.Eigenvalues
        let g i k = e.Coordinates[i * r + k]
        let curvature = Array.init n (fun i -> Seq.init r (fun k -> l[k] * g i k * g i k) |> Seq.sum)

        let matrix =
            Array.init (r * r) (fun q ->
                let j, k = q / r, q % r
                let moment = Seq.init n (fun i -> curvature[i] * g i j * g i k) |> Seq.average
                moment / sqrt (l[j] * l[k]) - if j = k then l[j] * l[j] else 0.0)

        let struct (values, _) = LinearAlgebra.SymmetricEigen(matrix, r, false)
        max 0.0 values[0] / frobenius e ** 2.0

    /// <summary>Step above which the expected linearised loss grows at every step: √(B/μ)/‖H‖_F with μ from <c>noiseAlignment</c>.</summary>
    /// <param name="batch">Batch size, with replacement.</param>
    /// <param name="e">The gradients.</param>
    /// <returns>The step, not below <c>criticalStep</c>; infinite when μ = 0. Wu and Su (2023): stability implies ‖H‖_F ≤ √(B/μ)/η.</returns>
    let frobeniusBound (batch: int) (e: GradientEnsemble) : float =
        let alignment = noiseAlignment e

        if alignment <= 0.0 then
            Double.PositiveInfinity
        else
            sqrt (float batch / alignment) / frobenius e
