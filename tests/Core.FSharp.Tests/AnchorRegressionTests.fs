/// What users of other libraries ran into or asked for, one case each, by the public issue that it answers.
module Hesse.Tests.AnchorRegressionTests

open System
open Hesse
open Xunit

let private equals (expected: float) (actual: Tensor) = Check.number "value" 1e-12 expected (actual.item ())

let private sine = Tensor.sin >> Tensor.sum

/// Issue, what it is about, and the check.
let private cases: (string * string * (unit -> unit)) list = [
    "DiffSharp/DiffSharp#328",
    "Hessian of an affine function",
    (fun () ->
        Check.tensors
            "zero"
            0.0
            (Tensor.zeros [ 2; 2 ])
            (Diff.hessian (fun (x: Tensor) -> Tensor.sum (3.0 * x) + 1.0) (vector [ 1.0; 2.0 ])))
    "DiffSharp/DiffSharp#328",
    "Hessian of a constant",
    (fun () ->
        Check.tensors
            "zero"
            0.0
            (Tensor.zeros [ 2; 2 ])
            (Diff.hessian (fun (_: Tensor) -> scalar 1.0) (vector [ 1.0; 2.0 ])))
    "DiffSharp/DiffSharp#328",
    "Hessian of a piecewise linear function",
    (fun () ->
        Check.tensors
            "zero"
            0.0
            (Tensor.zeros [ 2; 2 ])
            (Diff.hessian (Tensor.relu >> Tensor.sum) (vector [ 1.0; -2.0 ])))
    "DiffSharp/DiffSharp#328",
    "Hessian-vector product and jet of a linear function",
    (fun () ->
        Check.tensors "hvp" 0.0 (Tensor.zeros [ 2 ]) (Diff.hvp Tensor.sum (vector [ 1.0; 2.0 ]) (Tensor.ones [ 2 ]))
        equals 0.0 (Array.last (Diff.jet 2 Tensor.sum (vector [ 1.0; 2.0 ]) (Tensor.ones [ 2 ]))))
    "DiffSharp/DiffSharp#437",
    "derivative of a function from a number to a vector",
    (fun () ->
        Check.tensors
            "cos"
            1e-15
            (vector [ Math.Cos 0.3; 1.0 ])
            (Diff.derivative 1 (fun t -> Tensor.stack 0 [ Tensor.sin t; t ]) (scalar 0.3)))
    "DiffSharp/DiffSharp#437",
    "Jacobian of a function between matrices",
    (fun () ->
        Check.shapes
            "Jacobian"
            [| 2; 2; 2; 3 |]
            (Diff.jacobian (fun (x: Tensor) -> Tensor.matmul x (Tensor.transpose x)) (varied 1 [ 2; 3 ])).Shape)
    "fsprojects/Furnace#30",
    "Jacobian-vector product from a matrix to a matrix",
    (fun () ->
        Check.tensors
            "jvp"
            1e-15
            (2.0 * varied 1 [ 2; 3 ])
            (snd (Diff.jvp Tensor.square (varied 1 [ 2; 3 ]) (Tensor.ones [ 2; 3 ]))))
    "amirgholami/PyHessian#8",
    "a parameter without influence has gradient and curvature zero",
    (fun () ->
        let loss (a: Tensor, _: Tensor) = Tensor.sum (a * a)
        Check.tensors "gradient" 0.0 (Tensor.zeros [ 3 ]) (snd (Diff.grad loss (Tensor.ones [ 2 ], Tensor.ones [ 3 ])))

        let _, product =
            Diff.hvp loss (Tensor.ones [ 2 ], Tensor.ones [ 3 ]) (Tensor.ones [ 2 ], Tensor.ones [ 3 ])

        Check.tensors "product" 0.0 (Tensor.zeros [ 3 ]) product)
    "amirgholami/PyHessian#17",
    "eigenvalues of a symmetric matrix are real numbers",
    (fun () ->
        Check.tensors
            "eigenvalues"
            1e-14
            (vector [ 1.0; 3.0 ])
            (Linalg.eigvalsh (Tensor.ofArray2D (array2D [ [ 2.0; 1.0 ]; [ 1.0; 2.0 ] ]))))
    "amirgholami/PyHessian#10",
    "the Hessian block of one layer",
    (fun () ->
        let loss (a: Tensor, b: Tensor) = sine (a * b)
        let block b = Diff.hessian (fun a -> loss (a, b)) (vector [ 0.3 ])
        Check.tensors "block" 1e-15 (Tensor.reshape [ 1; 1 ] (scalar (-4.0 * Math.Sin 0.6))) (block (vector [ 2.0 ])))
    "jax-ml/jax#2431",
    "jets of a slice, a linear solve, an inverse and a custom rule",
    (fun () ->
        let double = Diff.customDerivative (fun (x: Tensor) -> x * x) (fun x _ dx -> 2.0 * x * dx)
        let matrix (x: Tensor) = Tensor.eye 2 + Tensor.matmul (Tensor.reshape [ 2; 1 ] x) (Tensor.reshape [ 1; 2 ] x)

        let f (x: Tensor) =
            Tensor.sum (Linalg.solve (matrix x[..1]) (Tensor.reshape [ 2; 1 ] (double x[1..])))
            + Tensor.sum (Linalg.inverse (matrix x[1..]))

        let x, v = vector [ 0.3; -0.2; 0.5 ], vector [ 1.0; 0.4; -0.7 ]
        let rec nested k (g: Tensor -> Tensor) = if k = 0 then g else nested (k - 1) (fun x -> snd (Diff.jvp g x v))
        Array.iteri (fun k c -> Check.tensors $"order {k}" 1e-11 (nested k f x) c) (Diff.jet 4 f x v))
    "jax-ml/jax#29624",
    "jets give f⁽ᵏ⁾ with the factorials in their place",
    (fun () ->
        Array.iteri
            (fun k c -> equals (Math.Pow(2.0, float k) * Math.Exp 0.6) c)
            (Diff.jet 9 (fun x -> Tensor.exp (2.0 * x)) (scalar 0.3) (scalar 1.0)))
    "jax-ml/jax#5152",
    "mixed partial derivatives by nesting",
    (fun () ->
        let f (x: Tensor) = x[0] * x[0] * x[1] ** 3.0
        let along v g (x: Tensor) = snd (Diff.jvp g x v)
        let e0, e1 = vector [ 1.0; 0.0 ], vector [ 0.0; 1.0 ]
        equals 24.0 ((f |> along e0 |> along e0 |> along e1) (vector [ 1.0; 2.0 ])))
    "jax-ml/jax#18902",
    "the Laplacian respects custom derivatives",
    (fun () ->
        let square = Diff.customDerivative (fun (x: Tensor) -> x * x) (fun x _ dx -> 3.0 * x * dx)
        equals 9.0 (Diff.laplacian (square >> Tensor.sum) (vector [ 1.0; 2.0; 3.0 ])))
    "y1xiaoc/fwdlap#4",
    "single second derivatives, not only their sum",
    (fun () ->
        let second i =
            Diff.jet
                2
                (fun (x: Tensor) -> Tensor.sum (x ** 3.0))
                (vector [ 1.0; 2.0 ])
                (vector [ (if i = 0 then 1.0 else 0.0); (if i = 1 then 1.0 else 0.0) ])

        equals 6.0 (Array.last (second 0))
        equals 12.0 (Array.last (second 1)))
    "jax-ml/jax#1032",
    "a sparse Jacobian takes few directions",
    (fun () ->
        Assert.Equal(
            3,
            (Sparse.jacobian (fun (x: Tensor) -> x[..8] * x[1..9] + Tensor.sin x[2..10]) (Tensor.ones [ 11 ])).Colours
        ))
    "jax-ml/jax#3801",
    "the diagonal of a separable Hessian in one product",
    (fun () ->
        Check.tensors
            "diagonal"
            1e-15
            (-Tensor.sin(vector [ 1.0; 2.0 ]))
            (Diff.hvp sine (vector [ 1.0; 2.0 ]) (Tensor.ones [ 2 ])))
    "pytorch/pytorch#154284",
    "nested Hessians compile",
    (fun () ->
        let f (x: Tensor) = Tensor.sum (x ** 4.0)
        let fourth = Diff.compile (Diff.hessian (fun x -> Tensor.sum (Diff.hessian f x)))
        Check.tensors "24" 1e-12 (24.0 * Tensor.eye 2) (fourth (vector [ 0.7; -0.4 ])))
    "pytorch/pytorch#93270",
    "order eight by jets",
    (fun () -> equals (Math.Sin 0.4) (Diff.derivative 8 Tensor.sin (scalar 0.4)))
    "pytorch/functorch#611",
    "randomness under vmap: a key per example",
    (fun () ->
        Check.tensors
            "draws"
            0.0
            (Tensor.stack 0 (Random.split 3 (Random.key 1) |> Array.map (fun k -> Random.normal k [ 2 ])))
            (Diff.vmap (fun k -> Random.normal k [ 2 ]) (Random.splitKeys 3 (Random.key 1))))
    "pytorch/functorch#611",
    "randomness under vmap: the same numbers for every example when the key is closed over",
    (fun () ->
        let draws = Diff.vmap (fun (x: Tensor) -> x + Random.normal (Random.key 1) []) (Tensor.zeros [ 2 ])
        Check.tensors "draws" 0.0 (Tensor.full [ 2 ] ((Random.normal (Random.key 1) []).item())) draws)
    "pytorch/functorch#1117",
    "batch statistics under vmap change no hidden state",
    (fun () ->
        let normalised (x: Tensor) = (x - Tensor.mean x) / Tensor.std x
        let x = varied 1 [ 2; 5 ]
        Check.tensors "twice" 0.0 (Diff.vmap normalised x) (Diff.vmap normalised x))
    "google/neural-tangents#199",
    "structured derivatives through an embedding",
    (fun () ->
        let f (table: Tensor) = Tensor.tanh (Tensor.gather 0 (vector [ 1.0; 0.0; 1.0 ]) table)
        let table = varied 1 [ 3; 2 ]
        Check.tensors "Jacobian" 1e-14 (Diff.jacfwd f table) (Diff.jacrev f table))
    "dotnet/TorchSharp#1278",
    "a step allocates nothing that somebody must free",
    (fun () -> Assert.False(typeof<IDisposable>.IsAssignableFrom typeof<Tensor>))
    "kink",
    "relu′(0) = 0, |x|′(0) = 0, sign′ = 0",
    (fun () ->
        equals 0.0 (Diff.grad Tensor.relu (scalar 0.0))
        equals 0.0 (Diff.grad Tensor.abs (scalar 0.0))
        equals 0.0 (Diff.grad Tensor.sign (scalar 0.0)))
    "kink",
    "the maximum shares its derivative among ties",
    (fun () -> Check.tensors "half" 0.0 (vector [ 0.5; 0.5 ]) (Diff.grad Tensor.max (vector [ 1.0; 1.0 ])))
    "norm at 0",
    "‖x‖ has derivative 0 at 0",
    (fun () -> Check.tensors "gradient" 0.0 (Tensor.zeros [ 2 ]) (Diff.grad Tensor.norm (Tensor.zeros [ 2 ])))
    "perturbation confusion",
    "D (x ↦ x · D (y ↦ x + y)) is 1",
    (fun () -> equals 1.0 (Diff.grad (fun x -> x * Diff.grad (fun y -> x + y) (scalar 1.0)) (scalar 1.0)))
    "NaN-safe where",
    "log of a guarded argument",
    (fun () ->
        let safeLog (x: Tensor) =
            let inside = Tensor.greater x (scalar 0.0)
            Tensor.where inside (Tensor.log (Tensor.where inside x (scalar 1.0))) (scalar 0.0)

        Check.tensors "gradient" 0.0 (vector [ 0.0; 0.5 ]) (Diff.grad (safeLog >> Tensor.sum) (vector [ -1.0; 2.0 ])))
    "empty tensors",
    "gradient, Hessian, Jacobian and vmap of nothing",
    (fun () ->
        let empty = Tensor.zeros [ 0 ]
        Check.shapes "gradient" [| 0 |] (Diff.grad sine empty).Shape
        Check.shapes "Hessian" [| 0; 0 |] (Diff.hessian sine empty).Shape
        Check.shapes "Jacobian" [| 0; 0 |] (Diff.jacobian Tensor.sin empty).Shape
        Check.shapes "vmap" [| 0; 2 |] (Diff.vmap (fun (x: Tensor) -> x * Tensor.ones [ 2 ]) empty).Shape
        equals 0.0 (Diff.compile sine empty))
    "unused leaf",
    "a leaf that only a branch not taken would use",
    (fun () ->
        let loss (p: Map<string, Tensor>) = p["a"] * p["a"]
        equals 0.0 (Map.find "b" (Diff.grad loss (Map.ofList [ "a", scalar 1.0; "b", scalar 2.0 ]))))
]

let caseNumbers: TheoryData<int, string, string> =
    let data = TheoryData<int, string, string>()
    cases |> List.iteri (fun i (issue, about, _) -> data.Add(i, issue, about))
    data

[<Theory; MemberData(nameof caseNumbers)>]
let ``is answered`` (index: int) (issue: string) (about: string) =
    let expectedIssue, expectedAbout, check = cases[index]
    Assert.Equal((expectedIssue, expectedAbout), (issue, about))
    check ()
