namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Kernels
open Hesse.Theory

/// The data of `SaxeDeepLinear`, and its claims about the end-to-end matrix (Arora, Cohen and Hazan 2018).
module internal SaxeDeepLinearEndToEnd =
    // ---- Data ----

    type Data = {
        /// Correlations of the 16 leading principal components, whitened (Σ¹¹ = I), with one-hot classes.
        Whitened: Correlations
        /// Correlations of the centred pixels with one-hot classes.
        Raw: Correlations
        /// Centred pixels, shape [1797; 64], and even against odd as ±1, shape [1797].
        Pixels: Tensor
        Parity: float[]
    }

    let load (ctx: Context) =
        let digits = Digits.load ctx.DataDirectory
        let classes = Digits.oneHot 10 digits
        let pixels = Digits.inputs (Digits.centre digits)
        let whitened = (Digits.inputs (Digits.whiten digits))[*, 0..15]

        {
            Whitened = DeepLinear.correlations whitened classes
            Raw = DeepLinear.correlations pixels classes
            Pixels = pixels
            Parity = digits.Labels |> Array.map (fun label -> if label % 2 = 0 then 1.0 else -1.0)
        }

    let norm (t: Tensor) = sqrt ((Tensor.dot t t).item())
    let relative (a: Tensor) (b: Tensor) = norm (a - b) / norm b

    // ---- 1. The end-to-end preconditioner ----

    let preconditioner (ctx: Context) (record: Recorder) data =
        let key = Random.fold 30 (Random.key ctx.Seed)
        let map = 0.1 * Random.normal key [ 10; 64 ]
        let loss, mapLoss = DeepLinear.loss data.Raw, DeepLinear.mapLoss data.Raw
        let weights depth = DeepLinear.balanced (Random.fold depth key) 12 depth map
        let predicted depth w = DeepLinear.preconditioned depth w (Diff.grad mapLoss w)

        let deviation depth =
            let w = weights depth
            relative (DeepLinear.pushforward w (GradientFlow.velocity loss w)) (predicted depth map)

        record.Claim(
            "preconditioner",
            Status.Theorem,
            "Under gradient flow of a balanced deep linear network, the end-to-end matrix moves by the gradient with a known preconditioner.",
            "Ẇ = −Σ_j [WWᵀ]^((j−1)/N) ∇L(W) [WᵀW]^((N−j)/N) (Arora et al. 2018, Theorem 1)",
            Relation.Absolute,
            0.0,
            1e-13,
            [ 2; 3; 4 ] |> List.map deviation |> List.max,
            "Largest relative Frobenius distance over N = 2, 3, 4, raw digits, random 10 × 64 end-to-end matrix, hidden width 12: the chain rule (a forward derivative of W_N ⋯ W₁ along the reverse-mode gradient of the weights) against the formula. Rounding only."
        )

        let steps, h = 200, 0.02
        let endpoint = GradientFlow.run loss h steps (fun _ _ -> ()) (weights 3) |> DeepLinear.endToEnd
        let mutable direct = map

        for _ in 1..steps do
            direct <- GradientFlow.step (predicted 3) h direct

        record.Claim(
            "end-to-end-flow",
            Status.Theorem,
            "Gradient flow of the weights and the preconditioned flow of the end-to-end matrix are the same curve.",
            "W_N(t) ⋯ W₁(t) = W(t), both from W(0)",
            Relation.Absolute,
            0.0,
            1e-8,
            relative endpoint direct,
            $"Relative distance at t = {h * float steps:F1} of two RK4 runs with h = {h}, one of three weight matrices, one of the 10 × 64 matrix with powers of its singular values; meanwhile W moved by {relative endpoint map:F2} of its norm. Both errors are O(h⁴)."
        )

        let etas = [| 0.1; 0.05; 0.025; 0.0125 |]

        let stepDeviation depth =
            let w = weights depth
            let flow = predicted depth map

            etas
            |> Array.map (fun eta ->
                let after = DeepLinear.endToEnd (GradientDescent.step loss (Tensor.scalar eta) w)
                relative ((after - map) / eta) flow)

        let deviations = stepDeviation 3

        record.Claim(
            "discrete-preconditioner",
            Status.Prediction,
            "One step of gradient descent follows the preconditioned gradient up to a relative deviation of order η.",
            "‖ΔW/η − Ẇ‖/‖Ẇ‖ = O(η): log-log slope 1",
            Relation.Absolute,
            1.0,
            0.05,
            Fit.exponent etas deviations,
            let shown = deviations |> Array.map (fun d -> $"{d:G3}") |> String.concat ", "
            $"N = 3, η = 0.1, 0.05, 0.025, 0.0125; deviations {shown}."
        )

    // ---- 2. A single output: the formula, and why it is no gradient ----

    let singleOutput (ctx: Context) (record: Recorder) data =
        let target = Tensor.create [ data.Parity.Length; 1 ] data.Parity
        let parity = DeepLinear.correlations data.Pixels target
        let loss, mapLoss = DeepLinear.loss parity, DeepLinear.mapLoss parity
        let key = Random.fold 40 (Random.key ctx.Seed)
        let row (w: Tensor) = Tensor.reshape [ 1; 64 ] w
        let gradient (w: Tensor) = Tensor.reshape [ 64 ] (Diff.grad mapLoss (row w))

        /// Velocity of the end-to-end vector, by the chain rule at a balanced factorisation.
        let field depth (w: Tensor) =
            let weights = DeepLinear.balanced key 1 depth (row w)
            Tensor.reshape [ 64 ] (DeepLinear.pushforward weights (GradientFlow.velocity loss weights))

        let w = Random.normal (Random.fold 1 key) [ 64 ]

        record.Claim(
            "single-output",
            Status.Theorem,
            "With one output, depth scales the gradient by a power of the norm and amplifies it along the current direction.",
            "ẇ = −‖w‖^(2−2/N) (∇L + (N−1)⟨w, ∇L⟩ w/‖w‖²) (Arora et al. 2018, Claim 2)",
            Relation.Absolute,
            0.0,
            1e-13,
            [ 2; 3; 4 ]
            |> List.map (fun depth -> relative (field depth w) (DeepLinear.singleOutputField depth w (gradient w)))
            |> List.max,
            "Largest relative distance over N = 2, 3, 4 at a random point: even against odd digits from raw pixels. Rounding only."
        )

        // The closed curve of the paper's proof: out along e from −R to −r, half a circle, on to R, half a circle back.
        let slope = gradient (Tensor.zeros [ 64 ])
        let e = slope / norm slope
        let other = Random.normal (Random.fold 2 key) [ 64 ]
        let across = other - Tensor.dot other e * e
        let f = across / norm across
        let inner, outer = 0.25, 1.0
        let segments = 400

        let simpson depth (a: float) (b: float) (path: float -> Tensor) (velocity: float -> Tensor) =
            let n = if ctx.Quick then segments / 4 else segments
            let h = (b - a) / float n

            Seq.init (n + 1) (fun k ->
                let t = a + h * float k

                let weight =
                    if k = 0 || k = n then 1.0
                    elif k % 2 = 1 then 4.0
                    else 2.0

                weight * (Tensor.dot (field depth (path t)) (velocity t)).item())
            |> Seq.sum
            |> fun sum -> sum * h / 3.0

        let along depth a b = simpson depth a b (fun t -> t * e) (fun _ -> e)

        let arc depth radius a b =
            simpson depth a b (fun t -> radius * (cos t * e + sin t * f)) (fun t -> radius * (cos t * f - sin t * e))

        let loop depth =
            along depth -outer -inner
            + arc depth inner Math.PI 0.0
            + along depth inner outer
            + arc depth outer 0.0 Math.PI

        let expected = DeepLinear.loopIntegral 3 (norm slope) inner outer
        let two, three = loop 2, loop 3

        record.Claim(
            "not-a-gradient",
            Status.Theorem,
            "The end-to-end field of a network of depth three is not the gradient of any function: its integral around a closed curve is not zero.",
            "∮ ẇ·dw = −2‖∇L(0)‖ (R^(3−2/N) − r^(3−2/N)) (N²/(3N−2) − 1) (after Arora et al. 2018, Theorem 2)",
            Relation.Relative,
            expected,
            1e-7,
            three,
            $"N = 3, r = {inner}, R = {outer}, Simpson's rule on every piece, error O(n⁻⁴); the field is measured on the weights by the chain rule, even against odd digits. For N = 2 the same integral is {two:G2}; theory: 0."
        )

    // ---- 3. Acceleration by depth on ℓ₄ regression ----

    let private quartic (x: Tensor) (y: Tensor) (w: Tensor) =
        let residual = Tensor.matmul x w - y
        0.25 * Tensor.mean (Tensor.square (Tensor.square residual))

    /// Minimum of the convex quartic loss, by Newton's method with halved steps.
    let private quarticMinimum (x: Tensor) (y: Tensor) =
        let derivatives =
            Diff.compile (fun w -> Diff.valueAndGrad (quartic x y) w, Diff.hessian (quartic x y) w)

        let d = x.Shape[1]

        let rec go (w: Tensor) n =
            let (value, slope), hessian = derivatives w
            let ridge = hessian + 1e-9 * Tensor.eye d
            let direction = Tensor.ofArray (LinearAlgebra.Solve(ridge.toArray (), d, slope.toArray (), 1))
            let decrement = (Tensor.dot slope direction).item()

            if decrement < 1e-10 || n = 200 then
                value.item ()
            else
                let rec shrink t =
                    let next = w - t * direction

                    if (quartic x y next).item() <= value.item () - 1e-4 * t * decrement || t < 1e-6 then
                        next
                    else
                        shrink (0.5 * t)

                go (shrink 1.0) (n + 1)

        go (Tensor.zeros [ d ]) 0

    let acceleration (ctx: Context) (record: Recorder) data =
        let samples, limit = 300, 4000
        let etas = Array.init 15 (fun k -> 0.8 * 2.0 ** (0.25 * float (k - 6)))
        let runs = etas.Length
        let pixels = data.Pixels.toArray ()

        let race key =
            let order = (Random.permutation key data.Parity.Length)[.. samples - 1]
            let x = Tensor.create [ samples; 64 ] (order |> Array.collect (fun i -> pixels[i * 64 .. i * 64 + 63]))
            let y = Tensor.ofArray (order |> Array.map (fun i -> data.Parity[i]))
            let least = quarticMinimum x y
            let start = (quartic x y (Tensor.zeros [ 64 ])).item()
            let target = least + 0.02 * (start - least)
            let direction = Random.normal (Random.fold 1 key) [ 1; 64 ]
            let map = direction * (0.5 / norm direction)
            let loss (w: Tensor[]) = quartic x y (Tensor.reshape [ 64 ] (DeepLinear.endToEnd w))

            /// Losses [step][η] of a network of this depth, until the first step size has reached the target.
            let descend depth =
                let weights = DeepLinear.balanced (Random.fold 2 key) 1 depth map
                let repeated = weights |> Array.map (fun w -> Tensor.broadcastTo (Array.append [| runs |] w.Shape) w)

                let advance =
                    Diff.compile (
                        Diff.vmap (fun (eta: Tensor, w: Tensor[]) ->
                            let value, slope = Diff.valueAndGrad loss w
                            value, Tree.map2 (fun w g -> w - eta * g) w slope)
                    )

                let rec go w seen n =
                    ctx.Cancellation.ThrowIfCancellationRequested()
                    let value, next = advance (Tensor.ofArray etas, w)
                    let values = (value: Tensor).toArray()

                    if n = limit || values |> Array.exists (fun v -> v <= target) then
                        let best = Array.findIndex ((=) (values |> Array.filter Double.IsFinite |> Array.min)) values
                        Array.ofList (List.rev (values :: seen)) |> Array.map (fun row -> row[best]), etas[best]
                    else
                        go next (values :: seen) (n + 1)

                go repeated [] 0

            least, [ 1; 2; 3 ] |> List.map descend

        let keys = Random.split (if ctx.Quick then 5 else 20) (Random.fold 50 (Random.key ctx.Seed))
        let races = keys |> Array.map race

        let steps =
            races
            |> Array.map (fun (_, curves) -> curves |> List.map (fun (losses, _) -> float (losses.Length - 1)))

        let ratio depth = steps |> Array.averageBy (fun s -> log (s[0] / s[depth - 1])) |> exp
        let shown = steps |> Array.map (fun s -> $"{s[0]:F0}/{s[1]:F0}/{s[2]:F0}") |> String.concat ", "

        record.Claim(
            "l4-acceleration",
            Status.Observation,
            "On ℓ₄ regression, gradient descent on an overparameterised product is faster than on the linear model itself, both at their best step size.",
            "steps(N = 1)/steps(N = 2) > 1 at loss L* + 2 % of the way (Arora et al. 2018, section 6)",
            Relation.AtLeast,
            1.2,
            0.0,
            min (ratio 2) (ratio 3),
            $"Geometric mean over {keys.Length} samples of {samples} digits, even against odd: {ratio 2:F2} for depth 2, {ratio 3:F2} for depth 3; the smaller counts, and a fifth faster counts as replicated. Best of {runs} step sizes each, same end-to-end start of norm 0.5. Steps for N = 1/2/3: {shown}."
        )

        let least, curves = races[0]

        ctx.Draw {
            Title = "Depth speeds up ℓ₄ regression"
            Caption =
                "Even against odd digits; loss above its minimum at the best constant step size, to 2 % of the start."
            XLabel = "gradient descent steps"
            YLabel = "L − L*"
            LogX = false
            LogY = true
            Series = [
                for depth, (losses, eta) in List.indexed curves do
                    {
                        Name = $"N = {depth + 1}, η = {eta:F2}"
                        Mark = Mark.Lines
                        X = Array.init losses.Length float
                        Y = losses |> Array.map (fun l -> l - least)
                    }
            ]
        }
