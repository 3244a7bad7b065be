module Hesse.Theory.Tests.Curvature.DifferentiableFunctionalsTests

open Hesse
open Hesse.Theory
open Xunit

let private message (f: unit -> 'a) =
    try
        f () |> ignore
        failwith "nothing failed"
    with :? HesseException as e ->
        e.Message

let private normal seed (shape: int list) = Random.normal (Random.key seed) shape

/// W Wᵀ / n + diag(exp s).
let private product (w: Tensor, s: Tensor) (v: Tensor) =
    Tensor.matmul w (Tensor.matmul v w) / float v.Size + Tensor.exp s * v

let private dense (w: Tensor, s: Tensor) =
    Tensor.matmul w (Tensor.transpose w) / float s.Size + Tensor.diag (Tensor.exp s)

let private parameters seed n = normal seed [ n; n ], 0.3 * normal (seed + 1) [ n ]

let private largest (t: Tensor) = Tensor.max(Tensor.abs t).item()

let private near tolerance (a: Tensor) (b: Tensor) =
    Assert.Equal<int[]>(a.Shape, b.Shape)
    Assert.InRange(largest (a - b), 0.0, tolerance * (1.0 + largest a))

let private nearTrees tolerance (a: 'T) (b: 'T) = Array.iter2 (near tolerance) (Tree.leaves a) (Tree.leaves b)

/// V f(Λ) Vᵀ v by the engine's dense eigendecomposition.
let private byEigen f theta v =
    let values, vectors = Linalg.eigh (dense theta)
    Tensor.matmul vectors (f values * Tensor.matmul v vectors)

let private functions: (string * (Tensor -> Tensor)) list = [
    "exp", Tensor.exp
    "log", Tensor.log
    "sqrt", Tensor.sqrt
    "inverse", (fun x -> 1.0 / x)
]

[<Fact>]
let ``at full length f(A)v and its derivatives are those of the dense eigendecomposition`` () =
    let n = 9
    let theta = parameters 1 n
    let v, weights = normal 3 [ n ], normal 4 [ n ]

    for _, f in functions do
        let krylov (theta, v) = Tensor.sum (weights * DifferentiableFunctionals.apply f n product theta v)
        let exact (theta, v) = Tensor.sum (weights * byEigen f theta v)
        nearTrees 1e-9 (Diff.valueAndGrad exact (theta, v)) (Diff.valueAndGrad krylov (theta, v))
        let form (theta, v) = DifferentiableFunctionals.quadraticForm f n product theta v
        let exactForm (theta, v) = Tensor.sum (v * byEigen f theta v)
        nearTrees 1e-10 (Diff.valueAndGrad exactForm (theta, v)) (Diff.valueAndGrad form (theta, v))

[<Fact>]
let ``closed forms: the derivative of a solution, and of an exponential`` () =
    let n = 8
    let w, s = parameters 5 n
    let b, c = normal 7 [ n ], normal 8 [ n ]
    let inverse s = Tensor.sum (c * DifferentiableFunctionals.apply (fun x -> 1.0 / x) n product (w, s) b)
    // d cᵀA⁻¹b = −(A⁻¹c)ᵀ dA (A⁻¹b).
    let solve right = Linalg.solve (dense (w, s)) right
    near 1e-10 (-(solve c) * solve b * Tensor.exp s) (Diff.grad inverse s)

    let exponential (w, s) = Tensor.sum (c * Tensor.matmul (Linalg.expm (dense (w, s))) b)

    let krylov theta = Tensor.sum (c * DifferentiableFunctionals.apply Tensor.exp n product theta b)
    nearTrees 1e-10 (Diff.grad exponential (w, s)) (Diff.grad krylov (w, s))
    let second f = Diff.hvp (fun s -> f (w, s)) s c
    near 1e-8 (second exponential) (second krylov)

[<Fact>]
let ``functionals have derivatives in both modes, to order 2`` () =
    let w, s = parameters 9 6
    let v = normal 11 [ 6 ]

    for name, f in functions do
        let both (s, v) =
            DifferentiableFunctionals.quadraticForm f 3 product (w, s) v,
            DifferentiableFunctionals.apply f 3 product (w, s) v

        CheckGradients.check (if name = "log" then 2 else 1) both (s, v) |> ignore

[<Fact>]
let ``fewer steps than dimensions: values and gradients converge to the dense ones`` () =
    let n = 60
    let theta = parameters 12 n
    let v, weights = normal 14 [ n ], normal 15 [ n ]
    let exact theta = Tensor.sum (weights * byEigen Tensor.sqrt theta v)
    let expected = Diff.grad exact theta

    let error steps =
        let krylov theta = Tensor.sum (weights * DifferentiableFunctionals.apply Tensor.sqrt steps product theta v)
        let found = Diff.compile (Diff.grad krylov) theta
        Array.map2 (fun a b -> largest (a - b)) (Tree.leaves expected) (Tree.leaves found) |> Array.max

    let errors = [ 5; 10; 20; 30 ] |> List.map error
    Assert.All(List.pairwise errors, fun (before, after) -> Assert.True(after < 0.3 * before, $"{errors}"))
    Assert.True(List.last errors < 1e-8 * largest (fst expected), $"{errors}")

[<Fact>]
let ``the gradient of a log-determinant is tr(inverse times derivative)`` () =
    let n = 10
    let w, s = parameters 16 n
    // √n times an orthogonal matrix: the mean over its rows is the trace itself.
    let probes = sqrt (float n) * Random.orthogonal (Random.key 18) n n
    let logdet s = DifferentiableFunctionals.meanOver Tensor.log n product probes (w, s)
    let value, gradient = Diff.valueAndGrad logdet s
    near 1e-11 (Linalg.logdet (dense (w, s))) value
    // tr(A⁻¹ ∂A/∂s_i) = (A⁻¹)_ii exp s_i.
    near 1e-10 (Tensor.diagonal (Linalg.inverse (dense (w, s))) * Tensor.exp s) gradient

[<Fact>]
let ``stochastic traces: the estimate and its gradient are those of the same probes, and within their errors`` () =
    let n, probes = 30, 64
    let w, s = parameters 19 n
    let key = Random.key 21
    let estimate s = DifferentiableFunctionals.logDeterminant 14 product n probes key (w, s)
    let found = estimate s
    let exact = (Linalg.logdet (dense (w, s))).item()
    Assert.True(found.StandardError.item () > 0.0)
    Assert.InRange(abs (found.Value.item () - exact), 0.0, 4.0 * found.StandardError.item ())
    let gradient = Diff.compile (Diff.grad (fun s -> (estimate s).Value)) s
    let signs = Random.rademacher key [ probes; n ]

    let sameProbes s =
        let values, vectors = Linalg.eigh (dense (w, s))
        let parts = Tensor.matmul signs vectors
        Tensor.sum (parts * parts * Tensor.log values) / float probes

    near 1e-9 (sameProbes s) found.Value
    near 1e-7 (Diff.grad sameProbes s) gradient
    // The estimate of the gradient is unbiased: near the closed form.
    let closed = Tensor.diagonal (Linalg.inverse (dense (w, s))) * Tensor.exp s
    Assert.InRange(largest (closed - gradient), 1e-6, 0.3)
    Assert.Equal(found.Value.item (), (estimate s).Value.item())

[<Fact>]
let ``Arnoldi: functions of matrices that are not symmetric`` () =
    let n = 7
    let w, s = parameters 22 n
    let product (w: Tensor, s: Tensor) v = 0.3 * Tensor.matmul w v + (2.0 + s) * v
    let dense (w: Tensor, s: Tensor) = 0.3 * w + Tensor.diag (2.0 + s)
    let v, weights = normal 24 [ n ], normal 25 [ n ]

    for f in [ Linalg.expm; Linalg.inverse ] do
        let krylov (w, s, v) = Tensor.sum (weights * DifferentiableFunctionals.applyGeneral f n product (w, s) v)
        let exact (w, s, v) = Tensor.sum (weights * Tensor.matmul (f (dense (w, s))) v)
        nearTrees 1e-9 (Diff.valueAndGrad exact (w, s, v)) (Diff.valueAndGrad krylov (w, s, v))

[<Fact>]
let ``an invariant space: the value and the gradient of a form are exact, those of f(A)v finite`` () =
    // v has parts in two of the five eigenvectors; A moves in all directions.
    let n = 5
    let values = Tensor.ofArray [| 0.5; 1.0; 2.0; 3.0; 5.0 |]
    let q = Random.orthogonal (Random.key 26) n n
    let v = Tensor.matmul q (Tensor.ofArray [| 1.0; 0.0; 0.0; -2.0; 0.0 |])
    let product (a: Tensor) x = 0.5 * (Tensor.matmul a x + Tensor.matmul x a)
    let a = Tensor.matmul (q * values) (Tensor.transpose q)

    let exact f a =
        let values, vectors = Linalg.eigh a
        let parts = Tensor.matmul v vectors
        Tensor.sum (parts * parts * f values)

    for _, f in functions do
        for steps in [ 2; 4; 5 ] do
            let form a = DifferentiableFunctionals.quadraticForm f steps product a v
            nearTrees 1e-10 (Diff.valueAndGrad (exact f) a) (Diff.valueAndGrad form a)
            let vector a = Tensor.sum (DifferentiableFunctionals.apply f steps product a v)
            let value, gradient = Diff.valueAndGrad vector a
            let spread = Tensor.matmul q (f values * Tensor.matmul v q)
            near 1e-11 (Tensor.sum spread) value
            // Those of the two steps that were taken.
            near 1e-10 (Diff.grad (fun a -> Tensor.sum (DifferentiableFunctionals.apply f 2 product a v)) a) gradient

    let general a = Tensor.sum (DifferentiableFunctionals.applyGeneral Linalg.inverse 4 product a v)
    let short a = Tensor.sum (DifferentiableFunctionals.applyGeneral Linalg.inverse 2 product a v)
    nearTrees 1e-10 (Diff.valueAndGrad short a) (Diff.valueAndGrad general a)

[<Fact>]
let ``an eigenvector as start`` () =
    let product (s: Tensor) (v: Tensor) = Tensor.exp s * v
    let s = Tensor.ofArray [| 0.1; 0.4; -0.3 |]
    let v = Tensor.ofArray [| 0.0; 3.0; 0.0 |]
    let form s = DifferentiableFunctionals.quadraticForm Tensor.log 3 product s v
    let value, gradient = Diff.valueAndGrad form s
    near 1e-13 (Tensor.scalar 3.6) value
    near 1e-13 (Tensor.ofArray [| 0.0; 9.0; 0.0 |]) gradient

[<Fact>]
let ``functions of close and equal eigenvalues keep their digits`` () =
    for gap in [ 0.0; 1e-12; 1e-9; 1e-7; 1e-5; 1e-4 ] do
        let a = Tensor.diag (Tensor.ofArray [| 1.0; 1.0 + gap; 2.0 |])
        let change = Tensor.ofArray2D (array2D [ [ 0.3; 0.7; 0.1 ]; [ 0.7; -0.2; 0.4 ]; [ 0.1; 0.4; 0.5 ] ])
        let _, found = Diff.jvp (SymmetricFunction.apply Tensor.exp) a change
        let _, exact = Diff.jvp Linalg.expm a change
        near 1e-10 exact found

/// log p(y) of a Gaussian process with a squared-exponential kernel, up to a constant.
[<Fact>]
let ``the gradient of a Gaussian process's marginal likelihood is the dense one`` () =
    let n = 24
    let x = Tensor.ofArray (Array.init n (fun i -> float i / 4.0))
    let y = Tensor.sin x + 0.1 * normal 30 [ n ]

    let kernel (logs: Tensor) =
        let part i = Tensor.exp (Tensor.reshape [] (Tensor.slice 0 i (i + 1) 1 logs))
        let difference = Tensor.expandDims 1 x - Tensor.expandDims 0 x
        let scaled = difference / part 0
        part 1 * Tensor.exp (-0.5 * scaled * scaled) + part 2 * Tensor.eye n

    let logs = Tensor.ofArray [| 0.1; 0.2; -2.0 |]

    let exact logs =
        let a = kernel logs
        -0.5 * Tensor.sum (y * Linalg.solve a y) - 0.5 * Linalg.logdet a

    let product logs v = Tensor.matmul (kernel logs) v
    let probes = sqrt (float n) * Random.orthogonal (Random.key 31) n n

    let krylov logs =
        let fit = DifferentiableFunctionals.quadraticForm (fun x -> 1.0 / x) n product logs y
        -0.5 * fit - 0.5 * DifferentiableFunctionals.meanOver Tensor.log n product probes logs

    let value, gradient = Diff.compile (Diff.valueAndGrad krylov) logs
    let exactValue, exactGradient = Diff.valueAndGrad exact logs
    near 1e-9 exactValue value
    near 1e-8 exactGradient gradient
    // At fewer steps than points the spectrum's decay is enough.
    let early = DifferentiableFunctionals.quadraticForm (fun x -> 1.0 / x) 16 product

    near
        1e-5
        (Diff.grad (fun l -> Tensor.sum (y * Linalg.solve (kernel l) y)) logs)
        (Diff.grad (fun l -> early l y) logs)

/// log det(H + c) of a network's Hessian H along its parameters, by Hessian-vector products inside A(θ).
[<Fact>]
let ``the gradient of a Hessian's log-determinant, by Hessian-vector products, is the dense one`` () =
    let x = normal 32 [ 12; 2 ]
    let t = Tensor.tanh (Tensor.sumAxis 1 x)
    let weights: Tensor * Tensor = 0.7 * normal 33 [ 2; 3 ], 0.7 * normal 34 [ 3 ]

    let loss (first: Tensor, second: Tensor) =
        let error = Tensor.matmul (Tensor.tanh (Tensor.matmul x first)) second - t
        Tensor.mean (error * error)

    let flat, unravel = Tree.ravel weights
    let n = flat.Size
    let damped = 3.0

    let product (theta: Tensor) v = Diff.hvp (fun flat -> loss (unravel flat)) theta v + damped * v

    let dense theta = Diff.hessian (fun flat -> loss (unravel flat)) theta + damped * Tensor.eye n

    let probes = sqrt (float n) * Random.orthogonal (Random.key 35) n n
    let krylov theta = DifferentiableFunctionals.meanOver Tensor.log n product probes theta
    let value, gradient = Diff.compile (Diff.valueAndGrad krylov) flat
    let exactValue, exactGradient = Diff.valueAndGrad (fun theta -> Linalg.logdet (dense theta)) flat
    near 1e-10 exactValue value
    near 1e-9 exactGradient gradient
    // Mass of the spectrum under a Gaussian window, a point of the spectral density: differentiated along the parameters.
    let window (x: Tensor) = Tensor.exp (-8.0 * (x - (damped + 0.3)) * (x - (damped + 0.3)))
    let density theta = DifferentiableFunctionals.meanOver window n product probes theta

    let exactDensity theta = Tensor.sum (window (Linalg.eigvalsh (dense theta)))
    near 1e-8 (Diff.grad exactDensity flat) (Diff.grad density flat)

[<Fact>]
let ``what cannot be is refused by name`` () =
    let text =
        message (fun () -> DifferentiableFunctionals.meanOver Tensor.log 2 product (Tensor.ones [ 3 ]) (parameters 1 3))

    Assert.Equal(
        "DifferentiableFunctionals.meanOver: probes of rank 1; wanted a matrix [m; n] with a probe in each row",
        text
    )

    let text =
        message (fun () -> DifferentiableFunctionals.logDeterminant 2 product 3 1 (Random.key 1) (parameters 1 3))

    Assert.Equal("DifferentiableFunctionals.trace: 1 probes, wanted at least 2; an error estimate needs a spread", text)
