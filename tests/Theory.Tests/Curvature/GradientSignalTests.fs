module Hesse.Theory.Tests.Curvature.GradientSignalTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

[<Fact>]
let ``signal to noise and noise scale from the gradients themselves`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let moments = GradientCovariance.moments risk point
    let rows = GradientCovariance.gradients risk point
    let size = moments.Mean.Length
    let column j = Array.init 10 (fun i -> rows[i * size + j])

    let expected =
        Array.init size (fun j ->
            let mean = Array.average (column j)
            mean * mean / (column j |> Array.averageBy (fun g -> (g - mean) ** 2.0)))

    near 1e-11 expected (GradientSignal.signalToNoise moments)
    let square = moments.Mean |> Array.sumBy (fun m -> m * m)
    let meanNorm = GradientCovariance.norms risk point |> Array.averageBy (fun norm -> norm * norm)
    Assert.Equal((meanNorm - square) / square, GradientSignal.noiseScale moments, 10)

[<Fact>]
let ``gradients that are all the same have no noise`` () =
    let risk =
        EmpiricalRisk.create
            (fun (w: Tensor) x -> Tensor.matmul x w)
            (fun f _ -> Tensor.mean f)
            (Tensor.ones [ 5; 2 ])
            (Tensor.zeros [ 5; 1 ])

    let moments = GradientCovariance.moments risk (normal 1 [ 2; 1 ])
    Assert.All(GradientSignal.signalToNoise moments, fun r -> Assert.Equal(infinity, r))
    Assert.Equal(0.0, GradientSignal.noiseScale moments)
