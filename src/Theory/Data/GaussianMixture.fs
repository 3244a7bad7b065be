namespace Hesse.Theory

open Hesse

/// Points of a mixture of Gaussian classes with one covariance I/λ.
type MixtureSample = {
    /// Shape [n; d].
    Inputs: Tensor
    /// What the noise added to the class means: shape [n; d].
    Noise: Tensor
    /// The component of each point, 0 .. c − 1, shape [n].
    Components: Tensor
}

/// Mixtures of Gaussians with equally likely components x = μ_c + z/√λ, z ~ N(0, I_d).
[<RequireQualifiedAccess>]
module GaussianMixture =
    let private fail (message: string) : unit = raise (HesseException message)

    /// <summary>Independent points.</summary>
    /// <param name="key">The same key gives the same points.</param>
    /// <param name="means">μ_c in rows, shape [c; d].</param>
    /// <param name="snr">λ, the signal-to-noise ratio: positive.</param>
    /// <param name="count">n, at least 1.</param>
    /// <returns>The points, their noise and their components.</returns>
    /// <exception cref="T:Hesse.HesseException">The means are no matrix, or λ or n is out of range.</exception>
    let sample (key: Key) (means: Tensor) (snr: float) (count: int) : MixtureSample =
        if means.Rank <> 2 || means.Shape[0] = 0 then
            fail
                $"GaussianMixture.sample: means of shape {Files.show means.Shape}, wanted [components; dimensions] with at least one component"

        if not (snr > 0.0) || count < 1 then
            fail
                $"GaussianMixture.sample: a signal-to-noise ratio of {snr} and {count} points, wanted a positive ratio and at least one point"

        let components = Random.integers (Random.fold 0 key) means.Shape[0] [ count ]
        let noise = Random.normal (Random.fold 1 key) [ count; means.Shape[1] ] / sqrt snr

        {
            Inputs = Tensor.gather 0 components means + noise
            Noise = noise
            Components = components
        }

    /// <summary>Orthonormal class means in a random position.</summary>
    /// <param name="key">The same key gives the same means.</param>
    /// <param name="classes">k, at most d.</param>
    /// <param name="dimensions">d.</param>
    /// <returns>Shape [k; d].</returns>
    let orthonormalMeans (key: Key) (classes: int) (dimensions: int) : Tensor =
        Tensor.transpose (Random.orthogonal key dimensions classes)
