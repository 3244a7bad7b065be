module Hesse.Theory.Tests.Landscape.FunctionSpaceDistanceTests

open Xunit
open Hesse
open Hesse.Theory

let private network seed widths =
    Mlp.init (Random.key seed) 1.4 widths
    |> List.mapi (fun i l -> { l with Bias = Random.normal (Random.key (seed + i + 1)) l.Bias.Shape })

let private widths = [ 3; 4; 5; 2 ]
let private x = 0.3 + Random.normal (Random.key 1) [ 30; 3 ]
let private first, private second = network 10 widths, network 20 widths
let private relu w = Mlp.apply Tensor.relu w x

[<Fact>]
let ``the distance is half the mean squared difference`` () =
    let a, b =
        Tensor.create [ 2; 2 ] [| 1.0; 2.0; 3.0; 4.0 |], Tensor.create [ 2; 2 ] [| 1.0; 0.0; 3.0; 1.0 |]

    Assert.Equal(13.0 / 4.0, (FunctionSpaceDistance.onBatch a b).item(), 14)

[<Fact>]
let ``for models linear in their parameters the linearised distance is exact`` () =
    let model w = Tensor.matmul x w
    let a, b = Random.normal (Random.key 2) [ 3; 2 ], Random.normal (Random.key 3) [ 3; 2 ]

    Assert.Equal(
        (FunctionSpaceDistance.onBatch (model a) (model b)).item(),
        (FunctionSpaceDistance.linearised model a b).item(),
        12
    )

[<Fact>]
let ``the linearised distance is the first term for small changes`` () =
    let near =
        List.map2 (fun a b -> { Weight = a.Weight + 1e-5 * b.Weight; Bias = a.Bias + 1e-5 * b.Bias }) first second

    let exact = (FunctionSpaceDistance.onBatch (relu first) (relu near)).item()
    Assert.Equal(1.0, (FunctionSpaceDistance.linearised relu first near).item() / exact, 1e-3)

[<Fact>]
let ``the diagonal is that of the Gauss-Newton matrix of squared error`` () =
    let fisher = fst (Tree.ravel (FunctionSpaceDistance.diagonalFisher relu first))
    let targets = relu second
    let operator = LinearOperator.gaussNewton relu (fun f -> Losses.meanSquaredError f targets) first
    let dense = LinearOperator.toDense 16 operator
    let m = fisher.Size
    Array.iteri (fun i (f: float) -> Assert.Equal(dense[i * m + i], f, 11)) (fisher.toArray ())
    let theta, theta' = fst (Tree.ravel first), fst (Tree.ravel second)
    let expected = 0.5 * (Tensor.sum (fisher * Tensor.square (theta' - theta))).item()

    let diagonal =
        FunctionSpaceDistance.diagonal (FunctionSpaceDistance.diagonalFisher relu first) first second

    Assert.Equal(expected, diagonal.item (), 9)

[<Fact>]
let ``with all gates on it is the distance of linear networks`` () =
    let rates = [ Tensor.ones [ 4 ]; Tensor.ones [ 5 ] ]
    let outputs w = Mlp.apply id w x
    let expected = (FunctionSpaceDistance.onBatch (outputs first) (outputs second)).item()

    let found =
        (FunctionSpaceDistance.stochasticGates (FunctionSpaceDistance.moments x) rates first second).item()

    Assert.Equal(1.0, found / expected, 12)

[<Fact>]
let ``with all gates of the last hidden layer off only the output biases differ`` () =
    let rates = [ Tensor.full [ 4 ] 0.5; Tensor.zeros [ 5 ] ]
    let change = (second[2].Bias - first[2].Bias).toArray()
    let expected = 0.5 * Array.sumBy (fun v -> v * v) change

    let found =
        (FunctionSpaceDistance.stochasticGates (FunctionSpaceDistance.moments x) rates first second).item()

    Assert.Equal(expected, found, 12)

[<Fact>]
let ``a network is at distance zero from itself, with zero gradient`` () =
    let moments, rates = FunctionSpaceDistance.moments x, FunctionSpaceDistance.activationRates first x
    let value, slope = Diff.valueAndGrad (FunctionSpaceDistance.stochasticGates moments rates first) first
    Assert.Equal(0.0, value.item (), 12)
    Assert.InRange((Tensor.max (Tensor.abs (fst (Tree.ravel slope)))).item(), 0.0, 1e-12)

[<Fact>]
let ``rates are shares of active inputs`` () =
    let rates = FunctionSpaceDistance.activationRates first x
    let z = Tensor.matmul x first[0].Weight + first[0].Bias

    let expected =
        Array.init 4 (fun j -> z[*, j].toArray() |> Array.averageBy (fun v -> if v > 0.0 then 1.0 else 0.0))

    Assert.Equal<float[]>(expected, rates[0].toArray())
    Assert.Equal<int list>([ 4; 5 ], rates |> List.map (fun r -> r.Size))

[<Fact>]
let ``layers and rates that do not fit are refused by name`` () =
    let error =
        Assert.Throws<HesseException>(fun () ->
            FunctionSpaceDistance.stochasticGates (FunctionSpaceDistance.moments x) [] first second |> ignore)

    Assert.Contains("FunctionSpaceDistance.stochasticGates: 3 and 3 layers and 0 vectors of rates", error.Message)
