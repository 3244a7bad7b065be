/// Functions whose derivative the user gives, through every transformation.
module Hesse.Tests.CustomTests

open Hesse
open Xunit

let private x = Tensor.ofArray [| 0.3; -1.2; 0.7; 2.0 |]
let private v = Tensor.ofArray [| 1.0; 0.5; -2.0; 0.25 |]

/// sin with its true derivative, and with three times it: the latter can only come from the rule.
let private ownSin factor =
    Diff.customDerivative Tensor.sin (fun (x: Tensor) (_: Tensor) dx -> factor * Tensor.cos x * dx)

let private viaPullback factor =
    Diff.customPullback Tensor.sin (fun (x: Tensor) (_: Tensor) ct -> factor * Tensor.cos x * ct)

/// exp whose rule uses its own result, and so itself again at higher order.
let private ownExp = Diff.customDerivative Tensor.exp (fun (_: Tensor) (y: Tensor) dx -> y * dx)

let private everyTransformation (own: Tensor -> Tensor) (plain: Tensor -> Tensor) =
    let total f (x: Tensor) = Tensor.sum (f x * f x)
    let same what tolerance f = Check.tensors what tolerance (f plain) (f own)
    same "value" 0.0 (fun f -> f x)
    same "jvp" 1e-14 (fun f -> snd (Diff.jvp f x v))
    same "vjp" 1e-14 (fun f -> snd (Diff.vjp f x) v)
    same "grad" 1e-14 (fun f -> Diff.grad (total f) x)
    same "hessian" 1e-13 (fun f -> Diff.hessian (total f) x)
    same "hvp" 1e-13 (fun f -> Diff.hvp (total f) x v)
    same "jacrev" 1e-14 (fun f -> Diff.jacrev f x)
    same "jacfwd" 1e-14 (fun f -> Diff.jacfwd f x)
    same "laplacian" 1e-13 (fun f -> Diff.laplacian (total f) x)
    same "jet 5" 1e-11 (fun f -> (Diff.jet 5 f x v)[5])
    same "vmap" 0.0 (fun f -> Diff.vmap f x)
    same "grad of vmap" 1e-14 (fun f -> Diff.grad (fun x -> Tensor.sum (Diff.vmap f x * v)) x)
    same "vmap of grad" 1e-14 (fun f -> Diff.vmap (Diff.grad f) x)
    same "vmap of jet 4" 1e-12 (fun f -> Diff.vmap (fun x -> (Diff.jet 4 f x (Tensor.scalar 1.0))[4]) x)
    same "compiled gradient" 1e-14 (fun f -> Diff.compile (Diff.grad (total f)) x)

    same "gradient of a squared gradient" 1e-12 (fun f ->
        Diff.grad (fun x -> Tensor.sum (Tensor.square (Diff.grad (total f) x))) x)

[<Fact>]
let ``the true rule changes nothing, in any transformation`` () =
    everyTransformation (ownSin 1.0) Tensor.sin
    everyTransformation ownExp Tensor.exp

[<Fact>]
let ``a pullback serves forward mode, jets and batches too`` () = everyTransformation (viaPullback 1.0) Tensor.sin

[<Fact>]
let ``the rule is what is used, at every order`` () =
    for own in [ ownSin 3.0; viaPullback 3.0 ] do
        Check.tensors "first" 1e-14 (3.0 * Tensor.cos x) (Diff.grad (fun x -> Tensor.sum (own x)) x)
        // The rule is differentiated in turn: d/dx 3 cos x = −3 sin x.
        Check.tensors "second" 1e-14 (-3.0 * Tensor.sin x) (Diff.jet 2 own x (Tensor.ones [ 4 ])).[2]
        Check.tensors "batched" 1e-14 (3.0 * Tensor.cos x) (Diff.vmap (Diff.grad own) x)

[<Fact>]
let ``several arguments and results; an argument without tangent counts as constant`` () =
    let f (a: Tensor, b: Tensor) = a * b, Tensor.sum a

    let rule (a: Tensor, b: Tensor) (_: Tensor * Tensor) (da: Tensor, db: Tensor) =
        2.0 * (da * b + a * db), 5.0 * Tensor.sum da

    let own = Diff.customDerivative f rule
    let a, b = x, v
    let (_, _), (dp, ds) = Diff.jvp own (a, b) (Tensor.ones [ 4 ], Tensor.zeros [ 4 ])
    Check.tensors "product" 1e-14 (2.0 * b) dp
    Check.tensors "sum" 1e-14 (Tensor.scalar 20.0) ds
    let gradient = Diff.grad (fun a -> let p, s = own (a, b) in Tensor.sum p + s) a
    Check.tensors "gradient in one argument" 1e-14 (2.0 * b + 5.0) gradient

[<Fact>]
let ``a value from outside is kept under vmap and compile`` () =
    let scaled (w: Tensor) =
        Diff.customDerivative (fun (x: Tensor) -> w * x) (fun (_: Tensor) (_: Tensor) dx -> 10.0 * w * dx)

    let gradients = Diff.vmap (fun (w, x) -> Diff.grad (fun x -> scaled w x) x) (v, x)
    Check.tensors "per example" 1e-14 (10.0 * v) gradients
    Check.tensors "compiled" 1e-14 (10.0 * v) (Diff.compile (fun w -> Diff.grad (fun x -> Tensor.sum (scaled w x)) x) v)

[<Fact>]
let ``differentiating a value from outside is an error that says what to do`` () =
    let f (w: Tensor) =
        Tensor.sum (
            Diff.customDerivative
                (fun (x: Tensor) -> w * x * x)
                (fun (x: Tensor) (_: Tensor) dx -> 2.0 * x * dx)
                (w + x)
        )

    Check.fails
        "customDerivative: the function uses a value from outside that is being differentiated, and its rule says nothing of that; make it an argument of the function, or take Tensor.stopGradient of it"
        (fun () -> Diff.grad f v)

[<Fact>]
let ``a rule whose result has another shape is an error`` () =
    let wrong =
        Diff.customDerivative Tensor.sin (fun (x: Tensor) (_: Tensor) (dx: Tensor) -> Tensor.sum (x * dx))

    Check.fails
        "customDerivative: the tangent of the rule has shapes [], expected [4]; give one tensor of the same shape for each"
        (fun () -> Diff.grad (fun x -> Tensor.sum (wrong x)) x)

[<Fact>]
let ``a plan holds no trace of the rule`` () = Assert.Equal(Diff.explain Tensor.sin x, Diff.explain (ownSin 3.0) x)
