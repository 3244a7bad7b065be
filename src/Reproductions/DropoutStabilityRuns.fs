namespace Hesse.Reproductions

open System.Threading
open Hesse
open Hesse.Theory

/// What `DropoutStability` trains and measures: networks in the mean-field scaling of many widths.
module internal DropoutStabilityRuns =
    /// A learning problem with its test set, for networks of any width.
    type Problem = {
        Inputs: Tensor
        Targets: Tensor
        TestInputs: Tensor
        TestTargets: Tensor
        Loss: Tensor -> Tensor -> Tensor
        Batch: BatchSize
        /// α: k steps take the mean-field time αk.
        Step: float
        Steps: int
    }

    /// Mean squared error without the factor one half, as in the paper.
    let squaredError predictions targets = 2.0 * Losses.meanSquaredError predictions targets

    /// Gaussian inputs and the sum of three tanh units of orthonormal directions: one law of the targets for every dimension D. As many samples as
    /// steps, each seen once; α = 0.1/D, because the theorem's error of finite steps is of order √(αD).
    let teacher (key: Key) (dimension: int) (time: float) (test: int) : Problem =
        let keys = Random.split 3 key
        let step = 0.1 / float dimension
        let steps = int (ceil (time / step))
        let directions = Random.orthogonal keys[0] dimension 3
        let label x = Tensor.matmul (Tensor.tanh (Tensor.matmul x directions)) (Tensor.ones [ 3; 1 ])

        let x, t = Random.normal keys[1] [ steps; dimension ], Random.normal keys[2] [ test; dimension ]

        {
            Inputs = x
            Targets = label x
            TestInputs = t
            TestTargets = label t
            Loss = squaredError
            Batch = BatchSize.Shuffled 1
            Step = step
            Steps = steps
        }

    /// All digits, centred; the loss is that of the training set, as in the paper's theorems on the risk that SGD minimises.
    let digits (data: Digits) (steps: int) : Problem =
        let x, y = Digits.inputs (Digits.centre data), Digits.oneHot 10 data

        {
            Inputs = x
            Targets = y
            TestInputs = x
            TestTargets = y
            Loss = Losses.crossEntropy
            Batch = BatchSize.Random 20
            Step = 0.5
            Steps = steps
        }

    /// A network that SGD found.
    let solve (ctx: Context) (problem: Problem) (width: int) (key: Key) : MeanFieldWeights =
        ctx.Cancellation.ThrowIfCancellationRequested()

        let start =
            MeanField.init (Random.fold 0 key) 1.0 width problem.Inputs.Shape[1] problem.Targets.Shape[1]

        let options = {
            TrainingOptions.GradientDescent(MeanField.rate problem.Step start) with
                Batch = problem.Batch
                Key = Random.fold 1 key
        }

        let loss (x, y) w = problem.Loss (MeanField.apply Tensor.tanh w x) y

        let final =
            Training.run
                options
                loss
                (problem.Inputs, problem.Targets)
                problem.Steps
                ignore
                ctx.Cancellation
                (Training.start options start)

        ctx.Cancellation.ThrowIfCancellationRequested()
        final.Parameters

    /// The loss of a network on the test set.
    let risk (problem: Problem) (w: MeanFieldWeights) =
        (problem.Loss (MeanField.apply Tensor.tanh w problem.TestInputs) problem.TestTargets).item()

    /// What keeping M neurons adds to the loss, for each of many random sets.
    let rises (problem: Problem) (key: Key) (sets: int) (kept: int) (w: MeanFieldWeights) : float[] =
        let masks = MeanField.subsets key sets kept w.Outgoing.Shape[0]
        let outputs = MeanField.applySubsets Tensor.tanh w problem.TestInputs masks
        let loss = Diff.vmap (fun f -> problem.Loss f problem.TestTargets) outputs
        let whole = risk problem w
        loss.toArray () |> Array.map (fun l -> l - whole)

    /// The path between two solutions, their straight line, and what the path must not exceed.
    type Connection = {
        Path: PathProfile
        Line: PathProfile
        /// The largest loss of the two solutions and of their halves.
        Worst: float
    }

    /// Profiles of many paths with one plan: they are walked as one, and what lies between them is thrown away.
    let private profiles (loss: 'P -> Tensor) perSegment (paths: 'P list list) : PathProfile list =
        let losses = (Connectivity.along loss perSegment (List.concat paths)).Losses
        let firsts = paths |> List.scan (fun first path -> first + List.length path) 0

        List.map2
            (fun first path ->
                let count = perSegment * (List.length path - 1)

                {
                    Places = Array.init (count + 1) (fun i -> float i / float count)
                    Losses = Array.sub losses (first * perSegment) (count + 1)
                })
            (List.truncate paths.Length firsts)
            paths

    /// Paths from each network to the next and from the last to the first, several times, with other random orders of the neurons:
    /// the half that the path drops is another one then.
    let connect (ctx: Context) (problem: Problem) (orders: int) (key: Key) (networks: MeanFieldWeights[]) =
        ctx.Cancellation.ThrowIfCancellationRequested()
        let loss layers = problem.Loss (Mlp.apply Tensor.tanh layers problem.TestInputs) problem.TestTargets
        let half = DropoutPath.dropout (fun n -> n / 2) 0

        let shuffled order i (w: MeanFieldWeights) =
            let neurons =
                Random.permutationTensor (Random.fold (order * networks.Length + i) key) w.Outgoing.Shape[0]

            Tree.map (Tensor.gather 0 neurons) w |> MeanField.toLayers

        let pairs = [
            for order in 1..orders do
                let layers = networks |> Array.mapi (shuffled order)

                for i in 0 .. layers.Length - 1 -> layers[i], layers[(i + 1) % layers.Length]
        ]

        let worst (a, b) = [ a; b; half a; half b ] |> List.map (fun w -> (loss w).item()) |> List.max

        let paths =
            profiles loss (if ctx.Quick then 2 else 4) (pairs |> List.map (fun (a, b) -> DropoutPath.path a b))

        let lines = profiles loss (if ctx.Quick then 4 else 10) (pairs |> List.map (fun (a, b) -> [ a; b ]))

        List.map3 (fun path line pair -> { Path = path; Line = line; Worst = worst pair }) paths lines pairs
