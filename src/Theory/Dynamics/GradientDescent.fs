namespace Hesse.Theory

open System
open Hesse

/// How many samples a step sees.
[<RequireQualifiedAccess>]
type BatchSize =
    /// All of them: gradient descent.
    | Full
    /// B samples drawn independently, with replacement: stochastic gradient descent.
    | Random of int
    /// B samples in the order of a random permutation, a new one for each epoch of ⌊n/B⌋ steps: no sample twice in an epoch.
    | Shuffled of int

/// Several training runs with data of one shape, side by side.
type TrainingRuns<'P> = {
    /// Inputs of each run, shape [runs; n; d].
    Inputs: Tensor
    /// Targets of each run, shape [runs; n].
    Targets: Tensor
    /// Parameters of each run: every tensor has a first axis of length runs.
    Parameters: 'P
}

/// Gradient descent and stochastic gradient descent. Parameters are trees of tensors; randomness comes from explicit keys.
[<RequireQualifiedAccess>]
module GradientDescent =
    let private fail (message: string) = raise (HesseException message)

    /// <summary>One step of gradient descent: w − η ∇L(w).</summary>
    /// <param name="loss">A scalar function of the parameters.</param>
    /// <param name="step">η, a scalar.</param>
    /// <param name="w">The parameters.</param>
    /// <returns>A tree of the structure of the parameters.</returns>
    let step (loss: 'P -> Tensor) (step: Tensor) (w: 'P) : 'P = Tree.map2 (fun x g -> x - step * g) w (Diff.grad loss w)

    /// <summary>A step size that grows linearly and then stays: the path that lets a run reach a flat minimum without blowing up.</summary>
    /// <param name="first">η at the first step.</param>
    /// <param name="last">η from step <paramref name="length"/> on.</param>
    /// <param name="length">Number of steps of growth, at least 1.</param>
    /// <param name="k">Number of the step, from 0.</param>
    /// <returns>η at step k.</returns>
    let warmUp (first: float) (last: float) (length: int) (k: int) : float =
        first + (last - first) * min 1.0 (float k / float (max 1 length))

    /// How many steps' worth of indices are drawn at once.
    [<Literal>]
    let private IndexBlock = 256

    /// <summary>Trains many independent runs at once: one compiled, batched step serves all of them.</summary>
    /// <param name="loss">The loss of one run from its inputs [n; d], targets [n] and parameters.</param>
    /// <param name="batch">Samples per step.</param>
    /// <param name="schedule">η of each run at a step, shape [runs], from the number of the step.</param>
    /// <param name="key">Chooses the samples; not used for a full batch.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="observe">Called before each step with its number and the parameters, and once more at the end.</param>
    /// <param name="runs">Data and starting points.</param>
    /// <returns>The parameters after the last step. A run that diverges becomes infinite or NaN; the others do not notice.</returns>
    /// <exception cref="T:Hesse.HesseException">Inputs and targets do not fit.</exception>
    let train
        (loss: Tensor -> Tensor -> 'P -> Tensor)
        (batch: BatchSize)
        (schedule: int -> float[])
        (key: Key)
        (steps: int)
        (observe: int -> 'P -> unit)
        (runs: TrainingRuns<'P>)
        : 'P =
        let shape, targetShape = runs.Inputs.Shape, runs.Targets.Shape

        if shape.Length <> 3 || targetShape <> shape[..1] then
            fail
                $"GradientDescent.train: inputs of shape %A{shape} and targets of shape %A{targetShape}, wanted [runs; n; d] and [runs; n]; stack the data of the runs"

        let count, n, d = shape[0], shape[1], shape[2]

        let advance =
            Diff.compile (Diff.vmap (fun (w: 'P, eta: Tensor, x: Tensor, y: Tensor) -> step (loss x y) eta w))

        let minibatch: int -> struct (Tensor * Tensor) =
            match batch with
            | BatchSize.Full -> fun _ -> struct (runs.Inputs, runs.Targets)
            | BatchSize.Random size ->
                if size < 1 then
                    fail
                        $"GradientDescent.train: batch size {size}, wanted at least 1; use BatchSize.Full for all samples"

                let inputs, targets = runs.Inputs.toArray (), runs.Targets.toArray ()
                let mutable block = [||]
                let x, y = Array.zeroCreate (count * size * d), Array.zeroCreate (count * size)

                fun k ->
                    if k % IndexBlock = 0 then
                        let blockKey = Random.fold (k / IndexBlock) key
                        block <- (Random.integers blockKey n [ IndexBlock; count; size ]).toArray()

                    for q in 0 .. count * size - 1 do
                        let sample = q / size * n + int block[k % IndexBlock * count * size + q]
                        Array.Copy(inputs, sample * d, x, q * d, d)
                        y[q] <- targets[sample]

                    struct (Tensor.create [ count; size; d ] x, Tensor.create [ count; size ] y)
            | BatchSize.Shuffled _ ->
                fail
                    "GradientDescent.train: batches without replacement are drawn for one run at a time; use Training.run, or BatchSize.Random here"

        let mutable w = runs.Parameters

        for k in 0 .. steps - 1 do
            observe k w
            let struct (x, y) = minibatch k
            w <- advance (w, Tensor.ofArray (schedule k), x, y)

        observe steps w
        w
