namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Statements of Dexter et al. about per-sample curvatures, for <c>SgdCoherence</c>: random families, the tight ones, networks on digits.
module internal SgdCoherenceTheory =
    let private random key shape = Random.normal key shape

    /// Families of random size: 3 to 10 samples, rank 1 to 3 each, 2 to 7 dimensions, of unequal norms.
    let private randomFamily (key: Key) =
        let u = (Random.uniform (Random.fold 0 key) [ 3 ]).toArray()
        let n, k, m = 3 + int (8.0 * u[0]), 1 + int (3.0 * u[1]), 2 + int (6.0 * u[2])
        let scales = Tensor.exp (0.5 * random (Random.fold 1 key) [ n; 1; 1 ])
        SgdCoherence.ofFactors (scales * random (Random.fold 2 key) [ n; k; m ])

    /// E of (I − (η/B) Σ_{i∈S} Hᵢ) ⊗ (the same) over all 2ⁿ batches: shape [r²; r²].
    let private enumerated (batch: float) (step: float) (c: SampleCurvature) =
        let a = Tensor.create [ c.Samples; c.Outputs; c.Rank ] c.Factors
        let h = Tensor.einsum "ikp,ikq->ipq" [ a; a ]
        let p = batch / float c.Samples

        [ 0 .. (1 <<< c.Samples) - 1 ]
        |> List.map (fun bits ->
            let chosen = Array.init c.Samples (fun i -> float ((bits >>> i) &&& 1))
            let size = Array.sum chosen
            let weight = p ** size * (1.0 - p) ** (float c.Samples - size)
            let jump = Tensor.eye c.Rank - step / batch * Tensor.einsum "i,ipq->pq" [ Tensor.ofArray chosen; h ]
            weight * Tensor.kron jump jump)
        |> List.reduce (+)

    let secondMoment (record: Recorder) (key: Key) =
        let families = Random.split 4 key |> Array.map (fun k -> SgdCoherence.ofFactors (random k [ 6; 2; 4 ]))

        let deviations = [
            for c in families do
                for batch in [ 1.0; 2.5; 5.0 ] do
                    for factor in [ 0.5; 1.0; 1.5 ] do
                        let step = factor * SgdCoherence.criticalStep batch c
                        let exact = (Tensor.max (Tensor.abs (Linalg.eigvalsh (enumerated batch step c)))).item()
                        abs (SgdCoherence.growthFactor batch step c / exact - 1.0)
        ]

        record.Claim(
            "second-moment-map",
            Status.Theorem,
            "The second moment of linearised SGD with independent draws grows by the spectral radius of an explicit map.",
            "E wwᵀ ← MΣ, M = (I − ηH) ⊗ (I − ηH) + (η²/n²)(n/B − 1) Σᵢ Hᵢ ⊗ Hᵢ (Dexter et al. 2024, section 3)",
            Relation.Absolute,
            0.0,
            1e-9,
            List.max deviations,
            $"Largest relative distance of ρ(M) from the spectral radius of the mean over all 2⁶ batches, {deviations.Length} cases: four random families of six curvatures of rank 2 in four dimensions, B = 1, 2.5 and 5, at 0.5, 1 and 1.5 times the critical step. The tolerance is that of the eigensolver."
        )

    let coherenceBoundsSharpness (ctx: Context) (record: Recorder) (key: Key) =
        let count = if ctx.Quick then 100 else 400
        let families = Random.split count key |> Array.map randomFamily

        /// λ₁(H) n/(σ maxᵢ λ₁(Hᵢ)), with the largest λ₁(Hᵢ) from the factors.
        let ratio (c: SampleCurvature) =
            let a = Tensor.create [ c.Samples; c.Outputs; c.Rank ] c.Factors
            let grams = Tensor.einsum "ikp,ilp->ikl" [ a; a ]

            let largest = Seq.init c.Samples (fun i -> (Tensor.max (Linalg.eigvalsh grams[i])).item()) |> Seq.max

            SgdCoherence.sharpness c * float c.Samples / (SgdCoherence.coherence c * largest)

        // Rank one with gradients in one orthant: then S is the Gram matrix itself.
        let aligned = SgdCoherence.ofFactors (Tensor.abs (random (Random.fold count key) [ 8; 1; 5 ]))

        let ratios = families |> Array.map ratio

        record.Claim(
            "coherence-bounds-sharpness",
            Status.Theorem,
            "The coherence bounds the sharpness of the mean by that of the samples; curvatures of rank one with gradients in one orthant attain it.",
            "λ₁(H) ≤ λ₁(S)/n = (σ/n) maxᵢ λ₁(Hᵢ), S_ij = ‖Hᵢ^½Hⱼ^½‖_F (Dexter et al. 2024, definition 1)",
            Relation.Absolute,
            1.0,
            1e-10,
            max (Array.max ratios) (ratio aligned),
            $"Largest λ₁(H) n/λ₁(S): {count} random families of ranks 1 to 3 (largest {Array.max ratios:F4}, mean {Array.average ratios:F3}) and a family of gradients with positive entries ({ratio aligned:F12}). Above 1 would break the bound."
        )

    /// n curvatures of which σ are equal and the others orthogonal to them and to each other, of one size, in a random basis.
    let tightFamily (key: Key) n sigma =
        let directions = Tensor.ofArray [| for i in 0 .. n - 1 -> float (max 0 (i - sigma + 1)) |]
        let rotation = Random.orthogonal key n n
        SgdCoherence.ofFactors (Tensor.expandDims 1 (Tensor.matmul (Tensor.oneHot n directions) rotation))

    let tightFamilies (record: Recorder) (key: Key) =
        let n = 12

        let cases = [
            for sigma in 1..n do
                let c = tightFamily (Random.fold sigma key) n sigma

                for batch in [ 1.0; 2.0; 4.5; 8.0 ] do
                    let step = SgdCoherence.coherenceStep batch c
                    abs (SgdCoherence.coherence c - float sigma), abs (SgdCoherence.growthFactor batch step c - 1.0)
        ]

        record.Claim(
            "coherent-families-are-tight",
            Status.Theorem,
            "For every whole coherence from 1 to n there are curvatures that are stable up to the step of the coherence, and not beyond.",
            "ρ(M) = 1 at λ₁(H) = (2σ/η)/(n/B + σ − 1) (Dexter et al. 2024, theorem 2)",
            Relation.Absolute,
            0.0,
            1e-12,
            List.max (cases |> List.map snd),
            $"Largest |ρ(M) − 1| over σ = 1, …, {n} and B = 1, 2, 4.5, 8: σ equal curvatures of rank one and {n} − σ orthogonal ones in a random basis, where the coherence is σ up to {cases |> List.map fst |> List.max:G2}. Rounding only. Orthogonal curvatures (σ = 1) and equal ones (σ = n) are the ends of this family."
        )

    let divergence (ctx: Context) (record: Recorder) (key: Key) =
        let count = if ctx.Quick then 100 else 400
        let families = Random.split count key |> Array.map randomFamily

        let ratios = [
            for c in families do
                for batch in [ 1.0; 2.0; 0.7 * float c.Samples ] do
                    SgdCoherence.criticalStep batch c / SgdCoherence.divergenceBound batch c
        ]

        record.Claim(
            "divergence-theorem",
            Status.Theorem,
            "Beyond a sharpness that the coherence sets, SGD diverges.",
            "E‖w_k‖² → ∞ if λ₁(H) > 2/η or λ₁(H) > (σ/η)(n/B − 1)^(−½) (Dexter et al. 2024, theorem 1)",
            Relation.AtMost,
            1.0,
            1e-9,
            List.max ratios,
            $"Largest ratio of the exact critical step to the bound over {ratios.Length} cases: {count} random families of ranks 1 to 3, B = 1, 2 and 0.7 n. Mean ratio {List.average ratios:F3}, {ratios |> List.filter (fun r -> r > 0.99) |> List.length} above 0.99; a ratio above 1 would be a stable family that the theorem calls divergent."
        )

    // ---- How well the coherence orders families ----

    /// Unit gradients with a common part: cos α u + sin α zᵢ.
    let private correlated (key: Key) n d =
        let alpha = 0.5 * Math.PI * (Random.uniform (Random.fold 0 key) []).item()
        let common = Random.sphere (Random.fold 1 key) d [ 1 ]
        let own = Random.sphere (Random.fold 2 key) d [ n ]
        SgdCoherence.ofFactors (Tensor.expandDims 1 (cos alpha * common + sin alpha * own))

    let order (ctx: Context) (record: Recorder) (key: Key) =
        let n, d, batch, count = 12, 20, 2.0, (if ctx.Quick then 40 else 120)
        let families = Random.split count key |> Array.map (fun k -> correlated k n d)
        let scaled step c = step batch c * SgdCoherence.sharpness c
        let sigmas = families |> Array.map SgdCoherence.coherence
        let exact = families |> Array.map (scaled SgdCoherence.criticalStep)

        record.Claim(
            "coherence-orders-stability",
            Status.Prediction,
            "Of curvatures with the same sharpness the more coherent ones bear the larger step.",
            "λ₁(H) η* grows with σ at fixed n/B (Dexter et al. 2024, theorems 1 and 2)",
            Relation.AtLeast,
            0.8,
            0.0,
            Fit.kendall sigmas exact,
            $"Kendall's τ between σ and λ₁(H) η*, {count} families of {n} unit gradients in {d} dimensions with a common part of random weight, B = 2; σ from {Array.min sigmas:F2} to {Array.max sigmas:F2}, λ₁ η* from {Array.min exact:F3} to {Array.max exact:F3}. The bound was set before the measurement; without a relation τ would be 0 with standard error {sqrt (2.0 * float (2 * count + 5) / float (9 * count * (count - 1))):F2}."
        )

        let grid = Array.init 111 (fun i -> 1.0 + 0.1 * float i)
        let ratio = float n / batch

        ctx.Draw {
            Title = "Sharpness that SGD bears against the coherence"
            Caption =
                $"λ₁(H) η at the threshold for n = {n}, B = {batch:F0}: divergence theorem (upper line), step of the coherence (lower line), families that attain it, and families of correlated gradients."
            XLabel = "coherence σ"
            YLabel = "λ₁(H) η*"
            LogX = false
            LogY = false
            Series = [
                {
                    Name = "divergence for certain above"
                    Mark = Mark.Lines
                    X = grid
                    Y = grid |> Array.map (fun s -> min 2.0 (s / sqrt (ratio - 1.0)))
                }
                {
                    Name = "step of the coherence"
                    Mark = Mark.DashedLines
                    X = grid
                    Y = grid |> Array.map (fun s -> 2.0 * s / (ratio + s - 1.0))
                }
                {
                    Name = "tight families"
                    Mark = Mark.Markers
                    X = Array.init n (fun i -> float (i + 1))
                    Y =
                        Array.init n (fun i ->
                            tightFamily (Random.fold i key) n (i + 1) |> scaled SgdCoherence.criticalStep)
                }
                { Name = "correlated gradients"; Mark = Mark.Markers; X = sigmas; Y = exact }
            ]
        }
