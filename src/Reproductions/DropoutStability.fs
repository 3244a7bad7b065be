namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory
open Hesse.Reproductions.DropoutStabilityRuns

/// Wide networks that SGD found lose little with most of their neurons, and are joined by paths of low loss.
module DropoutStability =
    [<Literal>]
    let private Paper = "dropout-stability"

    /// Solutions of one width.
    type private Solutions = { Width: int; Networks: MeanFieldWeights[] }

    let private train (ctx: Context) problem (key: Key) runs (widths: int list) =
        widths
        |> List.map (fun width -> {
            Width = width
            Networks = Array.init runs (fun r -> solve ctx problem width (Random.fold (1000 * r + width) key))
        })

    let private errorOfMean (values: float[]) =
        let mean = Array.average values
        sqrt ((values |> Array.sumBy (fun v -> (v - mean) ** 2.0)) / float (values.Length * (values.Length - 1)))

    let private widthsOf (solutions: Solutions list) = [| for s in solutions -> float s.Width |]
    let private shown (values: float seq) = values |> Seq.map (fun v -> $"{v:G3}") |> String.concat ", "

    let private figure (ctx: Context) title caption xLabel yLabel series =
        ctx.Draw {
            Title = title
            Caption = caption
            XLabel = xLabel
            YLabel = yLabel
            LogX = true
            LogY = true
            Series = series
        }

    let private curve name mark x y = { Name = name; Mark = mark; X = x; Y = y }

    // ---- Dropout stability ----

    let private dropout (ctx: Context) (record: Recorder) problem (key: Key) sets (solutions: Solutions list) =
        let kept = [ 10; 25; 50 ]

        let measured =
            [
                for m in kept do
                    for s in solutions ->
                        (m, s.Width),
                        s.Networks |> Array.mapi (fun r w -> rises problem (Random.fold (1000 * m + r) key) sets m w)
            ]
            |> Map.ofList

        let scores = [
            for m in kept do
                for s in solutions do
                    for w, rise in Array.zip s.Networks measured[m, s.Width] ->
                        (Array.average rise - MeanField.dropoutCost Tensor.tanh w problem.TestInputs m)
                        / errorOfMean rise
        ]

        record.Claim(
            "dropout-cost",
            Status.Theorem,
            "Keeping M of N neurons costs the variance of a mean over M neurons.",
            "E_S L(θ_S) − L(θ) = (N − M)/(M (N − 1)) E_x Var_j(a_j σ(w_j·x)) (sampling without replacement; the mechanism behind theorem 1 of Shevchenko & Mondelli 2020)",
            Relation.Absolute,
            0.0,
            5.0,
            scores |> List.map abs |> List.max,
            $"Largest of {scores.Length} deviations in standard errors: M = {shown (List.map float kept)} of N = {shown (widthsOf solutions)} neurons, each with {sets} random sets. 5 standard errors are exceeded by chance about once in 10⁴ ledgers."
        )

        /// Mean rise without the factor of a finite population, (N − M)/(N − 1), which tends to 1.
        let rise m (s: Solutions) =
            let mean = measured[m, s.Width] |> Array.averageBy Array.average
            mean * float (s.Width - 1) / float (s.Width - m)

        let spread m =
            let values = solutions |> List.map (rise m)
            let mean = List.average values
            values |> List.map (fun v -> abs (v / mean - 1.0)) |> List.max

        record.Claim(
            "independent-of-width",
            Status.Prediction,
            "What dropout costs depends on how many neurons are left, not on how many there were.",
            "|L(θ) − L(θ_S)| ≤ K (√(log M) + z)/√M + …, K free of N (Shevchenko & Mondelli 2020, theorem 1)",
            Relation.AtMost,
            0.0,
            0.2,
            kept |> List.map spread |> List.max,
            $"Largest relative distance of the mean rise at one N from its mean over N = {shown (widthsOf solutions)}, after the finite-population factor (N − M)/(N − 1); M = {shown (List.map float kept)}. Rises at M = {kept.Head}: {solutions |> List.map (rise kept.Head) |> shown}; loss of the whole networks: {solutions |> List.map (fun s -> s.Networks |> Array.averageBy (risk problem)) |> shown}."
        )

        let widest = List.last solutions
        let left = [| 10; 20; 40; 80; widest.Width / 4 |]

        let quantile m =
            let all =
                widest.Networks
                |> Array.mapi (fun r w -> rises problem (Random.fold (100_000 + 1000 * m + r) key) sets m w)
                |> Array.concat
                |> Array.map abs
                |> Array.sort

            all[int (0.95 * float all.Length)]

        let tails = left |> Array.map quantile

        record.Claim(
            "falls-with-neurons-left",
            Status.Prediction,
            "The change of the loss falls at least as fast as one over the root of the number of neurons left.",
            "|L(θ) − L(θ_S)| = O(√(log M/M)) with high probability (Shevchenko & Mondelli 2020, theorem 1)",
            Relation.AtMost,
            -0.5,
            0.05,
            Fit.exponent (left |> Array.map float) tails,
            $"Exponent of the 0.95 quantile of |L(θ_S) − L(θ)| over {sets} sets and {widest.Networks.Length} networks against M, N = {widest.Width}: M = {left |> Array.map float |> shown} gives {shown tails}. The theorem bounds the rate; the mean falls as 1/M."
        )

        figure
            ctx
            "What dropout costs"
            "Mean rise of the loss when M random neurons of N stay and are rescaled, at SGD solutions; it does not depend on N."
            "N, neurons of the network"
            "rise of the loss, finite-population factor removed"
            [
                for m in kept -> curve $"M = {m}" Mark.Lines (widthsOf solutions) [| for s in solutions -> rise m s |]
            ]

    let private dimensions (ctx: Context) (record: Recorder) (key: Key) time runs sets =
        let width, kept = 200, 25
        let all = if ctx.Quick then [ 5; 10; 20 ] else [ 5; 10; 20; 40 ]

        let cost dimension =
            let problem = teacher (Random.fold dimension key) dimension time 500

            Array.init runs (fun r ->
                let w = solve ctx problem width (Random.fold (1000 + 100 * dimension + r) key)
                rises problem (Random.fold (5000 + r) key) sets kept w |> Array.average)
            |> Array.average

        let costs = all |> List.map cost |> Array.ofList

        record.Claim(
            "dimension-free",
            Status.Prediction,
            "For two-layer networks the cost of dropout does not grow with the dimension of the input.",
            "K in |L(θ) − L(θ_S)| ≤ K (√(log M) + z)/√M + … free of D (Shevchenko & Mondelli 2020, theorem 1)",
            Relation.AtMost,
            0.0,
            0.15,
            Fit.exponent (all |> List.map float |> Array.ofList) costs,
            $"Exponent of the mean rise with M = {kept} of N = {width} neurons against D = {all |> List.map float |> shown}: {shown costs}; {runs} networks each, the same teacher and mean-field time, steps α = 0.1/D."
        )

    // ---- Paths ----

    let private paths
        (ctx: Context)
        (record: Recorder)
        (bounded, vanishing)
        (name: string)
        problem
        (key: Key)
        (orders: int)
        (solutions: Solutions list)
        =
        let connections =
            solutions |> List.map (fun s -> connect ctx problem orders (Random.fold s.Width key) s.Networks)

        let excess = [
            for row in connections do
                for c in row -> (Array.max c.Path.Losses - c.Worst) / c.Worst
        ]

        let rise = [| for row in connections -> row |> List.averageBy _.Path.Rise |]
        let line = [| for row in connections -> row |> List.averageBy _.Line.Rise |]
        let widths = widthsOf solutions
        let pairs = connections.Head.Length

        record.Claim(
            bounded,
            Status.Theorem,
            $"{name}: two solutions are joined by a piecewise linear path on which the loss is never above the solutions and their halves.",
            "L(π(t)) ≤ max(L(θ), L(θ′), L(θ_S), L(θ′_S)), |S| = N/2 (Shevchenko & Mondelli 2020, theorem 2 and its proof; Kuditipudi et al. 2019)",
            Relation.AtMost,
            0.0,
            1e-12,
            List.max excess,
            $"Largest relative excess on {pairs} paths for each N = {shown widths}, between SGD solutions from independent starts and samples; rounding only."
        )

        record.Claim(
            vanishing,
            Status.Prediction,
            $"{name}: the rise of the loss along the path vanishes as networks grow.",
            "max_t L(π(t)) ≤ max(L(θ), L(θ′)) + O(√(log N/N)) (Shevchenko & Mondelli 2020, theorem 2)",
            Relation.AtMost,
            -0.5,
            0.05,
            Fit.exponent widths rise,
            $"Exponent of the mean rise of {pairs} paths, {orders} random orders of the neurons for each pair of solutions, against N = {shown widths}: {shown rise}. The straight lines between the same solutions rise by {shown line}."
        )

        figure
            ctx
            $"{name}: paths between solutions"
            "Mean rise of the loss along the dropout path and along the straight line between SGD solutions of one width."
            "N, neurons of the network"
            "rise of the loss"
            [ curve "dropout path" Mark.Lines widths rise; curve "straight line" Mark.DashedLines widths line ]

        rise, line

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 6 (Random.key ctx.Seed)
        let time, runs, sets = if ctx.Quick then 10.0, 3, 100 else 30.0, 6, 300
        let widths = if ctx.Quick then [ 100; 200; 400; 800 ] else [ 100; 200; 400; 800; 1600 ]
        ctx.Progress 0.0 "one-pass SGD at many widths"
        let problem = teacher keys[0] 10 time 500
        let solutions = train ctx problem keys[1] runs widths
        ctx.Progress 0.3 "random sets of neurons"
        dropout ctx record problem keys[2] sets solutions
        ctx.Progress 0.5 "dimensions"
        dimensions ctx record keys[3] time (min runs 4) sets
        ctx.Progress 0.6 "paths"

        let rise, line =
            paths
                ctx
                record
                ("path-bounded", "path-rise-vanishes")
                "Teacher"
                problem
                (Random.fold 1 keys[5])
                4
                solutions

        record.Claim(
            "below-the-straight-line",
            Status.Observation,
            "At large width the path rises less than the straight line, which dropout stability says nothing about.",
            "rise of the path / rise of the line < 1 (control; Shevchenko & Mondelli 2020 bound the path alone)",
            Relation.AtMost,
            1.0,
            0.0,
            Array.last rise / Array.last line,
            $"Ratio of the mean rises at N = {List.last widths}; at N = {widths.Head} it is {rise[0] / line[0]:G3}."
        )

        ctx.Progress 0.75 "digits"
        let images = digits (Digits.load ctx.DataDirectory) (if ctx.Quick then 400 else 3000)
        let learnt = train ctx images keys[4] (min runs 4) [ 50; 100; 200; 400 ]

        paths
            ctx
            record
            ("digits-path-bounded", "digits-rise-vanishes")
            "Digits"
            images
            (Random.fold 2 keys[5])
            (if ctx.Quick then 1 else 2)
            learnt
        |> ignore

        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Dropout stability and connected solutions"
        Citation =
            "A. Shevchenko and M. Mondelli, Landscape Connectivity and Dropout Stability of SGD Solutions for Over-parameterized Neural Networks, ICML 2020, arXiv:1912.10095"
        Summary =
            "Neurons of a wide two-layer network trained by SGD are nearly independent draws, so that keeping a few of them, rescaled, changes the loss by an amount that depends on their number alone; two such solutions are joined by a piecewise linear path whose rise vanishes with the width. "
            + "One-pass SGD on a teacher with tanh units, and digits with ten outputs, both in the mean-field scaling."
        Claims = [
            "dropout-cost"
            "independent-of-width"
            "falls-with-neurons-left"
            "dimension-free"
            "path-bounded"
            "path-rise-vanishes"
            "below-the-straight-line"
            "digits-path-bounded"
            "digits-rise-vanishes"
        ]
        Run = run
    }
