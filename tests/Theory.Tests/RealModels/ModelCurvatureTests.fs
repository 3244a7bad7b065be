module Hesse.Theory.Tests.RealModels.ModelCurvatureTests

open System
open System.IO
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private request folder : ModelCurvatureRequest = {
    Model = Path.Combine(folder, "m.safetensors")
    Data = Path.Combine(folder, "x.npy")
    Labels = Path.Combine(folder, "y.npy")
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

let private withModel (check: ModelCurvatureRequest -> unit) =
    withFolder (fun folder ->
        let request = request folder
        MlpFile.write request.Model "relu" (Mlp.init (Random.key 1) 1.0 [ 4; 5; 3 ])
        Npy.write request.Data (Random.normal (Random.key 2) [ 20; 4 ])
        Npy.write request.Labels (Random.integers (Random.key 3) 3 [ 20 ])
        check request)

let private facts request =
    let struct (facts, _) = ModelCurvature.prepare request null false CancellationToken.None
    facts

let private loss request =
    let mutable value = nan

    let observer = {
        new ISummaryObserver with
            member _.Measured m =
                if m.Name = "loss" then
                    value <- m.Value

            member _.Leading _ = ()
            member _.Density _ = ()
            member _.Progress _ = ()
    }

    let struct (_, measure) = ModelCurvature.prepare request null false CancellationToken.None
    measure.Invoke observer
    value

[<Fact>]
let ``facts and activation come from the file, unless the option says otherwise`` () =
    withModel (fun request ->
        let found = facts request

        Assert.Equal(
            (43, 20, "relu", "as the file says"),
            (found.Parameters, found.Rows, found.Activation, found.ActivationFrom)
        )

        Assert.Equal<int[]>([| 4; 5; 3 |], found.Widths)
        Assert.Equal(("mlp", "4-5-3"), (found.Kind, found.Architecture))
        let hits = 20.0 * found.Accuracy
        Assert.True(abs (hits - round hits) < 1e-9 && hits >= 0.0 && hits <= 20.0)
        Assert.Equal("tanh", (facts { request with Activation = "tanh" }).Activation)
        Assert.Equal(7, (facts { request with Limit = 7 }).Rows))

[<Fact>]
let ``a sum over the rows is n times their mean`` () =
    withModel (fun request ->
        Assert.Equal(20.0 * loss request, loss { request with Reduction = "sum" }, 9)
        Assert.True(loss { request with Loss = "mse" } > 0.0))

let private shape = {
    Channels = 2
    Height = 6
    Width = 4
    Filters = [ 3; 2 ]
    Window = 3
    Padding = ConvPadding.Same
    Pool = 2
    Pooling = Pooling.Mean
    Dense = [ 5; 3 ]
}

let private withCnn (check: ModelCurvatureRequest -> CnnWeights -> unit) =
    withFolder (fun folder ->
        let request = request folder
        let weights = Cnn.init (Random.key 1) 1.0 shape
        CnnFile.write request.Model "relu" shape weights
        Npy.write request.Data (Random.normal (Random.key 2) [ 20; 48 ])
        Npy.write request.Labels (Random.integers (Random.key 3) 3 [ 20 ])
        check request weights)

[<Fact>]
let ``a convolutional network is measured as the operators measure it`` () =
    withCnn (fun request weights ->
        let found = facts request
        Assert.Equal(("cnn", Cnn.parameterCount shape), (found.Kind, found.Parameters))

        Assert.Equal(
            "2×6×4, 3×3 convolutions to 3, 2, padding same, mean pooling by 2, then 2-5-3",
            found.Architecture
        )

        let data = LabelledData.read request.Data (Some request.Labels) None
        let targets = LabelledData.targets 3 data
        let model = Cnn.apply shape Tensor.relu
        Assert.Equal((Losses.accuracy (model weights data.Inputs) targets).item(), found.Accuracy, 12)
        let risk = EmpiricalRisk.create model Losses.crossEntropy data.Inputs targets
        let expected = LinearOperator.toDense 16 (Curvature.hessian risk weights)
        let values = Spectrum.eigenvalues found.Parameters expected
        let measured = Collections.Generic.Dictionary<string, Measurement>()

        let observer = {
            new ISummaryObserver with
                member _.Measured m = measured[m.Symbol] <- m
                member _.Leading _ = ()
                member _.Density _ = ()
                member _.Progress _ = ()
        }

        let struct (_, measure) =
            ModelCurvature.prepare
                { request with Tolerance = 1e-9; MaxProducts = 2000 }
                null
                false
                CancellationToken.None

        measure.Invoke observer
        let near (a: float) (b: float) = Assert.True(abs (a - b) <= 1e-7 * abs a, $"{a} {b}")
        near values[0] measured["λ_max(H)"].Value
        near (Array.last values) measured["λ_min(H)"].Value
        near (EmpiricalRisk.value risk weights) measured["L(θ)"].Value
        Assert.Contains("tr G", measured.Keys))

[<Fact>]
let ``what a convolutional network needs and has not is asked for`` () =
    withCnn (fun request weights ->
        let refusal request = message (fun () -> facts request)
        Assert.Contains("images of 2×5×5 for rows of 48", refusal { request with Image = "5x5" })
        Assert.Contains("leaves", refusal { request with Pool = 1 })
        // The bare weights do not say the shape of the image.
        let bare = request.Model.Replace(".safetensors", ".npz")
        CnnFile.write bare "relu" shape weights
        Assert.Contains("no square images of 2 channel(s)", refusal { request with Model = bare })
        let found = facts { request with Model = bare; Image = "6x4" }
        Assert.Equal(("tanh", "assumed: the file does not say"), (found.Activation, found.ActivationFrom))

        Assert.EndsWith(
            "padding same, max pooling by 2, then 2-5-3 (padding and pooling fit the shapes, max pooling is assumed)",
            found.Architecture
        )

        MlpFile.write request.Model "relu" (Mlp.init (Random.key 1) 1.0 [ 48; 3 ])
        Assert.Contains("is an MLP", refusal { request with Pool = 2 }))

[<Fact>]
let ``what does not belong together is refused`` () =
    withModel (fun request ->
        let refusal request = message (fun () -> facts request)
        Assert.Contains("there are cross-entropy and mse", refusal { request with Loss = "hinge" })
        Assert.Contains("there are mean and sum", refusal { request with Reduction = "max" })
        Assert.Contains("chunks of 0", refusal { request with Chunk = 0 })
        Assert.Contains("ask for 1 to 43", refusal { request with Top = 50 })
        Npy.write request.Labels (Tensor.ones [ 20; 3 ])
        Assert.Contains("needs classes", refusal request)
        Assert.True(Double.IsNaN (facts { request with Loss = "mse" }).Accuracy)
        Npy.write request.Data (Tensor.ones [ 20; 5 ])
        Assert.Contains("have 5 numbers", refusal request))
