namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory
open Hesse.Reproductions.SaxeDeepLinearEndToEnd

/// Deep linear networks: what gradient flow does to them, mode by mode and end to end.
module SaxeDeepLinear =
    [<Literal>]
    let private Paper = "saxe-deep-linear"

    /// Modes of the whitened problem that are learned at all: centred inputs leave one of ten with s = 0.
    let private learnedModes (data: Correlations) =
        let u, s, vt = DeepLinear.modes data.Cross
        let count = s |> Array.filter (fun v -> v > 1e-6 * s[0]) |> Array.length
        u[*, 0 .. count - 1], s[.. count - 1], vt[0 .. count - 1]

    // ---- 1. Modes from a balanced start ----

    let private modes (ctx: Context) (record: Recorder) data (depth: int) name formula =
        let u, s, vt = learnedModes data.Whitened
        let start = 1e-3
        let key = Random.fold depth (Random.key ctx.Seed)

        let weights = DeepLinear.balanced key 12 depth (start * Tensor.matmul u vt)

        let steps = 400
        let h = DeepLinear.modeTime depth s[s.Length - 1] start (0.98 * s[s.Length - 1]) / float steps

        /// Strengths [steps + 1][mode] along the flow of the weights.
        let measure steps h =
            let seen = Array.zeroCreate (steps + 1)
            let observe k w = seen[k] <- (DeepLinear.modeStrengths u vt (DeepLinear.endToEnd w)).toArray()
            GradientFlow.run (DeepLinear.loss data.Whitened) h steps observe weights |> ignore
            seen

        let every = 10

        let closed =
            Array.init (steps / every + 1) (fun k ->
                s |> Array.map (fun s -> DeepLinear.modeTrajectory depth s start (h * float (k * every))))

        let worst (seen: float[][]) stride =
            Seq.init closed.Length (fun k ->
                Seq.init s.Length (fun a -> abs (seen[k * stride][a] - closed[k][a]) / s[a]))
            |> Seq.concat
            |> Seq.max

        let seen = measure steps h
        let error, coarse = worst seen every, worst (measure (steps / 2) (2.0 * h)) (every / 2)

        record.Claim(
            name,
            Status.Theorem,
            $"Every singular mode of a {depth}-layer linear network on whitened digits follows its own closed-form trajectory.",
            formula,
            Relation.Absolute,
            0.0,
            (if depth = 2 then 1e-8 else 2e-7),
            error,
            $"Largest |u_a(t) − closed form|/s_a over {s.Length} modes and {closed.Length} times; the network's own weights follow gradient flow by RK4 with h = {h:G3}. The integrator's error is O(h⁴): it is {coarse:G2} at 2h, {coarse / error:F1} times this. The tolerance is four times that error."
        )

        let times = Array.init closed.Length (fun k -> h * float (k * every))

        ctx.Draw {
            Title = $"Singular modes of a {depth}-layer linear network"
            Caption =
                $"Whitened digits, all modes start at {start}. Points: measured along gradient flow of the weights. Lines: closed form of Saxe et al. (2013)."
            XLabel = "time t/τ"
            YLabel = "mode strength u"
            LogX = false
            LogY = false
            Series = [
                for a in [ 0; s.Length / 2; s.Length - 1 ] do
                    {
                        Name = $"s = {s[a]:F3}, closed form"
                        Mark = Mark.Lines
                        X = times
                        Y = closed |> Array.map (fun row -> row[a])
                    }

                    {
                        Name = $"s = {s[a]:F3}, measured"
                        Mark = Mark.Markers
                        X = times
                        Y = times |> Array.mapi (fun k _ -> seen[k * every][a])
                    }
            ]
        }

    // ---- 2. Modes from small random weights ----

    let private smallStart (ctx: Context) (record: Recorder) data =
        let u, s, vt = learnedModes data.Whitened
        let keys = Random.split (if ctx.Quick then 3 else 10) (Random.fold 10 (Random.key ctx.Seed))
        let hidden, scale, steps, h = 64, 1e-3, 1000, 0.16

        let halfTimes key =
            let weight i rows columns =
                Random.normal (Random.fold i key) [ rows; columns ] * (scale / sqrt (float hidden))

            let weights = [| weight 0 hidden 16; weight 1 10 hidden |]
            let starts = DeepLinear.smallStart u vt weights
            let crossed = Array.create s.Length nan
            let mutable before = [||]

            let observe k w =
                let now = (DeepLinear.modeStrengths u vt (DeepLinear.endToEnd w)).toArray()

                for a in 0 .. s.Length - 1 do
                    if k > 0 && Double.IsNaN crossed[a] && now[a] >= 0.5 * s[a] then
                        let part = (0.5 * s[a] - before[a]) / (now[a] - before[a])
                        crossed[a] <- h * (float (k - 1) + part)

                before <- now

            GradientFlow.run (DeepLinear.loss data.Whitened) h steps observe weights |> ignore
            crossed, Array.map2 (fun s u0 -> DeepLinear.modeTime 2 s u0 (0.5 * s)) s starts

        let runs = keys |> Array.map halfTimes

        let deviation =
            runs
            |> Array.map (fun (seen, predicted) ->
                Array.map2 (fun t p -> abs (t / p - 1.0)) seen predicted |> Array.max)

        record.Claim(
            "small-random-start",
            Status.Prediction,
            "From small random weights, each mode is half learned at the time that the closed form gives for its share of the initial weights.",
            "t½ = (1/2s) ln(s/u₀ − 1), u₀ = ‖(W₁v + W₂ᵀu)/2‖² at t = 0 (Saxe et al. 2013)",
            Relation.Absolute,
            0.0,
            0.05,
            Array.max deviation,
            $"Largest |t½/predicted − 1| over {s.Length} modes and {keys.Length} random starts (hidden width {hidden}, entries of size {scale}/√{hidden}); no free parameter. Modes share hidden directions of overlap about 1/√{hidden}, which delays the slow ones by a few per cent, less for smaller starts."
        )

        let exponents = runs |> Array.map (fun (seen, _) -> Fit.exponent s seen)

        record.Claim(
            "learning-time",
            Status.Prediction,
            "Learning time is inversely proportional to the singular value of a mode.",
            "t½ = O(τ/s): slope of log t½ against log s is −1 up to logarithms (Saxe et al. 2013)",
            Relation.Absolute,
            -1.0,
            0.15,
            Array.average exponents,
            $"Mean fitted slope over {keys.Length} random starts of scale {scale}; s runs from {s[s.Length - 1]:F3} to {s[0]:F3}. The logarithm ln(s/u₀), of size {log (s[0] / 1e-6):F0}, flattens the slope by about 1/{log (s[0] / 1e-6):F0}."
        )

    // ---- 3. The conservation law ----

    let private conservation (ctx: Context) (record: Recorder) data =
        let loss = DeepLinear.loss data.Raw
        let keys = Random.split (if ctx.Quick then 2 else 10) (Random.fold 20 (Random.key ctx.Seed))
        let time = 20.0

        let starts =
            keys
            |> Array.map (fun key ->
                [| 64, 12; 12, 11; 11, 10 |]
                |> Array.mapi (fun i (inputs, outputs) ->
                    Random.normal (Random.fold i key) [ outputs; inputs ] * (0.7 / sqrt (float inputs))))

        /// Largest relative change of the conserved matrices.
        let drift (before: Tensor[]) (after: Tensor[]) =
            Array.map2 relative (DeepLinear.conserved after) (DeepLinear.conserved before) |> Array.max

        let flowDrift steps w = drift w (GradientFlow.run loss (time / float steps) steps (fun _ _ -> ()) w)
        let fine = starts |> Array.map (flowDrift 800) |> Array.max
        let coarse = starts |> Array.map (flowDrift 400) |> Array.max

        record.Claim(
            "conservation",
            Status.Theorem,
            "Gradient flow conserves W_{l+1}ᵀW_{l+1} − W_l W_lᵀ on any data.",
            "d/dt (W_{l+1}ᵀW_{l+1} − W_l W_lᵀ) = 0 (Saxe et al. 2013; Arora et al. 2018, Theorem 1)",
            Relation.Absolute,
            0.0,
            2e-8,
            fine,
            $"Largest relative change over {keys.Length} unbalanced random 64-12-11-10 networks on raw digits, t = 0 … {time}, RK4 with 800 steps: all of it is integrator error, {coarse / fine:F1} times larger ({coarse:G2}) with 400 steps, as O(h⁴) wants. The tolerance leaves a factor of about 40 for unlucky starts."
        )

        // The same quantity to rounding, without an integrator: its derivative along the velocity.
        let rate w =
            let value, derivative = Diff.jvp DeepLinear.conserved w (GradientFlow.velocity loss w)
            Array.map2 (fun d v -> norm d / norm v) derivative value |> Array.max

        record.Claim(
            "conservation-rate",
            Status.Theorem,
            "The derivative of the conserved matrices along the gradient is zero to rounding.",
            "D(W_{l+1}ᵀW_{l+1} − W_l W_lᵀ)[−∇L] = 0",
            Relation.Absolute,
            0.0,
            1e-15,
            starts |> Array.map rate |> Array.max,
            "Forward derivative of the conserved matrices in the direction of the reverse-mode gradient, relative to their norm. Rounding only."
        )

        let counts = [| 400; 800; 1600 |]
        let descend = Diff.compile (fun (eta: Tensor, w: Tensor[]) -> GradientDescent.step loss eta w)

        let descentDrift w steps =
            let eta = Tensor.scalar (time / float steps)
            let mutable current = w

            for _ in 1..steps do
                current <- descend (eta, current)

            drift w current

        let drifts = counts |> Array.map (descentDrift starts[0])
        let etas = counts |> Array.map (fun n -> time / float n)

        record.Claim(
            "discrete-drift",
            Status.Prediction,
            "Gradient descent with step η breaks the law at first order in η over a fixed time.",
            "‖ΔQ‖ = O(η): log-log slope 1",
            Relation.Absolute,
            1.0,
            0.05,
            Fit.exponent etas drifts,
            let shown = drifts |> Array.map (fun d -> $"{d:G3}") |> String.concat ", "
            $"Slope of the relative change over t = {time} against η = {time}/400, /800, /1600; changes {shown}. The next order in η moves the slope by less than 0.01."
        )

    // ---- The reproduction ----

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let data = load ctx

        let stage fraction text action =
            ctx.Cancellation.ThrowIfCancellationRequested()
            ctx.Progress fraction text
            action ()

        stage 0.05 "modes of a two-layer network" (fun () ->
            modes
                ctx
                record
                data
                2
                "mode-trajectories"
                "u(t) = s e^(2st/τ) / (e^(2st/τ) − 1 + s/u₀) (Saxe et al. 2013)")

        stage 0.15 "modes of a three-layer network" (fun () ->
            modes
                ctx
                record
                data
                3
                "deep-mode-trajectories"
                "τ u̇ = N u^(2−2/N) (s − u), N = 3 weight matrices (Saxe et al. 2013)")

        stage 0.25 "small random starts" (fun () -> smallStart ctx record data)
        stage 0.45 "conservation law" (fun () -> conservation ctx record data)
        stage 0.6 "end-to-end preconditioner" (fun () -> preconditioner ctx record data)
        stage 0.7 "single output" (fun () -> singleOutput ctx record data)
        stage 0.8 "acceleration" (fun () -> acceleration ctx record data)

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Exact learning dynamics of deep linear networks"
        Citation =
            "A. M. Saxe, J. L. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, ICLR 2014 (arXiv 2013); S. Arora, N. Cohen and E. Hazan, On the optimization of deep networks: implicit acceleration by overparameterization, ICML 2018"
        Summary =
            "Gradient flow of a deep linear network decouples into singular modes with closed-form trajectories, conserves the imbalance of neighbouring layers, and moves the end-to-end matrix by a preconditioned gradient that is not the gradient of any function. All of it is measured on the handwritten digits, on the weights themselves."
        Claims = [
            "mode-trajectories"
            "deep-mode-trajectories"
            "small-random-start"
            "learning-time"
            "conservation"
            "conservation-rate"
            "discrete-drift"
            "preconditioner"
            "end-to-end-flow"
            "discrete-preconditioner"
            "single-output"
            "not-a-gradient"
            "l4-acceleration"
        ]
        Run = run
    }
