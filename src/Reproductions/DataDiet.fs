namespace Hesse.Reproductions

open Hesse
open Hesse.Theory
open Hesse.Reproductions.DataDietTraining

/// Scores that find important, easy and mislabelled examples early in training.
module DataDiet =
    [<Literal>]
    let private Paper = "data-diet"

    // ---- What a score bounds ----

    let private influence (record: Recorder) (set: Set) hidden (key: Key) =
        let w = Mlp.init key (sqrt 2.0) [ set.X.Shape[1]; hidden; set.Classes ]
        let loss = exampleLoss set.Classes
        let targets = Tensor.ofArray set.Y
        let norms = (ExampleScores.gradientNorms loss set.X targets w).toArray()
        let probes = [| 0..4 |]

        // dℓ(x)/dt under gradient flow on the sum of the losses of the examples with a weight of one.
        let rate probe (weights: Tensor) =
            let total p = Tensor.sum (weights * Diff.vmap (fun (x: Tensor, y: Tensor) -> loss x y p) (set.X, targets))

            let slope = Diff.grad total w |> Tree.map (~-)
            (snd (Diff.jvp (fun p -> loss set.X[probe] targets[probe] p) w slope)).item()

        let rows =
            probes
            |> Array.map (fun probe ->
                let found = (ExampleScores.influences loss set.X targets (set.X[probe], targets[probe]) w).toArray()
                let all = rate probe (Tensor.ones [ set.Count ])

                let errors =
                    [| 10; 50; 200 |]
                    |> Array.map (fun j ->
                        let without = Tensor.ofArray (Array.init set.Count (fun i -> if i = j then 0.0 else 1.0))
                        // Rounding is that of a sum of hundreds of terms of both signs.
                        abs (rate probe without - all - found[j]) / Array.sumBy abs found)

                let bound = Array.mapi (fun j v -> abs v / (norms[probe] * norms[j])) found
                Array.max errors, Array.max bound)

        record.Claim(
            "removal-changes-by-inner-product",
            Status.Theorem,
            "Taking an example away changes the speed at which another example's loss falls by the inner product of their gradients.",
            "dℓ(x)/dt|_S − dℓ(x)/dt|_{S∖j} = −∇ℓ(x)ᵀ∇ℓ_j (Paul et al. 2021, lemma 2.2)",
            Relation.AtMost,
            0.0,
            1e-9,
            rows |> Array.map fst |> Array.max,
            $"Largest difference of both sides, over the sum of the sizes of all contributions, for {probes.Length} examples and three removals from {set.Count}; the left side from two gradients of the sum of losses, the right side from one forward derivative. The tolerance is for examples that are fitted, whose gradients are differences p − t of nearly equal numbers."
        )

        record.Claim(
            "gradient-norm-bounds-influence",
            Status.Theorem,
            "The norm of an example's gradient bounds how much taking it away changes any other example.",
            "|∇ℓ(x)ᵀ∇ℓ_j| ≤ ‖∇ℓ(x)‖ ‖∇ℓ_j‖ (Paul et al. 2021, lemma 2.2)",
            Relation.AtMost,
            1.0,
            1e-12,
            rows |> Array.map snd |> Array.max,
            $"Largest ratio of both sides over {probes.Length} examples against all {set.Count}, each of which attains 1 against itself."
        )

    // ---- Noise at the top, easy examples at the bottom ----

    type private Outcome = {
        /// Area under the curve of EL2N and GraNd for the flipped labels.
        Detection: float * float
        Agreement: float
        Full: float
        Kept: float
        Drawn: float
        Easy: float
    }

    /// Networks trained on each of the sets, which have one size, and their mean error on the test sets.
    let private errors ctx hidden (sets: Set[]) (tests: Set[]) steps key =
        let repeats = 3
        let w = train ctx hidden (sets |> Array.collect (Array.replicate repeats)) steps key

        Array.init sets.Length (fun s ->
            Array.init repeats (fun r -> testError tests[s] (Runs.part (s * repeats + r) w)) |> Array.average)

    /// Scores after some steps, then training on all, on the examples of highest scores but for the very top, on as many random
    /// ones and on as many of lowest scores.
    let private prune ctx hidden (sets: (Set * bool[] * Set)[]) (top: int) (keep: int) starts early steps key =
        let keys = Random.split 6 key
        let sample = sets |> Array.map (fun (s, _, _) -> s)
        let tests = sets |> Array.map (fun (_, _, t) -> t)
        let scored = sample |> Array.mapi (fun i s -> scores ctx hidden s starts early (Random.fold i keys[0]))

        let ranked =
            scored |> Array.map (fun (e, _) -> Array.init e.Length id |> Array.sortByDescending (fun i -> e[i]))

        let chosen (rows: int -> int[]) k =
            errors ctx hidden (sample |> Array.mapi (fun i s -> s.Take(rows i))) tests steps k

        let full = errors ctx hidden sample tests steps keys[1]
        let kept = chosen (fun i -> ranked[i][top .. top + keep - 1]) keys[2]

        let drawn =
            chosen (fun i -> (Random.permutation (Random.fold i keys[3]) sample[i].Count)[.. keep - 1]) keys[4]

        let easy = chosen (fun i -> ranked[i][sample[i].Count - keep ..]) keys[5]

        sets
        |> Array.mapi (fun i (_, flipped, _) ->
            let e, g = scored[i]

            {
                Detection =
                    if Array.contains true flipped then
                        Fit.areaUnderCurve flipped e, Fit.areaUnderCurve flipped g
                    else
                        nan, nan
                Agreement = Fit.spearman e g
                Full = full[i]
                Kept = kept[i]
                Drawn = drawn[i]
                Easy = easy[i]
            })

    let private percent (x: float) = $"{100.0 * x:F1} %%"

    let private describe (rows: Outcome[]) =
        $"test errors: all {percent (rows |> Array.averageBy _.Full)}, kept by score {percent (rows |> Array.averageBy _.Kept)}, as many random {percent (rows |> Array.averageBy _.Drawn)}, as many of lowest score {percent (rows |> Array.averageBy _.Easy)}"

    let private mixtures (ctx: Context) (record: Recorder) (key: Key) =
        let draws, starts, n = (if ctx.Quick then 5 else 12), 5, 600

        let sets =
            Array.init draws (fun r ->
                let k = Random.split 4 (Random.fold r key)
                let means = 2.5 * Tensor.transpose (Random.orthogonal k[0] 20 3)
                let set, flipped = flip k[3] 0.05 (mixture k[1] n means)
                set, flipped, mixture k[2] 4000 means)

        ctx.Progress 0.1 "Gaussian mixtures with flipped labels"
        let influenced, _, _ = sets[0]
        influence record influenced 64 (Random.fold draws key)
        let rows = prune ctx 64 sets 30 300 starts 90 300 (Random.fold (draws + 1) key)

        let setting =
            $"{draws} mixtures of three Gaussians in 20 dimensions, {n} examples, 5 %% of the labels flipped, 20-64-3 ReLU network, scores after three epochs over {starts} starts"

        let least (f: Outcome -> float) = rows |> Array.map f |> Array.min

        record.Claim(
            "noise-at-the-top",
            Status.Observation,
            "Examples with a wrong label have the highest scores a few epochs into training.",
            "area under the curve of EL2N for flipped labels (Paul et al. 2021)",
            Relation.AtLeast,
            0.9,
            0.0,
            rows |> Array.averageBy (fun r -> fst r.Detection),
            $"Mean area for EL2N, least {least (fun r -> fst r.Detection):F3}; GraNd {rows |> Array.averageBy (fun r -> snd r.Detection):F3}; {setting}. Chance is 1/2."
        )

        let gain, error = rows |> Array.map (fun r -> r.Drawn - r.Kept) |> Fit.meanAndError

        record.Claim(
            "scores-beat-random-pruning",
            Status.Observation,
            "Half of the data chosen by score trains a better network than a random half.",
            "error(random half) − error(highest scores without the top 5 %) > 0",
            Relation.AtLeast,
            3.0,
            0.0,
            gain / error,
            $"Mean paired difference in standard errors, {percent gain} ± {percent error}; {describe rows}; {setting}."
        )

        record.Claim(
            "half-the-data-suffices",
            Status.Observation,
            "Half of the data, chosen by score, loses nothing against all of it.",
            "error(highest scores without the top 5 %) ≤ error(all) + 1 % (Paul et al. 2021)",
            Relation.AtMost,
            0.0,
            0.01,
            rows |> Array.averageBy (fun r -> r.Kept - r.Full),
            $"Mean difference of the test errors; {describe rows}. It is negative because the flipped labels are among what is left out."
        )

    let private digits (ctx: Context) (record: Recorder) (key: Key) =
        let draws, starts, n = (if ctx.Quick then 4 else 12), 5, 600
        let all = Digits.load ctx.DataDirectory |> Digits.pool |> Digits.standardise
        let whole = { X = Digits.inputs all; Y = all.Labels |> Array.map float; Classes = 10 }

        let split noise =
            Array.init draws (fun r ->
                let k = Random.split 2 (Random.fold r key)
                let order = Random.permutation k[0] whole.Count
                let clean = whole.Take order[.. n - 1]
                let set, flipped = flip k[1] noise clean
                set, flipped, whole.Take order[n..])

        ctx.Progress 0.5 "digits with flipped labels"

        let noisy =
            split 0.05
            |> Array.mapi (fun i (set, flipped, _) ->
                let e, g = scores ctx 32 set starts 150 (Random.fold i (Random.fold draws key))
                Fit.areaUnderCurve flipped e, Fit.areaUnderCurve flipped g, Fit.spearman e g)

        let setting =
            $"{draws} draws of {n} digits (4 × 4 pixels), 16-32-10 ReLU network, scores after 150 steps over {starts} starts"

        record.Claim(
            "digits-noise-at-the-top",
            Status.Observation,
            "On digits too, wrong labels have the highest scores.",
            "area under the curve of EL2N for 5 % flipped labels",
            Relation.AtLeast,
            0.9,
            0.0,
            noisy |> Array.averageBy (fun (e, _, _) -> e),
            $"Mean area for EL2N; GraNd {noisy |> Array.averageBy (fun (_, g, _) -> g):F3}; {setting}. Chance is 1/2."
        )

        record.Claim(
            "scores-agree-early",
            Status.Observation,
            "EL2N, which costs a forward pass, ranks examples as the norm of their gradients does.",
            "Spearman's ρ(EL2N, GraNd) near 1 (Paul et al. 2021)",
            Relation.AtLeast,
            0.9,
            0.0,
            noisy |> Array.averageBy (fun (_, _, r) -> r),
            $"Mean rank correlation; {setting}."
        )

        ctx.Progress 0.6 "pruned digits"
        let clean = split 0.0
        let rows = prune ctx 32 clean 0 400 starts 150 1200 (Random.fold (draws + 1) key)

        record.Claim(
            "lowest-third-is-free",
            Status.Observation,
            "The third of the digits with the lowest scores can go without loss of accuracy.",
            "error(without the lowest third) ≤ error(all) + 1 %",
            Relation.AtMost,
            0.0,
            0.01,
            rows |> Array.averageBy (fun r -> r.Kept - r.Full),
            $"Mean difference of the test errors; {describe rows}; {setting}."
        )

        record.Claim(
            "easy-examples-teach-little",
            Status.Observation,
            "As many digits of lowest score train a far worse network than random ones.",
            "error(lowest two thirds) − error(random two thirds)",
            Relation.AtLeast,
            0.03,
            0.0,
            rows |> Array.averageBy (fun r -> r.Easy - r.Drawn),
            $"Mean difference of the test errors, 3 %% at least; {describe rows}."
        )

        let set, _, test = clean[0]
        let e, _ = scores ctx 32 set starts 150 (Random.fold (draws + 2) key)
        let order = Array.init n id |> Array.sortByDescending (fun i -> e[i])
        let drawn = Random.permutation (Random.fold (draws + 3) key) n
        let counts = [| 100; 200; 300; 400; 500; 600 |]

        let curve name (rows: int[]) =
            let points =
                counts |> Array.map (fun m -> (errors ctx 32 [| set.Take rows[.. m - 1] |] [| test |] 1200 key)[0])

            { Name = name; Mark = Mark.Lines; X = counts |> Array.map float; Y = points }

        ctx.Progress 0.9 "curves of pruned digits"

        ctx.Draw {
            Title = "Test error on digits against the number of examples"
            Caption =
                "Examples chosen by EL2N, at random, and from the lowest scores up; one draw, three networks each."
            XLabel = "examples kept"
            YLabel = "test error"
            LogX = false
            LogY = false
            Series = [ curve "highest scores" order; curve "random" drawn; curve "lowest scores" (Array.rev order) ]
        }

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 2 (Random.key ctx.Seed)
        mixtures ctx record keys[0]
        digits ctx record keys[1]
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Deep learning on a data diet"
        Citation =
            "M. Paul, S. Ganguli and G. K. Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021, arXiv:2107.07075"
        Summary =
            "How hard an example is shows early: the norm of its gradient bounds what taking it away can change, and the norm of its error ranks examples alike. "
            + "The lowest scores can be pruned, the highest belong to wrong labels. Mixtures of Gaussians and handwritten digits with flipped labels."
        Claims = [
            "removal-changes-by-inner-product"
            "gradient-norm-bounds-influence"
            "noise-at-the-top"
            "scores-beat-random-pruning"
            "half-the-data-suffices"
            "digits-noise-at-the-top"
            "scores-agree-early"
            "lowest-third-is-free"
            "easy-examples-teach-little"
        ]
        Run = run
    }
