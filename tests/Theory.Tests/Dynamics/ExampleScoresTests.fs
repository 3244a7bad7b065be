module Hesse.Theory.Tests.Dynamics.ExampleScoresTests

open Xunit
open Hesse
open Hesse.Theory

let private n, private d, private k = 6, 3, 4
let private inputs = Random.normal (Random.key 1) [ n; d ]

let private targets =
    Tensor.eye k |> fun eye -> Tensor.stack 0 [ eye[0]; eye[2]; eye[1]; eye[3]; eye[2]; eye[0] ]

let private weights = Mlp.init (Random.key 2) 1.0 [ d; 5; k ]
let private model x w = Mlp.apply Tensor.tanh w x

let private loss (x: Tensor) (t: Tensor) w =
    Losses.crossEntropy (model (Tensor.expandDims 0 x) w) (Tensor.expandDims 0 t)

let private gradient i = (fst (Tree.ravel (Diff.grad (loss inputs[i] targets[i]) weights))).toArray()

let private dot a b = Array.fold2 (fun sum x y -> sum + x * y) 0.0 a b

[<Fact>]
let ``the error is zero for a certain right answer and the root of two for a certain wrong one`` () =
    let logits = Tensor.create [ 3; 2 ] [| 800.0; 0.0; 800.0; 0.0; 0.0; 0.0 |]
    let targets = Tensor.create [ 3; 2 ] [| 1.0; 0.0; 0.0; 1.0; 1.0; 0.0 |]
    let scores = (ExampleScores.errorNorms logits targets).toArray()
    Assert.Equal(0.0, scores[0], 14)
    Assert.Equal(sqrt 2.0, scores[1], 14)
    Assert.Equal(sqrt 0.5, scores[2], 14)

[<Fact>]
let ``for a linear model the gradient norm is the error norm times the norm of the input`` () =
    let linear = Random.normal (Random.key 3) [ d; k ]

    let loss (x: Tensor) (t: Tensor) w =
        Losses.crossEntropy (Tensor.matmul (Tensor.expandDims 0 x) w) (Tensor.expandDims 0 t)

    let gradients = (ExampleScores.gradientNorms loss inputs targets linear).toArray()
    let errors = (ExampleScores.errorNorms (Tensor.matmul inputs linear) targets).toArray()
    let norms = (Tensor.sqrt (Tensor.sumAxis 1 (inputs * inputs))).toArray()

    for i in 0 .. n - 1 do
        Assert.Equal(errors[i] * norms[i], gradients[i], 13)

[<Fact>]
let ``gradient norms are those of one gradient after the other`` () =
    let found = (ExampleScores.gradientNorms loss inputs targets weights).toArray()

    for i in 0 .. n - 1 do
        let g = gradient i
        Assert.Equal(sqrt (dot g g), found[i], 13)

[<Fact>]
let ``influences are inner products of gradients`` () =
    let found = (ExampleScores.influences loss inputs targets (inputs[4], targets[4]) weights).toArray()

    for i in 0 .. n - 1 do
        Assert.Equal(dot (gradient 4) (gradient i), found[i], 13)

[<Fact>]
let ``shapes that do not fit are refused by name`` () =
    let error =
        Assert.Throws<HesseException>(fun () ->
            ExampleScores.errorNorms (Tensor.zeros [ 2; 3 ]) (Tensor.zeros [ 2; 2 ]) |> ignore)

    Assert.Contains("ExampleScores.errorNorms", error.Message)
    Assert.Contains("[n; k]", error.Message)
