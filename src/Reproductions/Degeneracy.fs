namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Where a loss landscape is flat because of the network's structure: counts of null directions.
module internal DegeneracyRanks =
    /// Singular values below this fraction of the largest are zero.
    [<Literal>]
    let private Tolerance = 1e-9

    let private rank model point = (FunctionalDimension.onBatch Tolerance model point).Rank

    let private network key widths =
        let keys = Random.split (1 + List.length widths) key

        Mlp.init keys[0] 1.0 widths
        |> List.mapi (fun i l -> { l with Bias = 0.3 * Random.normal keys[i + 1] l.Bias.Shape })

    /// The largest of a count's deviations from its law over several draws.
    let private deviation draws (count: int -> int * int) =
        Seq.init draws (count >> fun (found, law) -> float (abs (found - law))) |> Seq.max

    // ---- Deep linear networks ----

    let private linearNetwork key (widths: int list) =
        widths
        |> List.pairwise
        |> List.mapi (fun i (n, m) -> Random.normal (Random.fold i key) [ m; n ] / sqrt (float n))
        |> Array.ofList

    let private outputs x (weights: Tensor[]) = Tensor.matmul x (Tensor.transpose (DeepLinear.endToEnd weights))

    let private architectures = [
        [ 5; 3; 4 ]
        [ 6; 4; 4; 5 ]
        [ 6; 2; 5; 3 ]
        [ 3; 7; 4 ]
        [ 4; 4; 1; 4; 4 ]
        [ 8; 5; 6 ]
    ]

    let deepLinear (record: Recorder) (draws: int) (key: Key) =
        let error i =
            architectures
            |> List.map (fun widths ->
                let keys = Random.split 2 (Random.fold i key)
                let x = Random.normal keys[1] [ 20; widths.Head ]
                float (abs (rank (outputs x) (linearNetwork keys[0] widths) - DeepLinear.gaussNewtonRank widths)))
            |> List.max

        record.Claim(
            "deep-linear-rank",
            Status.Theorem,
            "A deep linear network has as many non-degenerate directions as matrices of the rank of its bottleneck have dimensions.",
            "rank G = q (d + k − q), q the least width",
            Relation.Absolute,
            0.0,
            0.0,
            Seq.init draws error |> Seq.max,
            $"Largest deviation of the rank of the Jacobian from the law over {architectures.Length} architectures, two to five layers, and {draws} draws of weights and 20 inputs; (5, 3, 4) has rank 18 of 27 parameters."
        )

        // The weights of layer l see its input through the layers below, the output through those above.
        let layers i =
            let widths = [ 6; 2; 5; 3 ]
            let keys = Random.split 2 (Random.fold i key)
            let x, weights = Random.normal keys[1] [ 20; 6 ], linearNetwork keys[0] widths

            List.init 3 (fun l ->
                let below = List.min widths[..l]
                let above = List.min widths[l + 1 ..]
                let one w = outputs x (weights |> Array.mapi (fun j v -> if j = l then w else v))
                float (abs (rank one weights[l] - below * above)))
            |> List.max

        record.Claim(
            "layer-rank-is-product",
            Status.Theorem,
            "The rank of one layer's block is at most the rank of its activations times that of the gradients that reach it.",
            "rank G_l ≤ r_l s_l, with equality in linear networks (Bushnaq et al. 2024, section 3.1)",
            Relation.Absolute,
            0.0,
            0.0,
            Seq.init draws layers |> Seq.max,
            $"Largest deviation from r_l s_l over the three layers of (6, 2, 5, 3) linear networks, {draws} draws: with the bottleneck of 2 below or above, two of them are degenerate by their activations or by their gradients."
        )

    // ---- Zero loss ----

    let zeroLoss (record: Recorder) (draws: int) (key: Key) =
        let error i =
            let keys = Random.split 2 (Random.fold i key)
            let layers = network keys[0] [ 3; 5; 2 ]
            let x = Random.normal keys[1] [ 12; 3 ]
            let model w = Mlp.apply Tensor.tanh w x
            let largest (m: float[]) = m |> Array.map abs |> Array.max

            let apart shift =
                let targets = model layers + shift
                let split = GaussNewton.split 16 model (fun f -> Losses.meanSquaredError f targets) layers
                largest (Array.map2 (-) split.Hessian split.GaussNewton) / largest split.Hessian

            apart 0.0, apart 1.0

        let errors = Array.init draws error

        record.Claim(
            "hessian-is-gauss-newton",
            Status.Theorem,
            "Where the loss is zero the Hessian is the Gram matrix of the gradients of the outputs.",
            "H = (1/n) Σ JᵀJ at zero behavioural loss (Bushnaq et al. 2024, section 2)",
            Relation.AtMost,
            0.0,
            1e-12,
            errors |> Array.map fst |> Array.max,
            $"Largest entry of H − G over the largest of H, {draws} tanh networks 3-5-2 with their own outputs as targets. With targets that are off by one it is at least {errors |> Array.map snd |> Array.min:F2}."
        )

    // ---- Planted degeneracies ----

    /// A tanh network 4-6-3 whose hidden neurons 4 and 5 are copies of neurons 0 and 1: activations of rank 4 (and a constant).
    let private dependent key =
        let layers = network key [ 4; 6; 3 ]

        let copy (t: Tensor) axis =
            Tensor.stack axis [ for j in [ 0; 1; 2; 3; 0; 1 ] -> if axis = 0 then t[j] else t[*, j] ]

        [ { Weight = copy layers[0].Weight 1; Bias = copy layers[0].Bias 0 }; layers[1] ]

    let activations (record: Recorder) (draws: int) (key: Key) =
        let hidden, independent, width = 6, 4, 3

        let sample i =
            let keys = Random.split 3 (Random.fold i key)
            let layers = dependent keys[0]
            layers, Random.normal keys[1] [ 40; 4 ], keys[2]

        let withLast (layers: AffineLayer list) x weight =
            Mlp.apply Tensor.tanh [ layers[0]; { layers[1] with Weight = weight } ] x

        let count i =
            let layers, x, _ = sample i
            hidden * width - rank (withLast layers x) layers[1].Weight, width * (hidden - independent)

        record.Claim(
            "dependent-activations",
            Status.Theorem,
            "Activations of rank r < d feeding m neurons leave m (d − r) directions of their weights without effect.",
            "dim ker ≥ d_{l+1} (d_l − r_l) (Bushnaq et al. 2024, section 3.1)",
            Relation.Absolute,
            0.0,
            0.0,
            deviation draws count,
            $"Largest deviation of the null dimension of the last layer's weights from 3 · (6 − 4), {draws} tanh networks 4-6-3 with two copied neurons."
        )

        let moved i =
            let layers, x, key = sample i
            let direction = Random.normal key [ 2; width ]
            // What a copy gains its original loses.
            let step = Tensor.concat 0 [ -direction; Tensor.zeros [ 2; width ]; direction ]
            let outputs w = withLast layers x w
            (Tensor.max (Tensor.abs (outputs (layers[1].Weight + 10.0 * step) - outputs layers[1].Weight))).item()

        record.Claim(
            "flat-over-distance",
            Status.Theorem,
            "These directions are flat over any distance, not only to second order.",
            "f(θ + t v) = f(θ) for every t",
            Relation.AtMost,
            0.0,
            1e-12,
            Seq.init draws moved |> Seq.max,
            $"Largest change of an output when the weights move ten standard deviations along the null directions, {draws} draws; outputs are of order 1."
        )

    let neurons (record: Recorder) (draws: int) (key: Key) =
        let inputs = 3

        let copied i =
            let keys = Random.split 2 (Random.fold i key)
            let layers = network keys[0] [ inputs; 4; 1 ]
            let x = 2.0 * Random.normal keys[1] [ 200; inputs ]

            let copy (t: Tensor) axis =
                Tensor.stack axis [ for j in [ 0; 1; 2; 0 ] -> if axis = 0 then t[j] else t[*, j] ]

            let twin = [ { Weight = copy layers[0].Weight 1; Bias = copy layers[0].Bias 0 }; layers[1] ]
            let model w = Mlp.apply Tensor.tanh w x
            rank model layers - rank model twin, inputs + 2

        record.Claim(
            "copied-neuron",
            Status.Theorem,
            "A neuron that is the copy of another adds no dimension to the functions nearby.",
            "null directions: d_in + 1 (weights and bias) + 1 (readout)",
            Relation.Absolute,
            0.0,
            0.0,
            deviation draws copied,
            $"Largest deviation of the fall in rank from 3 + 2, tanh networks 3-4-1 on 200 inputs, {draws} draws."
        )

        // Two units without biases; the second sees a change of direction too small to cross any of the inputs.
        let synchronised i =
            let d = 5
            let keys = Random.split 4 (Random.fold i (Random.fold 1 key))
            let x, w = Random.normal keys[0] [ 60; d ], Random.normal keys[1] [ d ]

            let margin =
                (Tensor.min (Tensor.abs (Tensor.matmul x w) / Tensor.sqrt (Tensor.sumAxis 1 (x * x)))).item()

            let turn = Random.normal keys[2] [ d ]
            let near = w + 0.9 * margin * turn / Tensor.sqrt (Tensor.dot turn turn)
            let readout = Random.normal keys[3] [ 2 ]
            let model weights = TwoLayerRelu.predict x weights
            let pair second = { Hidden = Tensor.stack 0 [ w; second ]; Readout = readout }
            let free = rank model (pair (Random.normal (Random.fold 9 keys[2]) [ d ]))
            abs (rank model (pair near) - d) + abs (free - 2 * d), 0

        record.Claim(
            "synchronised-relus",
            Status.Theorem,
            "Two ReLU units that fire on the same inputs have the rank of one.",
            "rank d in place of 2d: d null directions besides the two rescalings (Bushnaq et al. 2024, section 3.2)",
            Relation.Absolute,
            0.0,
            0.0,
            deviation draws synchronised,
            $"Largest deviation from rank 5 for two units with different weights and equal gates on 60 inputs in R⁵, and from rank 10 for two random units, {draws} draws."
        )

/// Coordinates of activations that do not see linear degeneracies.
module internal DegeneracyBasis =
    /// Two networks 2-3-3-1 with inputs of their own, seen as one network 4-6-6-2, with the activations of both hidden layers
    /// multiplied by regular matrices that the next layer undoes.
    type private Modules = {
        First: Tensor
        Second: Tensor
        Readout: Tensor
        Mixing: Tensor[]
        Inputs: Tensor
    } with

        member m.Hidden1(x: Tensor) = Tensor.matmul m.Mixing[0] (Tensor.tanh (Tensor.matmul m.First x))

        member m.Hidden2(h: Tensor) =
            Tensor.matmul m.Mixing[1] (Tensor.tanh (Tensor.matmul m.Second (Linalg.solve m.Mixing[0] h)))

        member m.Output(h: Tensor) = Tensor.matmul m.Readout (Linalg.solve m.Mixing[1] h)

    let private blocks key rows columns =
        let keys = Random.split 2 key
        let block k = Random.normal k [ rows; columns ]
        let zero = Tensor.zeros [ rows; columns ]
        Tensor.concat 0 [ Tensor.concat 1 [ block keys[0]; zero ]; Tensor.concat 1 [ zero; block keys[1] ] ]

    /// The inputs are all pairs of 12 inputs of one module and 12 of the other, so that the modules are independent exactly.
    let private modules (key: Key) : Modules =
        let keys = Random.split 6 key
        let part k = (1.5 * Random.normal k [ 12; 2 ])
        let a, b = part keys[4], part keys[5]

        {
            First = blocks keys[0] 3 2
            Second = blocks keys[1] 3 3
            Readout = blocks keys[2] 1 3
            Mixing = Array.init 2 (fun l -> Random.normal (Random.fold l keys[3]) [ 6; 6 ])
            Inputs =
                Tensor.stack 0 [
                    for i in 0..11 do
                        for j in 0..11 -> Tensor.concat 0 [ a[i]; b[j] ]
                ]
        }

    let private basesOf (m: Modules) =
        let h1 = Diff.vmap m.Hidden1 m.Inputs
        let h2 = Diff.vmap m.Hidden2 h1
        let second = InteractionBasis.ofLayer 1e-10 h2 m.Output
        let first = InteractionBasis.ofLayer 1e-10 h1 (fun h -> second.Apply(m.Hidden2 h))
        [| first, h1; second, h2 |]

    /// Share of each function's squared weights that lies in one module, on average, in the unmixed activations.
    let private purity (mixing: Tensor) (rows: Tensor) =
        let weights = Tensor.square (Tensor.matmul rows mixing)
        let one, all = Tensor.sumAxis 1 weights[*, ..2], Tensor.sumAxis 1 weights
        let share = one / all
        (Tensor.mean (Tensor.maximum share (1.0 - share))).item()

    let private values (b: InteractionBasis, h: Tensor) = Diff.vmap b.Apply h

    let basis (ctx: Context) (record: Recorder) (draws: int) (key: Key) =
        let rows =
            Array.init draws (fun i ->
                ctx.Cancellation.ThrowIfCancellationRequested()
                let m = modules (Random.fold i key)
                let mixed = basesOf m
                let plain = basesOf { m with Mixing = Array.create 2 (Tensor.eye 6) }

                let pure' = Array.init 2 (fun l -> purity m.Mixing[l] (fst mixed[l]).Transform) |> Array.average

                let principal =
                    Array.init 2 (fun l ->
                        let centred = snd mixed[l] - Tensor.meanAxis 0 (snd mixed[l])
                        let _, vectors = Linalg.eigh (Tensor.matmul (Tensor.transpose centred) centred)
                        purity m.Mixing[l] (Tensor.transpose vectors))
                    |> Array.average

                // Basis functions are the same up to their signs.
                let difference =
                    Array.map2
                        (fun a b ->
                            let a, b = Tensor.abs (values a), Tensor.abs (values b)

                            if a.Shape <> b.Shape then
                                infinity
                            else
                                (Tensor.max (Tensor.abs (a - b)) / Tensor.max a).item())
                        mixed
                        plain
                    |> Array.max

                let kept = mixed |> Array.map (fun (b, _) -> b.Importance.Length)
                pure', principal, difference, kept, m)

        let mean f = rows |> Array.averageBy f

        record.Claim(
            "basis-finds-modules",
            Status.Prediction,
            "The interaction basis separates two modules whose activations were mixed at random.",
            "share of each function's weight in one module → 1 (Bushnaq et al. 2024, sections 4 and 5)",
            Relation.AtLeast,
            0.95,
            0.0,
            mean (fun (p, _, _, _, _) -> p),
            $"Mean over both hidden layers of {draws} networks 4-6-6-2 of two independent modules, activations of each layer multiplied by a Gaussian matrix. Principal components of the same activations: {mean (fun (_, p, _, _, _) -> p):F3}."
        )

        record.Claim(
            "basis-is-invariant",
            Status.Theorem,
            "The basis functions do not change when activations are transformed by a matrix that the next layer undoes.",
            "f̂ is invariant under f → R f, W → W R⁻¹ (Bushnaq et al. 2024, section 4)",
            Relation.AtMost,
            0.0,
            1e-5,
            rows |> Array.map (fun (_, _, d, _, _) -> d) |> Array.max,
            $"Largest difference of |f̂| on all inputs with and without the mixing, over the largest value, {draws} networks; the tolerance is for mixing matrices of large condition and for close eigenvalues."
        )

        record.Claim(
            "basis-drops-unread-directions",
            Status.Theorem,
            "Directions that the next layer does not read are left out.",
            "functions of the second hidden layer = rank of the readout = 2",
            Relation.Absolute,
            2.0,
            0.0,
            rows |> Array.averageBy (fun (_, _, _, kept, _) -> float kept[1]),
            $"Mean number of functions in the second hidden layer, six activations of which two combinations reach the outputs; the first hidden layer keeps {rows |> Array.averageBy (fun (_, _, _, kept, _) -> float kept[0]):F1} of 6."
        )

        // Weight of each original activation in each basis function, in absolute value.
        let _, _, _, _, m = rows[0]
        let first = fst (Array.head (basesOf m))
        let weights = Tensor.abs (Tensor.matmul first.Transform m.Mixing[0])

        ctx.Draw {
            Title = "Basis functions of two mixed modules"
            Caption =
                "First hidden layer of one network: absolute weights of the six activations in each basis function; 1 to 3 belong to one module, 4 to 6 to the other."
            XLabel = "activation"
            YLabel = "weight, largest is one"
            LogX = false
            LogY = false
            Series = [
                for r in 0 .. weights.Shape[0] - 1 ->
                    let row = weights[r].toArray()

                    {
                        Name = $"function {r + 1}"
                        Mark = Mark.Lines
                        X = Array.init row.Length (fun i -> float (i + 1))
                        Y = row |> Array.map (fun v -> v / Array.max row)
                    }
            ]
        }

/// Three sources of degeneracy in a loss landscape, counted exactly, and a basis that does not see two of them.
module Degeneracy =
    [<Literal>]
    let private Paper = "degeneracy"

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 5 (Random.key ctx.Seed)
        let draws = if ctx.Quick then 5 else 50

        let stage fraction text action =
            ctx.Cancellation.ThrowIfCancellationRequested()
            ctx.Progress fraction text
            action ()

        stage 0.0 "deep linear networks" (fun () -> DegeneracyRanks.deepLinear record draws keys[0])
        stage 0.2 "zero loss" (fun () -> DegeneracyRanks.zeroLoss record draws keys[1])
        stage 0.4 "dependent activations" (fun () -> DegeneracyRanks.activations record draws keys[2])
        stage 0.5 "copied and synchronised neurons" (fun () -> DegeneracyRanks.neurons record draws keys[3])
        stage 0.7 "interaction basis" (fun () -> DegeneracyBasis.basis ctx record draws keys[4])
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Degeneracy in the loss landscape"
        Citation =
            "L. Bushnaq, J. Mendel, S. Heimersheim, D. Braun, N. Goldowsky-Dill, K. Hänni, C. Wu and M. Hobbhahn, Using Degeneracy in the Loss Landscape for Mechanistic Interpretability, 2024, arXiv:2405.10927"
        Summary =
            "Parameters that do nothing come from linearly dependent activations, linearly dependent gradients, and ReLUs that fire together: each is planted and its null directions are counted. "
            + "The interaction basis, which the first two cannot change, finds the modules of a network whose activations were mixed at random."
        Claims = [
            "deep-linear-rank"
            "layer-rank-is-product"
            "hessian-is-gauss-newton"
            "dependent-activations"
            "flat-over-distance"
            "copied-neuron"
            "synchronised-relus"
            "basis-finds-modules"
            "basis-is-invariant"
            "basis-drops-unread-directions"
        ]
        Run = run
    }
