module Hesse.Theory.Tests.Curvature.SolveTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

/// A symmetric matrix with these eigenvalues, and the operator.
let private withEigenvalues seed (values: float[]) =
    let n = values.Length
    let q = Random.orthogonal (Random.key seed) n n
    let a = (Tensor.matmul (q * Tensor.ofArray values) (Tensor.transpose q)).toArray()
    a, LinearOperator.ofMatrix n a

let private solved (a: float[]) (b: float[]) =
    (Linalg.solve (Tensor.create [ b.Length; b.Length ] a) (Tensor.ofArray b)).toArray()

let private norm (a: float[]) = sqrt (Array.sumBy (fun x -> x * x) a)
let private options = SolveOptions.Default

let private holds (operator: LinearOperator) (b: float[]) (solution: Solution) =
    Assert.Equal(SolveStop.Converged, solution.Stop)
    let residual = norm (Array.map2 (-) b (operator.Apply solution.Vector))
    Assert.Equal(residual, solution.ResidualNorm, 1e-15)
    Assert.InRange(solution.RelativeResidual, 0.0, 2e-10)

[<Fact>]
let ``all solvers solve a positive definite system, within as many steps as it has eigenvalues`` () =
    let a, A = withEigenvalues 1 [| 0.5; 1.0; 1.5; 2.0; 3.0; 4.0 |]
    let b = normal 2 [ 6 ]
    let exact = solved a b
    let cg = Solve.conjugateGradient options A b
    let minres = Solve.minres options A b
    let lsmr = Solve.lsmr options 0.0 A b
    let neumann = Solve.neumann options 0.4 A b

    for solution in [ cg; minres; lsmr; neumann ] do
        holds A b solution
        close 1e-9 exact solution.Vector

    Assert.InRange(cg.Steps, 1, 6)
    Assert.InRange(minres.Steps, 1, 6)
    Assert.InRange(lsmr.Steps, 1, 7)
    Assert.InRange(neumann.Steps, 20, 200)

[<Fact>]
let ``MINRES solves indefinite systems and ends early where eigenvalues coincide`` () =
    let values = [| -2.0; -2.0; -1.0; 3.0; 3.0; 3.0; 5.0 |]
    let a, A = withEigenvalues 3 values
    let b = normal 4 [ 7 ]
    let solution = Solve.minres options A b
    holds A b solution
    close 1e-9 (solved a b) solution.Vector
    Assert.InRange(solution.Steps, 1, 4)

[<Fact>]
let ``MINRES solves a singular system that has a solution`` () =
    let _, A = withEigenvalues 5 [| 0.0; 1.0; 2.0; -3.0 |]
    let b = A.Apply(normal 6 [ 4 ])
    holds A b (Solve.minres options A b)

[<Fact>]
let ``LSMR: tall, wide of least norm, damped`` () =
    let tall, wide = normal 7 [ 6; 3 ], normal 8 [ 3; 6 ]
    let b6, b3 = normal 9 [ 6 ], normal 10 [ 3 ]

    let least rows columns (a: float[]) (b: float[]) =
        (Tensor.matmul (Linalg.pinv (Tensor.create [ rows; columns ] a)) (Tensor.ofArray b)).toArray()

    let T, W = LinearOperator.ofDense 6 3 tall, LinearOperator.ofDense 3 6 wide
    let solution = Solve.lsmr options 0.0 T b6
    close 1e-9 (least 6 3 tall b6) solution.Vector
    Assert.Equal(norm (Array.map2 (-) b6 (T.Apply solution.Vector)), solution.ResidualNorm, 1e-14)
    Assert.True(solution.ResidualNorm > 0.1, "these least squares have a residual")
    close 1e-9 (least 3 6 wide b3) (Solve.lsmr options 0.0 W b3).Vector
    // (AᵀA + λ²) x = Aᵀ b
    let damped = Solve.lsmr options 0.7 T b6

    let normalMatrix =
        product 3 6 3 (transposed 6 3 tall) tall
        |> Array.mapi (fun q x -> if q % 4 = 0 then x + 0.49 else x)

    close 1e-9 (solved normalMatrix (T.ApplyTranspose b6)) damped.Vector

[<Fact>]
let ``a right-hand side of zero has the solution zero, without a step`` () =
    let _, A = withEigenvalues 11 [| 1.0; 2.0 |]

    for solver in
        [
            Solve.conjugateGradient options
            Solve.minres options
            Solve.lsmr options 0.0
            Solve.neumann options 0.5
        ] do
        let solution = solver A [| 0.0; 0.0 |]
        Assert.Equal<float seq>([ 0.0; 0.0 ], solution.Vector)
        Assert.Equal((0, SolveStop.Converged), (solution.Steps, solution.Stop))

[<Fact>]
let ``what does not converge is an error that says what to do, or a result that says how far it came`` () =
    let _, indefinite = withEigenvalues 12 [| -1.0; 1.0; 2.0 |]
    let _, singular = withEigenvalues 13 [| 0.0; 1.0; 2.0 |]
    let _, hard = withEigenvalues 14 (Array.init 60 (fun i -> 10.0 ** (float i / 10.0)))
    let b3, b60 = normal 15 [ 3 ], normal 16 [ 60 ]
    let lazy' = { options with AllowUnconverged = true }

    fails [ "'matrix'"; "curvature zero or below"; "LinearOperator.shifted"; "Solve.minres" ] (fun () ->
        Solve.conjugateGradient options indefinite b3 |> ignore)

    Assert.Equal(SolveStop.NegativeCurvature, (Solve.conjugateGradient lazy' indefinite b3).Stop)

    fails [ "the system is singular and has no solution"; "Solve.lsmr" ] (fun () ->
        Solve.minres options singular b3 |> ignore)

    fails [ "in 5 step(s): the steps are used up"; "want 1E-10"; "Preconditioner.nystrom" ] (fun () ->
        Solve.conjugateGradient { options with MaxSteps = 5 } hard b60 |> ignore)

    fails [ "Solve.lsmr"; "in 5 step(s)" ] (fun () -> Solve.lsmr { options with MaxSteps = 5 } 0.0 hard b60 |> ignore)
    fails [ "the series diverges"; "below 2/λ_max" ] (fun () -> Solve.neumann options 3.0 hard b60 |> ignore)
    let early = Solve.minres { lazy' with MaxSteps = 5 } hard b60
    Assert.Equal((5, SolveStop.StepLimit), (early.Steps, early.Stop))
    Assert.InRange(early.RelativeResidual, 1e-6, 1.0)

    fails [ "2 numbers for operator 'matrix' with 3 rows" ] (fun () ->
        Solve.minres options singular [| 1.0; 2.0 |] |> ignore)

    fails [ "not finite" ] (fun () -> Solve.minres options singular [| 1.0; 2.0; nan |] |> ignore)
    fails [ "0 steps" ] (fun () -> Solve.minres { options with MaxSteps = 0 } singular b3 |> ignore)

[<Fact>]
let ``methods for symmetric operators refuse others by name`` () =
    let a, _ = withEigenvalues 21 [| 1.0; 2.0; 3.0 |]
    let dense, b = (LinearOperator.ofDense 3 3 a).Named "mixed", normal 22 [ 3 ]

    for solver in [ Solve.conjugateGradient options; Solve.minres options ] do
        fails [ "'mixed' is not known to be symmetric"; "LinearOperator.assumeSymmetric"; "Solve.lsmr" ] (fun () ->
            solver dense b |> ignore)

        close 1e-9 (solved a b) (solver (LinearOperator.assumeSymmetric dense) b).Vector

[<Fact>]
let ``the truncated Neumann series is its sum`` () =
    let _, A = withEigenvalues 17 [| 0.5; 1.0; 1.5 |]
    let b = normal 18 [ 3 ]
    let truncated = Solve.neumann { options with MaxSteps = 3; AllowUnconverged = true } 0.5 A b
    let step (v: float[]) = Array.map2 (fun x y -> x - 0.5 * y) v (A.Apply v)
    let expected = Array.map3 (fun a b c -> 0.5 * (a + b + c)) b (step b) (step (step b))
    close 1e-14 expected truncated.Vector

[<Fact>]
let ``the inverse is an operator, also of a damped curvature`` () =
    let a, A = withEigenvalues 19 [| 0.5; 1.0; 3.0; 4.0 |]

    let inverse =
        Solve.inverse (Solve.conjugateGradient { options with Tolerance = 1e-13 }) (LinearOperator.shifted 0.5 A)

    let expected = Linalg.inverse (Tensor.create [ 4; 4 ] a + 0.5 * Tensor.eye 4)
    isMatrix 1e-11 (expected.toArray ()) inverse

    fails [ "is not symmetric"; "Solve.lsmr" ] (fun () ->
        Solve.inverse (Solve.minres options) (LinearOperator.ofDense 2 2 (normal 20 [ 2; 2 ])) |> ignore)
