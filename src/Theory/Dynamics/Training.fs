namespace Hesse.Theory

open System.Threading
open Hesse

/// How a model is trained.
type TrainingOptions = {
    /// How a gradient becomes a step.
    Optimizer: Optimizer
    /// Replaces the gradient of the batch by a sharpness-aware one.
    SharpnessAware: SharpnessAwareOptions option
    /// η by the number of the step, from 0; see <c>Schedule</c>.
    LearningRate: int -> float
    /// Samples of a step.
    Batch: BatchSize
    /// Chooses the samples. Those of step k depend on the key and on k alone.
    Key: Key
} with

    /// <summary>Gradient descent on all samples at a constant rate.</summary>
    /// <param name="rate">η.</param>
    static member GradientDescent(rate: float) = {
        Optimizer = Optimizer.gradientDescent
        SharpnessAware = None
        LearningRate = Schedule.constant rate
        Batch = BatchSize.Full
        Key = Random.key 0
    }

/// Where a training run stands: all that is needed to go on exactly as if it had not stopped. A tree.
type TrainingState<'P> = {
    /// Steps taken so far.
    Step: int
    /// The parameters after them.
    Parameters: 'P
    /// The moments of the optimizer, trees like the parameters.
    Moments: 'P list
}

/// What is told to an observer after a step.
type TrainingStep<'P> = {
    /// The state after the step; its Step is the number of steps taken.
    State: TrainingState<'P>
    /// Loss of the step's batch, before the step.
    Loss: float
    /// η of the step.
    LearningRate: float
}

/// Training of any differentiable loss, step by step, with one compiled plan for all steps. A run is a function of its options, data and
/// first state: cut anywhere and taken up again, it gives the same numbers, bit for bit.
[<RequireQualifiedAccess>]
module Training =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// <summary>The state before the first step.</summary>
    /// <param name="options">Says which moments there are.</param>
    /// <param name="parameters">Where training begins.</param>
    /// <returns>Step 0.</returns>
    /// <exception cref="T:Hesse.HesseException">A constant of the optimizer is out of range.</exception>
    let start (options: TrainingOptions) (parameters: 'P) : TrainingState<'P> = {
        Step = 0
        Parameters = parameters
        Moments = Optimizer.start options.Optimizer parameters
    }

    /// <summary>Number of samples of a data set.</summary>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <returns>The common length.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no tensor, one is a scalar, or lengths differ.</exception>
    let sampleCount (data: 'B) : int =
        let lengths = Tree.leaves data |> Array.map (fun t -> if t.Rank = 0 then -1 else t.Shape[0])

        if lengths.Length = 0 || lengths[0] < 1 || lengths |> Array.exists ((<>) lengths[0]) then
            let shapes = Tree.leaves data |> Array.map (fun t -> Files.show t.Shape) |> String.concat ", "

            fail
                $"Training: the data has tensors of shapes {shapes}, wanted at least one, all with the same number of samples along the first axis; stack the samples there"

        lengths[0]

    /// <summary>The samples of a step.</summary>
    /// <param name="batch">How many and how.</param>
    /// <param name="key">The stream.</param>
    /// <param name="samples">n.</param>
    /// <returns>From the number of a step to its indices, shape [B]; None for all samples in their order.</returns>
    /// <exception cref="T:Hesse.HesseException">The batch size is below 1, or above n without replacement.</exception>
    let batches (batch: BatchSize) (key: Key) (samples: int) : int -> Tensor option =
        match batch with
        | BatchSize.Full -> fun _ -> None
        | BatchSize.Random size ->
            if size < 1 then
                fail $"Training: batch size {size}, wanted at least 1; use BatchSize.Full for all samples"

            fun k -> Some(Random.integers (Random.fold k key) samples [ size ])
        | BatchSize.Shuffled size ->
            if size < 1 || size > samples then
                fail $"Training: batch size {size}, wanted 1 to {samples}, the number of samples"

            let perEpoch = samples / size
            // The order of the epoch that was asked for last: a memory of a pure function of the step.
            let mutable order = struct (-1, Tensor.zeros [ 0 ])

            fun k ->
                let epoch = k / perEpoch
                let struct (known, _) = order

                if known <> epoch then
                    order <- struct (epoch, Random.permutationTensor (Random.fold epoch key) samples)

                let struct (_, indices) = order
                let first = k % perEpoch * size
                Some(Tensor.slice 0 first (first + size) 1 indices)

    /// <summary>Parts of a data set.</summary>
    /// <param name="indices">Whole numbers, shape [B].</param>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <returns>The samples of these numbers, in this order.</returns>
    let gather (indices: Tensor) (data: 'B) : 'B = Tree.map (Tensor.gather 0 indices) data

    /// <summary>Trains until a number of steps has been taken.</summary>
    /// <param name="options">Optimizer, rates and batches.</param>
    /// <param name="loss">From a batch (a tree like the data) and parameters to a scalar, an average over the samples.</param>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <param name="steps">Number of steps in all, those of earlier runs that led to the state included.</param>
    /// <param name="observe">Called after each step.</param>
    /// <param name="cancellation">Asked before each step; where it is set the run ends with the state that it has reached.</param>
    /// <param name="state">From <c>start</c>, an earlier run or a <c>Checkpoint</c>.</param>
    /// <returns>The state after the last step. A run that diverges goes on with infinities and NaN: cancel it from the observer.</returns>
    /// <exception cref="T:Hesse.HesseException">The data, batches, moments or constants do not fit.</exception>
    /// <remarks>One value and gradient a step, two for a sharpness-aware one; the plan is made at the first step.</remarks>
    let run
        (options: TrainingOptions)
        (loss: 'B -> 'P -> Tensor)
        (data: 'B)
        (steps: int)
        (observe: TrainingStep<'P> -> unit)
        (cancellation: CancellationToken)
        (state: TrainingState<'P>)
        : TrainingState<'P> =
        let batchAt = batches options.Batch options.Key (sampleCount data)

        let valueAndGrad batch w =
            match options.SharpnessAware with
            | None -> Diff.valueAndGrad (loss batch) w
            | Some sam -> SharpnessAware.batchValueAndGrad sam loss batch w

        let advance batch (w, moments, rate, count) =
            let value, gradient = valueAndGrad batch w
            value, Optimizer.step options.Optimizer rate count gradient w moments

        let onAll = Diff.compile (advance data)
        let onSome = Diff.compile (fun (indices, x) -> advance (gather indices data) x)
        let mutable state = state

        while state.Step < steps && not cancellation.IsCancellationRequested do
            let rate = options.LearningRate state.Step
            let count = Tensor.scalar (float (state.Step + 1))
            let x = state.Parameters, state.Moments, Tensor.scalar rate, count

            let value, (parameters, moments) =
                match batchAt state.Step with
                | None -> onAll x
                | Some indices -> onSome (indices, x)

            state <- { Step = state.Step + 1; Parameters = parameters; Moments = moments }

            observe { State = state; Loss = value.item (); LearningRate = rate }

        state

    /// <summary>Trains without an observer.</summary>
    /// <param name="options">Optimizer, rates and batches.</param>
    /// <param name="loss">From a batch and parameters to a scalar, an average over the samples.</param>
    /// <param name="data">A tree whose tensors have the samples along their first axis.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="parameters">Where training begins.</param>
    /// <returns>The parameters after the last step.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>run</c>.</exception>
    let fit (options: TrainingOptions) (loss: 'B -> 'P -> Tensor) (data: 'B) (steps: int) (parameters: 'P) : 'P =
        (run options loss data steps ignore CancellationToken.None (start options parameters)).Parameters

    /// <summary>An observer that is called at multiples of a number of steps only.</summary>
    /// <param name="interval">At least 1.</param>
    /// <param name="observe">The observer.</param>
    /// <returns>The observer to pass to <c>run</c>; combine several with <c>fun step -> a step; b step</c>.</returns>
    /// <exception cref="T:Hesse.HesseException">The interval is below 1.</exception>
    let every (interval: int) (observe: TrainingStep<'P> -> unit) : TrainingStep<'P> -> unit =
        if interval < 1 then
            fail $"Training.every: an interval of {interval} steps, wanted at least 1"

        fun step ->
            if step.State.Step % interval = 0 then
                observe step
