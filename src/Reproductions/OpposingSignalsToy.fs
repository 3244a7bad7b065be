namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// The two-layer linear model with one opposing feature, for <c>OutliersOpposingSignals</c>: closed forms against gradient flow and descent.
module internal OpposingSignalsToy =
    /// Random instances of the model, side by side: sizes of feature and target, small positive starting points.
    type private Instances = {
        Alpha: float[]
        Beta: float[]
        Start: OpposingWeights
    } with

        member m.Count = m.Alpha.Length

        member m.FinalSharpness =
            let conserved = (OpposingSignals.conserved m.Start).toArray()
            Array.map3 OpposingSignals.finalSharpness m.Alpha m.Beta conserved

        member m.Loss(w: OpposingWeights) =
            Tensor.sum (OpposingSignals.loss (Tensor.ofArray m.Alpha) (Tensor.ofArray m.Beta) w)

    /// log α and log β are uniform on [100, 300] and [3/4, 3/2]; c and b_s start in [0.1, 0.2], the weight on the opposing
    /// feature in [0.2, 0.3], so that there is something to unlearn.
    let private instances (key: Key) (count: int) =
        let keys = Random.split 5 key
        let within low high k = low + (high - low) * Random.uniform k [ count ]
        let logUniform low high k = (Tensor.exp (within (log low) (log high) k)).toArray()

        {
            Alpha = logUniform 100.0 300.0 keys[0]
            Beta = logUniform 0.75 1.5 keys[1]
            Start = {
                Readout = within 0.1 0.2 keys[2]
                Signal = within 0.1 0.2 keys[3]
                Opposing = within 0.2 0.3 keys[4]
            }
        }

    let private sharpness (m: Instances) (w: OpposingWeights) =
        let c, signal, opposing = w.Readout.toArray (), w.Signal.toArray (), w.Opposing.toArray ()
        Array.init m.Count (fun i -> OpposingSignals.sharpness m.Alpha[i] m.Beta[i] c[i] signal[i] opposing[i])

    /// Sharpness and s at every step of gradient descent with a step of its own for each instance.
    let private descend (ctx: Context) (m: Instances) (eta: float[]) (steps: int) =
        let rate = Tensor.ofArray eta
        let advance = Diff.compile (GradientDescent.step m.Loss rate)
        let curvature, opposing = ResizeArray<float[]>(), ResizeArray<float[]>()
        let mutable w = m.Start

        for k in 0..steps do
            if k % 256 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

            curvature.Add(sharpness m w)
            opposing.Add((w.Readout * w.Opposing).toArray())

            if k < steps then
                w <- advance w

        curvature.ToArray(), opposing.ToArray()

    // ---- Gradient flow ----

    let private flow (ctx: Context) (record: Recorder) (m: Instances) =
        // Explicit Runge–Kutta is stable for h λ < 2.78; the sharpness ends below 500.
        let h, time = 0.004, 120.0
        let before = (OpposingSignals.conserved m.Start).toArray()
        let curves = ResizeArray<float * float[]>()

        let observe k (w: OpposingWeights) =
            if k % 100 = 0 || (k < 1000 && k % 5 = 0) then
                ctx.Cancellation.ThrowIfCancellationRequested()
                curves.Add(h * float k, sharpness m w)

        let final = GradientFlow.run m.Loss h (int (time / h)) observe m.Start
        let after = (OpposingSignals.conserved final).toArray()

        record.Claim(
            "flow-conserves",
            Status.Theorem,
            "Gradient flow conserves the difference between the squared readout and the squared first layer, whatever the size of the opposing feature.",
            "d/dt (c² − b_s² − b_o²) = 0",
            Relation.AtMost,
            0.0,
            1e-6,
            Array.map2 (fun a b -> abs (a - b)) before after |> Array.max,
            $"Largest drift over {m.Count} random instances (α in [100, 300], β in [3/4, 3/2]) up to time {time}, Runge–Kutta of order four with h = {h}; parameters end of order 1."
        )

        let ends = sharpness m final

        record.Claim(
            "final-sharpness",
            Status.Theorem,
            "The start alone decides how sharp the model becomes: progressive sharpening ends at a closed form.",
            "λ∞ = max(αc∞², c∞² + β²/c∞²), c∞² = ½(D + √(D² + 4β²))",
            Relation.AtMost,
            0.0,
            1e-5,
            Array.map2 (fun a b -> abs (a / b - 1.0)) ends m.FinalSharpness |> Array.max,
            $"Largest relative error of λ_max of the exact Hessian at time {time} over {m.Count} instances; λ∞ from {Array.min m.FinalSharpness:F1} to {Array.max m.FinalSharpness:F1}. What is left of the approach decays as e^(−2βt) once the readout has grown from its small start."
        )

        let shape i =
            let values = curves |> Seq.map (fun (_, v) -> v[i]) |> Seq.toArray
            let lowest = Array.min values
            lowest < 0.95 * values[0] && Array.last values > 10.0 * lowest

        record.Claim(
            "falls-then-rises",
            Status.Prediction,
            "Sharpness first falls, while the opposing feature is unlearned, then rises far above its start.",
            "min λ < 0.95 λ(0) and λ∞ > 10 min λ (Rosenfeld & Risteski 2023)",
            Relation.Absolute,
            1.0,
            0.0,
            Seq.init m.Count (shape >> fun b -> if b then 1.0 else 0.0) |> Seq.average,
            $"Share of the {m.Count} instances in which it does."
        )

        ctx.Draw {
            Title = "Sharpness along gradient flow"
            Caption = "Four instances; dashed, the closed form at which each ends."
            XLabel = "time"
            YLabel = "λ_max"
            LogX = false
            LogY = true
            Series = [
                for i in 0..3 do
                    let x, y = curves |> Seq.map (fun (t, v) -> t, v[i]) |> Seq.toArray |> Array.unzip
                    let name = $"α = {m.Alpha[i]:F0}, β = {m.Beta[i]:F2}"
                    let level = m.FinalSharpness[i]
                    { Name = name; Mark = Mark.Lines; X = x; Y = y }

                    {
                        Name = $"{name}: λ∞"
                        Mark = Mark.DashedLines
                        X = [| 0.0; time |]
                        Y = [| level; level |]
                    }
            ]
        }

    // ---- Gradient descent on both sides of 2/λ∞ ----

    let private edge (ctx: Context) (record: Recorder) (m: Instances) =
        let ratios = [| 0.5; 0.8; 0.95; 1.05; 1.2; 1.5 |]
        let steps = 6000

        let runs =
            ratios
            |> Array.map (fun ratio ->
                ctx.Progress (0.1 + 0.1 * ratio) $"gradient descent at {ratio} of the critical step"
                let eta = m.FinalSharpness |> Array.map (fun l -> 2.0 * ratio / l)
                let curvature, s = descend ctx m eta steps
                ratio, eta, curvature, s)

        let agrees (ratio, eta: float[], curvature: float[][], _) = [|
            for i in 0 .. m.Count - 1 do
                let reached = curvature |> Array.exists (fun v -> v[i] > 2.0 / eta[i])
                if reached = (ratio > 1.0) then 1.0 else 0.0
        |]

        record.Claim(
            "edge-reached",
            Status.Prediction,
            "Gradient descent reaches the edge of stability exactly when its step is above 2/λ∞.",
            "max_t λ_t > 2/η ⇔ η > 2/λ∞",
            Relation.Absolute,
            1.0,
            0.0,
            runs |> Array.collect agrees |> Array.average,
            $"""Share of {runs.Length * m.Count} runs of {steps} steps in which it holds; η λ∞/2 = {String.Join(", ", ratios)}. A finite step moves the conserved quantity by O(η), within the 5 %% between the critical step and the nearest ones."""
        )

        let above = runs |> Array.filter (fun (ratio, _, _, _) -> ratio > 1.0)

        let flips = [|
            for _, eta, curvature, s in above do
                for k in 0 .. steps - 1 do
                    for i in 0 .. m.Count - 1 do
                        // Once s is at the size of rounding its sign says nothing.
                        if curvature[k][i] > 2.0 / eta[i] && abs (s[k][i]) > 1e-300 then
                            if s[k][i] * s[k + 1][i] < 0.0 then 1.0 else 0.0
        |]

        record.Claim(
            "signals-alternate",
            Status.Prediction,
            "Beyond the edge the weight on the opposing feature changes sign at every step, so that one group is too high, then the other.",
            "b_o ← (1 − η α c²) b_o with η α c² > 1; ℓ₊ − ℓ₋ = 2es",
            Relation.AtLeast,
            1.0,
            0.05,
            Array.average flips,
            $"Share of the {flips.Length} steps with λ > 2/η at which s = c b_o √α changes sign. Where the oscillation is at its largest the step can shrink c so much that λ > 2/η holds along other directions: one step in twenty is allowed."
        )

        // Where b_o fell to the smallest numbers there are while η α c² passed 1, nothing is left to oscillate.
        let ends = [|
            for _, eta, curvature, s in above do
                for i in 0 .. m.Count - 1 do
                    if abs (s[steps][i]) > 1e-300 then
                        0.5 * eta[i] * curvature[steps][i]
        |]

        record.Claim(
            "self-stabilises",
            Status.Prediction,
            "The oscillation along the opposing feature shrinks the readout until the model is stable again.",
            "η λ_end/2 ≤ 1: c ← c − η α c b_o² − …",
            Relation.AtMost,
            1.0,
            0.02,
            Array.max ends,
            $"Largest η λ/2 after {steps} steps over {ends.Length} of {above.Length * m.Count} runs above the critical step, those in which b_o did not underflow to zero while η α c² passed 1; least {Array.min ends:F3}. The 2 %% is for runs that are still on their way."
        )

        ctx.Draw {
            Title = "Sharpness along gradient descent"
            Caption =
                "One instance, steps on both sides of the critical one; sharpness times η/2, so that the edge is at 1."
            XLabel = "step"
            YLabel = "η λ_max/2"
            LogX = true
            LogY = false
            Series = [
                for ratio, eta, curvature, _ in runs ->
                    {
                        Name = $"η λ∞/2 = {ratio}"
                        Mark = Mark.Lines
                        X = Array.init steps (fun k -> float (k + 1))
                        Y = Array.init steps (fun k -> 0.5 * eta[0] * curvature[k][0])
                    }
            ]
        }

    let record (ctx: Context) (record: Recorder) (key: Key) =
        let keys = Random.split 2 key
        flow ctx record (instances keys[0] (if ctx.Quick then 8 else 32))
        edge ctx record (instances keys[1] (if ctx.Quick then 4 else 16))
