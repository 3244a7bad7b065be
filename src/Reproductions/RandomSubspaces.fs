namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Training in random subspaces: how many dimensions a problem needs.
module RandomSubspaces =
    [<Literal>]
    let private Paper = "intrinsic-dimension"

    // ---- The quadratic problem with a known answer ----

    let private quadratic (ctx: Context) (record: Recorder) (key: Key) =
        let size, constraints = 1000, 10
        let draws = if ctx.Quick then 200 else 1000
        let block = size / constraints
        // Residual k is the sum of the k-th hundred parameters less k.
        let residuals (theta: Tensor) =
            Tensor.sumAxis 1 (Tensor.reshape [ constraints; block ] theta) - (1.0 + Tensor.arange constraints)

        let origin = Tensor.zeros [ size ]
        let start = residuals origin

        let least dimension i =
            if i % 16 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

            let basis = Random.orthogonal (Random.fold i (Random.fold dimension key)) size dimension
            let image = Tensor.transpose (Tensor.sumAxis 1 (Tensor.reshape [ constraints; block; dimension ] basis))
            let step = Tensor.matmul (Linalg.pinv (Tensor.transpose image)) (-start)
            let left = residuals (origin + Tensor.matmul basis step)
            (Tensor.dot left left).item() / (Tensor.dot start start).item()

        let below, above = [ 1; 2; 5; 8; 9 ], [ 10; 11; 15; 20 ]

        let rows =
            below
            |> List.mapi (fun i d ->
                ctx.Progress (0.03 * float i) "quadratic problem in random subspaces"
                let ratios = Array.init draws (least d)
                let mean, deviation = IntrinsicDimension.quadraticLaw constraints d
                d, Array.average ratios, (Array.average ratios - mean) / (deviation / sqrt (float draws)))

        let shown = rows |> List.map (fun (d, mean, _) -> $"{d}: {mean:F4}") |> String.concat ", "

        record.Claim(
            "quadratic-law",
            Status.Theorem,
            "On a quadratic problem with ten constraints in a thousand dimensions the best loss in a random subspace falls linearly with its dimension.",
            "E L_min(d)/L(θ₀) = 1 − d/s for d < s (from Li et al. 2018, section 2)",
            Relation.AtMost,
            0.0,
            4.5,
            rows |> List.map (fun (_, _, z) -> abs z) |> List.max,
            $"Largest deviation of the mean over {draws} subspaces from 1 − d/10, in exact standard errors of the law Beta((10 − d)/2, d/2); d = {shown}. Under the law about one run in thirty thousand exceeds 4.5 among five."
        )

        let _, nearly, _ = List.last rows

        record.Claim(
            "quadratic-intrinsic-dimension",
            Status.Theorem,
            "From ten dimensions on every random subspace holds a solution: the intrinsic dimension is D − (dimension of the solutions) = 10.",
            "L_min(d) = 0 ⇔ d ≥ s; d_int = D − s_solutions = 10 (Li et al. 2018, section 2)",
            Relation.AtMost,
            0.0,
            1e-20,
            above |> List.map (fun d -> Seq.init (draws / 10) (least d) |> Seq.max) |> List.max,
            $"Largest L_min/L(θ₀) over {draws / 10} subspaces each of dimension 10, 11, 15 and 20. The rank of the Jacobian of the constraints is {(FunctionalDimension.onBatch 1e-9 residuals origin).Rank}, so that the solutions have {size} − 10 dimensions. Just below, at d = 9, the mean is {nearly:F3}."
        )

        let dimensions = Array.init (constraints + 1) float

        ctx.Draw {
            Title = "Best loss in a random subspace"
            Caption = $"Quadratic problem with ten constraints in a thousand dimensions; means over {draws} subspaces."
            XLabel = "dimension d"
            YLabel = "L_min/L(θ₀)"
            LogX = false
            LogY = false
            Series = [
                {
                    Name = "1 − d/10"
                    Mark = Mark.DashedLines
                    X = dimensions
                    Y = dimensions |> Array.map (fun d -> 1.0 - d / 10.0)
                }
                {
                    Name = "measured"
                    Mark = Mark.Markers
                    X = rows |> List.map (fun (d, _, _) -> float d) |> Array.ofList
                    Y = rows |> List.map (fun (_, mean, _) -> mean) |> Array.ofList
                }
            ]
        }

    // ---- Digits ----

    type private Split = { Train: Digits; Test: Digits }

    /// Shares of right answers on test and training images of networks trained in random subspaces of several dimensions, side by
    /// side, and in the whole space, which comes last.
    let private accuracies (ctx: Context) (split: Split) (key: Key) (hidden: int) (tried: int[]) (steps: int) =
        let keys = Random.split 2 key
        let origin, unravel = Tree.ravel (Mlp.init keys[0] 1.0 [ split.Train.Features; hidden; 10 ])
        let size = origin.Size
        let dimensions = tried |> Array.filter (fun d -> d < size)
        let x, y = Digits.inputs split.Train, Digits.oneHot 10 split.Train
        let logits layers inputs = Mlp.apply Tensor.tanh layers inputs

        let right digits layers =
            let guesses = (Tensor.argmax 1 (logits layers (Digits.inputs digits))).toArray()

            Array.map2 (fun (g: float) label -> if int g = label then 1.0 else 0.0) guesses digits.Labels
            |> Array.average

        // Runs side by side: `place` leads from the basis and the coordinates of a run to its parameters.
        let descend (place: Tensor -> Tensor -> AffineLayer list) (bases: Tensor[]) (rates: float[]) (width: int) =
            let advance =
                Diff.compile (
                    Diff.vmap (fun (basis: Tensor, rate: Tensor, v: Tensor, velocity: Tensor) ->
                        let slope = Diff.grad (fun v -> Losses.crossEntropy (logits (place basis v) x) y) v
                        let velocity = 0.9 * velocity - rate * slope
                        v + velocity, velocity)
                )

            let stacked, rates = Tensor.stack 0 bases, Tensor.ofArray rates
            let mutable v = Tensor.zeros [ bases.Length; width ]
            let mutable velocity = v

            for k in 1..steps do
                if k % 8 = 0 then
                    ctx.Cancellation.ThrowIfCancellationRequested()

                let next, moved = advance (stacked, rates, v, velocity)
                v <- next
                velocity <- moved

            Array.init bases.Length (fun i -> place bases[i] v[i])

        // Bases are padded with zero columns to one shape, so that all runs share one batched step.
        let widest = Array.max dimensions

        let padded d =
            let basis = Random.orthogonal (Random.fold d keys[1]) size d

            if d = widest then
                basis
            else
                Tensor.concat 1 [ basis; Tensor.zeros [ size; widest - d ] ]

        // The curvature seen in a random subspace is d/D of the whole on average; the step makes up for it.
        let rate d = 0.1 * float size / float d

        let inside =
            descend
                (fun basis v -> unravel (origin + Tensor.matmul basis v))
                (Array.map padded dimensions)
                (Array.map rate dimensions)
                widest

        let whole = descend (fun _ v -> unravel (origin + v)) [| Tensor.zeros [ 1 ] |] [| rate size |] size
        let networks = Array.append inside whole

        Array.append dimensions [| size |],
        networks |> Array.map (right split.Test),
        networks |> Array.map (right split.Train)

    /// d_int90, and the curve behind it, which ends with the whole space.
    let private needed (dimensions: int[]) (scores: float[]) =
        IntrinsicDimension.firstReached (0.9 * Array.last scores) dimensions scores |> Option.get

    let private rows (digits: Digits) (chosen: int[]) =
        let d = digits.Features

        {
            digits with
                Images = chosen |> Array.collect (fun i -> digits.Images[i * d .. i * d + d - 1])
                Labels = chosen |> Array.map (fun i -> digits.Labels[i])
        }

    let private widths (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let sizes, repeats, steps =
            (if ctx.Quick then [| 8; 16; 32; 64 |] else [| 8; 16; 32; 64; 128 |]), (if ctx.Quick then 2 else 4), 150

        let tried = [| 20; 40; 80; 120; 160; 240 |]

        let splits =
            Array.init repeats (fun r ->
                let order = Random.permutation (Random.fold r key) all.Count
                { Train = rows all order[..399]; Test = rows all order[400..1399] })

        let results =
            sizes
            |> Array.map (fun hidden ->
                ctx.Progress (0.15 + 0.1 * Math.Log2(float hidden / 8.0)) $"digits in random subspaces, width {hidden}"

                splits
                |> Array.mapi (fun r split ->
                    accuracies ctx split (Random.fold hidden (Random.fold (repeats + r) key)) hidden tried steps))

        let parameters =
            results |> Array.map (fun all -> let dimensions, _, _ = all[0] in Array.last dimensions)

        let found = results |> Array.map (Array.averageBy (fun (dimensions, test, _) -> needed dimensions test))
        let shown = Array.map2 (fun p d -> $"{d:F0} of {p}") parameters found

        let setting =
            $"{repeats} draws of 400 training and 1000 test digits (4 × 4 pixels), 16-h-10 tanh networks, h = {sizes[0]} to {Array.last sizes}, {steps} steps with momentum"

        record.Claim(
            "dimension-ignores-width",
            Status.Observation,
            "The intrinsic dimension hardly changes with the width of the network.",
            "d_int90 nearly constant in D (Li et al. 2018, section 3)",
            Relation.AtMost,
            2.0,
            0.0,
            Array.max found / Array.min found,
            $"""Largest over smallest mean d_int90 (dimension at which the test accuracy is 90 %% of that of the whole space) among networks with {parameters[0]} to {Array.last parameters} parameters: {String.Join(", ", shown)}; {setting}. If it were a fixed share of D the ratio would be {float (Array.last parameters) / float parameters[0]:F1}; in the narrowest network half of all directions are needed, in the widest few."""
        )

        record.Claim(
            "dimension-far-below-parameters",
            Status.Observation,
            "A wide network needs a small share of its dimensions.",
            "d_int90 ≪ D (Li et al. 2018, section 3)",
            Relation.AtMost,
            0.25,
            0.0,
            Array.last found / float (Array.last parameters),
            $"d_int90/D of the widest network, {Array.last parameters} parameters; {setting}."
        )

        ctx.Draw {
            Title = "Accuracy in random subspaces"
            Caption = $"First draw of {setting}; the last point of each curve is the whole space."
            XLabel = "dimension d"
            YLabel = "test accuracy"
            LogX = true
            LogY = false
            Series = [
                for hidden, all in Array.zip sizes results do
                    let dimensions, test, _ = all[0]

                    {
                        Name = $"h = {hidden}"
                        Mark = Mark.Lines
                        X = Array.map float dimensions
                        Y = test
                    }
            ]
        }

    /// Training accuracy on few digits, with their labels and with the same labels shuffled.
    let private shuffled (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let repeats, n = (if ctx.Quick then 2 else 6), 200
        let tried = [| 20; 40; 80; 160; 320; 480 |]
        ctx.Progress 0.7 "digits with shuffled labels"

        let pairs =
            Array.init repeats (fun r ->
                let k = Random.split 3 (Random.fold r key)
                let chosen = Random.permutation k[0] all.Count
                let real = rows all chosen[.. n - 1]

                let mixed = {
                    real with
                        Labels = Random.permutation k[1] n |> Array.map (fun i -> real.Labels[i])
                }

                let dimension digits =
                    let dimensions, _, train = accuracies ctx { Train = digits; Test = digits } k[2] 32 tried 200
                    needed dimensions train

                dimension real, dimension mixed)

        record.Claim(
            "shuffled-labels-need-more",
            Status.Observation,
            "Memorising shuffled labels takes many more dimensions than learning real ones.",
            "d_int90(shuffled) ≫ d_int90(real) (Li et al. 2018, section 3)",
            Relation.AtLeast,
            2.0,
            0.0,
            exp (pairs |> Array.averageBy (fun (real, mixed) -> log (mixed / real))),
            $"Geometric mean, over {repeats} draws of {n} digits, of the ratio of the dimensions at which the training accuracy is 90 %% of that of the whole space (16-32-10, 874 parameters): {pairs |> Array.averageBy snd:F0} against {pairs |> Array.averageBy fst:F0} on average."
        )

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 3 (Random.key ctx.Seed)
        quadratic ctx record keys[0]
        let all = Digits.load ctx.DataDirectory |> Digits.pool |> Digits.standardise
        widths ctx record all keys[1]
        shuffled ctx record all keys[2]
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "The intrinsic dimension of objective landscapes"
        Citation =
            "C. Li, H. Farkhoor, R. Liu and J. Yosinski, Measuring the Intrinsic Dimension of Objective Landscapes, ICLR 2018, arXiv:1804.08838"
        Summary =
            "Trained in a random subspace, a problem is solved from some dimension on: its intrinsic dimension. It is exactly ten for a quadratic problem with ten constraints, "
            + "and on digits it hardly depends on the width of the network, but on the labels."
        Claims = [
            "quadratic-law"
            "quadratic-intrinsic-dimension"
            "dimension-ignores-width"
            "dimension-far-below-parameters"
            "shuffled-labels-need-more"
        ]
        Run = run
    }
