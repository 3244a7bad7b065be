namespace Hesse.Theory

open System
open System.Threading
open Hesse

/// A request to train a model on labelled data, in plain types.
type DigitsTrainingRequest = {
    /// The file of the data, with classes (<c>LabelledData.read</c>).
    Data: string
    /// The file of the labels; null or empty where the data has them or names them.
    Labels: string
    /// Input, hidden and output widths; with filters the hidden ones are of the affine layers after the convolutions.
    Widths: int[]
    /// Output channels of each convolution; empty for an MLP.
    Filters: int[]
    /// Rows and columns of a kernel.
    Window: int
    /// <c>HxW</c> or <c>CxHxW</c> of a row of the data; null or empty for a square of one channel.
    Image: string
    /// The side of what is pooled after each convolution, 1 for no pooling; 0 for 2.
    Pool: int
    /// <c>max</c> or <c>mean</c>; null or empty for max.
    Pooling: string
    /// <c>same</c>, <c>valid</c> or a number of zeros; null or empty for same.
    Padding: string
    /// The name of the activation.
    Activation: string
    /// Steps of Adam, on shuffled batches of at most 64 rows.
    Steps: int
    /// The learning rate, which falls to zero along a cosine.
    Rate: float
    /// Of initial weights and batches.
    Seed: int
    /// The file of the weights, .npz or .safetensors.
    Path: string
}

/// What training on digits has led to.
type DigitsTrainingOutcome = {
    /// Parameters of the model.
    Parameters: int
    /// Steps taken.
    Steps: int
    /// Loss over all data.
    Loss: float
    /// Accuracy over all data.
    Accuracy: float
}

/// MLPs and small convolutional networks trained on labelled data by Adam with softmax cross-entropy: a model to look at, in one call.
[<RequireQualifiedAccess>]
module DigitsTraining =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// Rows that are evaluated at once after training.
    [<Literal>]
    let private Chunk = 1024

    let private shapeOf (request: DigitsTrainingRequest) : CnnShape option =
        let hints = CnnHints.parse request.Image request.Pool request.Pooling request.Padding

        if request.Filters.Length > 0 then
            let said =
                match hints.Image with
                | Some [ c; _; _ ] -> c
                | _ -> 1

            let channels, height, width = CnnFile.image request.Widths[0] said hints.Image

            Some {
                Channels = channels
                Height = height
                Width = width
                Filters = List.ofArray request.Filters
                Window = request.Window
                Padding = hints.Padding |> Option.defaultValue ConvPadding.Same
                Pool = hints.Pool |> Option.defaultValue 2
                Pooling = hints.Pooling |> Option.defaultValue Pooling.Max
                Dense = List.ofArray request.Widths[1..]
            }
        elif hints <> CnnHints.none then
            fail
                "train: image, pool, pooling and padding are of convolutional networks; name filters, or leave them out"
        else
            None

    /// <summary>Trains a model and writes it.</summary>
    /// <param name="request">What is trained, and how.</param>
    /// <param name="progress">Called with the number of steps taken and the loss of the batch.</param>
    /// <param name="cancellation">Ends training early; what has been reached is written.</param>
    /// <returns>Where training ended.</returns>
    /// <exception cref="T:Hesse.HesseException">Data, widths or options do not fit, training diverged, or the file cannot be written.</exception>
    let run
        (request: DigitsTrainingRequest)
        (progress: Action<int, float>)
        (cancellation: CancellationToken)
        : DigitsTrainingOutcome =
        let steps, rate, widths = request.Steps, request.Rate, request.Widths

        if steps < 1 || not (rate > 0.0 && Double.IsFinite rate) then
            fail $"train: {steps} steps at rate {rate}; wanted at least one step and a rate above 0"

        let activation = MlpFile.activation request.Activation
        let key = Random.key request.Seed
        let shape = shapeOf request

        let data =
            LabelledData.read
                request.Data
                (if String.IsNullOrEmpty request.Labels then None else Some request.Labels)
                None

        if not data.Targets.IsClasses then
            fail "train: the data has numbers, wanted classes [n]"

        if data.Features <> widths[0] then
            fail
                $"train: rows of the data have {data.Features} numbers, the widths begin with {widths[0]}; begin with {data.Features}"

        let targets = LabelledData.targets widths[widths.Length - 1] data

        let train (model: 'P -> Tensor -> Tensor) (parameters: 'P) (write: 'P -> unit) =
            let options = {
                TrainingOptions.GradientDescent rate with
                    Optimizer = Optimizer.adam
                    LearningRate = Schedule.cosine rate 0.0 steps
                    Batch = BatchSize.Shuffled(min 64 data.Count)
                    Key = Random.fold 1 key
            }

            let observe (step: TrainingStep<_>) =
                if not (Double.IsFinite step.Loss) then
                    fail
                        $"train: the loss is {step.Loss} after {step.State.Step} steps; take a smaller rate than {rate}"

                progress.Invoke(step.State.Step, step.Loss)

            let state =
                Training.run
                    options
                    (fun (x, t) w -> Losses.crossEntropy (model w x) t)
                    (data.Inputs, targets)
                    steps
                    observe
                    cancellation
                    (Training.start options parameters)

            write state.Parameters

            // Means over chunks, so that a large set of images fits.
            let over (f: Tensor -> Tensor -> Tensor) =
                Seq.sum (
                    seq {
                        for start in 0..Chunk .. data.Count - 1 do
                            let rows (t: Tensor) = Tensor.slice 0 start (min data.Count (start + Chunk)) 1 t
                            let part = rows data.Inputs
                            float part.Shape[0] * (f (model state.Parameters part) (rows targets)).item()
                    }
                )
                / float data.Count

            {
                Parameters = Tree.leaves parameters |> Array.sumBy _.Size
                Steps = state.Step
                Loss = over Losses.crossEntropy
                Accuracy = over Losses.accuracy
            }

        match shape with
        | None ->
            let layers = Mlp.init (Random.fold 0 key) 1.0 (List.ofArray widths)
            train (Mlp.apply activation) layers (MlpFile.write request.Path request.Activation)
        | Some shape ->
            let weights = Cnn.init (Random.fold 0 key) 1.0 shape
            train (Cnn.apply shape activation) weights (CnnFile.write request.Path request.Activation shape)
