namespace Hesse.Reproductions

open Hesse
open Hesse.Theory
open Hesse.Reproductions.LinearModeConnectivityRuns
open MathNet.Numerics.Statistics

/// When the straight line between two solutions stays low, and what curvature says of the barrier where it does not.
module LinearModeConnectivity =
    [<Literal>]
    let private Paper = "linear-mode-connectivity"

    type private Network = AffineLayer list

    /// Two runs from different initialisations, with their barriers along training.
    type private Independent = { Ends: Network * Network; Barriers: float[] }

    let private shown (values: float seq) = values |> Seq.map (fun v -> $"{v:G3}") |> String.concat ", "

    let private means (rows: float[][]) = Array.transpose rows |> Array.map Array.average

    /// Kendall's rank correlation corrected for ties, τ_b (Kendall 1945): barriers that vanish are equal.
    let private tauB (x: float[]) (y: float[]) =
        let untied v = Array.allPairs v v |> Array.sumBy (fun (a, b) -> if a <> b then 1.0 else 0.0)
        let pairs = float (x.Length * (x.Length - 1))
        Fit.kendall x y * pairs / sqrt (untied x * untied y)

    // ---- The barrier as an integral of curvature ----

    let private identity (ctx: Context) (record: Recorder) (landscape: Landscape) (pairs: (Network * Network) list) =
        let places = if ctx.Quick then [ 0.5 ] else [ 0.25; 0.5; 0.8 ]
        let images, nodes = 100, 200
        let loss = landscape.LossOnFirst images

        let deviation (a, b) s =
            let at t = (loss (Connectivity.between a b (Tensor.scalar t))).item()
            let direct = at s - (1.0 - s) * at 0.0 - s * at 1.0
            abs (direct - Connectivity.barrierFromCurvature loss nodes a b s)

        record.Claim(
            "curvature-identity",
            Status.Theorem,
            "The barrier is the curvature along the line, averaged with the Green's function of the second derivative.",
            "L(θ_s) − (1−s)L(θ₀) − sL(θ₁) = −∫₀¹ min(s,r)(1 − max(s,r)) δᵀH(θ_r)δ dr, δ = θ₁ − θ₀",
            Relation.AtMost,
            0.0,
            1e-8,
            [
                for pair in pairs do
                    for s in places -> deviation pair s
            ]
            |> List.max,
            $"Largest difference of the two sides at s = {shown places} for {pairs.Length} pairs, loss on {images} images: {nodes} Gauss–Legendre nodes on either side of s, second derivatives by jets. A rise of the loss therefore needs negative curvature along the line."
        )

    // ---- Mountainside and ridge ----

    let private independent (landscape: Landscape) intervals (checkpoints: int[]) (key: Key) =
        let keys = Random.split 4 key

        let states k =
            (landscape.Start keys[k], checkpoints)
            ||> Array.scan (fun state steps -> landscape.Train keys[k + 2] steps state)
            |> Array.tail
            |> Array.map _.Parameters

        let a, b = states 0, states 1

        {
            Ends = Array.last a, Array.last b
            Barriers = Array.map2 (fun x y -> (landscape.Line intervals x y).Barrier) a b
        }

    let private ridge (record: Recorder) (landscape: Landscape) (checkpoints: int[]) (pairs: Independent[]) =
        let barriers = pairs |> Array.map _.Barriers |> means

        record.Claim(
            "ridge-rises",
            Status.Observation,
            "The barrier between independent runs is small at the start and grows as they descend.",
            "max_s B(s) between θ₁(t) and θ₂(t) grows with t (Singh et al. 2024, mountainside and ridge)",
            Relation.AtLeast,
            1.0,
            0.4,
            Fit.kendall (Array.map float checkpoints) barriers,
            $"Kendall's τ of step and mean barrier over {pairs.Length} pairs: steps {checkpoints |> Array.map float |> shown} give {shown barriers}."
        )

        let curvatures =
            pairs
            |> Array.map (fun p -> [| 0.0; 0.5; 1.0 |] |> Array.map (landscape.Curvature (fst p.Ends) (snd p.Ends)))

        let saddles =
            curvatures |> Array.averageBy (fun c -> if c[1] < 0.0 && c[0] > 0.0 && c[2] > 0.0 then 1.0 else 0.0)

        record.Claim(
            "ridge-curves-down",
            Status.Observation,
            "Between independent solutions the loss curves down at the middle of the line and up at its ends.",
            "δᵀH(θ_½)δ < 0 < δᵀH(θ₀)δ, δᵀH(θ₁)δ (Singh et al. 2024, mountainside and ridge)",
            Relation.AtLeast,
            1.0,
            0.2,
            saddles,
            $"Share of {pairs.Length} pairs; mean curvatures along the line at 0, ½, 1: {means curvatures |> shown}."
        )

        barriers

    // ---- Branches of one run ----

    let private branching (record: Recorder) initial apart (trunks: int[]) (barriers: float[]) =
        record.Claim(
            "late-branches-connected",
            Status.Observation,
            "Runs that part late in training are linearly connected.",
            "max_s B(s) ≈ 0 for runs that share a long trunk (Singh et al. 2024; Frankle et al. 2020)",
            Relation.AtMost,
            0.0,
            0.01,
            Array.last barriers / initial,
            $"Mean barrier of runs that part at step {Array.last trunks}, over the loss at initialisation ({initial:F3}); one in a hundred counts as connected."
        )

        record.Claim(
            "barrier-falls-with-branch-time",
            Status.Observation,
            "The later two runs part, the lower the barrier between them.",
            "max_s B(s) falls with the branching step (Singh et al. 2024; Frankle et al. 2020)",
            Relation.AtMost,
            -1.0,
            0.4,
            tauB (Array.map float trunks) barriers,
            $"Kendall's τ_b of branching step and mean barrier at the end of training: steps {trunks |> Array.map float |> shown} give {shown barriers}."
        )

        record.Claim(
            "independent-runs-apart",
            Status.Observation,
            "Runs from different initialisations are separated by a barrier that late branches do not have.",
            "B(late branch)/B(independent) ≪ 1 (Singh et al. 2024)",
            Relation.AtMost,
            0.1,
            0.0,
            Array.last barriers / apart,
            $"Ratio of the mean barriers, {Array.last barriers:G3} and {apart:G3}; a tenth was set as the most that counts."
        )

    // ---- Permutations and layers ----

    let private matching (record: Recorder) (landscape: Landscape) intervals (key: Key) (pairs: Independent[]) =
        let matched =
            pairs
            |> Array.mapi (fun i p ->
                let a, b = p.Ends
                a, Alignment.permute (Alignment.weightMatching (Random.fold i key) a b) b)

        let before = pairs |> Array.map (fun p -> Array.last p.Barriers)
        let after = matched |> Array.map (fun (a, b) -> (landscape.Line intervals a b).Barrier)
        let better = Array.map2 (fun x y -> if y < x then 1.0 else 0.0) before after |> Array.average

        record.Claim(
            "matching-lowers-barrier",
            Status.Observation,
            "Bringing the units of one network into the order of the other's lowers the barrier.",
            "B(θ₁, πθ₂) < B(θ₁, θ₂), π by weight matching (Ainsworth et al. 2023; Singh et al. 2024)",
            Relation.AtMost,
            1.0,
            0.0,
            Array.average after / Array.average before,
            $"Ratio of the mean barriers after ({Array.average after:G3}) and before ({Array.average before:G3}); lower in a share of {better:F2} of {pairs.Length} pairs. At 16 units a layer it need not vanish."
        )

        matched

    let private layers (record: Recorder) (landscape: Landscape) apart (pairs: (Network * Network) list) =
        let cases = [|
            for a, b in pairs do
                for x, y in [ a, b; b, a ] do
                    for layer in 0 .. a.Length - 1 ->
                        let other = withLayer layer x y
                        landscape.Middle x other, -landscape.Curvature x other 0.5 / 8.0
        |]

        let measured, predicted = Array.unzip cases
        let far = 2 * widths.Length - 2

        let amongFar =
            Correlation.Spearman(Array.truncate (far * apart) measured, Array.truncate (far * apart) predicted)

        record.Claim(
            "layers-from-curvature",
            Status.Prediction,
            "The curvature along the line predicts how far off its chord the loss lies when one layer is interpolated.",
            "B_l(½) ≈ −⅛ δ_lᵀ H_ll(θ_½) δ_l for the layer l (second order of the identity; Singh et al. 2024, layer-wise connectivity)",
            Relation.AtLeast,
            1.0,
            0.2,
            Correlation.Spearman(measured, predicted),
            $"Spearman's rank correlation over {cases.Length} cases: each layer of one network put into another, {pairs.Length} pairs (independent, matched, branches) both ways; one second derivative each. Among the {apart} independent pairs alone it is {amongFar:F3}; Pearson's over all is {Correlation.Pearson(measured, predicted):F3}."
        )

        measured, predicted

    let private figures
        (ctx: Context)
        (landscape: Landscape)
        intervals
        named
        (checkpoints, risen)
        (trunks, fallen)
        scatter
        =
        let draw title caption xLabel yLabel series =
            ctx.Draw {
                Title = title
                Caption = caption
                XLabel = xLabel
                YLabel = yLabel
                LogX = false
                LogY = false
                Series = series
            }

        let curve name mark x y = { Name = name; Mark = mark; X = x; Y = y }

        draw "Loss on the straight line" "Loss between two trained networks of each kind." "place s" "loss" [
            for name, (a, b) in named do
                let line = landscape.Line intervals a b
                curve name Mark.Lines line.Places line.Losses
        ]

        draw
            "The ridge rises, and late branches stay on one side"
            "Mean barrier: between independent runs at a step of their training; between branches of one run at the end of training, by the step at which they part."
            "step"
            "barrier"
            [
                curve "independent runs, at this step" Mark.Lines (Array.map float checkpoints) risen
                curve "branches that part at this step" Mark.DashedLines (Array.map float trunks) fallen
            ]

        draw
            "Layer-wise barriers from one second derivative"
            "Barrier half-way when one layer is interpolated, measured and predicted by the curvature at the middle."
            "−⅛ δᵀHδ at the middle"
            "measured barrier"
            [ curve "layers" Mark.Markers (snd scatter) (fst scatter) ]

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 4 (Random.key ctx.Seed)
        let count, steps, intervals = if ctx.Quick then 3, 1000, 10 else 6, 4000, 20
        ctx.Progress 0.0 "two valleys"
        LinearModeConnectivityToy.record ctx record keys[0]
        let landscape = Landscape(ctx, Schedule.cosine 0.1 0.0 steps)
        let checkpoints = [| 0; steps / 64; steps / 16; steps / 4; steps |]
        let trunks = [| 0; steps / 16; steps / 4; steps / 2; 3 * steps / 4 |]
        ctx.Progress 0.1 "independent runs"
        let apart = Random.split count keys[1] |> Array.map (independent landscape intervals checkpoints)

        let branched =
            Random.split count keys[2]
            |> Array.mapi (fun i key ->
                ctx.Progress (0.3 + 0.4 * float i / float count) "branches of one run"
                trunks |> Array.map (branches landscape key steps))

        let early, late = branched[0][0], Array.last branched[0]
        ctx.Progress 0.7 "curvature along lines"
        identity ctx record landscape [ apart[0].Ends; early ]
        let risen = ridge record landscape checkpoints apart

        let fallen =
            branched |> Array.map (Array.map (fun (a, b) -> (landscape.Line intervals a b).Barrier)) |> means

        let initial = landscape.Value (landscape.Start keys[3]).Parameters
        branching record initial (Array.last risen) trunks fallen
        let matched = matching record landscape intervals keys[3] apart
        ctx.Progress 0.9 "layers"

        let pairs = [
            yield! apart |> Array.map _.Ends
            yield! matched
            yield! branched |> Array.map Array.head
            yield! branched |> Array.map Array.last
        ]

        let scatter = layers record landscape apart.Length pairs

        let named = [ "independent", apart[0].Ends; "matched", matched[0]; "parted at 0", early; "parted late", late ]
        figures ctx landscape intervals named (checkpoints, risen) (trunks, fallen) scatter
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "The landscape of linear mode connectivity"
        Citation =
            "S. P. Singh, L. Adilova, M. Kamp, A. Fischer, B. Schölkopf and T. Hofmann, Landscaping Linear Mode Connectivity, 2024, arXiv:2406.16300"
        Summary =
            "Two runs are joined by a low straight line if they part after a ridge of the loss has been passed; the barrier is an average of the curvature along the line, for the network and for single layers. "
            + "The identity exactly, a toy with two valleys in closed form, and networks on 4 × 4 digits: independent, branched and matched by permutations."
        Claims = [
            "toy-barrier-from-branching"
            "toy-ridge"
            "curvature-identity"
            "ridge-rises"
            "ridge-curves-down"
            "late-branches-connected"
            "barrier-falls-with-branch-time"
            "independent-runs-apart"
            "matching-lowers-barrier"
            "layers-from-curvature"
        ]
        Run = run
    }
