module Hesse.Theory.Tests.Curvature.LinearOperatorModuleTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

[<Fact>]
let ``a matrix operator multiplies`` () =
    let n = 5
    let a = symmetric 1 n
    let operator = LinearOperator.ofMatrix n a
    let v = (Random.normal (Random.key 2) [ n ]).toArray()
    let expected = Array.init n (fun i -> Seq.sum (seq { for j in 0 .. n - 1 -> a[i * n + j] * v[j] }))
    close 1e-13 expected (operator.Apply v)
    let rows = operator.ApplyRows (Array.append v v) 2
    close 1e-13 (Array.append expected expected) rows

[<Theory>]
[<InlineData(1)>]
[<InlineData(3)>]
[<InlineData(7)>]
[<InlineData(100)>]
let ``the dense matrix does not depend on the batch`` (batch: int) =
    let a = symmetric 3 7
    close 1e-13 a (LinearOperator.toDense batch (LinearOperator.ofMatrix 7 a))

[<Fact>]
let ``the Hessian of a quadratic is its matrix`` () =
    let n = 6
    let a = symmetric 4 n
    let matrix = Tensor.create [ n; n ] a
    let loss (x: Tensor) = 0.5 * Tensor.dot x (Tensor.matmul matrix x) + Tensor.sum x
    close 1e-12 a (LinearOperator.toDense 4 (LinearOperator.hessian loss (Random.normal (Random.key 5) [ n ])))

[<Fact>]
let ``the Hessian operator of a tree agrees with Diff.hessian of the raveled loss`` () =
    let layers = Mlp.init (Random.key 6) 1.0 [ 3; 4; 2 ]
    let x, y = Random.normal (Random.key 7) [ 5; 3 ], Random.normal (Random.key 8) [ 5; 2 ]
    let loss p = Losses.meanSquaredError (Mlp.apply Tensor.tanh p x) y
    let theta, unravel = Tree.ravel layers
    let expected = (Diff.hessian (unravel >> loss) theta).toArray()
    close 1e-12 expected (LinearOperator.toDense 8 (LinearOperator.hessian loss layers))

[<Theory>]
[<InlineData(64)>]
[<InlineData(1500)>]
[<InlineData(6000)>]
let ``many products are the single ones, however many the caches have room for`` (samples: int) =
    let layers = Mlp.init (Random.key 6) 1.0 [ 2; 32; 1 ]
    let x, y = Random.normal (Random.key 7) [ samples; 2 ], Random.normal (Random.key 8) [ samples; 1 ]
    let loss p = Losses.meanSquaredError (Mlp.apply Tensor.tanh p x) y
    let operator = LinearOperator.hessian loss layers

    for rows in [ 1; 2; 4; 7 ] do
        let v = (Random.normal (Random.key rows) [ rows; operator.Size ]).toArray()
        let single i = operator.Apply(Array.sub v (i * operator.Size) operator.Size)
        close 1e-12 (Array.init rows single |> Array.concat) (operator.ApplyRows v rows)

/// Logistic and linear regression: f = X w.
let private design = Random.normal (Random.key 9) [ 12; 4 ]

[<Fact>]
let ``linear regression has Hessian XᵀX over n, and the Gauss–Newton matrix is the same`` () =
    let targets = Random.normal (Random.key 10) [ 12; 1 ]
    let model (w: Tensor) = Tensor.matmul design (Tensor.reshape [ 4; 1 ] w)
    let loss f = Losses.meanSquaredError f targets
    let expected = (Tensor.matmul (Tensor.transpose design) design / 12.0).toArray()
    let w = Random.normal (Random.key 11) [ 4 ]
    close 1e-13 expected (LinearOperator.toDense 2 (LinearOperator.hessian (model >> loss) w))
    close 1e-13 expected (LinearOperator.toDense 2 (LinearOperator.gaussNewton model loss w))

[<Fact>]
let ``logistic regression has Hessian Xᵀ diag(p(1 − p)) X over n`` () =
    let label = Tensor.create [ 12; 1 ] (Array.init 12 (fun i -> float (i % 2)))
    let model (w: Tensor) = Tensor.matmul design (Tensor.reshape [ 4; 1 ] w)
    // log(1 + eᶠ) − t f
    let loss (f: Tensor) = Tensor.sum (Tensor.log1p (Tensor.exp f) - label * f) / 12.0
    let w = Random.normal (Random.key 12) [ 4 ]
    let p = Tensor.sigmoid (model w)
    let weighted = design * (p * (1.0 - p))
    let expected = (Tensor.matmul (Tensor.transpose design) weighted / 12.0).toArray()
    close 1e-13 expected (LinearOperator.toDense 3 (LinearOperator.hessian (model >> loss) w))
    close 1e-13 expected (LinearOperator.toDense 3 (LinearOperator.gaussNewton model loss w))

[<Fact>]
let ``a vector of the wrong length is refused`` () =
    let operator = LinearOperator.ofMatrix 3 (symmetric 1 3)
    let e = Assert.Throws<HesseException>(fun () -> operator.Apply [| 1.0; 2.0 |] |> ignore)
    Assert.Contains("2 numbers together, wanted 3 numbers each", e.Message)

[<Fact>]
let ``operators of float32 parameters take and give float64 vectors`` () =
    let x, y = Tensor.ofArray [| 0.3; -0.8; 0.5 |], Tensor.ofArray [| 0.1; 0.2; -0.4 |]
    let model (c: Tensor -> Tensor) (w: Tensor) = Tensor.tanh (c x * w)
    let loss c (z: Tensor) = Tensor.sum (Tensor.square (z - c y))
    let w, v = Tensor.ofArray [| 1.0; 0.5; -0.7 |], [| 0.2; -0.6; 1.0 |]
    let near (a: float[]) (b: float[]) = Array.iter2 (fun p q -> Assert.Equal(p, q, 1e-6)) a b

    let both make = make id w, make Tensor.toFloat32 (Tensor.toFloat32 w)
    let wide, single = both (fun c w -> LinearOperator.hessian (model c >> loss c) w)
    near (wide.Apply v) (single.Apply v)
    let wide, single = both (fun c w -> LinearOperator.gaussNewton (model c) (loss c) w)
    near (wide.Apply v) (single.Apply v)

[<Fact>]
let ``operators of any shape: dense, from linear functions, from arrays`` () =
    let a = normal 13 [ 3; 5 ]
    isMatrix 1e-13 a (LinearOperator.ofDense 3 5 a)
    let matrix = Tensor.create [ 3; 5 ] a
    isMatrix 1e-13 a (LinearOperator.ofLinear 5 (fun v -> Tensor.einsum "ij,j->i" [ matrix; v ]))
    let times m n (b: float[]) v = product m n 1 b v
    isMatrix 1e-13 a (LinearOperator.create "arrays" 3 5 (times 3 5 a) (times 5 3 (transposed 3 5 a)))
    let s = symmetric 14 4
    isMatrix 1e-13 s (LinearOperator.symmetric "arrays" 4 (times 4 4 s))
    Assert.True((LinearOperator.ofMatrix 4 s).Symmetric)
    Assert.False((LinearOperator.ofDense 4 4 s).Symmetric)

[<Fact>]
let ``identity, diagonal, shift and congruence`` () =
    let d = [| 1.0; -2.0; 0.5 |]
    let diagonal = [| 1.0; 0.0; 0.0; 0.0; -2.0; 0.0; 0.0; 0.0; 0.5 |]
    isMatrix 0.0 [| 1.0; 0.0; 0.0; 1.0 |] (LinearOperator.identity 2)
    isMatrix 0.0 diagonal (LinearOperator.diagonal d)
    let s = symmetric 15 3
    let shifted = LinearOperator.shifted 0.25 (LinearOperator.ofMatrix 3 s)
    isMatrix 1e-14 (Array.mapi (fun q x -> if q % 4 = 0 then x + 0.25 else x) s) shifted
    Assert.True shifted.Symmetric
    let b = normal 16 [ 3; 2 ]
    let expected = product 2 3 2 (product 2 3 3 (transposed 3 2 b) s) b
    let congruence = LinearOperator.congruence (LinearOperator.ofDense 3 2 b)
    let both = congruence (LinearOperator.ofMatrix 3 s)
    isMatrix 1e-13 expected both
    Assert.True both.Symmetric
    Assert.False((congruence (LinearOperator.ofDense 3 3 s)).Symmetric)

[<Fact>]
let ``sums and norms of rows and columns`` () =
    let a = normal 17 [ 4; 3 ]
    let operator = LinearOperator.ofDense 4 3 a
    let row i = a[3 * i .. 3 * i + 2]
    let column j = Array.init 4 (fun i -> a[3 * i + j])
    let norm (x: float[]) = sqrt (Array.sumBy (fun t -> t * t) x)
    close 1e-14 (Array.init 4 (row >> Array.sum)) (LinearOperator.rowSums operator)
    close 1e-14 (Array.init 3 (column >> Array.sum)) (LinearOperator.columnSums operator)

    for batch in [ 1; 2; 3; 50 ] do
        close 1e-14 (Array.init 4 (row >> norm)) (LinearOperator.rowNorms batch operator)
        close 1e-14 (Array.init 3 (column >> norm)) (LinearOperator.columnNorms batch operator)

[<Fact>]
let ``a counter counts products of both kinds, one for each vector`` () =
    let operator, counter = LinearOperator.counted (LinearOperator.ofDense 2 3 (normal 18 [ 2; 3 ]))
    operator.Apply(normal 19 [ 3 ]) |> ignore
    operator.ApplyRows (normal 20 [ 4; 3 ]) 4 |> ignore
    operator.ApplyTranspose(normal 21 [ 2 ]) |> ignore
    Assert.Equal((5L, 1L, 6L), (counter.Forward, counter.Transposed, counter.Total))
    let operator, counter = LinearOperator.counted (LinearOperator.ofMatrix 3 (symmetric 22 3))
    LinearOperator.toDense 2 operator |> ignore
    // Two blocks of two rows cover three unit vectors.
    Assert.Equal((4L, 0L), (counter.Forward, counter.Transposed))

[<Fact>]
let ``what is no linear vector function is refused`` () =
    fails [ "not linear"; "sin" ] (fun () -> LinearOperator.ofLinear 2 Tensor.sin |> ignore)

    fails [ "tensor of rank 2; want a vector; flatten the result" ] (fun () ->
        LinearOperator.ofLinear 2 (Tensor.reshape [ 1; 2 ]) |> ignore)

    fails [ "'negative' of shape [-1; 2]" ] (fun () -> LinearOperator.create "negative" -1 2 id id |> ignore)
