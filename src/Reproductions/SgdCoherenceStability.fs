namespace Hesse.Reproductions

open Hesse
open Hesse.Theory
open Hesse.Reproductions.SgdCoherenceTheory

/// Stability of SGD at a minimum from the coherence of per-sample curvatures.
module SgdCoherenceStability =
    [<Literal>]
    let private Paper = "sgd-stability-coherence"

    // ---- Networks on digits: the bound for both losses ----

    let private mlp w x = Mlp.apply Tensor.tanh w x

    let private networks (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        ctx.Progress 0.4 "curvatures of networks on digits"
        let classes, perClass = 4, (if ctx.Quick then 4 else 6)
        let data = digits |> Digits.take [ 0 .. classes - 1 ] perClass
        let p = HessianSpectrumDense.problem key 8 classes data
        let fitted = Interpolation.find ctx.Cancellation p.Outputs p.Targets p.Start
        let n = float data.Count

        let cases = [
            "squared loss at the start", SgdCoherence.squaredLoss mlp p.Inputs (p.Unravel p.Start)
            "squared loss at interpolation", SgdCoherence.squaredLoss mlp p.Inputs (p.Unravel fitted.Parameters)
            "cross-entropy at the start", SgdCoherence.crossEntropy mlp p.Inputs (p.Unravel p.Start)
            "cross-entropy at loss 0.1",
            SgdCoherence.crossEntropy mlp p.Inputs (p.Unravel(HessianSpectrumDense.train ctx 0.1 p))
        ]

        let rows =
            cases
            |> List.map (fun (name, c) ->
                ctx.Cancellation.ThrowIfCancellationRequested()

                let ratios =
                    [ 1.0; n / 4.0; n / 2.0 ]
                    |> List.map (fun b -> SgdCoherence.criticalStep b c / SgdCoherence.divergenceBound b c)

                let shown = ratios |> List.map (fun r -> r.ToString "F3") |> String.concat "/"

                List.max ratios,
                $"{name}: σ = {SgdCoherence.coherence c:F2}, λ₁ = {SgdCoherence.sharpness c:F3}, ratios {shown}")

        record.Claim(
            "networks-obey-the-bound",
            Status.Theorem,
            "The bound holds for the curvatures of networks, for squared loss and for cross-entropy alike.",
            "η* ≤ min(2, σ (n/B − 1)^(−½))/λ₁(H) for any loss that is a sum over samples (Dexter et al. 2024, theorem 1)",
            Relation.AtMost,
            1.0,
            1e-9,
            rows |> List.map fst |> List.max,
            $"""Largest ratio of the exact critical step to the bound, {data.Count} digits of {classes} classes, {data.Features}-8-{classes} tanh network with M = {p.Size} (Gauss–Newton curvatures, residual at interpolation {fitted.Residual:G2}), B = 1, n/4, n/2: {rows |> List.map snd |> String.concat "; "}."""
        )

    // ---- SGD itself at an interpolating minimum ----

    /// A network with one output that fits its samples to rounding, and its per-sample curvatures.
    type private Minimum = {
        Parameters: Tensor
        Curvatures: SampleCurvature
        /// Columns: the basis of the curvatures in the space of the parameters, shape [M; r].
        Basis: Tensor
        /// Loss of one parameter vector, samples weighted by 0 or 1.
        WeightedLoss: Tensor -> Tensor -> Tensor
        Residual: float
    }

    let private minimum (ctx: Context) (digits: Digits) (key: Key) =
        let data = digits |> Digits.take [ 0; 1 ] 3
        let inputs = Digits.inputs data
        let targets = Tensor.create [ data.Count; 1 ] (data.Labels |> Array.map (fun c -> 2.0 * float c - 1.0))
        let start, unravel = Tree.ravel (Mlp.init key 1.0 [ data.Features; 4; 1 ])
        let outputs theta = mlp (unravel theta) inputs
        let fitted = Interpolation.find ctx.Cancellation outputs targets start
        let curvatures = SgdCoherence.squaredLoss mlp inputs (unravel fitted.Parameters)
        // A = F Vᵀ with orthonormal V, hence V = Aᵀ F (FᵀF)⁻¹.
        let full = Diff.jacobian (outputs >> Tensor.flatten) fitted.Parameters
        let reduced = Tensor.create [ data.Count; curvatures.Rank ] curvatures.Factors

        {
            Parameters = fitted.Parameters
            Curvatures = curvatures
            Basis = Tensor.matmul (Tensor.transpose full) (Tensor.transpose (Linalg.pinv reduced))
            WeightedLoss =
                fun mask theta -> 0.5 * Tensor.sum (mask * Tensor.square (Tensor.flatten (outputs theta - targets)))
            Residual = fitted.Residual
        }

    /// E‖θ_k − θ*‖² over its start value for k = 0, …, steps: every sequence of batches of plain SGD, from every column of a root of the covariance.
    let private enumerate (ctx: Context) (m: Minimum) (batch: float) eta covariance steps =
        let n = m.Curvatures.Samples
        let distance = 1e-6

        let advance =
            Diff.compile (fun (theta: Tensor, mask: Tensor) ->
                theta - eta / batch * Diff.vmap (Diff.grad (m.WeightedLoss mask)) theta)

        let batches = [
            for bits in 0 .. (1 <<< n) - 1 do
                let chosen = Array.init n (fun i -> float ((bits >>> i) &&& 1))
                let p, size = batch / float n, Array.sum chosen
                Tensor.ofArray chosen, p ** size * (1.0 - p) ** (float n - size)
        ]

        let values, vectors = Linalg.eigh covariance
        let root = Tensor.matmul vectors (Tensor.diag (Tensor.sqrt (Tensor.relu values)))
        let offsets = Tensor.transpose (Tensor.matmul m.Basis root)

        let next (states: Tensor, weights: Tensor) =
            ctx.Cancellation.ThrowIfCancellationRequested()

            let states, weights =
                batches
                |> List.map (fun (mask, probability) -> advance (states, mask), probability * weights)
                |> List.unzip

            Tensor.concat 0 states, Tensor.concat 0 weights

        let start = m.Parameters + distance * offsets, Tensor.ones [ offsets.Shape[0] ]

        (start, [ 1..steps ])
        ||> List.scan (fun state _ -> next state)
        |> List.map (fun (states, weights) ->
            let offset = (states - m.Parameters) / distance
            (Tensor.sum (weights * Tensor.sumAxis 1 (offset * offset))).item())
        |> Array.ofList

    let private growth (ctx: Context) (record: Recorder) (digits: Digits) (key: Key) =
        ctx.Progress 0.6 "SGD at an interpolating minimum"
        let m = minimum ctx digits key
        let steps = 2
        let factors = [ 0.25; 0.5; 0.75; 1.0; 1.25; 1.5 ]

        let cases = [
            for batch in [ 1.0; 3.0 ] do
                let critical = SgdCoherence.criticalStep batch m.Curvatures

                for factor in factors do
                    let rho, covariance = SgdCoherence.growthMode batch (factor * critical) m.Curvatures
                    batch, factor, rho, enumerate ctx m batch (factor * critical) covariance steps
        ]

        let deviation (_, _, rho: float, moments: float[]) = abs (moments[steps] / (rho * rho) - 1.0)

        record.Claim(
            "sgd-grows-as-predicted",
            Status.Theorem,
            "SGD on a network leaves an interpolating minimum, or returns to it, at the rate of the linearised second moment.",
            "E‖θ_k − θ*‖² = ρ(M)ᵏ E‖θ₀ − θ*‖² from the fastest mode, linearised (Dexter et al. 2024, section 3)",
            Relation.Absolute,
            0.0,
            1e-5,
            cases |> List.map deviation |> List.max,
            $"Largest relative deviation after {steps} steps of SGD itself (no linearisation), in the mean over all {1 <<< m.Curvatures.Samples}² sequences of batches, from 1e-6 off a {digits.Features}-4-1 tanh network that fits {m.Curvatures.Samples} digits (residual {m.Residual:G1}); each digit is in a batch with probability B/n, B = 1 and 3, at 0.25 to 1.5 times the critical step. The tolerance is ten times the distance from the minimum: what a cubic term of order one leaves. The mean is taken over all batches because in samples of long runs it sits in rare events."
        )

        ctx.Draw {
            Title = "Growth of the second moment of SGD at an interpolating minimum"
            Caption =
                "Factor of E‖θ − θ*‖² in a step: all batches of plain SGD on the network (points), and ρ(M) from its per-sample curvatures (lines); stable below 1."
            XLabel = "η/η*"
            YLabel = "factor a step"
            LogX = false
            LogY = false
            Series = [
                for batch, rows in cases |> List.groupBy (fun (batch, _, _, _) -> batch) do
                    let rows = Array.ofList rows

                    {
                        Name = $"SGD, B = {batch:F0}"
                        Mark = Mark.Markers
                        X = rows |> Array.map (fun (_, factor, _, _) -> factor)
                        Y = rows |> Array.map (fun (_, _, _, moments) -> sqrt moments[steps])
                    }

                    {
                        Name = $"ρ(M), B = {batch:F0}"
                        Mark = Mark.Lines
                        X = rows |> Array.map (fun (_, factor, _, _) -> factor)
                        Y = rows |> Array.map (fun (_, _, rho, _) -> rho)
                    }
            ]
        }

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 7 (Random.key ctx.Seed)
        let digits = Digits.pool (Digits.load ctx.DataDirectory)
        ctx.Progress 0.0 "random families of curvatures"
        secondMoment record keys[0]
        coherenceBoundsSharpness ctx record keys[1]
        ctx.Cancellation.ThrowIfCancellationRequested()
        tightFamilies record keys[2]
        ctx.Progress 0.2 "critical steps of random families"
        divergence ctx record keys[3]
        ctx.Cancellation.ThrowIfCancellationRequested()
        order ctx record keys[4]
        networks ctx record digits keys[5]
        growth ctx record digits keys[6]
        ctx.Progress 1.0 "done"

    /// The reproduction, for the catalogue.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Stability of SGD from the coherence of per-sample curvatures"
        Citation =
            "G. Dexter, B. Ocejo, S. Keerthi, A. Gupta, A. Acharya, R. Khanna, A Precise Characterization of SGD Stability Using Loss Surface Geometry, ICLR 2024, arXiv:2401.12332"
        Summary =
            "Linearised SGD with independent draws diverges in mean square when the sharpness exceeds a bound set by the batch size and by the coherence of the Hessians of single samples; for every coherence there are Hessians that are stable nearly up to it. "
            + "Checked here against the exact threshold of the second moment on random and tight families and on networks with squared loss and cross-entropy, and against SGD itself at a minimum."
        Claims = [
            "second-moment-map"
            "coherence-bounds-sharpness"
            "coherent-families-are-tight"
            "divergence-theorem"
            "coherence-orders-stability"
            "networks-obey-the-bound"
            "sgd-grows-as-predicted"
        ]
        Run = run
    }
