namespace Hesse.Theory

open Hesse

/// Approximations of an inverse (A + μI)⁻¹ for <c>Solve.preconditionedConjugateGradient</c>. Any symmetric positive definite operator will do as well.
[<RequireQualifiedAccess>]
module Preconditioner =
    /// <summary>The inverse of a diagonal (Jacobi).</summary>
    /// <param name="entries">The diagonal of A + μI, all entries above zero.</param>
    /// <returns>v ↦ v / d.</returns>
    /// <exception cref="T:Hesse.HesseException">An entry is not above zero.</exception>
    let diagonal (entries: float[]) : LinearOperator =
        match entries |> Array.tryFindIndex (fun d -> not (d > 0.0)) with
        | Some at ->
            raise (
                HesseException
                    $"Preconditioner.diagonal: entry {at} is {entries[at]}; all must be above zero; add damping, or take absolute values"
            )
        | None -> (LinearOperator.diagonal (entries |> Array.map (fun d -> 1.0 / d))).Named "diagonal preconditioner"

    /// <summary>The randomised Nyström preconditioner of A + μI for a positive semi-definite A (Frangella, Tropp, Udell 2021, algorithm 2.1 and
    /// equation 1.3): (λ_ℓ + μ) U (Λ + μ)⁻¹ Uᵀ + (I − UUᵀ), with the Nyström approximation UΛUᵀ of rank ℓ.</summary>
    /// <param name="key">The same key gives the same test vectors.</param>
    /// <param name="rank">ℓ, the number of products with A; about twice the effective dimension tr A(A + μ)⁻¹ makes the condition number small.</param>
    /// <param name="damping">μ > 0.</param>
    /// <param name="operator">A without the damping, of size M.</param>
    /// <returns>A symmetric positive definite operator; it holds ℓ vectors.</returns>
    /// <exception cref="T:Hesse.HesseException">ℓ is not in 1 .. M, μ is not above zero, or A is not symmetric or clearly not positive semi-definite.</exception>
    let nystrom (key: Key) (rank: int) (damping: float) (operator: LinearOperator) : LinearOperator =
        let m = operator.Size

        if rank < 1 || rank > m || not (damping > 0.0) then
            raise (
                HesseException
                    $"Preconditioner.nystrom: rank {rank} and damping {damping} for an operator of size {m}; want a rank in 1 .. {m} and a damping above zero"
            )

        if not operator.Symmetric then
            raise (
                HesseException
                    $"Preconditioner.nystrom: operator '{operator.Name}' is not known to be symmetric; declare it with LinearOperator.assumeSymmetric if it is"
            )

        let low = LowRank.nystrom rank key operator
        // Beyond the rank that was found, eigenvalues are zero.
        let least = if low.Values.Length = rank then Array.min low.Values else 0.0
        // 1 on the complement, (λ_ℓ + μ)/(λ + μ) on U.
        let weights = low.Values |> Array.map (fun l -> (least + damping) / (l + damping) - 1.0)

        if weights.Length = 0 then
            LinearOperator.identity m
        else
            (LinearOperator.identity m + StructuredOperator.lowRank weights low.Vectors).Named
                $"Nyström preconditioner of rank {rank}"
