namespace Hesse.Reproductions

open Hesse
open Hesse.Theory

/// What `LinearModeConnectivity` trains and evaluates: small networks on pooled digits, and losses on lines between them.
module internal LinearModeConnectivityRuns =
    /// A smooth activation whose only symmetry is the order of the units.
    let activation (x: Tensor) = Tensor.gelu x

    let widths = [ 16; 16; 16; 10 ]

    /// Momentum SGD where it stands: step, parameters and velocity.
    type State = TrainingState<AffineLayer list>

    /// The loss of networks on all images, SGD on it, and the loss along lines; each plan is compiled once.
    type Landscape(ctx: Context, rate: int -> float) =
        let digits = Digits.load ctx.DataDirectory |> Digits.pool |> Digits.centre
        let x, y = Digits.inputs digits, Digits.oneHot 10 digits
        let lossOn (x, y) layers = Losses.crossEntropy (Mlp.apply activation layers x) y
        let loss layers = lossOn (x, y) layers
        let optimizer = Optimizer.momentum 0.9

        let advance =
            Diff.compile (fun (indices, w, moments, rate, count) ->
                let gradient = Diff.grad (lossOn (Training.gather indices (x, y))) w
                Optimizer.step optimizer rate count gradient w moments)

        let at = Diff.compile (fun (a, b, s: Tensor) -> loss (Connectivity.between a b s))

        let curvatureAt =
            Diff.compile (fun (a, b, s: Tensor) -> Diff.derivative 2 (fun t -> loss (Connectivity.between a b t)) s)

        /// Cross-entropy on the first images.
        member _.LossOnFirst count layers = lossOn (x[.. count - 1, *], y[.. count - 1, *]) layers

        /// The same on all images.
        member _.Value layers = (at (layers, layers, Tensor.scalar 0.0)).item()

        /// He initialisation.
        member _.Start(key: Key) : State =
            let w = Mlp.init key (sqrt 2.0) widths
            { Step = 0; Parameters = w; Moments = Optimizer.start optimizer w }

        /// SGD with batches of 10 from a stream of its own, until a number of steps has been taken.
        member _.Train (key: Key) (steps: int) (state: State) : State =
            let batch = Training.batches (BatchSize.Shuffled 10) key x.Shape[0]

            let step (state: State) k =
                if k % 256 = 0 then
                    ctx.Cancellation.ThrowIfCancellationRequested()

                let indices = (batch k).Value

                let w, moments =
                    advance (
                        indices,
                        state.Parameters,
                        state.Moments,
                        Tensor.scalar (rate k),
                        Tensor.scalar (float (k + 1))
                    )

                { Step = k + 1; Parameters = w; Moments = moments }

            Seq.fold step state (seq { state.Step .. steps - 1 })

        /// The loss on the straight line, and so the barrier.
        member _.Line (intervals: int) a b : PathProfile =
            let places = Array.init (intervals + 1) (fun i -> float i / float intervals)

            {
                Places = places
                Losses = places |> Array.map (fun s -> (at (a, b, Tensor.scalar s)).item())
            }

        /// L(½) − (L(0) + L(1))/2, of either sign.
        member l.Middle a b = (l.Line 2 a b).Losses |> fun v -> v[1] - 0.5 * (v[0] + v[2])

        /// δᵀHδ at a place of the line, δ = b − a.
        member _.Curvature a b (s: float) = (curvatureAt (a, b, Tensor.scalar s)).item()

    /// The first network with one layer of the second.
    let withLayer (layer: int) (a: AffineLayer list) (b: AffineLayer list) = List.updateAt layer b[layer] a

    /// Two runs that share the first steps and differ in their batches from then on.
    let branches (landscape: Landscape) (key: Key) (steps: int) (trunk: int) =
        let keys = Random.split 4 key
        let shared = landscape.Start keys[0] |> landscape.Train keys[1] trunk
        let branch k = (landscape.Train k steps shared).Parameters
        branch keys[2], branch keys[3]
