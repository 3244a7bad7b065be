module Hesse.Theory.Tests.Dynamics.GradientAlignmentTests

open Xunit
open Hesse
open Hesse.Theory

let private unit n i = Array.init n (fun j -> if i = j then 1.0 else 0.0)

[<Fact>]
let ``cosines and the share inside are those of the components`` () =
    let a = GradientAlignment.withVectors [| unit 4 0; unit 4 2 |] [| 3.0; 0.0; -4.0; 12.0 |]
    Assert.Equal(3.0 / 13.0, a.Cosines[0], 1e-15)
    Assert.Equal(-4.0 / 13.0, a.Cosines[1], 1e-15)
    Assert.Equal(25.0 / 169.0, a.Share, 1e-15)
    Assert.Equal(0.5, a.ByChance)

[<Fact>]
let ``random vectors have the share of chance`` () =
    let vectors = Array.init 3 (unit 12)

    let shares =
        Array.init 400 (fun i ->
            (GradientAlignment.withVectors vectors ((Random.normal (Random.key i) [ 12 ]).toArray())).Share)

    let mean = Array.average shares
    let error = sqrt ((shares |> Array.averageBy (fun s -> (s - mean) ** 2.0)) / 400.0)
    Assert.InRange(mean, 0.25 - 4.0 * error, 0.25 + 4.0 * error)

[<Fact>]
let ``after some descent the gradient of a quadratic lies along its flattest direction, not its sharpest`` () =
    let rates = Tensor.ofArray [| 8.0; 4.0; 0.5 |]
    let loss (w: Tensor) = 0.5 * Tensor.sum (rates * w * w)

    let w =
        Seq.fold (fun w _ -> GradientDescent.step loss (Tensor.scalar 0.1) w) (Tensor.ones [ 3 ]) (seq { 1..30 })

    let top = EigenTracker.observe (TrackingOptions.Largest 2) None (LinearOperator.hessian loss w)
    Assert.True((GradientAlignment.withSpectrum top (Diff.grad loss w)).Share < 1e-6)
    // At the start the shares are λᵢ²/Σλ².
    let start = GradientAlignment.withSpectrum top (Diff.grad loss (Tensor.ones [ 3 ]))
    Assert.Equal(80.0 / 80.25, start.Share, 1e-9)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails vectors gradient =
        (Assert.Throws<HesseException>(fun () -> GradientAlignment.withVectors vectors gradient |> ignore)).Message

    Assert.Contains("vectors of [2] numbers and a gradient of 3", fails [| unit 2 0 |] [| 1.0; 2.0; 3.0 |])
    Assert.Contains("vectors of [] numbers", fails [||] [| 1.0 |])
    Assert.Contains("the gradient has norm 0", fails [| unit 2 0 |] [| 0.0; 0.0 |])
    Assert.Contains("orthonormalise", fails [| unit 2 0; [| 0.6; 0.8 |] |] [| 1.0; 0.0 |])
