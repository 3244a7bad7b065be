namespace Hesse.Theory

open System
open Hesse

/// How the posterior near a point is sampled.
[<RequireQualifiedAccess>]
type LangevinKind =
    /// Stochastic gradient Langevin dynamics (Welling and Teh 2011), on batches of so many samples or on all of them. The stationary law has an error of order ε.
    | Sgld of batch: int option
    /// Metropolis-adjusted Langevin (Roberts and Tweedie 1996), on all samples: the stationary law is exact.
    | Adjusted

/// How a local learning coefficient is estimated.
type LearningCoefficientOptions = {
    /// The sampler.
    Kind: LangevinKind
    /// ε: a step is −(ε/2)(nβ∇L + γ(w − w*)) + √ε N(0, I).
    Step: float
    /// γ, the strength of the pull towards w*: the posterior is that of a Gaussian prior of precision γ around w*.
    Localisation: float
    /// β; None for 1/log n (Watanabe 2013).
    InverseTemperature: float option
    /// Chains that run side by side, each from w*.
    Chains: int
    /// Steps that are not counted.
    BurnIn: int
    /// Steps after them.
    Draws: int
    /// Of the noise and the batches.
    Key: Key
} with

    /// Adjusted Langevin, ε = 10⁻⁴, γ = 100, four chains of 500 and 2000 steps.
    static member Default = {
        Kind = LangevinKind.Adjusted
        Step = 1e-4
        Localisation = 100.0
        InverseTemperature = None
        Chains = 4
        BurnIn = 500
        Draws = 2000
        Key = Random.key 0
    }

/// A local learning coefficient with the diagnostics of its chains.
type LearningCoefficient = {
    /// λ̂ = nβ (E L(w) − L(w*)).
    Value: float
    /// Monte-Carlo standard error of λ̂.
    StandardError: float
    /// WBIC: n E L(w); near n L(w*) + λ log n for β = 1/log n.
    Wbic: float
    /// L(w*).
    LossAtCentre: float
    /// Of the loss along the chains: believe nothing where R̂ is far from 1.
    Chains: ChainSummary
    /// Share of accepted steps; 1 for SGLD. Between 0.4 and 0.8 the adjusted sampler moves well.
    Acceptance: float
    /// β that was used.
    InverseTemperature: float
}

/// The (local) learning coefficient of singular learning theory, half of the volume dimension of the loss near a point: Lau, Furman, Wang, Murfet, Wei
/// 2023; WBIC: Watanabe 2013, "A widely applicable Bayesian information criterion".
[<RequireQualifiedAccess>]
module LearningCoefficient =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private check (o: LearningCoefficientOptions) (samples: int) =
        if
            not (o.Step > 0.0 && o.Localisation >= 0.0)
            || o.Chains < 1
            || o.BurnIn < 0
            || o.Draws < 4
            || samples < 2
        then
            fail
                $"LearningCoefficient: step {o.Step}, localisation {o.Localisation}, {o.Chains} chains of {o.BurnIn} and {o.Draws} steps on {samples} samples; wanted a positive step, a localisation that is not negative, at least one chain of 4 draws, and two samples"

        match o.InverseTemperature with
        | Some beta when not (beta > 0.0) ->
            fail $"LearningCoefficient: an inverse temperature of {beta}, wanted a positive number; None is 1/log n"
        | _ -> ()

    let private squaredNorm (t: Tensor) = Tensor.sum (t * t)

    /// <summary>Estimates the coefficient at a point.</summary>
    /// <param name="options">Sampler, temperature and localisation.</param>
    /// <param name="loss">From a batch (a tree like the data) and parameters to L, an average over the samples; a negative log-likelihood for a statement about models.</param>
    /// <param name="data">A tree whose tensors have the n samples along their first axis.</param>
    /// <param name="centre">w*, a (local) minimum.</param>
    /// <returns>The estimate. Where λ̂ is negative, w* is no local minimum.</returns>
    /// <exception cref="T:Hesse.HesseException">An option is out of range, or a chain left the finite numbers: take a smaller step.</exception>
    /// <remarks>One value and gradient a step and chain, all chains in one plan. At a regular minimum with ε → 0, λ̂ → ½ Σ nβλᵢ/(nβλᵢ + γ), which is M/2 for weak localisation.</remarks>
    let estimate
        (options: LearningCoefficientOptions)
        (loss: 'B -> 'P -> Tensor)
        (data: 'B)
        (centre: 'P)
        : LearningCoefficient =
        let n = Training.sampleCount data
        check options n
        let flat, unravel = Tree.ravel centre
        let m = flat.Size
        let scale = float n * (options.InverseTemperature |> Option.defaultValue (1.0 / log (float n)))
        let gamma, step = options.Localisation, options.Step

        /// Loss on a batch and gradient of nβL + γ/2 ‖w − w*‖².
        let slope batch w =
            let value, g = Diff.valueAndGrad (fun w -> loss batch (unravel w)) w
            value, scale * g + gamma * (w - flat)

        let energy (value: Tensor) (w: Tensor) = scale * value + 0.5 * gamma * squaredNorm (w - flat)
        let noise key = Optimizer.inPrecisionOf flat (Random.normal key [ m ])

        /// One unadjusted step of one chain.
        let free batch (w: Tensor, key: Key) =
            let value, drift = slope batch w
            w - 0.5 * step * drift + sqrt step * noise key, value

        /// One step with acceptance of one chain, whose loss and drift at w are known.
        let adjusted (w: Tensor, value: Tensor, drift: Tensor, key: Key) =
            let keys = Random.split 2 key
            let proposal = w - 0.5 * step * drift + sqrt step * noise keys[0]
            let newValue, newDrift = slope data proposal
            let forward = squaredNorm (proposal - w + 0.5 * step * drift)
            let backward = squaredNorm (w - proposal + 0.5 * step * newDrift)

            let logRatio = energy value w - energy newValue proposal + (forward - backward) / (2.0 * step)

            let threshold = Optimizer.inPrecisionOf flat (Tensor.log (Random.uniform keys[1] []))
            let accept = Tensor.greater logRatio threshold
            let choose a b = Tensor.where accept a b
            choose proposal w, choose newValue value, choose newDrift drift, accept

        let total = options.BurnIn + options.Draws
        let keyAt k = Random.splitKeys options.Chains (Random.fold k (Random.fold 0 options.Key))
        let losses = Array.init options.Chains (fun _ -> Array.zeroCreate<float> options.Draws)
        let start = Tensor.broadcastTo [ options.Chains; m ] (Tensor.reshape [ 1; m ] flat)

        let record k (values: Tensor) =
            let values = values.toArray ()

            if values |> Array.exists (Double.IsFinite >> not) then
                fail
                    $"LearningCoefficient: a chain left the finite numbers at step {k} with ε = {step}; take a smaller step or a stronger localisation"

            if k >= options.BurnIn then
                values |> Array.iteri (fun c v -> losses[c][k - options.BurnIn] <- v)

        let mutable accepted = 0.0

        match options.Kind with
        | LangevinKind.Sgld batch ->
            let size = batch |> Option.map BatchSize.Random |> Option.defaultValue BatchSize.Full

            let batchAt = Training.batches size (Random.fold 1 options.Key) n
            let onAll = Diff.compile (Diff.vmap (free data))

            let onSome = Diff.compile (fun (indices, x) -> Diff.vmap (free (Training.gather indices data)) x)

            let mutable w = start

            for k in 0 .. total - 1 do
                let x = w, keyAt k

                let next, values =
                    match batchAt k with
                    | None -> onAll x
                    | Some indices -> onSome (indices, x)

                record k values
                w <- next

            accepted <- float (total * options.Chains)
        | LangevinKind.Adjusted ->
            let advance = Diff.compile (Diff.vmap adjusted)
            let mutable w = start
            let mutable value, drift = Diff.vmap (slope data) start

            for k in 0 .. total - 1 do
                let next, newValue, newDrift, accept = advance (w, value, drift, keyAt k)
                w <- next
                value <- newValue
                drift <- newDrift
                accepted <- accepted + (Tensor.sum accept).item()
                record k value

        let summary = ChainDiagnostics.summarise losses
        let atCentre = (loss data centre).item()

        {
            Value = scale * (summary.Mean - atCentre)
            StandardError = scale * summary.StandardError
            Wbic = float n * summary.Mean
            LossAtCentre = atCentre
            Chains = summary
            Acceptance = accepted / float (total * options.Chains)
            InverseTemperature = scale / float n
        }

    /// <summary>The learning coefficient of reduced-rank regression y = BAx + noise, known in closed form (Aoyagi and Watanabe 2005, main theorem).</summary>
    /// <param name="inputs">M.</param>
    /// <param name="hidden">H, the rank that the model allows.</param>
    /// <param name="outputs">N.</param>
    /// <param name="rank">r, the rank of the truth, at most min(M, H, N).</param>
    /// <returns>λ and its multiplicity m.</returns>
    /// <exception cref="T:Hesse.HesseException">A width is not positive, or the rank is out of range.</exception>
    let reducedRank (inputs: int) (hidden: int) (outputs: int) (rank: int) : float * int =
        let m, h, n, r = inputs, hidden, outputs, rank

        if min m (min h n) < 1 || r < 0 || r > min m (min h n) then
            fail
                $"LearningCoefficient.reducedRank: widths {m}, {h}, {n} and rank {r}, wanted positive widths and a rank from 0 to the least of them"

        if m + h < n + r then
            float (h * m - h * r + n * r) / 2.0, 1
        elif n + h < m + r then
            float (h * n - h * r + m * r) / 2.0, 1
        elif m + n < h + r then
            float (m * n) / 2.0, 1
        else
            let s = h + r
            let value = 2 * s * (m + n) - (m - n) * (m - n) - s * s

            if (m + h + n + r) % 2 = 0 then
                float value / 8.0, 1
            else
                float (value + 1) / 8.0, 2
