module Hesse.Theory.Tests.RealModels.MlpCurvatureTests

open System.IO
open System.Threading
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Data.FileMaker

let private request folder : MlpCurvatureRequest = {
    Model = Path.Combine(folder, "m.safetensors")
    Data = Path.Combine(folder, "x.npy")
    Labels = Path.Combine(folder, "y.npy")
    Limit = 0
    Activation = null
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

let private withModel (check: MlpCurvatureRequest -> unit) =
    withFolder (fun folder ->
        let request = request folder
        MlpFile.write request.Model "relu" (Mlp.init (Random.key 1) 1.0 [ 4; 5; 3 ])
        Npy.write request.Data (Random.normal (Random.key 2) [ 20; 4 ])
        Npy.write request.Labels (Random.integers (Random.key 3) 3 [ 20 ])
        check request)

let private facts request =
    let struct (facts, _) = MlpCurvature.prepare request CancellationToken.None
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

    let struct (_, measure) = MlpCurvature.prepare request CancellationToken.None
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
        let hits = 20.0 * found.Accuracy
        Assert.True(abs (hits - round hits) < 1e-9 && hits >= 0.0 && hits <= 20.0)
        Assert.Equal("tanh", (facts { request with Activation = "tanh" }).Activation)
        Assert.Equal(7, (facts { request with Limit = 7 }).Rows))

[<Fact>]
let ``a sum over the rows is n times their mean`` () =
    withModel (fun request ->
        Assert.Equal(20.0 * loss request, loss { request with Reduction = "sum" }, 9)
        Assert.True(loss { request with Loss = "mse" } > 0.0))

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
        Assert.True(System.Double.IsNaN (facts { request with Loss = "mse" }).Accuracy)
        Npy.write request.Data (Tensor.ones [ 20; 5 ])
        Assert.Contains("have 5 numbers", refusal request))
