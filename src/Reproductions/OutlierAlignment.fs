namespace Hesse.Reproductions

open Hesse
open Hesse.Theory
open Hesse.Reproductions.OutlierAlignmentBlocks

/// The weights of each class move into the outlier eigenspace of its own block of the Hessian.
module OutlierAlignment =
    [<Literal>]
    let private Paper = "sgd-outlier-alignment"

    // Step and the bound 1 − 3/λ were fixed before the first run; that run began at weights of norm 1 without a ridge, where
    // the bound fails because nothing removes the random part. It is kept as a control.
    let private small = { Scale = 0.01; Ridge = 0.0 }
    let private unit = { Scale = 1.0; Ridge = 0.0 }
    let private ridged = { Scale = 1.0; Ridge = 0.2 }

    let private sizes quick =
        if quick then
            {
                Dimension = 120
                Held = 2400
                Ratios = [| 10.0; 20.0; 40.0 |]
                Draws = 2
                Times = [| 0.0; 0.25; 1.0; 5.0 |]
            }
        else
            {
                Dimension = 300
                Held = 6000
                Ratios = [| 10.0; 20.0; 40.0 |]
                Draws = 2
                Times = [| 0.0; 0.25; 1.0; 5.0; 15.0 |]
            }

    let private margin ratio = 3.0 / ratio

    let private closedForm (record: Recorder) (key: Key) =
        let d, m = 12, 60
        let means = GaussianMixture.orthonormalMeans (Random.fold 0 key) Classes d
        let data = GaussianMixture.sample (Random.fold 1 key) means 4.0 m
        let w = Random.normal (Random.fold 2 key) [ Classes; d ]
        let y = Tensor.oneHot Classes data.Components
        let p = Tensor.softmax 1 (outputs (rowsOf w) data.Inputs)
        let risk = EmpiricalRisk.create outputs Losses.crossEntropy data.Inputs y
        let layout = ParameterLayout.ofTree (rowsOf w)

        let deviation (operator: LinearOperator) (weights: int -> Tensor) =
            [ 0 .. Classes - 1 ]
            |> List.map (fun a ->
                let found = LinearOperator.toDense d (SubOperator.block layout $"[{a}]" $"[{a}]" operator)
                let exact = (weighted (weights a) data.Inputs).toArray()
                let size = exact |> Array.map abs |> Array.max
                (Array.map2 (fun x y -> abs (x - y)) found exact |> Array.max) / size)
            |> List.max

        let hessian = deviation (Curvature.hessian risk (rowsOf w)) (hessianWeights p)
        let gradient = deviation (GradientCovariance.uncentred risk (rowsOf w)) (gradientWeights p y)

        record.Claim(
            "blocks-are-weighted-covariances",
            Status.Theorem,
            "The block of a class in the Hessian of logistic regression, and in its matrix of gradients, is a weighted second moment of the inputs.",
            "H_aa = (1/m) Σ p_a(1 − p_a) xxᵀ, G_aa = (1/m) Σ (p_a − y_a)² xxᵀ (Ben Arous et al. 2023, section 3)",
            Relation.Absolute,
            0.0,
            1e-12,
            max hessian gradient,
            $"Largest difference relative to the largest entry, blocks cut by path from the operators of the whole loss: Hessian {hessian:G2}, matrix of gradients {gradient:G2}; {m} points in {d} dimensions, {Classes} classes. Rounding only."
        )

    let private meanOf (value: Snapshot -> float) (all: Snapshot list) = all |> List.averageBy value
    let private least (blocks: Block[]) = blocks |> Array.map _.Overlap |> Array.min
    let private at time ratio (all: Snapshot list) = all |> List.filter (fun s -> s.Time = time && s.Ratio = ratio)

    let private start (record: Recorder) (s: Sizes) (all: Snapshot list) =
        let shares = [
            for snapshot in all do
                if snapshot.Time = 0.0 then
                    for b in snapshot.Hessian -> b.Overlap * b.Overlap * float s.Dimension / float Classes
        ]

        let error = sqrt (2.0 / float Classes / float shares.Length)

        record.Claim(
            "start-is-not-aligned",
            Status.Prediction,
            "Random weights are not aligned with the outliers: their share in that space is what chance gives.",
            "E‖P x^a‖²/‖x^a‖² = k/d at the start",
            Relation.Absolute,
            0.0,
            4.0,
            (List.average shares - 1.0) / error,
            $"Deviation of the mean share from k/d in standard errors, {shares.Length} blocks; mean share over k/d {List.average shares:F2}. The outlier space depends on the data and hardly on the random weights."
        )

    let private alignment (record: Recorder) (s: Sizes) (all: Snapshot list) =
        let shown (blocks: Snapshot -> Block[]) =
            [
                for ratio in s.Ratios do
                    let overlaps =
                        s.Times
                        |> Array.map (fun t -> (meanOf (blocks >> least) (at t ratio all)).ToString "F2")
                        |> String.concat " "

                    $"λ = {ratio:F0}: {overlaps}"
            ]
            |> String.concat "; "

        let times = s.Times |> Array.map string |> String.concat " "

        let slack =
            s.Ratios
            |> Array.map (fun ratio -> meanOf (fun x -> least x.Hessian) (at 1.0 ratio all) - (1.0 - margin ratio))

        record.Claim(
            "hessian-alignment",
            Status.Prediction,
            "After d steps of SGD the weights of each class lie in the outlier space of its block of the Hessian.",
            "‖P x^a‖/‖x^a‖ ≥ 1 − O(ε + 1/λ) after O(d) steps (Ben Arous et al. 2023, theorem 3.3)",
            Relation.AtLeast,
            0.0,
            0.0,
            Array.min slack,
            $"Least of ‖P x^a‖/‖x^a‖ − (1 − 3/λ) over λ after d steps, overlaps of the worst class averaged over {s.Draws} draws; d = {s.Dimension}, step 2/d, {s.Held} points for the block, weights of norm 0.01 at the start. Overlaps at {times} × d steps: {shown _.Hessian}. The constant 3 was fixed beforehand."
        )

        let strongest = Array.last s.Ratios

        record.Claim(
            "gradient-alignment",
            Status.Prediction,
            "The same holds for the matrix of gradients at a large signal-to-noise ratio.",
            "‖P x^a‖/‖x^a‖ ≥ 1 − O(ε + 1/λ), P from G_aa (Ben Arous et al. 2023, theorem 3.3)",
            Relation.AtLeast,
            1.0 - margin strongest,
            0.0,
            meanOf (fun x -> least x.Gradient) (at 1.0 strongest all),
            $"Overlap of the worst class after d steps at λ = {strongest:F0}, mean over {s.Draws} draws. Overlaps at {times} × d steps: {shown _.Gradient}. At a small λ and late the overlap falls again: the weights (p_a − y_a)² of the points that are fitted vanish, and a finite sample leaves few others."
        )

        let late = s.Ratios |> Array.map (fun ratio -> meanOf (fun x -> least x.Hessian) (at 5.0 ratio all))

        record.Claim(
            "alignment-grows-with-signal",
            Status.Prediction,
            "The alignment grows with the signal-to-noise ratio.",
            "1 − ‖P x^a‖/‖x^a‖ = O(ε + 1/λ) (Ben Arous et al. 2023, theorem 3.3)",
            Relation.AtLeast,
            1.0,
            0.0,
            Fit.kendall s.Ratios late,
            $"""Kendall's τ between λ and the overlap of the worst class with the block of the Hessian after 5d steps, means over {s.Draws} draws: {late |> Array.map (fun x -> x.ToString "F3") |> String.concat ", "}."""
        )

    let private forgetting (record: Recorder) (s: Sizes) (free: Snapshot list) (held: Snapshot list) =
        let ratio, time = Array.last s.Ratios, 5.0
        let random = exp (-2.0 * ridged.Ridge * time)
        let overlap all = meanOf (fun x -> least x.Hessian) (at time ratio all)

        record.Claim(
            "ridge-forgets-the-start",
            Status.Prediction,
            "From weights of norm 1, SGD with a ridge aligns once the ridge has removed the random part of the start.",
            "‖P x^a‖/‖x^a‖ ≥ 1 − O(ε + 1/λ), ε = exp(−βδℓ) (Ben Arous et al. 2023, theorem 3.3, loss with (β/2)‖x‖²)",
            Relation.AtLeast,
            1.0 - margin ratio - random,
            0.0,
            overlap held,
            $"Overlap of the worst class with the block of the Hessian after {time}d steps at λ = {ratio:F0}, β = {ridged.Ridge}, mean over {s.Draws} draws; the bound 1 − 3/λ − exp(−2β·{time:F0}) was fixed before the measurement. Control without the ridge: {overlap free:F3} after {time}d steps and {meanOf (fun x -> least x.Hessian) (at 1.0 ratio free):F3} after d: the random part stays."
        )

    let private outliers (record: Recorder) (all: Snapshot list) =
        let blocks = [
            for snapshot in all do
                yield! snapshot.Hessian
                yield! snapshot.Gradient
        ]

        let excess = blocks |> List.map (fun b -> b.Values[Classes] / b.NoiseEdge)

        record.Claim(
            "no-more-outliers-than-classes",
            Status.Theorem,
            "At most k eigenvalues of a block lie above the bulk of the noise.",
            "λ_{k+1}((1/m) Σ s xxᵀ) ≤ λ₁((1/m) Σ s zzᵀ), x = μ + z, s ≥ 0: test vectors orthogonal to the means (Courant, Fischer)",
            Relation.AtMost,
            1.0,
            1e-9,
            List.max excess,
            $"Largest λ_(k+1) over the edge of the noise, {blocks.Length} blocks of the Hessian and of the matrix of gradients at all times and λ."
        )

        let settled = all |> List.filter (fun x -> x.Time = 1.0)
        let found = settled |> List.collect (fun x -> [ for b in x.Hessian -> b.AboveEdge ])

        let gaps =
            settled |> List.collect (fun x -> [ for b in x.Hessian -> b.Values[Classes - 1] / b.NoiseEdge ])

        let ofGradient = settled |> List.collect (fun x -> [ for b in x.Gradient -> b.AboveEdge ])
        let share counts = counts |> List.averageBy (fun c -> if c = Classes then 1.0 else 0.0)

        record.Claim(
            "outliers-separate",
            Status.Prediction,
            "After d steps each block of the Hessian has one outlier for each class.",
            "λ_k(H_aa) > edge of the bulk (Ben Arous et al. 2023, theorem 3.1)",
            Relation.Absolute,
            1.0,
            0.0,
            share found,
            $"Share of {found.Length} blocks with exactly {Classes} eigenvalues above the largest of the noise alone; least λ_k over that edge {List.min gaps:F2}. Of the blocks of the matrix of gradients: {share ofGradient:F2}."
        )

    let private draw (ctx: Context) (s: Sizes) (all: Snapshot list) =
        ctx.Draw {
            Title = "SGD aligns with the outliers of the Hessian"
            Caption =
                $"Overlap of the weights of a class with the {Classes} leading eigenvectors of its block (worst class, mean of {s.Draws} draws); d = {s.Dimension}. Dashed: matrix of gradients."
            XLabel = "steps / d"
            YLabel = "‖P x‖ / ‖x‖"
            LogX = false
            LogY = false
            Series = [
                for ratio in s.Ratios do
                    for name, mark, blocks in
                        [
                            "Hessian", Mark.Lines, (fun (x: Snapshot) -> x.Hessian)
                            "gradients", Mark.DashedLines, (fun x -> x.Gradient)
                        ] do
                        {
                            Name = $"{name}, λ = {ratio:F0}"
                            Mark = mark
                            X = s.Times
                            Y = s.Times |> Array.map (fun t -> meanOf (blocks >> least) (at t ratio all))
                        }
            ]
        }

        let strongest = Array.last s.Ratios
        let start, settled = (at 0.0 strongest all).Head, (at 1.0 strongest all).Head

        ctx.Draw {
            Title = "Outliers of a block of the Hessian"
            Caption =
                $"The twenty largest eigenvalues of the block of the first class at λ = {strongest:F0}, before training and after d steps, and the edge of the noise after d steps."
            XLabel = "rank"
            YLabel = "eigenvalue"
            LogX = false
            LogY = true
            Series = [
                for name, x in [ "start", start; "d steps", settled ] do
                    {
                        Name = name
                        Mark = Mark.Markers
                        X = Array.init 20 (fun i -> float (i + 1))
                        Y = Array.truncate 20 x.Hessian[0].Values
                    }
                {
                    Name = "edge of the noise"
                    Mark = Mark.DashedLines
                    X = [| 1.0; 20.0 |]
                    Y = Array.create 2 settled.Hessian[0].NoiseEdge
                }
            ]
        }

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 2 (Random.key ctx.Seed)
        ctx.Progress 0.0 "blocks in closed form"
        closedForm record keys[0]
        let s = sizes ctx.Quick

        let runs training part ratios = [
            for i in 0 .. Array.length ratios - 1 do
                for j in 0 .. s.Draws - 1 do
                    ctx.Progress (0.3 * float part) $"SGD at λ = {ratios[i]}"
                    let key = keys[1] |> Random.fold part |> Random.fold (i * s.Draws + j)
                    yield! OutlierAlignmentBlocks.run ctx s training ratios[i] j key
        ]

        let all = runs small 0 s.Ratios
        let strongest = [| Array.last s.Ratios |]
        let free, held = runs unit 1 strongest, runs ridged 2 strongest
        start record s all
        alignment record s all
        forgetting record s free held
        outliers record (all @ free @ held)
        draw ctx s all
        ctx.Progress 1.0 "done"

    /// The reproduction, for the catalogue.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "SGD aligns with the outliers of the Hessian"
        Citation =
            "G. Ben Arous, R. Gheissari, J. Huang, A. Jagannath, High-dimensional SGD aligns with emerging outlier eigenspaces, ICLR 2024, arXiv:2310.03010"
        Summary =
            "In classification of a Gaussian mixture in high dimension, a number of SGD steps proportional to the dimension brings the weights of each class into the span of the outlier eigenvectors of its own block of the Hessian and of the matrix of gradients. "
            + "Run here with multinomial logistic regression on three classes and fresh samples; the two-layer XOR part of the paper is not."
        Claims = [
            "blocks-are-weighted-covariances"
            "start-is-not-aligned"
            "hessian-alignment"
            "gradient-alignment"
            "alignment-grows-with-signal"
            "ridge-forgets-the-start"
            "no-more-outliers-than-classes"
            "outliers-separate"
        ]
        Run = run
    }
