module Hesse.Theory.Tests.Curvature.ExamplesTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

[<Fact>]
let ``rows that see each other are refused by name of the operation`` () =
    let model (w: Tensor) (x: Tensor) = Tensor.matmul (x - Tensor.meanAxis 0 x) w

    let risk =
        EmpiricalRisk.create model Losses.meanSquaredError (normal 1 [ 6; 2 ]) (Tensor.zeros [ 6; 1 ])

    let e =
        Assert.Throws<HesseException>(fun () -> Kfac.factors KfacOptions.Default risk (normal 2 [ 2; 1 ]) |> ignore)

    Assert.StartsWith("Kfac.factors: EmpiricalRisk: the predictions of 3 rows together differ", e.Message)

[<Fact>]
let ``a restricted risk is the risk with the other tensors held`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let last, free = RestrictedRisk.ofPath "[1]" risk point
    Assert.Equal(2, free.Length)
    Assert.Equal(EmpiricalRisk.value risk point, EmpiricalRisk.value last free, 14)
    near 1e-13 (EmpiricalRisk.gradient risk point).[16..] (EmpiricalRisk.gradient last free)
    let weight, one = RestrictedRisk.ofPath "[0].Weight" risk point
    near 1e-13 (EmpiricalRisk.gradient risk point).[..11] (EmpiricalRisk.gradient weight one)
    let e = Assert.Throws<HesseException>(fun () -> RestrictedRisk.ofPath "[2]" risk point |> ignore)
    Assert.Contains("there is no path '[2]' in these parameters", e.Message)
