module Hesse.Theory.Tests.Dynamics.InterpolationTests

open System
open System.Threading
open Xunit
open Hesse
open Hesse.Theory

let private none = CancellationToken.None

[<Fact>]
let ``a network with enough parameters takes on any targets`` () =
    let theta, unravel = Tree.ravel (Mlp.init (Random.key 1) 1.0 [ 3; 8; 2 ])
    let x, t = Random.normal (Random.key 2) [ 5; 3 ], Random.normal (Random.key 3) [ 5; 2 ]
    let outputs v = Mlp.apply Tensor.tanh (unravel v) x
    let found = Interpolation.find none outputs t theta
    Assert.InRange(found.Residual, 0.0, 1e-12)
    Assert.InRange(found.Steps, 2, 100)
    Assert.True((Tensor.max (Tensor.abs (outputs found.Parameters - t))).item() < 1e-12)

[<Fact>]
let ``a linear model moves to the nearest solution`` () =
    let a, t = Random.normal (Random.key 4) [ 3; 7 ], Random.normal (Random.key 5) [ 3 ]
    let start = Random.normal (Random.key 6) [ 7 ]
    let found = Interpolation.find none (fun theta -> Tensor.matmul a theta) t start
    let nearest = start + Tensor.matmul (Linalg.pinv a) (t - Tensor.matmul a start)
    Assert.True((Tensor.max (Tensor.abs (found.Parameters - nearest))).item() < 1e-11)

[<Fact>]
let ``targets out of reach leave their residual`` () =
    // Both outputs are the one parameter: (0, 2) is missed by √2 at best.
    let outputs (theta: Tensor) = Tensor.concat 0 [ theta; theta ]
    let found = Interpolation.find none outputs (Tensor.ofArray [| 0.0; 2.0 |]) (Tensor.zeros [ 1 ])
    Assert.Equal(sqrt 2.0, found.Residual, 1e-9)
    Assert.Equal(200, found.Steps)

[<Fact>]
let ``wrong shapes and cancellation`` () =
    let find token = Interpolation.find token id (Tensor.zeros [ 3 ]) (Tensor.zeros [ 2 ]) |> ignore

    let message = (Assert.Throws<HesseException>(fun () -> find none)).Message
    Assert.Contains("outputs of shape [2] for targets of shape [3]", message)

    let cancelled () = Interpolation.find (CancellationToken true) id (Tensor.zeros [ 2 ]) (Tensor.ones [ 2 ]) |> ignore

    Assert.Throws<OperationCanceledException> cancelled |> ignore
