/// What loops cost: operations, memory, allocations; and what a plan leaves out of them.
module Hesse.Tests.ScanPrimitiveTests

open System
open System.Text.RegularExpressions
open Hesse
open Xunit

/// The plan of a function of one tensor.
let private planOf (f: Tensor -> 'Y) (x: Tensor) =
    let v = Graph.variable (List.ofArray x.Shape |> Array.ofList)
    let outputs = Tree.leaves (f (Tensor v)) |> Array.map (fun t -> t.Node)
    Program([| v |], outputs).Plan

let private loops (plan: Kernels.Plan) =
    plan.Steps |> Seq.filter (fun s -> s.Describe().StartsWith "loop") |> Seq.length

let private w = 0.3 * varied 1 [ 32; 32 ]
let private x = varied 2 [ 32 ]
let private layer (c: Tensor) = Tensor.tanh (Tensor.matmul w (Tensor.sin (Tensor.matmul w c)))
let private energy repeat (x: Tensor) = Tensor.sum (repeat layer x: Tensor)

[<Fact>]
let ``value and derivatives cost operations in proportion to the steps`` () =
    let ratio transform =
        let flops count = float (planOf (transform (energy (Diff.iterate count))) x).Flops
        flops 200 / flops 100

    let near name r = Assert.True(abs (r - 2.0) < 0.02, $"{name}: twice the steps cost {r} times as much")
    near "value" (ratio (fun f x -> f x))
    near "grad" (ratio Diff.grad)
    near "valueAndGrad" (ratio (fun f x -> let y, g = Diff.valueAndGrad f x in [ y; g ]))
    near "hvp" (ratio (fun f x -> Diff.hvp f x x))
    near "jet" (ratio (fun f x -> Diff.jet 4 f x x))
    near "third" (ratio (fun f -> Diff.grad (fun x -> Tensor.sum (Diff.hvp f x x))))

[<Fact>]
let ``a gradient costs a few evaluations, a jet grows with the square of the order`` () =
    let flops transform = float (planOf (transform (energy (Diff.iterate 100))) x).Flops
    let value = flops id
    Assert.True(flops Diff.grad / value < 5.0, $"{flops Diff.grad / value}")
    let jet order = flops (fun f x -> Diff.jet order f x x)
    Assert.True(jet 16 / jet 8 < 4.5, $"{jet 16 / jet 8}")

[<Fact>]
let ``value and gradient share one loop forwards`` () =
    Assert.Equal(1, loops (planOf (energy (Diff.iterate 9)) x))
    Assert.Equal(2, loops (planOf (Diff.grad (energy (Diff.iterate 9))) x))
    Assert.Equal(2, loops (planOf (Diff.valueAndGrad (energy (Diff.iterate 9))) x))
    // Also with several arguments to differentiate by, and constant cotangents of which some are zero.
    let all (x: Tensor) =
        let last, ys =
            Diff.scan (fun c (e: Tensor) -> layer (c + e * x), Tensor.sum c) x (Tensor.stack 0 [ x; x; x ])

        Tensor.sum (vector [ 0.0; 1.0; 2.0 ] * ys) + Tensor.sum (varied 4 [ 32 ] * last)

    Assert.Equal(2, loops (planOf (Diff.grad all) x))
    // The pullback runs backwards only, along the carries of the loop that was run.
    let _, pull = Diff.vjp (energy (Diff.iterate 9)) x
    Check.tensors "vjp" 1e-13 (Diff.grad (energy (Diff.iterate 9)) x) (pull (scalar 1.0))

[<Fact>]
let ``a plan stores no history that nobody reads`` () =
    let arena repeat = (planOf (energy repeat) x).ArenaBytes
    Assert.Equal(arena (Diff.iterate 10), arena (Diff.iterate 1000))
    // Neither the sum that the step carries along for nothing, nor its operations.
    let idle (c: Tensor, s: Tensor) = layer c, s + Tensor.sum (Tensor.exp c)
    let with' x = Tensor.sum (fst (Diff.iterate 50 idle (x, scalar 0.0)))
    Assert.Equal((planOf (energy (Diff.iterate 50)) x).Flops, (planOf with' x).Flops)

[<Fact>]
let ``the memory of a gradient is that of the snapshots and of one part between two`` () =
    let wide = varied 3 [ 512 ]
    let step (c: Tensor) = Tensor.tanh (Tensor.sin c + 0.1 * Tensor.sum c)
    let gradient repeat = planOf (Diff.grad (fun x -> Tensor.sum (repeat step x: Tensor))) wide
    let carries repeat = float (gradient repeat).ArenaBytes / float (8 * 512)
    let all, none = carries (Diff.iterate 400), carries (Diff.iterate 1)
    Assert.InRange(all, 400.0, 400.0 + 4.0 * none)

    for s in [ 4; 20; 100 ] do
        let expected = float s + 400.0 / float s
        Assert.InRange(carries (Diff.iterateWith [ s ] 400), expected, expected + 4.0 * none)

    // Three levels: 15 + 15 + 18 carries for 4000 steps.
    Assert.InRange(carries (Diff.iterateWith [ 15; 15 ] 4000), 48.0, 48.0 + 8.0 * none)
    let flops repeat = float (gradient repeat).Flops
    Assert.InRange(flops (Diff.iterateWith [ 20 ] 400) / flops (Diff.iterate 400), 1.0, 1.5)

[<Fact>]
let ``checkpoint keeps only its argument`` () =
    // A hundred intermediate values, ten at a time.
    let chain (c: Tensor) = Seq.fold (fun c _ -> Tensor.sin (c * c + 0.1)) c (seq { 1..10 })
    let ten f (x: Tensor) = Seq.fold (fun c _ -> f c) x (seq { 1..10 }) |> Tensor.sum
    let arena f = (planOf (Diff.grad (ten f)) (varied 1 [ 4096 ])).ArenaBytes
    let all, kept = arena chain, arena (Diff.checkpoint chain)
    Assert.True(float kept < 0.4 * float all, $"{kept} bytes with checkpoints, {all} without")

[<Fact>]
let ``a warm call allocates its result, however many steps there are`` () =
    let bytes count =
        let v = Graph.variable [| 32 |]
        let gradient = Diff.grad (energy (Diff.iterateWith [ 5 ] count)) (Tensor v)
        let program = Program([| v |], [| gradient.Node |])

        for _ in 1..20 do
            program.Run [| x.Node |] |> ignore

        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..50 do
            program.Run [| x.Node |] |> ignore

        (GC.GetAllocatedBytesForCurrentThread() - before) / 50L

    for count in [ 10; 1000 ] do
        Assert.InRange(bytes count, 0L, 24L + 8L * 32L + 600L)

[<Fact>]
let ``one plan may run on several threads`` () =
    let f = Diff.compile (Diff.grad (energy (Diff.iterate 20)))
    let at k = x + 0.01 * float k
    let expected = Array.init 16 (fun k -> f (at k))
    let actual = Array.Parallel.init 16 (fun k -> f (at k))
    Array.iter2 (fun (a: Tensor) b -> Check.tensors "thread" 0.0 a b) expected actual

[<Fact>]
let ``the printed plan says what a loop does`` () =
    let text = Diff.explain (Diff.iterate 7 layer) x
    Assert.Matches(Regex @"loop 7 × \(\d+ steps, \d+ flops\) -> s\d+", text)
    let back = Diff.explain (Diff.grad (energy (Diff.iterate 7))) x
    Assert.Contains(" backwards", back)

    let until =
        Diff.explain (Diff.whileLoop (fun c -> Tensor.less (Tensor.sum c) (scalar 5.0)) (fun c -> c + 1.0)) x

    Assert.Contains(" while", until)

[<Fact>]
let ``large constants are handed to a loop, not copied into its plans`` () =
    let data = varied 3 [ 200; 32 ]

    let f (x: Tensor) =
        Diff.iterate 3 (fun c -> c + Tensor.matmul (Tensor.transpose data) (Tensor.tanh (Tensor.matmul data c))) x

    let v = Graph.variable [| 32 |]

    let loop =
        Graph.order 1L [ (f (Tensor v)).Node ]
        |> Array.find (fun n -> obj.ReferenceEquals(n.Prim, ScanPrimitive.scanP))

    Assert.Contains(loop.Args, fun a -> obj.ReferenceEquals(a, data.Node))

[<Fact>]
let ``a loop that is linear in a part of its arguments has a transpose`` () =
    // The result is linear in dx, though the carry is not linear in the rest.
    let rule (x: Tensor) (_: Tensor) (dx: Tensor) =
        let step (c: Tensor, dc: Tensor) = Tensor.sin c, dc * Tensor.cos c
        snd (Diff.iterate 3 step (x, dx))

    let f = Diff.customDerivative (Diff.iterate 3 Tensor.sin) rule
    let at = varied 1 [ 4 ]
    let expected = Diff.grad (fun x -> Tensor.sum (Diff.iterate 3 Tensor.sin x)) at
    Check.tensors "grad" 1e-13 expected (Diff.grad (f >> Tensor.sum) at)

[<Fact>]
let ``a rule that is not linear in the tangent is refused`` () =
    let rule (_: Tensor) (_: Tensor) (dx: Tensor) = Diff.iterate 3 Tensor.sin dx

    Check.fails
        "scan: transpose: the loop is not linear in the tensor of shape [4] that it is given; a rule must be linear in the tangent, and linearTranspose needs a linear function"
        (fun () -> Diff.grad (Diff.customDerivative Tensor.sin rule >> Tensor.sum) (varied 1 [ 4 ]))
