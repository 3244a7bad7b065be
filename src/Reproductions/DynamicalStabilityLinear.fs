namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory
open Hesse.Reproductions.DynamicalStabilityTraining

/// The claims of `DynamicalStability` that need no training: linearised SGD, bounds on sharpness, and sharpness as a norm.
module internal DynamicalStabilityLinear =
    let private norm (t: Tensor) = sqrt ((Tensor.dot t t).item())

    // ---- 1. Linearised SGD: second moment and threshold ----

    /// Gradients at a random two-layer ReLU network on the first images: one a row.
    let private digitGradients (digits: Digits) key samples width =
        let x = (Digits.inputs digits)[0 .. samples - 1]
        let w = TwoLayerRelu.init key 1.0 width digits.Features
        Diff.jacobian (TwoLayerRelu.predict x) w

    /// Random gradients of unequal norms in few dimensions.
    let private randomGradients key =
        let sizes = (Random.uniform (Random.fold 0 key) [ 2 ]).toArray()
        let n, d = 2 + int (7.0 * sizes[0]), 1 + int (5.0 * sizes[1])
        let scales = Tensor.exp (0.5 * Random.normal (Random.fold 1 key) [ n; 1 ])
        scales * Random.normal (Random.fold 2 key) [ n; d ]

    let propagation (record: Recorder) (digits: Digits) key =
        let samples = 4
        let g = digitGradients digits (Random.fold 0 key) samples 2
        let e = SgdStability.ensemble g
        let p = g.Shape[1]

        /// Losses of the linearised model: ½ (gᵢᵀδ)², averaged over a batch.
        let batchGradient (batch: int list) =
            let rows = batch |> List.map (fun i -> g[i]) |> Tensor.stack 0
            Diff.vmap (Diff.grad (fun (delta: Tensor) -> 0.5 * Tensor.mean (Tensor.square (Tensor.matmul rows delta))))

        let deviation sampling size (batches: int list list) steps =
            let eta = SgdStability.criticalStep sampling size e
            let start = Tensor.matmul (Random.normal (Random.fold 1 key) [ 1; samples ]) g
            let gradients = batches |> List.map batchGradient
            let advance (states: Tensor) = gradients |> List.map (fun f -> states - eta * f states) |> Tensor.concat 0
            let states = Seq.fold (fun s _ -> advance s) start (seq { 1..steps })
            let enumerated = Tensor.matmul (Tensor.transpose states) states / float states.Shape[0]
            let first = Tensor.matmul (Tensor.transpose start) start

            let predicted =
                Seq.fold (fun s _ -> SgdStability.propagate sampling size eta g s) first (seq { 1..steps })

            norm (enumerated - predicted) / norm predicted

        let single = deviation Sampling.WithReplacement 1 [ [ 0 ]; [ 1 ]; [ 2 ]; [ 3 ] ] 6

        let pairs = [
            for i in 0..3 do
                for j in i + 1 .. 3 -> [ i; j ]
        ]

        let double = deviation Sampling.WithoutReplacement 2 pairs 4

        let ordered = [
            for i in 0..3 do
                for j in 0..3 -> [ i; j ]
        ]

        let independent = deviation Sampling.WithReplacement 2 ordered 3

        record.Claim(
            "covariance-propagation",
            Status.Theorem,
            "The covariance operator gives the second moment of linearised SGD exactly.",
            "E δδᵀ ← Σ − η(HΣ + ΣH) + η² [p (1/n) Σᵢ gᵢgᵢᵀΣgᵢgᵢᵀ + (1−p) HΣH] (Wu & Su 2023; Mulayoff & Michaeli 2024)",
            Relation.Absolute,
            0.0,
            1e-12,
            List.max [ single; double; independent ],
            $"Relative Frobenius distance to the mean over every sequence of batches: 4⁶ of one sample, 6⁴ of two without and 16³ with replacement, at η = η*; gradients of a two-layer ReLU network at {samples} digits ({p} parameters), each step by reverse mode. Rounding only."
        )

    let threshold (record: Recorder) (digits: Digits) key =
        let ensembles =
            Array.append (Random.split 20 key |> Array.map (randomGradients >> SgdStability.ensemble)) [|
                SgdStability.ensemble (digitGradients digits (Random.fold 100 key) 8 4)
            |]

        /// Where the growth factor of the second moment reaches 1, by bisection.
        let crossing sampling batch e =
            let mutable low, high = 0.0, 1.5 * SgdStability.traceBound batch e

            for _ in 1..60 do
                let middle = 0.5 * (low + high)

                if SgdStability.growthFactor sampling batch middle e <= 1.0 then
                    low <- middle
                else
                    high <- middle

            low

        let cases = [
            for e in ensembles do
                (Sampling.WithReplacement, 1, e)
                (Sampling.WithReplacement, 2, e)

                if e.Samples > 2 then
                    (Sampling.WithoutReplacement, 2, e)
        ]

        let deviation (sampling, batch, e) =
            abs (crossing sampling batch e / SgdStability.criticalStep sampling batch e - 1.0)

        record.Claim(
            "exact-threshold",
            Status.Theorem,
            "The second moment of linearised SGD stops shrinking exactly at the threshold of the covariance operator.",
            "ρ(T_η) = 1 at η* = 2/λ_max(C⁺D) (Mulayoff & Michaeli 2024)",
            Relation.Absolute,
            0.0,
            1e-10,
            cases |> List.map deviation |> List.max,
            $"Largest relative distance, over {cases.Length} cases (random gradients and a network on digits; batches of 1 and 2, with and without replacement), of 2/λ_max(C⁺D) from the step at which the spectral radius of T crosses 1, by bisection. Rounding, amplified where the radius crosses at a small angle."
        )

    let monteCarlo (ctx: Context) (record: Recorder) key =
        let paths, steps = (if ctx.Quick then 20_000 else 100_000), 8
        let n, d = 4, 3

        let advance =
            Diff.compile (fun (eta: Tensor, g: Tensor, delta: Tensor) ->
                delta
                - eta * Diff.grad (fun delta -> 0.5 * Tensor.sum (Tensor.square (Tensor.sumAxis 1 (g * delta)))) delta)

        let score run =
            let key = Random.fold run key
            let g = Random.normal (Random.fold 0 key) [ n; d ]
            let e = SgdStability.ensemble g
            let start = Random.normal (Random.fold 1 key) [ d ]

            let choices =
                Random.split steps (Random.fold 2 key) |> Array.map (fun k -> Random.integers k n [ paths ])

            [
                for factor in [ 0.95; 1.05 ] do
                    let eta = factor * SgdStability.criticalStep Sampling.WithReplacement 1 e

                    let states =
                        (Tensor.broadcastTo [ paths; d ] start, choices)
                        ||> Array.fold (fun delta chosen ->
                            advance (Tensor.scalar eta, Tensor.gather 0 chosen g, delta))

                    let squares = (Tensor.sumAxis 1 (states * states)).toArray()
                    let mean = Array.average squares
                    let variance = squares |> Array.averageBy (fun s -> (s - mean) ** 2.0)
                    let column = Tensor.reshape [ d; 1 ] start
                    let first = Tensor.matmul column (Tensor.transpose column)

                    let exact =
                        Seq.fold
                            (fun s _ -> SgdStability.propagate Sampling.WithReplacement 1 eta g s)
                            first
                            (seq { 1..steps })

                    (mean - (Tensor.trace exact).item()) / sqrt (variance / float paths)
            ]

        let runs = 4
        let scores = [ 0 .. runs - 1 ] |> List.collect score

        record.Claim(
            "linearised-sgd",
            Status.Theorem,
            "Simulated linearised SGD has the second moment that the covariance operator predicts, just below and just above the threshold.",
            "E‖δ_k‖² = tr T^k(δ₀δ₀ᵀ)",
            Relation.Absolute,
            0.0,
            4.5,
            scores |> List.map abs |> List.max,
            $"Largest of {scores.Length} deviations in standard errors: {paths} paths of {steps} steps at 0.95 η* and 1.05 η*, {runs} sets of {n} random gradients in {d} dimensions. Few steps, because the second moment of long paths sits in rare events that no sample sees; 4.5 standard errors are exceeded by chance once in 20 000 runs."
        )

    // ---- 2. Bounds on sharpness from stability ----

    let bounds (ctx: Context) (record: Recorder) key =
        let count = if ctx.Quick then 100 else 400
        let random = Random.split count key |> Array.map (randomGradients >> SgdStability.ensemble)
        let critical batch = SgdStability.criticalStep Sampling.WithReplacement batch

        // Diagonal networks on inputs of random signs: every gradient has the squared norm Σ (a_j² + b_j²).
        let equalNorms =
            Random.split 5 (Random.fold count key)
            |> Array.map (fun k ->
                let draw = sparseDiagonal.Draw k
                SgdStability.ensemble (Diff.jacobian (DiagonalLinear.predict draw.Inputs) draw.Start))

        let traceRatio batch e = critical batch e / SgdStability.traceBound batch e

        let unequal = [
            for batch in [ 1; 2; 4 ] do
                for e in random -> traceRatio batch e
        ]

        let equal = equalNorms |> Array.map (traceRatio 1)
        let spread = equal |> Array.map (fun r -> abs (r - 1.0)) |> Array.max

        record.Claim(
            "trace-bound",
            Status.Theorem,
            "If SGD with batch size B is stable at a minimum, then tr H ≤ 2B/η; the bound is attained when all gradients have one norm.",
            "η* ≤ 2B/tr H, equality for B = 1 and constant ‖gᵢ‖ (Wu & Su 2023)",
            Relation.Absolute,
            1.0,
            1e-9,
            max (List.max unequal) (Array.max equal),
            $"Largest η* tr H/(2B) over {count} random ensembles with B = 1, 2, 4 (largest {List.max unequal:F6}, mean {List.average unequal:F3}) and 5 diagonal networks of equal gradient norms (all within {spread:G2} of 1). Above 1 would break the bound, below 1 would mean that it is not attained."
        )

        let twoPoint = SgdStability.ensemble (Tensor.create [ 2; 1 ] [| sqrt 2.0; 0.0 |])
        let frobeniusRatio batch e = critical batch e / SgdStability.frobeniusBound batch e

        let ratios = [
            for batch in [ 1; 2; 4 ] do
                for e in random -> frobeniusRatio batch e
        ]

        let attained = frobeniusRatio 1 twoPoint

        record.Claim(
            "frobenius-bound",
            Status.Theorem,
            "If SGD with batch size B is stable and its noise is aligned with the Hessian, then ‖H‖_F ≤ √(B/μ)/η; the bound is attained.",
            "‖H‖_F ≤ (1/η) √(B/μ), μ = min_δ tr(Σ(δ)H)/(2L(δ)‖H‖_F²) (Wu & Su 2023)",
            Relation.Absolute,
            1.0,
            1e-9,
            max (List.max ratios) attained,
            $"Largest η* ‖H‖_F √(μ/B), with μ computed as an eigenvalue: {count} random ensembles with B = 1, 2, 4 (largest {List.max ratios:F6}) and the ensemble g² ∈ {{0, 2}} that attains it ({attained:F12})."
        )

    // ---- 3. Sharpness is a norm of the parameters ----

    let norms (record: Recorder) (digits: Digits) key =
        let pixels = Digits.inputs (Digits.centre digits)
        let x = pixels[0..39]
        let relu = TwoLayerRelu.init (Random.fold 0 key) 1.5 6 64

        let diagonal = {
            Inner = Random.normal (Random.fold 1 key) [ 64 ]
            Outer = Random.normal (Random.fold 2 key) [ 64 ]
        }

        /// |tr ∇²L − formula| / formula where the targets are the model's own outputs.
        let deviation (loss: Tensor -> 'P -> Tensor) (target: Tensor) (w: 'P) (formula: Tensor) =
            let flat, unravel = Tree.ravel w
            let exact = Tensor.trace (Diff.hessian (unravel >> loss target) flat)
            abs ((exact / formula).item() - 1.0)

        let reluDeviation =
            deviation (TwoLayerRelu.loss x) (TwoLayerRelu.predict x relu) relu (TwoLayerRelu.hessianTrace x relu)

        let diagonalDeviation =
            deviation
                (DiagonalLinear.loss x)
                (DiagonalLinear.predict x diagonal)
                diagonal
                (DiagonalLinear.hessianTrace x diagonal)

        record.Claim(
            "trace-formulas",
            Status.Theorem,
            "At an interpolating minimum the trace of the Hessian of a two-layer ReLU network and of a diagonal network is an explicit sum over data and parameters.",
            "tr H = (1/n) Σᵢⱼ [σ(w_jᵀxᵢ)² + a_j² 1{w_jᵀxᵢ > 0}‖xᵢ‖²]; tr H = Σ_j (1/n) Σᵢ x_ij² (a_j² + b_j²)",
            Relation.Absolute,
            0.0,
            1e-12,
            max reluDeviation diagonalDeviation,
            $"Relative distance to the trace of the full Hessian (forward over reverse mode) on 40 digits: ReLU {reluDeviation:G2}, diagonal {diagonalDeviation:G2}. Rounding only."
        )

        // Whitened digits and their mirror images: isotropic and symmetric, exactly.
        let whitened = (Digits.inputs (Digits.whiten digits))[*, 0..15]
        let mirrored = Tensor.concat 0 [ whitened; -whitened ]
        let n, d = float mirrored.Shape[0], 16.0
        let networks = Random.split 10 (Random.fold 3 key) |> Array.map (fun k -> TwoLayerRelu.init k 1.0 5 16)

        let balance (w: TwoLayerWeights) = {
            w with
                Readout = Tensor.sqrt (Tensor.sumAxis 1 (w.Hidden * w.Hidden)) / sqrt d
        }

        let trace (w: TwoLayerWeights) =
            let j = Diff.jacobian (TwoLayerRelu.predict mirrored) w
            (Tensor.sum (j * j)).item() / n

        let isotropic =
            networks
            |> Array.map (fun w -> abs (trace w / (TwoLayerRelu.isotropicTrace w).item() - 1.0))
            |> Array.max

        record.Claim(
            "isotropic-trace",
            Status.Theorem,
            "On isotropic symmetric inputs the trace of the Hessian of a two-layer ReLU network is a norm of its weights.",
            "tr H = ½ Σ_j (‖w_j‖² + d a_j²) (Wu & Su 2023)",
            Relation.Absolute,
            0.0,
            1e-10,
            isotropic,
            "Largest relative distance over 10 random networks on 2 × 1797 inputs: 16 whitened components of the digits and their mirror images; the trace is the mean squared norm of the per-sample gradients. Rounding of the whitening."
        )

        let pathRatio w = sqrt d * (TwoLayerRelu.pathNorm w).item() / trace w
        let random, balanced = Array.map pathRatio networks, Array.map (balance >> pathRatio) networks
        let l1Ratio w = (DiagonalLinear.weightedL1 pixels w / DiagonalLinear.hessianTrace pixels w).item()
        let even = { diagonal with Outer = -diagonal.Inner }

        record.Claim(
            "norm-equivalence",
            Status.Theorem,
            "Flat minima have small norms: the trace bounds the path norm of a ReLU network and the ℓ₁ norm of a diagonal one, with equality at balanced parameters.",
            "√d Σ_j |a_j|‖w_j‖ ≤ tr H; 2 Σ_j s_j |β_j| ≤ tr H (Wu & Su 2023)",
            Relation.Absolute,
            1.0,
            1e-10,
            Array.max (Array.concat [ random; balanced; [| l1Ratio diagonal; l1Ratio even |] ]),
            $"Largest norm/trace. ReLU on the inputs above: {Array.max random:F4} at random weights, {Array.min balanced:F12} at least where ‖w_j‖ = √d |a_j|; diagonal network on raw digits: {l1Ratio diagonal:F4} at random, {l1Ratio even:F12} where |a_j| = |b_j|."
        )
