module Hesse.Theory.Tests.Landscape.ConnectivityTests

open Xunit
open Hesse
open Hesse.Theory

let private scalar (x: float) = Tensor.scalar x
let private doubleWell (w: Tensor) = Tensor.square (w * w - 1.0)

[<Fact>]
let ``the barrier of a double well is the height between its minima`` () =
    let profile = Connectivity.linear doubleWell 20 (scalar -1.0) (scalar 1.0)
    Assert.Equal(21, profile.Places.Length)
    Assert.Equal(1.0, profile.Barrier, 1e-14)
    Assert.Equal(1.0, profile.Rise, 1e-14)
    Assert.Equal(0.5, profile.Places[10], 1e-14)

[<Fact>]
let ``a convex loss has no barrier, and a rise of zero`` () =
    let profile = Connectivity.linear (fun (w: Tensor) -> w * w) 8 (scalar -1.0) (scalar 3.0)
    Assert.Equal(0.0, profile.Barrier)
    Assert.Equal(0.0, profile.Rise)
    Assert.Equal(9.0, Array.last profile.Losses, 1e-13)

[<Fact>]
let ``a path goes through its corners`` () =
    let corners = [ scalar 0.0; scalar 1.0; scalar -2.0 ]
    let profile = Connectivity.along (fun w -> w) 2 corners
    Assert.Equal<float[]>([| 0.0; 0.5; 1.0; -0.5; -2.0 |], profile.Losses)
    Assert.Equal<float[]>([| 0.0; 0.25; 0.5; 0.75; 1.0 |], profile.Places)
    Assert.Equal(1.0, profile.Rise)

[<Fact>]
let ``a constant Hessian makes the barrier in the middle -dHd/8`` () =
    let rates = Tensor.ofArray [| 0.5; -3.0 |]
    let quadratic (w: Tensor) = 0.5 * Tensor.sum (rates * w * w)
    let a, b = Tensor.ofArray [| 1.0; 2.0 |], Tensor.ofArray [| -1.0; 0.5 |]
    let expected = -(0.5 * 4.0 - 3.0 * 2.25) / 8.0
    Assert.Equal(expected, Connectivity.barrierFromCurvature quadratic 1 a b 0.5, 1e-13)

[<Fact>]
let ``curvature along the line gives the barrier of a network at every place`` () =
    let x, y = Random.normal (Random.key 3) [ 9; 3 ], Random.normal (Random.key 4) [ 9; 2 ]
    let loss l = Losses.meanSquaredError (Mlp.apply Tensor.tanh l x) y
    let net seed = Mlp.init (Random.key seed) 1.5 [ 3; 4; 2 ]
    let a, b = net 1, net 2
    let profile = Connectivity.linear loss 4 a b

    for i in 0..4 do
        let s = profile.Places[i]
        let direct = profile.Losses[i] - (1.0 - s) * profile.Losses[0] - s * profile.Losses[4]
        Assert.Equal(direct, Connectivity.barrierFromCurvature loss 30 a b s, 1e-9)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    Assert.Contains("1 points and 3 intervals", fails (fun () -> Connectivity.along doubleWell 3 [ scalar 1.0 ]))

    Assert.Contains(
        "place 2",
        fails (fun () -> Connectivity.barrierFromCurvature doubleWell 3 (scalar 0.0) (scalar 1.0) 2.0)
    )
