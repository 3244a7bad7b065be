/// Conventions at kinks, exactness near special points, and derivatives of high order against closed forms.
module Hesse.Tests.SpecialValueTests

open System
open Hesse
open Xunit

let private derivative n f (x: float) = (Diff.derivative n f (scalar x)).item()
let private slope (f: Tensor -> Tensor) (x: float) = (Diff.grad f (scalar x)).item()
let private equals what tolerance expected actual = Check.number what tolerance expected actual

/// Dⁿf by n nested gradients.
let private nested n (f: Tensor -> Tensor) (x: float) =
    ((Seq.replicate n Diff.grad |> Seq.fold (fun g d -> d g) f) (scalar x)).item()

let private factorial n = Seq.fold (*) 1.0 (seq { 1.0 .. float n })

/// Coefficients of a polynomial, lowest first: value and derivative.
let private evaluate (coefficients: float[]) (x: float) = Array.foldBack (fun c total -> c + x * total) coefficients 0.0

let private differentiate (coefficients: float[]) = coefficients |> Array.mapi (fun k c -> float k * c) |> Array.skip 1

let private multiply (p: float[]) (q: float[]) =
    Array.init (p.Length + q.Length - 1) (fun k ->
        Seq.sum (
            seq {
                for i in 0..k do
                    if i < p.Length && k - i < q.Length then
                        p[i] * q[k - i]
            }
        ))

// ----- kinks -----

[<Fact>]
let ``relu has derivative 0 at 0`` () =
    equals "grad" 0.0 0.0 (slope Tensor.relu 0.0)
    equals "jvp" 0.0 0.0 ((snd (Diff.jvp Tensor.relu (scalar 0.0) (scalar 1.0))).item())
    equals "negative zero" 0.0 0.0 (slope Tensor.relu -0.0)

[<Fact>]
let ``abs and sign have derivative 0 at 0`` () =
    equals "abs" 0.0 0.0 (slope Tensor.abs 0.0)
    equals "sign" 0.0 0.0 (slope Tensor.sign 0.0)
    equals "abs at −2" 0.0 -1.0 (slope Tensor.abs -2.0)
    equals "abs″" 0.0 0.0 (nested 2 Tensor.abs 0.5)

[<Fact>]
let ``maximum and minimum take the second argument's derivative at a tie`` () =
    let both op =
        let a, b = Diff.grad (fun (a, b) -> op a b) (scalar 1.5, scalar 1.5)
        a.item (), b.item ()

    Assert.Equal((0.0, 1.0), both Tensor.maximum)
    Assert.Equal((0.0, 1.0), both Tensor.minimum)

[<Fact>]
let ``maximum over an axis shares its derivative equally among ties`` () =
    let x = vector [ 1.0; 3.0; 3.0; 2.0; 3.0 ]
    let third = 1.0 / 3.0
    Check.tensors "grad" 1e-15 (vector [ 0.0; third; third; 0.0; third ]) (Diff.grad Tensor.max x)

[<Fact>]
let ``floor has derivative 0 everywhere`` () =
    for x in [ -1.0; 0.0; 0.3; 2.0 ] do
        equals $"at {x}" 0.0 0.0 (slope Tensor.floor x)

// ----- powers -----

[<Fact>]
let ``powers at zero`` () =
    let square (x: Tensor) = x ** 2.0
    equals "0²" 0.0 0.0 ((square (scalar 0.0)).item())
    equals "(x²)′ at 0" 0.0 0.0 (slope square 0.0)
    equals "(x²)″ at 0" 0.0 2.0 (nested 2 square 0.0)
    equals "x⁰ at 0" 0.0 1.0 (((scalar 0.0) ** 0.0).item())
    equals "(x⁰)′ at 0" 0.0 0.0 (slope (fun x -> x ** 0.0) 0.0)
    equals "(x¹)′ at 0" 0.0 1.0 (slope (fun x -> x ** 1.0) 0.0)

[<Fact>]
let ``all derivatives of x³ at zero`` () =
    let cube (x: Tensor) = x ** 3.0

    for n, expected in [ 0, 0.0; 1, 0.0; 2, 0.0; 3, 6.0; 4, 0.0; 5, 0.0 ] do
        equals $"jet {n}" 0.0 expected (derivative n cube 0.0)

        if n > 0 then
            equals $"nested grad {n}" 0.0 expected (nested n cube 0.0)

[<Fact>]
let ``powers of a negative base with a whole exponent`` () =
    for exponent in [ -3.0; -2.0; -1.0; 2.0; 3.0; 7.0; 16.0; 17.0; 20.0 ] do
        let f (x: Tensor) = x ** exponent
        let x = -1.3
        equals $"x^{exponent}" 1e-14 (Math.Pow(x, exponent)) ((f (scalar x)).item())
        equals $"slope of x^{exponent}" 1e-13 (exponent * Math.Pow(x, exponent - 1.0)) (slope f x)

        equals
            $"curvature of x^{exponent}"
            1e-13
            (exponent * (exponent - 1.0) * Math.Pow(x, exponent - 2.0))
            (nested 2 f x)

[<Fact>]
let ``a tensor of exponents acts element by element, also at base 0`` () =
    let exponents = vector [ 0.0; 1.0; 2.0; 3.0 ]
    let f (x: Tensor) = x ** exponents
    let jet = Diff.jet 3 f (Tensor.zeros [ 4 ]) (Tensor.ones [ 4 ])
    Check.tensors "0ⁿ" 0.0 (vector [ 1.0; 0.0; 0.0; 0.0 ]) jet[0]
    Check.tensors "first" 0.0 (vector [ 0.0; 1.0; 0.0; 0.0 ]) jet[1]
    Check.tensors "second" 0.0 (vector [ 0.0; 0.0; 2.0; 0.0 ]) jet[2]
    Check.tensors "third" 0.0 (vector [ 0.0; 0.0; 0.0; 6.0 ]) jet[3]

[<Fact>]
let ``derivative of 0ˣ and of xˣ in the exponent`` () =
    equals "0ᵇ, b = 2" 0.0 0.0 (slope (fun b -> Tensor.pow (scalar 0.0) b) 2.0)
    let x = 1.7
    equals "(xˣ)′" 1e-14 (Math.Pow(x, x) * (Math.Log x + 1.0)) (slope (fun x -> x ** x) x)

[<Fact>]
let ``fractional powers to order 5`` () =
    let p, x = 1.7, 0.8

    for n in 0..5 do
        let falling = Seq.fold (fun product k -> product * (p - float k)) 1.0 (seq { 0 .. n - 1 })
        equals $"order {n}" 1e-13 (falling * Math.Pow(x, p - float n)) (derivative n (fun x -> x ** p) x)

// ----- near zero -----

[<Fact>]
let ``log1p and expm1 keep their digits near 0`` () =
    for x in [ 1e-20; -1e-18; 1e-12; -3e-9; 1e-5 ] do
        let relative name expected actual =
            Assert.True(abs (actual / expected - 1.0) < 1e-15, $"{name} at {x}: {actual:R}, expected {expected:R}")

        let value f = ((f (scalar x): Tensor)).item()
        // Two more terms of the series than 10⁻¹⁶ needs.
        relative "log1p" (x - x * x / 2.0 + x * x * x / 3.0 - x * x * x * x / 4.0) (value Tensor.log1p)
        relative "expm1" (x + x * x / 2.0 + x * x * x / 6.0 + x * x * x * x / 24.0) (value Tensor.expm1)
        relative "log1p of expm1" x (value (Tensor.expm1 >> Tensor.log1p))
        relative "log1p′" (1.0 / (1.0 + x)) (slope Tensor.log1p x)
        relative "expm1′" (Math.Exp x) (slope Tensor.expm1 x)

[<Fact>]
let ``logSumExp and softmax at 1000`` () =
    let x = vector [ 1000.0; 999.0; -1000.0 ]
    let e = Math.Exp -1.0
    let p = 1.0 / (1.0 + e)
    equals "logSumExp" 1e-15 (1000.0 + Math.Log(1.0 + e)) ((Tensor.logSumExp 0 x).item())
    Check.tensors "softmax" 1e-15 (vector [ p; 1.0 - p; 0.0 ]) (Tensor.softmax 0 x)
    Check.tensors "grad" 1e-15 (vector [ p; 1.0 - p; 0.0 ]) (Diff.grad (Tensor.logSumExp 0) x)
    let h = Diff.hessian (Tensor.logSumExp 0) x
    let q = p * (1.0 - p)
    Check.tensors "hessian" 1e-14 (Tensor.create [ 3; 3 ] [| q; -q; 0.0; -q; q; 0.0; 0.0; 0.0; 0.0 |]) h

[<Fact>]
let ``sigmoid and tanh saturate without NaN`` () =
    for x in [ -1000.0; 1000.0 ] do
        for n in 0..3 do
            let s, t = derivative n Tensor.sigmoid x, derivative n Tensor.tanh x
            equals $"sigmoid, order {n} at {x}" 0.0 (if n = 0 && x > 0.0 then 1.0 else 0.0) s
            equals $"tanh, order {n} at {x}" 0.0 (if n = 0 then float (sign x) else 0.0) t

// ----- high orders against closed forms -----

[<Fact>]
let ``derivatives of erf to order 8 are Hermite polynomials times a Gaussian`` () =
    // erf⁽ⁿ⁾(x) = 2/√π (−1)ⁿ⁻¹ Hₙ₋₁(x) e^(−x²), with Hₙ₊₁ = 2x Hₙ − 2n Hₙ₋₁ (physicists').
    for x in [ -1.4; -0.3; 0.0; 0.5; 2.1 ] do
        let hermite =
            Seq.unfold (fun (n, a, b) -> Some(a, (n + 1.0, b, 2.0 * x * b - 2.0 * n * a))) (1.0, 1.0, 2.0 * x)
            |> Seq.take 8
            |> Array.ofSeq

        let gaussian = 2.0 / Math.Sqrt Math.PI * Math.Exp(-x * x)
        let jet = Diff.jet 8 Tensor.erf (scalar x) (scalar 1.0)

        for n in 1..8 do
            let expected = gaussian * hermite[n - 1] * (if n % 2 = 1 then 1.0 else -1.0)
            equals $"jet {n} at {x}" 1e-12 expected (jet[n].item())

            if n <= 5 then
                equals $"nested grad {n} at {x}" 1e-12 expected (nested n Tensor.erf x)

[<Fact>]
let ``derivatives of tanh to order 10 are polynomials of tanh`` () =
    // y′ = 1 − y²; if y⁽ⁿ⁾ = P(y) then y⁽ⁿ⁺¹⁾ = P′(y)(1 − y²).
    let polynomials =
        Seq.unfold (fun p -> Some(p, multiply (differentiate p) [| 1.0; 0.0; -1.0 |])) [| 0.0; 1.0 |]
        |> Seq.take 11
        |> Array.ofSeq

    for x in [ -0.9; 0.0; 0.4; 1.1 ] do
        let jet = Diff.jet 10 Tensor.tanh (scalar x) (scalar 1.0)

        for n in 0..10 do
            equals $"order {n} at {x}" 1e-11 (evaluate polynomials[n] (Math.Tanh x)) (jet[n].item())

[<Fact>]
let ``derivatives of sigmoid to order 8 are polynomials of sigmoid`` () =
    let polynomials =
        Seq.unfold (fun p -> Some(p, multiply (differentiate p) [| 0.0; 1.0; -1.0 |])) [| 0.0; 1.0 |]
        |> Seq.take 9
        |> Array.ofSeq

    for x in [ -2.0; 0.0; 0.7 ] do
        let jet = Diff.jet 8 Tensor.sigmoid (scalar x) (scalar 1.0)

        for n in 0..8 do
            equals $"order {n} at {x}" 1e-11 (evaluate polynomials[n] (1.0 / (1.0 + Math.Exp -x))) (jet[n].item())

[<Fact>]
let ``jets of exp, sin and cos to order 20`` () =
    let x = 0.6

    let check name (f: Tensor -> Tensor) expected =
        Diff.jet 20 f (scalar x) (scalar 1.0)
        |> Array.iteri (fun n d -> equals $"{name}, order {n}" 1e-12 (expected n) (d.item ()))

    check "exp" Tensor.exp (fun _ -> Math.Exp x)
    check "exp 2x" (fun x -> Tensor.exp (2.0 * x)) (fun n -> Math.Pow(2.0, float n) * Math.Exp(2.0 * x))
    check "sin" Tensor.sin (fun n -> Math.Sin(x + float n * Math.PI / 2.0))
    check "cos" Tensor.cos (fun n -> Math.Cos(x + float n * Math.PI / 2.0))
    check "expm1" Tensor.expm1 (fun n -> if n = 0 then Math.Exp x - 1.0 else Math.Exp x)

[<Fact>]
let ``jets of 1/x, log, log1p and sqrt to order 15`` () =
    let x = 1.4

    let check name (f: Tensor -> Tensor) (expected: int -> float) =
        Diff.jet 15 f (scalar x) (scalar 1.0)
        |> Array.iteri (fun n d ->
            Assert.True(
                abs (d.item () - expected n) <= 1e-12 * abs (expected n),
                $"{name}, order {n}: {d.item ():R}, expected {expected n:R}"
            ))

    let alternating n = if n % 2 = 0 then 1.0 else -1.0
    let reciprocal shift n = alternating n * factorial n / Math.Pow(x + shift, float n + 1.0)
    check "1/x" (fun x -> 1.0 / x) (reciprocal 0.0)
    check "log" Tensor.log (fun n -> if n = 0 then Math.Log x else reciprocal 0.0 (n - 1))
    check "log1p" Tensor.log1p (fun n -> if n = 0 then Math.Log(1.0 + x) else reciprocal 1.0 (n - 1))

    let falling n = Seq.fold (fun product k -> product * (0.5 - float k)) 1.0 (seq { 0 .. n - 1 })
    check "sqrt" Tensor.sqrt (fun n -> falling n * Math.Pow(x, 0.5 - float n))

[<Fact>]
let ``jet of a composition: derivatives of exp(−x²) are Hermite polynomials`` () =
    let x = 0.45

    let hermite =
        Seq.unfold (fun (n, a, b) -> Some(a, (n + 1.0, b, 2.0 * x * b - 2.0 * n * a))) (1.0, 1.0, 2.0 * x)
        |> Seq.take 13
        |> Array.ofSeq

    Diff.jet 12 (fun (x: Tensor) -> Tensor.exp (-x * x)) (scalar x) (scalar 1.0)
    |> Array.iteri (fun n d ->
        let expected = (if n % 2 = 0 then 1.0 else -1.0) * hermite[n] * Math.Exp(-x * x)
        equals $"order {n}" 1e-12 expected (d.item ()))

// ----- zeros -----

[<Fact>]
let ``second derivative of a linear function is zero in every form`` () =
    let a = varied 1 [ 3; 4 ]
    let f (x: Tensor) = Tensor.sum (Tensor.matmul a x)
    let x, v = varied 2 [ 4 ], varied 3 [ 4 ]
    Check.tensors "hessian" 0.0 (Tensor.zeros [ 4; 4 ]) (Diff.hessian f x)
    Check.tensors "hvp" 0.0 (Tensor.zeros [ 4 ]) (Diff.hvp f x v)
    Check.tensors "jet" 0.0 (Tensor.scalar 0.0) ((Diff.jet 2 f x v)[2])
    Check.tensors "laplacian" 0.0 (Tensor.scalar 0.0) (Diff.laplacian f x)
    Check.tensors "grad of grad" 0.0 (Tensor.zeros [ 4 ]) (Diff.grad (fun x -> Tensor.sum (Diff.grad f x)) x)

[<Fact>]
let ``unused arguments have derivative zero`` () =
    let f (x: Tensor, _: Tensor) = Tensor.sum (x * x)
    let x, y = varied 1 [ 2 ], varied 2 [ 3; 2 ]
    let dx, dy = Diff.grad f (x, y)
    Check.tensors "used" 1e-15 (2.0 * x) dx
    Check.tensors "unused" 0.0 (Tensor.zeros [ 3; 2 ]) dy
    let h = Diff.hessian f (x, y)
    Check.shapes "hessian" [| 8; 8 |] h.Shape
    Check.tensors "hvp, unused" 0.0 (Tensor.zeros [ 3; 2 ]) (snd (Diff.hvp f (x, y) (x, y)))

[<Fact>]
let ``constant functions have derivatives of the right shape, all zero`` () =
    let f (_: Tensor) = Tensor.ones [ 2; 3 ]
    let x, v = varied 1 [ 4 ], varied 2 [ 4 ]
    Check.tensors "jacfwd" 0.0 (Tensor.zeros [ 2; 3; 4 ]) (Diff.jacfwd f x)
    Check.tensors "jacrev" 0.0 (Tensor.zeros [ 2; 3; 4 ]) (Diff.jacrev f x)
    Check.tensors "jvp" 0.0 (Tensor.zeros [ 2; 3 ]) (snd (Diff.jvp f x v))
    Check.tensors "vjp" 0.0 (Tensor.zeros [ 4 ]) ((snd (Diff.vjp f x)) (Tensor.ones [ 2; 3 ]))
    Check.tensors "grad" 0.0 (Tensor.zeros [ 4 ]) (Diff.grad (fun _ -> scalar 3.0) x)
    Check.tensors "jet" 0.0 (Tensor.zeros [ 2; 3 ]) ((Diff.jet 2 f x v)[1])
    Check.tensors "vmap" 0.0 (Tensor.ones [ 4; 2; 3 ]) (Diff.vmap f x)
    Check.tensors "compile" 0.0 (Tensor.ones [ 2; 3 ]) (Diff.compile f x)

[<Fact>]
let ``stopGradient is the identity with derivative zero`` () =
    let f (x: Tensor) = Tensor.stopGradient (x * x) * x
    equals "value" 1e-15 8.0 ((f (scalar 2.0)).item())
    equals "grad" 1e-15 4.0 (slope f 2.0)
    equals "grad of grad" 0.0 0.0 (nested 2 f 2.0)
    equals "jet 2" 0.0 0.0 (derivative 2 f 2.0)
    Check.tensors "vmap of grad" 1e-15 (vector [ 4.0; 9.0 ]) (Diff.vmap (Diff.grad f) (vector [ 2.0; 3.0 ]))
    Check.tensors "compiled" 1e-15 (scalar 4.0) (Diff.compile (Diff.grad f) (scalar 2.0))

// ----- selection and NaN -----

[<Fact>]
let ``where takes only the chosen value`` () =
    let f (x: Tensor) = Tensor.where (Tensor.greater x (scalar 0.0)) (Tensor.sqrt x) (-x)
    Check.tensors "value" 1e-15 (vector [ 2.0; 3.0 ]) (f (vector [ 4.0; -3.0 ]))
    Check.tensors "compiled" 1e-15 (vector [ 2.0; 3.0 ]) (Diff.compile f (vector [ 4.0; -3.0 ]))

[<Fact>]
let ``a NaN slope in the branch not taken: forward mode drops it, reverse mode does not`` () =
    // √x has slope NaN at −1. Forward mode selects between tangents, and the NaN is not chosen. Reverse mode sends the
    // cotangent 0 into the branch not taken, and 0 · NaN = NaN: the well-known trap of `where` in every such system.
    let positive (x: Tensor) = Tensor.greater x (scalar 0.0)
    let f (x: Tensor) = Tensor.where (positive x) (Tensor.sqrt x) (scalar 0.0)
    equals "jvp" 0.0 0.0 ((snd (Diff.jvp f (scalar -1.0) (scalar 1.0))).item())
    Assert.True(Double.IsNaN(slope f -1.0))
    // The remedy: choose a harmless argument first.
    let safe (x: Tensor) =
        Tensor.where (positive x) (Tensor.sqrt (Tensor.where (positive x) x (scalar 1.0))) (scalar 0.0)

    equals "safe, taken" 1e-15 0.25 (slope safe 4.0)
    equals "safe, not taken" 0.0 0.0 (slope safe -1.0)

[<Fact>]
let ``NaN and infinity pass through compiled and eager arithmetic alike`` () =
    let x = vector [ nan; infinity; -infinity; 0.0; -0.0; 1e308; 5e-324 ]

    let functions: (string * (Tensor -> Tensor)) list = [
        "x + 1", (fun x -> x + 1.0)
        "x − x", (fun x -> x - x)
        "0 · x", (fun x -> x * 0.0)
        "1 / x", (fun x -> 1.0 / x)
        "exp", Tensor.exp
        "log", Tensor.log
        "log1p", Tensor.log1p
        "expm1", Tensor.expm1
        "sqrt", Tensor.sqrt
        "tanh", Tensor.tanh
        "sigmoid", Tensor.sigmoid
        "erf", Tensor.erf
        "relu", Tensor.relu
        "abs", Tensor.abs
        "sign", Tensor.sign
        "x²", (fun x -> x * x)
        "sum", Tensor.sum
        "max", Tensor.max
    ]

    for name, f in functions do
        Check.tensors name 1e-15 (f x) (Diff.compile f x)

    Check.tensors "0 · x is NaN where x is not finite" 0.0 (vector [ nan; nan; nan; 0.0; 0.0; 0.0; 0.0 ]) (x * 0.0)

    Check.tensors "relu" 0.0 (vector [ nan; infinity; 0.0; 0.0; 0.0; 1e308; 5e-324 ]) (Tensor.relu x)
