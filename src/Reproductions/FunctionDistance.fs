namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Function-space distance of ReLU networks from one number for each unit.
module FunctionDistance =
    [<Literal>]
    let private Paper = "laftr"

    // ---- What is exact ----

    let private network key widths =
        let keys = Random.split (1 + List.length widths) key

        Mlp.init keys[0] (sqrt 2.0) widths
        |> List.mapi (fun i l -> { l with Bias = 0.3 * Random.normal keys[i + 1] l.Bias.Shape })

    let private linear (record: Recorder) (key: Key) =
        let widths = [ 6; 5; 7; 3 ]

        let error i =
            let keys = Random.split 3 (Random.fold i key)
            let first, second = network keys[0] widths, network keys[1] widths
            let x = 0.5 + Random.normal keys[2] [ 40; 6 ]
            let outputs w = Mlp.apply id w x
            let rates = [ Tensor.ones [ 5 ]; Tensor.ones [ 7 ] ]
            let exact = (FunctionSpaceDistance.onBatch (outputs first) (outputs second)).item()

            abs (
                (FunctionSpaceDistance.stochasticGates (FunctionSpaceDistance.moments x) rates first second).item()
                / exact
                - 1.0
            )

        record.Claim(
            "linear-networks-exact",
            Status.Theorem,
            "For linear networks two moments of the inputs give the distance exactly.",
            "E ½‖f₁ − f₀‖² from E (x, 1)(x, 1)ᵀ, all gates on",
            Relation.AtMost,
            0.0,
            1e-12,
            Seq.init 10 error |> Seq.max,
            "Largest relative error over ten pairs of random networks 6-5-7-3 with biases, inputs of mean one half."
        )

    /// The mean over all gate patterns of a network with seven hidden units, one by one.
    let private enumerate (record: Recorder) (key: Key) =
        let error i =
            let keys = Random.split 4 (Random.fold i key)
            let widths = [ 3; 4; 3; 2 ]
            let first, second = network keys[0] widths, network keys[1] widths
            let x = Random.normal keys[2] [ 20; 3 ]
            let rates = (Random.uniform keys[3] [ 7 ]).toArray()

            let gated (layers: AffineLayer list) (mask: float[]) =
                let a = (Tensor.matmul x layers[0].Weight + layers[0].Bias) * Tensor.ofArray mask[..3]
                let b = (Tensor.matmul a layers[1].Weight + layers[1].Bias) * Tensor.ofArray mask[4..]
                Tensor.matmul b layers[2].Weight + layers[2].Bias

            let exact =
                Seq.init 128 (fun pattern ->
                    let mask = Array.init 7 (fun j -> float ((pattern >>> j) &&& 1))
                    let chance = Array.map2 (fun m p -> if m = 1.0 then p else 1.0 - p) mask rates |> Array.reduce (*)
                    chance * (FunctionSpaceDistance.onBatch (gated first mask) (gated second mask)).item())
                |> Seq.sum

            let vectors = [ Tensor.ofArray rates[..3]; Tensor.ofArray rates[4..] ]

            abs (
                (FunctionSpaceDistance.stochasticGates (FunctionSpaceDistance.moments x) vectors first second).item()
                / exact
                - 1.0
            )

        record.Claim(
            "gate-moments-exact",
            Status.Theorem,
            "Second moments of both networks, propagated together, give the mean over all gate patterns.",
            "E_m E_x ½‖f₁ − f₀‖², m ~ independent Bernoulli(μ) (Dhawan et al. 2023)",
            Relation.AtMost,
            0.0,
            1e-12,
            Seq.init 5 error |> Seq.max,
            "Largest relative error against the sum over the 128 patterns of seven gates, five pairs of random networks 3-4-3-2 and random rates."
        )

    // ---- Networks on digits ----

    let private relu w x = Mlp.apply Tensor.relu w x

    /// Full-batch gradient descent on cross-entropy, compiled once for each size of data.
    let private trainer (ctx: Context) =
        let step =
            Diff.compile (fun (w: AffineLayer list, x: Tensor, t: Tensor, rate: Tensor) ->
                GradientDescent.step (fun w -> Losses.crossEntropy (relu w x) t) rate w)

        fun (x: Tensor, t: Tensor) (rate: float) steps w ->
            let mutable w = w

            for k in 1..steps do
                if k % 64 = 0 then
                    ctx.Cancellation.ThrowIfCancellationRequested()

                w <- step (w, x, t, Tensor.scalar rate)

            w

    /// Images and one-hot targets of some digits, the first `count` in a random order.
    let private sample (all: Digits) (key: Key) (classes: int list) (count: int) =
        let rows = [|
            for i in 0 .. all.Count - 1 do
                if List.contains all.Labels[i] classes then
                    i
        |]

        let chosen = (Random.permutation key rows.Length)[.. count - 1] |> Array.map (fun i -> rows[i])
        let d = all.Features

        let part = {
            all with
                Images = chosen |> Array.collect (fun i -> all.Images[i * d .. i * d + d - 1])
                Labels = chosen |> Array.map (fun i -> all.Labels[i])
        }

        Digits.inputs part, Digits.oneHot 10 part

    /// A network trained on the digits 0 to 4, and what each estimate keeps of them.
    type private Origin = {
        Theta: AffineLayer list
        Data: Tensor * Tensor
        Gates: AffineLayer list -> Tensor
        Linearised: AffineLayer list -> Tensor
        Fisher: AffineLayer list -> Tensor
    } with

        member o.Distance w = (FunctionSpaceDistance.onBatch (relu o.Theta (fst o.Data)) (relu w (fst o.Data))).item()

    let private origin train (all: Digits) (key: Key) =
        let keys = Random.split 2 key
        let data = sample all keys[0] [ 0..4 ] 200
        let theta = train data 0.3 300 (Mlp.init keys[1] (sqrt 2.0) [ 16; 32; 32; 10 ])
        let x = fst data
        let model w = relu w x
        let moments, rates = FunctionSpaceDistance.moments x, FunctionSpaceDistance.activationRates theta x
        let fisher = FunctionSpaceDistance.diagonalFisher model theta

        {
            Theta = theta
            Data = data
            Gates = FunctionSpaceDistance.stochasticGates moments rates theta
            Linearised = FunctionSpaceDistance.linearised model theta
            Fisher = FunctionSpaceDistance.diagonal fisher theta
        }

    // ---- The estimates along fine-tuning ----

    /// (distance, by gates, linearised, by diagonal Fisher) after fine-tuning.
    let private tuned train (all: Digits) (key: Key) =
        let keys = Random.split 4 key
        let o = origin train all keys[0]

        let point data steps =
            let w = train data 0.05 steps o.Theta
            [| o.Distance w; (o.Gates w).item(); (o.Linearised w).item(); (o.Fisher w).item() |]

        let x, t = sample all keys[1] [ 0..4 ] 50
        let order = Random.permutation keys[2] 5
        let swap = Tensor.stack 0 [ for i in 0..9 -> (Tensor.eye 10)[if i < 5 then order[i] else i] ]
        let other = sample all keys[3] [ 5..9 ] 50
        let along data = [| for steps in [ 2; 10; 50 ] -> point data steps |]
        along (x, Tensor.matmul t swap), along other

    let private estimates (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let draws = if ctx.Quick then 5 else 30
        let train = trainer ctx

        let rows =
            Array.init draws (fun i ->
                ctx.Progress (0.1 + 0.4 * float i / float draws) "fine-tuned networks"
                tuned train all (Random.fold i key))

        let relabelled, other = rows |> Array.collect fst, rows |> Array.collect snd
        let column i = Array.map (fun (r: float[]) -> r[i])
        let miss i (r: float[][]) = r |> Array.averageBy (fun r -> abs (log (r[i] / r[0])))
        let factor i (r: float[][]) = exp (r |> Array.averageBy (fun r -> log (r[i] / r[0])))

        let setting =
            $"{draws} ReLU networks 16-32-32-10 trained on 200 digits 0 to 4, fine-tuned for 2, 10 and 50 steps"

        record.Claim(
            "gates-track-distance",
            Status.Observation,
            "Stochastic gates rank networks by their distance in function space.",
            "Spearman's ρ(estimate, distance) (Dhawan et al. 2023)",
            Relation.AtLeast,
            0.9,
            0.0,
            0.5
            * (Fit.spearman (column 0 relabelled) (column 1 relabelled)
               + Fit.spearman (column 0 other) (column 1 other)),
            $"Mean rank correlation over the two ways of fine-tuning; {setting} on 50 of these digits with other labels ({Fit.spearman (column 0 relabelled) (column 1 relabelled):F3}; diagonal Fisher {Fit.spearman (column 0 relabelled) (column 3 relabelled):F3}), or on 50 digits 5 to 9 ({Fit.spearman (column 0 other) (column 1 other):F3}; diagonal Fisher {Fit.spearman (column 0 other) (column 3 other):F3})."
        )

        record.Claim(
            "gates-beat-diagonal-fisher",
            Status.Observation,
            "One number for each unit estimates the distance better than one for each weight.",
            "E|log(gates/distance)| < E|log(diagonal Fisher/distance)|",
            Relation.AtMost,
            0.5,
            0.0,
            miss 1 relabelled / miss 3 relabelled,
            $"Ratio of the mean absolute logarithms; {setting} on 50 of the digits with other labels. Geometric means of estimate over distance: gates {factor 1 relabelled:F2}, diagonal Fisher {factor 3 relabelled:F2}, linearised network {factor 2 relabelled:F2}. On other digits (5 to 9), which move the activations of the old ones together, both are far too small: gates {factor 1 other:F2}, diagonal Fisher {factor 3 other:F2}, linearised {factor 2 other:F2}."
        )

        record.Claim(
            "data-still-help",
            Status.Observation,
            "With the data at hand, the network linearised in its parameters is the better estimate.",
            "E|log(linearised/distance)| < E|log(gates/distance)| (Dhawan et al. 2023)",
            Relation.AtMost,
            1.0,
            0.0,
            (miss 2 relabelled + miss 2 other) / (miss 1 relabelled + miss 1 other),
            $"Ratio of the mean absolute logarithms over both ways of fine-tuning; {setting}."
        )

        let series name i = {
            Name = name
            Mark = Mark.Markers
            X = column 0 relabelled
            Y = column i relabelled
        }

        let ends = [| Array.min (column 0 relabelled); Array.max (column 0 relabelled) |]

        ctx.Draw {
            Title = "Estimates of function-space distance"
            Caption = $"{setting} on 50 of the digits with other labels."
            XLabel = "distance"
            YLabel = "estimate"
            LogX = true
            LogY = true
            Series = [
                series "stochastic gates" 1
                series "linearised" 2
                series "diagonal Fisher" 3
                { Name = "exact"; Mark = Mark.DashedLines; X = ends; Y = ends }
            ]
        }

    // ---- Two tasks, one after the other ----

    /// Accuracies on the old and the new task for each strength of a penalty.
    let private continual
        (ctx: Context)
        (o: Origin)
        (fresh: Tensor * Tensor)
        (penalty: AffineLayer list -> Tensor)
        (strengths: float[])
        =
        let x, t = fresh

        let step =
            Diff.compile (
                Diff.vmap (fun (w: AffineLayer list, c: Tensor) ->
                    let loss w = Losses.crossEntropy (relu w x) t + c * penalty w
                    GradientDescent.step loss (Tensor.scalar 0.05) w)
            )

        let mutable w = Runs.stack (Array.create strengths.Length o.Theta)
        let c = Tensor.ofArray strengths

        for k in 1..200 do
            if k % 16 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

            w <- step (w, c)

        let accuracy (x, t) w =
            let guess (t: Tensor) = (Tensor.argmax 1 t).toArray()
            Array.map2 (fun a b -> if a = b then 1.0 else 0.0) (guess (relu w x)) (guess t) |> Array.average

        Array.init strengths.Length (fun i -> let w = Runs.part i w in accuracy o.Data w, accuracy fresh w)

    let private forgetting (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let draws, strengths = (if ctx.Quick then 3 else 10), [| 0.0; 0.01; 0.03; 0.1; 0.3 |]
        let train = trainer ctx

        let rows =
            Array.init draws (fun i ->
                ctx.Progress (0.5 + 0.5 * float i / float draws) "two tasks one after the other"
                let keys = Random.split 2 (Random.fold i key)
                let o = origin train all keys[0]
                let fresh = sample all keys[1] [ 5..9 ] 200
                let all penalty = continual ctx o fresh penalty strengths
                all o.Gates, all o.Fisher, all o.Linearised)

        let best (r: (float * float)[]) = r |> Array.map (fun (a, b) -> 0.5 * (a + b)) |> Array.max
        let gains = rows |> Array.map (fun (gates, fisher, _) -> best gates - best fisher)
        let gain, error = Fit.meanAndError gains
        let mean pick = rows |> Array.averageBy (pick >> best)
        let tried = String.Join(", ", strengths)
        let none = rows |> Array.averageBy (fun (g, _, _) -> 0.5 * (fst g[0] + snd g[0]))

        record.Claim(
            "gates-forget-less",
            Status.Observation,
            "As a penalty in continual learning the gates forget less than elastic weight consolidation.",
            "accuracy on both tasks, gates − diagonal Fisher > 0 (Dhawan et al. 2023)",
            Relation.AtLeast,
            0.0,
            0.0,
            gain,
            $"Mean paired difference of the mean accuracy on digits 0 to 4, then 5 to 9, each at its best strength of {tried}: {gain:F3} ± {error:F3} over {draws} draws. Without penalty {none:F3}, diagonal Fisher {mean (fun (_, f, _) -> f):F3}, gates {mean (fun (g, _, _) -> g):F3}, linearised with the old data {mean (fun (_, _, l) -> l):F3}."
        )

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 4 (Random.key ctx.Seed)
        ctx.Progress 0.0 "exact cases"
        linear record keys[0]
        enumerate record keys[1]
        let all = Digits.load ctx.DataDirectory |> Digits.pool |> Digits.standardise
        estimates ctx record all keys[2]
        forgetting ctx record all keys[3]
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Function-space distance of neural networks"
        Citation =
            "N. Dhawan, S. Huang, J. Bae and R. Grosse, Efficient Parametric Approximations of Neural Network Function Space Distance, ICML 2023, arXiv:2302.03519"
        Summary =
            "How far fine-tuning moved a ReLU network as a function, estimated without data: both networks become linear ones with common random gates, and second moments give the distance of those exactly. "
            + "Compared on digits with the distance, the linearised network and the diagonal Fisher information, also as a penalty against forgetting."
        Claims = [
            "linear-networks-exact"
            "gate-moments-exact"
            "gates-track-distance"
            "gates-beat-diagonal-fisher"
            "data-still-help"
            "gates-forget-less"
        ]
        Run = run
    }
