module Hesse.Theory.Tests.Dynamics.EdgeOfStabilityTests

open System.Threading
open Xunit
open Hesse
open Hesse.Theory

/// |w| after many steps on ½λw².
let private size optimizer rate (lambda: float) =
    let options = { TrainingOptions.GradientDescent rate with Optimizer = optimizer }
    let loss (data: Tensor) (w: Tensor) = 0.5 * lambda * Tensor.mean data * w * w
    abs ((Training.fit options loss (Tensor.ones [ 1 ]) 400 (Tensor.scalar 1.0)).item())

[<Fact>]
let ``quadratics below the threshold converge, above it they diverge`` () =
    let sgd momentum nesterov decay = Optimizer.Sgd { Momentum = momentum; Nesterov = nesterov; WeightDecay = decay }

    for optimizer in [ sgd 0.0 false 0.0; sgd 0.7 false 0.0; sgd 0.7 true 0.0; sgd 0.0 false 3.0; sgd 0.5 true 2.0 ] do
        let threshold = EdgeOfStability.threshold optimizer 0.1
        Assert.True(size optimizer 0.1 (0.98 * threshold) < 0.1, $"{optimizer} below")
        Assert.True(size optimizer 0.1 (1.02 * threshold) > 10.0, $"{optimizer} above")

    Assert.Equal(20.0, EdgeOfStability.threshold Optimizer.gradientDescent 0.1, 1e-12)
    Assert.Equal(380.0, EdgeOfStability.threshold Optimizer.adam 0.1, 1e-10)

let private record step sharpness = { Step = step; Sharpness = sharpness; Threshold = 2.0 }

[<Fact>]
let ``a run is summarised from where it reaches the edge`` () =
    let s =
        EdgeOfStability.summarise 0.1 [
            record 0 1.0
            record 5 1.9
            record 10 2.1
            record 15 1.9
            record 20 3.0
            record 25 2.0
        ]

    Assert.Equal(Some 10, s.Reached)
    Assert.Equal(0.75, s.AtEdge)
    Assert.Equal((1.05 + 0.95 + 1.5 + 1.0) / 4.0, s.MeanRatio, 1e-14)
    Assert.Equal(1.5, s.LargestRatio)
    let calm = EdgeOfStability.summarise 0.1 [ record 0 1.0 ]
    Assert.Equal((None, 0.0, 0.5), (calm.Reached, calm.AtEdge, calm.LargestRatio))
    Assert.True(System.Double.IsNaN calm.MeanRatio)

[<Fact>]
let ``gradient descent on a small network goes to the edge of stability and stays`` () =
    let x = Random.normal (Random.key 1) [ 12; 3 ]
    let y = Tensor.sin (3.0 * Tensor.sumAxis 1 x) |> Tensor.expandDims 1
    let model w x = Mlp.apply Tensor.tanh w x
    let loss (x, y) w = Losses.meanSquaredError (model w x) y
    let risk = EmpiricalRisk.create model Losses.meanSquaredError x y
    let rate = 0.4
    let options = TrainingOptions.GradientDescent rate
    let records = ResizeArray<SharpnessRecord>()
    let mutable spectrum = None

    let observe (step: TrainingStep<AffineLayer list>) =
        spectrum <-
            Some(
                EigenTracker.observe (TrackingOptions.Largest 1) spectrum (Curvature.hessian risk step.State.Parameters)
            )

        records.Add {
            Step = step.State.Step
            Sharpness = spectrum.Value.Sharpness
            Threshold = EdgeOfStability.threshold options.Optimizer step.LearningRate
        }

    Training.run
        options
        loss
        (x, y)
        6000
        (Training.every 40 observe)
        CancellationToken.None
        (Training.start options (Mlp.init (Random.key 3) 1.0 [ 3; 16; 1 ]))
    |> ignore

    let summary = EdgeOfStability.summarise 0.15 records
    Assert.True(records[0].Ratio < 0.8, $"starts at {records[0].Ratio}")
    Assert.True(summary.Reached.IsSome, $"largest {summary.LargestRatio}")
    Assert.InRange(summary.MeanRatio, 0.9, 1.1)
    Assert.True(summary.AtEdge > 0.8, $"at the edge {summary.AtEdge}")

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("a learning rate of 0", fails (fun () -> EdgeOfStability.threshold Optimizer.adam 0.0))
    Assert.Contains("no records", fails (fun () -> EdgeOfStability.summarise 0.1 []))
