module Hesse.Theory.Tests.Curvature.DifferentiableKrylovTests

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

/// W Wᵀ + diag(exp s).
let private positive (w: Tensor, s: Tensor) (v: Tensor) = Tensor.matmul w (Tensor.matmul v w) + Tensor.exp s * v

/// W + diag(exp s), not symmetric.
let private general (w: Tensor, s: Tensor) (v: Tensor) = Tensor.matmul w v + Tensor.exp s * v

let private parameters seed n = 0.5 * normal seed [ n; n ], 0.3 * normal (seed + 1) [ n ]

let private largest (t: Tensor) = if t.Size = 0 then 0.0 else Tensor.max(Tensor.abs t).item()

let private near tolerance (a: Tensor) (b: Tensor) =
    Assert.Equal<int[]>(a.Shape, b.Shape)
    Assert.InRange(largest (a - b), 0.0, tolerance * (1.0 + largest a))

let private nearTrees tolerance (a: 'T) (b: 'T) = Array.iter2 (near tolerance) (Tree.leaves a) (Tree.leaves b)

/// Row k as a column of a one-row matrix: r eᵀ.
let private lastRow k (rest: Tensor) =
    Tensor.outer (Tensor.ofArray (Array.init k (fun i -> if i = k - 1 then 1.0 else 0.0))) rest

[<Fact>]
let ``Lanczos: A Q = Q T + r e with an orthonormal basis, as the plain factorisation has it`` () =
    let theta = parameters 1 12
    let start = normal 3 [ 12 ]

    for k in [ 1; 5; 12; 20 ] do
        let t = DifferentiableLanczos.decompose k positive theta start
        let k = min k 12
        let images = Diff.vmap (positive theta) t.Basis

        near 1e-12 images (Tensor.matmul (DifferentiableLanczos.tridiagonal t) t.Basis + lastRow k t.Remainder)

        near 1e-13 (Tensor.eye k) (Tensor.matmul t.Basis (Tensor.transpose t.Basis))
        near 1e-13 t.Length (Tensor.sqrt (Tensor.sum (start * start)))
        let operator = LinearOperator.ofFunction 12 (positive theta)
        let plain = Lanczos.factorise operator (start.toArray ()) k
        near 1e-11 (Tensor.ofArray plain.Alpha) t.Alpha
        near 1e-11 (Tensor.ofArray plain.Beta) t.Beta
        Assert.Equal<float[]>(Array.create k 1.0, t.Active.toArray ())

[<Fact>]
let ``Arnoldi: A Q = Q H + r e with an orthonormal basis`` () =
    let theta = parameters 4 9
    let t = DifferentiableArnoldi.decompose 5 general theta (normal 6 [ 9 ])
    let images = Diff.vmap (general theta) t.Basis
    near 1e-12 images (Tensor.matmul (Tensor.transpose t.Hessenberg) t.Basis + lastRow 5 t.Remainder)
    near 1e-13 (Tensor.eye 5) (Tensor.matmul t.Basis (Tensor.transpose t.Basis))
    near 0.0 (Tensor.zeros [ 5; 5 ]) (Tensor.tril -2 t.Hessenberg)

[<Fact>]
let ``Lanczos has derivatives in both modes, to order 2`` () =
    let outputs k (w, s, start) =
        let t = DifferentiableLanczos.decompose k positive (w, s) start
        [ t.Alpha; t.Beta; t.Basis; t.Remainder ]

    let w, s = parameters 7 5

    let finer = { CheckGradients.defaults with Step = 1.0 / 256.0 }

    CheckGradients.checkWith finer (outputs 3) (w, s, normal 9 [ 5 ]) |> ignore
    CheckGradients.check 1 (outputs 1) (w, s, normal 9 [ 5 ]) |> ignore

    let whole (w, s, start) =
        let t = DifferentiableLanczos.decompose 4 positive (w, s) start
        [ t.Alpha; t.Beta; t.Basis ]

    let w, s = parameters 10 4
    CheckGradients.check 1 whole (w, s, normal 12 [ 4 ]) |> ignore

[<Fact>]
let ``Arnoldi has derivatives in both modes, to order 2`` () =
    let outputs (w, s, start) =
        let t = DifferentiableArnoldi.decompose 3 general (w, s) start
        [ t.Hessenberg; t.Basis; t.Remainder ]

    let w, s = parameters 13 5
    CheckGradients.check 2 outputs (w, s, normal 15 [ 5 ]) |> ignore

/// A scalar that reads everything a recursion returns.
let private reading (columns: Tensor, sub: Tensor, basis: Tensor, rest: Tensor) =
    let weigh seed (t: Tensor) = Tensor.sum (t * normal seed (List.ofArray t.Shape))
    weigh 1 columns + weigh 2 sub + weigh 3 basis + weigh 4 rest

[<Fact>]
let ``the adjoint is the derivative of the loop itself`` () =
    for n, k in [ 8, 4; 20, 12 ] do
        let theta = parameters 16 n
        let unit = let v = normal 18 [ n ] in v / Tensor.sqrt (Tensor.sum (v * v))

        let compare symmetric product =
            // The cotangent of a unit vector counts along the sphere alone.
            let normalised v = v / Tensor.sqrt (Tensor.sum (v * v))
            let adjoint (theta, v) = reading (KrylovRecursion.factors symmetric product k theta (normalised v))
            let loop (theta, v) = reading (KrylovRecursion.forward product k (theta, normalised v))

            nearTrees 1e-8 (Diff.grad loop (theta, unit)) (Diff.grad adjoint (theta, unit))

        compare true positive
        compare false general
        compare false positive

[<Fact>]
let ``at full length the sum of the diagonal is the trace, with its gradient, whatever the spectrum`` () =
    // Eigenvalues over ten decades: without reorthogonalisation the recursion would have lost the basis after some steps.
    let n = 40
    let q = Random.orthogonal (Random.key 19) n n
    let logs = Tensor.ofArray (Array.init n (fun i -> -23.0 * float i / float (n - 1)))
    let product logs v = Tensor.matmul q (Tensor.exp logs * Tensor.matmul v q)
    let start = normal 20 [ n ]
    let sum logs = Tensor.sum (DifferentiableLanczos.decompose n product logs start).Alpha
    let value, gradient = Diff.valueAndGrad sum logs
    near 1e-12 (Tensor.sum (Tensor.exp logs)) value
    near 1e-11 (Tensor.exp logs) gradient

[<Fact>]
let ``an invariant space ends the steps; derivatives are those of the steps taken`` () =
    // The start has parts in three eigenvectors of a diagonal matrix.
    let product (s: Tensor) v = Tensor.exp s * v
    let s = 0.5 * normal 21 [ 8 ]
    let start = Tensor.ofArray [| 1.0; 0.0; -2.0; 0.0; 0.5; 0.0; 0.0; 0.0 |]
    let of' k (s, start) = DifferentiableLanczos.decompose k product s start
    let six = of' 6 (s, start)
    Assert.Equal<float[]>([| 1.0; 1.0; 1.0; 0.0; 0.0; 0.0 |], six.Active.toArray ())
    Assert.Equal<float[]>(Array.zeroCreate 3, (six.Beta.toArray ())[2..])
    Assert.Equal<float[]>(Array.zeroCreate 3, (six.Alpha.toArray ())[3..])
    Assert.Equal<float[]>(Array.zeroCreate 24, (six.Basis.toArray ())[24..])
    Assert.Equal<float[]>(Array.zeroCreate 8, six.Remainder.toArray ())

    // What is asked of the steps that were not taken must not matter, so everything is read.
    let weights = normal 22 [ 6; 8 ]

    let read k arguments =
        let t = of' k arguments
        let padded = Tensor.sum (t.Basis * Tensor.slice 0 0 k 1 weights)
        padded + Tensor.sum (Tensor.sin t.Alpha) + Tensor.sum (t.Beta * t.Beta) + Tensor.sum t.Remainder

    let long, short = Diff.grad (read 6) (s, start), Diff.grad (read 3) (s, start)
    Assert.All(Tree.leaves long, fun t -> Assert.True(Array.forall System.Double.IsFinite (t.toArray ())))
    nearTrees 1e-12 short long
    let _, forward = Diff.jvp (read 6) (s, start) (normal 23 [ 8 ], normal 24 [ 8 ])
    Assert.True(System.Double.IsFinite(forward.item ()))

    // The same for Arnoldi.
    let arnoldi k (s, start) =
        let t = DifferentiableArnoldi.decompose k product s start
        Tensor.sum (Tensor.sin t.Hessenberg) + Tensor.sum (t.Basis * Tensor.slice 0 0 k 1 weights)

    nearTrees 1e-12 (Diff.grad (arnoldi 3) (s, start)) (Diff.grad (arnoldi 6) (s, start))

[<Fact>]
let ``compiled as eager, mapped as stacked, jets as nested forward mode`` () =
    let w, s = parameters 25 7

    let read (s, start) =
        let t = DifferentiableLanczos.decompose 4 positive (w, s) start
        Tensor.sum (Tensor.sin t.Alpha) + Tensor.sum (t.Beta * t.Beta) + Tensor.sum (t.Remainder * t.Basis)

    let x = s, normal 27 [ 7 ]
    nearTrees 1e-12 (Diff.valueAndGrad read x) (Diff.compile (Diff.valueAndGrad read) x)
    let starts = normal 28 [ 3; 7 ]
    let mapped = Diff.vmap (fun start -> Diff.grad read (s, start)) starts

    let stacked = [ for i in 0..2 -> Diff.grad read (s, Tensor.reshape [ 7 ] (Tensor.slice 0 i (i + 1) 1 starts)) ]

    near 1e-11 (Tensor.stack 0 (List.map fst stacked)) (fst mapped)
    near 1e-11 (Tensor.stack 0 (List.map snd stacked)) (snd mapped)
    let direction = normal 29 [ 7 ], normal 30 [ 7 ]
    let along f x = snd (Diff.jvp f x direction)
    let jet = Diff.jet 2 read x direction
    near 1e-10 (along read x) jet[1]
    near 1e-9 (along (along read) x) jet[2]

[<Fact>]
let ``Hessians of what is read from it are symmetric`` () =
    let w, s = parameters 31 6
    let start = normal 33 [ 6 ]

    let read s =
        let t = DifferentiableLanczos.decompose 3 positive (w, s) start
        Tensor.sum (t.Alpha * t.Alpha) + Tensor.sum (Tensor.log t.Beta)

    let hessian = Diff.hessian read s
    near 1e-10 hessian (Tensor.transpose hessian)
    near 1e-10 (Tensor.matmul hessian start) (Diff.hvp read s start)

[<Fact>]
let ``what cannot be is refused by name`` () =
    let product (s: Tensor) (v: Tensor) = s * v
    let s = Tensor.ones [ 3 ]
    let text = message (fun () -> DifferentiableLanczos.decompose 0 product s (Tensor.ones [ 3 ]))

    Assert.Equal(
        "DifferentiableLanczos.decompose: 0 steps from a start of shape [3]; wanted at least one step and a vector [n] (Tree.ravel makes one of a tree)",
        text
    )

    let text = message (fun () -> DifferentiableArnoldi.decompose 2 product s (Tensor.zeros [ 3 ]))
    Assert.Equal("DifferentiableArnoldi.decompose: a start vector of norm 0; wanted a finite norm above zero", text)

    let text =
        message (fun () -> DifferentiableLanczos.decompose 2 (fun s v -> Tensor.sum (s * v)) s (Tensor.ones [ 3 ]))

    Assert.Equal(
        "DifferentiableLanczos.decompose: the product of a vector of shape [3] has shape []; a product A(θ)v has the shape of v",
        text
    )

    let captured s = Tensor.sum (DifferentiableLanczos.decompose 2 (fun () v -> product s v) () (Tensor.sin s)).Alpha

    let text = message (fun () -> Diff.grad captured s)
    Assert.Contains("make it an argument of the function", text)

[<Fact>]
let ``a gradient takes memory for a few bases, not for one basis a step`` () =
    let arena k =
        let n = 1000
        let product (s: Tensor) (v: Tensor) = Tensor.exp s * v
        let start = normal 34 [ n ]
        let read s = Tensor.sum (DifferentiableLanczos.decompose k product s start).Alpha
        let plan = Diff.plan (Diff.grad read) (Tensor.zeros [ n ])
        float plan.ArenaBytes / float (8 * k * n)

    for k in [ 20; 40 ] do
        Assert.InRange(arena k, 1.0, 5.0)
