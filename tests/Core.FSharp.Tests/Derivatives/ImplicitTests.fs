/// Functions given by an equation, against their closed forms.
module Hesse.Tests.ImplicitTests

open System
open Hesse
open Xunit

/// √a as the root of x² = a, found by the square root itself; the derivative comes from the equation alone.
let private root (a: Tensor) =
    Diff.implicitRoot (fun (a: Tensor) x -> x * x - a) (fun a -> Tensor.stopGradient (Tensor.sqrt a)) a

[<Fact>]
let ``the square root by its equation has the derivatives of the square root, of every order and mode`` () =
    let a = vector [ 0.7; 2.0; 5.0 ]
    let ones = Tensor.ones [ 3 ]
    Check.tensors "value" 0.0 (Tensor.sqrt a) (root a)
    let scalar (f: Tensor -> Tensor) (a: Tensor) = Tensor.sum (f a * vector [ 1.0; -2.0; 3.0 ])
    Check.tensors "gradient" 1e-14 (Diff.grad (scalar Tensor.sqrt) a) (Diff.grad (scalar root) a)
    Check.tensors "Hessian" 1e-14 (Diff.hessian (scalar Tensor.sqrt) a) (Diff.hessian (scalar root) a)
    Check.tensors "forward Jacobian" 1e-14 (Diff.jacfwd Tensor.sqrt a) (Diff.jacfwd root a)
    Check.tensors "reverse Jacobian" 1e-14 (Diff.jacrev Tensor.sqrt a) (Diff.jacrev root a)

    Check.tensors
        "hessian of a gradient"
        1e-13
        (Diff.jacobian (Diff.hessian (scalar Tensor.sqrt)) a)
        (Diff.jacobian (Diff.hessian (scalar root)) a)

    Array.iteri2
        (fun k expected actual -> Check.tensors $"jet {k}" 1e-13 expected actual)
        (Diff.jet 6 Tensor.sqrt a ones)
        (Diff.jet 6 root a ones)

    let rows = Tensor.stack 0 [ a; 2.0 * a ]
    Check.tensors "mapped" 1e-15 (Tensor.sqrt rows) (Diff.vmap root rows)

    Check.tensors
        "mapped gradient"
        1e-14
        (Diff.vmap (Diff.grad (scalar Tensor.sqrt)) rows)
        (Diff.vmap (Diff.grad (scalar root)) rows)

    Check.tensors
        "gradient of a mapped one"
        1e-14
        (Diff.grad (fun r -> Tensor.sum (Tensor.sqrt r)) rows)
        (Diff.grad (fun r -> Tensor.sum (Diff.vmap root r)) rows)

    Check.tensors "compiled" 1e-14 (Diff.grad (scalar Tensor.sqrt) a) (Diff.compile (Diff.grad (scalar root)) a)
    CheckGradients.check 3 root a |> ignore

/// Kepler's equation E − e sin E = M, solved by Newton steps that are themselves tensor operations.
let private kepler (e: Tensor, m: Tensor) =
    let residual (e: Tensor, m: Tensor) (x: Tensor) = x - e * Tensor.sin x - m

    let solver (e: Tensor, m: Tensor) =
        Seq.replicate 12 ()
        |> Seq.fold (fun (x: Tensor) () -> x - residual (e, m) x / (1.0 - e * Tensor.cos x)) m

    Diff.implicitRoot residual solver (e, m)

[<Fact>]
let ``Kepler's equation: first and second derivatives in closed form`` () =
    let e, m = scalar 0.4, scalar 1.3
    let x = (kepler (e, m)).item()
    Check.number "root" 1e-14 1.3 (x - 0.4 * Math.Sin x)
    let denominator = 1.0 - 0.4 * Math.Cos x
    let de, dm = Diff.grad kepler (e, m)
    Check.number "∂E/∂e" 1e-14 (Math.Sin x / denominator) (de.item ())
    Check.number "∂E/∂M" 1e-14 (1.0 / denominator) (dm.item ())
    let second = Diff.derivative 2 (fun m -> kepler (e, m)) m
    Check.number "∂²E/∂M²" 1e-13 (-0.4 * Math.Sin x / denominator ** 3.0) (second.item ())
    let mixed = Diff.grad (fun e -> snd (Diff.grad kepler (e, m))) e
    // ∂/∂e (1 − e cos E)⁻¹ = (cos E − e sin E ∂E/∂e) / (1 − e cos E)².
    Check.number
        "∂²E/∂M∂e"
        1e-13
        ((Math.Cos x - 0.4 * Math.Sin x * Math.Sin x / denominator) / denominator ** 2.0)
        (mixed.item ())

[<Fact>]
let ``Lambert's W: derivatives to order 5 by jets`` () =
    // W e^W = a. W′ = 1 / (a + e^W), and the higher ones from W⁽ⁿ⁾ = e^(−nW) pₙ(W) / (1 + W)^(2n−1) (Corless et al. 1996, equation 3.5),
    // with p₁ = 1 and pₙ₊₁ = −(nw + 3n − 1) pₙ + (1 + w) pₙ′.
    let w (a: Tensor) =
        let residual (a: Tensor) (x: Tensor) = x * Tensor.exp x - a

        let step a (x: Tensor) =
            let y = Tensor.exp x
            x - (x * y - a) / (y * (1.0 + x))

        Diff.implicitRoot residual (fun a -> Seq.replicate 30 () |> Seq.fold (fun x () -> step a x) (Tensor.log1p a)) a

    let at = 1.7
    let value = (w (scalar at)).item()

    let polynomials =
        Seq.unfold
            (fun (n: int, p: float[]) ->
                let derivative =
                    Array.init p.Length (fun k -> if k + 1 < p.Length then float (k + 1) * p[k + 1] else 0.0)

                let coefficient (q: float[]) k = if k >= 0 && k < q.Length then q[k] else 0.0

                let next =
                    Array.init (p.Length + 1) (fun k ->
                        -float n * coefficient p (k - 1) - float (3 * n - 1) * coefficient p k
                        + coefficient derivative k
                        + coefficient derivative (k - 1))

                Some(p, (n + 1, next)))
            (1, [| 1.0 |])
        |> Seq.truncate 5
        |> Array.ofSeq

    for n in 1..5 do
        let p = Array.foldBack (fun c total -> c + value * total) polynomials[n - 1] 0.0
        let expected = Math.Exp(-float n * value) * p / Math.Pow(1.0 + value, float (2 * n - 1))
        Check.number $"derivative {n}" 1e-13 expected ((Diff.derivative n w (scalar at)).item())

/// argmin over x of ½‖A x − b‖² + ½ λ‖x‖², solved by host code where there are values.
let private design = varied 1 [ 6; 3 ]

let private targets = varied 2 [ 6 ]

let private ridgeObjective (lambda: Tensor) (x: Tensor) =
    0.5 * Tensor.sum (Tensor.square (Tensor.matmul design x - targets))
    + 0.5 * lambda * Tensor.sum (x * x)

let private closedForm (lambda: Tensor) =
    let gram = Tensor.matmul (Tensor.transpose design) design + lambda * Tensor.eye 3
    let right = Tensor.matmul (Tensor.transpose design) targets
    Tensor.reshape [ 3 ] (Linalg.solve gram (Tensor.reshape [ 3; 1 ] right))

[<Fact>]
let ``the hyper-gradient of ridge regression is that of the closed form`` () =
    let validation (x: Tensor) = Tensor.sum (Tensor.square (x - vector [ 0.3; -0.1; 0.2 ]))
    let fit = Diff.implicitOptimum ridgeObjective (closedForm >> Tensor.stopGradient)
    let lambda = scalar 0.3
    let expected, actual = closedForm >> validation, fit >> validation
    Check.tensors "gradient" 1e-13 (Diff.grad expected lambda) (Diff.grad actual lambda)
    Check.tensors "second derivative" 1e-12 (Diff.hessian expected lambda) (Diff.hessian actual lambda)
    let lambdas = vector [ 0.1; 0.3; 1.0 ]
    Check.tensors "for many" 1e-12 (Diff.vmap (Diff.grad expected) lambdas) (Diff.vmap (Diff.grad actual) lambdas)

[<Fact>]
let ``trees on both sides`` () =
    // x + y = s, x y = p with x > y.
    let residual (p: Map<string, Tensor>) (x: Tensor, y: Tensor) = x + y - p["sum"], x * y - p["product"]

    let solver (p: Map<string, Tensor>) =
        let half = p["sum"] / 2.0
        let root = Tensor.sqrt (half * half - p["product"])
        Tensor.stopGradient (half + root), Tensor.stopGradient (half - root)

    let explicit (p: Map<string, Tensor>) =
        let half = p["sum"] / 2.0
        half + Tensor.sqrt (half * half - p["product"])

    let at = Map.ofList [ "sum", vector [ 3.0; 5.0 ]; "product", vector [ 2.0; 1.0 ] ]
    let larger p = fst (Diff.implicitRoot residual solver p)
    let expected = Diff.grad (explicit >> Tensor.square >> Tensor.sum) at
    Check.trees "gradient" 1e-13 expected (Diff.grad (larger >> Tensor.square >> Tensor.sum) at)

[<Fact>]
let ``values that the residual takes from outside are differentiated`` () =
    // x = c a with c from outside: a plain closure, a product made inside of the residual, and both levels of a second derivative.
    let f (c: Tensor) =
        let solver (a: Tensor) = Tensor.stopGradient (c * c * a)
        let residual (a: Tensor) (x: Tensor) = x - c * c * a
        Diff.implicitRoot residual solver (scalar 3.0)

    Check.number "value" 0.0 12.0 ((f (scalar 2.0)).item())
    Check.number "first" 1e-15 12.0 ((Diff.grad f (scalar 2.0)).item())
    Check.number "second" 1e-15 6.0 ((Diff.derivative 2 f (scalar 2.0)).item())

    let both (c: Tensor) =
        Diff.grad
            (fun (a: Tensor) ->
                Diff.implicitRoot (fun a x -> x - c * c * a * a) (fun a -> Tensor.stopGradient (c * c * a * a)) a)
            (scalar 3.0)
    // d/dc d/da c² a² = 4 c a.
    Check.number "mixed" 1e-14 24.0 ((Diff.grad both (scalar 2.0)).item())
    Check.tensors "mapped" 1e-14 (vector [ 6.0; 24.0 ]) (Diff.vmap (Diff.grad f) (vector [ 1.0; 4.0 ]))

[<Fact>]
let ``any program may solve where there are values`` () =
    // Bisection on the host; only the value is asked for.
    let bisect (a: Tensor) =
        let target = a.item ()

        let rec go lower upper =
            if upper - lower < 1e-15 then
                lower
            else
                (let m = (lower + upper) / 2.0 in if m * m > target then go lower m else go m upper)

        scalar (go 0.0 2.0)

    let f = Diff.implicitRoot (fun (a: Tensor) x -> x * x - a) bisect
    Check.number "value" 1e-15 (Math.Sqrt 2.0) ((f (scalar 2.0)).item())

    Check.fails
        "implicitRoot: the solver failed inside a transformation, where its argument has no value: item: this tensor of shape [] is inside grad, vmap, compile or another transformation and has no value yet; return it from the transformed function instead, or use Tensor.where in place of a branch on its value; make the solver of tensor operations"
        (fun () -> Diff.grad f (scalar 2.0))

[<Fact>]
let ``mistakes are named`` () =
    Check.fails
        "implicitRoot: the residual has shapes [2], expected []; give one tensor of the same shape for each"
        (fun () -> Diff.implicitRoot (fun (a: Tensor) (x: Tensor) -> Tensor.stack 0 [ x; a ]) id (scalar 2.0))

    Check.fails
        "implicitRoot: the derivative needs the Jacobian of the residual inverted: pivot 0 of 1 is exactly zero, so the matrix is singular; use a least-squares or pseudo-inverse solution, or regularise the diagonal."
        (fun () -> Diff.grad root (vector [ 0.0 ] |> Tensor.reshape []))

[<Fact>]
let ``what does not move has derivative zero`` () =
    let f (a: Tensor) = Diff.implicitRoot (fun (_: Tensor) (x: Tensor) -> x - 3.0) (fun _ -> scalar 3.0) a
    Check.number "gradient" 0.0 0.0 ((Diff.grad f (scalar 1.0)).item())

    Assert.Equal(
        0,
        (Diff.implicitRoot (fun (a: Tensor) (x: Tensor) -> x * a) (fun _ -> Tensor.zeros [ 0 ]) (scalar 1.0)).Size
    )
