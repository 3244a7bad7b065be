namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// The training runs behind the claims of `DynamicalStability`: three interpolating models, trained by gradient descent and by
/// SGD with one sample a step, with several step sizes and seeds side by side.
module internal DynamicalStabilityTraining =
    /// One draw of data and starting point.
    type Draw<'P> = {
        Inputs: Tensor
        Targets: Tensor
        Start: 'P
        /// Error on data that was not trained on.
        TestError: 'P -> float
    }

    type Problem<'P> = {
        Name: string
        Predict: Tensor -> 'P -> Tensor
        Loss: Tensor -> Tensor -> 'P -> Tensor
        Draw: Key -> Draw<'P>
        /// The parameter norm that tr H is equivalent to.
        Norm: 'P -> float
    }

    /// What became of one run.
    type Outcome = {
        Step: float
        Seed: int
        Loss: float
        /// Of H = (1/n) Σᵢ gᵢgᵢᵀ, the Hessian at interpolation: trace and largest eigenvalue.
        Trace: float
        Sharpness: float
        /// Exact mean-square threshold of SGD with one sample.
        Critical: float
        Norm: float
        TestError: float
    } with

        /// η tr H / 2: at most 1 where SGD is stable.
        member o.TraceRatio = o.Step * o.Trace / 2.0

        /// η λ_max / 2: at most 1 where gradient descent is stable.
        member o.SharpnessRatio = o.Step * o.Sharpness / 2.0

    /// Loss below which a run counts as an interpolating minimum; targets have variance of order 1.
    [<Literal>]
    let InterpolationLoss = 1e-5

    /// Loss that is zero but for rounding.
    [<Literal>]
    let private RoundingLoss = 1e-20

    type Training = {
        Batch: BatchSize
        /// η at the first step; it grows linearly to its final value in so many steps.
        FirstStep: float
        WarmUp: int
        Steps: int
    }

    /// A run has converged when its loss is small and still fell over the last quarter of the run. A run that fitted the data
    /// while its step was small may leave a minimum that has become unstable, and end in a small oscillation of period two.
    let private outcome (problem: Problem<'P>) (draw: Draw<'P>) step seed (before: 'P) (w: 'P) =
        let lossAt w = (problem.Loss draw.Inputs draw.Targets w).item()
        let loss = lossAt w

        if
            not (Double.IsFinite loss)
            || loss > InterpolationLoss
            || loss > max RoundingLoss (0.9 * lossAt before)
        then
            None
        else
            let e = SgdStability.ensemble (Diff.jacobian (problem.Predict draw.Inputs) w)

            Some {
                Step = step
                Seed = seed
                Loss = loss
                Trace = SgdStability.trace e
                Sharpness = e.Eigenvalues[0]
                Critical = SgdStability.criticalStep Sampling.WithReplacement 1 e
                Norm = problem.Norm w
                TestError = draw.TestError w
            }

    /// Trains every step size on every draw; returns the runs that reached an interpolating minimum, and the number of all runs.
    let sweep (ctx: Context) (problem: Problem<'P>) (training: Training) (etas: float[]) (seeds: int) (key: Key) =
        let draws = Random.split seeds key |> Array.map problem.Draw

        let runs = [|
            for eta in etas do
                for seed in 0 .. seeds - 1 -> struct (eta, seed)
        |]

        let drawOf (struct (_, seed)) = draws[seed]
        let row (t: Tensor) = Tensor.expandDims 0 t

        let start = {
            Inputs = runs |> Array.map (fun r -> (drawOf r).Inputs) |> Tensor.stack 0
            Targets = runs |> Array.map (fun r -> (drawOf r).Targets) |> Tensor.stack 0
            Parameters =
                runs
                |> Array.map (fun r -> Tree.map row (drawOf r).Start)
                |> Array.reduce (Tree.map2 (fun a b -> Tensor.concat 0 [ a; b ]))
        }

        let schedule k =
            runs
            |> Array.map (fun (struct (eta, _)) ->
                GradientDescent.warmUp (min training.FirstStep eta) eta training.WarmUp k)

        let before = ref start.Parameters

        let observe k w =
            if k = 3 * training.Steps / 4 then
                before.Value <- w

            if k % 256 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

        let final =
            GradientDescent.train
                problem.Loss
                training.Batch
                schedule
                (Random.fold seeds key)
                training.Steps
                observe
                start

        let part i tree = Tree.map (fun (t: Tensor) -> t[i]) tree

        let ends =
            runs
            |> Array.mapi (fun i r ->
                let struct (eta, seed) = r
                outcome problem (drawOf r) eta seed (part i before.Value) (part i final))
            |> Array.choose id

        ends, runs.Length

    // ---- The three problems ----

    let private meanSquare (t: Tensor) = (Tensor.mean (t * t)).item()

    /// A two-layer ReLU network on n inputs uniform on the sphere of radius √d; targets of a teacher with three neurons.
    let reluTeacher n d width : Problem<TwoLayerWeights> =
        let draw key =
            let inputs i count =
                let x = Random.normal (Random.fold i key) [ count; d ]
                x * (sqrt (float d) / Tensor.expandDims 1 (Tensor.sqrt (Tensor.sumAxis 1 (x * x))))

            let teacher = {
                Hidden = Random.normal (Random.fold 2 key) [ 3; d ] / sqrt (float d)
                Readout = Tensor.ofArray [| 1.0; -1.0; 1.0 |]
            }

            let x, test = inputs 0 n, inputs 1 2000
            let truth = TwoLayerRelu.predict test teacher
            let spread = meanSquare (truth - Tensor.mean truth)

            {
                Inputs = x
                Targets = TwoLayerRelu.predict x teacher
                Start = TwoLayerRelu.init (Random.fold 3 key) 2.0 width d
                TestError = fun w -> meanSquare (TwoLayerRelu.predict test w - truth) / spread
            }

        {
            Name = "two-layer ReLU, teacher"
            Predict = TwoLayerRelu.predict
            Loss = TwoLayerRelu.loss
            Draw = draw
            Norm = fun w -> (TwoLayerRelu.pathNorm w).item()
        }

    /// A diagonal linear network on 30 inputs of random signs in 50 dimensions; targets of 5 coefficients ±1. All gradients
    /// have one norm, because every x_j² = 1.
    let sparseDiagonal: Problem<DiagonalWeights> =
        let n, d, nonzero = 30, 50, 5

        let draw key =
            let signs = (Random.rademacher (Random.fold 0 key) [ nonzero ]).toArray()
            let truth = Tensor.ofArray (Array.append signs (Array.zeroCreate (d - nonzero)))
            let x = Random.rademacher (Random.fold 1 key) [ n; d ]

            {
                Inputs = x
                Targets = Tensor.matmul x truth
                Start = {
                    Inner = Random.normal (Random.fold 2 key) [ d ]
                    Outer = Random.normal (Random.fold 3 key) [ d ]
                }
                TestError =
                    fun w ->
                        let wrong = DiagonalLinear.coefficients w - truth
                        (Tensor.dot wrong wrong).item() / float nonzero
            }

        {
            Name = "diagonal linear, sparse"
            Predict = DiagonalLinear.predict
            Loss = DiagonalLinear.loss
            Draw = draw
            Norm = fun w -> (Tensor.sum (Tensor.abs (DiagonalLinear.coefficients w))).item()
        }

    /// A two-layer ReLU network that tells the digits 3 and 8 apart (±1), from n centred images scaled to norm √10.
    let digitPair (digits: Digits) n width : Problem<TwoLayerWeights> =
        let positive, negative = 3, 8

        let rows = [|
            for i in 0 .. digits.Count - 1 do
                if digits.Labels[i] = positive || digits.Labels[i] = negative then
                    i
        |]

        let perClass = rows |> Array.countBy (fun i -> digits.Labels[i]) |> Array.map snd |> Array.min
        let pair = Digits.centre (Digits.take [ positive; negative ] perClass digits)
        let d = pair.Features

        let image i =
            let x = pair.Images[i * d .. i * d + d - 1]
            let scale = sqrt 10.0 / sqrt (Array.sumBy (fun v -> v * v) x)
            Array.map ((*) scale) x

        let label i = if pair.Labels[i] = positive then 1.0 else -1.0

        let draw key =
            let order = Random.permutation (Random.fold 0 key) pair.Count
            let inputs (chosen: int[]) = Tensor.create [ chosen.Length; d ] (Array.collect image chosen)
            let chosen, rest = order[.. n - 1], order[n..]
            let unseen = inputs rest
            // Gain as for inputs of dimension 10, which is what the norm of the images corresponds to.
            let start = TwoLayerRelu.init (Random.fold 1 key) 2.0 width d

            {
                Inputs = inputs chosen
                Targets = Tensor.ofArray (Array.map label chosen)
                Start = { start with Hidden = start.Hidden * sqrt (float d / 10.0) }
                TestError =
                    fun w ->
                        let outputs = (TwoLayerRelu.predict unseen w).toArray()

                        Array.map2 (fun out i -> if sign out = sign (label i) then 0.0 else 1.0) outputs rest
                        |> Array.average
            }

        {
            Name = "two-layer ReLU, digits 3 and 8"
            Predict = TwoLayerRelu.predict
            Loss = TwoLayerRelu.loss
            Draw = draw
            Norm = fun w -> (TwoLayerRelu.pathNorm w).item()
        }
