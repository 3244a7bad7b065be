namespace Hesse.Theory

open Hesse

/// A problem with hyper-parameters: the weights minimise the training loss, the hyper-parameters are judged by the validation loss.
type BilevelProblem<'W, 'H> = {
    /// L_T(λ, w), a scalar.
    Training: 'H -> 'W -> Tensor
    /// L_V(λ, w), a scalar.
    Validation: 'H -> 'W -> Tensor
}

/// Derivatives of the validation loss in the hyper-parameters through the trained weights, by the implicit function theorem:
/// dL_V/dλ = ∂L_V/∂λ − ∂L_V/∂w [∂²L_T/∂w∂wᵀ]⁻¹ ∂²L_T/∂w∂λᵀ.
/// Source: J. Lorraine, P. Vicol and D. Duvenaud, "Optimizing millions of hyperparameters by implicit differentiation" (2020).
[<RequireQualifiedAccess>]
module HyperGradient =
    let private fail (message: string) = raise (HesseException message)

    /// The direct term plus the pullback of an approximate inverse Hessian applied to ∂L_V/∂w.
    let private assemble (problem: BilevelProblem<'W, 'H>) (inverse: 'W -> 'W) (lambda: 'H) (w: 'W) : 'H =
        let direct, outer = Diff.grad (fun (l, v) -> problem.Validation l v) (lambda, w)
        let solved = inverse outer
        // vᵀ ∂²L_T/∂w∂λᵀ is the gradient in λ of the derivative of L_T along v.
        let along l = snd (Diff.jvp (problem.Training l) w solved)
        Tree.map2 (-) direct (Diff.grad along lambda)

    /// <summary>The hyper-gradient with the inverse Hessian applied by conjugate gradients.</summary>
    /// <param name="tolerance">Relative residual at which the solver stops, e.g. 1e-12.</param>
    /// <param name="problem">Training and validation loss.</param>
    /// <param name="lambda">λ, a tree.</param>
    /// <param name="w">Weights that minimise the training loss, a tree; the Hessian there must be positive definite.</param>
    /// <returns>dL_V/dλ, a tree like λ; exact up to the tolerance.</returns>
    /// <exception cref="T:Hesse.HesseException">The solver does not converge in 1000 products: the Hessian is singular or indefinite.</exception>
    /// <remarks>One Hessian-vector product an iteration, and one mixed second derivative; no matrix is formed.</remarks>
    let exact (tolerance: float) (problem: BilevelProblem<'W, 'H>) (lambda: 'H) (w: 'W) : 'H =
        let options = {
            Solver = LinearSolver.ConjugateGradient
            Tolerance = tolerance
            MaxSteps = 1000
        }

        let inverse v = Diff.linearSolveWith options (Diff.hvp (problem.Training lambda) w) v
        assemble problem inverse lambda w

    /// <summary>The hyper-gradient with K terms of the Neumann series, α Σ_{j&lt;K} (I − αH)^j in place of H⁻¹ (algorithm 3).</summary>
    /// <param name="alpha">α, below 2/λ_max(H); the learning rate of the training that it stands for.</param>
    /// <param name="terms">K, at least 1. One term with α = 1 replaces the inverse by the identity.</param>
    /// <param name="problem">Training and validation loss.</param>
    /// <param name="lambda">λ, a tree.</param>
    /// <param name="w">Weights that minimise the training loss, a tree.</param>
    /// <returns>A tree like λ. At a minimum it is the derivative through K steps of gradient descent that start there.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than one term, or α not above zero.</exception>
    /// <remarks>K − 1 Hessian-vector products; the error is at most (1 − αμ)^K/μ times the norms of ∂L_V/∂w and ∂²L_T/∂w∂λ, μ the least
    /// eigenvalue of H, for α below 1/λ_max.</remarks>
    let neumann (alpha: float) (terms: int) (problem: BilevelProblem<'W, 'H>) (lambda: 'H) (w: 'W) : 'H =
        if terms < 1 || not (alpha > 0.0) then
            fail
                $"HyperGradient.neumann: {terms} terms with α = {alpha}, wanted at least one term and α above zero; take the learning rate of the training"

        let product = Diff.compile (Diff.hvp (problem.Training lambda) w)

        let inverse v =
            let mutable term, sum = v, v

            for _ in 2..terms do
                term <- Tree.map2 (fun t h -> t - alpha * h) term (product term)
                sum <- Tree.map2 (+) sum term

            Tree.map (fun s -> alpha * s) sum

        assemble problem inverse lambda w

    /// <summary>The derivative through K steps of gradient descent on the training loss: what <c>neumann</c> approximates.</summary>
    /// <param name="alpha">α, the step size.</param>
    /// <param name="steps">K.</param>
    /// <param name="problem">Training and validation loss.</param>
    /// <param name="lambda">λ, a tree.</param>
    /// <param name="w">Where the steps begin; it does not depend on λ.</param>
    /// <returns>d/dλ L_V(λ, w_K(λ)), a tree like λ.</returns>
    /// <remarks>Keeps K states; the steps are one loop of the graph.</remarks>
    let unrolled (alpha: float) (steps: int) (problem: BilevelProblem<'W, 'H>) (lambda: 'H) (w: 'W) : 'H =
        let final l = Diff.iterate steps (GradientDescent.step (problem.Training l) (Tensor.scalar alpha)) w
        Diff.grad (fun l -> problem.Validation l (final l)) lambda
