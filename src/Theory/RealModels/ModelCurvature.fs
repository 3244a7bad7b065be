namespace Hesse.Theory

open System
open System.Threading
open Hesse

/// A request for the curvature of a model from a file, in plain types.
type ModelCurvatureRequest = {
    /// The file or folder of the weights (<c>MlpFile.read</c>, <c>CnnFile.read</c>).
    Model: string
    /// The file of the data (<c>LabelledData.read</c>).
    Data: string
    /// The file of the labels; null or empty where the data has them or names them.
    Labels: string
    /// How many rows at most; 0 for all.
    Limit: int
    /// The name of the activation; null or empty for that of the file, else tanh.
    Activation: string
    /// Of a convolutional network: <c>HxW</c> or <c>CxHxW</c>; null or empty for what the file says, else a square.
    Image: string
    /// The side of what is pooled after each convolution; 0 for what the file says, or fits the shapes.
    Pool: int
    /// <c>max</c> or <c>mean</c>; null or empty for what the file says, else max.
    Pooling: string
    /// <c>same</c>, <c>valid</c> or a number of zeros; null or empty for what the file says, or fits the shapes.
    Padding: string
    /// <c>cross-entropy</c> or <c>mse</c>.
    Loss: string
    /// <c>mean</c> or <c>sum</c> over the rows.
    Reduction: string
    /// Rows that are taken at once.
    Chunk: int
    /// Leading eigenpairs.
    Top: int
    /// Relative residual of eigenpairs.
    Tolerance: float
    /// Most products of one search for eigenpairs.
    MaxProducts: int
    /// Probes of traces, norms and the density.
    Probes: int
    /// Lanczos steps of a probe.
    Steps: int
    /// Seed of all random numbers.
    Seed: int
}

/// What is known of a model and its data before anything is measured.
type ModelCurvatureFacts = {
    /// What kind of model: <c>mlp</c> or <c>cnn</c>.
    Kind: string
    /// The model in words.
    Architecture: string
    /// Input, hidden and output widths; of a convolutional network those of its affine layers.
    Widths: int[]
    /// M.
    Parameters: int
    /// The activation in use.
    Activation: string
    /// Where it comes from: the option, the file, or neither.
    ActivationFrom: string
    /// Rows of data in use.
    Rows: int
    /// The share of the rows whose largest output is that of their class; NaN where there are no classes.
    Accuracy: float
}

/// The curvature of MLPs and small convolutional networks from files: reads, checks, and measures <c>CurvatureSummary</c>.
[<RequireQualifiedAccess>]
module ModelCurvature =
    let private fail (message: string) : 'a = raise (HesseException message)
    let private given (text: string) = if String.IsNullOrEmpty text then None else Some text

    let private lossOf (name: string) =
        match name with
        | "cross-entropy" -> Losses.crossEntropy
        | "mse" -> Losses.meanSquaredError
        | other -> fail $"loss '{other}': there are cross-entropy and mse"

    let private accuracyOf (model: Tensor -> Tensor) (inputs: Tensor) (targets: Tensor) (chunk: int) =
        let n = inputs.Shape[0]

        Seq.sum (
            seq {
                for start in 0..chunk .. n - 1 do
                    let rows (t: Tensor) = Tensor.slice 0 start (min n (start + chunk)) 1 t
                    let part = rows inputs
                    float part.Shape[0] * (Losses.accuracy (model part) (rows targets)).item()
            }
        )
        / float n

    let private describe (shape: CnnShape) (file: CnnFile) (assumed: string) =
        let filters, dense = String.Join(", ", shape.Filters), String.Join("-", file.DenseWidths)

        let pooling =
            if shape.Pool = 1 then
                "no pooling"
            else
                $"{CnnHints.showPooling shape.Pooling} pooling by {shape.Pool}"

        let assumed = if assumed = "" then "" else $" ({assumed})"

        $"{shape.Channels}×{shape.Height}×{shape.Width}, {shape.Window}×{shape.Window} convolutions to {filters}, padding {CnnHints.showPadding shape.Padding}, {pooling}, then {dense}{assumed}"

    /// <summary>Reads model and data and checks that they belong together.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="checkpoint">The file that keeps finished stages (<c>SummaryCheckpoint</c>); null or empty for none.</param>
    /// <param name="resume">Whether the stages in it are taken.</param>
    /// <param name="cancellation">Ends the measurement between two products.</param>
    /// <returns>What is known at once, and the measurement, which tells the observer what it finds.</returns>
    /// <exception cref="T:Hesse.HesseException">Files, shapes, numbers or options do not fit; the message says what to do.</exception>
    let prepare
        (request: ModelCurvatureRequest)
        (checkpoint: string)
        (resume: bool)
        (cancellation: CancellationToken)
        : struct (ModelCurvatureFacts * Action<ISummaryObserver>) =
        if request.Chunk < 1 then
            fail $"curvature: chunks of {request.Chunk} rows; wanted at least 1"

        let lossOfRows = lossOf request.Loss

        let reduction, loss =
            match request.Reduction with
            | "mean" -> LossReduction.Mean, lossOfRows
            | "sum" -> LossReduction.Sum, (fun f t -> float f.Shape[0] * lossOfRows f t)
            | other -> fail $"reduction '{other}': there are mean and sum"

        let file = WeightFile.tensorsOf request.Model

        if (fst file).IsEmpty then
            fail $"model: '{request.Model}' holds no tensor"

        let data =
            LabelledData.read
                request.Data
                (given request.Labels)
                (if request.Limit = 0 then None else Some request.Limit)

        let check inputs outputs =
            if data.Features <> inputs then
                fail
                    $"curvature: rows of '{request.Data}' have {data.Features} numbers, '{request.Model}' has {inputs} inputs; take the data of this model"

            let targets = LabelledData.targets outputs data

            if request.Loss = "cross-entropy" && not data.Targets.IsClasses then
                fail "curvature: cross-entropy needs classes [n], the data has numbers; take the loss mse"

            targets

        let activationOf said =
            match given request.Activation, said with
            | Some name, _ -> name, "as asked for"
            | None, Some name -> name, "as the file says"
            | None, None -> "tanh", "assumed: the file does not say"

        // Facts and measurement of a model, given what is known of it.
        let measured kind architecture widths (activation, origin) targets (model: 'P -> Tensor -> Tensor) (point: 'P) =
            let risk =
                EmpiricalRisk.createWith
                    { RiskOptions.Default with Chunk = request.Chunk; Reduction = reduction }
                    model
                    loss
                    data.Inputs
                    targets

            let facts = {
                Kind = kind
                Architecture = architecture
                Widths = Array.ofList widths
                Parameters = Tree.leaves point |> Array.sumBy _.Size
                Activation = activation
                ActivationFrom = origin
                Rows = data.Count
                Accuracy =
                    if data.Targets.IsClasses then
                        accuracyOf (model point) data.Inputs targets request.Chunk
                    else
                        nan
            }

            let options = {
                Top = request.Top
                Tolerance = request.Tolerance
                MaxProducts = request.MaxProducts
                Probes = request.Probes
                Steps = request.Steps
                Key = Random.key request.Seed
                Cancellation = cancellation
            }

            CurvatureSummary.check options facts.Parameters

            let measure observer =
                match given checkpoint with
                | None -> CurvatureSummary.measure options observer risk point
                | Some path ->
                    let settings = [
                        "model", architecture
                        "activation", activation
                        "loss", request.Loss
                        "Hesse", string (typeof<SummaryOptions>.Assembly.GetName().Version)
                    ]

                    CurvatureSummary.measureKept
                        { Path = path; Resume = resume; Settings = settings }
                        options
                        observer
                        risk
                        point

            struct (facts, Action<ISummaryObserver> measure)

        let hints = CnnHints.parse request.Image request.Pool request.Pooling request.Padding

        if CnnFile.isCnn (fst file) then
            let file = CnnFile.ofTensors request.Model file
            let activation = activationOf file.Activation
            let shape, assumed = CnnFile.shape data.Features hints file
            let targets = check data.Features (List.last shape.Dense)

            measured
                "cnn"
                (describe shape file assumed)
                file.DenseWidths
                activation
                targets
                (Cnn.apply shape (MlpFile.activation (fst activation)))
                file.Weights
        else
            if hints <> CnnHints.none then
                fail
                    $"curvature: '{request.Model}' is an MLP, and image, pool, pooling and padding are of convolutional networks; leave them out"

            let file = MlpFile.ofTensors request.Model file
            let activation = activationOf file.Activation
            let widths = file.Widths
            let targets = check widths.Head (List.last widths)
            let model = Mlp.apply (MlpFile.activation (fst activation))
            measured "mlp" (String.Join("-", widths)) widths activation targets model file.Layers
