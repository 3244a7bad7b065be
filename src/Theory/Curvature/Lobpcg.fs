namespace Hesse.Theory

open Hesse
open Hesse.Kernels

/// Locally optimal block preconditioned conjugate gradients (Knyazev 2001), with the orthonormal basis of Hetmaniuk and Lehoucq 2006.
module internal Lobpcg =
    /// Columns of a row-major [n; count] matrix, those that are chosen.
    let private columns n count (chosen: int[]) (matrix: float[]) =
        Array.init (n * chosen.Length) (fun q -> matrix[q / chosen.Length * count + chosen[q % chosen.Length]])

    /// An orthonormal basis of the columns of `part` beyond those of the orthonormal `whole`, both [n; ·]; as [n; kept].
    let private complement n (whole: float[]) wholeCount (part: float[]) partCount =
        // Coefficient vectors as rows, in which shape the block functions work.
        let asRows count (m: float[]) = Array.init (count * n) (fun q -> m[q % n * count + q / n])
        let rows = asRows partCount part
        let kept = Vectors.orthonormalise n (asRows wholeCount whole) wholeCount rows partCount
        Array.init (n * kept) (fun q -> rows[q % kept * n + q / kept]), kept

    let private stack size (blocks: (float[] * int) list) =
        let total = blocks |> List.sumBy snd
        let result = Array.zeroCreate<float>(total * size)
        let mutable at = 0

        for block, count in blocks do
            System.Array.Copy(block, 0, result, at * size, count * size)
            at <- at + count

        result, total

    /// The rows X of the wanted space, the largest |θ| seen, the products and the iterations it took.
    let solve
        (options: EigenOptions)
        (precondition: (float[] -> float[]) option)
        (operator: LinearOperator)
        : float[] * float * int * int =
        let size = operator.Size
        let block = min size (max options.Count options.Block)

        let direction =
            match options.Part with
            | SpectrumPart.Largest -> 1.0
            | SpectrumPart.Smallest -> -1.0
            | part ->
                Vectors.fail
                    $"Eigenpairs.lobpcg: {part} was asked for, and the method finds one end of the spectrum; use Largest or Smallest, or Eigenpairs.compute"

        let mutable products = 0

        let apply rows count =
            products <- products + count
            Vectors.products operator rows count

        let random = Vectors.gaussian options.Key (2 * block * size)
        let given = options.Start |> Array.truncate block
        let mutable x = Array.append (Array.concat given) random
        let found = Vectors.orthonormalise size [||] 0 x (given.Length + 2 * block)
        let block = min block found
        x <- Array.truncate (block * size) x
        let mutable ax = apply x block
        let mutable p, ap, directions = [||], [||], 0
        let mutable theta = Array.zeroCreate<float> block
        let mutable scale = 0.0
        let mutable iterations = 0
        let mutable going = true

        /// The best `block` Ritz vectors of a basis, as columns [n; block], and their values.
        let rayleighRitz basis image n =
            let g = Vectors.gram size basis 0 n image 0 n
            let symmetric = Array.init (n * n) (fun q -> 0.5 * (g[q] + g[q % n * n + q / n]))
            let struct (values, vectors) = LinearAlgebra.SymmetricEigen(symmetric, n, true)

            let best =
                if direction > 0.0 then
                    [| for j in n - 1 .. -1 .. n - block -> j |]
                else
                    [| 0 .. block - 1 |]

            scale <- values |> Array.fold (fun m v -> max m (abs v)) scale
            best |> Array.map (fun j -> values[j]), columns n n best vectors

        let values, c = rayleighRitz x ax block
        theta <- values
        Vectors.rotate size x 0 block c block
        Vectors.rotate size ax 0 block c block

        while going do
            options.Cancellation.ThrowIfCancellationRequested()
            let residuals = Array.copy ax

            for j in 0 .. block - 1 do
                System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(
                    System.ReadOnlySpan<float>(x, j * size, size),
                    -theta[j],
                    System.ReadOnlySpan<float>(residuals, j * size, size),
                    System.Span<float>(residuals, j * size, size)
                )

            let unit = max scale System.Double.Epsilon
            let norms = Array.init block (fun j -> Vectors.rowNorm size residuals j / unit)

            let active = [|
                for j in 0 .. block - 1 do
                    if norms[j] > 0.5 * options.Tolerance then
                        j
            |]

            let wanted = Array.truncate options.Count norms

            options.Progress {
                Products = products
                Converged = wanted |> Array.filter (fun r -> r <= options.Tolerance) |> Array.length
                Residual = Array.max wanted
            }

            let unsettled = active |> Array.exists (fun j -> j < options.Count)
            going <- unsettled && products < options.MaxProducts && block < size

            if going then
                iterations <- iterations + 1

                let w =
                    active
                    |> Array.map (fun j ->
                        let r = Vectors.row size residuals j

                        match precondition with
                        | Some f -> f r
                        | None -> r)
                    |> Array.concat

                let known, knownCount = stack size [ x, block; p, directions ]
                let fresh = Vectors.orthonormalise size known knownCount w active.Length
                going <- fresh > 0

                if going then
                    let aw = apply w fresh
                    let basis, n = stack size [ known, knownCount; w, fresh ]
                    let image, _ = stack size [ ax, block; ap, directions; aw, fresh ]
                    let values, c = rayleighRitz basis image n
                    theta <- values
                    // The new directions: the parts of the active Ritz vectors outside of the old ones.
                    let outside =
                        columns n block active c |> Array.mapi (fun q v -> if q / active.Length < block then 0.0 else v)

                    let d, count = complement n c block outside active.Length
                    x <- Vectors.combine size basis 0 n c block
                    ax <- Vectors.combine size image 0 n c block
                    p <- Vectors.combine size basis 0 n d count
                    ap <- Vectors.combine size image 0 n d count
                    directions <- count

        x, scale, products, iterations
