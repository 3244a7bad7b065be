namespace Hesse.Theory

open Hesse
open Hesse.Kernels

/// What is read from the eigenvalues of a dense symmetric matrix.
[<RequireQualifiedAccess>]
module Spectrum =
    /// <summary>All eigenvalues.</summary>
    /// <param name="size">M.</param>
    /// <param name="matrix">Symmetric, row-major [M; M].</param>
    /// <returns>M numbers, descending.</returns>
    let eigenvalues (size: int) (matrix: float[]) : float[] =
        let struct (values, _) = LinearAlgebra.SymmetricEigen(matrix, size, false)
        Array.rev values

    /// <summary>The eigenvectors of the largest eigenvalues, with all eigenvalues.</summary>
    /// <param name="size">M.</param>
    /// <param name="matrix">Symmetric, row-major [M; M].</param>
    /// <param name="count">How many vectors.</param>
    /// <returns>M eigenvalues, descending, and <paramref name="count"/> orthonormal vectors of length M in the same order.</returns>
    let leading (size: int) (matrix: float[]) (count: int) : float[] * float[][] =
        let struct (values, vectors) = LinearAlgebra.SymmetricEigen(matrix, size, true)
        Array.rev values, Array.init count (fun c -> Array.init size (fun i -> vectors[i * size + (size - 1 - c)]))

    /// <summary>Number of outliers: the place of the largest ratio λᵢ/λᵢ₊₁ among the largest eigenvalues.</summary>
    /// <param name="window">How many ratios are looked at. Fix it before the measurement, well above the count that is expected.</param>
    /// <param name="eigenvalues">Descending; more than <paramref name="window"/> of them.</param>
    /// <returns>The number i of eigenvalues above the widest gap on the logarithmic axis, and that ratio.</returns>
    /// <exception cref="T:Hesse.HesseException">Too few eigenvalues, or one of those in the window is not positive.</exception>
    let outliers (window: int) (eigenvalues: float[]) : int * float =
        if eigenvalues.Length <= window || window < 1 || eigenvalues[window] <= 0.0 then
            raise (
                HesseException
                    $"Spectrum.outliers: a window of {window} needs {window + 1} positive eigenvalues, largest first; got {eigenvalues |> Array.filter (fun x -> x > 0.0) |> Array.length}; use a smaller window"
            )

        let ratios = Array.init window (fun i -> eigenvalues[i] / eigenvalues[i + 1])
        let best = Array.findIndex ((=) (Array.max ratios)) ratios
        best + 1, ratios[best]

    /// <summary>Number of eigenvalues whose size is above a fraction of the largest.</summary>
    /// <param name="tolerance">The fraction, e.g. 1e-10.</param>
    /// <param name="eigenvalues">In any order.</param>
    /// <returns>The numerical rank.</returns>
    let rank (tolerance: float) (eigenvalues: float[]) : int =
        let largest = eigenvalues |> Array.fold (fun m x -> max m (abs x)) 0.0
        eigenvalues |> Array.filter (fun x -> abs x > tolerance * largest) |> Array.length

    /// <summary>The share of the negative eigenvalues in Σ|λ|.</summary>
    /// <param name="eigenvalues">In any order.</param>
    /// <returns>A number in [0, 1].</returns>
    let negativeMass (eigenvalues: float[]) : float =
        (eigenvalues |> Array.sumBy (fun x -> max 0.0 -x)) / (eigenvalues |> Array.sumBy abs)

    /// <summary>How much of one space lies in another: the mean squared cosine of the principal angles.</summary>
    /// <param name="space">r vectors that span the space; they must be linearly independent.</param>
    /// <param name="other">s ≥ r linearly independent vectors of the same length M.</param>
    /// <returns>1 when the first space lies in the second, about s/M for random spaces.</returns>
    /// <remarks>A. Björck and G. H. Golub, Numerical methods for computing angles between linear subspaces, 1973.</remarks>
    let overlap (space: float[][]) (other: float[][]) : float =
        let orthonormal (vectors: float[][]) =
            let m, r = vectors[0].Length, vectors.Length
            let struct (q, _) = LinearAlgebra.Qr(Array.init (m * r) (fun i -> vectors[i % r][i / r]), m, r)
            Array.init r (fun c -> Array.init m (fun i -> q[i * r + c]))

        let a, b = orthonormal space, orthonormal other
        let dot (x: float[]) (y: float[]) = Array.fold2 (fun sum p q -> sum + p * q) 0.0 x y
        (a |> Array.sumBy (fun x -> b |> Array.sumBy (fun y -> dot x y * dot x y))) / float a.Length
