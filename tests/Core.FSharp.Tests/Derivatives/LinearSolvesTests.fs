/// Linear systems whose matrix is a function, against the same systems with their matrix.
module Hesse.Tests.LinearSolvesTests

open System
open Hesse
open Xunit

let private size = 6

/// A regular matrix that depends on θ, neither symmetric nor definite.
let private general (theta: Tensor) =
    2.0 * Tensor.eye size
    + Tensor.reshape [ size; size ] (Tensor.sin (Tensor.tile [ size ] theta * varied 1 [ size * size ]))

/// A symmetric positive definite one.
let private definite (theta: Tensor) =
    let a = general theta
    Tensor.matmul (Tensor.transpose a) a + Tensor.eye size

let private direct matrix (theta: Tensor, b: Tensor) = Linalg.solve (matrix theta) b

let private iterated solver matrix (theta: Tensor, b: Tensor) =
    let a: Tensor = matrix theta
    Diff.linearSolveWith { Solver = solver; Tolerance = 1e-13; MaxSteps = 500 } (Tensor.matmul a) b

let private cases = [
    "gmres", general, LinearSolver.Gmres 20
    "gmres, restarted", definite, LinearSolver.Gmres 4
    "conjugate gradients", definite, LinearSolver.ConjugateGradient
    "dense", general, LinearSolver.Dense
]

let private theta = varied 2 [ size ]
let private b = varied 3 [ size ]
let private scalarOf f (x: Tensor * Tensor) = Tensor.sum (f x * varied 4 [ size ]) + Tensor.sum (Tensor.square (f x))

[<Fact>]
let ``values and derivatives are those of the matrix, forward and reverse, to order 3`` () =
    for name, matrix, solver in cases do
        let expected, actual = direct matrix, iterated solver matrix
        Check.tensors $"{name}: value" 1e-11 (expected (theta, b)) (actual (theta, b))
        let at, along = (theta, b), (varied 5 [ size ], varied 6 [ size ])
        Check.trees $"{name}: jvp" 1e-10 (Diff.jvp expected at along) (Diff.jvp actual at along)
        let s, t = scalarOf expected, scalarOf actual
        Check.trees $"{name}: gradient" 1e-10 (Diff.grad s at) (Diff.grad t at)
        Check.trees $"{name}: Hessian times vector" 1e-9 (Diff.hvp s at along) (Diff.hvp t at along)
        let forward f = snd (Diff.jvp (fun x -> snd (Diff.jvp f x along)) at along)
        Check.tensors $"{name}: forward twice" 1e-9 (forward expected) (forward actual)
        let reverse f x = Diff.grad (fun x -> fst (Diff.grad f x) |> Tensor.sum) x
        Check.trees $"{name}: reverse twice" 1e-9 (reverse s at) (reverse t at)

        let third f = Diff.grad (fun x -> snd (Diff.jvp (fun x -> snd (Diff.jvp f x along)) x along)) at

        Check.trees $"{name}: order 3" 1e-8 (third s) (third t)

        Array.iteri2
            (fun k p q -> Check.tensors $"{name}: jet {k}" 1e-8 p q)
            (Diff.jet 4 expected at along)
            (Diff.jet 4 actual at along)

        Check.tensors $"{name}: Laplacian" 1e-8 (Diff.laplacian s at) (Diff.laplacian t at)

[<Fact>]
let ``mapped and compiled`` () =
    for name, matrix, solver in cases do
        let expected, actual = direct matrix, iterated solver matrix
        let thetas, bs = varied 7 [ 3; size ], varied 8 [ 3; size ]
        let both f = Diff.vmap f (thetas, bs)
        Check.tensors $"{name}: mapped" 1e-10 (both expected) (both actual)

        Check.trees
            $"{name}: mapped gradient"
            1e-9
            (both (Diff.grad (scalarOf expected)))
            (both (Diff.grad (scalarOf actual)))

        let mappedSum f (x: Tensor * Tensor) = Tensor.sum (Tensor.square (Diff.vmap f x))

        Check.trees
            $"{name}: gradient of a mapped one"
            1e-9
            (Diff.grad (mappedSum expected) (thetas, bs))
            (Diff.grad (mappedSum actual) (thetas, bs))

        let many f = Diff.vmap (fun b -> f (theta, b)) bs
        Check.tensors $"{name}: one map, many right-hand sides" 1e-10 (many expected) (many actual)
        let twice f = Diff.vmap (fun theta -> Diff.vmap (fun b -> f (theta, b)) bs) thetas
        Check.tensors $"{name}: mapped twice" 1e-10 (twice expected) (twice actual)

        Check.trees
            $"{name}: compiled gradient"
            1e-10
            (Diff.grad (scalarOf expected) (theta, b))
            (Diff.compile (Diff.grad (scalarOf actual)) (theta, b))

        Check.tensors
            $"{name}: Jacobian"
            1e-10
            (Diff.jacobian (fun b -> expected (theta, b)) b)
            (Diff.jacobian (fun b -> actual (theta, b)) b)

[<Fact>]
let ``inside loops, and a system inside of a system`` () =
    let step solve (theta: Tensor) = Diff.iterate 3 (fun x -> Tensor.tanh (solve (theta, x))) b |> Tensor.sum

    let expected, actual = step (direct general), step (iterated (LinearSolver.Gmres 20) general)
    Check.tensors "value" 1e-10 (expected theta) (actual theta)
    Check.tensors "gradient" 1e-9 (Diff.grad expected theta) (Diff.grad actual theta)

    let nested solve (theta: Tensor) =
        let inner x = solve (theta, x)
        Diff.linearSolve (fun x -> 3.0 * x + inner x) b

    Check.tensors
        "nested"
        1e-9
        (nested (direct general) theta)
        (nested (iterated (LinearSolver.Gmres 20) general) theta)

    let gradient solve = Diff.grad (nested solve >> Tensor.sum) theta

    Check.tensors
        "nested gradient"
        1e-8
        (gradient (direct general))
        (gradient (iterated (LinearSolver.Gmres 20) general))

[<Fact>]
let ``trees, and more unknowns than a matrix would have room for`` () =
    let apply (x: Tensor, y: Tensor) = 2.0 * x + y, 3.0 * y - x
    let x, y = Diff.linearSolve apply (vector [ 4.0; 1.0 ], vector [ 5.0; 9.0 ])
    Check.tensors "x" 1e-10 (vector [ 1.0; -6.0 / 7.0 ]) x
    Check.tensors "y" 1e-10 (vector [ 2.0; 19.0 / 7.0 ]) y

    // −u″ + c u on a ring of 20 000 points: waves are eigenvectors. A matrix would take 3.2 GB.
    let n = 20_000
    let wave = Tensor.sin (Tensor.arange n * (2.0 * Math.PI * 40.0 / float n))

    let solution (c: Tensor) =
        let apply u = 2.0 * u - Tensor.roll 0 1 u - Tensor.roll 0 -1 u + c * u
        Diff.linearSolveWith { Solver = LinearSolver.ConjugateGradient; Tolerance = 1e-12; MaxSteps = 100 } apply wave

    let eigenvalue = 2.0 - 2.0 * Math.Cos(2.0 * Math.PI * 40.0 / float n)
    Check.tensors "wave" 1e-9 (wave / (0.5 + eigenvalue)) (solution (scalar 0.5))

    Check.number
        "derivative"
        1e-8
        (-float n / 2.0 / (0.5 + eigenvalue) ** 2.0)
        ((Diff.grad (fun c -> Tensor.sum (wave * solution c)) (scalar 0.5)).item())

[<Fact>]
let ``right-hand sides of any size, zero, and empty`` () =
    for solver in [ LinearSolver.Gmres 20; LinearSolver.ConjugateGradient ] do
        let solve b = iterated solver definite (theta, b)
        Check.tensors "zero" 0.0 (Tensor.zeros [ size ]) (solve (Tensor.zeros [ size ]))

        for factor in [ 1e-200; 1e200 ] do
            Check.tensors $"{factor}" 1e-11 (direct definite (theta, b)) (solve (factor * b) / factor)

    Assert.Equal(0, (Diff.linearSolve (fun x -> 2.0 * x) (Tensor.zeros [ 0 ])).Size)

[<Fact>]
let ``float32 systems`` () =
    let solve (theta: Tensor, b: Tensor) = Diff.linearSolve (fun y -> 2.0 * y + theta * Tensor.roll 0 1 y) b
    let at = theta, b
    let single = Tree.map Tensor.toFloat32 at
    Assert.Equal(DType.Float32, (solve single).DType)
    Check.tensors "value" 1e-6 (solve at) (Tensor.toFloat64 (solve single))
    let loss (x: Tensor * Tensor) = Tensor.sum (Tensor.square (solve x))
    Check.trees "gradient" 1e-5 (Diff.grad loss at) (Tree.map Tensor.toFloat64 (Diff.grad loss single))

[<Fact>]
let ``double-double numbers run the solver's loop`` () =
    let f (b: Tensor) =
        Diff.linearSolveWith
            { Solver = LinearSolver.ConjugateGradient; Tolerance = 1e-28; MaxSteps = 50 }
            (fun y -> 3.0 * y + Tensor.flip 0 y)
            b

    let found = Exact.doubleDouble f (vector [ 1.0; 2.0 ])
    Check.arrays "value" 1e-15 [| 0.125; 0.625 |] (found |> Array.map (fun y -> y.High))

[<Fact>]
let ``implicit functions with systems that are never formed`` () =
    // x + θ x³ / 10 + coupling x = b, by Newton's method on the host.
    let coupling = 0.3 * varied 9 [ size; size ]
    let residual (theta: Tensor) (x: Tensor) = x + 0.1 * theta * x * x * x + Tensor.matmul coupling x - b
    let solver theta = Diff.newtonRoot residual (Tensor.zeros [ size ]) theta
    let dense = Diff.implicitRoot residual solver

    let options = { Solver = LinearSolver.Gmres 10; Tolerance = 1e-13; MaxSteps = 200 }
    let free = Diff.implicitRootWith options residual solver
    let loss f theta = Tensor.sum (Tensor.exp (f theta: Tensor))
    Check.tensors "gradient" 1e-10 (Diff.grad (loss dense) theta) (Diff.grad (loss free) theta)
    Check.tensors "Hessian" 1e-9 (Diff.hessian (loss dense) theta) (Diff.hessian (loss free) theta)
    Check.tensors "forward" 1e-10 (Diff.jacfwd dense theta) (Diff.jacfwd free theta)
    let thetas = varied 3 [ 2; size ]
    Check.tensors "mapped" 1e-10 (Diff.vmap (Diff.grad (loss dense)) thetas) (Diff.vmap (Diff.grad (loss free)) thetas)

    let objective (theta: Tensor) (x: Tensor) = Tensor.sum (Tensor.exp (0.3 * x) + x * x - theta * x)
    let minimiser theta = Diff.newtonRoot (fun a x -> Diff.grad (objective a) x) (Tensor.zeros [ size ]) theta
    let descend = { options with Solver = LinearSolver.ConjugateGradient }

    let dense, free =
        Diff.implicitOptimum objective minimiser, Diff.implicitOptimumWith descend objective minimiser

    Check.tensors "optimum" 1e-10 (Diff.grad (loss dense) theta) (Diff.grad (loss free) theta)
    Check.tensors "optimum, Hessian" 1e-9 (Diff.hessian (loss dense) theta) (Diff.hessian (loss free) theta)

[<Fact>]
let ``without convergence there is an error, or NaN where it cannot be raised`` () =
    let options = { Solver = LinearSolver.ConjugateGradient; Tolerance = 1e-12; MaxSteps = 2 }
    let solve (b: Tensor) = Diff.linearSolveWith options (fun y -> y * vector [ 1.0; 2.0; 3.0; 4.0 ]) b
    let b = vector [ 1.0; 1.0; 1.0; 1.0 ]
    let failure = Assert.Throws<HesseException>(fun () -> solve b |> ignore)
    Assert.StartsWith("linearSolve: no convergence in 2 applications: the residual is ", failure.Message)

    Assert.Contains(
        " times the right-hand side, want at most 1E-12; allow more steps, scale the system, or use LinearSolver.Dense",
        failure.Message
    )

    let mapped = Diff.compile (Diff.vmap solve) (Tensor.stack 0 [ b; vector [ 0.0; 5.0; 0.0; 0.0 ] ])
    Assert.All(mapped[0].toArray(), (fun x -> Assert.True(Double.IsNaN x)))
    Check.tensors "the other member" 1e-14 (vector [ 0.0; 2.5; 0.0; 0.0 ]) mapped[1]

    for solver in [ LinearSolver.Gmres 5; LinearSolver.ConjugateGradient ] do
        Assert.Throws<HesseException>(fun () ->
            Diff.linearSolveWith { options with Solver = solver } (fun y -> 0.0 * y) b |> ignore)
        |> ignore

[<Fact>]
let ``mistakes are named`` () =
    let b = vector [ 1.0; 2.0 ]

    Check.fails
        "linearSolve: the system is not linear in its unknown: mul of shapes [2], [2] multiplies values that both depend on it; give a linear map, without an added constant"
        (fun () -> Diff.linearSolve (fun y -> y * y) b)

    Check.fails
        "linearSolve: the result of apply has shapes [], expected [2]; give one tensor of the same shape for each"
        (fun () -> Diff.linearSolve Tensor.sum b)

    Check.fails
        "linearSolve: options Gmres 0, 1E-10, 1000; want a restart after a step at least, a tolerance above 0, and a step at least"
        (fun () -> Diff.linearSolveWith { Solver = LinearSolver.Gmres 0; Tolerance = 1e-10; MaxSteps = 1000 } id b)

    Check.fails
        "linearSolve: the matrix of the system is inverted: pivot 0 of 2 is exactly zero, so the matrix is singular; use a least-squares or pseudo-inverse solution, or regularise the diagonal."
        (fun () ->
            Diff.linearSolveWith { Solver = LinearSolver.Dense; Tolerance = 1e-10; MaxSteps = 1 } (fun y -> 0.0 * y) b)
