namespace Hesse.Theory

open System
open Hesse

/// Training in a random subspace of the parameters, θ = θ₀ + P v, and the dimension at which it first succeeds.
/// Source: C. Li, H. Farkhoor, R. Liu and J. Yosinski, "Measuring the intrinsic dimension of objective landscapes" (2018).
[<RequireQualifiedAccess>]
module RandomSubspace =
    let private fail (message: string) = raise (HesseException message)

    /// <summary>A uniformly random subspace.</summary>
    /// <param name="key">The same key gives the same subspace.</param>
    /// <param name="size">D, the number of parameters.</param>
    /// <param name="dimension">d, from 1 to D.</param>
    /// <returns>P, shape [D; d], with orthonormal columns.</returns>
    /// <exception cref="T:Hesse.HesseException">The dimension is not in 1..D.</exception>
    let basis (key: Key) (size: int) (dimension: int) : Tensor =
        if dimension < 1 || dimension > size then
            fail
                $"RandomSubspace.basis: dimension {dimension} of {size} parameters, wanted 1 to {size}; a subspace has no more dimensions than the space"

        Random.orthogonal key size dimension

    /// <summary>The point θ₀ + P v as a tree of parameters.</summary>
    /// <param name="origin">θ₀, raveled, shape [D].</param>
    /// <param name="unravel">From a vector of length D to the parameters, as <c>Tree.ravel</c> gives it.</param>
    /// <param name="basis">P, shape [D; d].</param>
    /// <param name="v">Coordinates, shape [d]; zero is θ₀.</param>
    /// <returns>The parameters; differentiable in <paramref name="v"/>.</returns>
    let point (origin: Tensor) (unravel: Tensor -> 'P) (basis: Tensor) (v: Tensor) : 'P =
        unravel (origin + Tensor.matmul basis v)

    /// <summary>What is left of a sum of squares after the best step in a random subspace, on average: for s residuals that are
    /// linear in the parameters with orthogonal gradients of one length, E L_min(d)/L(θ₀) = max(0, 1 − d/s).</summary>
    /// <param name="constraints">s.</param>
    /// <param name="dimension">d.</param>
    /// <returns>Mean and standard deviation: the ratio has the law Beta((s − d)/2, d/2), because it is the squared distance of a
    /// random unit vector in R^s from a subspace of dimension d. Both are zero from d = s on: the intrinsic dimension is s.</returns>
    let quadraticLaw (constraints: int) (dimension: int) : float * float =
        let s, d = float constraints, float dimension

        if dimension >= constraints then
            0.0, 0.0
        else
            1.0 - d / s, sqrt ((1.0 - d / s) * (d / s) * 2.0 / (s + 2.0))

    /// <summary>The smallest dimension at which a score reaches a target, d_int90 when the target is 90 % of the score of full training.</summary>
    /// <param name="target">What counts as solved.</param>
    /// <param name="dimensions">Dimensions that were tried, ascending.</param>
    /// <param name="scores">The score that training reached at each.</param>
    /// <returns>The first crossing, linear in log d between the two dimensions around it; None when no score reaches the target.</returns>
    /// <exception cref="T:Hesse.HesseException">No dimensions, not ascending, or not one score each.</exception>
    let firstReached (target: float) (dimensions: int[]) (scores: float[]) : float option =
        if
            dimensions.Length = 0
            || dimensions.Length <> scores.Length
            || Array.pairwise dimensions |> Array.exists (fun (a, b) -> a >= b)
        then
            fail
                $"RandomSubspace.firstReached: {dimensions.Length} dimensions and {scores.Length} scores, wanted ascending dimensions with one score each; sort them"

        match scores |> Array.tryFindIndex (fun score -> score >= target) with
        | None -> None
        | Some 0 -> Some(float dimensions[0])
        | Some i ->
            let share = (target - scores[i - 1]) / (scores[i] - scores[i - 1])
            let low, high = log (float dimensions[i - 1]), log (float dimensions[i])
            Some(exp (low + share * (high - low)))
