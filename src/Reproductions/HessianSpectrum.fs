namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Kernels
open Hesse.Theory
open Hesse.Reproductions.HessianSpectrumDense

/// The Hessian of a trained network: a bulk at zero and one outlier for each class but one.
module HessianSpectrum =
    // ---- 5. Rank of the Gauss–Newton matrix ----

    let private rank (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        ctx.Progress 0.6 "rank of the Gauss–Newton matrix"
        let n, k = 10, 10
        let p = digits |> Digits.take [ 0 .. k - 1 ] (n / k) |> problem key 32 k
        let theta = train ctx TrainedLoss p
        let gaussNewton = LinearOperator.gaussNewton p.Outputs p.CrossEntropy theta
        let values = Spectrum.eigenvalues p.Size (LinearOperator.toDense Batch gaussNewton)
        let bound = n * (k - 1)

        record.Claim(
            "gauss-newton-rank",
            Status.Theorem,
            "The Gauss–Newton matrix of cross-entropy has rank n(k − 1) when there are more parameters than that.",
            "rank G ≤ n(k − 1), with equality for generic weights (Sagun et al. 2017, section 3)",
            Relation.Absolute,
            float bound,
            0.0,
            float (Spectrum.rank 1e-11 values),
            $"Eigenvalues above 1e-11 λ₁ for n = {n} images of k = {k} classes, M = {p.Size}: λ_{bound}/λ₁ = {values[bound - 1] / values[0]:G2}, λ_{bound + 1}/λ₁ = {abs values[bound] / values[0]:G2}."
        )

    // ---- 6. Control: squared error at interpolation ----

    let private control (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        ctx.Progress 0.65 "squared error at interpolation"
        // With more than hidden + 1 = 17 images J loses rank where the outputs sum to one for all inputs (weights of the
        // last layer that sum to zero): one-hot targets pull some runs exactly there.
        let p = digits |> Digits.take [ 0..3 ] 4 |> problem key 16 4
        let found = Interpolation.find ctx.Cancellation p.Outputs p.Targets p.Start
        let theta, residual = found.Parameters, found.Residual
        let loss t = Losses.meanSquaredError (p.Outputs t) p.Targets
        let values = Spectrum.eigenvalues p.Size ((Diff.hessian loss theta).toArray())
        let rows = p.Targets.Size

        record.Claim(
            "interpolation-zeros",
            Status.Theorem,
            "At interpolation with squared error the Hessian has one zero eigenvalue for each parameter beyond the number of equations.",
            "λ_i = eig (1/n) JᵀJ, so exactly M − rank J = M − nk zeros (Sagun et al. 2016, section 2)",
            Relation.Absolute,
            float (p.Size - rows),
            0.0,
            float (p.Size - Spectrum.rank 1e-9 values),
            $"Eigenvalues below 1e-9 λ₁ for n = 16 images, k = 4 linear outputs, M = {p.Size}, residual norm {residual:G2}: λ_{rows}/λ₁ = {values[rows - 1] / values[0]:G2}; the largest of the rest is {(Array.sub values rows (p.Size - rows) |> Array.map abs |> Array.max) / values[0]:G2}."
        )

    // ---- 7. Small and large batches ----

    /// Gradient descent on random batches of 20 images, until the loss of all images is at most the target.
    let private trainSmallBatch (ctx: Context) (target: float) (key: Key) (p: Problem) : Tensor =
        let size, stride = 20, 20
        let n, d, k = p.Inputs.Shape[0], p.Inputs.Shape[1], p.Targets.Shape[1]
        let inputs, targets = p.Inputs.toArray (), p.Targets.toArray ()
        let loss = Diff.compile p.Loss

        let step =
            Diff.compile (fun (theta: Tensor, x: Tensor, t: Tensor) ->
                let batchLoss v = Losses.crossEntropy (Mlp.apply Tensor.tanh (p.Unravel v) x) t
                theta - 0.2 * Diff.grad batchLoss theta)

        let gather (source: float[]) width (rows: int[]) =
            Tensor.create [ rows.Length; width ] (rows |> Array.collect (fun i -> Array.sub source (i * width) width))

        let rec go (theta: Tensor) key n' =
            ctx.Cancellation.ThrowIfCancellationRequested()
            let value = (loss theta).item()

            if value <= target then
                theta
            elif n' > 50000 then
                raise (
                    HesseException
                        $"{Paper}: small-batch training stopped at loss {value} after {n'} steps, wanted {target}; try another seed"
                )
            else
                let keys = Random.split 2 key
                let rows = (Random.integers keys[1] n [ stride * size ]).toArray() |> Array.map int

                let next =
                    Array.chunkBySize size rows
                    |> Array.fold (fun theta batch -> step (theta, gather inputs d batch, gather targets k batch)) theta

                go next keys[0] (n' + stride)

        go p.Start key 0

    let private batches (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        ctx.Progress 0.7 "path between small-batch and large-batch solutions"
        let keys = Random.split 3 key
        let p = tenOutputs digits keys[0] 10
        let target = 0.1
        let large = train ctx target p
        let small = trainSmallBatch ctx target keys[1] p
        let other = train ctx target (tenOutputs digits keys[2] 10)
        let loss = Diff.compile p.Loss
        let initial = (loss p.Start).item()
        let positions = Array.init 21 (fun i -> float i / 20.0)
        let path (a: Tensor) (b: Tensor) = positions |> Array.map (fun s -> (loss ((1.0 - s) * a + s * b)).item())
        let barrier (values: float[]) = (Array.max values - max values[0] values[20]) / initial
        let joined, separate = path large small, path large other
        let step = ((large - small).toArray() |> Array.sumBy (fun x -> x * x) |> sqrt)

        record.Claim(
            "batch-sizes-share-a-basin",
            Status.Observation,
            "Solutions found with small and with large batches are joined by a straight path without a barrier.",
            "max_s L((1 − s)θ_large + s θ_small) − max(L(θ_large), L(θ_small)) ≪ L(θ₀) (Sagun et al. 2017, section 5)",
            Relation.AtMost,
            0.0,
            0.02,
            barrier joined,
            $"Barrier in units of the initial loss {initial:F2}, 21 points, all 400 images against batches of 20 from the same start, both to loss {target}; the ends are {step:F2} apart. Control: from two different starts the barrier is {barrier separate:F3}."
        )

    // ---- 8. Lanczos and stochastic quadrature against the dense spectrum ----

    let private ritzError (operator: LinearOperator) (exact: float[]) (key: Key) =
        let start = (Random.normal key [ operator.Size ]).toArray()
        let ritz = Lanczos.largest (Lanczos.factorise operator start 100) 9
        let error = Array.map2 (fun a b -> abs (a - b)) ritz.Values (Array.truncate 9 exact) |> Array.max
        error / exact[0], Array.max ritz.Residuals

    /// What a probe's estimate of the p-th moment must scatter by: √(2 Var(λᵖ) / ((M + 2) probes)).
    let private momentError (exact: float[]) p probes =
        let powers = exact |> Array.map (fun x -> pown x p)
        let mean = Array.average powers
        let variance = powers |> Array.averageBy (fun x -> (x - mean) * (x - mean))
        mean, sqrt (2.0 * variance / (float (exact.Length + 2) * float probes))

    type private Comparison = {
        Ritz: float
        Residual: float
        Distance: float
        Moments: float
        Density: SpectralDensity
    }

    let private compare (operator: LinearOperator) (exact: float[]) (key: Key) probes =
        let keys = Random.split 2 key
        let ritz, residual = ritzError operator exact keys[0]
        let density = SpectralDensity.estimate operator keys[1] probes 60

        let z p =
            let mean, error = momentError exact p probes
            abs ((SpectralDensity.moment p density).Mean - mean) / error

        {
            Ritz = ritz
            Residual = residual
            Distance = SpectralDensity.distance exact density / SpectralDensity.samplingError exact probes
            Moments = List.max [ z 1; z 2; z 3 ]
            Density = density
        }

    let private recordComparison (ctx: Context) (record: Recorder) (exact: float[]) probes (cases: Comparison list) =
        let sizes = String.Join(" and ", cases |> List.map (fun c -> $"M = {c.Density.Size}"))
        let worst f = cases |> List.map f |> List.max

        record.Claim(
            "lanczos-finds-outliers",
            Status.Theorem,
            "Lanczos iteration on Hessian-vector products finds the outliers of the dense spectrum.",
            "|θᵢ − λᵢ| ≤ ‖A yᵢ − θᵢ yᵢ‖ (Parlett 1998, theorem 4.5.1)",
            Relation.AtMost,
            0.0,
            1e-10,
            worst _.Ritz,
            $"Largest error of the nine largest Ritz values after 100 steps relative to λ₁, {sizes}; largest residual norm {worst _.Residual:G2}. The tolerance is rounding of a dense eigensolver (M ε ≈ 1e-13) with room for other linear algebra libraries."
        )

        let trivial = (exact |> Array.averageBy abs) / SpectralDensity.samplingError exact probes

        record.Claim(
            "quadrature-matches-spectrum",
            Status.Theorem,
            "The density from stochastic Lanczos quadrature is the dense spectrum within its sampling error.",
            "W₁ = ∫|F_SLQ − F|dλ, E W₁ ≤ ∫ √(2F(1 − F)/((M + 2)s)) dλ (Ubaru, Chen, Saad 2017; Ghorbani, Krishnan, Xiao 2019)",
            Relation.AtMost,
            1.0,
            2.0,
            worst _.Distance,
            $"Wasserstein-1 distance over the integral of the exact standard deviation of F, {probes} probes of 60 steps, {sizes}. The bound 3 is three standard deviations at every λ at once (reached by 5 of 20,000 simulated draws); a density concentrated at zero is at {trivial:F1}."
        )

        record.Claim(
            "quadrature-moments",
            Status.Theorem,
            "The first three spectral moments of the quadrature are exact within their standard error.",
            "E Σ w θᵖ = tr Hᵖ/M, variance 2 Var(λᵖ)/((M + 2)s) for Gaussian probes",
            Relation.AtMost,
            0.0,
            5.0,
            worst _.Moments,
            $"Largest deviation of the moments 1, 2 and 3 from the dense spectrum in exact standard errors, {probes} probes, {sizes}; five standard errors were not reached in 20,000 simulated draws of 32 probes."
        )

        let grid = Array.init 120 (fun i -> exact[0] * 1.05 * Math.Pow(10.0, -3.0 + 3.0 * float i / 119.0))
        let m = float exact.Length

        ctx.Draw {
            Title = "Stochastic Lanczos quadrature against the dense spectrum"
            Caption =
                $"Number of eigenvalues above λ for the ten-class network (M = {exact.Length}); {probes} probes of 60 Lanczos steps."
            XLabel = "λ"
            YLabel = "eigenvalues above λ"
            LogX = true
            LogY = true
            Series = [
                {
                    Name = "dense"
                    Mark = Mark.Lines
                    X = grid
                    Y =
                        grid
                        |> Array.map (fun x ->
                            max 0.5 (exact |> Array.filter (fun v -> v > x) |> Array.length |> float))
                }
                {
                    Name = "quadrature"
                    Mark = Mark.DashedLines
                    X = grid
                    Y = grid |> Array.map (fun x -> max 0.5 (m * (1.0 - SpectralDensity.cdf cases.Head.Density x)))
                }
            ]
        }

    // ---- 9. A larger network on all digits ----

    /// tr H of a network with one hidden tanh layer under cross-entropy, written out by hand: the check of the estimators.
    let private closedFormTrace (p: Problem) (theta: Tensor) =
        let layers = p.Unravel theta
        let v = layers[1].Weight
        let h = Tensor.tanh (Tensor.matmul p.Inputs layers[0].Weight + layers[0].Bias)
        let prob = Tensor.softmax 1 (Tensor.matmul h v + layers[1].Bias)
        let slope = 1.0 - h * h
        let inputNorm = Tensor.sumAxis 1 (p.Inputs * p.Inputs) + 1.0
        let hiddenNorm = Tensor.sumAxis 1 (h * h) + 1.0
        let mixed = Tensor.matmul prob (Tensor.transpose v)
        // Output layer: (‖h‖² + 1)(1 − Σp²). Hidden layer: (‖x‖² + 1) Σⱼ φ'ⱼ² Var_p(Vⱼ).
        let outer = hiddenNorm * (1.0 - Tensor.sumAxis 1 (prob * prob))
        let spread = Tensor.matmul prob (Tensor.transpose (v * v)) - mixed * mixed
        let inner = inputNorm * Tensor.sumAxis 1 (slope * slope * spread)
        // Functional part: (‖x‖² + 1) Σⱼ φ''ⱼ Σ_c (p − t)_c V_jc with φ'' = −2 φ φ'.
        let functional =
            inputNorm
            * Tensor.sumAxis 1 (-2.0 * h * slope * Tensor.matmul (prob - p.Targets) (Tensor.transpose v))

        (Tensor.mean (outer + inner + functional)).item(), (Tensor.mean functional).item()

    let private larger (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        ctx.Progress 0.85 "64-32-10 network on all digits"
        let keys = Random.split 4 key

        let networks =
            Random.split 3 keys[0]
            |> Array.map (fun start ->
                let p = problem start 32 10 all
                let theta = train ctx TrainedLoss p
                let operator = LinearOperator.hessian p.Loss theta
                let v = (Random.normal keys[1] [ p.Size ]).toArray()
                p, theta, operator, Lanczos.largest (Lanczos.factorise operator v 120) (Window + 1))

        let p, theta, operator, ritz = networks[0]

        let counts =
            networks |> Array.map (fun (_, _, _, r) -> fst (Spectrum.outliers Window r.Values)) |> Array.sort

        let residual = networks |> Array.map (fun (_, _, _, r) -> Array.max r.Residuals) |> Array.max

        record.Claim(
            "larger-network-outliers",
            Status.Prediction,
            "A larger network on all digits and all pixels has one outlier for each class but one.",
            "#outliers = k − 1 = 9",
            Relation.Absolute,
            9.0,
            0.0,
            float counts[1],
            $"""Median of three 64-32-10 tanh networks ({String.Join(", ", counts)}), {all.Count} images, M = {p.Size}, from 120 Lanczos steps; largest residual norm of the {Window + 1} Ritz pairs {residual:G2}. λ₉/λ₁₀ of the first network: {ritz.Values[8] / ritz.Values[9]:F2}. Of ten-class networks about one in twenty was counted one or two short in a separate study: the widest ratio then lies within the outliers."""
        )

        let probes = if ctx.Quick then 128 else 512
        let exact, functional = closedFormTrace p theta
        let estimate = Trace.hutchinson operator keys[2] probes

        record.Claim(
            "larger-network-trace",
            Status.Theorem,
            "Hutchinson's estimate of the trace is the closed form within its standard error.",
            "tr H = tr G + tr R, both written out for one hidden layer; Var = 2 Σ_{i≠j}H_ij²/s (Hutchinson 1990)",
            Relation.Absolute,
            0.0,
            4.0,
            (estimate.Mean - exact) / estimate.StandardError,
            $"Deviation in standard errors, {probes} sign probes: {estimate.Mean:F3} ± {estimate.StandardError:F3} against {exact:F3}, of which {functional:F3} is tr R; leaving tr R out would be {functional / estimate.StandardError:F0} standard errors off."
        )

        if ctx.Quick then
            None
        else
            ctx.Progress 0.9 "dense spectrum of the 64-32-10 network"
            Some(compare operator (Spectrum.eigenvalues p.Size (hessianOf p theta)) keys[3] 32)

    let private run (ctx: Context) =
        let all = Digits.load ctx.DataDirectory
        let digits = Digits.pool all
        let record = Recorder(ctx, Paper)
        let keys = Random.split 12 (Random.key ctx.Seed)
        classes ctx record digits keys[0]
        widths ctx record digits keys[1]
        separations ctx record digits keys[8]
        let ten = digits |> Digits.take [ 0..9 ] PerClass
        let p = problem keys[2] 32 10 ten
        let theta = train ctx TrainedLoss p
        let exact = split ctx record ten p theta
        rank ctx record digits keys[3]
        control ctx record digits keys[4]
        batches ctx record digits keys[5]
        HessianSpectrumWide.grid ctx record digits keys[9]
        let bulk = HessianSpectrumWide.classParts ctx record p theta keys[10]
        HessianSpectrumWide.nullLaw ctx record p bulk keys[11]
        let large = larger ctx record all keys[6]
        ctx.Progress 0.95 "stochastic Lanczos quadrature"
        let probes = 32
        let small = compare (LinearOperator.hessian p.Loss theta) exact keys[7] probes
        recordComparison ctx record exact probes (small :: Option.toList large)
        ctx.Progress 1.0 "done"

    /// The reproduction, for the catalogue.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Bulk and outliers of the Hessian"
        Citation =
            "L. Sagun, L. Bottou, Y. LeCun, Eigenvalues of the Hessian in Deep Learning: Singularity and Beyond, 2016, arXiv:1611.07476; "
            + "L. Sagun, U. Evci, V. U. Güney, Y. Dauphin, L. Bottou, Empirical Analysis of the Hessian of Over-Parametrized Neural Networks, 2017, arXiv:1706.04454"
        Summary =
            "The Hessian of a trained network is a bulk at zero, which grows with the number of parameters, and a few outliers, which the data sets: one for each class but one. "
            + "The outliers belong to the Gauss–Newton part, the covariance of the gradients of the outputs. "
            + "Run here on handwritten digits with dense spectra, and with Lanczos iteration and stochastic quadrature, which must agree with them."
        Claims = [
            "outliers-track-classes"
            "outliers-are-classes-minus-one"
            "outlier-count-ignores-width"
            "outlier-size-ignores-width"
            "bulk-grows-with-width"
            "separation-moves-outliers"
            "separation-leaves-bulk"
            "separation-keeps-count"
            "hessian-splits-exactly"
            "functional-part-fades"
            "negative-eigenvalues-fade"
            "outliers-belong-to-gauss-newton"
            "class-means-span-outliers"
            "gauss-newton-rank"
            "interpolation-zeros"
            "batch-sizes-share-a-basin"
            "outliers-ignore-overparametrisation"
            "gauss-newton-splits-by-class"
            "class-structure-rank"
            "class-structure-makes-outliers"
            "within-class-scatter-makes-bulk"
            "bulk-is-not-marchenko-pastur"
            "larger-network-outliers"
            "larger-network-trace"
            "lanczos-finds-outliers"
            "quadrature-matches-spectrum"
            "quadrature-moments"
        ]
        Run = run
    }
