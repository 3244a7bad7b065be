namespace Hesse.Theory

open System
open System.Numerics
open Hesse

/// What a spike does to a spectrum: the transition of Baik, Ben Arous and Péché 2005.
type SpikeOutcome = {
    /// Whether the spike is above the threshold, so that an eigenvalue leaves the bulk.
    IsOutlier: bool
    /// The limit of the largest eigenvalue: the outlier, or the edge of the bulk.
    Position: float
    /// The limit of the squared cosine between its eigenvector and the spike's; 0 below the threshold.
    Overlap: float
    /// The size of a spike from which on there is an outlier.
    Threshold: float
}

/// Outliers of spiked random matrices.
[<RequireQualifiedAccess>]
module Spikes =
    /// <summary>A sample covariance matrix whose population has one eigenvalue ℓ among others of σ².</summary>
    /// <param name="ratio">c = p/n.</param>
    /// <param name="variance">σ².</param>
    /// <param name="spike">ℓ, above σ².</param>
    /// <returns>For ℓ/σ² = s > 1 + √c: position ℓ(1 + c/(s − 1)), overlap (1 − c/(s − 1)²)/(1 + c/(s − 1)).</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive, or the spike is not above the variance.</exception>
    /// <remarks>Baik, Ben Arous, Péché 2005; Baik and Silverstein 2006; overlap: D. Paul 2007, theorem 4.</remarks>
    let covariance (ratio: float) (variance: float) (spike: float) : SpikeOutcome =
        let _, edge = MarchenkoPastur.edges ratio variance

        if not (spike > variance) then
            Vectors.fail $"Spikes.covariance: a spike of {spike} over a variance of {variance}; wanted a larger spike"

        let threshold = variance * (1.0 + sqrt ratio)
        let over = spike / variance - 1.0
        let isOutlier = spike > threshold

        {
            IsOutlier = isOutlier
            Position = if isOutlier then spike * (1.0 + ratio / over) else edge
            Overlap = if isOutlier then (1.0 - ratio / (over * over)) / (1.0 + ratio / over) else 0.0
            Threshold = threshold
        }

    /// <summary>The population eigenvalue behind an outlier of a sample covariance matrix.</summary>
    /// <param name="ratio">c = p/n.</param>
    /// <param name="variance">σ².</param>
    /// <param name="outlier">A sample eigenvalue above the edge σ²(1 + √c)².</param>
    /// <returns>ℓ, the larger root of ℓ(1 + cσ²/(ℓ − σ²)) = outlier.</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive, or the eigenvalue is within the bulk.</exception>
    let covarianceSpike (ratio: float) (variance: float) (outlier: float) : float =
        let _, edge = MarchenkoPastur.edges ratio variance

        if not (outlier >= edge) then
            Vectors.fail
                $"Spikes.covarianceSpike: {outlier} is below the edge {edge:G8} of the bulk, and no spike is known from there"

        // With x = outlier/σ²: s² − (x + 1 − c)s + x = 0.
        let x = outlier / variance
        let half = 0.5 * (x + 1.0 - ratio)
        variance * (half + sqrt (max 0.0 (half * half - x)))

    /// <summary>A Wigner matrix with entries of variance σ²/n plus θ times the projection on a vector.</summary>
    /// <param name="sigma">σ.</param>
    /// <param name="spike">θ > 0.</param>
    /// <returns>For θ > σ: position θ + σ²/θ, overlap 1 − σ²/θ².</returns>
    /// <exception cref="T:Hesse.HesseException">A parameter is not positive.</exception>
    /// <remarks>S. Péché 2006; D. Féral and S. Péché 2007; overlap: F. Benaych-Georges and R. Nadakuditi 2011.</remarks>
    let wigner (sigma: float) (spike: float) : SpikeOutcome =
        if not (sigma > 0.0 && spike > 0.0) then
            Vectors.fail $"Spikes.wigner: σ = {sigma} and θ = {spike}; wanted both above 0"

        let isOutlier = spike > sigma

        {
            IsOutlier = isOutlier
            Position = if isOutlier then spike + sigma * sigma / spike else 2.0 * sigma
            Overlap = if isOutlier then 1.0 - sigma * sigma / (spike * spike) else 0.0
            Threshold = sigma
        }

    /// <summary>A matrix of any spectrum in general position, plus θ times the projection on a vector.</summary>
    /// <param name="law">The spectrum of the matrix without the spike, with a density at its upper edge.</param>
    /// <param name="spike">θ > 0.</param>
    /// <returns>The position ρ with G(ρ) = 1/θ and the overlap −1/(θ²G′(ρ)), when θ is above 1/G(edge).</returns>
    /// <exception cref="T:Hesse.HesseException">θ is not positive.</exception>
    /// <remarks>F. Benaych-Georges and R. Nadakuditi, The eigenvalues and eigenvectors of finite, low rank perturbations of large random matrices, 2011.</remarks>
    let additive (law: SpectralLaw) (spike: float) : SpikeOutcome =
        if not (spike > 0.0) then
            Vectors.fail $"Spikes.additive: θ = {spike}, wanted a number above 0"

        let low, edge = SpectralLaw.hull law
        let width = max (edge - low) 1e-300
        let g x = (law.Stieltjes(Complex(x, 1e-14 * width))).Real
        let atEdge = g (edge + 1e-12 * width)
        let threshold = 1.0 / atEdge

        if spike <= threshold then
            { IsOutlier = false; Position = edge; Overlap = 0.0; Threshold = threshold }
        else
            let mutable a, b = edge, edge + spike

            while g b > 1.0 / spike do
                b <- edge + 2.0 * (b - edge)

            for _ in 1..100 do
                let m = 0.5 * (a + b)
                if m > edge && g m <= 1.0 / spike then b <- m else a <- m

            let rho = 0.5 * (a + b)
            // G is smooth beyond the edge; a central difference of fourth order.
            let h = 1e-3 * (rho - edge)
            let slope = (8.0 * (g (rho + h) - g (rho - h)) - (g (rho + 2.0 * h) - g (rho - 2.0 * h))) / (12.0 * h)

            {
                IsOutlier = true
                Position = rho
                Overlap = -1.0 / (spike * spike * slope)
                Threshold = threshold
            }
