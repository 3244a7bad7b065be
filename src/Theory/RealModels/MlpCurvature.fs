namespace Hesse.Theory

open System
open System.Threading
open Hesse

/// A request for the curvature of an MLP from a file, in plain types.
type MlpCurvatureRequest = {
    /// The file or folder of the weights (<c>MlpFile.read</c>).
    Model: string
    /// The file of the data (<c>LabelledData.read</c>).
    Data: string
    /// The file of the labels; null or empty where the data has them or names them.
    Labels: string
    /// How many rows at most; 0 for all.
    Limit: int
    /// The name of the activation; null or empty for that of the file, else tanh.
    Activation: string
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
type MlpCurvatureFacts = {
    /// Input, hidden and output widths.
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

/// The curvature of MLPs from files: reads, checks, and measures <c>CurvatureSummary</c>.
[<RequireQualifiedAccess>]
module MlpCurvature =
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

    /// <summary>Reads model and data and checks that they belong together.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="cancellation">Ends the measurement between two products.</param>
    /// <returns>What is known at once, and the measurement, which tells the observer what it finds.</returns>
    /// <exception cref="T:Hesse.HesseException">Files, shapes, numbers or options do not fit; the message says what to do.</exception>
    let prepare
        (request: MlpCurvatureRequest)
        (cancellation: CancellationToken)
        : struct (MlpCurvatureFacts * Action<ISummaryObserver>) =
        if request.Chunk < 1 then
            fail $"curvature: chunks of {request.Chunk} rows; wanted at least 1"

        let lossOfRows = lossOf request.Loss

        let reduction, loss =
            match request.Reduction with
            | "mean" -> LossReduction.Mean, lossOfRows
            | "sum" -> LossReduction.Sum, (fun f t -> float f.Shape[0] * lossOfRows f t)
            | other -> fail $"reduction '{other}': there are mean and sum"

        let file = MlpFile.read request.Model

        let name, origin =
            match given request.Activation, file.Activation with
            | Some name, _ -> name, "as asked for"
            | None, Some name -> name, "as the file says"
            | None, None -> "tanh", "assumed: the file does not say"

        let activation = MlpFile.activation name

        let data =
            LabelledData.read
                request.Data
                (given request.Labels)
                (if request.Limit = 0 then None else Some request.Limit)

        let widths = file.Widths
        let outputs = List.last widths

        if data.Features <> widths.Head then
            fail
                $"curvature: rows of '{request.Data}' have {data.Features} numbers, '{request.Model}' has {widths.Head} inputs; take the data of this model"

        let targets = LabelledData.targets outputs data

        if request.Loss = "cross-entropy" && not data.Targets.IsClasses then
            fail "curvature: cross-entropy needs classes [n], the data has numbers; take the loss mse"

        let model = Mlp.apply activation

        let risk =
            EmpiricalRisk.createWith
                { RiskOptions.Default with Chunk = request.Chunk; Reduction = reduction }
                model
                loss
                data.Inputs
                targets

        let facts = {
            Widths = Array.ofList widths
            Parameters = Mlp.parameterCount widths
            Activation = name
            ActivationFrom = origin
            Rows = data.Count
            Accuracy =
                if data.Targets.IsClasses then
                    accuracyOf (model file.Layers) data.Inputs targets request.Chunk
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

        struct (facts,
                Action<ISummaryObserver>(fun observer -> CurvatureSummary.measure options observer risk file.Layers))
