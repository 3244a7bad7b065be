namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// Sums over the spectrum of a symmetric operator: norms, log-determinant, effective rank.
[<RequireQualifiedAccess>]
module SpectralSum =
    /// <summary>tr f(A) = Σ f(λ) by stochastic Lanczos quadrature.</summary>
    /// <param name="f">A function of an eigenvalue.</param>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes, at least two.</param>
    /// <param name="steps">Lanczos steps (products) of each; exact for polynomials of degree up to 2·steps − 1, geometric for analytic f.</param>
    /// <returns>The estimate; its interval is for the probes, the quadrature error comes on top.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes, no step, or f is not finite at a Ritz value.</exception>
    /// <remarks>S. Ubaru, J. Chen, Y. Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature, 2017.</remarks>
    let ofFunction (f: float -> float) (operator: LinearOperator) (key: Key) (probes: int) (steps: int) : Estimate =
        Probes.check "SpectralSum.ofFunction" operator 2 probes
        let density = SpectralDensity.estimate operator key probes steps
        let estimate = SpectralDensity.mean f density

        if not (Double.IsFinite estimate.Value) then
            let nodes = Array.concat density.Nodes

            Vectors.fail
                $"SpectralSum.ofFunction: f is not finite at a Ritz value; they lie from {Array.min nodes:G6} to {Array.max nodes:G6}: shift the operator, or take a function that is defined there"

        Estimate.affine (float operator.Size) 0.0 estimate

    /// <summary>log det A of a positive definite operator by stochastic Lanczos quadrature.</summary>
    /// <param name="operator">A, positive definite, of size M; add damping to what may be singular.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes, at least two.</param>
    /// <param name="steps">Lanczos steps of each; the quadrature error falls like ((√κ − 1)/(√κ + 1))^(2 steps), κ the condition number.</param>
    /// <returns>The estimate.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes, no step, or a Ritz value that is not positive.</exception>
    let logDeterminant (operator: LinearOperator) (key: Key) (probes: int) (steps: int) : Estimate =
        let positive x =
            if x > 0.0 then
                log x
            else
                Vectors.fail
                    $"SpectralSum.logDeterminant: a Ritz value of {x:G6}, so the operator is not positive definite; add damping"

        ofFunction positive operator key probes steps

    /// <summary>log det A of a small positive definite operator, from its dense Cholesky factor.</summary>
    /// <param name="operator">A, of size at most 2000.</param>
    /// <returns>The number, exact up to rounding.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large or not positive definite.</exception>
    let logDeterminantDense (operator: LinearOperator) : float =
        if operator.Size > 2000 then
            Vectors.fail
                $"SpectralSum.logDeterminantDense: an operator of size {operator.Size}, wanted at most 2000; use SpectralSum.logDeterminant"

        let n = operator.Size
        let lower = LinearAlgebra.Cholesky(LinearOperator.toDense 64 operator, n)
        2.0 * Seq.sum (seq { for i in 0 .. n - 1 -> log lower[i * n + i] })

    /// <summary>‖A‖²_F = tr A² as the mean of ‖Av‖² over random signs v.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes and products, at least two.</param>
    /// <returns>The estimate; unbiased.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let frobeniusSquared (operator: LinearOperator) (key: Key) (probes: int) : Estimate =
        Probes.check "SpectralSum.frobeniusSquared" operator 2 probes
        let images = Probes.apply operator (Probes.rademacher key operator.Size probes) probes

        Probes.dots operator.Size images images probes |> Estimate.ofSamples |> Estimate.cost probes key

    /// The root of an estimate of a number that is not negative.
    let private root (power: float) (estimate: Estimate) =
        let f x = Math.Pow(max 0.0 x, power)
        Estimate.map f (fun x -> if x > 0.0 then power * f x / x else 0.0) estimate

    /// <summary>The Frobenius norm.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes and products, at least two.</param>
    /// <returns>The root of <c>frobeniusSquared</c> and of its interval.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let frobenius (operator: LinearOperator) (key: Key) (probes: int) : Estimate =
        root 0.5 (frobeniusSquared operator key probes)

    /// <summary>The Schatten norm (Σ|λ|ᵖ)^(1/p) by stochastic Lanczos quadrature; p = 1 is the nuclear norm.</summary>
    /// <param name="p">At least 1.</param>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes, at least two.</param>
    /// <param name="steps">Lanczos steps of each.</param>
    /// <returns>The estimate; for even p up to 2·steps − 1 without quadrature error.</returns>
    /// <exception cref="T:Hesse.HesseException">p is below 1, fewer than two probes or no step.</exception>
    let schatten (p: float) (operator: LinearOperator) (key: Key) (probes: int) (steps: int) : Estimate =
        if not (p >= 1.0) then
            Vectors.fail $"SpectralSum.schatten: p = {p}, wanted at least 1; below that it is not a norm"

        root (1.0 / p) (ofFunction (fun x -> Math.Pow(abs x, p)) operator key probes steps)

    /// <summary>The squared norms of the rows, Σⱼ A_ij², as the mean of (Av)ᵢ² over random signs v.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes and products, at least two.</param>
    /// <returns>An estimate for each row; unbiased.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let rowNormsSquared (operator: LinearOperator) (key: Key) (probes: int) : VectorEstimate =
        Probes.check "SpectralSum.rowNormsSquared" operator 2 probes
        let size = operator.Size
        let images = Probes.apply operator (Probes.rademacher key size probes) probes

        seq { for p in 0 .. probes - 1 -> Vectors.row size images p |> Array.map (fun x -> x * x) }
        |> Diagonal.summarise size (Certainty.Confidence Estimate.level) probes key

    /// <summary>The participation ratio (tr A)²/tr A² of a positive semi-definite operator: how many eigenvalues carry the spectrum.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes and products, at least three.</param>
    /// <returns>The ratio of the two estimates from the same probes, with the jackknife's error and bias correction (Quenouille 1956; Tukey 1958): heuristic.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than three probes, or the operator is zero.</exception>
    let participationRatio (operator: LinearOperator) (key: Key) (probes: int) : Estimate =
        Probes.check "SpectralSum.participationRatio" operator 3 probes
        let size = operator.Size
        let signs = Probes.rademacher key size probes
        let images = Probes.apply operator signs probes
        let traces = Probes.dots size signs images probes
        let squares = Probes.dots size images images probes
        let n = float probes
        let t, f = Array.sum traces, Array.sum squares

        if f = 0.0 then
            Vectors.fail
                "SpectralSum.participationRatio: all products are zero; a zero operator has no participation ratio"

        let ratio = t * t / n / f

        let pseudo =
            Array.map2
                (fun ti fi ->
                    let t', f' = t - ti, f - fi
                    n * ratio - (n - 1.0) * (t' * t' / (n - 1.0) / f'))
                traces
                squares

        {
            Estimate.ofSamples pseudo with
                Certainty = Certainty.Heuristic Estimate.level
                Products = probes
                Key = Some key
        }
