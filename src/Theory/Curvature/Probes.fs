namespace Hesse.Theory

open Hesse
open Hesse.Kernels

/// Random vectors and their products, in batches.
module internal Probes =
    /// How many products run at once where the caller does not say.
    let private batch = 16

    let rademacher (key: Key) (size: int) (count: int) : float[] =
        Random.split count key
        |> Array.map (fun k -> (Random.rademacher k [ size ]).toArray())
        |> Array.concat

    /// Uniform on the sphere of radius √M: E ωωᵀ = I.
    let spherical (key: Key) (size: int) (count: int) : float[] =
        Random.split count key
        |> Array.map (fun k ->
            let v = Vectors.gaussian k size
            Vectors.scaled (sqrt (float size) / Vectors.norm v) v)
        |> Array.concat

    /// The products of all rows, some at a time.
    let apply (operator: LinearOperator) (rows: float[]) (count: int) : float[] =
        let size = operator.Size

        [|
            for first in 0..batch .. count - 1 ->
                let here = min batch (count - first)
                Vectors.products operator (Array.sub rows (first * size) (here * size)) here
        |]
        |> Array.concat

    /// Dot products of row i of one block with row i of another.
    let dots (size: int) (a: float[]) (b: float[]) (count: int) : float[] =
        Array.init count (fun i -> Vectors.dot (Vectors.row size a i) (Vectors.row size b i))

    let check name (operator: LinearOperator) (least: int) (count: int) =
        if count < least then
            Vectors.fail
                $"{name}: {count} probes or products, wanted at least {least}; an error estimate needs a spread"

        if operator.Size < 1 then
            Vectors.fail $"{name}: an operator of size {operator.Size}, wanted at least 1"

/// What the estimators with exchangeable probes share (Epperly, Tropp, Webber 2024): the range of AΩ, A on it, and for each probe
/// the direction that only this probe adds.
module internal LeaveOneOut =
    /// With Q a basis of the range of Y = AΩ and Z = AQ.
    type Factors = {
        /// Ω, row by row.
        Probes: float[]
        /// Y = AΩ, row by row.
        Images: float[]
        /// Q, row by row; `Rank` of them.
        Basis: float[]
        /// Z = AQ, row by row.
        BasisImages: float[]
        Rank: int
        /// R with Y = QR as [Rank; probes].
        Triangle: float[]
        /// Rows sᵢ: the unit vector in coordinates of Q that is orthogonal to Qᵀyⱼ, j ≠ i. Empty when the probes are dependent, so that
        /// leaving one out takes nothing away.
        Own: float[]
    }

    let factors (operator: LinearOperator) (probes: float[]) (count: int) : Factors =
        let size = operator.Size
        let images = Probes.apply operator probes count
        let basis = Array.copy images
        let rank = Vectors.orthonormalise size [||] 0 basis count
        let basis = Array.truncate (rank * size) basis
        let triangle = Vectors.gram size basis 0 rank images 0 count

        let own =
            if rank < count then
                [||]
            else
                let identity = Array.init (count * count) (fun q -> if q / count = q % count then 1.0 else 0.0)
                let inverse = LinearAlgebra.Solve(triangle, count, identity, count)

                for i in 0 .. count - 1 do
                    Vectors.scaleRow count inverse i (1.0 / Vectors.rowNorm count inverse i)

                inverse

        {
            Probes = probes
            Images = images
            Basis = basis
            BasisImages = if rank = 0 then [||] else Probes.apply operator basis rank
            Rank = rank
            Triangle = triangle
            Own = own
        }

    /// The mean of exchangeable estimates with the error estimate of the paper, √(Σ(xᵢ − x̄)² / (k(k − 1))).
    let estimate (samples: float[]) (products: int) (key: Key) : Estimate =
        let e = Estimate.ofSamples samples

        {
            e with
                Certainty = Certainty.Heuristic Estimate.level
                Products = products
                Key = Some key
        }
