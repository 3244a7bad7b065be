namespace Hesse.Theory

open System
open System.Numerics
open Hesse

/// The Marchenko–Pastur law: the spectrum of XXᵀ/n for a p × n matrix X of independent entries with variance σ², at c = p/n
/// (Marchenko and Pastur 1967).
[<RequireQualifiedAccess>]
module MarchenkoPastur =
    let private check name (ratio: float) (variance: float) =
        if not (ratio > 0.0 && variance > 0.0 && Double.IsFinite ratio && Double.IsFinite variance) then
            Vectors.fail
                $"{name}: ratio {ratio} and variance {variance}; wanted both finite and above 0 (ratio p/n of a p × n matrix)"

    /// <summary>The edges σ²(1 ± √c)² of the continuous part.</summary>
    /// <param name="ratio">c = p/n.</param>
    /// <param name="variance">σ².</param>
    /// <returns>The lower and the upper edge.</returns>
    /// <exception cref="T:Hesse.HesseException">An argument is not positive.</exception>
    let edges (ratio: float) (variance: float) : float * float =
        check "MarchenkoPastur.edges" ratio variance
        let low, high = 1.0 - sqrt ratio, 1.0 + sqrt ratio
        variance * low * low, variance * high * high

    /// <summary>The density √((b − x)(x − a))/(2πσ²cx) of the continuous part.</summary>
    /// <param name="ratio">c = p/n; above 1 there is an atom of mass 1 − 1/c at 0 besides.</param>
    /// <param name="variance">σ².</param>
    /// <param name="x">Where.</param>
    /// <returns>The density, 0 outside of the edges.</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive.</exception>
    let density (ratio: float) (variance: float) (x: float) : float =
        let a, b = edges ratio variance

        if x <= a || x >= b then
            0.0
        else
            sqrt ((b - x) * (x - a)) / (2.0 * Math.PI * variance * ratio * x)

    /// <summary>The cumulative distribution, in closed form.</summary>
    /// <param name="ratio">c = p/n.</param>
    /// <param name="variance">σ².</param>
    /// <param name="x">Where.</param>
    /// <returns>A number in [0, 1]; the atom at 0 is included from 0 on.</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive.</exception>
    let cdf (ratio: float) (variance: float) (x: float) : float =
        let a, b = edges ratio variance
        let atom = if x >= 0.0 then max 0.0 (1.0 - 1.0 / ratio) else 0.0

        if x <= a then
            atom
        elif x >= b then
            1.0
        else
            let arcsine t = asin (t |> max -1.0 |> min 1.0) + 0.5 * Math.PI

            // ∫√((b − t)(t − a))/t dt from a to x.
            let integral =
                sqrt ((b - x) * (x - a)) + 0.5 * (a + b) * arcsine ((2.0 * x - a - b) / (b - a))
                - sqrt (a * b) * arcsine (((a + b) * x - 2.0 * a * b) / (x * (b - a)))

            atom + integral / (2.0 * Math.PI * variance * ratio) |> min 1.0

    /// <summary>The Stieltjes transform, the root of cσ²zG² − (z − σ²(1 − c))G + 1 = 0 with G ~ 1/z.</summary>
    /// <param name="ratio">c = p/n.</param>
    /// <param name="variance">σ².</param>
    /// <param name="z">Off the support.</param>
    /// <returns>G(z).</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive.</exception>
    let stieltjes (ratio: float) (variance: float) (z: Complex) : Complex =
        let a, b = edges ratio variance
        let root = Complex.Sqrt(z - Complex(a, 0.0)) * Complex.Sqrt(z - Complex(b, 0.0))
        // 2/(…) is the quotient of the constant term by the other root, without cancellation.
        Complex(2.0, 0.0) / (z - Complex(variance * (1.0 - ratio), 0.0) + root)

    /// <summary>The law.</summary>
    /// <param name="ratio">c = p/n.</param>
    /// <param name="variance">σ², the mean of the law.</param>
    /// <returns>The law; for c > 1 with an atom of mass 1 − 1/c at 0.</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive.</exception>
    let law (ratio: float) (variance: float) : SpectralLaw = {
        Atoms = if ratio > 1.0 then [| 0.0, 1.0 - 1.0 / ratio |] else [||]
        Support = [| edges ratio variance |]
        Density = density ratio variance
        Stieltjes = stieltjes ratio variance
    }

    /// <summary>Where the largest eigenvalue of XXᵀ/n lies, and by how much it varies.</summary>
    /// <param name="p">Rows of X.</param>
    /// <param name="n">Columns of X, at least 2.</param>
    /// <param name="variance">σ².</param>
    /// <returns>Centre σ²(√(n − 1) + √p)²/n and scale, of order n^(−2/3); (λ − centre)/scale follows Tracy and Widom's law F₁.</returns>
    /// <exception cref="T:Hesse.HesseException">A size or the variance is too small.</exception>
    /// <remarks>I. Johnstone, On the distribution of the largest eigenvalue in principal components analysis, 2001.</remarks>
    let edge (p: int) (n: int) (variance: float) : float * float =
        if p < 1 || n < 2 || not (variance > 0.0) then
            Vectors.fail
                $"MarchenkoPastur.edge: a {p} × {n} matrix of variance {variance}; wanted at least one row, two columns and a variance above 0"

        let rows, columns = sqrt (float p), sqrt (float (n - 1))
        let sum = rows + columns
        variance * sum * sum / float n, variance * sum * Math.Cbrt(1.0 / columns + 1.0 / rows) / float n
