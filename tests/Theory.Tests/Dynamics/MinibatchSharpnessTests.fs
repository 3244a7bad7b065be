module Hesse.Theory.Tests.Dynamics.MinibatchSharpnessTests

open Xunit
open Hesse
open Hesse.Theory

let private x, y = Random.normal (Random.key 1) [ 9; 3 ], Random.normal (Random.key 2) [ 9 ]
let private w = Random.normal (Random.key 3) [ 3 ]
let private loss (x, y) (w: Tensor) = 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x w - y))

[<Fact>]
let ``the full batch has the sharpness of the loss, without spread`` () =
    let c = MinibatchSharpness.measure 1e-10 BatchSize.Full (Random.key 5) 3 loss (x, y) w
    let h = Diff.hessian (loss (x, y)) w
    let g = Diff.grad (loss (x, y)) w
    Assert.Equal((Tensor.max (Linalg.eigvalsh h)).item(), c.TopEigenvalue, 1e-9)
    Assert.Equal((Tensor.dot g (Tensor.matmul h g)).item() / (Tensor.dot g g).item(), c.AlongGradient, 1e-12)
    Assert.Equal(0.0, c.TopEigenvalueError, 1e-9)
    Assert.Equal(0.0, c.AlongGradientError, 1e-12)

[<Fact>]
let ``single samples of linear regression have their norms as sharpness`` () =
    let key, count = Random.key 5, 40
    let c = MinibatchSharpness.measure 1e-10 (BatchSize.Random 1) key count loss (x, y) w
    let batchAt = Training.batches (BatchSize.Random 1) key 9
    let residual = Tensor.matmul x w - y
    let drawn = Array.init count (fun k -> int ((batchAt k).Value.item()))
    let norm i = (Tensor.sum (x[i] * x[i])).item()
    let squared i = residual[i].item() ** 2.0
    let tops = drawn |> Array.map norm
    Assert.Equal(Array.average tops, c.TopEigenvalue, 1e-9)
    // H g = ‖x‖² g for a single sample.
    let weight = drawn |> Array.averageBy (fun i -> squared i * norm i)
    let energy = drawn |> Array.averageBy (fun i -> squared i * norm i * norm i)
    Assert.Equal(energy / weight, c.AlongGradient, 1e-9)
    let mean = Array.average tops
    let deviation = sqrt ((tops |> Array.sumBy (fun t -> (t - mean) ** 2.0)) / float (count - 1))
    Assert.Equal(deviation / sqrt (float count), c.TopEigenvalueError, 1e-9)
    Assert.Equal(40, c.Batches)

[<Fact>]
let ``batches are sharper than the whole`` () =
    let whole = (Tensor.max (Linalg.eigvalsh (Diff.hessian (loss (x, y)) w))).item()
    let c = MinibatchSharpness.measure 1e-8 (BatchSize.Shuffled 3) (Random.key 5) 30 loss (x, y) w
    Assert.True(c.TopEigenvalue > whole)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails count loss =
        (Assert.Throws<HesseException>(fun () ->
            MinibatchSharpness.measure 1e-8 BatchSize.Full (Random.key 5) count loss (x, y) w |> ignore))
            .Message

    Assert.Contains("1 batches, wanted at least 2", fails 1 loss)
    let flat (_: Tensor, y: Tensor) (w: Tensor) = 0.0 * Tensor.sum w + Tensor.mean y + 0.0 * Tensor.sum (w * w)
    Assert.Contains("gradients of all batches are zero", fails 2 flat)
