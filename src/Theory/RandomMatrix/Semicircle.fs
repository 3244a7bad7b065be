namespace Hesse.Theory

open System
open System.Numerics
open Hesse

/// Wigner's semicircle law: the spectrum of a symmetric matrix with independent entries of variance σ²/n (Wigner 1958).
[<RequireQualifiedAccess>]
module Semicircle =
    let private check name (sigma: float) =
        if not (sigma > 0.0 && Double.IsFinite sigma) then
            Vectors.fail $"{name}: σ = {sigma}, wanted a finite number above 0 (variance σ²/n of the entries)"

    /// <summary>The density √(4σ² − x²)/(2πσ²).</summary>
    /// <param name="sigma">σ, in units of the eigenvalues.</param>
    /// <param name="x">Where.</param>
    /// <returns>The density, 0 outside of [−2σ, 2σ].</returns>
    let density (sigma: float) (x: float) : float =
        sqrt (max 0.0 (4.0 * sigma * sigma - x * x)) / (2.0 * Math.PI * sigma * sigma)

    /// <summary>The cumulative distribution, in closed form.</summary>
    /// <param name="sigma">σ, in units of the eigenvalues.</param>
    /// <param name="x">Where.</param>
    /// <returns>A number in [0, 1].</returns>
    let cdf (sigma: float) (x: float) : float =
        let t = x / (2.0 * sigma) |> max -1.0 |> min 1.0
        0.5 + (t * sqrt (1.0 - t * t) + asin t) / Math.PI

    /// <summary>The Stieltjes transform G(z) = (z − √(z² − 4σ²))/(2σ²), the root with G ~ 1/z.</summary>
    /// <param name="sigma">σ, in units of the eigenvalues.</param>
    /// <param name="z">Off the support.</param>
    /// <returns>G(z).</returns>
    let stieltjes (sigma: float) (z: Complex) : Complex =
        let r = Complex(2.0 * sigma, 0.0)
        // 2/(z + √…) is the same without cancellation.
        Complex(2.0, 0.0) / (z + Complex.Sqrt(z - r) * Complex.Sqrt(z + r))

    /// <summary>The law.</summary>
    /// <param name="sigma">σ, in units of the eigenvalues.</param>
    /// <returns>The law on [−2σ, 2σ], with variance σ².</returns>
    /// <exception cref="T:Hesse.HesseException">σ is not positive.</exception>
    let law (sigma: float) : SpectralLaw =
        check "Semicircle.law" sigma

        {
            Atoms = [||]
            Support = [| -2.0 * sigma, 2.0 * sigma |]
            Density = density sigma
            Stieltjes = stieltjes sigma
        }

    /// <summary>Where the largest eigenvalue of a Wigner matrix lies, and by how much it varies: 2σ and σ n^(−2/3).</summary>
    /// <param name="sigma">σ, in units of the eigenvalues.</param>
    /// <param name="n">Size of the matrix.</param>
    /// <returns>Centre and scale; (λ − centre)/scale follows Tracy and Widom's law F₁ for real symmetric matrices.</returns>
    /// <exception cref="T:Hesse.HesseException">σ or n is not positive.</exception>
    /// <remarks>C. Tracy and H. Widom, On orthogonal and symplectic matrix ensembles, 1996.</remarks>
    let edge (sigma: float) (n: int) : float * float =
        check "Semicircle.edge" sigma

        if n < 1 then
            Vectors.fail $"Semicircle.edge: a matrix of size {n}, wanted at least 1"

        2.0 * sigma, sigma * Math.Pow(float n, -2.0 / 3.0)
