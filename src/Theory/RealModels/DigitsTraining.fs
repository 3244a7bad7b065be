namespace Hesse.Theory

open System
open System.Threading
open Hesse

/// What training an MLP on digits has led to.
type DigitsTrainingOutcome = {
    /// Steps taken.
    Steps: int
    /// Loss over all data.
    Loss: float
    /// Accuracy over all data.
    Accuracy: float
}

/// MLPs trained on labelled data by Adam with softmax cross-entropy: a model to look at, in one call.
[<RequireQualifiedAccess>]
module DigitsTraining =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// <summary>Trains an MLP and writes it.</summary>
    /// <param name="data">The file of the data, with classes (<c>LabelledData.read</c>).</param>
    /// <param name="labels">The file of the labels; null or empty where the data has them or names them.</param>
    /// <param name="widths">Input, hidden and output widths.</param>
    /// <param name="activation">The name of the activation.</param>
    /// <param name="steps">Steps of Adam, on shuffled batches of at most 64 rows.</param>
    /// <param name="rate">The learning rate, which falls to zero along a cosine.</param>
    /// <param name="seed">Of initial weights and batches.</param>
    /// <param name="path">The file of the weights, .npz or .safetensors.</param>
    /// <param name="progress">Called with the number of steps taken and the loss of the batch.</param>
    /// <param name="cancellation">Ends training early; what has been reached is written.</param>
    /// <returns>Where training ended.</returns>
    /// <exception cref="T:Hesse.HesseException">Data, widths or options do not fit, training diverged, or the file cannot be written.</exception>
    let run
        (data: string)
        (labels: string)
        (widths: int[])
        (activation: string)
        (steps: int)
        (rate: float)
        (seed: int)
        (path: string)
        (progress: Action<int, float>)
        (cancellation: CancellationToken)
        : DigitsTrainingOutcome =
        if steps < 1 || not (rate > 0.0 && Double.IsFinite rate) then
            fail $"train: {steps} steps at rate {rate}; wanted at least one step and a rate above 0"

        let function' = MlpFile.activation activation
        let key = Random.key seed
        let parameters = Mlp.init (Random.fold 0 key) 1.0 (List.ofArray widths)
        let data = LabelledData.read data (if String.IsNullOrEmpty labels then None else Some labels) None

        if not data.Targets.IsClasses then
            fail "train: the data has numbers, wanted classes [n]"

        if data.Features <> widths[0] then
            fail
                $"train: rows of the data have {data.Features} numbers, the widths begin with {widths[0]}; begin with {data.Features}"

        let targets = LabelledData.targets widths[widths.Length - 1] data
        let loss (x, t) w = Losses.crossEntropy (Mlp.apply function' w x) t

        let options = {
            TrainingOptions.GradientDescent rate with
                Optimizer = Optimizer.adam
                LearningRate = Schedule.cosine rate 0.0 steps
                Batch = BatchSize.Shuffled(min 64 data.Count)
                Key = Random.fold 1 key
        }

        let observe (step: TrainingStep<_>) =
            if not (Double.IsFinite step.Loss) then
                fail $"train: the loss is {step.Loss} after {step.State.Step} steps; take a smaller rate than {rate}"

            progress.Invoke(step.State.Step, step.Loss)

        let state =
            Training.run
                options
                loss
                (data.Inputs, targets)
                steps
                observe
                cancellation
                (Training.start options parameters)

        let predictions = Mlp.apply function' state.Parameters data.Inputs
        MlpFile.write path activation state.Parameters

        {
            Steps = state.Step
            Loss = (Losses.crossEntropy predictions targets).item()
            Accuracy = (Losses.accuracy predictions targets).item()
        }
