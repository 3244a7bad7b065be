/// Programs that `make_values.py` evaluates in PyTorch, written in Hesse: special functions, order, linear algebra, transformations.
module internal Hesse.Tests.Peer.Programs

open System
open Hesse
open Hesse.Tests

/// The outputs of a program from its inputs, both by name.
type Program = (string -> Tensor) -> (string * Tensor) list

/// All derivatives to order three of a scalar function of x.
let derivatives (f: Tensor -> Tensor) : Program =
    fun input ->
        let x, v = input "x", input "v"

        [
            "value", f x
            "grad", Diff.grad f x
            "hessian", Diff.hessian f x
            "hvp", Diff.hvp f x v
            "third", snd (Diff.jvp (fun x -> Diff.hvp f x v) x v)
        ]

let flip (x: Tensor) = Tensor.flip 0 x

let private sum = Tensor.sum
let private tame x = 0.9 * Tensor.tanh x
let private cube (x: Tensor) = x ** 3.0
let private matrix rows columns (x: Tensor) = Tensor.reshape [ rows; columns ] x

let private specialFunctions: (string * Program) list = [
    "erfc", derivatives (fun x -> sum (x * Tensor.erfc x))
    "erfcx", derivatives (Tensor.erfcx >> sum)
    "normalCdf", derivatives (fun x -> sum (Tensor.normalCdf x * Tensor.sin x))
    "normalLogCdf", derivatives (Tensor.normalLogCdf >> sum)
    "lgamma", derivatives (fun x -> sum (Tensor.lgamma x * x))
    "digamma", derivatives (fun x -> sum (Tensor.square (Tensor.digamma x)))
    "polygamma", derivatives (Tensor.polygamma 2 >> sum)
    "hyperbolic", derivatives (fun x -> sum (Tensor.sinh x * Tensor.cosh (flip x)))
    "inverseTrigonometric",
    derivatives (fun x -> sum (Tensor.asin (tame x) * Tensor.acos (tame (flip x)) + Tensor.square (Tensor.atan x)))
    "inverseHyperbolic",
    derivatives (fun x -> sum (Tensor.asinh x * Tensor.acosh (1.5 + x * x) + Tensor.atanh (tame x)))
    "atan2",
    derivatives (fun x -> sum (Tensor.square (Tensor.atan2 x (Tensor.gather 0 (vector [ 4.0; 0.0; 1.0; 2.0; 3.0 ]) x))))
    "geluTanh", derivatives (Tensor.geluTanh >> sum)
    "silu", derivatives (Tensor.silu >> sum >> Tensor.square)
    "logSigmoid", derivatives (fun x -> sum (Tensor.logSigmoid x * x))
    "guardedLog",
    derivatives (fun x ->
        let inside = Tensor.greater x (Tensor.scalar 0.0)
        sum (Tensor.where inside (Tensor.log (Tensor.where inside x (Tensor.scalar 1.0))) x))
    "activations",
    (fun input ->
        let x = input "x"

        [
            "gelu", Tensor.gelu x
            "geluTanh", Tensor.geluTanh x
            "silu", Tensor.silu x
            "softplus", Tensor.softplus x
            "logSigmoid", Tensor.logSigmoid x
        ])
    "erfTowerToOrderFour",
    (fun input ->
        let tower = Tensor.erf >> Tensor.sin >> Tensor.erf
        let derivatives = Diff.jet 4 tower (input "x") (Tensor.scalar 1.0)
        [ "derivatives", Tensor.stack 0 derivatives[1..] ])
]

let private ordered: (string * Program) list = [
    "runningSumAndProduct", derivatives (fun x -> sum (Tensor.cumsum 0 x * Tensor.cumprod 0 x))
    "sort", derivatives (fun x -> sum (Tensor.linspace 1.0 6.0 6 * cube (Tensor.sort 0 x)))
    "topK", derivatives (fun x -> Tensor.prod (Tensor.exp (fst (Tensor.topK 0 3 x))))
    "scatterAdd",
    derivatives (fun x ->
        // index_add as the transpose of a gather.
        let _, add = Diff.vjp (Tensor.gather 0 (vector [ 2.0; 0.0; 2.0; 1.0; 1.0 ])) (Tensor.zeros [ 4 ])
        sum (Tensor.sin (add (x * x))))
    "rows",
    derivatives (fun x -> sum (Tensor.prodAxis 1 (cube (Tensor.gather 0 (vector [ 2.0; 0.0; 2.0 ]) (matrix 3 2 x)))))
    "maxOverRows",
    derivatives (fun x ->
        let m = matrix 3 3 x
        sum (cube (Tensor.maxAxis 1 m)) * -sum(Tensor.maxAxis 0 -m))
    "deviation", derivatives (fun x -> Tensor.std x * Tensor.variance (Tensor.exp x))
    "threeNorm", derivatives (fun x -> sum (cube (Tensor.abs x)) ** (1.0 / 3.0) + Tensor.norm x)
    "layerNorm",
    derivatives (fun x ->
        let m = matrix 2 3 x
        let column = Tensor.expandDims 1
        let centred = m - column (Tensor.meanAxis 1 m)
        sum (cube (centred / column (Tensor.sqrt (Tensor.varianceAxis 1 m + 1e-5)))))
    "rowLogSumExp", derivatives (fun x -> sum (Tensor.square (Tensor.logSumExp 1 (matrix 2 3 x))))
    "softmaxPower", derivatives (fun x -> sum (Tensor.softmax 0 x ** 1.5))
]

let private square (x: Tensor) = matrix 3 3 x[..8]
let private shifted x = square x + 3.0 * Tensor.eye 3
let private definite x = Tensor.matmul (square x) (Tensor.transpose (square x)) + Tensor.eye 3
let private symmetric x = square x + Tensor.transpose (square x)
let private lower = Tensor.create [ 3; 3 ] [| 1.0; 0.0; 0.0; 1.0; 1.0; 0.0; 1.0; 1.0; 1.0 |]

let private linearAlgebra: (string * Program) list = [
    "solve", derivatives (fun x -> sum (Tensor.square (Linalg.solve (shifted x) (matrix 3 1 x[9..]))))
    "determinant", derivatives (square >> Linalg.det >> Tensor.square)
    "logDeterminant", derivatives (definite >> Linalg.logdet)
    "inverse", derivatives (shifted >> Linalg.inverse >> cube >> sum)
    "cholesky", derivatives (definite >> Linalg.cholesky >> cube >> sum)
    "triangularSolve",
    derivatives (fun x ->
        let triangle = square x * lower + 3.0 * Tensor.eye 3
        sum (Tensor.square (Linalg.triangularSolve true false triangle (matrix 3 1 x[9..]))))
    "eigenvalues",
    derivatives (fun x -> sum (vector [ 1.0; -2.0; 0.5 ] * Tensor.square (Linalg.eigvalsh (symmetric x))))
    "eigenprojector",
    derivatives (fun x ->
        let _, vectors = Linalg.eigh (symmetric x)
        let first = Tensor.slice 1 0 1 1 vectors
        sum (cube (Tensor.matmul first (Tensor.transpose first))))
    "matrixExponential", derivatives (fun x -> sum (Tensor.square (Linalg.expm (0.5 * square x))))
    "orthonormalFactor", derivatives (square >> Linalg.qr >> fst >> cube >> sum)
]

let private field (x: Tensor) =
    Tensor.stack 0 [ Tensor.sin (x[0] * x[1]); Tensor.exp (x[1] - x[2]); cube x[2] * x[0]; sum (x * x) ]

let private cubic (x: Tensor) = sum (Tensor.sin x) * Tensor.prod x + Tensor.exp (x[0] * x[1])

let private transformations: (string * Program) list = [
    "jacobians",
    (fun input ->
        let x, v = input "x", input "v"
        let _, tangent = Diff.jvp field x v
        let _, pullback = Diff.vjp field x

        [
            "forward", Diff.jacfwd field x
            "reverse", Diff.jacrev field x
            "jvp", tangent
            "vjp", pullback (input "u")
            "second", Diff.jacfwd (Diff.jacrev field) x
            "gaussNewton", pullback tangent
        ])
    "thirdDerivativeTensor", (fun input -> [ "third", Diff.jacfwd (Diff.jacfwd (Diff.jacrev cubic)) (input "x") ])
    "mixedPartials",
    (fun input ->
        let f (x: Tensor, y: Tensor) = sum (Tensor.tanh (sum x * y)) + Tensor.prod (x[..1] * y)
        let inX y = Diff.grad (fun x -> f (x, y)) (input "x")
        [ "mixed", Diff.jacfwd inX (input "y") ])
    "perExampleHessians",
    (fun input ->
        let products = Diff.vmap (fun p -> Diff.hvp cubic p (input "v")) (input "points")
        [ "hessians", Diff.vmap (Diff.hessian cubic) (input "points"); "products", products ])
]

/// Every program of this file, by the name of its case.
let all: (string * Program) list =
    List.concat [ specialFunctions; ordered; linearAlgebra; transformations ]
