/// Fixed points and Newton's method: values, derivatives of every kind, and what happens without convergence.
module Hesse.Tests.FixedPointsTests

open System
open Hesse
open Xunit

/// x = a cos x; dx/da = cos x / (1 + a sin x).
let private dottie = Diff.fixedPoint (fun (a: Tensor) x -> a * Tensor.cos x) (scalar 0.5)

/// The same by Newton's method on x − a cos x.
let private byNewton = Diff.newtonRoot (fun (a: Tensor) x -> x - a * Tensor.cos x) (scalar 0.5)

let private solvers = [ "iteration", dottie; "Newton", byNewton ]

[<Fact>]
let ``x = a cos x: value and first derivative in closed form, all others against each other`` () =
    let a = scalar 0.9
    let x = (byNewton a).item()
    Check.number "equation" 1e-15 x (0.9 * Math.Cos x)
    let slope = Math.Cos x / (1.0 + 0.9 * Math.Sin x)
    let many = vector [ 0.2; 0.9; 1.1 ]

    for name, f in solvers do
        Check.number $"{name}: value" 1e-11 x ((f a).item())
        Check.number $"{name}: gradient" 1e-11 slope ((Diff.grad f a).item())
        Check.number $"{name}: forward" 1e-11 slope ((snd (Diff.jvp f a (scalar 1.0))).item())
        Check.number $"{name}: compiled" 1e-11 slope ((Diff.compile (Diff.grad f) a).item())
        let stacked = Tensor.stack 0 [ for i in 0..2 -> Diff.grad f many[i] ]
        Check.tensors $"{name}: mapped gradient" 1e-11 stacked (Diff.vmap (Diff.grad f) many)

        Check.tensors
            $"{name}: gradient of a mapped one"
            1e-11
            stacked
            (Diff.grad (fun m -> Tensor.sum (Diff.vmap f m)) many)

    let jets f = Diff.jet 4 f a (scalar 1.0)
    Array.iteri2 (fun k p q -> Check.tensors $"order {k}" 1e-9 p q) (jets byNewton) (jets dottie)
    let h = 1e-4
    let slopes t = (Diff.grad byNewton (scalar t)).item()

    Check.number
        "second derivative"
        1e-6
        ((slopes (0.9 + h) - slopes (0.9 - h)) / (2.0 * h))
        ((Diff.derivative 2 byNewton a).item())

[<Fact>]
let ``Newton's method doubles the digits with each step`` () =
    // From 1.5 to √2: errors 2.5e-3, 2.1e-6, 1.6e-12, 9e-25; the fifth step no longer changes x.
    let root steps =
        Diff.newtonRootWith
            { Tolerance = 1e-15; MaxSteps = steps; Memory = 0 }
            (fun (a: Tensor) x -> x * x - a)
            (scalar 1.5)

    Check.number "five steps" 1e-15 (Math.Sqrt 2.0) ((root 5 (scalar 2.0)).item())
    let failure = Assert.Throws<HesseException>(fun () -> root 3 (scalar 2.0) |> ignore)
    Assert.StartsWith("newtonRoot: no convergence in 3 steps: the last one changed x by ", failure.Message)

    Assert.Contains(
        "E-07 relative to 1 + |x|, want at most 1E-15; start closer, damp the map, or allow more steps",
        failure.Message
    )

/// x = B x + a with eigenvalues of B up to 0.97.
let private matrix = Tensor.create [ 3; 3 ] [| 0.9; 0.05; 0.02; 0.05; 0.8; -0.1; 0.02; -0.1; 0.7 |]

let private affine (a: Tensor) (x: Tensor) = Tensor.matmul matrix x + a

[<Fact>]
let ``Anderson's acceleration needs far fewer steps, and has the same derivative`` () =
    let a = vector [ 1.0; -0.5; 0.3 ]
    let exact (a: Tensor) = Tensor.reshape [ 3 ] (Linalg.solve (Tensor.eye 3 - matrix) (Tensor.reshape [ 3; 1 ] a))
    let start = Tensor.zeros [ 3 ]
    let options = { Tolerance = 1e-11; MaxSteps = 15; Memory = 4 }
    let accelerated = Diff.fixedPointWith options affine start
    Check.tensors "value" 1e-9 (exact a) (accelerated a)
    Check.tensors "Jacobian" 1e-9 (Diff.jacobian exact a) (Diff.jacobian accelerated a)

    Check.tensors
        "mapped"
        1e-9
        (Diff.vmap exact (Tensor.stack 0 [ a; 2.0 * a ]))
        (Diff.vmap accelerated (Tensor.stack 0 [ a; 2.0 * a ]))

    Assert.Throws<HesseException>(fun () -> Diff.fixedPointWith { options with Memory = 0 } affine start a |> ignore)
    |> ignore

    Check.tensors "plain, with time" 1e-8 (exact a) (Diff.fixedPoint affine start a)

[<Fact>]
let ``systems on trees`` () =
    // x² + y² = r, x = y.
    let residual (r: Tensor) (x: Tensor, y: Tensor) = x * x + y * y - r, x - y
    let solve r = Diff.newtonRoot residual (scalar 1.0, scalar 2.0) r
    let x, y = solve (scalar 8.0)
    Check.number "x" 1e-14 2.0 (x.item ())
    Check.number "y" 1e-14 2.0 (y.item ())
    Check.number "dx/dr" 1e-14 0.125 ((Diff.grad (solve >> fst) (scalar 8.0)).item())

[<Fact>]
let ``without convergence there is an error, or NaN where it cannot be raised`` () =
    let runaway =
        Diff.fixedPointWith
            { Tolerance = 1e-12; MaxSteps = 20; Memory = 0 }
            (fun (a: Tensor) x -> a * x + 1.0)
            (scalar 1.0)

    Check.number "converges" 1e-6 2.0 ((runaway (scalar 0.01)).item() * 0.99 * 2.0)
    Assert.Throws<HesseException>(fun () -> runaway (scalar 2.0) |> ignore) |> ignore
    let mapped = (Diff.vmap runaway (vector [ 0.01; 2.0 ])).toArray()
    Check.number "first" 1e-12 (1.0 / 0.99) mapped[0]
    Assert.True(Double.IsNaN mapped[1])

    Check.fails
        "newtonRoot: a step needs the Jacobian of the residual inverted: pivot 0 of 1 is exactly zero, so the matrix is singular; use a least-squares or pseudo-inverse solution, or regularise the diagonal."
        (fun () -> Diff.newtonRoot (fun (a: Tensor) x -> x * x - a) (scalar 0.0) (scalar 2.0))
