module Hesse.Theory.Tests.RealModels.DigitsTrainingTests

open System
open System.IO
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private data = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "..", "data", "digits.csv.gz")

let private request steps rate widths path : DigitsTrainingRequest = {
    Data = data
    Labels = null
    Widths = widths
    Filters = [||]
    Window = 3
    Image = null
    Pool = 0
    Pooling = null
    Padding = null
    Activation = "tanh"
    Steps = steps
    Rate = rate
    Seed = 1
    Path = path
}

let private run request = DigitsTraining.run request (Action<_, _>(fun _ _ -> ())) CancellationToken.None
let private train steps rate widths path = run (request steps rate widths path)

[<Fact>]
let ``digits are learnt, and the file holds what was learnt`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "m.safetensors")
        let outcome = train 150 1e-2 [| 64; 16; 10 |] path
        Assert.Equal(150, outcome.Steps)
        Assert.True(outcome.Accuracy > 0.9, $"{outcome.Accuracy}")
        let file, digits = MlpFile.read path, LabelledData.read data None None
        let predictions = Mlp.apply (MlpFile.activation file.Activation.Value) file.Layers digits.Inputs
        Assert.Equal(outcome.Loss, (Losses.crossEntropy predictions (LabelledData.targets 10 digits)).item(), 12))

[<Fact>]
let ``a convolutional network learns them too, and its file says what it is`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "c.safetensors")

        let outcome =
            run {
                request 120 2e-2 [| 64; 10 |] path with
                    Filters = [| 6 |]
                    Pooling = "mean"
                    Activation = "relu"
            }

        Assert.Equal((9 + 1) * 6 + (6 * 16 + 1) * 10, outcome.Parameters)
        Assert.True(outcome.Accuracy > 0.85, $"{outcome.Accuracy}")
        let file, digits = CnnFile.read path, LabelledData.read data None None
        let shape, assumed = CnnFile.shape 64 CnnHints.none file
        Assert.Equal("", assumed)
        Assert.Equal(Some "relu", file.Activation)
        let predictions = Cnn.apply shape Tensor.relu file.Weights digits.Inputs
        Assert.Equal(outcome.Loss, (Losses.crossEntropy predictions (LabelledData.targets 10 digits)).item(), 12))

[<Fact>]
let ``images of an IDX file with more rows than columns, packed, are trained on and measured`` () =
    withFolder (fun folder ->
        let file name = Path.Combine(folder, name)
        let number (n: int) = [| 0uy; 0uy; byte (n / 256); byte (n % 256) |]
        let pixels = Array.init (30 * 24) (fun i -> byte (i * i % 251))
        let images = Array.concat [ [| 0uy; 0uy; 8uy; 3uy |]; number 30; number 6; number 4; pixels ]
        let labels = Array.concat [ [| 0uy; 0uy; 8uy; 1uy |]; number 30; Array.init 30 (fun i -> byte (i % 3)) ]
        File.WriteAllBytes(file "t-images-idx3-ubyte.gz", gzip images)
        File.WriteAllBytes(file "t-labels-idx1-ubyte.gz", gzip labels)
        let model, data = file "c.safetensors", file "t-images-idx3-ubyte.gz"

        let outcome =
            run {
                request 3 1e-2 [| 24; 5; 3 |] model with
                    Data = data
                    Filters = [| 2 |]
                    Image = "6x4"
            }

        let struct (facts, _) =
            ModelCurvature.prepare
                {
                    Model = model
                    Data = data
                    Labels = null
                    Limit = 0
                    Activation = null
                    Image = null
                    Pool = 0
                    Pooling = null
                    Padding = null
                    Loss = "cross-entropy"
                    Reduction = "mean"
                    Chunk = 8
                    Top = 2
                    Tolerance = 1e-6
                    MaxProducts = 200
                    Probes = 3
                    Steps = 4
                    Seed = 1
                }
                null
                false
                CancellationToken.None

        Assert.StartsWith("1×6×4, 3×3 convolutions to 2", facts.Architecture)
        Assert.Equal((outcome.Parameters, 30), (facts.Parameters, facts.Rows))
        Assert.Equal(outcome.Accuracy, facts.Accuracy, 12))

[<Fact>]
let ``what cannot be trained is refused`` () =
    withFolder (fun folder ->
        let path = Path.Combine(folder, "m.npz")
        Assert.Contains("the widths begin with 32", message (fun () -> train 1 0.1 [| 32; 10 |] path))
        Assert.Contains("class 9", message (fun () -> train 1 0.1 [| 64; 9 |] path))
        Assert.Contains("wanted at least one step", message (fun () -> train 0 0.1 [| 64; 10 |] path))

        let convolutions widths change =
            message (fun () -> run (change { request 1 0.1 widths path with Filters = [| 4 |] }))

        Assert.Contains("no square images", convolutions [| 50; 10 |] id)
        Assert.Contains("2×5×5 for rows of 64", convolutions [| 64; 10 |] (fun r -> { r with Image = "2x5x5" }))
        Assert.Contains("nothing left", convolutions [| 64; 10 |] (fun r -> { r with Pool = 9 }))

        Assert.Contains(
            "pooling 'sum': there are max and mean",
            convolutions [| 64; 10 |] (fun r -> { r with Pooling = "sum" })
        )

        Assert.Contains("name filters", convolutions [| 64; 10 |] (fun r -> { r with Filters = [||]; Pool = 2 }))
        Assert.False(File.Exists path))
