namespace Hesse.Reproductions

open Hesse
open Hesse.Theory

/// Multinomial logistic regression on a Gaussian mixture by one-pass SGD, and its curvature class by class, for <c>OutlierAlignment</c>.
module internal OutlierAlignmentBlocks =
    /// Number of classes.
    [<Literal>]
    let Classes = 3

    /// Sizes of the experiment. The step is 2/d throughout.
    type Sizes = {
        Dimension: int
        /// Points for the blocks, apart from those of training.
        Held: int
        /// λ, ascending.
        Ratios: float[]
        Draws: int
        /// When the blocks are looked at, in units of d steps, from 0 on.
        Times: float[]
    }

    /// W₀ = scale · N(0, I/d), and the weight β of (β/2)‖W‖² in the loss.
    type Training = { Scale: float; Ridge: float }

    /// One symmetric block against the weights of its class.
    type Block = {
        /// ‖P x^a‖/‖x^a‖, P the projector on the k leading eigenvectors.
        Overlap: float
        /// Eigenvalues, descending.
        Values: float[]
        /// The largest eigenvalue of the same weighted sum over the noise alone.
        NoiseEdge: float
    } with

        member b.AboveEdge = b.Values |> Array.filter (fun v -> v > b.NoiseEdge) |> Array.length

    /// Blocks (a, a) of the Hessian and of the matrix of gradients at one time of one run.
    type Snapshot = {
        Ratio: float
        Draw: int
        Time: float
        Hessian: Block[]
        Gradient: Block[]
        Accuracy: float
    }

    /// Outputs W x; the weights of each class are a tensor of their own, so that blocks can be asked for by path.
    let outputs (rows: Tensor list) (x: Tensor) = Tensor.matmul x (Tensor.transpose (Tensor.stack 0 rows))

    let rowsOf (w: Tensor) = [ for a in 0 .. w.Shape[0] - 1 -> w[a] ]

    /// (1/m) Σᵢ sᵢ xᵢxᵢᵀ.
    let weighted (s: Tensor) (x: Tensor) =
        Tensor.matmul (Tensor.transpose (Tensor.expandDims 1 s * x)) x / float x.Shape[0]

    /// sᵢ of the Hessian: p_a(1 − p_a).
    let hessianWeights (p: Tensor) a = p[*, a] * (1.0 - p[*, a])

    /// sᵢ of the matrix of gradients: (p_a − y_a)².
    let gradientWeights (p: Tensor) (y: Tensor) a = Tensor.square (p[*, a] - y[*, a])

    let private block (s: Tensor) (data: MixtureSample) (row: Tensor) =
        let d = row.Size
        let values, vectors = Spectrum.leading d ((weighted s data.Inputs).toArray()) Classes
        let share = (GradientAlignment.withVectors vectors (row.toArray ())).Share

        {
            Overlap = sqrt share
            Values = values
            NoiseEdge = (Spectrum.eigenvalues d ((weighted s data.Noise).toArray()))[0]
        }

    let private look ratio draw time (held: MixtureSample) (w: Tensor) =
        let logits = outputs (rowsOf w) held.Inputs
        let p, y = Tensor.softmax 1 logits, Tensor.oneHot Classes held.Components

        {
            Ratio = ratio
            Draw = draw
            Time = time
            Hessian = Array.init Classes (fun a -> block (hessianWeights p a) held w[a])
            Gradient = Array.init Classes (fun a -> block (gradientWeights p y a) held w[a])
            Accuracy = (Losses.accuracy logits y).item()
        }

    /// One run of one-pass SGD, looked at from time to time.
    let run (ctx: Context) (sizes: Sizes) (training: Training) (ratio: float) (draw: int) (key: Key) : Snapshot list =
        let d = sizes.Dimension
        let means = GaussianMixture.orthonormalMeans (Random.fold 0 key) Classes d
        let held = GaussianMixture.sample (Random.fold 1 key) means ratio sizes.Held
        let eta = 2.0 / float d

        let step =
            Diff.compile (fun (w: Tensor, x: Tensor, y: Tensor) ->
                let loss v = Losses.crossEntropy (Tensor.matmul x (Tensor.transpose v)) y
                w - eta * (Diff.grad loss w + training.Ridge * w))

        let stops = sizes.Times |> Array.map (fun t -> int (t * float d))
        let fresh = GaussianMixture.sample (Random.fold 2 key) means ratio (max 1 (Array.last stops))
        let labels = Tensor.oneHot Classes fresh.Components

        let advance (w: Tensor) (first, last) =
            ctx.Cancellation.ThrowIfCancellationRequested()

            (w, seq { first .. last - 1 }) ||> Seq.fold (fun w i -> step (w, fresh.Inputs[i..i], labels[i..i]))

        let start = Random.normal (Random.fold 3 key) [ Classes; d ] * (training.Scale / sqrt (float d))

        (start, Array.pairwise stops)
        ||> Array.scan advance
        |> Array.mapi (fun i w -> look ratio draw sizes.Times[i] held w)
        |> List.ofArray
