namespace Hesse.Reproductions

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
            "rank G_l ≤ r_l s_l, with equality in linear networks (Bushnaq et al. 2024)",
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
            "H = (1/n) Σ JᵀJ at zero behavioural loss (Bushnaq et al. 2024)",
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
            "dim ker ≥ d_{l+1} (d_l − r_l) (Bushnaq et al. 2024)",
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
            "rank d in place of 2d: d null directions besides the two rescalings (Bushnaq et al. 2024)",
            Relation.Absolute,
            0.0,
            0.0,
            deviation draws synchronised,
            $"Largest deviation from rank 5 for two units with different weights and equal gates on 60 inputs in R⁵, and from rank 10 for two random units, {draws} draws."
        )
