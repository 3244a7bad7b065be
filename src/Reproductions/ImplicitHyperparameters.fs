namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Hyper-gradients by the implicit function theorem: exact, by Neumann series, and through unrolled training.
module ImplicitHyperparameters =
    [<Literal>]
    let private Paper = "ift-hypergradient"

    let private norm (t: Tensor) = sqrt ((Tensor.sum (t * t)).item())

    let private apart (a: Tensor) (b: Tensor) = norm (a - b) / norm b

    // ---- Ridge regression with one weight decay for each coefficient ----

    /// Hessian, minimiser and hyper-gradient of a ridge regression in closed form.
    type private Ridge = {
        Problem: BilevelProblem<Tensor, Tensor>
        Lambda: Tensor
        Weights: Tensor
        Hessian: Tensor
        /// ∂L_V/∂w.
        Outer: Tensor
        /// Diagonal of ∂²L_T/∂w∂λᵀ.
        Mixed: Tensor
        HyperGradient: Tensor
    } with

        member r.Spectrum = Spectrum.eigenvalues r.Weights.Size (r.Hessian.toArray ())

    /// L_T = (1/2n) ‖Xw − y‖² + ½ Σ e^(λ_j) w_j², L_V = (1/2n) ‖X'w − y'‖².
    let private ridge (key: Key) : Ridge =
        let keys = Random.split 5 key
        let n, d = 40, 12

        let truth =
            Random.normal keys[0] [ d ]
            * Tensor.create [ d ] (Array.init d (fun j -> if j < 4 then 1.0 else 0.0))

        let sample k =
            let k = Random.split 2 k
            let x = Random.normal k[0] [ n; d ]
            x, Tensor.matmul x truth + Random.normal k[1] [ n ]

        let (x, y), (x', y') = sample keys[1], sample keys[2]
        let lambda = -1.0 + Random.normal keys[3] [ d ]
        let squares x y w = 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x w - y))

        let problem = {
            Training = fun l w -> squares x y w + 0.5 * Tensor.sum (Tensor.exp l * w * w)
            Validation = fun _ w -> squares x' y' w
        }

        let gram a b = Tensor.matmul (Tensor.transpose a) b / float n
        let hessian = gram x x + Tensor.eye d * Tensor.exp lambda
        let w = Linalg.solve hessian (gram x y)
        let outer = gram x' (Tensor.matmul x' w - y')
        let mixed = Tensor.exp lambda * w

        {
            Problem = problem
            Lambda = lambda
            Weights = w
            Hessian = hessian
            Outer = outer
            Mixed = mixed
            HyperGradient = -(Linalg.solve hessian outer) * mixed
        }

    let private regression (ctx: Context) (record: Recorder) (key: Key) =
        let draws = if ctx.Quick then 5 else 20
        let rows = Array.init draws (fun i -> ridge (Random.fold i key))

        let setting =
            $"{draws} ridge regressions with 12 coefficients, a weight decay e^λ for each, 40 training and 40 validation samples"

        record.Claim(
            "closed-form",
            Status.Theorem,
            "The implicit function theorem gives the gradient of the validation loss in every hyper-parameter.",
            "dL_V/dλ = ∂_λL_V − ∂_wL_V [∂²_wL_T]⁻¹ ∂_w∂_λL_T (Lorraine et al. 2020, theorem 1)",
            Relation.AtMost,
            0.0,
            1e-10,
            rows
            |> Array.map (fun r -> apart (HyperGradient.exact 1e-13 r.Problem r.Lambda r.Weights) r.HyperGradient)
            |> Array.max,
            $"Largest relative difference between conjugate gradients on Hessian-vector products and the closed form with a factorised matrix, {setting}."
        )

        let alpha (r: Ridge) = 0.9 / r.Spectrum[0]

        let difference (r: Ridge) k =
            ctx.Cancellation.ThrowIfCancellationRequested()
            let series = HyperGradient.neumann (alpha r) k r.Problem r.Lambda r.Weights
            apart series (HyperGradient.unrolled (alpha r) k r.Problem r.Lambda r.Weights)

        record.Claim(
            "neumann-is-unrolling",
            Status.Theorem,
            "K terms of the Neumann series are the derivative through K steps of gradient descent from the optimum.",
            "α Σ_{j<K} (I − αH)^j ∂_w∂_λL_T = −∂w_K/∂λ (Lorraine et al. 2020, theorem 2)",
            Relation.AtMost,
            0.0,
            1e-11,
            rows
            |> Array.map (fun r -> [| 1; 5; 20; 60 |] |> Array.map (difference r) |> Array.max)
            |> Array.max,
            $"Largest relative difference for K = 1, 5, 20 and 60, {setting}."
        )

        let terms = [| 1; 2; 5; 10; 20; 40; 80; 160 |]

        let errors (r: Ridge) =
            terms
            |> Array.map (fun k ->
                norm (HyperGradient.neumann (alpha r) k r.Problem r.Lambda r.Weights - r.HyperGradient))

        // The mixed derivative is diagonal: its norm as a matrix is its largest entry.
        let bounds (r: Ridge) =
            let least = Array.last r.Spectrum
            let scale = norm r.Outer * (Tensor.max (Tensor.abs r.Mixed)).item() / least
            terms |> Array.map (fun k -> scale * (1.0 - alpha r * least) ** float k)

        let measured = rows |> Array.map (fun r -> errors r, bounds r)

        let excess =
            measured |> Array.collect (fun (e, b) -> Array.map2 (fun e b -> e / (b + 1e-14)) e b) |> Array.max

        record.Claim(
            "neumann-error-bound",
            Status.Theorem,
            "The series converges geometrically, at the rate of the least curvature.",
            "‖error‖ ≤ ‖∂_wL_V‖ ‖∂_w∂_λL_T‖ (1 − αμ)^K/μ",
            Relation.AtMost,
            1.0,
            0.0,
            excess,
            $"Largest ratio of the error to its bound (plus 1e-14 for rounding), K = 1 to 160, {setting}; at K = 20 the largest relative error is {Array.map2 (fun (e: float[], _) (r: Ridge) -> e[4] / norm r.HyperGradient) measured rows
                                                                                                                                                   |> Array.max:G2}."
        )

        let e, b = measured[0]

        ctx.Draw {
            Title = "Error of the Neumann series"
            Caption = "One ridge regression; distance of the hyper-gradient from its closed form, and the bound."
            XLabel = "terms K"
            YLabel = "error"
            LogX = true
            LogY = true
            Series = [
                { Name = "error"; Mark = Mark.Markers; X = Array.map float terms; Y = e }
                { Name = "bound"; Mark = Mark.DashedLines; X = Array.map float terms; Y = b }
            ]
        }

    // ---- Digits ----

    type private Split = { Train: Tensor * Tensor; Validation: Tensor * Tensor; Test: Tensor * Tensor }

    /// 100 training, 200 validation and 1000 test digits of 4 × 4 pixels.
    let private split (all: Digits) (key: Key) =
        let order = Random.permutation key all.Count
        let d = all.Features

        let part (rows: int[]) =
            let chosen = {
                all with
                    Images = rows |> Array.collect (fun i -> all.Images[i * d .. i * d + d - 1])
                    Labels = rows |> Array.map (fun i -> all.Labels[i])
            }

            Digits.inputs chosen, Digits.oneHot 10 chosen

        {
            Train = part order[..99]
            Validation = part order[100..299]
            Test = part order[300..1299]
        }

    /// Cross-entropy with the weight decay ½ Σ e^(λ_j) w_j², of a model given by its logits.
    let private decayed (logits: Tensor -> Tensor -> Tensor) (s: Split) : BilevelProblem<Tensor, Tensor> =
        let entropy (x, t) w = Losses.crossEntropy (logits w x) t

        {
            Training = fun l w -> entropy s.Train w + 0.5 * Tensor.sum (Tensor.exp l * w * w)
            Validation = fun _ w -> entropy s.Validation w
        }

    /// Softmax regression is convex: the optimum is found by Newton's method, and the exact hyper-gradient exists.
    let private softmax (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let draws, terms = (if ctx.Quick then 3 else 10), [| 1; 3; 10; 30; 100 |]

        let logits (w: Tensor) x =
            let w = Tensor.reshape [ 17; 10 ] w
            Tensor.matmul x w[..15, *] + w[16]

        let cosines i =
            ctx.Cancellation.ThrowIfCancellationRequested()
            let problem = decayed logits (split all (Random.fold i key))
            let lambda = Tensor.full [ 170 ] -4.0
            let hessian = Diff.hessian (problem.Training lambda)

            let newton =
                Diff.compile (fun w -> w - Linalg.solve (hessian w) (Diff.grad (problem.Training lambda) w))

            let w = Seq.fold (fun w _ -> newton w) (Tensor.zeros [ 170 ]) (seq { 1..12 })
            let alpha = 1.0 / (Spectrum.eigenvalues 170 ((hessian w).toArray()))[0]
            let exact = (HyperGradient.exact 1e-10 problem lambda w).toArray()
            let series k = (HyperGradient.neumann alpha k problem lambda w).toArray()
            terms |> Array.map (fun k -> Fit.cosine (series k) exact)

        let rows = Array.init draws cosines
        let mean = Array.init terms.Length (fun i -> rows |> Array.averageBy (fun r -> r[i]))
        let shown = Array.map2 (fun (k: int) (c: float) -> $"{k}: {c:F3}") terms mean

        let setting =
            $"""{draws} softmax regressions on 100 digits with 170 weight decays; mean cosines with the exact hyper-gradient (K: cosine) {String.Join(", ", shown)}, α = 1/λ_max"""

        record.Claim(
            "more-terms-align",
            Status.Observation,
            "The direction of the hyper-gradient improves with every term of the series.",
            "cos(K terms, exact) grows with K (Lorraine et al. 2020)",
            Relation.Absolute,
            1.0,
            0.0,
            rows |> Array.map (Fit.kendall (Array.map float terms)) |> Array.min,
            $"Least Kendall's τ between K and the cosine over the draws; {setting}."
        )

        record.Claim(
            "series-beats-identity",
            Status.Observation,
            "A few dozen terms give the exact direction, where the identity in place of the inverse Hessian does not.",
            "cos(30 terms, exact) near 1, cos(identity, exact) clearly below (Lorraine et al. 2020)",
            Relation.AtLeast,
            0.98,
            0.0,
            mean[3],
            $"Mean cosine for K = 30; {setting}. One term is the identity up to a factor."
        )

    /// Joint training of a network's weights and of one weight decay for each of them, against a grid of a common one.
    let private tuning (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let draws, outer = (if ctx.Quick then 2 else 6), 12

        let tune i =
            let keys = Random.split 2 (Random.fold i key)
            let start, unravel = Tree.ravel (Mlp.init keys[1] 1.0 [ 16; 16; 10 ])
            let logits w x = Mlp.apply Tensor.tanh (unravel w) x
            let data = split all keys[0]
            let problem = decayed logits data
            let size = start.Size

            let step =
                Diff.compile (fun (lambda: Tensor, w: Tensor, velocity: Tensor) ->
                    let velocity = 0.9 * velocity - 0.1 * Diff.grad (problem.Training lambda) w
                    w + velocity, velocity)

            let train steps lambda w =
                let mutable w, velocity = w, Tensor.zeros [ size ]

                for k in 1..steps do
                    if k % 64 = 0 then
                        ctx.Cancellation.ThrowIfCancellationRequested()

                    let next, moved = step (lambda, w, velocity)
                    w <- next
                    velocity <- moved

                w

            let validation w = (problem.Validation w w).item()

            let wrong w =
                let guess (t: Tensor) = (Tensor.argmax 1 t).toArray()

                Array.map2
                    (fun a b -> if a = b then 0.0 else 1.0)
                    (guess (logits w (fst data.Test)))
                    (guess (snd data.Test))
                |> Array.average

            let common, best =
                [ for power in 2..8 -> -float power ]
                |> List.map (fun l -> let l = Tensor.full [ size ] l in l, train 600 l start)
                |> List.minBy (snd >> validation)

            let slope =
                Diff.compile (fun (lambda: Tensor, w: Tensor) -> HyperGradient.neumann 0.1 20 problem lambda w)

            // Steps of 1/2 in the root mean square of λ; a decay above one would make the training itself unstable.
            let improve (lambda: Tensor, w) _ =
                let g = slope (lambda, w)
                let lambda = Tensor.minimum (lambda - 0.5 * sqrt (float size) / norm g * g) (Tensor.scalar 0.0)
                lambda, train 100 lambda w

            let path = Seq.scan improve (common, best) (seq { 1..outer }) |> Seq.map snd |> Seq.toArray
            path |> Array.map validation, wrong best, wrong (Array.last path)

        let rows =
            Array.init draws (fun i ->
                ctx.Progress (0.5 + 0.5 * float i / float draws) "one weight decay for each weight"
                tune i)

        record.Claim(
            "tuning-beats-grid",
            Status.Observation,
            "One weight decay for each weight, tuned by hyper-gradients along with the weights, fits the validation data better than the best common one.",
            "L_V(tuned) < L_V(grid) (Lorraine et al. 2020)",
            Relation.AtMost,
            0.8,
            0.0,
            rows |> Array.averageBy (fun (path, _, _) -> Array.last path / path[0]),
            $"Mean ratio of the validation losses after {outer} hyper-gradient steps (20 terms) over {draws} draws: 16-16-10 tanh network, 442 decays, 100 training and 200 validation digits; the grid is e^−8 to e^−2 in factors of e. Error on 1000 other digits: {rows |> Array.averageBy (fun (_, before, _) -> before):F3} for the grid, {rows |> Array.averageBy (fun (_, _, after) -> after):F3} tuned. With as many decays as weights the validation loss is fitted, too, so that its fall says more of the hyper-gradient than of generalisation."
        )

        ctx.Draw {
            Title = "Validation loss along hyper-gradient descent"
            Caption = "One weight decay for each of 442 weights; step 0 is the best common weight decay of a grid."
            XLabel = "hyper-gradient step"
            YLabel = "validation loss"
            LogX = false
            LogY = false
            Series = [
                for i, (path, _, _) in Array.indexed rows ->
                    {
                        Name = $"draw {i + 1}"
                        Mark = Mark.Lines
                        X = Array.init path.Length float
                        Y = path
                    }
            ]
        }

    let private run (ctx: Context) =
        let record = Recorder(ctx, Paper)
        let keys = Random.split 3 (Random.key ctx.Seed)
        ctx.Progress 0.0 "ridge regression"
        regression ctx record keys[0]
        let all = Digits.load ctx.DataDirectory |> Digits.pool |> Digits.standardise
        ctx.Progress 0.2 "softmax regression"
        softmax ctx record all keys[1]
        tuning ctx record all keys[2]
        ctx.Progress 1.0 "done"

    /// The reproduction, as `hesse run` finds it.
    let reproduction: Reproduction = {
        Id = Paper
        Title = "Hyper-parameters by implicit differentiation"
        Citation =
            "J. Lorraine, P. Vicol and D. Duvenaud, Optimizing Millions of Hyperparameters by Implicit Differentiation, AISTATS 2020, arXiv:1911.02590"
        Summary =
            "The validation loss has a gradient in the hyper-parameters through the trained weights, by the implicit function theorem; a Neumann series stands for the inverse Hessian and equals unrolled training. "
            + "Ridge regression in closed form, softmax regression, and a network on digits with one weight decay for each weight."
        Claims = [
            "closed-form"
            "neumann-is-unrolling"
            "neumann-error-bound"
            "more-terms-align"
            "series-beats-identity"
            "tuning-beats-grid"
        ]
        Run = run
    }
