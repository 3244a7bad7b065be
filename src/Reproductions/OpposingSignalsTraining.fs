namespace Hesse.Reproductions

open System
open Hesse
open Hesse.Theory

/// Networks trained by full-batch gradient descent at the edge of stability, for <c>OutliersOpposingSignals</c>.
module internal OpposingSignalsTraining =
    /// A network under squared loss, as a function of its raveled parameters.
    type Problem = {
        Activation: Tensor -> Tensor
        Inputs: Tensor
        Targets: Tensor
        Start: Tensor
        Unravel: Tensor -> AffineLayer list
    } with

        /// ½‖f(xᵢ) − tᵢ‖² of each sample.
        member p.SampleLosses(theta: Tensor) =
            let difference = Mlp.apply p.Activation (p.Unravel theta) p.Inputs - p.Targets
            0.5 * Tensor.sumAxis 1 (difference * difference)

        member p.Loss(theta: Tensor) = Tensor.mean (p.SampleLosses theta)

    let problem activation gain key widths inputs targets =
        let theta, unravel = Tree.ravel (Mlp.init key gain widths)

        {
            Activation = activation
            Inputs = inputs
            Targets = targets
            Start = theta
            Unravel = unravel
        }

    let sharpness (p: Problem) (theta: Tensor) (key: Key) =
        let start = (Random.normal key [ theta.Size ]).toArray()
        (Lanczos.largest (Lanczos.factorise (LinearOperator.hessian p.Loss theta) start 25) 1).Values[0]

    /// Parameters and losses of all samples at every step; the rate grows to η over the steps of the warm-up.
    let descend (ctx: Context) (p: Problem) (warmUp: int) (eta: float) (steps: int) =
        let step =
            Diff.compile (fun (theta: Tensor, rate: Tensor) ->
                p.SampleLosses theta, theta - rate * Diff.grad p.Loss theta)

        let mutable theta = p.Start

        Array.init (steps + 1) (fun k ->
            if k % 64 = 0 then
                ctx.Cancellation.ThrowIfCancellationRequested()

            let rate = GradientDescent.warmUp (eta / 10.0) eta warmUp k
            let losses, next = step (theta, Tensor.scalar rate)
            let here = theta
            theta <- next
            here, losses.toArray ())

    // ---- Planted outliers ----

    [<Literal>]
    let private Outliers = 8

    [<Literal>]
    let private Samples = 256

    /// Size of the planted feature; the norm of the other features is about 1.
    [<Literal>]
    let private Size = 20.0

    /// 256 Gaussian samples in ten dimensions with the sign of a linear function as target; eight of them have one feature
    /// more, of size ±20, that says nothing of the target. The control has the same samples without that feature.
    let private planted (key: Key) =
        let keys = Random.split 3 key
        let d = 10
        let x = Random.normal keys[0] [ Samples; d ] / sqrt (float d)
        let y = Tensor.sign (Tensor.matmul x (Random.normal keys[1] [ d; 1 ]))

        let extra outliers =
            Array.init Samples (fun i ->
                if i >= outliers then 0.0
                elif i % 2 = 0 then Size
                else -Size)

        let inputs outliers = Tensor.concat 1 [ x; Tensor.create [ Samples; 1 ] (extra outliers) ]
        let make outliers = problem Tensor.relu (sqrt 2.0) keys[2] [ d + 1; 32; 1 ] (inputs outliers) y
        make Outliers, make 0

    /// Largest change of each sample's loss in one step.
    let private largestChange (path: (Tensor * float[])[]) =
        let largest = Array.zeroCreate (snd path[0]).Length

        for (_, before), (_, after) in Seq.pairwise path do
            for i in 0 .. largest.Length - 1 do
                largest[i] <- max largest[i] (abs (after[i] - before[i]))

        largest

    let outliers (ctx: Context) (record: Recorder) (key: Key) =
        let seeds, steps, eta = (if ctx.Quick then 8 else 24), 1200, 0.1

        let rows =
            Random.split seeds key
            |> Array.mapi (fun i k ->
                ctx.Progress (0.3 + 0.3 * float i / float seeds) "networks with planted outliers"
                let keys = Random.split 2 k
                let withOutliers, control = planted keys[0]
                let path, other = descend ctx withOutliers 200 eta steps, descend ctx control 200 eta steps
                let settled = path[steps / 2 ..]

                {|
                    Sharp = sharpness withOutliers (fst path[steps / 2]) keys[1]
                    Flat = sharpness control (fst other[steps / 2]) keys[1]
                    Curve = largestChange settled |> Fit.areaUnderCurve (Array.init Samples (fun i -> i < Outliers))
                |})

        let ratios = rows |> Array.map (fun r -> r.Sharp / r.Flat)

        record.Claim(
            "outliers-set-sharpness",
            Status.Observation,
            "A few samples with one large feature make a network several times as sharp.",
            "λ_max with outliers ≥ 3 λ_max without (Rosenfeld & Risteski 2023)",
            Relation.AtLeast,
            3.0,
            0.0,
            exp (ratios |> Array.averageBy log),
            $"Geometric mean over {seeds} draws of the ratio after {steps / 2} steps of gradient descent, {Array.min ratios:F2} to {Array.max ratios:F2}: {Outliers} of {Samples} samples have a feature of size ±{Size} (ReLU network 11-32-1, squared loss, η grows to {eta} over 200 steps); 2/η = {2.0 / eta}. Inputs without it have norm about 1. Size and step were chosen on other seeds; with a feature of size 10 the ratio is near 2."
        )

        record.Claim(
            "outliers-found-by-loss-change",
            Status.Observation,
            "The samples whose loss changes most in one step are the outliers.",
            "AUC of max_t |ℓᵢ(t + 1) − ℓᵢ(t)| for the planted samples",
            Relation.AtLeast,
            0.9,
            0.0,
            rows |> Array.averageBy _.Curve,
            $"Mean area under the curve over {seeds} draws, steps {steps / 2} to {steps}; least {rows |> Array.map _.Curve |> Array.min:F3}. Without a signal it would be 1/2."
        )

    // ---- Digits ----

    /// The samples whose loss rises and falls most at the largest spike, and what they have in common.
    type private Spike = {
        Cosine: float
        Control: float
        Majority: float
        /// The same for two random groups.
        MajorityByChance: float
        Reversal: float
        Edge: float
        Loss: float[]
        Groups: float[] * float[]
    }

    /// Samples in each of the two groups at a spike.
    [<Literal>]
    let private Group = 50

    let private spike ctx (data: Digits) eta steps key =
        let keys = Random.split 3 key

        let p =
            problem Tensor.tanh 1.0 keys[0] [ data.Features; 32; 10 ] (Digits.inputs data) (Digits.oneHot 10 data)

        let path = descend ctx p 0 eta steps
        let losses = path |> Array.map snd
        let total = losses |> Array.map Array.average
        let at = [| steps / 4 .. steps - 2 |] |> Array.maxBy (fun k -> total[k + 1] - total[k])
        let change k = Array.map2 (-) losses[k + 1] losses[k]
        let order = Array.init data.Count id |> Array.sortBy (fun i -> (change at)[i])
        let falling, rising = Array.truncate Group order, order[data.Count - Group ..]
        // Between the two iterates, where the oscillation is centred, a step's change of loss is g · Δθ to second order.
        let centre = 0.5 * (fst path[at] + fst path[at + 1])

        let gradient (rows: int[]) =
            let weights =
                Tensor.ofArray (Array.init data.Count (fun i -> if Array.contains i rows then 1.0 else 0.0))

            (Diff.grad (fun theta -> Tensor.sum (weights * p.SampleLosses theta)) centre).toArray()

        let majority (rows: int[]) =
            let counts = rows |> Array.countBy (fun i -> data.Labels[i])
            float (counts |> Array.map snd |> Array.max) / float Group

        let drawn = Random.permutation keys[1] data.Count
        let course rows = losses |> Array.map (fun l -> rows |> Array.averageBy (fun i -> l[i]))

        {
            Cosine = Fit.cosine (gradient falling) (gradient rising)
            Control = Fit.cosine (gradient drawn[.. Group - 1]) (gradient drawn[Group .. 2 * Group - 1])
            Majority = 0.5 * (majority falling + majority rising)
            MajorityByChance = 0.5 * (majority drawn[.. Group - 1] + majority drawn[Group .. 2 * Group - 1])
            Reversal = Fit.correlation (change at) (change (at + 1))
            Edge = 0.5 * eta * sharpness p (fst path[steps]) keys[2]
            Loss = total
            Groups = course falling, course rising
        }

    let digits (ctx: Context) (record: Recorder) (all: Digits) (key: Key) =
        let data = all |> Digits.take [ 0..9 ] 100 |> Digits.centre
        let seeds, steps, eta = (if ctx.Quick then 6 else 16), 600, 0.7

        let spikes =
            Random.split seeds key
            |> Array.mapi (fun i k ->
                ctx.Progress (0.6 + 0.4 * float i / float seeds) "digits at the edge of stability"
                spike ctx data eta steps k)

        let setting =
            $"{seeds} starts of a 64-32-10 tanh network, squared loss, {data.Count} digits, η = {eta}, {steps} steps"

        let range (f: Spike -> float) =
            $"{spikes |> Array.map f |> Array.min:F2} to {spikes |> Array.map f |> Array.max:F2}"

        record.Claim(
            "digits-reach-the-edge",
            Status.Observation,
            "On digits gradient descent sharpens until λ meets 2/η.",
            "η λ_max/2 ≈ 1",
            Relation.Absolute,
            1.0,
            0.15,
            spikes |> Array.averageBy _.Edge,
            $"Mean of η λ_max/2 at the last step, {range _.Edge}: {setting}."
        )

        record.Claim(
            "spike-groups-oppose",
            Status.Observation,
            "The samples whose loss rises most at a spike and those whose loss falls most pull the network in opposite directions.",
            "cos(Σ_rising ∇ℓᵢ, Σ_falling ∇ℓᵢ) < 0, near −1 in the paper (Rosenfeld & Risteski 2023)",
            Relation.AtMost,
            -0.3,
            0.0,
            spikes |> Array.averageBy _.Cosine,
            $"Mean cosine at the largest rise of the loss in the last three quarters of training, {range _.Cosine}, between the two groups of {Group}, at the middle of the two iterates; {setting}. Two random groups of {Group} there: {range _.Control}. Groups of five to twenty oppose less cleanly here (−0.3 to −0.7 on other seeds, where groups of fifty had −0.56 to −0.78), and at either iterate, rather than between them, one group is fitted and the cosine says nothing."
        )

        record.Claim(
            "spike-groups-share-a-class",
            Status.Observation,
            "Each of the two groups looks alike: it has a class of its own, more than random groups have.",
            "share of the most frequent class in a group, over that of random groups",
            Relation.AtLeast,
            2.0,
            0.0,
            (spikes |> Array.averageBy _.Majority) / (spikes |> Array.averageBy _.MajorityByChance),
            $"Mean share over both groups of {Group} and {seeds} starts, {spikes |> Array.averageBy _.Majority:F2} ({range _.Majority}), over that of two random groups, {spikes |> Array.averageBy _.MajorityByChance:F2}; twice counts as clear. On other seeds the ratio was 2.6 to 3.7."
        )

        record.Claim(
            "loss-changes-reverse",
            Status.Observation,
            "What a step does to each sample's loss, the next step undoes.",
            "corr(ℓᵢ(t + 1) − ℓᵢ(t), ℓᵢ(t + 2) − ℓᵢ(t + 1)) ≈ −1 at a spike",
            Relation.AtMost,
            -0.5,
            0.0,
            spikes |> Array.averageBy _.Reversal,
            $"Mean correlation over the samples at the spike, {range _.Reversal}; {setting}. In smooth training it is near 1."
        )

        let first = spikes[0]
        let steps = Array.init first.Loss.Length float
        let line name y = { Name = name; Mark = Mark.Lines; X = steps; Y = y }

        ctx.Draw {
            Title = "Two groups of digits at the edge of stability"
            Caption =
                $"Mean losses of the {Group} samples whose loss fell, and rose, most at the largest spike; first start."
            XLabel = "step"
            YLabel = "loss"
            LogX = false
            LogY = true
            Series = [
                line "all samples" first.Loss
                line "falling at the spike" (fst first.Groups)
                line "rising at the spike" (snd first.Groups)
            ]
        }
