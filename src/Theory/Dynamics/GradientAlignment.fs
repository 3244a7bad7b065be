namespace Hesse.Theory

open Hesse

/// How a vector lies to a subspace.
type SubspaceAlignment = {
    /// cos ∠(g, vᵢ) for each vector of the subspace, with sign.
    Cosines: float[]
    /// ‖P g‖²/‖g‖², the share of the squared norm inside, from 0 to 1.
    Share: float
    /// d/M, what a random vector has on average.
    ByChance: float
}

/// Whether gradients lie in the space of the outlier eigenvectors (Gur-Ari, Roberts, Dyer 2018, "Gradient descent happens in a tiny subspace"; for SGD in high
/// dimension Ben Arous, Gheissari, Huang, Jagannath 2023).
[<RequireQualifiedAccess>]
module GradientAlignment =
    /// <summary>Alignment of a vector with the span of orthonormal vectors.</summary>
    /// <param name="vectors">Orthonormal, such as eigenvectors; at least one.</param>
    /// <param name="gradient">Of the same length, not zero.</param>
    /// <returns>Cosines and the share inside.</returns>
    /// <exception cref="T:Hesse.HesseException">Lengths differ, the vectors are not orthonormal, or the gradient is zero.</exception>
    let withVectors (vectors: float[][]) (gradient: float[]) : SubspaceAlignment =
        if vectors.Length = 0 || vectors |> Array.exists (fun v -> v.Length <> gradient.Length) then
            let lengths = vectors |> Array.map Array.length |> Files.show

            Vectors.fail
                $"GradientAlignment: vectors of {lengths} numbers and a gradient of {gradient.Length}, wanted at least one vector of the gradient's length"

        let size = Vectors.norm gradient

        if not (size > 0.0) then
            Vectors.fail $"GradientAlignment: the gradient has norm {size}, wanted a positive one; it has no direction"

        for i in 0 .. vectors.Length - 1 do
            for j in 0..i do
                let product, expected = Vectors.dot vectors[i] vectors[j], (if i = j then 1.0 else 0.0)

                if not (abs (product - expected) < 1e-6) then
                    Vectors.fail
                        $"GradientAlignment: vectors {j} and {i} have the inner product {product}, wanted {expected}; orthonormalise them"

        let cosines = vectors |> Array.map (fun v -> Vectors.dot v gradient / size)

        {
            Cosines = cosines
            Share = cosines |> Array.sumBy (fun c -> c * c)
            ByChance = float vectors.Length / float gradient.Length
        }

    /// <summary>Alignment of a gradient with tracked eigenvectors.</summary>
    /// <param name="spectrum">From <c>EigenTracker</c>.</param>
    /// <param name="gradient">A tree like the parameters.</param>
    /// <returns>Cosines in the order of the pairs, and the share inside.</returns>
    /// <exception cref="T:Hesse.HesseException">Lengths differ, or the gradient is zero.</exception>
    let withSpectrum (spectrum: TrackedSpectrum) (gradient: 'P) : SubspaceAlignment =
        withVectors (spectrum.Pairs |> Array.map _.Pair.Vector) ((fst (Tree.ravel gradient)).toArray())
