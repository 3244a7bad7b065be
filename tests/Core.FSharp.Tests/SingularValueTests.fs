/// Singular values and what is built on them: `Linalg.svd`, `pinv`, rank, norms, and the determinant at singular matrices.
module Hesse.Tests.SingularValueTests

open Hesse
open Hesse.Tests
open Xunit

let private diag (v: Tensor) = v * Tensor.eye v.Size

/// n × n, invertible, not symmetric.
let private general (seed: int) (n: int) = varied seed [ n; n ] + (float n) * Tensor.eye n

/// n × n, symmetric positive definite, with eigenvalues apart.
let private definite (seed: int) (n: int) =
    let m = varied seed [ n; n ]
    Tensor.matmul m (Tensor.transpose m) + diag (Tensor.ofArray (Array.init n (fun i -> 1.0 + float i)))

let private times = Tensor.matmul

/// m × n with singular values 1.5, 2.5, ….
let private spread (seed: int) (m: int) (n: int) =
    let k = min m n
    let u = (Linalg.qr (varied seed [ m; m ] + 2.0 * Tensor.eye m) |> fst)[*, 0 .. k - 1]
    let v = (Linalg.qr (varied (seed + 9) [ n; n ] + 2.0 * Tensor.eye n) |> fst)[*, 0 .. k - 1]
    times (u * Tensor.ofArray (Array.init k (fun i -> 0.5 + float (k - i)))) (Tensor.transpose v)

/// A matrix with given singular values, which may repeat or vanish.
let private withValues (m: int) (values: float list) =
    let u, _, vt = Linalg.svd (spread 3 m values.Length)
    times (u * vector values) vt

[<Fact>]
let ``SVD: the factors of tall, square and wide matrices`` () =
    for m, n in [ 1, 1; 3, 1; 1, 4; 4, 4; 6, 3; 3, 6; 30, 20 ] do
        let a = spread m m n
        let u, s, vt = Linalg.svd a
        let r = min m n
        Check.shapes "U" [| m; r |] u.Shape
        Check.shapes "Vᵀ" [| r; n |] vt.Shape
        Check.tensors "U S Vᵀ" 1e-12 a (times (u * s) vt)
        Check.tensors "UᵀU" 1e-12 (Tensor.eye r) (times (Tensor.transpose u) u)
        Check.tensors "VᵀV" 1e-12 (Tensor.eye r) (times vt (Tensor.transpose vt))
        Check.arrays "values" 1e-12 (Array.init r (fun i -> 0.5 + float (r - i))) (s.toArray ())
        Check.tensors "values alone" 1e-13 s (Linalg.singularValues a)

        // Signs: the largest element of each vector of the short side is positive.
        let short = if m >= n then vt else Tensor.transpose u

        for i in 0 .. r - 1 do
            Assert.True((short[i].toArray() |> Array.maxBy abs) > 0.0)

[<Fact>]
let ``orders of singular values and vectors`` () =
    for m, n in [ 3, 3; 4, 2; 2, 4 ] do
        let a = spread 2 m n
        checkOrders "values" Linalg.singularValues a
        checkOrders "U" (fun a -> let u, _, _ = Linalg.svd a in u) a
        checkOrders "Vᵀ" (fun a -> let _, _, vt = Linalg.svd a in vt) a

        checkOrders
            "U S Vᵀ is the identity function"
            (fun a ->
                let u, s, vt = Linalg.svd a
                times (u * s) vt)
            a

    checkBatch "values" Linalg.singularValues [ spread 1 4 2; spread 2 4 2 ]
    checkBatch "U" (fun a -> let u, _, _ = Linalg.svd a in u) [ spread 1 2 4; spread 2 2 4 ]

[<Fact>]
let ``equal and zero singular values: finite derivatives, right where they exist`` () =
    // The polar factor U Vᵀ of a matrix with equal singular values, and the projector on its larger ones.
    let equal = withValues 4 [ 2.0; 2.0; 0.5 ]
    let direction = varied 3 [ 4; 3 ]

    let polar a =
        let u, _, vt = Linalg.svd a
        times u vt

    let projector a =
        let u, _, _ = Linalg.svd a
        times u[*, 0..1] (Tensor.transpose u[*, 0..1])

    for name, f in [ "polar factor", polar; "projector", projector ] do
        let slope = Check.difference 1e-3 (fun t -> (f (equal + t * direction)).toArray())
        Check.arrays name 1e-9 slope ((snd (Diff.jvp f equal direction)).toArray())

    // Σ s² = |A|² at a matrix of rank 1, and the projector on its range along directions that keep the rank.
    let rankOne = withValues 4 [ 2.0; 0.0; 0.0 ]
    let squares (a: Tensor) = Tensor.sum (Tensor.square (Linalg.singularValues a))
    Check.tensors "Σ s²" 1e-12 (2.0 * rankOne) (Diff.grad squares rankOne)
    let range a = let u, _, _ = Linalg.svd a in times u[*, 0..0] (Tensor.transpose u[*, 0..0])
    let keeping = times (varied 1 [ 4; 4 ]) rankOne
    let slope = Check.difference 1e-3 (fun t -> (range (rankOne + t * keeping)).toArray())
    Check.arrays "range" 1e-9 slope ((snd (Diff.jvp range rankOne keeping)).toArray())

    // At zero everything but the values is the convention's zero.
    let du = snd (Diff.jvp (fun a -> let u, _, _ = Linalg.svd a in u) (Tensor.zeros [ 4; 3 ]) direction)
    Check.tensors "convention" 0.0 (Tensor.zeros [ 4; 3 ]) du

[<Fact>]
let ``values and vectors come from one factorisation`` () =
    let count (operation: string) (plan: PlanTable) =
        plan.Rows |> Seq.filter (fun r -> r.Operation = operation) |> Seq.length

    let both a =
        let values, vectors = Linalg.eigh a
        vectors * values

    Assert.Equal(1, count "eigen" (Diff.plan both (definite 1 3)))
    Assert.Equal(1, count "eigen" (Diff.plan (Diff.grad (both >> Tensor.sum)) (definite 1 3)))

    let three a =
        let u, s, vt = Linalg.svd a
        times (u * s) vt

    Assert.Equal(1, count "svd" (Diff.plan (Diff.grad (three >> Tensor.sum)) (spread 1 4 3)))

[<Fact>]
let ``pseudo-inverse: Penrose's equations, full rank and less, and its derivatives`` () =
    for a in [ spread 1 4 2; spread 2 2 4; spread 3 3 3; withValues 5 [ 3.0; 1.0; 0.0 ]; Tensor.zeros [ 2; 3 ] ] do
        let p = Linalg.pinv a
        let isSymmetric (x: Tensor) = Check.tensors "symmetric" 1e-12 x (Tensor.transpose x)
        Check.tensors "A A⁺ A" 1e-12 a (times a (times p a))
        Check.tensors "A⁺ A A⁺" 1e-12 p (times p (times a p))
        isSymmetric (times a p)
        isSymmetric (times p a)

    for m, n in [ 4, 2; 2, 4; 3, 3 ] do
        checkOrders $"pinv {m} × {n}" Linalg.pinv (spread 2 m n)

    checkBatch "pinv" Linalg.pinv [ spread 1 4 2; spread 2 4 2 ]

    // At rank 2 of 3, along B A C, which keeps the rank.
    let deficient = withValues 5 [ 3.0; 1.0; 0.0 ]

    let keeping t =
        times (Tensor.eye 5 + t * varied 1 [ 5; 5 ]) (times deficient (Tensor.eye 3 + t * varied 2 [ 3; 3 ]))

    let f = keeping >> Linalg.pinvWith 1e-6
    let slope = Check.difference 1e-3 (fun t -> (f (scalar t)).toArray())
    Check.arrays "rank 2" 1e-9 slope ((snd (Diff.jvp f (scalar 0.0) (scalar 1.0))).toArray())

    // rcond decides what counts as zero.
    let nearly = diag (vector [ 1.0; 1e-3 ])
    Check.tensors "kept" 1e-12 (diag (vector [ 1.0; 1e3 ])) (Linalg.pinvWith 1e-4 nearly)
    Check.tensors "dropped" 1e-15 (diag (vector [ 1.0; 0.0 ])) (Linalg.pinvWith 1e-2 nearly)

[<Fact>]
let ``rank, norms and condition`` () =
    let a = withValues 5 [ 3.0; 0.5; 0.0 ]
    Assert.Equal(2.0, (Linalg.matrixRank a).item())
    Assert.Equal(0.0, (Linalg.matrixRank (Tensor.zeros [ 2; 3 ])).item())
    Assert.Equal<float[]>([| 2.0; 3.0 |], (Linalg.matrixRank (Tensor.stack 0 [ a; spread 1 5 3 ])).toArray())
    Check.number "nuclear" 1e-13 3.5 ((Linalg.nuclearNorm a).item())
    Check.number "spectral" 1e-13 3.0 ((Linalg.spectralNorm a).item())
    Check.number "cond" 1e-12 (3.5 / 1.5) ((Linalg.cond (spread 1 5 3)).item())
    let b = spread 1 4 3
    let u, _, vt = Linalg.svd b
    Check.tensors "gradient of the nuclear norm" 1e-12 (times u vt) (Diff.grad Linalg.nuclearNorm b)
    Check.tensors "gradient of the spectral norm" 1e-12 (times u[*, 0..0] vt[0..0]) (Diff.grad Linalg.spectralNorm b)
    checkOrders "cond" Linalg.cond b

[<Fact>]
let ``derivatives of the determinant at singular matrices, to every order`` () =
    // Ranks 3, 2, 1 and 0 of 3: against the expansion by permutations, which is a polynomial.
    let expansion (a: Tensor) =
        a[0, 0] * (a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1])
        - a[0, 1] * (a[1, 0] * a[2, 2] - a[1, 2] * a[2, 0])
        + a[0, 2] * (a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0])

    let v = varied 1 [ 3; 3 ]

    for values in [ [ 2.0; 1.0; 0.5 ]; [ 2.0; 1.0; 0.0 ]; [ 2.0; 0.0; 0.0 ]; [ 0.0; 0.0; 0.0 ]; [ 1.0; 1.0; 1.0 ] ] do
        let a = withValues 3 values
        Check.tensors "gradient" 1e-13 (Diff.grad expansion a) (Diff.grad Linalg.det a)
        Check.tensors "cofactors" 1e-13 (Diff.grad expansion a) (Linalg.cofactor a)
        Check.tensors "Hessian" 1e-13 (Diff.hessian expansion a) (Diff.hessian Linalg.det a)
        let expected, actual = Diff.jet 4 expansion a v, Diff.jet 4 Linalg.det a v

        for k in 0..4 do
            Check.tensors $"order {k}" 1e-12 expected[k] actual[k]

    // An exactly singular matrix of order 6, through the plan and a batch.
    let a = Tensor.concat 0 [ varied 1 [ 5; 6 ]; Tensor.zeros [ 1; 6 ] ]
    let g = Diff.grad Linalg.det a

    Check.number
        "last row"
        1e-12
        ((Linalg.det (Tensor.concat 0 [ varied 1 [ 5; 6 ]; varied 2 [ 1; 6 ] ])).item())
        (Check.inner g[5] (varied 2 [ 6 ]))

    checkBatch "cofactor" Linalg.cofactor [ v; -v; withValues 3 [ 1.0; 0.0; 0.0 ] ]
    checkOrders "cofactor" Linalg.cofactor (general 4 3)

[<Fact>]
let ``a matrix that is not finite has cofactors that are not a number`` () =
    Check.tensors "cofactor" 0.0 (Tensor.full [ 2; 2 ] nan) (Linalg.cofactor (Tensor.full [ 2; 2 ] infinity))

[<Fact>]
let ``errors of the singular value functions`` () =
    Check.fails "svd: expected matrices [..., m, n], got shape [3]; reshape it" (fun () -> Linalg.svd (varied 1 [ 3 ]))
    Check.fails "pinv: rcond is -1; want a number that is at least 0" (fun () -> Linalg.pinvWith -1.0 (Tensor.eye 2))

    Check.fails
        "cond: matrices of shape [0; 2] have no singular values; want at least one row and one column"
        (fun () -> Linalg.cond (Tensor.zeros [ 0; 2 ]))

    Check.fails "svd: element [1; 0] is NaN; every element must be finite." (fun () ->
        Linalg.singularValues (Tensor.create [ 2; 1 ] [| 1.0; nan |]))
