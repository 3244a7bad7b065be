/// Linear algebra and ordered operations over exact fractions, double-double numbers and intervals.
module Hesse.Tests.Numbers.MatrixAlgebraTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private whole (n: int) = BigRational.Create(bigint n, 1I)

/// Hᵢⱼ = 1 / (i + j − 1), up to a common factor that makes the elements whole: lcm(1 … 2n − 1).
let private hilbert n factor = Tensor.create [ n; n ] (Array.init (n * n) (fun k -> factor / float (k / n + k % n + 1)))

[<Fact>]
let ``the inverse and the determinant of a Hilbert matrix in exact fractions`` () =
    // lcm(1 … 7) = 420; det H₄ = 1/6048000 (Choi 1983, "Tricks or treats with the Hilbert matrix").
    let h = hilbert 4 420.0
    let inverse = Exact.rational Linalg.inverse h
    // Elements of H₄⁻¹ are whole: 16, −120, 240, −140, …
    let first = inverse[..3] |> Array.map (fun r -> r * whole 420)
    Assert.Equal<BigRational[]>([| whole 16; whole -120; whole 240; whole -140 |], first)
    let determinant = Array.exactlyOne (Exact.rational Linalg.det h)
    Assert.Equal(BigRational.Create(1I, 6048000I), determinant / (whole 420).Power 4)
    Assert.Equal(whole 0, Array.exactlyOne (Exact.rational Linalg.det (Tensor.ones [ 3; 3 ])))

[<Fact>]
let ``a system, its gradient and its second derivative in exact fractions`` () =
    let a, b = hilbert 3 60.0, Tensor.create [ 3; 1 ] [| 1.0; 2.0; 3.0 |]
    let solution = Exact.rational (fun (a, b) -> Linalg.solve a b) (a, b)

    let residual =
        Exact.rational
            (fun (a, b, x) -> Tensor.matmul a x - b)
            (a, b, Tensor.create [ 3; 1 ] (solution |> Array.map (fun r -> r.ToFloat())))

    Assert.All(residual, fun r -> Assert.True(abs (r.ToFloat()) < 1e-12))
    // d/dt Σ (A + tI)⁻¹ b = −Σ A⁻² b, and the second derivative 2 Σ A⁻³ b, exactly.
    let f (t: Tensor) = Tensor.sum (Linalg.solve (a + t * Tensor.eye 3) b)
    let powers k = Seq.fold (fun x _ -> Linalg.solve a x) b (seq { 1..k }) |> Tensor.sum

    let exact k =
        Array.exactlyOne (
            Exact.rational
                (fun (t: Tensor) ->
                    Tensor.sum (Seq.fold (fun x _ -> Linalg.solve (a + t * Tensor.eye 3) x) b (seq { 1..k })))
                (scalar 0.0)
        )

    Assert.Equal(-(exact 2), Array.exactlyOne (Exact.rational (Diff.grad f) (scalar 0.0)))
    Assert.Equal(whole 2 * exact 3, Array.exactlyOne (Exact.rational (Diff.derivative 2 f) (scalar 0.0)))
    Check.number "float64" 1e-9 ((exact 2).ToFloat()) ((powers 2).item())

[<Fact>]
let ``cofactors in exact fractions: cof(A) Aᵀ = det(A) I, also where A is singular`` () =
    let check (a: Tensor) =
        let n = a.Shape[0]
        // The gradient of the determinant is the matrix of cofactors.
        let product = Exact.rational (fun a -> Tensor.matmul (Diff.grad Linalg.det a) (Tensor.transpose a)) a
        let determinant = Array.exactlyOne (Exact.rational Linalg.det a)
        let expected = Array.init (n * n) (fun k -> if k / n = k % n then determinant else whole 0)
        Assert.Equal<BigRational[]>(expected, product)

    check (Tensor.create [ 3; 3 ] [| 2.0; -1.0; 0.5; 3.0; 0.25; 1.0; -2.0; 4.0; 1.5 |])
    check (Tensor.create [ 3; 3 ] [| 1.0; 2.0; 3.0; 2.0; 4.0; 6.0; 1.0; 0.0; 1.0 |])
    check (Tensor.ones [ 2; 2 ])

/// Identities that a factorisation has, as tensors that should be 0, and how large they are in double-double numbers.
let private identities: (string * (Tensor -> Tensor) * Tensor) list =
    let square = varied 3 [ 4; 4 ] + 2.0 * Tensor.eye 4
    let inline ( *. ) a b = Tensor.matmul a b
    let t = Tensor.transpose

    let tall = varied 5 [ 5; 3 ] * varied 6 [ 5; 3 ]

    let scaled (u: Tensor) (s: Tensor) (v: Tensor) = (u * s) *. t v

    [
        "A A⁻¹ = I", (fun a -> a *. Linalg.inverse a - Tensor.eye 4), square
        "L Lᵀ = A", (fun a -> (let l = Linalg.cholesky (a *. t a) in l *. t l - a *. t a)), square
        "QᵀQ = I", (fun a -> (let q, _ = Linalg.qr a in t q *. q - Tensor.eye 3)), tall
        "Q R = A", (fun a -> (let q, r = Linalg.qr a in q *. r - a)), tall
        "V Λ Vᵀ = A", (fun a -> (let values, v = Linalg.eigh (a + t a) in scaled v values v - (a + t a))), square
        "Σ λ = tr A", (fun a -> Tensor.sum (Linalg.eigvalsh (a + t a)) - 2.0 * Tensor.trace a), square
        "U S Vᵀ = A", (fun a -> (let u, s, v = Linalg.svd a in (u * s) *. v - a)), tall
        "A A⁺ A = A", (fun a -> a *. Linalg.pinv a *. a - a), tall
        "e^A e^−A = I", (fun a -> Linalg.expm a *. Linalg.expm -a - Tensor.eye 4), square
        "log|det| = log det", (fun a -> snd (Linalg.slogdet a) - Tensor.log (Tensor.abs (Linalg.det a))), square
        "triangle",
        (fun a -> (let l = Linalg.cholesky (a *. t a) in l *. Linalg.triangularSolve true false l a - a)),
        square
    ]

[<Fact>]
let ``identities of the factorisations hold to about thirty digits`` () =
    for name, f, a in identities do
        for residual in Exact.doubleDouble f a do
            Assert.True(abs residual.High < 1e-27, $"{name}: {residual.High}")

[<Fact>]
let ``float64 factorisations are those of the double-double numbers, signs included`` () =
    let square = varied 3 [ 4; 4 ] + 2.0 * Tensor.eye 4
    let packed (parts: Tensor list) = Tensor.concat 0 (parts |> List.map Tensor.flatten)

    for name, f in
        [
            "cholesky", (fun (a: Tensor) -> Linalg.cholesky (Tensor.matmul a (Tensor.transpose a)))
            "qr", Linalg.qr >> fun (q, r) -> packed [ q; r ]
            "eigh", Linalg.eigh >> fun (values, v) -> packed [ values; v ]
            "svd", Linalg.svd >> fun (u, s, v) -> packed [ u; s; v ]
            "pinv", Linalg.pinv
            "expm", Linalg.expm
            "det", Linalg.det
            "gradient of logdet", Diff.grad (Linalg.slogdet >> snd)
            "gradient of an eigenvalue", Diff.grad (Linalg.eigvalsh >> fun v -> v[1])
            "derivative of expm", (fun a -> snd (Diff.jvp Linalg.expm a (varied 7 [ 4; 4 ])))
            "second derivative of det", Diff.hessian Linalg.det
        ] do
        let exact = Exact.doubleDouble f square |> Array.map (fun d -> d.High)
        Check.arrays name 1e-12 exact (Check.elements (f square))

[<Fact>]
let ``intervals hold the exact solution of a system, and say so when they cannot`` () =
    let a, b = hilbert 3 60.0, Tensor.create [ 3; 1 ] [| 1.0; 2.0; 3.0 |]
    let exact = Exact.rational (fun (a, b) -> Linalg.solve a b) (a, b)
    let bounds = Exact.interval (fun (a, b) -> Linalg.solve a b) (a, b)

    Array.iter2
        (fun (r: BigRational) (i: Interval) ->
            Assert.True(BigRational.OfFloat i.Lower <= r && r <= BigRational.OfFloat i.Upper)
            Assert.True(i.Width < 1e-9))
        exact
        bounds

    Check.fails
        "Exact.interval: solve: no pivot is certainly different from 0; the matrix is singular, or the bounds of its elements are too wide"
        (fun () -> Exact.interval (fun (a: Tensor) -> Linalg.inverse (a * 0.1 * 10.0 - a)) (Tensor.eye 2))

    Check.fails
        "Exact.doubleDouble: cholesky: pivot 0 of 2 is not certainly positive; add a small multiple of the identity"
        (fun () -> Exact.doubleDouble Linalg.cholesky (-Tensor.eye 2))

[<Fact>]
let ``sorting, running sums and products over each number system`` () =
    let x = vector [ 0.1; -2.0; 3.0; 0.1; 1e-9 ]
    let sorted = [| -2.0; 1e-9; 0.1; 0.1; 3.0 |]
    Assert.Equal<BigRational[]>(sorted |> Array.map BigRational.OfFloat, Exact.rational (Tensor.sort 0) x)
    Assert.Equal<float[]>(sorted, Exact.doubleDouble (Tensor.sort 0) x |> Array.map (fun d -> d.High))
    Assert.Equal<BigRational[]>([| 2; 0; 3; 4; 1 |] |> Array.map whole, Exact.rational (Tensor.argsortDescending 0) x)
    Assert.All(Array.zip sorted (Exact.interval (Tensor.sort 0) x), fun (s, i) -> Assert.True(i.Contains s))
    let r = Array.map BigRational.OfFloat [| 0.1; -2.0; 3.0; 0.1; 1e-9 |]
    Assert.Equal<BigRational[]>(Array.scan (+) r[0] r[1..], Exact.rational (Tensor.cumsum 0) x)
    Assert.Equal<BigRational[]>(Array.scanBack (*) r[..3] r[4], Exact.rational (Tensor.cumprodReverse 0) x)
    // The gradient of the last running product is the product of the others.
    let gradient = Exact.rational (Diff.grad (fun (x: Tensor) -> (Tensor.cumprod 0 x)[4])) x
    let others = Array.init 5 (fun i -> Array.removeAt i r |> Array.reduce (*))
    Assert.Equal<BigRational[]>(others, gradient)

    Check.fails
        "Exact.interval: argsort: [0.09999999999999998, 0.10000000000000002] and [0.1, 0.1] overlap, so their order is not certain; narrow the argument or use Exact.doubleDouble"
        (fun () ->
            Exact.interval (fun (x: Tensor) -> Tensor.sort 0 (Tensor.concat 0 [ x; x / 3.0 * 3.0 ])) (vector [ 0.1 ]))

[<Fact>]
let ``patterns of matrix functions mix a whole batch member, and no other`` () =
    let pattern =
        Sparse.pattern (fun (a: Tensor) -> Linalg.inverse a) (Tensor.stack 0 [ Tensor.eye 2; Tensor.eye 2 ])

    Assert.Equal<int[]>([| 0..4..32 |], pattern.RowPointers)
    Assert.Equal<int[]>([| 4..7 |], pattern.ColumnIndices[28..])
