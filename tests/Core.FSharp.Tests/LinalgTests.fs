module Hesse.Tests.LinalgTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private diag (v: Tensor) = v * Tensor.eye v.Size

/// n × n, invertible, not symmetric.
let private general (seed: int) (n: int) = varied seed [ n; n ] + (float n) * Tensor.eye n

/// m × n with columns far from dependent.
let private tall (seed: int) (m: int) (n: int) = (general seed m)[*, 0 .. n - 1]

/// n × n, symmetric positive definite, with eigenvalues apart.
let private definite (seed: int) (n: int) =
    let m = varied seed [ n; n ]
    Tensor.matmul m (Tensor.transpose m) + diag (Tensor.ofArray (Array.init n (fun i -> 1.0 + float i)))

let private times = Tensor.matmul
let private trace (a: Tensor) = Tensor.sum (a * Tensor.eye a.Shape[0])

[<Fact>]
let ``solve and inverse satisfy their equations at several sizes`` () =
    for n in [ 1; 2; 5; 40 ] do
        let a, b = general n n, varied 3 [ n; 2 ]
        Check.tensors "A x = b" 1e-12 b (times a (Linalg.solve a b))
        Check.tensors "vector" 1e-12 b[*, 0] (times a (Linalg.solve a b[*, 0]))
        Check.tensors "A A⁻¹" 1e-12 (Tensor.eye n) (times a (Linalg.inverse a))

[<Fact>]
let ``solve exchanges rows where a pivot is zero`` () =
    let a = Tensor.create [ 3; 3 ] [| 0.0; 2.0; 1.0; 1.0; 0.0; 0.0; 0.0; 0.0; 4.0 |]
    Check.tensors "x" 1e-15 (vector [ 2.0; -0.5; 1.0 ]) (Linalg.solve a (vector [ 0.0; 2.0; 4.0 ]))
    Check.number "det" 1e-15 -8.0 ((Linalg.det a).item())

[<Fact>]
let ``triangular solve reads one triangle, in all four forms`` () =
    for n in [ 1; 3; 30 ] do
        let a, b = general n n, varied 3 [ n; 2 ]

        for lower in [ true; false ] do
            for transposed in [ true; false ] do
                let t = Tensor(LinearAlgebra.triangle lower a.Node)
                let op = if transposed then Tensor.transpose t else t
                let x = Linalg.triangularSolve lower transposed a b
                Check.tensors $"lower {lower}, transposed {transposed}" 1e-12 b (times op x)

                if n = 3 then
                    checkOrders "of A" (fun a -> Linalg.triangularSolve lower transposed a b) a
                    checkOrders "of b" (Linalg.triangularSolve lower transposed a) b

[<Fact>]
let ``Cholesky: the factor, its orders, and a solve`` () =
    for n in [ 1; 4; 30 ] do
        let a, b = definite n n, varied 2 [ n ]
        let l = Linalg.cholesky a
        Check.tensors "L Lᵀ" 1e-12 a (times l (Tensor.transpose l))
        Check.tensors "triangle" 0.0 (Tensor(LinearAlgebra.triangle true l.Node)) l
        Check.tensors "choleskySolve" 1e-11 (Linalg.solve a b) (Linalg.choleskySolve l b)

    checkOrders "cholesky" Linalg.cholesky (definite 1 3)
    checkOrders "choleskySolve" (fun a -> Linalg.choleskySolve (Linalg.cholesky a) (varied 2 [ 3 ])) (definite 1 3)

[<Fact>]
let ``orders of solve, inverse and determinants`` () =
    let a = general 4 3
    checkOrders "solve, A" (fun a -> Linalg.solve a (varied 2 [ 3; 2 ])) a
    checkOrders "solve, both" (fun a -> Linalg.solve a (times a a)) a
    checkOrders "inverse" Linalg.inverse a
    checkOrders "det" Linalg.det a
    checkOrders "logdet" Linalg.logdet a
    checkOrders "logdet of a negative determinant" Linalg.logdet (-a)

[<Fact>]
let ``log det (I + tA) has derivatives (−1)ᵏ⁺¹ (k − 1)! tr Aᵏ`` () =
    let a = varied 3 [ 4; 4 ]
    let jet = Diff.jet 5 (fun t -> Linalg.logdet (Tensor.eye 4 + t * a)) (scalar 0.0) (scalar 1.0)
    let mutable power, factor = a, 1.0

    for k in 1..5 do
        Check.tensors $"order {k}" 1e-13 (factor * trace power) jet[k]
        power <- times power a
        factor <- -factor * float k

[<Fact>]
let ``(I + tA)⁻¹ has derivatives k! (−A)ᵏ`` () =
    let a = varied 3 [ 3; 3 ]
    let jet = Diff.jet 5 (fun t -> Linalg.inverse (Tensor.eye 3 + t * a)) (scalar 0.0) (scalar 1.0)
    let mutable expected = Tensor.eye 3

    for k in 0..5 do
        Check.tensors $"order {k}" 1e-13 expected jet[k]
        expected <- float (k + 1) * times (-a) expected

[<Fact>]
let ``gradient of det is the cofactor matrix, and det is cubic in a 3 × 3 matrix`` () =
    let a = Tensor.create [ 3; 3 ] [| 2.0; 1.0; 0.0; -1.0; 3.0; 2.0; 4.0; 0.5; 1.0 |]
    let d = a.toArray2D ()

    let cofactor i j =
        let m p q = d[(i + p) % 3, (j + q) % 3]
        m 1 1 * m 2 2 - m 1 2 * m 2 1

    let expected = Tensor.ofArray2D (Array2D.init 3 3 cofactor)
    Check.tensors "gradient" 1e-13 expected (Diff.grad Linalg.det a)
    let v = varied 1 [ 3; 3 ]
    let jet = Diff.jet 4 Linalg.det a v
    Check.tensors "order 3" 1e-12 (6.0 * Linalg.det v) jet[3]
    Check.number "order 4" 1e-11 0.0 (jet[4].item())

[<Fact>]
let ``determinants at a singular matrix, of sign and of large size`` () =
    let singular = Tensor.create [ 2; 2 ] [| 1.0; 2.0; 2.0; 4.0 |]
    Assert.Equal(0.0, (Linalg.det singular).item())
    let sign, logarithm = Linalg.slogdet singular
    Assert.Equal(0.0, sign.item ())
    Assert.Equal(Double.NegativeInfinity, logarithm.item ())
    let large = -1e3 * Tensor.eye 201
    let sign, logarithm = Linalg.slogdet large
    Assert.Equal(-1.0, sign.item ())
    Check.number "log" 1e-14 (201.0 * Math.Log 1e3) (logarithm.item ())
    Assert.Equal(Double.NegativeInfinity, (Linalg.det large).item())

[<Fact>]
let ``eigenvalues and vectors satisfy their equation`` () =
    for n in [ 1; 2; 6; 25 ] do
        let a = definite n n
        let values, v = Linalg.eigh a
        Check.tensors "A V = V λ" 1e-12 (v * values) (times a v)
        Check.tensors "VᵀV" 1e-12 (Tensor.eye n) (times (Tensor.transpose v) v)
        Check.tensors "values alone" 1e-13 values (Linalg.eigvalsh a)
        let w = values.toArray ()
        Assert.Equal<float[]>(Array.sort w, w)

[<Fact>]
let ``orders of eigenvalues and eigenvectors`` () =
    checkOrders "values" Linalg.eigvalsh (definite 2 3)
    checkOrders "vectors" (fun a -> snd (Linalg.eigh a)) (definite 2 3)

[<Fact>]
let ``eigenvalue perturbation theory to third order`` () =
    // Λ + tB: λ_i′ = B_ii, λ_i″/2 = Σ_k B_ik²/g_k with g_k = λ_i − λ_k,
    // λ_i‴/6 = Σ_k Σ_l B_ik B_kl B_li/(g_k g_l) − B_ii Σ_k B_ik²/g_k², k, l ≠ i.
    let lambda = [| -1.0; 0.5; 1.2; 3.0 |]
    let m = varied 2 [ 4; 4 ]
    let b = 0.5 * (m + Tensor.transpose m)
    let d = b.toArray2D ()

    let jet =
        Diff.jet 3 (fun t -> Linalg.eigvalsh (diag (Tensor.ofArray lambda) + t * b)) (scalar 0.0) (scalar 1.0)

    let others i = [ 0..3 ] |> List.except [ i ]
    let gap i k = lambda[i] - lambda[k]
    let first i = d[i, i]
    let second i = 2.0 * List.sum [ for k in others i -> d[i, k] * d[i, k] / gap i k ]

    let third i =
        6.0
        * (List.sum [
            for k in others i do
                for l in others i -> d[i, k] * d[k, l] * d[l, i] / (gap i k * gap i l)
           ]
           - d[i, i] * List.sum [ for k in others i -> (d[i, k] / gap i k) ** 2.0 ])

    Check.arrays "first" 1e-13 (Array.init 4 first) (jet[1].toArray())
    Check.arrays "second" 1e-13 (Array.init 4 second) (jet[2].toArray())
    Check.arrays "third" 1e-12 (Array.init 4 third) (jet[3].toArray())

[<Fact>]
let ``equal eigenvalues: finite derivatives, right for symmetric functions and for projectors`` () =
    // Q diag(1, 1, 3) Qᵀ, whose double eigenvalue is equal only up to rounding.
    let q = snd (Linalg.eigh (definite 5 3))
    let a = times (q * vector [ 1.0; 1.0; 3.0 ]) (Tensor.transpose q)
    let symmetric = Tensor.sum << Tensor.exp << Linalg.eigvalsh

    // d tr exp(A) = tr(exp(A) dA).
    let expected = times (q * Tensor.exp (vector [ 1.0; 1.0; 3.0 ])) (Tensor.transpose q)
    Check.tensors "symmetric function" 1e-12 expected (Diff.grad symmetric a)

    let projector (a: Tensor) =
        let v = snd (Linalg.eigh a)
        times v[*, 0..1] (Tensor.transpose v[*, 0..1])

    let direction = varied 3 [ 3; 3 ]
    let slope = Check.difference 1e-3 (fun t -> (projector (a + t * direction)).toArray())
    Check.arrays "projector" 1e-9 slope ((snd (Diff.jvp projector a direction)).toArray())

    // At a multiple of the identity the vectors' derivative is the convention's zero.
    let _, dv = Diff.jvp (fun a -> snd (Linalg.eigh a)) (Tensor.eye 3) direction
    Check.tensors "convention" 0.0 (Tensor.zeros [ 3; 3 ]) dv

[<Fact>]
let ``QR: the factors, their orders, and least squares`` () =
    for m, n in [ 1, 1; 4, 4; 5, 3; 30, 20 ] do
        let a, b = tall m m n, varied 3 [ m ]
        let q, r = Linalg.qr a
        Check.tensors "Q R" 1e-12 a (times q r)
        Check.tensors "QᵀQ" 1e-12 (Tensor.eye n) (times (Tensor.transpose q) q)
        Check.tensors "triangle" 0.0 (Tensor(LinearAlgebra.triangle false r.Node)) r
        Assert.True(Array.forall (fun i -> (r[i, i]).item() > 0.0) [| 0 .. n - 1 |])
        let x = Linalg.lstsq a b
        Check.shapes "lstsq" [| n |] x.Shape
        Check.tensors "normal equations" 1e-11 (Tensor.zeros [ n ]) (times (Tensor.transpose a) (times a x - b))

    let a = tall 4 4 2
    checkOrders "Q" (Linalg.qr >> fst) a
    checkOrders "R" (Linalg.qr >> snd) a
    checkOrders "lstsq" (fun a -> Linalg.lstsq a (varied 2 [ 4; 2 ])) a
    checkBatch "Q" (Linalg.qr >> fst) [ a; 2.0 - a; a * a ]

[<Fact>]
let ``exponential of a nilpotent, of a rotation, and of a sum that commutes`` () =
    let nilpotent = Tensor.create [ 3; 3 ] [| 0.0; 2.0; 5.0; 0.0; 0.0; 3.0; 0.0; 0.0; 0.0 |]
    let expected = Tensor.eye 3 + nilpotent + 0.5 * times nilpotent nilpotent
    Check.tensors "nilpotent" 1e-15 expected (Linalg.expm nilpotent)

    for angle in [ 0.1; 3.0; 50.0 ] do
        let c, s = Math.Cos angle, Math.Sin angle
        let turn = Tensor.create [ 2; 2 ] [| 0.0; -angle; angle; 0.0 |]
        Check.tensors $"rotation by {angle}" 1e-13 (Tensor.create [ 2; 2 ] [| c; -s; s; c |]) (Linalg.expm turn)

    let a = general 2 4
    Check.tensors "exp(A)²" 1e-12 (Linalg.expm (2.0 * a)) (times (Linalg.expm a) (Linalg.expm a))
    Check.tensors "inverse" 1e-12 (Tensor.eye 4) (times (Linalg.expm a) (Linalg.expm -a))
    Check.number "det" 1e-12 (Math.Exp((trace a).item())) ((Linalg.det (Linalg.expm a)).item())

[<Fact>]
let ``orders of the exponential`` () =
    checkOrders "expm" Linalg.expm (varied 2 [ 3; 3 ])

    // ∂ᵏ exp(tA) = Aᵏ exp(tA), through the rule although A commutes with itself.
    let a = varied 5 [ 3; 3 ]
    let jet = Diff.jet 4 (fun t -> Linalg.expm (t * a)) (scalar 0.7) (scalar 1.0)
    let mutable expected = Linalg.expm (0.7 * a)

    for k in 0..4 do
        Check.tensors $"order {k}" 1e-12 expected jet[k]
        expected <- times a expected

    // The gradient of tr exp(A) is exp(A)ᵀ.
    Check.tensors "gradient" 1e-13 (Tensor.transpose (Linalg.expm a)) (Diff.grad (Linalg.expm >> trace) a)
    checkBatch "expm" Linalg.expm [ a; -a; 3.0 * a ]

[<Fact>]
let ``batches, by leading axis, vmap and compiled`` () =
    let symmetric = [ for seed in 1..3 -> definite seed 3 ]
    let plain = [ for seed in 1..3 -> general seed 3 ]
    checkBatch "cholesky" Linalg.cholesky symmetric
    checkBatch "eigenvalues" Linalg.eigvalsh symmetric
    checkBatch "eigenvectors" (Linalg.eigh >> snd) symmetric
    checkBatch "inverse" Linalg.inverse plain
    checkBatch "det" Linalg.det plain
    checkBatch "logdet" Linalg.logdet plain

[<Fact>]
let ``one matrix and a batch of right-hand sides is one factorisation`` () =
    let a, bs = general 3 3, varied 4 [ 5; 3 ]
    let expected = Tensor.stack 0 [ for i in 0..4 -> Linalg.solve a bs[i] ]
    Check.tensors "value" 1e-14 expected (Diff.vmap (Linalg.solve a) bs)
    let plan = Diff.explain (Diff.vmap (Linalg.solve a)) bs
    Assert.Contains("solve 1 × [3; 3] [3; 5]", plan)

[<Fact>]
let ``errors name operation, shape and remedy`` () =
    Check.fails
        "det: expected a square matrix [..., n, n], got shape [2; 3]; the matrix is in the last two axes, batch axes before it"
        (fun () -> Linalg.det (varied 1 [ 2; 3 ]))

    Check.fails
        "cholesky: expected a square matrix [..., n, n], got shape [4]; the matrix is in the last two axes, batch axes before it"
        (fun () -> Linalg.cholesky (varied 1 [ 4 ]))

    Check.fails
        "solve: a right-hand side of shape [2; 1] does not fit matrices of shape [3; 3]; want [..., 3, k] with the same batch axes"
        (fun () -> Linalg.solve (general 1 3) (varied 1 [ 2; 1 ]))

    Check.fails
        "solve: a right-hand side of shape [] does not fit matrices of shape [3; 3]; want [..., n, n] with [..., n] or [..., n, k]"
        (fun () -> Linalg.solve (general 1 3) (scalar 1.0))

    Check.fails
        "cholesky: pivot 1 of 2 is not positive, so the matrix is not positive definite; check its symmetry, or add a small multiple of the identity (jitter) to the diagonal."
        (fun () -> Linalg.cholesky (diag (vector [ 1.0; -2.0 ])))

    Check.fails
        "solve: pivot 1 of 2 is exactly zero, so the matrix is singular; use a least-squares or pseudo-inverse solution, or regularise the diagonal."
        (fun () -> Linalg.inverse (Tensor.ones [ 2; 2 ]))

    Check.fails
        "triangular solve: diagonal element 1 of 2 is exactly zero, so the matrix is singular; regularise the diagonal."
        (fun () -> Linalg.triangularSolve true false (diag (vector [ 1.0; 0.0 ])) (vector [ 1.0; 1.0 ]))

    Check.fails "symmetric eigen: element [0; 0] is NaN; every element must be finite." (fun () ->
        Linalg.eigvalsh (Tensor.full [ 2; 2 ] nan))

    Check.fails "qr: expected matrices [..., m, n] with m ≥ n, got shape [2; 3]; transpose wide matrices" (fun () ->
        Linalg.qr (varied 1 [ 2; 3 ]))

    Check.fails
        "lstsq: a right-hand side of shape [2] does not fit matrices of shape [3; 2]; want [..., m, n] with [..., m] or [..., m, k]"
        (fun () -> Linalg.lstsq (varied 1 [ 3; 2 ]) (varied 1 [ 2 ]))

    Check.fails "expm: element [1; 0] is NaN; every element must be finite." (fun () ->
        Linalg.expm (Tensor.create [ 2; 2 ] [| 0.0; 0.0; nan; 0.0 |]))
