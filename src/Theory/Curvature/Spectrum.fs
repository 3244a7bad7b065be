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

    /// <summary>The participation ratio (Σλ)²/Σλ² of known eigenvalues: M for equal ones, 1 for a single one.</summary>
    /// <param name="eigenvalues">In any order, not all zero.</param>
    /// <returns>The ratio; from products alone <c>SpectralSum.participationRatio</c>.</returns>
    let participationRatio (eigenvalues: float[]) : float =
        let sum = Array.sum eigenvalues
        sum * sum / Vectors.dot eigenvalues eigenvalues

    /// <summary>The inverse participation ratio Σvᵢ⁴/(Σvᵢ²)² of a vector: 1 on one coordinate, 1/M on all alike, about 3/M for a random one.</summary>
    /// <param name="vector">Not zero.</param>
    /// <returns>A number in [1/M, 1]; its inverse is the number of coordinates that the vector lives on.</returns>
    let localisation (vector: float[]) : float =
        let square = Vectors.dot vector vector
        (vector |> Array.sumBy (fun x -> x * x * x * x)) / (square * square)

    let private orthonormal name (vectors: float[][]) =
        if vectors.Length = 0 then
            Vectors.fail $"{name}: a space without vectors; wanted at least one"

        let m, r = vectors[0].Length, vectors.Length
        let rows = Array.concat vectors
        let found = if rows.Length = m * r then Vectors.orthonormalise m [||] 0 rows r else 0

        if found < r then
            Vectors.fail
                $"{name}: {r} vectors of lengths {vectors |> Array.map Array.length |> Array.distinct |> List.ofArray} span a space of dimension {found}; wanted linearly independent vectors of one length"

        rows

    /// <summary>The principal angles between two spaces.</summary>
    /// <param name="space">r vectors that span the space; they must be linearly independent.</param>
    /// <param name="other">s linearly independent vectors of the same length M.</param>
    /// <returns>min(r, s) angles in radians, ascending from 0 to π/2; small ones from their sines, so that they are exact to rounding too.</returns>
    /// <exception cref="T:Hesse.HesseException">The vectors of a space are dependent, or of different lengths.</exception>
    /// <remarks>A. Björck and G. H. Golub, Numerical methods for computing angles between linear subspaces, 1973.</remarks>
    let principalAngles (space: float[][]) (other: float[][]) : float[] =
        let name = "Spectrum.principalAngles"
        let first, second = if space.Length <= other.Length then space, other else other, space
        let a, b = orthonormal name first, orthonormal name second
        let m, r, s = first[0].Length, first.Length, second.Length

        if second[0].Length <> m then
            Vectors.fail $"{name}: vectors of length {m} and of length {second[0].Length}; wanted one length"

        let cosines = LinearAlgebra.SingularValues(Vectors.gram m a 0 r b 0 s, r, s)
        // The part of the smaller space outside of the other has the sines as singular values.
        Vectors.subtract m b 0 s (Vectors.gram m b 0 s a 0 r) a 0 r
        let sines = LinearAlgebra.SingularValues(a, r, m) |> Array.rev
        Array.map2 (fun c s -> if c < 0.7 then acos (max 0.0 c) else asin (min 1.0 s)) cosines sines

    /// <summary>How much of one space lies in another: the mean squared cosine of the principal angles.</summary>
    /// <param name="space">r vectors that span the space; they must be linearly independent.</param>
    /// <param name="other">s ≥ r linearly independent vectors of the same length M.</param>
    /// <returns>1 when the first space lies in the second, about s/M for random spaces.</returns>
    /// <exception cref="T:Hesse.HesseException">The vectors of a space are dependent, or of different lengths.</exception>
    /// <remarks>A. Björck and G. H. Golub, Numerical methods for computing angles between linear subspaces, 1973.</remarks>
    let overlap (space: float[][]) (other: float[][]) : float =
        let a, b = orthonormal "Spectrum.overlap" space, orthonormal "Spectrum.overlap" other
        let cosines = Vectors.gram space[0].Length a 0 space.Length b 0 other.Length
        Vectors.dot cosines cosines / float space.Length
