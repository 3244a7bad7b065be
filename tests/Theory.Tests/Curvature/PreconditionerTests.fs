module Hesse.Theory.Tests.Curvature.PreconditionerTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

/// Eigenvalues that fall like those of a curvature: a few large ones and a long tail.
let private n = 60
let private values = Array.init n (fun i -> 100.0 / float ((i + 1) * (i + 1) * (i + 1)))

let private A =
    let q = Random.orthogonal (Random.key 1) n n
    LinearOperator.ofMatrix n ((Tensor.matmul (q * Tensor.ofArray values) (Tensor.transpose q)).toArray())

[<Fact>]
let ``Nyström needs far fewer steps, and finds the same solution`` () =
    let damping = 1e-3
    let damped = LinearOperator.shifted damping A
    let b = normal 2 [ n ]
    let plain = Solve.conjugateGradient SolveOptions.Default damped b
    let preconditioner = Preconditioner.nystrom (Random.key 3) 30 damping A
    OperatorChecks.symmetric 1e-10 (Random.key 4) preconditioner
    let fast = Solve.preconditionedConjugateGradient SolveOptions.Default preconditioner damped b
    close 1e-7 plain.Vector fast.Vector
    Assert.True(2 * fast.Steps < plain.Steps, $"{fast.Steps} steps with, {plain.Steps} without")

[<Fact>]
let ``of full rank it is a multiple of the inverse`` () =
    let preconditioner = Preconditioner.nystrom (Random.key 5) n 0.1 A
    let dense = Tensor.create [ n; n ] (LinearOperator.toDense n A)
    let least = Array.last values
    let expected = (least + 0.1) * Linalg.inverse (dense + 0.1 * Tensor.eye n)
    close 1e-9 (expected.toArray ()) (LinearOperator.toDense n preconditioner)

[<Fact>]
let ``a rank above that of the operator is no trouble`` () =
    let low = StructuredOperator.lowRank [| 5.0; 2.0 |] [| normal 8 [ 30 ]; normal 9 [ 30 ] |]
    let preconditioner = Preconditioner.nystrom (Random.key 10) 6 0.01 low

    let solve =
        Solve.preconditionedConjugateGradient SolveOptions.Default preconditioner (LinearOperator.shifted 0.01 low)

    Assert.InRange((solve (normal 11 [ 30 ])).Steps, 1, 4)

[<Fact>]
let ``a diagonal preconditioner solves a diagonal system in one step`` () =
    let d = [| 1.0; 10.0; 1000.0 |]

    let solution =
        Solve.preconditionedConjugateGradient
            SolveOptions.Default
            (Preconditioner.diagonal d)
            (LinearOperator.diagonal d)
            [| 1.0; 2.0; 3.0 |]

    Assert.Equal(1, solution.Steps)
    close 1e-14 [| 1.0; 0.2; 0.003 |] solution.Vector

[<Fact>]
let ``of the zero operator it is the identity`` () =
    isMatrix
        1e-14
        [| 1.0; 0.0; 0.0; 1.0 |]
        (Preconditioner.nystrom (Random.key 6) 1 0.1 (0.0 * LinearOperator.identity 2))

[<Fact>]
let ``what cannot be preconditioned is refused`` () =
    fails [ "entry 1 is 0; all must be above zero" ] (fun () -> Preconditioner.diagonal [| 1.0; 0.0 |] |> ignore)

    fails [ "rank 0 and damping 1 for an operator of size 60" ] (fun () ->
        Preconditioner.nystrom (Random.key 7) 0 1.0 A |> ignore)

    fails [ "a damping above zero" ] (fun () -> Preconditioner.nystrom (Random.key 7) 2 0.0 A |> ignore)

    fails [ "is not positive semi-definite"; "Gauss–Newton" ] (fun () ->
        Preconditioner.nystrom (Random.key 7) 5 0.1 -A |> ignore)

    fails [ "'matrix' is not known to be symmetric" ] (fun () ->
        Preconditioner.nystrom (Random.key 7) 2 0.1 (LinearOperator.ofDense 2 2 (normal 12 [ 2; 2 ]))
        |> ignore)
