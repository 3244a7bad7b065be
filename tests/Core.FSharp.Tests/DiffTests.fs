module Hesse.Tests.DiffTests

open System
open Hesse
open Xunit

let private is (expected: Tensor) (actual: Tensor) = Check.tensors "value" 1e-13 expected actual

/// ½ xᵀ A x + b·x with A not symmetric: gradient ½ (A + Aᵀ) x + b, Hessian ½ (A + Aᵀ).
let private a, private b = varied 1 [ 4; 4 ], varied 2 [ 4 ]
let private symmetric = 0.5 * (a + Tensor.transpose a)
let private quadratic (x: Tensor) = 0.5 * Tensor.dot x (Tensor.matmul a x) + Tensor.dot b x
let private x, private v = varied 3 [ 4 ], varied 4 [ 4 ]

[<Fact>]
let ``all derivatives of a quadratic form`` () =
    let gradient = Tensor.matmul symmetric x + b
    is gradient (Diff.grad quadratic x)
    let value, g = Diff.valueAndGrad quadratic x
    is (quadratic x) value
    is gradient g
    is symmetric (Diff.hessian quadratic x)
    is (Tensor.matmul symmetric v) (Diff.hvp quadratic x v)
    is (Tensor.trace a) (Diff.laplacian quadratic x)
    is (Tensor.dot gradient v) (snd (Diff.jvp quadratic x v))
    is (Tensor.dot v (Tensor.matmul symmetric v)) ((Diff.jet 3 quadratic x v)[2])
    is (scalar 0.0) ((Diff.jet 3 quadratic x v)[3])

[<Fact>]
let ``Jacobians have the shape of the result, then of the argument`` () =
    let m = varied 5 [ 2; 3 ]
    let f (x: Tensor) = Tensor.matmul x (varied 6 [ 3; 5 ])

    for name, jacobian in [ "jacfwd", Diff.jacfwd; "jacrev", Diff.jacrev; "jacobian", Diff.jacobian ] do
        let j: Tensor = jacobian f m
        Check.shapes name [| 2; 5; 2; 3 |] j.Shape
        // ∂(XB)ᵢⱼ/∂Xₖₗ = δᵢₖ Bₗⱼ.
        Check.tensors name 1e-14 (Tensor.einsum "ik,lj->ijkl" [ Tensor.eye 2; varied 6 [ 3; 5 ] ]) j

[<Fact>]
let ``derivatives with respect to a tree are over its raveled vector`` () =
    let f (w: Tensor, b: Tensor) = Tensor.tanh (Tensor.matmul w (vector [ 1.0; -2.0 ]) + b)
    let tree = varied 1 [ 3; 2 ], varied 2 [ 3 ]
    let flat, unravel = Tree.ravel tree
    let expected = Diff.jacfwd (unravel >> f) flat
    Check.shapes "jacobian" [| 3; 9 |] expected.Shape
    is expected (Diff.jacrev f tree)
    is expected (Diff.jacfwd f tree)
    is expected (Diff.jacobian f tree)
    let loss p = Tensor.sum (Tensor.square (f p))
    is (Diff.hessian (unravel >> loss) flat) (Diff.hessian loss tree)

[<Fact>]
let ``functions that return trees`` () =
    let f (x: Tensor) = {| Sum = Tensor.sum x; Parts = [ x; Tensor.exp x ] |}
    let y, dy = Diff.jvp f x v
    is (Tensor.sum x) y.Sum
    is (Tensor.exp x * v) dy.Parts[1]
    let _, pull = Diff.vjp f x
    is (2.0 + v + Tensor.exp x) (pull {| Sum = scalar 2.0; Parts = [ v; Tensor.ones [ 4 ] ] |})
    let mapped = Diff.vmap f (varied 5 [ 3; 4 ])
    Check.shapes "vmap" [| 3; 4 |] mapped.Parts[0].Shape
    is (Tensor.sum x) (Diff.compile f x).Sum

[<Fact>]
let ``derivative n of a function of a number, of any shape`` () =
    let f (t: Tensor) = Tensor.stack 0 [ Tensor.sin t; t * t * t ]
    is (vector [ Math.Sin 0.4; 0.064 ]) (Diff.derivative 0 f (scalar 0.4))
    is (vector [ -Math.Sin 0.4; 2.4 ]) (Diff.derivative 2 f (scalar 0.4))
    is (vector [ -Math.Cos 0.4; 6.0 ]) (Diff.derivative 3 f (scalar 0.4))

[<Fact>]
let ``a Hessian in many blocks equals the one-block Hessian`` () =
    // Wide enough that directions are taken in several blocks.
    let n = 700
    let w = varied 1 [ n; n ]
    let f (x: Tensor) = Tensor.sum (Tensor.tanh (Tensor.matmul w x / float n))
    let x = varied 2 [ n ]
    let h = Diff.hessian f x
    let v = varied 3 [ n ]
    Check.tensors "H v" 1e-13 (Diff.hvp f x v) (Tensor.matmul h v)
    // Wᵀ diag(tanh″) W in closed form.
    let t = Tensor.tanh (Tensor.matmul w x / float n)
    let curvature = -2.0 * t * (1.0 - t * t) / float (n * n)
    Check.tensors "H" 1e-14 (Tensor.matmul (Tensor.transpose w * curvature) w) h

[<Fact>]
let ``laplacian of a harmonic function is zero, and of |x|² is 2n`` () =
    let harmonic (x: Tensor) = Tensor.exp x[0] * Tensor.cos x[1]
    is (scalar 0.0) (Diff.laplacian harmonic (vector [ 0.3; 0.8 ]))
    is (scalar 8.0) (Diff.laplacian (fun x -> Tensor.sum (x * x)) x)
    // Vector-valued: component by component.
    is (vector [ 0.0; 8.0 ]) (Diff.laplacian (fun x -> Tensor.stack 0 [ Tensor.sum x; Tensor.sum (x * x) ]) x)

[<Fact>]
let ``linearize and vjp call the function once`` () =
    let mutable calls = 0

    let f (x: Tensor) =
        calls <- calls + 1
        Tensor.sin x

    let _, linear = Diff.linearize f x
    let _, pull = Diff.vjp f x

    for _ in 1..3 do
        linear v |> ignore
        pull v |> ignore

    Assert.Equal(2, calls)
    is (linear v) (pull v)

[<Fact>]
let ``compile traces once per shape and works inside transformations`` () =
    let mutable traces = 0

    let f =
        Diff.compile (fun (x: Tensor) ->
            traces <- traces + 1
            Tensor.sum (Tensor.exp x))

    for shape in [ [ 2 ]; [ 3 ]; [ 2 ]; [ 2; 3 ]; [ 3 ] ] do
        is (Tensor.sum (Tensor.exp (varied 1 shape))) (f (varied 1 shape))

    Assert.Equal(3, traces)
    is (Tensor.exp x) (Diff.grad f x)
    is (Tensor.exp x) (Diff.compile (Diff.grad f) x)
    is (Diff.vmap f a) (Tensor.sumAxis 1 (Tensor.exp a))

[<Fact>]
let ``compileInto writes the result into the array, once traced per shape`` () =
    let mutable traces = 0

    let f =
        Diff.compileInto (fun (x: Tensor, y: Tensor) ->
            traces <- traces + 1
            Diff.grad (fun x -> Tensor.sum (Tensor.sin x * y)) x)

    let x, y = Tensor.ofArray [| 0.5; -1.0 |], Tensor.ofArray [| 2.0; 3.0 |]
    let target = [| nan; nan |]
    f (x, y) target
    Assert.Equal<float seq>((Tensor.cos x * y).toArray(), target)
    f (y, x) target
    Assert.Equal<float seq>((Tensor.cos y * x).toArray(), target)
    Assert.Equal(1, traces)
    let message action = (Assert.Throws<HesseException>(Action action)).Message

    Assert.Contains(
        "has 2 elements, the array 3; give an array of that length",
        message (fun () -> f (x, y) (Array.zeroCreate 3))
    )

    Assert.Contains(
        "inside a transformation and has no value yet; use compile",
        message (fun () ->
            Diff.grad
                (fun z ->
                    f (z, y) target
                    Tensor.sum z)
                x
            |> ignore)
    )

[<Fact>]
let ``a training step of a compiled function descends to the solution`` () =
    let target = Tensor.matmul symmetric x
    let loss (w: Tensor) = 0.5 * Tensor.sum (Tensor.square (Tensor.matmul symmetric w - target))
    let rate = 0.5 / (Tensor.sum (symmetric * symmetric)).item()

    let step =
        Diff.compile (fun w ->
            let value, g = Diff.valueAndGrad loss w
            value, w - rate * g)

    let losses =
        Seq.unfold (fun w -> let value, next = step w in Some(value.item (), next)) (Tensor.zeros [ 4 ])
        |> Seq.take 200
        |> Array.ofSeq

    for before, after in Array.pairwise losses do
        Assert.True(after <= before)

    Assert.True(losses[199] < 0.5 * losses[0])

[<Fact>]
let ``explain lists the steps and totals`` () =
    let text = Diff.explain (fun (x: Tensor) -> Tensor.sum (Tensor.matmul a (Tensor.exp x))) x
    let lines = text.Split '\n'
    Assert.True(lines.Length >= 3, text)
    Assert.Matches(@"^\d+ steps, .*\d+ FLOPs, \d+ bytes moved, arena of \d+ bytes, ", lines[lines.Length - 1])
    Assert.StartsWith($"{lines.Length - 1} steps", lines[lines.Length - 1])

[<Fact>]
let ``errors of a wrong output or argument`` () =
    let scalarNeeded name =
        $"{name}: expected a scalar output, got shape [4]; use jacobian, or reduce it with Tensor.sum"

    Check.fails (scalarNeeded "grad") (fun () -> Diff.grad Tensor.exp x)
    Check.fails (scalarNeeded "grad") (fun () -> Diff.valueAndGrad Tensor.exp x)
    Check.fails (scalarNeeded "hvp") (fun () -> Diff.hvp Tensor.exp x v)
    Check.fails (scalarNeeded "hessian") (fun () -> Diff.hessian Tensor.exp x)
    let short = varied 1 [ 3 ]

    let mismatch name role =
        $"{name}: the {role} has shapes [3], expected [4]; give one tensor of the same shape for each"

    Check.fails (mismatch "jvp" "direction") (fun () -> Diff.jvp Tensor.exp x short)
    Check.fails (mismatch "linearize" "direction") (fun () -> (snd (Diff.linearize Tensor.exp x)) short)
    Check.fails (mismatch "vjp" "cotangent") (fun () -> (snd (Diff.vjp Tensor.exp x)) short)
    Check.fails (mismatch "hvp" "vector") (fun () -> Diff.hvp quadratic x short)
    Check.fails (mismatch "jet" "direction") (fun () -> Diff.jet 2 Tensor.exp x short)

    Check.fails
        "jvp: the direction has shapes [4], expected [4], [4]; give one tensor of the same shape for each"
        (fun () -> Diff.jvp (List.reduce (+)) [ x; x ] [ x ])

    Check.fails "jet: order is -1; want at least 0" (fun () -> Diff.jet -1 Tensor.exp x v)

    Check.fails "derivative: expected a scalar argument, got shape [4]; use jet with a direction, or vmap" (fun () ->
        Diff.derivative 1 Tensor.exp x)

[<Fact>]
let ``errors of vmap and explain`` () =
    Check.fails
        "vmap: axis 0 does not exist in every argument (shapes [4], []); close over what is not to be mapped"
        (fun () -> Diff.vmap (fun (x: Tensor, y: Tensor) -> x + y) (x, scalar 1.0))

    Check.fails
        "vmap: arguments of shapes [4], [3] have no common length along axis 0; all must be mapped over the same number of parts"
        (fun () -> Diff.vmap (fun (x: Tensor, y: Tensor) -> x + y) (x, varied 1 [ 3 ]))

    Check.fails "vmap: out axis 1 does not exist in a result of shape [4]; use 0 .. 0" (fun () ->
        Diff.vmapAxes 0 1 Tensor.exp x)

    Check.fails
        "explain: the function uses a variable of a surrounding transformation; explain the outermost function instead"
        (fun () ->
            Diff.grad
                (fun (x: Tensor) ->
                    Diff.explain (fun (y: Tensor) -> x * y) (scalar 1.0) |> ignore
                    x)
                (scalar 1.0))
