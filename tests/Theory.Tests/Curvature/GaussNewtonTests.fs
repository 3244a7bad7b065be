module Hesse.Theory.Tests.Curvature.GaussNewtonTests

open System
open Xunit
open Hesse
open Hesse.Theory

let private n, private d, private k = 9, 3, 4
let private inputs = Random.normal (Random.key 1) [ n; d ]

let private targets =
    Tensor.create [ n; k ] (Array.init (n * k) (fun q -> if q % k = (q / k) % k then 1.0 else 0.0))

let private layers = Mlp.init (Random.key 2) 1.0 [ d; 6; k ]
let private model p = Mlp.apply Tensor.tanh p inputs

[<Fact>]
let ``the split adds up for both losses, and no part is zero`` () =
    for loss in [ Losses.crossEntropy; Losses.meanSquaredError ] do
        let split = GaussNewton.split 7 model (fun f -> loss f targets) layers
        Assert.Equal(Mlp.parameterCount [ d; 6; k ], split.Size)
        Assert.InRange(GaussNewton.defect split, 0.0, 1e-13)
        Assert.InRange(GaussNewton.functionalRatio split, 1e-3, 10.0)

[<Fact>]
let ``the Gauss–Newton matrix of squared error is JᵀJ over n`` () =
    let split = GaussNewton.split 16 model (fun f -> Losses.meanSquaredError f targets) layers
    let theta, unravel = Tree.ravel layers
    let j = Diff.jacobian (fun t -> Tensor.reshape [ n * k ] (model (unravel t))) theta
    let expected = (Tensor.matmul (Tensor.transpose j) j / float n).toArray()
    Array.iter2 (fun (a: float) (b: float) -> Assert.Equal(a, b, 12)) expected split.GaussNewton

[<Fact>]
let ``cross-entropy has a positive semi-definite Gauss–Newton matrix of rank n(k − 1)`` () =
    let split = GaussNewton.split 16 model (fun f -> Losses.crossEntropy f targets) layers
    let values = Spectrum.eigenvalues split.Size split.GaussNewton
    Assert.True(values[split.Size - 1] > -1e-13 * values[0])
    Assert.Equal(n * (k - 1), Spectrum.rank 1e-11 values)

[<Fact>]
let ``a linear model has no functional part`` () =
    let linear = Mlp.init (Random.key 3) 1.0 [ d; k ]
    let split = GaussNewton.split 8 model (fun f -> Losses.crossEntropy f targets) linear
    Assert.Equal(0.0, GaussNewton.functionalRatio split, 13)
    Assert.InRange(GaussNewton.defect split, 0.0, 1e-13)

[<Fact>]
let ``the functional part vanishes with the residuals`` () =
    let split = GaussNewton.split 16 model (fun f -> Losses.meanSquaredError f (model layers)) layers
    Assert.Equal(0.0, GaussNewton.functionalRatio split, 13)

[<Fact>]
let ``the defect sees a wrong part`` () =
    let split = GaussNewton.split 16 model (fun f -> Losses.crossEntropy f targets) layers
    let wrong = { split with Functional = Array.map (fun x -> 2.0 * x) split.Functional }
    Assert.True(GaussNewton.defect wrong > 1e-3)
