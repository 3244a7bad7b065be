namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Three two-layer networks on a parity: flat ones generalise, flat ones memorise, and what SAM finds.
module SharpnessNotOnly =
    [<Literal>]
    let private Paper = "sharpness-not-only"

    let private Epsilon = 1e-3

    /// A network: its outputs on inputs [n; d].
    type private Architecture = { Name: string; Predict: Tensor -> BiasedReluWeights -> Tensor }

    let private plain = {
        Name = "without biases"
        Predict = fun x w -> BiasedRelu.predict x { w with Bias = 0.0 * w.Bias }
    }

    let private biased = { Name = "with biases"; Predict = BiasedRelu.predict }

    let private normalised = { Name = "normalised"; Predict = BiasedRelu.predictNormalised Epsilon }

    /// Random corners of the cube with the target x₁x₂, different for each run: some to train on and 2000 to test.
    type private Parity = { Inputs: Tensor; Targets: Tensor; Test: Tensor; TestTargets: Tensor }

    let private parity key d n =
        let keys = Random.split 2 key
        let draw k count = let x = Random.rademacher k [ count; d ] in x, x[*, 0] * x[*, 1]
        let x, y = draw keys[0] n
        let test, targets = draw keys[1] 2000
        { Inputs = x; Targets = y; Test = test; TestTargets = targets }

    /// The loss at the point where it is highest nearby, to first order: its gradient is that of SAM (Foret et al. 2021).
    let private sharpnessAware radius (loss: Tensor -> Tensor -> 'P -> Tensor) x y (w: 'P) =
        let around = SharpnessAware.perturbation (SharpnessAwareOptions.Sam radius) (Diff.grad (loss x y) w) w
        loss x y (Tree.map2 (fun p e -> p + Tensor.stopGradient e) w around)

    /// What became of one run.
    type private Outcome = { Loss: float; Accuracy: float; Trace: float }

    type private Setting = {
        Dimension: int
        Samples: int
        Width: int
        Steps: int
        Rate: float
        Radius: float
    }

    let private outcome (a: Architecture) (p: Parity) (w: BiasedReluWeights) =
        let guesses, truth = (a.Predict p.Test w).toArray(), p.TestTargets.toArray ()

        {
            Loss = (BiasedRelu.loss (a.Predict p.Inputs w) p.Targets).item()
            Accuracy = Array.map2 (fun g t -> if g * t > 0.0 then 1.0 else 0.0) guesses truth |> Array.average
            Trace = (BiasedRelu.hessianTrace p.Inputs w).item()
        }

    /// Runs side by side, one sample a step; then, for those that are to interpolate, gradient descent on all samples.
    let private train (ctx: Context) (s: Setting) (a: Architecture) radius (data: Parity[]) finish key =
        let loss x y w = BiasedRelu.loss (a.Predict x w) y
        let keys = Random.split (data.Length + 1) key

        let runs = {
            Inputs = data |> Array.map _.Inputs |> Tensor.stack 0
            Targets = data |> Array.map _.Targets |> Tensor.stack 0
            Parameters = Array.init data.Length (fun i -> BiasedRelu.init keys[i] 1.0 s.Width s.Dimension) |> Runs.stack
        }

        let observe k _ =
            if k % 256 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

        let objective = if radius > 0.0 then sharpnessAware radius loss else loss
        let rates = Array.create data.Length s.Rate

        let w =
            GradientDescent.train objective (BatchSize.Random 1) (fun _ -> rates) keys[data.Length] s.Steps observe runs

        let w =
            if finish > 0 then
                GradientDescent.train loss BatchSize.Full (fun _ -> rates) key finish observe {
                    runs with
                        Parameters = w
                }
            else
                w

        Array.init data.Length (fun i -> outcome a data[i] (Runs.part i w))

    // ---- The memoriser ----

    let private memoriser (record: Recorder) (key: Key) =
        let d = 8

        let cube =
            Tensor.create
                [ 1 <<< d; d ]
                (Array.init ((1 <<< d) * d) (fun q -> if (q / d >>> q % d) &&& 1 = 0 then 1.0 else -1.0))

        let targets = cube[*, 0] * cube[*, 1]
        let take (t: Tensor) (rows: int[]) = Tensor.stack 0 (rows |> Array.map (fun i -> t[i]))

        let rows =
            [| 6; 12; 24 |]
            |> Array.map (fun n ->
                let order = Random.permutation (Random.fold n key) (1 <<< d)
                let seen, unseen = order[.. n - 1], order[n..]
                let x, y = take cube seen, take targets seen
                let w = BiasedRelu.memoriser (0.6 * (float d + 1.0) ** 0.25) x y
                let theta, unravel = Tree.ravel w
                let loss v = BiasedRelu.loss (BiasedRelu.predict x (unravel v)) y
                let trace = (Diff.laplacian loss theta).item()
                let elsewhere = (Tensor.max (Tensor.abs (BiasedRelu.predict (take cube unseen) w))).item()
                abs (trace / BiasedRelu.traceBound d - 1.0), (loss theta).item(), elsewhere)

        record.Claim(
            "memoriser-attains-bound",
            Status.Theorem,
            "With biases there are interpolating networks, as flat as any can be, that know nothing but their data.",
            "tr ∇²L = 4 √(d + 1), f = 0 off the data (Wen et al. 2023)",
            Relation.AtMost,
            0.0,
            1e-12,
            rows |> Array.map (fun (trace, loss, off) -> Array.max [| trace; loss; off |]) |> Array.max,
            "Largest of the relative error of the trace of the Hessian (a Laplacian, by differentiation), the loss, and the largest output at the other corners, for 6, 12 and 24 of the 256 corners in eight dimensions; the trace is 12."
        )

    // ---- What SAM finds ----

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 3 (Random.key ctx.Seed)
        ctx.Progress 0.0 "the memoriser"
        memoriser record keys[0]

        let s = {
            Dimension = 20
            Samples = 60
            Width = 100
            Steps = 15_000
            Rate = 0.01
            Radius = 0.3
        }

        let seeds = if ctx.Quick then 4 else 16
        let data = Array.init seeds (fun i -> parity (Random.fold i keys[1]) s.Dimension s.Samples)

        let trained fraction setting architecture radius finish =
            let name = if radius > 0.0 then "SAM" else "SGD"
            ctx.Progress fraction $"{name}, network {architecture.Name}"
            train ctx setting architecture radius data finish keys[2]

        let plainSgd = trained 0.05 s plain 0.0 0
        let plainSam = trained 0.2 s plain s.Radius 0
        let biasedSgd = trained 0.4 s biased 0.0 0
        let biasedSam = trained 0.5 s biased s.Radius 4000
        let faster = { s with Rate = 0.03 }
        let normalSgd = trained 0.8 faster normalised 0.0 0
        let normalSam = trained 0.9 faster normalised s.Radius 0
        // Where a large radius left neurons dead or kept the loss high, the network does not fit its data and says nothing.
        let fits (o: Outcome) = o.Loss < 0.1
        let accuracy (o: Outcome[]) = o |> Array.filter fits |> Array.averageBy _.Accuracy

        let spread (o: Outcome[]) =
            $"{o |> Array.map _.Accuracy |> Array.min:F2} to {o |> Array.map _.Accuracy |> Array.max:F2}"

        let bound = BiasedRelu.traceBound s.Dimension
        let ratios (o: Outcome[]) = o |> Array.filter fits |> Array.map (fun o -> o.Trace / bound)
        let geometric (x: float[]) = exp (x |> Array.averageBy log)

        let setting =
            $"{seeds} draws of {s.Samples} corners in {s.Dimension} dimensions with target x₁x₂, {s.Width} neurons, one sample a step, {s.Steps} steps, ρ = {s.Radius}"

        record.Claim(
            "sam-generalises-without-bias",
            Status.Observation,
            "Without biases flat networks generalise, and SAM finds them.",
            "test accuracy of 1-SAM ≈ 1 (Wen et al. 2023, scenario 1)",
            Relation.AtLeast,
            0.95,
            0.0,
            accuracy plainSam,
            $"Mean accuracy on 2000 other corners, {spread plainSam}; {plainSam |> Array.filter fits |> Array.length} of {seeds} runs, those with a loss below 0.1; SGD on the same data {accuracy plainSgd:F2}; {setting}. The mean trace falls from {plainSgd |> Array.averageBy _.Trace:F0} to {plainSam |> Array.averageBy _.Trace:F0}, to be compared with {4.0 * sqrt (float s.Dimension):F1}. Samples and width were chosen on other seeds: in eight dimensions SGD generalises already, and with 60 neurons some runs of SAM stay at a loss of 1/4."
        )

        record.Claim(
            "sam-memorises-with-bias",
            Status.Observation,
            "With biases SAM finds flat networks that do not generalise.",
            "test accuracy of 1-SAM clearly below 1 (Wen et al. 2023, scenario 2)",
            Relation.AtMost,
            0.9,
            0.0,
            accuracy biasedSam,
            $"Mean accuracy on 2000 other corners, {spread biasedSam}; {setting}, then 4000 steps of gradient descent to interpolate (largest loss {biasedSam |> Array.map _.Loss |> Array.max:G2}). Without biases it is {accuracy plainSam:F2} on the same data; SGD with biases {accuracy biasedSgd:F2}."
        )

        record.Claim(
            "flat-all-the-same",
            Status.Observation,
            "These networks are nearly as flat as any interpolating network can be.",
            "tr ∇²L / 4√(d + 1) ≈ 1",
            Relation.AtMost,
            1.5,
            0.0,
            geometric (ratios biasedSam),
            $"Geometric mean of the trace over its lower bound {bound:F2}, {ratios biasedSam |> Array.min:F3} to {ratios biasedSam |> Array.max:F3}; SGD {geometric (ratios biasedSgd):F1}."
        )

        record.Claim(
            "bound-holds",
            Status.Theorem,
            "No interpolating network is flatter than the bound.",
            "tr ∇²L ≥ 4 √(d + 1) for |y| = 1 (arithmetic and geometric mean)",
            Relation.AtLeast,
            1.0,
            0.02,
            Array.append (ratios biasedSam) (ratios biasedSgd) |> Array.min,
            $"Least trace over its lower bound among the networks with biases; where the loss is not quite zero |f| falls short of 1 by up to √(n · loss), for which 2 %% are allowed."
        )

        let gains = Array.map2 (fun a b -> a.Accuracy - b.Accuracy) normalSam normalSgd
        let gain, error = Fit.meanAndError gains

        record.Claim(
            "sam-generalises-with-normalisation",
            Status.Observation,
            "With simplified layer normalisation SAM generalises better than SGD.",
            "test accuracy of 1-SAM above that of SGD (Wen et al. 2023, scenario 3)",
            Relation.AtLeast,
            0.05,
            0.0,
            gain,
            $"Mean paired difference of the accuracies, {gain:F3} ± {error:F3}: SAM {accuracy normalSam:F2} ({spread normalSam}), SGD {accuracy normalSgd:F2}; {setting}, step 0.03. The paper shows that the flattest of these networks need not generalise; that is not tested here."
        )

        let bars name (values: float list) = {
            Name = name
            Mark = Mark.Bars
            X = [| 1.0; 2.0; 3.0 |]
            Y = Array.ofList values
        }

        ctx.Draw {
            Title = "Test accuracy on a parity"
            Caption =
                $"Networks without biases (1), with biases (2), and with biases and simplified layer normalisation (3); {setting}."
            XLabel = "network"
            YLabel = "test accuracy"
            LogX = false
            LogY = false
            Series = [
                bars "SGD" [ accuracy plainSgd; accuracy biasedSgd; accuracy normalSgd ]
                bars "SAM" [ accuracy plainSam; accuracy biasedSam; accuracy normalSam ]
            ]
        }

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Sharpness minimisation does not only minimise sharpness"
        Citation =
            "K. Wen, Z. Li and T. Ma, Sharpness Minimization Algorithms Do Not Only Minimize Sharpness To Achieve Better Generalization, NeurIPS 2023, arXiv:2307.11007"
        Summary =
            "Three two-layer ReLU networks fit a parity of two bits. Without biases the flattest interpolating networks generalise; with biases some of the flattest only memorise, and SAM finds such ones; with normalisation SAM generalises although flatness alone does not decide. "
            + "The flat memoriser is built, its trace attains the lower bound, and SAM is run on all three."
        Claims = [
            "memoriser-attains-bound"
            "sam-generalises-without-bias"
            "sam-memorises-with-bias"
            "flat-all-the-same"
            "bound-holds"
            "sam-generalises-with-normalisation"
        ]
        Run = run
    }
