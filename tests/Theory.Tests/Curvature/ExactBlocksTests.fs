module Hesse.Theory.Tests.Curvature.ExactBlocksTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

[<Fact>]
let ``diagonal, blocks and all of the Gauss–Newton matrix`` () =
    for loss in [ Losses.crossEntropy; Losses.meanSquaredError ] do
        let risk, point = mlp loss 10 [ 3; 4; 2 ]
        let exact = gaussNewton risk point
        let size = Mlp.parameterCount [ 3; 4; 2 ]
        near 1e-12 (diagonalOf size exact) (ExactBlocks.diagonal OutputCurvature.Exact risk point)
        near 1e-12 exact (BlockCurvature.toDense (ExactBlocks.full OutputCurvature.Exact risk point))
        let tensors = [ [| 0..11 |]; [| 12..15 |]; [| 16..23 |]; [| 24..25 |] ]

        near
            1e-12
            (keepBlocks size tensors exact)
            (BlockCurvature.toDense (ExactBlocks.byTensor OutputCurvature.Exact risk point))

[<Fact>]
let ``diagonals of parameters that are used at several places, or not in a product`` () =
    let model (w: Tensor, gain: Tensor, v: Tensor) (x: Tensor) =
        Tensor.matmul (Tensor.meanAxis 1 (Tensor.tanh (Tensor.matmul x w * gain))) v

    let risk = riskOf 2 model Losses.crossEntropy (normal 1 [ 5; 4; 3 ]) (oneHot 5 2)
    let point = normal 2 [ 3; 4 ], normal 3 [ 4 ], normal 4 [ 4; 2 ]
    near 1e-12 (diagonalOf 24 (gaussNewton risk point)) (ExactBlocks.diagonal OutputCurvature.Exact risk point)

[<Fact>]
let ``the empirical kind is the second moment of gradients; less the square of their mean it is their covariance`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let size = Mlp.parameterCount [ 3; 4; 2 ]
    let rows = Tensor.create [ 10; size ] (GradientCovariance.gradients risk point)
    let second = (Tensor.matmul (Tensor.transpose rows) rows / 10.0).toArray()
    near 1e-12 second (BlockCurvature.toDense (ExactBlocks.full OutputCurvature.Empirical risk point))
    let squares = ExactBlocks.diagonal OutputCurvature.Empirical risk point
    near 1e-12 (diagonalOf size second) squares
    let mean = EmpiricalRisk.gradient risk point
    near 1e-11 (Array.map2 (fun s m -> s - m * m) squares mean) (GradientCovariance.moments risk point).Variance

[<Fact>]
let ``the diagonal of the Hessian`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let operator = Curvature.hessian risk point
    near 1e-12 (diagonalOf operator.Size (LinearOperator.toDense 16 operator)) (ExactBlocks.hessianDiagonal risk point)

[<Fact>]
let ``Monte-Carlo diagonals have the exact one as their mean`` () =
    let risk, point = mlp Losses.meanSquaredError 10 [ 3; 4; 2 ]

    let draws =
        Array.init 60 (fun i ->
            ExactBlocks.diagonal (OutputCurvature.MonteCarlo(4, Random.fold i (Random.key 3))) risk point)

    ExactBlocks.diagonal OutputCurvature.Exact risk point
    |> Array.iteri (fun e expected ->
        let mean, error = draws |> Array.map (Array.item e) |> meanAndError

        Assert.InRange(expected, mean - 5.0 * error - 1e-12, mean + 5.0 * error + 1e-12))

[<Fact>]
let ``a loss that adds up has n times the diagonal and the blocks`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let sum = summed risk
    let times = Array.map (fun x -> 10.0 * x)
    let exact = OutputCurvature.Exact
    near 1e-12 (times (ExactBlocks.diagonal exact risk point)) (ExactBlocks.diagonal exact sum point)
    near 1e-12 (times (ExactBlocks.hessianDiagonal risk point)) (ExactBlocks.hessianDiagonal sum point)
    near 1e-12 (gaussNewton sum point) (BlockCurvature.toDense (ExactBlocks.full exact sum point))
