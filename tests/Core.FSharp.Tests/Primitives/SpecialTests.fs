module Hesse.Tests.Primitives.SpecialTests

open System
open Hesse
open Hesse.Tests
open Xunit

/// Taylor coefficients 0 … order of f at x.
let private series order (f: Tensor -> Tensor) (x: float) =
    let factorials = Seq.scan (fun product k -> product * float k) 1.0 (seq { 1..order })

    Diff.jet order f (scalar x) (scalar 1.0)
    |> Seq.map2 (fun factorial (d: Tensor) -> d.item () / factorial) factorials
    |> Array.ofSeq

/// The derivative of order n by nested reverse mode.
let rec private nested n (f: Tensor -> Tensor) = if n = 0 then f else nested (n - 1) (Diff.grad f)

/// Jets and nested reverse mode against a known series.
let private has name tolerance (f: Tensor -> Tensor) x (expected: float list) =
    let order = expected.Length - 1
    let actual = series order f x
    Check.arrays $"jet of {name} at {x}" tolerance (Array.ofList expected) actual
    let mutable factorial = 1.0

    for k in 1 .. min order 4 do
        factorial <- factorial * float k
        let d = (nested k f (scalar x)).item()
        Check.number $"derivative {k} of {name} at {x}" (tolerance * 10.0) (factorial * expected[k]) d

let private zeta3, zeta5 = 1.2020569031595942, 1.0369277551433699

[<Fact>]
let ``hyperbolic and inverse functions have their series`` () =
    has "sinh" 1e-15 Tensor.sinh 0.0 [ 0.0; 1.0; 0.0; 1.0 / 6.0; 0.0; 1.0 / 120.0; 0.0; 1.0 / 5040.0 ]
    has "cosh" 1e-15 Tensor.cosh 0.0 [ 1.0; 0.0; 0.5; 0.0; 1.0 / 24.0; 0.0; 1.0 / 720.0 ]
    has "tan" 1e-15 Tensor.tan 0.0 [ 0.0; 1.0; 0.0; 1.0 / 3.0; 0.0; 2.0 / 15.0; 0.0; 17.0 / 315.0 ]
    has "asin" 1e-15 Tensor.asin 0.0 [ 0.0; 1.0; 0.0; 1.0 / 6.0; 0.0; 3.0 / 40.0; 0.0; 15.0 / 336.0 ]
    has "acos" 1e-15 Tensor.acos 0.0 [ Math.PI / 2.0; -1.0; 0.0; -1.0 / 6.0; 0.0; -3.0 / 40.0; 0.0; -15.0 / 336.0 ]
    has "atan" 1e-15 Tensor.atan 0.0 [ 0.0; 1.0; 0.0; -1.0 / 3.0; 0.0; 1.0 / 5.0; 0.0; -1.0 / 7.0 ]
    has "asinh" 1e-15 Tensor.asinh 0.0 [ 0.0; 1.0; 0.0; -1.0 / 6.0; 0.0; 3.0 / 40.0; 0.0; -15.0 / 336.0 ]
    has "atanh" 1e-15 Tensor.atanh 0.0 [ 0.0; 1.0; 0.0; 1.0 / 3.0; 0.0; 1.0 / 5.0; 0.0; 1.0 / 7.0 ]
    let r = Math.Sqrt 3.0
    has "acosh" 1e-14 Tensor.acosh 2.0 [ Math.Log(2.0 + r); 1.0 / r; -1.0 / (3.0 * r); 1.0 / (2.0 * r * 3.0) ]
    has "cbrt" 1e-15 Tensor.cbrt 1.0 [ 1.0; 1.0 / 3.0; -1.0 / 9.0; 5.0 / 81.0; -10.0 / 243.0 ]
    has "reciprocal" 1e-15 Tensor.reciprocal 2.0 [ 0.5; -0.25; 0.125; -0.0625 ]

[<Fact>]
let ``atan2 turns a circle into its angle`` () =
    for radius in [ 1e-100; 0.3; 7.0; 1e100 ] do
        for angle in [ -3.0; -1.6; -0.2; 0.0; 1.5; 1.6; 3.1 ] do
            let f t = Tensor.atan2 (radius * Tensor.sin t) (radius * Tensor.cos t)
            Check.arrays $"{radius}, {angle}" 1e-13 [| angle; 1.0; 0.0; 0.0; 0.0 |] (series 4 f angle)

    // The angle is harmonic.
    let f (p: Tensor) = Tensor.atan2 p.[1] p.[0]
    Check.number "Laplacian" 1e-15 0.0 ((Diff.laplacian f (vector [ 0.4; -1.3 ])).item())

[<Fact>]
let ``every derivative of atan2 is 0 at the origin`` () =
    let f (p: Tensor) = Tensor.atan2 p.[1] p.[0]
    let origin = vector [ 0.0; 0.0 ]
    Check.tensors "gradient" 0.0 (Tensor.zeros [ 2 ]) (Diff.grad f origin)
    Check.tensors "Hessian" 0.0 (Tensor.zeros [ 2; 2 ]) (Diff.hessian f origin)
    let angle y x = (Tensor.atan2 (scalar y) (scalar x)).item()
    Assert.Equal(Math.PI, angle 0.0 -0.0)
    Assert.Equal(-Math.PI, angle -0.0 -1.0)

[<Fact>]
let ``erfc has Hermite polynomials as derivatives, also in the tail`` () =
    for x in [ -1.2; 0.0; 0.7; 3.0; 12.0 ] do
        // Abramowitz and Stegun 1964, 7.1.19.
        let g = -2.0 / Math.Sqrt Math.PI * Math.Exp(-x * x)
        let d k = (Diff.derivative k Tensor.erfc (scalar x)).item() / g
        Check.number "1" 1e-13 1.0 (d 1)
        Check.number "2" 1e-13 (-2.0 * x) (d 2)
        Check.number "3" 1e-13 (4.0 * x * x - 2.0) (d 3)
        Check.number "4" 1e-13 (-8.0 * x * x * x + 12.0 * x) (d 4)

[<Fact>]
let ``erfcx has its series`` () =
    // Σ (−x)ᵏ / Γ(k/2 + 1).
    let p = Math.Sqrt Math.PI
    has "erfcx" 1e-15 Tensor.erfcx 0.0 [ 1.0; -2.0 / p; 1.0; -4.0 / (3.0 * p); 0.5; -8.0 / (15.0 * p); 1.0 / 6.0 ]

[<Fact>]
let ``the normal distribution keeps its digits in the tail`` () =
    let value f x = (f (scalar x): Tensor).item()
    // Φ(−10) and Φ(−20), from φ(x)/x times the asymptotic series 1 − 1/x² + 3/x⁴ − 15/x⁶ + …, to convergence.
    for x in [ 10.0; 20.0 ] do
        let mutable term, total = 1.0, 1.0

        for k in 1..30 do
            term <- -term * float (2 * k - 1) / (x * x)
            total <- total + term

        let expected = Math.Exp(-0.5 * x * x) / Math.Sqrt(2.0 * Math.PI) / x * total
        let actual = value Tensor.normalCdf -x
        Assert.True(abs (actual / expected - 1.0) < 2e-14, $"Φ(−{x}) = {actual:R}, expected {expected:R}")
        Check.number "log Φ" 1e-14 (Math.Log expected) (value Tensor.normalLogCdf -x)

    Check.number "Φ(0)" 0.0 0.5 (value Tensor.normalCdf 0.0)

    Check.number
        "φ is the slope of Φ"
        1e-16
        (value Tensor.normalPdf 0.8)
        ((Diff.grad Tensor.normalCdf (scalar 0.8)).item())

[<Fact>]
let ``log Φ obeys its differential equation on both sides of 0`` () =
    for x in [ -30.0; -5.0; -0.4; 0.0; 1e-9; 0.6; 4.0; 9.0; 45.0 ] do
        let d k = (Diff.derivative k Tensor.normalLogCdf (scalar x)).item()

        let r =
            (Tensor.exp (-0.5 * x * x - 0.5 * Math.Log(2.0 * Math.PI) - Tensor.normalLogCdf (scalar x))).item()

        Check.number $"1 at {x}" 1e-12 r (d 1)
        Check.number $"2 at {x}" 1e-11 (-d 1 * (x + d 1)) (d 2)
        Check.number $"3 at {x}" 1e-9 (-d 2 * (x + d 1) - d 1 * (1.0 + d 2)) (d 3)

    // The slope tends to −x on the far left, where Φ itself is 0.
    let slope = (Diff.grad Tensor.normalLogCdf (scalar -1e6)).item()
    Check.number "far left" 1e-12 1e6 slope
    Check.number "reverse over reverse" 1e-9 -0.999999000006 ((Diff.hessian Tensor.normalLogCdf (scalar -1e3)).item())

[<Fact>]
let ``softplus has its series at 0 and its limits`` () =
    let expected = [ Math.Log 2.0; 0.5; 0.125; 0.0; -1.0 / 192.0; 0.0; 1.0 / 2880.0 ]
    has "softplus" 1e-15 Tensor.softplus 0.0 expected
    has "logSigmoid" 1e-15 Tensor.logSigmoid 0.0 (expected |> List.mapi (fun k c -> if k % 2 = 0 then -c else c))

    Check.tensors
        "limits"
        0.0
        (vector [ 0.0; 1000.0; infinity; 0.0 ])
        (Tensor.softplus (vector [ -1000.0; 1000.0; infinity; -infinity ]))

    Check.tensors "log" 0.0 (vector [ -1000.0; 0.0 ]) (Tensor.logSigmoid (vector [ -1000.0; 1000.0 ]))

[<Fact>]
let ``GELU, its approximation and SiLU`` () =
    for x in [ -6.0; -1.1; 0.0; 0.3; 2.5 ] do
        // f″ = φ (2 − x²), f‴ = φ (x³ − 4x).
        let pdf = Math.Exp(-0.5 * x * x) / Math.Sqrt(2.0 * Math.PI)
        let d k f = (Diff.derivative k f (scalar x): Tensor).item()
        Check.number "2" 1e-15 (pdf * (2.0 - x * x)) (d 2 Tensor.gelu)
        Check.number "3" 1e-14 (pdf * (x * x * x - 4.0 * x)) (d 3 Tensor.gelu)
        let u = Math.Sqrt(2.0 / Math.PI) * (x + 0.044715 * x * x * x)
        Check.number "tanh form" 1e-15 (0.5 * x * (1.0 + Math.Tanh u)) ((Tensor.geluTanh (scalar x)).item())
        Check.number "SiLU" 1e-15 (x / (1.0 + Math.Exp -x)) ((Tensor.silu (scalar x)).item())

[<Fact>]
let ``lgamma, digamma and polygamma have their series at 1`` () =
    let gamma, pi2 = 0.57721566490153286, Math.PI * Math.PI
    let zeta4 = pi2 * pi2 / 90.0
    has "lgamma" 1e-14 Tensor.lgamma 1.0 [ 0.0; -gamma; pi2 / 12.0; -zeta3 / 3.0; zeta4 / 4.0; -zeta5 / 5.0 ]
    has "digamma" 1e-14 Tensor.digamma 1.0 [ -gamma; pi2 / 6.0; -zeta3; zeta4; -zeta5 ]
    has "polygamma 2" 1e-14 (Tensor.polygamma 2) 1.0 [ -2.0 * zeta3; 6.0 * zeta4; -12.0 * zeta5 ]

    Check.fails "polygamma: order -1 is out of range; want 0 to 170" (fun () -> Tensor.polygamma -1 (scalar 1.0))

[<Fact>]
let ``the log of the beta function is symmetric and has mixed derivatives`` () =
    let logBeta (a, b) = Tensor.lgamma a + Tensor.lgamma b - Tensor.lgamma (a + b)
    let a, b = scalar 1.3, scalar 2.6
    let da, db = Diff.grad logBeta (a, b)
    let da', db' = Diff.grad logBeta (b, a)
    Check.number "da" 1e-15 (da.item ()) (db'.item ())
    Check.number "db" 1e-15 (db.item ()) (da'.item ())
    let mixed = Diff.grad (fun b -> Diff.grad (fun a -> logBeta (a, b)) a) b
    Check.tensors "mixed" 1e-14 (-(Tensor.polygamma 1 (a + b))) mixed

[<Fact>]
let ``clip has slope 1 inside and 0 at and beyond its bounds`` () =
    let x = vector [ -2.0; -1.0; 0.5; 2.0; 3.0 ]
    Check.tensors "value" 0.0 (vector [ -1.0; -1.0; 0.5; 2.0; 2.0 ]) (Tensor.clip -1.0 2.0 x)
    Check.tensors "slope" 0.0 (vector [ 0.0; 0.0; 1.0; 0.0; 0.0 ]) (Diff.grad (Tensor.clip -1.0 2.0 >> Tensor.sum) x)
    Check.fails "clip: bounds 2 and 1 are not in order; want low ≤ high" (fun () -> Tensor.clip 2.0 1.0 x)

[<Fact>]
let ``masks`` () =
    let is expected actual = Check.tensors "mask" 0.0 (vector expected) actual
    let a, b = vector [ 1.0; 2.0; 3.0; nan ], vector [ 2.0; 2.0; 2.0; 2.0 ]
    is [ 1.0; 0.0; 0.0; 0.0 ] (Tensor.less a b)
    is [ 1.0; 1.0; 0.0; 0.0 ] (Tensor.lessEqual a b)
    is [ 1.0; 0.0; 1.0; 1.0 ] (Tensor.notEqual a b)
    is [ 0.0; 0.0; 0.0; 1.0 ] (Tensor.isNaN a)
    is [ 1.0; 0.0; 0.0; 0.0; 1.0 ] (Tensor.isFinite (vector [ 0.0; nan; infinity; -infinity; 1e308 ]))
    let p, q = vector [ 0.0; 0.0; 1.0; -2.0 ], vector [ 0.0; 3.0; 0.0; nan ]
    is [ 0.0; 0.0; 0.0; 1.0 ] (Tensor.logicalAnd p q)
    is [ 0.0; 1.0; 1.0; 1.0 ] (Tensor.logicalOr p q)
    is [ 1.0; 1.0; 0.0; 0.0 ] (Tensor.logicalNot p)
    // Masks are constants to every derivative.
    Check.tensors
        "derivative"
        0.0
        (Tensor.zeros [ 4 ])
        (Diff.grad (fun p -> Tensor.sum (Tensor.logicalOr p q + Tensor.less p q)) p)
