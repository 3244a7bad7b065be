namespace Hesse.Theory

open System.Collections.Generic
open Hesse

/// An estimate of a diagonal (or of another vector), element by element.
type VectorEstimate = {
    /// One estimate for each element.
    Values: float[]
    /// Their standard errors; zeros where the values are exact.
    StandardErrors: float[]
    /// What the errors are: independent probes, exchangeable ones, or none.
    Certainty: Certainty
    /// Number of probes.
    Samples: int
    /// Products with the operator.
    Products: int
    /// The key of the probes, if there were any.
    Key: Key option
} with

    /// Element i with its interval.
    member e.Item
        with get (i: int): Estimate =
            let reach =
                match e.Certainty with
                | Certainty.Rigorous -> 0.0
                | Certainty.Confidence level
                | Certainty.Heuristic level -> Estimate.studentT level e.Samples * e.StandardErrors[i]

            {
                Value = e.Values[i]
                StandardError = e.StandardErrors[i]
                Lower = e.Values[i] - reach
                Upper = e.Values[i] + reach
                Certainty = e.Certainty
                Samples = e.Samples
                Products = e.Products
                Key = e.Key
            }

/// The diagonal of a symmetric operator from its products.
[<RequireQualifiedAccess>]
module Diagonal =
    /// Means and standard errors over samples of vectors that come one by one (Welford 1962).
    let internal summarise size (certainty: Certainty) products key (samples: seq<float[]>) : VectorEstimate =
        let mean = Array.zeroCreate<float> size
        let squares = Array.zeroCreate<float> size
        let mutable count = 0

        for sample in samples do
            count <- count + 1

            for i in 0 .. size - 1 do
                let delta = sample[i] - mean[i]
                mean[i] <- mean[i] + delta / float count
                squares[i] <- squares[i] + delta * (sample[i] - mean[i])

        {
            Values = mean
            StandardErrors = squares |> Array.map (fun s -> sqrt (s / float (count - 1) / float count))
            Certainty = certainty
            Samples = count
            Products = products
            Key = Some key
        }

    let private exactly values products = {
        Values = values
        StandardErrors = Array.zeroCreate values.Length
        Certainty = Certainty.Rigorous
        Samples = 0
        Products = products
        Key = None
    }

    /// <summary>The diagonal exactly, from M products in batches.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <returns>A rigorous estimate without error.</returns>
    let exact (operator: LinearOperator) : VectorEstimate =
        let size = operator.Size

        let values = [|
            for first in 0..16 .. size - 1 do
                let count = min 16 (size - first)
                let rows = Array.zeroCreate<float>(count * size)

                for i in 0 .. count - 1 do
                    rows[i * size + first + i] <- 1.0

                let images = Vectors.products operator rows count

                for i in 0 .. count - 1 do
                    images[i * size + first + i]
        |]

        exactly values size

    /// <summary>The diagonal exactly, from one product for each colour of the pattern: indices of one colour are not coupled.</summary>
    /// <param name="pattern">Where A may differ from zero, [M; M]; from <c>Sparse.pattern</c> of the gradient.</param>
    /// <param name="operator">A, of size M.</param>
    /// <returns>A rigorous estimate; Products is the number of colours (2 for a tridiagonal matrix).</returns>
    /// <exception cref="T:Hesse.HesseException">The pattern is not [M; M].</exception>
    /// <remarks>Greedy colouring of the graph of A; J. Tang and Y. Saad, A probing method for computing the diagonal of a matrix inverse, 2012.</remarks>
    let ofPattern (pattern: SparsityPattern) (operator: LinearOperator) : VectorEstimate =
        let size = operator.Size

        if pattern.Rows <> size || pattern.Columns <> size then
            Vectors.fail
                $"Diagonal.ofPattern: a pattern of [{pattern.Rows}; {pattern.Columns}] for an operator of size {size}; wanted [{size}; {size}], the pattern of the gradient's Jacobian"

        let neighbours = Array.init size (fun _ -> HashSet<int>())

        for i in 0 .. size - 1 do
            for e in pattern.RowPointers[i] .. pattern.RowPointers[i + 1] - 1 do
                let j = pattern.ColumnIndices[e]

                if j <> i then
                    neighbours[i].Add j |> ignore
                    neighbours[j].Add i |> ignore

        let colours = Array.create size -1

        for i in 0 .. size - 1 do
            let taken = HashSet<int>(neighbours[i] |> Seq.map (fun j -> colours[j]))
            colours[i] <- Seq.initInfinite id |> Seq.find (taken.Contains >> not)

        let count = 1 + Array.max colours
        let rows = Array.zeroCreate<float>(count * size)
        colours |> Array.iteri (fun i c -> rows[c * size + i] <- 1.0)
        let images = Probes.apply operator rows count
        exactly (Array.init size (fun i -> images[colours[i] * size + i])) count

    /// <summary>The mean of v ⊙ Av over random signs v.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes and products, at least two.</param>
    /// <returns>The estimate; unbiased, with variance Σ_{j≠i} A_ij² / probes in element i.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    /// <remarks>C. Bekas, E. Kokiopoulou, Y. Saad, An estimator for the diagonal of a matrix, 2007.</remarks>
    let hutchinson (operator: LinearOperator) (key: Key) (probes: int) : VectorEstimate =
        Probes.check "Diagonal.hutchinson" operator 2 probes
        let size = operator.Size
        let signs = Probes.rademacher key size probes
        let images = Probes.apply operator signs probes

        seq { for p in 0 .. probes - 1 -> Array.map2 (*) (Vectors.row size signs p) (Vectors.row size images p) }
        |> summarise size (Certainty.Confidence Estimate.level) probes key

    /// <summary>XDiag: the diagonal on the range of the other probes exactly, and of the rest by the probe itself.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="products">Number of products, at least four; half of them with probes, half with a basis of their images.</param>
    /// <returns>The estimate; unbiased, with heuristic intervals from exchangeable samples.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than four products.</exception>
    /// <remarks>Epperly, Tropp, Webber 2024, section 2.4.</remarks>
    let xDiag (operator: LinearOperator) (key: Key) (products: int) : VectorEstimate =
        Probes.check "Diagonal.xDiag" operator 4 products
        let size = operator.Size
        let count = min (products / 2) size
        let f = LeaveOneOut.factors operator (Probes.rademacher key size count) count
        let common = Array.zeroCreate<float> size

        for a in 0 .. f.Rank - 1 do
            for i in 0 .. size - 1 do
                common[i] <- common[i] + f.Basis[a * size + i] * f.BasisImages[a * size + i]

        let samples =
            if f.Own.Length = 0 || count = size then
                seq {
                    common
                    common
                }
            else
                seq {
                    for p in 0 .. count - 1 ->
                        let s = Vectors.row count f.Own p
                        let direction = Vectors.combine size f.Basis 0 count s 1
                        let image = Vectors.combine size f.BasisImages 0 count s 1
                        let along = Seq.sum (seq { for a in 0 .. count - 1 -> s[a] * f.Triangle[a * count + p] })

                        Array.init size (fun i ->
                            common[i] + direction[i] * (along * f.Probes[p * size + i] - image[i]))
                }

        samples |> summarise size (Certainty.Heuristic Estimate.level) (count + f.Rank) key
