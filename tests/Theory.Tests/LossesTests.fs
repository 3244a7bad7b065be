module Hesse.Theory.Tests.LossesTests

open System
open Xunit
open Hesse
open Hesse.Theory

let private predictions = Tensor.create [ 2; 3 ] [| 1.0; -2.0; 0.5; 0.0; 3.0; -1.0 |]
let private targets = Tensor.create [ 2; 3 ] [| 0.0; 1.0; 0.0; 1.0; 0.0; 0.0 |]

[<Fact>]
let ``squared error has the factor one over 2n`` () =
    // ((1 + 9 + 1/4) + (1 + 9 + 1)) / 4
    Assert.Equal(21.25 / 4.0, (Losses.meanSquaredError predictions targets).item(), 14)
    let gradient = (Diff.grad (fun f -> Losses.meanSquaredError f targets) predictions).toArray()
    let expected = Array.map2 (fun f t -> (f - t) / 2.0) (predictions.toArray ()) (targets.toArray ())
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 14)) expected gradient

let private probabilities (row: float[]) =
    let e = row |> Array.map exp
    e |> Array.map (fun x -> x / Array.sum e)

[<Fact>]
let ``cross-entropy is the mean of minus log p of the label`` () =
    let p = predictions.toArray () |> Array.chunkBySize 3 |> Array.map probabilities
    let expected = -(log p[0].[1] + log p[1].[0]) / 2.0
    Assert.Equal(expected, (Losses.crossEntropy predictions targets).item(), 13)

[<Fact>]
let ``the gradient of cross-entropy is p − t and its Hessian diag p − ppᵀ`` () =
    let row = [| 0.3; -1.0; 2.0 |]
    let f, t = Tensor.create [ 1; 3 ] row, Tensor.create [ 1; 3 ] [| 0.0; 0.0; 1.0 |]
    let p = probabilities row
    let loss v = Losses.crossEntropy (Tensor.reshape [ 1; 3 ] v) t
    let gradient = (Diff.grad loss (Tensor.flatten f)).toArray()
    let hessian = (Diff.hessian loss (Tensor.flatten f)).toArray2D()

    for a in 0..2 do
        Assert.Equal(p[a] - (if a = 2 then 1.0 else 0.0), gradient[a], 13)

        for b in 0..2 do
            Assert.Equal((if a = b then p[a] else 0.0) - p[a] * p[b], hessian[a, b], 13)

[<Fact>]
let ``cross-entropy does not overflow`` () =
    let f = Tensor.create [ 1; 2 ] [| 1000.0; -1000.0 |]
    Assert.Equal(2000.0, (Losses.crossEntropy f (Tensor.create [ 1; 2 ] [| 0.0; 1.0 |])).item())
    Assert.Equal(0.0, (Losses.crossEntropy f (Tensor.create [ 1; 2 ] [| 1.0; 0.0 |])).item())

[<Fact>]
let ``different shapes are refused`` () =
    let e =
        Assert.Throws<HesseException>(fun () -> Losses.crossEntropy predictions (Tensor.zeros [ 2; 2 ]) |> ignore)

    Assert.Contains("predictions [2; 3] and targets [2; 2]", e.Message)
    Assert.Throws<HesseException>(fun () -> Losses.meanSquaredError (Tensor.zeros [ 3 ]) (Tensor.zeros [ 3 ]) |> ignore)

[<Fact>]
let ``accuracy counts the rows whose largest entries agree`` () =
    let predictions = Tensor.create [ 4; 2 ] [| 3.0; -1.0; 0.2; 0.3; 5.0; 6.0; -2.0; -3.0 |]
    let targets = Tensor.create [ 4; 2 ] [| 1.0; 0.0; 0.0; 1.0; 1.0; 0.0; 1.0; 0.0 |]
    Assert.Equal(0.75, (Losses.accuracy predictions targets).item())

    let e =
        Assert.Throws<HesseException>(fun () -> Losses.accuracy predictions (Tensor.zeros [ 4; 3 ]) |> ignore)

    Assert.Contains("Losses.accuracy", e.Message)
