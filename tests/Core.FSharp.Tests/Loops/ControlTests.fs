/// Loops against the same computation written out: every transformation, each crossed with others.
module Hesse.Tests.ControlTests

open System
open Hesse
open Hesse.Tests.Laws
open Xunit

// ----- the same computation, written out -----

let private unrolled (step: 'C -> Tensor -> 'C * Tensor) (init: 'C) (xs: Tensor) : 'C * Tensor =
    let mutable carry = init

    let ys = [
        for t in 0 .. xs.Shape[0] - 1 do
            let next, y = step carry xs[t]
            carry <- next
            y
    ]

    carry, Tensor.stack 0 ys

let private unrolledBack step init (xs: Tensor) =
    let flipped = Tensor.stack 0 [ for t in xs.Shape[0] - 1 .. -1 .. 0 -> xs[t] ]
    let carry, (ys: Tensor) = unrolled step init flipped
    carry, Tensor.stack 0 [ for t in xs.Shape[0] - 1 .. -1 .. 0 -> ys[t] ]

/// A step with a matrix, a carry of two tensors, and a value from outside.
let private step (outer: Tensor) (m: Tensor) ((h, s): Tensor * Tensor) (x: Tensor) =
    let z = Tensor.tanh (Tensor.matmul m h + x * outer)
    (z, s + Tensor.sum (z * h)), Tensor.sin z * s

/// A function of a vector that hands parts of it to carry, elements and what the step closes over.
let private program scan (length: int) (x: Tensor) =
    let h0, outer = x.[0..1], x[2]
    let m = Tensor.reshape [ 2; 2 ] x.[3..6]
    let xs = Tensor.reshape [ length; 1 ] x.[7 .. 6 + length] * Tensor.ones [ length; 2 ]
    let (h, s), ys = scan (step outer m) (h0, outer * outer) xs
    Tensor.concat 0 [ h; Tensor.reshape [ 1 ] s; Tensor.flatten ys ]

[<Theory; InlineData 1; InlineData 3>]
let ``scan equals the loop written out`` (length: int) =
    agree "scan" (program Diff.scan length) (program unrolled length) (0.6 * varied 1 [ 7 + length ])

[<Fact>]
let ``scan from the end equals the loop written out`` () =
    agree "scanBack" (program Diff.scanBack 3) (program unrolledBack 3) (0.6 * varied 2 [ 10 ])

[<Theory; InlineData(4, 2); InlineData(5, 2); InlineData(5, 4)>]
let ``snapshots change nothing`` (length: int, snapshots: int) =
    let forward = Diff.scanWith { Reverse = false; Snapshots = [ snapshots ] }
    let back = Diff.scanWith { Reverse = true; Snapshots = [ snapshots; 1 ] }
    let x = 0.6 * varied 4 [ 7 + length ]
    agree "snapshots" (program forward length) (program unrolled length) x
    agree "snapshots, from the end" (program back length) (program unrolledBack length) x

[<Fact>]
let ``checkpoint changes nothing`` () =
    let f (a: Tensor) (x: Tensor) = Tensor.sin (x * a) * Tensor.sum (Tensor.tanh x)
    // The checkpointed function closes over something that is differentiated too.
    agree
        "checkpoint"
        (fun x -> Diff.checkpoint (f (Tensor.sum x)) (x * x))
        (fun x -> f (Tensor.sum x) (x * x))
        (varied 1 [ 4 ])

[<Fact>]
let ``loops in loops, with a gradient inside, equal the loops written out`` () =
    let energy (w: Tensor) (c: Tensor) = Tensor.sum (Tensor.sin c * w) + 0.25 * Tensor.sum (c ** 4.0)

    let nested scan iterate (x: Tensor) =
        let descend w c = iterate 2 (fun c -> c - 0.3 * Diff.grad (energy (w * x)) c) c

        let last, ys =
            scan
                (fun c (w: Tensor) -> let c = descend w c in c, Tensor.sum (c * x))
                (Tensor.cos x)
                (Tensor.stack 0 [ x; x * x ])

        Tensor.concat 0 [ last; ys ]

    let repeat count (step: Tensor -> Tensor) c = Seq.fold (fun c _ -> step c) c (seq { 1..count })
    agree "nested" (nested Diff.scan Diff.iterate) (nested unrolled repeat) (varied 2 [ 3 ])

[<Fact>]
let ``rules that the user gives and stopGradient hold inside a step`` () =
    // The derivative of the custom function is three times its true one.
    let custom = Diff.customDerivative Tensor.sin (fun x _ dx -> 3.0 * dx * Tensor.cos x)
    let step (c: Tensor) (x: Tensor) = custom (c * x) + Tensor.stopGradient c * x, custom c

    let run scan (x: Tensor) =
        let last, ys = scan step x.[0..1] (Tensor.stack 0 [ x.[1..2]; x.[0..1] ])
        Tensor.concat 0 [ last; Tensor.flatten ys ]

    agree "custom" (run Diff.scan) (run unrolled) (varied 3 [ 3 ])

[<Fact>]
let ``training for 50 steps has the derivatives of the same training written out`` () =
    let inputs, targets = varied 1 [ 12; 2 ], varied 2 [ 12; 1 ]

    let loss (w1: Tensor, w2: Tensor) =
        Tensor.mean (Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul inputs w1)) w2 - targets))

    let train repeat (rate: Tensor, w: Tensor * Tensor) =
        repeat 50 (fun w -> Tree.map2 (fun w g -> w - rate * g) w (Diff.grad loss w)) w |> loss

    let repeat count step c = Seq.fold (fun c _ -> step c) c (seq { 1..count })
    let at = scalar 0.4, (varied 3 [ 2; 4 ], varied 4 [ 4; 1 ])
    Check.trees "gradient" 1e-11 (Diff.grad (train repeat) at) (Diff.grad (train Diff.iterate) at)
    let checkpointed = train (Diff.iterateWith [ 7 ])
    Check.trees "gradient with snapshots" 1e-11 (Diff.grad (train repeat) at) (Diff.grad checkpointed at)
    let rate r = train Diff.iterate (r, snd at)
    let written r = train repeat (r, snd at)

    Check.trees
        "by the learning rate, to order 3"
        1e-9
        (Diff.jet 3 written (fst at) (scalar 1.0))
        (Diff.jet 3 rate (fst at) (scalar 1.0))

    let direction = scalar 0.3, (varied 5 [ 2; 4 ], varied 6 [ 4; 1 ])
    Check.trees "hvp" 1e-9 (Diff.hvp (train repeat) at direction) (Diff.hvp (train Diff.iterate) at direction)

// ----- while, cond -----

/// Doubles and turns until the norm is above a limit; the number of steps depends on x.
let private grow (x: Tensor) =
    let turn = Tensor.create [ 2; 2 ] [| 0.8; -1.1; 1.2; 0.9 |]

    x.[0..1],
    x[2],
    (fun (c: Tensor, _: Tensor) -> Tensor.less (Tensor.sum (c * c)) (scalar 9.0)),
    fun (c, a: Tensor) -> (Tensor.matmul turn c + Tensor.sin (a * c), a * 1.1)

let private bounded (x: Tensor) =
    let c, a, condition, body = grow x
    let (c, a), steps = Diff.boundedWhile 12 condition body (c, a)
    Tensor.concat 0 [ c; Tensor.reshape [ 1 ] a; Tensor.reshape [ 1 ] steps ]

let private unbounded (x: Tensor) =
    let c, a, condition, body = grow x
    let c, a = Diff.whileLoop condition body (c, a)
    Tensor.concat 0 [ c; Tensor.reshape [ 1 ] a ]

/// The same with as many steps as there are at `at`.
let private writtenOut (at: Tensor) =
    let mutable steps = 0
    let c, a, condition, body = grow at
    let mutable carry = c, a

    while (condition carry).item() <> 0.0 && steps < 12 do
        carry <- body carry
        steps <- steps + 1

    fun (x: Tensor) ->
        let c, a, _, body = grow x
        let c, a = Seq.fold (fun c _ -> body c) (c, a) (seq { 1..steps })
        Tensor.concat 0 [ c; Tensor.reshape [ 1 ] a; Tensor.reshape [ 1 ] (scalar (float steps)) ]

let private starts = [ vector [ 0.4; 0.1; 0.3 ]; vector [ 1.5; -0.9; 0.2 ]; vector [ 4.0; 1.0; 0.5 ] ]

[<Fact>]
let ``boundedWhile equals the steps that it takes`` () =
    Assert.Equal(3, (starts |> List.map (fun x -> (bounded x).[3].item()) |> List.distinct).Length)

    for x in starts do
        alone "boundedWhile" bounded (writtenOut x) x

[<Fact>]
let ``in a batch every while loop stops by itself`` () = members "boundedWhile" bounded (Tensor.stack 0 starts)

[<Fact>]
let ``whileLoop has forward mode, jets and vmap`` () =
    let v = vector [ 0.2; -0.5; 1.0 ]

    for x in starts do
        let written x' = (writtenOut x x').[0..2]
        Check.trees "jvp" 1e-12 (Diff.jvp written x v) (Diff.jvp unbounded x v)
        Check.trees "jet" 1e-10 (Diff.jet 4 written x v) (Diff.jet 4 unbounded x v)

        Check.tensors
            "jacfwd of jacfwd"
            1e-11
            (Diff.jacfwd (Diff.jacfwd written) x)
            (Diff.jacfwd (Diff.jacfwd unbounded) x)

        Check.tensors "compile" 1e-13 (written x) (Diff.compile unbounded x)

    let batch = Tensor.stack 0 starts
    let each f = Tensor.stack 0 (starts |> List.map f)
    Check.tensors "vmap" 1e-12 (each unbounded) (Diff.vmap unbounded batch)
    Check.tensors "vmap of jacfwd" 1e-12 (each (Diff.jacfwd unbounded)) (Diff.vmap (Diff.jacfwd unbounded) batch)

[<Fact>]
let ``a while loop may end before its first step, or at its bound`` () =
    let halve limit = Diff.boundedWhile 5 (fun c -> Tensor.greater c (scalar limit)) (fun c -> 0.5 * c)
    Check.trees "none" 0.0 (scalar 3.0, scalar 0.0) (halve 4.0 (scalar 3.0))
    Check.trees "bound" 0.0 (scalar 0.125, scalar 5.0) (halve 0.0 (scalar 4.0))
    let derivative limit = (Diff.grad (fun c -> fst (halve limit c)) (scalar 3.0)).item()
    Assert.Equal(1.0, derivative 4.0)
    Assert.Equal(1.0 / 32.0, derivative 0.0)
    // NaN ends a loop.
    Assert.Equal(0.0, (snd (Diff.boundedWhile 5 (fun (c: Tensor) -> c) id (scalar nan))).item())

let private choose (x: Tensor) =
    let outer = Tensor.sum (x * x)
    Diff.cond (x[0] - 0.5) (fun (x: Tensor) -> Tensor.sin x * outer) (fun x -> x * x * x) (x * 2.0)

let private chosen (x: Tensor) =
    let outer = Tensor.sum (x * x)

    if x[0].item() = 0.5 then
        (fun (x: Tensor) -> let y = x * 2.0 in y * y * y)
    else
        fun x -> Tensor.sin (x * 2.0) * Tensor.sum (x * x) + 0.0 * outer

[<Fact>]
let ``cond equals the branch taken`` () =
    for x in [ vector [ 0.5; 0.3 ]; vector [ 0.7; -0.2 ] ] do
        alone "cond" choose (chosen x) x

    members "cond" choose (Tensor.stack 0 [ vector [ 0.5; 0.3 ]; vector [ 0.7; -0.2 ]; vector [ 0.5; 1.1 ] ])

[<Fact>]
let ``cond runs only the branch that is taken`` () =
    // The other branch would never end.
    let forever (x: Tensor) = Diff.whileLoop (fun _ -> scalar 1.0) (fun c -> c + 1.0) x
    let f (x: Tensor) = Diff.cond (Tensor.greater x (scalar 0.0)) (fun x -> x * x) forever x
    Assert.Equal(9.0, (Diff.compile f (scalar 3.0)).item())
    Assert.Equal(6.0, (Diff.jacfwd f (scalar 3.0)).item())
    Check.tensors "vmap" 0.0 (vector [ 4.0; 9.0 ]) (Diff.vmap f (vector [ 2.0; 3.0 ]))

[<Fact>]
let ``what a member of a batch does not run cannot spoil its derivatives`` () =
    // √x has no derivative at 0 and no value below; the loop divides by what is left of a way that others have already gone.
    let k = scalar 2.0

    let root (k: Tensor) (x: Tensor) =
        Diff.cond (Tensor.greater x (scalar 0.0)) (fun x -> Tensor.sqrt (k * x)) (fun x -> 3.0 * x * k) x

    let xs = vector [ 0.0; 4.0; -1.0; 0.25 ]
    let expected = vector [ 6.0; Math.Sqrt 2.0 / 4.0; 6.0; Math.Sqrt 2.0 ]
    Check.tensors "vmap of grad" 1e-14 expected (Diff.vmap (Diff.grad (root k)) xs)
    let total k xs = Tensor.sum (Diff.vmap (root k) xs)
    Check.tensors "grad of vmap" 1e-14 expected (Diff.grad (total k) xs)
    let byK = 3.0 * 0.0 + Math.Sqrt(4.0 / 2.0) / 2.0 - 3.0 + Math.Sqrt(0.25 / 2.0) / 2.0
    Check.number "by what all share" 1e-14 byK ((Diff.grad (fun k -> total k xs) k).item())

    let way (start: Tensor) =
        Diff.boundedWhile 9 (fun c -> Tensor.greater c (scalar 0.0)) (fun c -> c - 0.5 - 0.0 * Tensor.sqrt c / c) start
        |> fst

    let starts = vector [ 0.5; 1.0; 3.0 ]
    Check.tensors "loop" 1e-14 (vector [ 1.0; 1.0; 1.0 ]) (Diff.vmap (Diff.grad way) starts)

    Check.tensors
        "loop, grad of vmap"
        1e-14
        (vector [ 1.0; 1.0; 1.0 ])
        (Diff.grad (fun s -> Tensor.sum (Diff.vmap way s)) starts)

// ----- no steps, other numbers, errors -----

[<Fact>]
let ``no elements, no steps`` () =
    let f (c: Tensor) = Diff.scan (fun c (x: Tensor) -> c * Tensor.sum x, c + x) c (Tensor.zeros [ 0; 3 ])
    let last, ys = f (vector [ 1.0; 2.0; 3.0 ])
    Check.tensors "carry" 0.0 (vector [ 1.0; 2.0; 3.0 ]) last
    Check.shapes "results" [| 0; 3 |] ys.Shape
    Check.trees "compile" 0.0 (last, ys) (Diff.compile f last)

    Check.tensors
        "grad"
        0.0
        (2.0 * last)
        (Diff.grad (fun c -> let c, ys = f c in Tensor.sum (c * c) + Tensor.sum ys) last)

    Check.tensors "vmap" 0.0 (Tensor.ones [ 2; 3 ]) (fst (Diff.vmap f (Tensor.ones [ 2; 3 ])))
    Check.tensors "empty batch" 0.0 (Tensor.ones [ 0; 3 ]) (fst (Diff.vmap f (Tensor.ones [ 0; 3 ])))
    Check.tensors "iterate" 0.0 last (Diff.iterate 0 (fun c -> c / 0.0) last)

[<Fact>]
let ``exact fractions go through loops and their derivatives`` () =
    // c ← c² x, three times: c = (c₀ x)⁸ / x.
    let f (x: Tensor) = fst (Diff.scan (fun c x -> c * c * x, c) (scalar 2.0) (Tensor.stack 0 [ x; x; x ]))
    let r = BigRational.OfFloat 0.3
    let whole (n: int) = BigRational.Create(bigint n, 1I)
    Assert.Equal(whole 256 * r.Power 7, Array.exactlyOne (Exact.rational f (scalar 0.3)))
    Assert.Equal(whole 1792 * r.Power 6, Array.exactlyOne (Exact.rational (Diff.grad f) (scalar 0.3)))
    Assert.Equal(whole 10752 * r.Power 5, Array.exactlyOne (Exact.rational (Diff.hessian f) (scalar 0.3)))

    let steps (x: Tensor) = Diff.boundedWhile 9 (fun c -> Tensor.greater c (scalar 1.0)) (fun c -> c / 3.0) x
    Assert.Equal<BigRational[]>([| BigRational.OfFloat 7.0 / whole 9; whole 2 |], Exact.rational steps (scalar 7.0))
    Assert.Equal(BigRational.One / whole 9, Array.exactlyOne (Exact.rational (Diff.grad (steps >> fst)) (scalar 7.0)))
    let choice (x: Tensor) = Diff.cond (x - 1.0) (fun x -> x * x) (fun x -> x / 0.0) x
    Assert.Equal(whole 9, Array.exactlyOne (Exact.rational choice (scalar 3.0)))

[<Fact>]
let ``bounds hold where it is not certain how many steps there are`` () =
    // At 3 ± rounding the loop may or may not take another step.
    let f (x: Tensor) = Diff.boundedWhile 6 (fun c -> Tensor.greater c (x / 7.0 * 7.0 - 3.0)) (fun c -> c - 1.0) x
    let bounds = Exact.interval f (scalar 3.0)
    let last, steps = f (scalar 3.0)
    Assert.True(bounds[0].Contains(last.item ()) && bounds[1].Contains(steps.item ()))
    Assert.True(bounds[1].Width >= 1.0, "the number of steps is uncertain")

[<Fact>]
let ``sparsity patterns go through loops`` () =
    // Two steps of a three-point stencil: a band of width five.
    let n = 9

    let smooth (x: Tensor) =
        Tensor.concat 0 [ x.[0..0]; Tensor.sin (x.[0 .. n - 3] + x.[2 .. n - 1]) * x.[1 .. n - 2]; x.[n - 1 .. n - 1] ]

    let f (x: Tensor) = Diff.iterate 2 smooth x
    let x = varied 1 [ n ]
    let sparse = Sparse.jacobian f x
    Assert.Equal(5, sparse.Colours)
    Check.arrays "Jacobian" 1e-14 ((Diff.jacobian f x).toArray()) (sparse.ToDense() |> Seq.cast<float> |> Array.ofSeq)
    // How long a while loop goes on is unknown, so all that may come out is in the pattern.
    let until (x: Tensor) =
        Diff.whileLoop (fun c -> Tensor.less (Tensor.sum (c * c)) (scalar 40.0)) (fun c -> smooth c + c) x

    let pattern = Sparse.pattern until x
    Assert.Equal(1 + 1 + (n - 2) * n, pattern.ColumnIndices.Length)

[<Fact>]
let ``errors name the tensor, both shapes and a remedy`` () =
    let x = Tensor.ones [ 3 ]

    let remedy =
        "return the carry in the structure and shapes in which it came in; start from a value that has them"

    Check.fails $"scan: the carry that the step returns has shape [3], expected []; {remedy}" (fun () ->
        Diff.scan (fun (c: Tensor) (x: Tensor) -> c * Tensor.ones [ 3 ], x) (scalar 1.0) x)

    Check.fails
        $"iterate: the carry that the step returns (tensor 1 of 2) has shape [2], expected [3]; {remedy}"
        (fun () -> Diff.iterate 3 (fun (a: Tensor, b: Tensor) -> a, b.[0..1]) (x, x))

    Check.fails
        $"scan: the carry that the step returns has another structure than expected: 2 tensors where 1 are wanted, or other lengths, keys or numbers; {remedy}"
        (fun () -> Diff.scan (fun (c: Tensor list) (x: Tensor) -> x :: c, x) [ scalar 1.0 ] x)

    Check.fails
        "scan: the elements have shapes [3], [4] with different leading lengths; cut or pad them to one length"
        (fun () -> Diff.scan (fun c (a: Tensor, b: Tensor) -> c + a + b, c) (scalar 0.0) (x, Tensor.ones [ 4 ]))

    Check.fails
        "scan: the elements have shapes [3], []; each tensor needs a leading axis to go through; close over what every step shares"
        (fun () -> Diff.scan (fun c (a: Tensor, b: Tensor) -> c + a + b, c) (scalar 0.0) (x, scalar 1.0))

    Check.fails "scan: there are no tensors to go through; use Diff.iterate for a number of steps" (fun () ->
        Diff.scan (fun c () -> c, c) (scalar 0.0) ())

    Check.fails "iterate: the number of steps is -1; want at least 0" (fun () -> Diff.iterate -1 id x)
    Check.fails "boundedWhile: maxSteps is -2; want at least 0" (fun () -> Diff.boundedWhile -2 Tensor.sum id x)
    Check.fails "iterate: Snapshots is 0; want at least 1" (fun () -> Diff.iterateWith [ 0 ] 3 id x)

    Check.fails
        "whileLoop: the condition has shape [3], expected a scalar, shape []; reduce it, or use vmap for one condition per element"
        (fun () -> Diff.whileLoop id id x)

    Check.fails
        "cond: the condition has shape [3], expected a scalar, shape []; reduce it, or use vmap for one condition per element"
        (fun () -> Diff.cond x id id x)

    Check.fails
        "cond: the result of whenFalse has shape [], expected [3]; both branches must return the same structure and shapes"
        (fun () -> Diff.compile (fun (x: Tensor) -> Diff.cond (Tensor.sum x) id Tensor.sum x) x)

    Check.fails
        "grad: reverse mode cannot go through Diff.whileLoop, since nobody knows how many steps there are to store; use Diff.boundedWhile, or forward mode (jvp, jacfwd)"
        (fun () ->
            Diff.grad (fun x -> Diff.whileLoop (fun c -> Tensor.less c (scalar 5.0)) (fun c -> c * c) x) (scalar 2.0))
