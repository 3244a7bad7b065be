namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels
open MathNet.Numerics.Integration

/// Second moments of a regression problem: all that the squared loss of a linear network sees of the data.
type Correlations = {
    /// Input correlations Σ¹¹ = (1/n) Σᵢ xᵢxᵢᵀ, shape [d; d].
    Inputs: Tensor
    /// Input-output correlations Σ³¹ = (1/n) Σᵢ yᵢxᵢᵀ, shape [k; d].
    Cross: Tensor
    /// (1/n) Σᵢ ‖yᵢ‖².
    TargetNorm: float
}

/// Deep linear networks f(x) = W_N ⋯ W₁ x under squared loss, and what is known of them in closed form.
/// Weights are an array [| W₁; …; W_N |], first layer first; W_j has shape [n_j; n_{j−1}].
/// Sources: A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
/// neural networks" (2013); S. Arora, N. Cohen and E. Hazan, "On the optimization of deep networks: implicit acceleration
/// by overparameterization" (2018).
[<RequireQualifiedAccess>]
module DeepLinear =
    let private fail (message: string) = raise (HesseException message)

    let private checkDepth operation depth =
        if depth < 1 then
            fail
                $"DeepLinear.{operation}: depth {depth}, wanted the number of weight matrices, at least 1; pass 1 for a linear model"

    /// <summary>The end-to-end matrix W_N ⋯ W₁.</summary>
    /// <param name="weights">First layer first; neighbouring shapes must match.</param>
    /// <returns>Shape [n_N; n_0].</returns>
    let endToEnd (weights: Tensor[]) : Tensor =
        if weights.Length = 0 then
            fail "DeepLinear.endToEnd: no weight matrix, wanted at least 1; pass [| W₁; …; W_N |]"

        weights |> Array.reduce (fun product w -> Tensor.matmul w product)

    /// <summary>Rank of the Gauss–Newton matrix of a deep linear network with generic weights on generic data: q (d + k − q), with d
    /// and k the widths of input and output and q the least of all widths.</summary>
    /// <param name="widths">Input, hidden and output widths.</param>
    /// <returns>The dimension of the matrices of shape [k; d] and rank q: what the end-to-end map can do, whatever the number of parameters.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two widths, or one that is not positive.</exception>
    let gaussNewtonRank (widths: int list) : int =
        if widths.Length < 2 || List.exists (fun w -> w < 1) widths then
            let shown = System.String.Join("; ", widths)

            fail
                $"DeepLinear.gaussNewtonRank: widths [{shown}], wanted at least an input and an output width, all positive, such as [5; 3; 4]"

        let q = List.min widths
        q * (widths.Head + List.last widths - q)

    /// <summary>Second moments of a data set.</summary>
    /// <param name="x">Inputs, shape [n; d].</param>
    /// <param name="y">Targets, shape [n; k].</param>
    /// <returns>Σ¹¹, Σ³¹ and the mean squared norm of the targets.</returns>
    let correlations (x: Tensor) (y: Tensor) : Correlations =
        let n = float x.Shape[0]

        {
            Inputs = Tensor.matmul (Tensor.transpose x) x / n
            Cross = Tensor.matmul (Tensor.transpose y) x / n
            TargetNorm = (Tensor.sum (y * y)).item() / n
        }

    /// <summary>Squared loss of a linear map: ½ tr(W Σ¹¹ Wᵀ) − tr(W Σ³¹ᵀ) + ½ E‖y‖² = (1/2n) Σᵢ ‖yᵢ − W xᵢ‖².</summary>
    /// <param name="data">Second moments of the data.</param>
    /// <param name="w">The map, shape [k; d].</param>
    /// <returns>A scalar.</returns>
    let mapLoss (data: Correlations) (w: Tensor) : Tensor =
        0.5 * Tensor.sum (w * Tensor.matmul w data.Inputs) - Tensor.sum (w * data.Cross)
        + 0.5 * data.TargetNorm

    /// <summary>Squared loss of a deep linear network.</summary>
    /// <param name="data">Second moments of the data.</param>
    /// <param name="weights">First layer first.</param>
    /// <returns>A scalar.</returns>
    let loss (data: Correlations) (weights: Tensor[]) : Tensor = mapLoss data (endToEnd weights)

    /// <summary>What gradient flow conserves, for any data and any loss of the end-to-end map: W_{l+1}ᵀW_{l+1} − W_l W_lᵀ.</summary>
    /// <param name="weights">First layer first, N matrices.</param>
    /// <returns>N − 1 symmetric matrices; all zero for a balanced network. Saxe et al. (2013); Arora et al. (2018), Theorem 1.</returns>
    let conserved (weights: Tensor[]) : Tensor[] =
        weights
        |> Array.pairwise
        |> Array.map (fun (lower, upper) ->
            Tensor.matmul (Tensor.transpose upper) upper - Tensor.matmul lower (Tensor.transpose lower))

    /// Thin singular value decomposition, as tensors: u [m; r], s [r], vᵀ [r; n].
    let private svd (w: Tensor) =
        let m, n = w.Shape[0], w.Shape[1]
        let struct (u, s, vt) = LinearAlgebra.Svd(w.toArray (), m, n)
        Tensor.create [ m; s.Length ] u, s, Tensor.create [ s.Length; n ] vt

    /// <summary>Singular value decomposition of the input-output correlations: the modes that a linear network learns.</summary>
    /// <param name="cross">Σ³¹ for whitened inputs, shape [k; d].</param>
    /// <returns>U of shape [k; r], singular values in descending order, Vᵀ of shape [r; d].</returns>
    let modes (cross: Tensor) : Tensor * float[] * Tensor = svd cross

    /// <summary>Strength of each mode in a map: u_aᵀ W v_a.</summary>
    /// <param name="u">Output modes in columns, shape [k; r].</param>
    /// <param name="vt">Input modes in rows, shape [r; d].</param>
    /// <param name="w">The map, shape [k; d].</param>
    /// <returns>Shape [r].</returns>
    let modeStrengths (u: Tensor) (vt: Tensor) (w: Tensor) : Tensor = Tensor.einsum "ka,kd,ad->a" [ u; w; vt ]

    /// <summary>A balanced factorisation of a given map: W_N ⋯ W₁ = W and W_{j+1}ᵀW_{j+1} = W_j W_jᵀ.</summary>
    /// <param name="key">Chooses the orthogonal bases of the hidden layers.</param>
    /// <param name="hidden">Width of every hidden layer, at least min(k, d).</param>
    /// <param name="depth">Number N of weight matrices.</param>
    /// <param name="w">The map, shape [k; d].</param>
    /// <returns>N matrices. Arora et al. (2018), Procedure 1.</returns>
    let balanced (key: Key) (hidden: int) (depth: int) (w: Tensor) : Tensor[] =
        checkDepth "balanced" depth
        let u, s, vt = svd w
        let r = s.Length

        if depth > 1 && hidden < r then
            fail
                $"DeepLinear.balanced: hidden width {hidden}, wanted at least {r}, the smaller side of the map of shape [{w.Shape[0]}; {w.Shape[1]}]; widen the hidden layers"

        let root = Tensor.ofArray (s |> Array.map (fun v -> v ** (1.0 / float depth)))

        let bases =
            Random.split depth key
            |> Array.map (fun k ->
                let struct (q, _) = LinearAlgebra.Qr((Random.normal k [ hidden; r ]).toArray(), hidden, r)
                Tensor.create [ hidden; r ] q)

        Array.init depth (fun j ->
            let left = if j = depth - 1 then u else bases[j]
            let right = if j = 0 then vt else Tensor.transpose bases[j - 1]
            Tensor.matmul (left * root) right)

    // One substitution serves time and trajectory: with q = log(u / (s − u)), du = u (1 − u/s) dq, and the law of a
    // mode becomes dt = u^(2/N − 1) dq / (N s), a smooth integrand over an interval of moderate length.

    /// A 20-point Gauss–Legendre rule on [−1, 1].
    let private gauss = GaussLegendreRule(-1.0, 1.0, 20)

    let private timeBetween (depth: int) (s: float) (q0: float) (q1: float) =
        let power = 2.0 / float depth - 1.0
        let pieces = max 1 (int (ceil (abs (q1 - q0) / 2.0)))
        let half = (q1 - q0) / (2.0 * float pieces)
        let mutable sum = 0.0

        for piece in 0 .. pieces - 1 do
            let middle = q0 + half * float (2 * piece + 1)

            for k in 0 .. gauss.Order - 1 do
                let u = s / (1.0 + exp (-(middle + half * gauss.Abscissas[k])))
                sum <- sum + gauss.Weights[k] * u ** power

        half * sum / (float depth * s)

    let private checkMode operation depth s u0 =
        checkDepth operation depth

        if not (0.0 < u0 && u0 < s) then
            fail
                $"DeepLinear.{operation}: start u0 = {u0} and singular value s = {s}, wanted 0 < u0 < s; a mode that starts at 0 never moves"

    /// <summary>Time at which a mode of a balanced network of any depth has strength u, for unit time constant.</summary>
    /// <param name="depth">Number N of weight matrices.</param>
    /// <param name="s">Singular value of Σ³¹, positive.</param>
    /// <param name="u0">Strength at time 0, in (0, s).</param>
    /// <param name="u">Strength, in [u0, s).</param>
    /// <returns>t(u) = ∫ du' / (N u'^(2 − 2/N) (s − u')) from u0 to u, by Gauss–Legendre quadrature; the scalar law is that of Saxe et al. (2013).</returns>
    let modeTime (depth: int) (s: float) (u0: float) (u: float) : float =
        checkMode "modeTime" depth s u0

        if not (u0 <= u && u < s) then
            fail
                $"DeepLinear.modeTime: strength {u}, wanted at least u0 = {u0} and below s = {s}; the mode reaches s only in the limit"

        timeBetween depth s (log (u0 / (s - u0))) (log (u / (s - u)))

    /// <summary>Strength of a mode of a balanced network at time t, for whitened inputs and unit time constant.</summary>
    /// <param name="depth">Number N of weight matrices.</param>
    /// <param name="s">Singular value of Σ³¹, positive.</param>
    /// <param name="u0">Strength at time 0, in (0, s).</param>
    /// <param name="t">Time, not negative.</param>
    /// <returns>The solution of u̇ = N u^(2 − 2/N) (s − u): s + (u0 − s) e^(−t) for N = 1, s / (1 + (s/u0 − 1) e^(−2st)) for
    /// N = 2 (Saxe et al. 2013), the inverse of <c>modeTime</c> to rounding for N ≥ 3.</returns>
    let modeTrajectory (depth: int) (s: float) (u0: float) (t: float) : float =
        checkMode "modeTrajectory" depth s u0

        if t < 0.0 then
            fail $"DeepLinear.modeTrajectory: time {t}, wanted 0 or more; the law is run forward from u0"

        match depth with
        | _ when t = 0.0 -> u0
        | 1 -> s + (u0 - s) * exp -t
        | 2 -> s / (1.0 + (s / u0 - 1.0) * exp (-2.0 * s * t))
        | _ ->
            let start = log (u0 / (s - u0))
            let mutable low, high = start, start + 1.0
            let mutable lowTime = 0.0

            // Bracket by steps of growing length, then halve; time is summed from the bracket's lower end.
            let mutable reached = timeBetween depth s low high

            while lowTime + reached < t && high < 60.0 do
                lowTime <- lowTime + reached
                low <- high
                high <- high + 1.0
                reached <- timeBetween depth s low high

            let origin, originTime = low, lowTime

            for _ in 1..60 do
                let middle = 0.5 * (low + high)

                if originTime + timeBetween depth s origin middle < t then
                    low <- middle
                else
                    high <- middle

            s / (1.0 + exp (-0.5 * (low + high)))

    /// <summary>Effective start of each mode of a two-layer network with small weights: u0 = ‖(W₁v_a + W₂ᵀu_a)/2‖².</summary>
    /// <param name="u">Output modes in columns, shape [k; r].</param>
    /// <param name="vt">Input modes in rows, shape [r; d].</param>
    /// <param name="weights">W₁ and W₂ at the start.</param>
    /// <returns>Shape [r]: the part of the weights on the growing direction. While the weights are small, W₁v_a and
    /// W₂ᵀu_a obey ẋ = s y, ẏ = s x, so that x + y grows as e^(st) and x − y dies out.</returns>
    let smallStart (u: Tensor) (vt: Tensor) (weights: Tensor[]) : float[] =
        if weights.Length <> 2 then
            fail
                $"DeepLinear.smallStart: {weights.Length} weight matrices, wanted 2; the linearised growth is that of a two-layer network"

        let growing =
            0.5
            * (Tensor.matmul weights[0] (Tensor.transpose vt) + Tensor.matmul (Tensor.transpose weights[1]) u)

        (Tensor.sumAxis 0 (growing * growing)).toArray()

    /// <summary>Velocity of the end-to-end map under gradient flow of a balanced deep linear network.</summary>
    /// <param name="depth">Number N of weight matrices.</param>
    /// <param name="w">The end-to-end map, shape [k; d].</param>
    /// <param name="gradient">∇L(W), shape [k; d].</param>
    /// <returns>−Σ_j [W Wᵀ]^((j−1)/N) ∇L(W) [WᵀW]^((N−j)/N), shape [k; d]; the zeroth power is the identity. Arora et al.
    /// (2018), Theorem 1. The powers are taken on the singular values of W, so that null directions stay exactly null.</returns>
    let preconditioned (depth: int) (w: Tensor) (gradient: Tensor) : Tensor =
        checkDepth "preconditioned" depth
        let u, s, vt = svd w
        let power j = Tensor.ofArray (s |> Array.map (fun v -> v ** (2.0 * float j / float depth)))

        let leftPower j x =
            if j = 0 then
                x
            else
                Tensor.matmul (u * power j) (Tensor.matmul (Tensor.transpose u) x)

        let rightPower j x =
            if j = 0 then
                x
            else
                Tensor.matmul (Tensor.matmul x (Tensor.transpose vt) * power j) vt

        -(Seq.init depth (fun j -> gradient |> leftPower j |> rightPower (depth - 1 - j)) |> Seq.reduce (+))

    /// <summary>Velocity of the end-to-end map along any direction of the weights: Σ_j W_N ⋯ Ẇ_j ⋯ W₁ by the chain rule.</summary>
    /// <param name="weights">First layer first.</param>
    /// <param name="direction">Ẇ₁, …, Ẇ_N, shaped as the weights.</param>
    /// <returns>Shape [k; d].</returns>
    let pushforward (weights: Tensor[]) (direction: Tensor[]) : Tensor = snd (Diff.jvp endToEnd weights direction)

    /// <summary>The same velocity for a single output: −‖w‖^(2−2/N) (∇L + (N − 1) ⟨w, ∇L⟩ w / ‖w‖²).</summary>
    /// <param name="depth">Number N of weight matrices.</param>
    /// <param name="w">The end-to-end map, shape [d], not zero.</param>
    /// <param name="gradient">∇L(w), shape [d].</param>
    /// <returns>Shape [d]. Arora et al. (2018), Claim 2. Differentiable: it may be passed to <c>Diff.jacobian</c>.</returns>
    let singleOutputField (depth: int) (w: Tensor) (gradient: Tensor) : Tensor =
        checkDepth "singleOutputField" depth
        let n = float depth
        let squaredNorm = Tensor.sum (w * w)
        let along = Tensor.sum (w * gradient) / squaredNorm
        -(squaredNorm ** (1.0 - 1.0 / n) * (gradient + (n - 1.0) * along * w))

    /// <summary>Line integral of the field of <c>singleOutputField</c> around the closed curve Γ(r, R): from −R e to −r e,
    /// over the half circle of radius r to r e, on to R e, and back over the half circle of radius R; e = g/‖g‖ with
    /// g = ∇L(0).</summary>
    /// <param name="depth">Number N of weight matrices.</param>
    /// <param name="slope">‖g‖.</param>
    /// <param name="inner">r, positive.</param>
    /// <param name="outer">R, above r.</param>
    /// <returns>−2‖g‖ (R^(3−2/N) − r^(3−2/N)) (N²/(3N − 2) − 1), exact for every loss with ∇L(w) = g + A w, A symmetric: the
    /// quadratic part contributes nothing, because the curve passes each radius at w and −w. It is zero for N = 1 and N = 2
    /// only; a field with a non-zero loop integral is not a gradient. Arora et al. (2018), proof of Theorem 2.</returns>
    let loopIntegral (depth: int) (slope: float) (inner: float) (outer: float) : float =
        checkDepth "loopIntegral" depth
        let n = float depth
        let power = 3.0 - 2.0 / n
        -2.0 * slope * (outer ** power - inner ** power) * (n * n / (3.0 * n - 2.0) - 1.0)
