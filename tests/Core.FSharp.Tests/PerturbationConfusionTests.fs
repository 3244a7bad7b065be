/// Nested differentiation where inner functions close over outer variables.
///
/// Siskind and Pearlmutter 2005, "Perturbation confusion and referential transparency"; Manzyuk, Pearlmutter, Radul, Rush and
/// Siskind 2019, "Perturbation confusion in forward automatic differentiation of higher-order functions".
module Hesse.Tests.PerturbationConfusionTests

open System
open Hesse
open Xunit

/// Derivatives of a function of a number, by each mode; nests in any combination.
let private forward (f: Tensor -> Tensor) (x: Tensor) = snd (Diff.jvp f x (scalar 1.0))
let private reverse (f: Tensor -> Tensor) (x: Tensor) = Diff.grad f x
let private taylor (f: Tensor -> Tensor) (x: Tensor) = Diff.derivative 1 f x
let private linearized (f: Tensor -> Tensor) (x: Tensor) = (snd (Diff.linearize f x)) (scalar 1.0)
let private pulled (f: Tensor -> Tensor) (x: Tensor) = (snd (Diff.vjp f x)) (scalar 1.0)

let private modes = [ "jvp", forward; "grad", reverse; "jet", taylor; "linearize", linearized; "vjp", pulled ]

/// Runs a test for every pair of outer and inner mode.
let private forPairs
    (test: string -> ((Tensor -> Tensor) -> Tensor -> Tensor) -> ((Tensor -> Tensor) -> Tensor -> Tensor) -> unit)
    =
    for outerName, outer in modes do
        for innerName, inner in modes do
            test $"{outerName} of {innerName}" outer inner

let private equals what (expected: float) (actual: Tensor) = Check.number what 1e-12 expected (actual.item ())

[<Fact>]
let ``D (x ↦ x · D (y ↦ x + y))`` () =
    // The inner derivative is 1, so the function is x and its derivative 1; confusion gives 2.
    forPairs (fun what outer inner ->
        equals what 1.0 (outer (fun x -> x * inner (fun y -> x + y) (scalar 1.0)) (scalar 1.0)))

[<Fact>]
let ``D (x ↦ x · D (y ↦ x · y)) is 2x`` () =
    forPairs (fun what outer inner ->
        equals what 6.0 (outer (fun x -> x * inner (fun y -> x * y) (scalar 2.0)) (scalar 3.0)))

[<Fact>]
let ``inner derivative at the outer variable itself`` () =
    // D (x ↦ D (y ↦ x y²) x) = D (x ↦ 2x²) = 4x.
    forPairs (fun what outer inner -> equals what 12.0 (outer (fun x -> inner (fun y -> x * y * y) x) (scalar 3.0)))

[<Fact>]
let ``curried function returned from a derivative`` () =
    // The offset operator s of Manzyuk et al.: s u f x = f (x + u); D (u ↦ D (s u f)) at 0 is f″, not 0 or 2f″.
    let offset (u: Tensor) (f: Tensor -> Tensor) (x: Tensor) = f (x + u)
    let y = scalar 0.7

    forPairs (fun what outer inner ->
        equals what (-Math.Sin 0.7) (outer (fun u -> inner (offset u Tensor.sin) y) (scalar 0.0)))

[<Fact>]
let ``the derivative operator applied twice through the offset operator`` () =
    // D̂ = (D (u ↦ s u)) 0 as a function of functions; D̂ (D̂ exp) y = e^y.
    let y = 0.3

    forPairs (fun what outer inner ->
        let operator d (f: Tensor -> Tensor) (x: Tensor) : Tensor = d (fun (u: Tensor) -> f (x + u)) (scalar 0.0)
        equals what (Math.Exp y) (operator outer (operator inner Tensor.exp) (scalar y)))

[<Fact>]
let ``three levels, each closing over all outer variables`` () =
    // f(x, y, z) = x y² z³: ∂z at z = x + y, then ∂y at y = 2x, then ∂x.
    // g(x, y) = 3 x y² (x + y)²; ∂y g = 6xy(x + y)² + 6xy²(x + y); at y = 2x: 108x⁴ + 72x⁴ = 180x⁴; derivative 720x³.
    for outerName, outer in modes do
        for middleName, middle in modes do
            for innerName, inner in modes do
                let h (x: Tensor) = middle (fun y -> inner (fun z -> x * y * y * z * z * z) (x + y)) (2.0 * x)

                equals $"{outerName} of {middleName} of {innerName}" (720.0 * 0.125) (outer h (scalar 0.5))

[<Fact>]
let ``an unused inner variable gives zero, not the outer tangent`` () =
    forPairs (fun what outer inner -> equals what 0.0 (outer (fun x -> inner (fun _ -> x * x) x) (scalar 2.0)))

[<Fact>]
let ``the outer derivative of an inner result that ignores the outer variable is zero`` () =
    forPairs (fun what outer inner ->
        equals what 0.0 (outer (fun _ -> inner (fun y -> y * y) (scalar 3.0)) (scalar 2.0)))

[<Fact>]
let ``vmap inside grad closes over the outer variable`` () =
    // f(x) = Σᵢ sin(x aᵢ): f′ = Σ aᵢ cos(x aᵢ).
    let a = vector [ 1.0; 2.0; -0.5 ]
    let f x = Tensor.sum (Diff.vmap (fun ai -> Tensor.sin (x * ai)) a)
    let expected = a.toArray () |> Array.sumBy (fun ai -> ai * Math.Cos(0.4 * ai))
    equals "grad" expected (Diff.grad f (scalar 0.4))

[<Fact>]
let ``grad inside vmap closes over the mapped and the outer variable`` () =
    // g(x) = Σᵢ d/dy [x aᵢ y²] at y = x, that is Σ 2 x² aᵢ; derivative Σ 4 x aᵢ.
    let a = vector [ 1.0; 2.0; -0.5 ]
    let g x = Tensor.sum (Diff.vmap (fun ai -> Diff.grad (fun y -> x * ai * y * y) x) a)
    equals "grad of vmap of grad" (4.0 * 0.3 * 2.5) (Diff.grad g (scalar 0.3))

[<Fact>]
let ``vmap inside vmap closes over the outer part`` () =
    let a, b = vector [ 1.0; 2.0; 3.0 ], vector [ 10.0; 20.0 ]
    let outer = Diff.vmap (fun ai -> Diff.vmap (fun bj -> ai * bj + ai) b) a
    Check.tensors "outer product" 1e-14 (Tensor.create [ 3; 2 ] [| 11.0; 21.0; 22.0; 42.0; 33.0; 63.0 |]) outer

[<Fact>]
let ``compile inside grad closes over the outer variable`` () =
    let f (x: Tensor) =
        let inner = Diff.compile (fun (y: Tensor) -> x * y * y)
        inner (scalar 3.0) + inner x

    // 9x + x³ has derivative 9 + 3x².
    equals "grad" 21.0 (Diff.grad f (scalar 2.0))

[<Fact>]
let ``a function compiled outside sees a new value of what it closes over in each call of the outer grad`` () =
    let square = Diff.compile (fun (y: Tensor) -> y * y)
    let f x = Diff.grad (fun y -> square (x * y)) (scalar 1.0)

    // d/dy (x y)² at 1 is 2x²; derivative 4x.
    for x in [ 1.0; 2.0; -3.0 ] do
        equals $"at {x}" (4.0 * x) (Diff.grad f (scalar x))

[<Fact>]
let ``linear map of linearize used inside an outer derivative of its direction and its point`` () =
    // ⟨D sin(x)[v]⟩ with v = x²: x² cos x.
    let f (x: Tensor) =
        let _, linear = Diff.linearize Tensor.sin x
        linear (x * x)

    let x = 0.8
    equals "grad" (2.0 * x * Math.Cos x - x * x * Math.Sin x) (Diff.grad f (scalar x))

/// Lagrangian of a pendulum of unit mass and length, L(q, q̇) = q̇²/2 + g cos q.
let private lagrangian (q: Tensor) (speed: Tensor) = 0.5 * speed * speed + 9.81 * Tensor.cos q

[<Fact>]
let ``Legendre transform: Hamilton's equations from a Lagrangian`` () =
    // p = ∂L/∂q̇; H(q, p) = p q̇(p) − L, with q̇(p) from one Newton step (exact for a quadratic kinetic energy).
    let speedOf (q: Tensor) (p: Tensor) =
        let residual v = Diff.grad (lagrangian q) v - p
        let start = scalar 0.0
        start - residual start / Diff.grad residual start

    let hamiltonian (q: Tensor, p: Tensor) =
        let speed = speedOf q p
        p * speed - lagrangian q speed

    let dq, dp = Diff.grad hamiltonian (scalar 0.6, scalar 1.3)
    equals "∂H/∂p = q̇" 1.3 dp
    equals "−∂H/∂q = −g sin q" (9.81 * Math.Sin 0.6) dq
    // The mixed second derivatives of H, by forward over reverse through the inner derivatives.
    let h = Diff.hessian hamiltonian (scalar 0.6, scalar 1.3)
    Check.tensors "∇²H" 1e-12 (Tensor.create [ 2; 2 ] [| 9.81 * Math.Cos 0.6; 0.0; 0.0; 1.0 |]) h

[<Fact>]
let ``Euler-Lagrange equation along a path`` () =
    // d/dt ∂L/∂q̇ − ∂L/∂q along q(t) = sin t, as in Sussman and Wisdom 2001: −sin t + g sin(sin t).
    let path (t: Tensor) = Tensor.sin t
    let speed (t: Tensor) = forward path t
    let momentum (t: Tensor) = Diff.grad (lagrangian (path t)) (speed t)
    let force (t: Tensor) = Diff.grad (fun q -> lagrangian q (speed t)) (path t)
    let t = 0.9
    let residual = forward momentum (scalar t) - force (scalar t)
    equals "residual" (-Math.Sin t + 9.81 * Math.Sin(Math.Sin t)) residual

[<Fact>]
let ``gradient of a minimum found by gradient steps inside`` () =
    // Three steps of x ← x − ¼ ∂ₓ(½ a x²): x₃ = x₀ (1 − a/4)³; derivative in a is −¾ x₀ (1 − a/4)².
    let inner (a: Tensor) : Tensor =
        let step (x: Tensor) = x - 0.25 * Diff.grad (fun (x: Tensor) -> 0.5 * a * x * x) x
        step (step (step (scalar 2.0)))

    equals "hypergradient" (-1.5 * 0.25) (Diff.grad inner (scalar 2.0))
