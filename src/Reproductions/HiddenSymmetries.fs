namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Functional dimension of random ReLU networks: which have symmetries besides the rescaling of neurons.
module HiddenSymmetries =
    [<Literal>]
    let private Paper = "hidden-symmetries"

    /// Singular values below this fraction of the largest are zero.
    [<Literal>]
    let private Tolerance = 1e-9

    /// Gaussian inputs of scales from 0.1 to 30, uniform in the logarithm, so that regions far from the origin are seen too.
    let private inputs key count dimension =
        let keys = Random.split 2 key
        let scale = Tensor.exp (log 0.1 + log 300.0 * Random.uniform keys[0] [ count; 1 ])
        scale * Random.normal keys[1] [ count; dimension ]

    /// He initialisation with biases of standard deviation 1/2.
    let private draw key widths =
        let keys = Random.split (1 + List.length widths) key

        Mlp.init keys[0] (sqrt 2.0) widths
        |> List.mapi (fun i layer -> { layer with Bias = 0.5 * Random.normal keys[i + 1] layer.Bias.Shape })

    /// The Jacobian of the outputs on a batch as a compiled function of the raveled parameters.
    let private jacobianOn (batch: Tensor) (widths: int list) (sample: AffineLayer list) =
        let _, unravel = Tree.ravel sample

        let outputs (theta: Tensor) =
            Tensor.reshape [ batch.Shape[0] * List.last widths ] (Mlp.apply Tensor.relu (unravel theta) batch)

        Diff.compile (Diff.jacfwd outputs)

    type private Ranks = {
        Widths: int list
        Bound: int
        Found: NumericalRank[]
    } with

        /// Share of the networks without hidden symmetries.
        member r.Share = r.Found |> Array.averageBy (fun f -> if f.Rank = r.Bound then 1.0 else 0.0)

        member r.Largest = r.Found |> Array.map _.Rank |> Array.max
        member r.Name = $"""({String.Join(", ", r.Widths)})"""

    /// Ranks of many random networks of one architecture on one batch of inputs.
    let private ranks (ctx: Context) (key: Key) (count: int) (draws: int) (widths: int list) =
        let keys = Random.split (draws + 1) key
        let jacobian = jacobianOn (inputs keys[draws] count widths.Head) widths (draw keys[0] widths)

        let rank i =
            if i % 8 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

            FunctionalDimension.rankOf Tolerance (jacobian (fst (Tree.ravel (draw keys[i] widths))))

        {
            Widths = widths
            Bound = FunctionalDimension.reluBound widths
            Found = Array.init draws rank
        }

    // ---- What no network escapes ----

    let private rescalings (record: Recorder) (key: Key) (count: int) =
        let architectures = [ [ 2; 4; 4; 1 ]; [ 3; 5; 2 ]; [ 4; 4; 4; 4; 3 ] ]

        let worst widths =
            let keys = Random.split 2 (Random.fold (List.sum widths) key)
            let layers = draw keys[0] widths
            let jacobian = jacobianOn (inputs keys[1] count widths.Head) widths layers (fst (Tree.ravel layers))
            let norm (t: Tensor) = sqrt ((Tensor.sum (t * t)).item())

            FunctionalDimension.rescalings layers
            |> List.map (fun direction ->
                let v = fst (Tree.ravel direction)
                norm (Tensor.matmul jacobian v) / (norm jacobian * norm v))
            |> List.max

        record.Claim(
            "rescalings-are-null",
            Status.Theorem,
            "Scaling the incoming weights of a ReLU neuron up and its outgoing weights down leaves the function as it is.",
            "J v = 0 for v = (w_in, b, −w_out) of each hidden neuron",
            Relation.AtMost,
            0.0,
            1e-13,
            architectures |> List.map worst |> List.max,
            "Largest ‖Jv‖/(‖J‖ ‖v‖) over the hidden neurons of three random networks, up to four layers; the tolerance is some hundred roundings."
        )

    /// A neuron of the second hidden layer with negative weights and bias never fires: only its own parameters are lost.
    let private dead (ctx: Context) (record: Recorder) (key: Key) (count: int) (draws: int) =
        let widths = [ 3; 4; 4; 1 ]
        let keys = Random.split (draws + 1) key
        let batch = inputs keys[draws] count 3

        let kill (layers: AffineLayer list) =
            let kept = Tensor.create [ 4 ] [| 1.0; 1.0; 1.0; 0.0 |]
            let silence (t: Tensor) = t * kept - Tensor.abs t * (1.0 - kept)
            [ layers[0]; { Weight = silence layers[1].Weight; Bias = silence layers[1].Bias }; layers[2] ]

        let remove (layers: AffineLayer list) = [
            layers[0]
            { Weight = layers[1].Weight[*, ..2]; Bias = layers[1].Bias[..2] }
            { layers[2] with Weight = layers[2].Weight[..2, *] }
        ]

        let first = draw keys[0] widths
        let whole = jacobianOn batch widths first
        let smaller = jacobianOn batch [ 3; 4; 3; 1 ] (remove first)
        let rank jacobian layers = (FunctionalDimension.rankOf Tolerance (jacobian (fst (Tree.ravel layers)))).Rank

        let pairs =
            Array.init draws (fun i ->
                ctx.Cancellation.ThrowIfCancellationRequested()
                let layers = kill (draw keys[i] widths)
                rank whole layers, rank smaller (remove layers))

        record.Claim(
            "dead-neurons-are-free",
            Status.Theorem,
            "A neuron that never fires is a hidden symmetry: the network has the functional dimension of the network without it.",
            "rank J(θ) = rank J(θ without the neuron) (Grigsby et al. 2023)",
            Relation.Absolute,
            0.0,
            0.0,
            pairs |> Array.map (fun (a, b) -> float (abs (a - b))) |> Array.max,
            $"Largest difference of the ranks over {draws} random (3, 4, 4, 1) networks with one neuron of the second hidden layer made negative, same {count} inputs; mean rank {pairs |> Array.averageBy (fst >> float):F1} of at most {FunctionalDimension.reluBound widths}."
        )

    // ---- How often a random network has no hidden symmetry ----

    let private depthNets = [ for depth in 1..4 -> [ 4 ] @ List.replicate depth 4 @ [ 1 ] ]
    let private widthNets = [ for width in [ 2; 3; 4; 6 ] -> [ width; width; width; 1 ] ]
    let private otherNets = [ [ 2; 3; 1 ]; [ 2; 4; 4; 1 ]; [ 3; 3; 3; 2 ]; [ 1; 3; 3; 1 ] ]

    let private shares (ctx: Context) (record: Recorder) (key: Key) (count: int) (draws: int) =
        let all = List.distinct (depthNets @ widthNets @ otherNets)

        let found =
            all
            |> List.mapi (fun i widths ->
                ctx.Progress (0.1 + 0.9 * float i / float all.Length) "ranks of random networks"
                ranks ctx (Random.fold i key) count draws widths)

        let of' nets = nets |> List.map (fun widths -> found |> List.find (fun r -> r.Widths = widths))
        let shown (rows: Ranks list) = rows |> List.map (fun r -> $"{r.Name} {r.Share:F2}") |> String.concat ", "
        let gap = found |> List.map (fun r -> r.Found |> Array.map _.Gap |> Array.min) |> List.min
        let setting = $"{draws} random networks each (He weights, biases of deviation 1/2), {count} inputs"

        record.Claim(
            "symmetries-bound-dimension",
            Status.Theorem,
            "The functional dimension is never above the number of parameters less one for each hidden neuron.",
            "dim_fun θ ≤ D − Σ_{0<l<L} n_l (Grigsby et al. 2023)",
            Relation.AtMost,
            0.0,
            0.0,
            found |> List.map (fun r -> float (r.Largest - r.Bound)) |> List.max,
            $"Largest rank minus bound over {all.Length} architectures, {setting}. The ranks are unambiguous: singular values that count are at least {gap:G2} times those that do not."
        )

        let reaching = of' ([ 2; 3; 1 ] :: [ 2; 4; 4; 1 ] :: [ 3; 3; 3; 2 ] :: widthNets)

        record.Claim(
            "bound-is-attained",
            Status.Theorem,
            "Networks with no layer narrower than the input can be without hidden symmetries.",
            "max_θ dim_fun θ = D − Σ n_l where n_l ≥ n₀ (Grigsby et al. 2023)",
            Relation.Absolute,
            0.0,
            0.0,
            reaching |> List.map (fun r -> float (r.Bound - r.Largest)) |> List.max,
            $"Largest gap between bound and largest rank found, {setting}; share of the networks at the bound: {shown reaching}. Where such networks are rare a random search need not find one: (1, 3, 3, 1) reached {(of' [ [ 1; 3; 3; 1 ] ]).Head.Largest} of 16 here, and is not part of the claim."
        )

        let deep = of' depthNets

        record.Claim(
            "depth-adds-symmetries",
            Status.Observation,
            "The deeper the network, the less likely it is without hidden symmetries.",
            "P(no hidden symmetry) falls towards 0 with depth (Grigsby et al. 2023)",
            Relation.AtLeast,
            0.5,
            0.0,
            deep.Head.Share - (List.last deep).Share,
            $"Share of networks at the bound with one hidden layer less that with four: {shown deep}; {setting}. Its standard error is at most {sqrt (0.5 / float draws):F2}."
        )

        let wide = of' widthNets

        record.Claim(
            "width-removes-symmetries",
            Status.Observation,
            "The wider the network and its input, the more likely it is without hidden symmetries.",
            "P(no hidden symmetry) rises with width and input dimension (Grigsby et al. 2023)",
            Relation.AtLeast,
            0.0,
            0.0,
            (List.last wide).Share - wide.Head.Share,
            $"Share at width and input dimension 6 less that at 2, two hidden layers: {shown wide}; {setting}, so that the difference has a standard error of at most {sqrt (0.5 / float draws):F2}. A finite batch misses small regions of the input, which hides dimensions of wide networks first: at input dimension 2 the share even falls with the width here."
        )

        let series name x (rows: Ranks list) = {
            Name = name
            Mark = Mark.Lines
            X = x
            Y = rows |> List.map _.Share |> Array.ofList
        }

        let figure title label rows x =
            ctx.Draw {
                Title = title
                Caption =
                    $"Share of random ReLU networks whose functional dimension is the largest possible; {setting}."
                XLabel = label
                YLabel = "share without hidden symmetries"
                LogX = false
                LogY = false
                Series = [ series "share" x rows ]
            }

        figure "Hidden symmetries and depth" "hidden layers of width 4" deep [| 1.0; 2.0; 3.0; 4.0 |]
        figure "Hidden symmetries and width" "width and input dimension" wide [| 2.0; 3.0; 4.0; 6.0 |]

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 3 (Random.key ctx.Seed)
        let count, draws = if ctx.Quick then 1000, 60 else 3000, 200
        ctx.Progress 0.0 "rescalings"
        rescalings record keys[0] count
        dead ctx record keys[1] count (draws / 2)
        shares ctx record keys[2] count draws
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Hidden symmetries of ReLU networks"
        Citation =
            "E. Grigsby, K. Lindsey and D. Rolnick, Hidden symmetries of ReLU networks, ICML 2023, arXiv:2306.06179"
        Summary =
            "Besides the rescaling of neurons, the parameters of a ReLU network may have symmetries that depend on the point: the rank of the Jacobian of the outputs, the functional dimension, then falls below the number of parameters less the number of hidden neurons. "
            + "Ranks of random networks, cut at a gap of many orders of magnitude."
        Claims = [
            "rescalings-are-null"
            "dead-neurons-are-free"
            "symmetries-bound-dimension"
            "bound-is-attained"
            "depth-adds-symmetries"
            "width-removes-symmetries"
        ]
        Run = run
    }
