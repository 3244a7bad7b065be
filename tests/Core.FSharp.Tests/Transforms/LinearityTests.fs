module Hesse.Tests.Transforms.LinearityTests

open Hesse
open Hesse.Tests
open Xunit

let private x = varied 1 [ 4 ]
let private a = varied 2 [ 3; 4 ]

let private linear: (string * (Tensor -> Tensor)) list = [
    "identity", id
    "matrix", Tensor.matmul a
    "sums and shapes", fun x -> Tensor.concat 0 [ Tensor.reshape [ 2; 2 ] x; Tensor.zeros [ 1; 2 ] ] |> Tensor.sumAxis 1
    "slices", fun x -> 2.0 * x[1..2] - Tensor.flip 0 x[0..1]
    "division", fun x -> x / (2.0 + varied 3 [ 4 ] * varied 3 [ 4 ])
    "masked", fun x -> Tensor.where (Tensor.greater (varied 3 [ 4 ]) (Tensor.zeros [ 4 ])) x (Tensor.zeros [ 4 ])
    "running sum", Tensor.cumsum 0
    "solve", fun x -> Linalg.solve (Tensor.eye 4 + 0.1 * varied 5 [ 4; 4 ]) x
    "derivative in a direction", fun x -> snd (Diff.jvp Tensor.sin (varied 6 [ 4 ]) x)
    "derivative of a loop", fun x -> snd (Diff.jvp (Diff.iterate 3 Tensor.sin) (varied 6 [ 4 ]) x)
    "zero", fun _ -> Tensor.zeros [ 2 ]
]

[<Fact>]
let ``the transpose of a linear function is the adjoint, and its transpose the function`` () =
    for what, f in linear do
        let y = f x
        let ct = varied 9 (List.ofArray y.Shape)
        let back = Diff.linearTranspose f x
        Check.number what 1e-13 (Check.inner y ct) (Check.inner x (back ct))
        Check.tensors $"{what}, same as vjp" 1e-14 (snd (Diff.vjp f x) ct) (back ct)

        if what <> "zero" then
            Check.tensors $"{what}, twice" 1e-13 y (Diff.linearTranspose back ct x)

[<Fact>]
let ``trees, and values inside other transformations`` () =
    let f (x: Tensor, y: Tensor) = {| Sum = Tensor.sum x + Tensor.sum y; Image = Tensor.matmul a x |}
    let tree = x, varied 3 [ 2 ]
    let ct = {| Sum = scalar 2.0; Image = varied 4 [ 3 ] |}
    let dx, dy = Diff.linearTranspose f tree ct
    Check.tensors "x" 1e-14 (2.0 + Tensor.matmul (Tensor.transpose a) ct.Image) dx
    Check.tensors "y" 0.0 (Tensor.full [ 2 ] 2.0) dy
    // ⟨c, scaled by s⟩ᵀ is s c: its derivative by s is c.
    let scaled (s: Tensor) = Tensor.sum (Diff.linearTranspose (fun x -> s * x) x (varied 5 [ 4 ]))
    Check.number "grad" 1e-14 ((Tensor.sum (varied 5 [ 4 ])).item()) ((Diff.grad scaled (scalar 3.0)).item())

[<Fact>]
let ``what is not linear is refused by name`` () =
    let refused reason (f: Tensor -> Tensor) =
        Check.fails
            $"linearTranspose: the function is not linear in its argument: {reason}; use vjp for the transpose of its derivative"
            (fun () -> Diff.linearTranspose f x)

    refused "mul of shapes [4], [4] multiplies values that both depend on it" (fun x -> x * x)
    refused "sin of shapes [4] is not linear in it" (fun x -> Tensor.sum (Tensor.sin x))
    refused "abs of shapes [4] is not linear in it" Tensor.abs
    refused "floor of shapes [4] is piecewise constant in it" Tensor.floor
    refused "stopGradient of shapes [4] is piecewise constant in it" Tensor.stopGradient
    refused "div of shapes [4], [4] divides by a value that depends on it" (fun x -> 1.0 / x)

    refused "add of shapes [4], [4] adds a constant (its argument 1), which makes the function affine" (fun x ->
        x + varied 1 [ 4 ])

    refused "select of shapes [4], [4], [4] is not linear in its argument 0, which depends on it" (fun x ->
        Tensor.where x (Tensor.ones [ 4 ]) (Tensor.zeros [ 4 ]))

    // A loop of the user's own is not looked into; the derivative of a loop is known to be linear.
    refused
        "scan of shapes [4] is not linear in its argument 0, which depends on it"
        (Diff.iterate 2 (fun h -> 2.0 * h))

    refused
        "tensor 0 of the result, of shape [2], is a constant and not zero, which makes the function affine"
        (fun _ -> Tensor.ones [ 2 ])

    Check.fails
        "linearTranspose: the cotangent has shapes [4], expected [3]; give one tensor of the same shape for each"
        (fun () -> Diff.linearTranspose (Tensor.matmul a) x x)
