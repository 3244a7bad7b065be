/// Functions compiled in two stages give what they give compiled in one.
module Hesse.Tests.Derivatives.StagedTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private direction seed (xs: Tensor[]) = xs |> Array.mapi (fun i x -> variedLike (seed + 7 * i) x)

/// Checks a property of random programs.
let private forPrograms generate first count (property: RandomProgram -> unit) =
    for seed in first .. first + count - 1 do
        let program: RandomProgram = generate seed

        try
            property program
        with e ->
            failwith $"seed {seed}: {e.Message}\n{RandomPrograms.print program}"

[<Fact>]
let ``values of random programs, their inputs given in two parts`` () =
    forPrograms ProgramGenerator.generate 800_000 400 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p

        for cut in 0 .. xs.Length do
            let first, second = Array.splitAt cut xs
            let staged = Diff.compileStaged (fun a b -> f (Array.append a b)) first
            let expected = f xs
            Check.trees "first call" 1e-11 expected (staged second)
            Check.trees "second call" 1e-11 expected (staged second))

[<Fact>]
let ``Hessian-vector products of random programs`` () =
    forPrograms ProgramGenerator.generate 810_000 200 (fun p ->
        let f, xs = RandomPrograms.scalar p, RandomPrograms.inputs p
        let staged = Diff.compileStaged (Diff.hvp f) xs

        for seed in 1..2 do
            let v = direction seed xs
            Check.trees "hvp" 1e-10 (Diff.hvp f xs v) (staged v))

[<Fact>]
let ``random programs in float32`` () =
    forPrograms ProgramGenerator.generateFloat32 820_000 200 (fun p ->
        let f, xs = RandomPrograms.run p, RandomPrograms.inputs p
        let first, second = Array.splitAt 1 xs
        let whole, staged = f xs, Diff.compileStaged (fun a b -> f (Array.append a b)) first second
        let wide = Array.map Tensor.toFloat64
        Check.trees "float32" 1e-4 (wide whole) (wide staged)
        Array.iter2 (fun (e: Tensor) (a: Tensor) -> Assert.Equal(e.DType, a.DType)) whole staged)

// ----- a perceptron ---------------------------------------------------------------------------------------------

let private widths = [ 12; 10; 8; 4 ]
let private rows = 32
let private parameters = TellingPrograms.parametersOf widths
let private inputs, private labels = varied 40 [ rows; 12 ], varied 41 [ rows; 4 ]
let private loss = TellingPrograms.crossEntropy inputs labels

let private productsOf (plan: Hesse.Kernels.Plan) =
    plan.Table().Rows |> Seq.filter (fun r -> r.IsMatrixProduct) |> Seq.toArray

[<Fact>]
let ``a Hessian-vector product of a perceptron: two products in the first layer, six in the others, no activation`` () =
    let t = Tracing.trace (fun (p, v) -> Diff.hvp loss p v) (parameters, direction 5 parameters)
    let whole = Program(t.Variables, t.Outputs).Plan
    let first, second = Array.splitAt parameters.Length t.Variables
    let program = StagedProgram(first, second, t.Outputs)
    let sizes = List.pairwise widths |> List.map (fun (i, o) -> int64 (2 * rows * i * o))
    let work first others = (first * sizes.Head) + others * List.sum sizes.Tail
    let flops plan = productsOf plan |> Array.sumBy (fun r -> r.Flops)
    Assert.Equal(work 3L 8L, flops whole)
    Assert.Equal(work 2L 6L, flops program.Second)
    Assert.Equal(work 1L 2L, flops program.First)

    for row in program.Second.Table().Rows do
        Assert.DoesNotContain("tanh", row.Operation)
        Assert.DoesNotContain("exp", row.Operation)

    // h₁, h₂, δ₂ and the two cotangents of activations, besides what is as wide as the outputs.
    let wide = program.Kept |> Array.filter (fun n -> n.Shape.Length = 2 && n.Shape[1] > 4)
    Assert.Equal(8 * rows * (10 + 8 + 8 + 10 + 8), wide |> Array.sumBy (fun n -> int (Staging.bytes n)))

[<Fact>]
let ``results are the same bits whether values are kept or not`` () =
    let at = Diff.compileStagedInto (fun p v -> fst (Tree.ravel (Diff.hvp loss p v))) parameters
    let v = direction 6 parameters
    let size = parameters |> Array.sumBy _.Size

    let call (run: Tensor[] * float[] -> unit) =
        let target = Array.zeroCreate size
        run (v, target)
        target

    Assert.Equal(0L, at.KeptBytes)
    let missing = at.MissingBytes v
    let once = call at.RunOnce
    Assert.Equal(0L, at.KeptBytes)
    let kept = call at.Run
    Assert.Equal(missing, at.KeptBytes)
    Assert.Equal(0L, at.MissingBytes v)
    let again, onceMore = call at.Run, call at.RunOnce
    at.Release()
    Assert.Equal(0L, at.KeptBytes)
    let anew = call at.Run

    for result in [ kept; again; onceMore; anew ] do
        Assert.Equal<float seq>(once, result)

    let expected, _ = Tree.ravel (Diff.hvp loss parameters v)
    Check.arrays "eager" 1e-12 (expected.toArray ()) once

[<Fact>]
let ``a Hessian-vector product in float32, small and shared by threads`` () =
    for rows in [ 7; 32; 2048 ] do
        let x, y = varied 40 [ rows; 12 ], varied 41 [ rows; 4 ]
        let single = Array.map Tensor.toFloat32
        let v = direction 5 parameters
        let loss = TellingPrograms.crossEntropy (Tensor.toFloat32 x) (Tensor.toFloat32 y)
        let staged = Diff.compileStaged (Diff.hvp loss) (single parameters)
        let expected = Diff.hvp (TellingPrograms.crossEntropy x y) parameters v

        for _ in 1..2 do
            Check.trees $"{rows} rows" 2e-6 expected (staged (single v) |> Array.map Tensor.toFloat64)

[<Fact>]
let ``f is called once for each structure, whatever the first argument`` () =
    let mutable traces = 0

    let f =
        Diff.compileStaged (fun (a: Tensor) (b: Tensor) ->
            traces <- traces + 1
            Tensor.exp a * b)

    for seed in 1..3 do
        for shape in [ [ 2 ]; [ 3 ] ] do
            let a = varied seed shape
            let at = f a

            for s in 4..5 do
                let b = varied s shape
                Check.tensors "value" 1e-15 (Tensor.exp a * b) (at b)

    Assert.Equal(2, traces)

[<Fact>]
let ``results that depend on one argument alone or on none`` () =
    let f (a: Tensor) (b: Tensor) = [ Tensor.sin a; a; b; Tensor.cos b; Tensor.ones [ 2 ]; a + b ]
    let a, b = varied 1 [ 3 ], varied 2 [ 3 ]
    Check.trees "value" 1e-15 (f a b) (Diff.compileStaged f a b)

[<Fact>]
let ``inside a transformation it is the function itself`` () =
    let f (a: Tensor) (b: Tensor) = Tensor.sum (Tensor.exp a * Tensor.sin b)
    let staged = Diff.compileStaged f
    let a, b = varied 1 [ 3 ], varied 2 [ 3 ]
    Check.tensors "in the first" 1e-14 (Diff.grad (fun a -> f a b) a) (Diff.grad (fun a -> staged a b) a)
    Check.tensors "in the second" 1e-14 (Diff.grad (f a) b) (Diff.grad (staged a) b)
    Check.tensors "compiled" 1e-14 (f a b) (Diff.compile (fun (a, b) -> staged a b) (a, b))

[<Fact>]
let ``what does not fit is named`` () =
    let message action = (Assert.Throws<HesseException>(Action action)).Message
    let f (a: Tensor) (b: Tensor) = Tensor.exp a * b
    let x = varied 1 [ 2 ]
    let at = Diff.compileStagedInto f x

    Assert.Contains(
        "compileStagedInto: the result of shape [2] has 2 elements, the array 3; give an array of that length",
        message (fun () -> at.Run(x, Array.zeroCreate 3))
    )

    let inside action =
        message (fun () ->
            Diff.grad
                (fun (z: Tensor) ->
                    action z
                    Tensor.sum z)
                x
            |> ignore)

    Assert.Contains(
        "inside a transformation and has no value yet; use compileStaged",
        inside (fun z -> at.Run(z, [||]))
    )

    Assert.Contains(
        "uses a variable of a surrounding transformation; use compileStaged",
        inside (fun z -> (Diff.compileStagedInto (fun a b -> a * b * z) x).Run(x, [||]))
    )

[<Fact>]
let ``a warm call allocates nothing that grows with the data`` () =
    let bytes rows =
        let x = varied 1 [ rows; 12 ]

        let at =
            Diff.compileStagedInto
                (fun p v -> fst (Tree.ravel (Diff.hvp (TellingPrograms.crossEntropy x (varied 2 [ rows; 4 ])) p v)))
                parameters

        let v = direction 1 parameters
        let target = Array.zeroCreate (parameters |> Array.sumBy _.Size)

        for run in [ at.Run; at.RunOnce ] do
            for _ in 1..30 do
                run (v, target)

        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..100 do
            at.RunOnce(v, target)
            at.Run(v, target)

        (GC.GetAllocatedBytesForCurrentThread() - before) / 200L

    let few, many = bytes 16, bytes 512
    Assert.InRange(few, 0L, 4096L)
    Assert.InRange(many, 0L, 4096L)
