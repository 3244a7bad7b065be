namespace Hesse.Theory

open Hesse

/// A symmetric matrix U diag(λ) Uᵀ + diag(d) of few eigenvectors and a diagonal.
type LowRankCurvature = {
    /// Dimension M.
    Size: int
    /// Orthonormal columns of U: k vectors of length M.
    Vectors: float[][]
    /// λ, length k.
    Values: float[]
    /// d, length M; zeros for a matrix of rank k.
    Diagonal: float[]
}

/// Matrices of low rank, and of low rank plus a diagonal.
[<RequireQualifiedAccess>]
module LowRank =
    let private check (operation: string) (rank: int) (size: int) =
        if rank < 1 || rank > size then
            raise (HesseException $"LowRank.{operation}: rank {rank} of a matrix of size {size}; wanted 1 .. {size}")

    /// <summary>The matrix of given eigenpairs: the part of an operator in the span of its leading eigenvectors.</summary>
    /// <param name="values">λ, length k.</param>
    /// <param name="vectors">Orthonormal, k of length M; such as Ritz vectors.</param>
    /// <returns>Rank k, without a diagonal.</returns>
    /// <exception cref="T:Hesse.HesseException">There are no pairs, or as many values as vectors are not given.</exception>
    let ofPairs (values: float[]) (vectors: float[][]) : LowRankCurvature =
        if values.Length = 0 || values.Length <> vectors.Length then
            raise (
                HesseException
                    $"LowRank.ofPairs: {values.Length} eigenvalues and {vectors.Length} eigenvectors; wanted the same number, at least one"
            )

        let size = vectors[0].Length

        {
            Size = size
            Vectors = vectors
            Values = values
            Diagonal = Array.zeroCreate size
        }

    /// <summary>Nyström's approximation A Ω (ΩᵀAΩ)⁺ ΩᵀA of a positive semi-definite operator from products with random vectors.</summary>
    /// <param name="rank">k, the number of products; the result has at most this rank.</param>
    /// <param name="key">The same key gives the same approximation.</param>
    /// <param name="operator">A, positive semi-definite, of size M.</param>
    /// <returns>Rank at most k, exact when A has at most this rank. It is never above A.</returns>
    /// <exception cref="T:Hesse.HesseException">The rank is not in 1 .. M; or A is not positive semi-definite in the span of the products.</exception>
    /// <remarks>Tropp, Yurtsever, Udell, Cevher 2017, "Fixed-rank approximation of a positive-semidefinite matrix from streaming data"; the pseudo-inverse is
    /// taken by eigenvalues. Cost: k products and O(k²M).</remarks>
    let nystrom (rank: int) (key: Key) (operator: LinearOperator) : LowRankCurvature =
        check "nystrom" rank operator.Size
        let size = operator.Size
        let omega, _ = Linalg.qr (Random.normal key [ size; rank ])
        let rows = (Tensor.transpose omega).toArray()
        let products = Tensor.create [ rank; size ] (operator.ApplyRows rows rank) |> Tensor.transpose
        let core = Tensor.matmul (Tensor.transpose omega) products
        let values, vectors = Linalg.eigh ((core + Tensor.transpose core) / 2.0)
        let values = values.toArray ()
        let largest = values |> Array.fold (fun m x -> max m (abs x)) 0.0

        if values[0] < -1e-10 * largest then
            raise (
                HesseException
                    $"LowRank.nystrom: operator '{operator.Name}' is not positive semi-definite: it has a value of {values[0]:G3} in the span of the {rank} products, and the largest is {largest:G3}; use Gauss–Newton or Fisher operators, shift it, or take Ritz pairs (LowRank.ofPairs)"
            )

        // What is rounding is left out of the inverse of the core.
        let limit = float size * 2.220446049250313e-16 * largest

        match [| 0 .. rank - 1 |] |> Array.filter (fun i -> values[i] > limit) with
        | [||] -> { Size = size; Vectors = [||]; Values = [||]; Diagonal = Array.zeroCreate size }
        | kept ->
            let columns = Tensor.gather 1 (Tensor.ofArray (Array.map float kept)) vectors
            let roots = Tensor.ofArray (kept |> Array.map (fun i -> sqrt values[i]))
            let u, s, _ = Linalg.svd (Tensor.matmul products columns / roots)
            let rows = (Tensor.transpose u).toArray()

            {
                Size = size
                Vectors = Array.init kept.Length (fun i -> rows[i * size .. (i + 1) * size - 1])
                Values = (Tensor.square s).toArray()
                Diagonal = Array.zeroCreate size
            }

    /// <summary>The same vectors, with the diagonal that is missing: the result has a given diagonal exactly.</summary>
    /// <param name="diagonal">The diagonal of the matrix that is approximated, length M.</param>
    /// <param name="curvature">Its low-rank part.</param>
    /// <returns>Low rank plus diagonal.</returns>
    /// <exception cref="T:Hesse.HesseException">The diagonal has another length.</exception>
    let withDiagonal (diagonal: float[]) (curvature: LowRankCurvature) : LowRankCurvature =
        if diagonal.Length <> curvature.Size then
            raise (
                HesseException
                    $"LowRank.withDiagonal: {diagonal.Length} numbers for a matrix of size {curvature.Size}; wanted one for each row"
            )

        let covered i =
            Array.fold2 (fun sum value (u: float[]) -> sum + value * u[i] * u[i]) 0.0 curvature.Values curvature.Vectors

        { curvature with Diagonal = Array.mapi (fun i d -> d - covered i) diagonal }

    /// The same matrix with at least one vector: rank zero has a vector of zeros.
    let private atLeastOne (c: LowRankCurvature) =
        if c.Values.Length > 0 then
            c
        else
            { c with Values = [| 0.0 |]; Vectors = [| Array.zeroCreate c.Size |] }

    let private columns (c: LowRankCurvature) =
        Tensor.transpose (Tensor.create [ c.Vectors.Length; c.Size ] (Array.concat c.Vectors))

    /// <summary>The operator of the matrix.</summary>
    /// <param name="curvature">C, of size M and rank k.</param>
    /// <returns>v ↦ C v, in O(kM).</returns>
    let operator (curvature: LowRankCurvature) : LinearOperator =
        let c = atLeastOne curvature
        let d, u, values = Tensor.ofArray c.Diagonal, columns c, Tensor.ofArray c.Values
        LinearOperator.ofFunction c.Size (fun v -> d * v + Tensor.matmul u (values * Tensor.matmul v u))

    /// <summary>The trace.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>Σλ + Σd.</returns>
    let trace (curvature: LowRankCurvature) : float = Array.sum curvature.Values + Array.sum curvature.Diagonal

    /// <summary>The diagonal of the matrix.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>Cᵢᵢ = dᵢ + Σ λ uᵢ², length M.</returns>
    let diagonalOf (curvature: LowRankCurvature) : float[] =
        curvature.Diagonal
        |> Array.mapi (fun i d ->
            Array.fold2 (fun sum value (u: float[]) -> sum + value * u[i] * u[i]) d curvature.Values curvature.Vectors)

    /// <summary>The Frobenius norm.</summary>
    /// <param name="curvature">C, with orthonormal vectors.</param>
    /// <returns>‖C‖ = √(Σλ² + 2 Σ λ uᵀdu + Σd²).</returns>
    let frobeniusNorm (curvature: LowRankCurvature) : float =
        let along (u: float[]) = Array.fold2 (fun sum d x -> sum + d * x * x) 0.0 curvature.Diagonal u

        let vectors =
            Array.fold2
                (fun sum value u -> sum + value * (value + 2.0 * along u))
                0.0
                curvature.Values
                curvature.Vectors

        sqrt (vectors + (curvature.Diagonal |> Array.sumBy (fun d -> d * d)))

    /// D = d + δ, and the k × k matrix I + |Λ|^½ Uᵀ D⁻¹ U |Λ|^½ S of Woodbury's identity, with S the signs of λ.
    let private woodbury (operation: string) (damping: float) (curvature: LowRankCurvature) =
        let c = atLeastOne curvature
        let d = c.Diagonal |> Array.map (fun x -> x + damping)

        if d |> Array.exists (fun x -> not (x > 0.0)) then
            raise (
                HesseException
                    $"LowRank.{operation}: the diagonal with damping {damping:G6} is as low as {Array.min d:G6}; it must be positive: give more damping"
            )

        let u = columns c
        let d = Tensor.ofArray d
        let root = Tensor.ofArray (c.Values |> Array.map (fun x -> sqrt (abs x)))
        let signs = Tensor.ofArray (c.Values |> Array.map (fun x -> if x < 0.0 then -1.0 else 1.0))
        let scaled = u * root
        let gram = Tensor.matmul (Tensor.transpose scaled) (scaled / Tensor.expandDims 1 d)
        d, scaled, signs, Tensor.eye c.Values.Length + gram * signs

    /// <summary>The operator of (C + δI)⁻¹.</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C, of size M and rank k.</param>
    /// <returns>The inverse, in O(kM) for a product, by Woodbury's identity.</returns>
    /// <exception cref="T:Hesse.HesseException">The diagonal with the damping is not positive.</exception>
    let inverse (damping: float) (curvature: LowRankCurvature) : LinearOperator =
        let d, scaled, signs, inner = woodbury "inverse" damping curvature
        // (D + V S Vᵀ)⁻¹ = D⁻¹ − D⁻¹ V S (I + VᵀD⁻¹V S)⁻¹ Vᵀ D⁻¹
        let middle = Tensor.expandDims 1 signs * Linalg.inverse inner

        LinearOperator.ofFunction curvature.Size (fun v ->
            let w = v / d
            w - Tensor.matmul scaled (Tensor.matmul middle (Tensor.matmul w scaled)) / d)

    /// <summary>log det (C + δI).</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C.</param>
    /// <returns>Σ log(d + δ) + log det of a k × k matrix.</returns>
    /// <exception cref="T:Hesse.HesseException">The diagonal with the damping, or the matrix, is not positive.</exception>
    let logDeterminant (damping: float) (curvature: LowRankCurvature) : float =
        let d, _, _, inner = woodbury "logDeterminant" damping curvature
        let sign, size = Linalg.slogdet inner

        if sign.item () <= 0.0 then
            raise (
                HesseException
                    $"LowRank.logDeterminant: the matrix with damping {damping:G6} is not positive definite; give more damping"
            )

        (Tensor.sum (Tensor.log d) + size).item()
