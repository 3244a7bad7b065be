namespace Hesse.Theory

open Hesse
open Hesse.Kernels

/// Trace of a symmetric operator from its products.
[<RequireQualifiedAccess>]
module Trace =
    /// <summary>Hutchinson's estimate of tr A: the mean of vᵀAv over random signs v.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of random vectors and products, at least two.</param>
    /// <returns>The estimate; unbiased, with variance 2 Σ_{i≠j} A_ij² / probes.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    /// <remarks>M. F. Hutchinson, A stochastic estimator of the trace of the influence matrix, 1990.</remarks>
    let hutchinson (operator: LinearOperator) (key: Key) (probes: int) : Estimate =
        Probes.check "Trace.hutchinson" operator 2 probes
        let signs = Probes.rademacher key operator.Size probes

        Probes.dots operator.Size signs (Probes.apply operator signs probes) probes
        |> Estimate.ofSamples
        |> Estimate.cost probes key

    /// <summary>Hutch++: the trace on a random range of A exactly, and Hutchinson's estimate of the rest.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="products">Number of products, at least six; a third each for the range, for A on it, and for the rest.</param>
    /// <returns>The estimate; unbiased. The interval is that of the rest's probes, which are independent.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than six products.</exception>
    /// <remarks>R. Meyer, C. Musco, C. Musco, D. Woodruff, Hutch++: optimal stochastic trace estimation, 2021: relative error ε
    /// of a semi-definite A after O(1/ε) products, where Hutchinson needs O(1/ε²).</remarks>
    let hutchPlusPlus (operator: LinearOperator) (key: Key) (products: int) : Estimate =
        Probes.check "Trace.hutchPlusPlus" operator 6 products
        let size = operator.Size
        let third = products / 3
        let keys = Random.split 2 key
        let range = Probes.apply operator (Probes.rademacher keys[0] size third) third
        let rank = Vectors.orthonormalise size [||] 0 range third

        let images =
            if rank = 0 then
                [||]
            else
                Probes.apply operator (Array.truncate (rank * size) range) rank

        let inside = Array.sum (Probes.dots size range images rank)

        if rank >= size then
            Estimate.bounded inside inside inside (third + rank) |> Estimate.cost (third + rank) key
        else
            let rest = products - 2 * third
            let probes = Probes.rademacher keys[1] size rest

            if rank > 0 then
                Vectors.subtract size range 0 rank (Vectors.gram size range 0 rank probes 0 rest) probes 0 rest

            Probes.dots size probes (Probes.apply operator probes rest) rest
            |> Estimate.ofSamples
            |> Estimate.affine 1.0 inside
            |> Estimate.cost (third + rank + rest) key

    /// <summary>XTrace: every probe serves the range for all others and the rest by itself.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="products">Number of products, at least four; half of them with probes, half with a basis of their images.</param>
    /// <returns>The estimate; unbiased. Its error estimate is that of exchangeable, not independent, samples: a heuristic interval.
    /// An operator of rank below products/2 gives its trace up to rounding.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than four products.</exception>
    /// <remarks>E. Epperly, J. Tropp, R. Webber, XTrace: making the most of every sample in stochastic trace estimation, 2024, section 2,
    /// with probes on the sphere that are scaled in the complement of the range.</remarks>
    let xTrace (operator: LinearOperator) (key: Key) (products: int) : Estimate =
        Probes.check "Trace.xTrace" operator 4 products
        let size = operator.Size
        let count = min (products / 2) size
        let f = LeaveOneOut.factors operator (Probes.spherical key size count) count
        let cost = count + f.Rank

        if f.Rank = 0 then
            Estimate.bounded 0.0 0.0 0.0 cost |> Estimate.cost cost key
        else
            // H = QᵀAQ.
            let h = Vectors.gram size f.Basis 0 f.Rank f.BasisImages 0 f.Rank
            let trace = Seq.sum (seq { for i in 0 .. f.Rank - 1 -> h[i * f.Rank + i] })

            if f.Own.Length = 0 || count = size then
                LeaveOneOut.estimate [| trace; trace |] cost key
            else
                let n = count

                let quadratic (x: float[]) =
                    let mutable sum = 0.0

                    for i in 0 .. n - 1 do
                        for j in 0 .. n - 1 do
                            sum <- sum + x[i] * h[i * n + j] * x[j]

                    sum

                // Columns: QᵀΩ and ZᵀΩ.
                let w = Vectors.gram size f.Basis 0 n f.Probes 0 n
                let t = Vectors.gram size f.BasisImages 0 n f.Probes 0 n
                let own = Probes.dots size f.Probes f.Images n

                let single i =
                    let s = Vectors.row n f.Own i
                    let wi = Array.init n (fun a -> w[a * n + i])
                    let along = Vectors.dot s wi
                    // Coordinates of ωᵢ in the range without its own direction.
                    let x = Array.map2 (fun a b -> a - along * b) wi s
                    let ti = Array.init n (fun a -> t[a * n + i])
                    let rest = own[i] - 2.0 * Vectors.dot ti x + quadratic x
                    let scale = float (size - n + 1) / (float size - Vectors.dot x x)
                    trace - quadratic s + scale * rest

                LeaveOneOut.estimate (Array.init n single) cost key

    /// <summary>XNysTrace: as XTrace with a Nyström approximation, for positive semi-definite operators; one product a probe.</summary>
    /// <param name="operator">A, positive semi-definite, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="products">Number of probes and products, at least two.</param>
    /// <returns>The estimate; unbiased up to a shift by rounding, with a heuristic interval as for <c>xTrace</c>.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two products, or the operator is not positive semi-definite.</exception>
    /// <remarks>Epperly, Tropp, Webber 2024, section 2.3. Leaving out a probe takes hᵢhᵢᵀ/(H⁻¹)ᵢᵢ from the inverse of H = ΩᵀAΩ.</remarks>
    let xNysTrace (operator: LinearOperator) (key: Key) (products: int) : Estimate =
        Probes.check "Trace.xNysTrace" operator 2 products
        let size = operator.Size
        let n = min products size
        let probes = Probes.spherical key size n
        let images = Probes.apply operator probes n
        let total = Vectors.norm images
        // A small shift keeps H regular; its trace is taken off in the end.
        let shift = 2.2e-16 * total / sqrt (float size)
        let probeGram = Vectors.gram size probes 0 n probes 0 n

        if total = 0.0 then
            Estimate.bounded 0.0 0.0 0.0 n |> Estimate.cost n key
        else
            Vectors.addScaled shift probes images
            let h = Vectors.gram size probes 0 n images 0 n
            let symmetric = Array.init (n * n) (fun q -> 0.5 * (h[q] + h[q % n * n + q / n]))

            let lower =
                try
                    LinearAlgebra.Cholesky(symmetric, n)
                with :? HesseException ->
                    Vectors.fail
                        $"Trace.xNysTrace: ΩᵀAΩ of {n} probes is not positive definite, so the operator is not positive semi-definite; use Trace.xTrace"

            let identity = Array.init (n * n) (fun q -> if q / n = q % n then 1.0 else 0.0)
            // L⁻¹; the rows of F = L⁻¹Y have Nyström approximation FᵀF.
            let inverse = LinearAlgebra.Solve(lower, n, identity, n)
            let transposed = Array.init (n * n) (fun q -> inverse[q % n * n + q / n])
            let f = Vectors.combine size images 0 n transposed n
            let g = Vectors.gram size f 0 n f 0 n
            let trace = Seq.sum (seq { for i in 0 .. n - 1 -> g[i * n + i] })
            let probeInverse = LinearAlgebra.Solve(probeGram, n, identity, n)

            let single i =
                let column = Array.init n (fun a -> inverse[a * n + i])
                let diagonal = Vectors.dot column column

                let removed =
                    Seq.sum (
                        seq {
                            for a in 0 .. n - 1 do
                                for b in 0 .. n - 1 -> column[a] * g[a * n + b] * column[b]
                        }
                    )

                // ‖ωᵢ‖² in the complement of the other probes is 1/(ΩᵀΩ)⁻¹ᵢᵢ; the direction there is uniform.
                let scale = float (size - n + 1) * probeInverse[i * n + i]
                trace + (scale - removed) / diagonal - shift * float size

            if n = 1 then
                Estimate.bounded (single 0) (single 0) (single 0) n |> Estimate.cost n key
            else
                LeaveOneOut.estimate (Array.init n single) n key
