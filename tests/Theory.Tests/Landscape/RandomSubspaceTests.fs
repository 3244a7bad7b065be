module Hesse.Theory.Tests.Landscape.RandomSubspaceTests

open Xunit
open Hesse
open Hesse.Theory

[<Fact>]
let ``the basis is orthonormal and belongs to its key`` () =
    let basis = RandomSubspace.basis (Random.key 1) 30 7
    let gram = Tensor.matmul (Tensor.transpose basis) basis
    Assert.InRange((Tensor.max (Tensor.abs (gram - Tensor.eye 7))).item(), 0.0, 1e-13)
    Assert.Equal<float[]>(basis.toArray (), (RandomSubspace.basis (Random.key 1) 30 7).toArray())
    Assert.NotEqual<float[]>(basis.toArray (), (RandomSubspace.basis (Random.key 2) 30 7).toArray())

[<Fact>]
let ``zero is the origin, and the gradient in the subspace is the projected gradient`` () =
    let origin, unravel = Tree.ravel (Mlp.init (Random.key 3) 1.0 [ 2; 3; 1 ])
    let basis = RandomSubspace.basis (Random.key 4) origin.Size 5
    let start, _ = Tree.ravel (RandomSubspace.point origin unravel basis (Tensor.zeros [ 5 ]))
    Assert.Equal<float[]>(origin.toArray (), start.toArray ())
    let x = Random.normal (Random.key 5) [ 4; 2 ]
    let loss layers = Tensor.mean (Tensor.square (Mlp.apply Tensor.tanh layers x))
    let inside = Diff.grad (RandomSubspace.point origin unravel basis >> loss) (Tensor.zeros [ 5 ])
    let whole = Diff.grad (unravel >> loss) origin
    let expected = (Tensor.matmul (Tensor.transpose basis) whole).toArray()
    Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 13)) expected (inside.toArray ())

[<Fact>]
let ``the quadratic law has the mean and deviation of the squared distance from a random subspace`` () =
    // Distance of e₁ in R⁴ from a random subspace of two dimensions, 4000 draws.
    let mean, deviation = RandomSubspace.quadraticLaw 4 2
    Assert.Equal(0.5, mean, 14)
    let draws = 4000

    let left =
        Array.init draws (fun i ->
            let basis = RandomSubspace.basis (Random.fold i (Random.key 6)) 4 2
            let first = basis[0].toArray()
            1.0 - first[0] * first[0] - first[1] * first[1])

    let average = Array.average left
    let variance = left |> Array.averageBy (fun v -> (v - average) ** 2.0)
    Assert.InRange(abs (average - mean) / (deviation / sqrt (float draws)), 0.0, 4.0)
    Assert.Equal(deviation, sqrt variance, 0.01)
    Assert.Equal((0.0, 0.0), RandomSubspace.quadraticLaw 4 4)
    Assert.Equal((0.0, 0.0), RandomSubspace.quadraticLaw 4 9)

[<Fact>]
let ``the first crossing is interpolated in the logarithm of the dimension`` () =
    let dimensions, scores = [| 2; 8; 32 |], [| 0.2; 0.6; 0.9 |]
    Assert.Equal(4.0, (RandomSubspace.firstReached 0.4 dimensions scores).Value, 12)
    Assert.Equal(8.0, (RandomSubspace.firstReached 0.6 dimensions scores).Value, 12)
    Assert.Equal(Some 2.0, RandomSubspace.firstReached 0.1 dimensions scores)
    Assert.Equal(None, RandomSubspace.firstReached 0.95 dimensions scores)

[<Fact>]
let ``misuse is refused by name`` () =
    let message f = Assert.Throws<HesseException>(fun () -> f () |> ignore).Message

    Assert.Contains(
        "RandomSubspace.basis: dimension 4 of 3 parameters",
        message (fun () -> RandomSubspace.basis (Random.key 0) 3 4)
    )

    Assert.Contains(
        "RandomSubspace.firstReached: 2 dimensions and 1 scores",
        message (fun () -> RandomSubspace.firstReached 0.5 [| 1; 2 |] [| 0.1 |])
    )

    Assert.Contains("ascending", message (fun () -> RandomSubspace.firstReached 0.5 [| 2; 1 |] [| 0.1; 0.2 |]))
