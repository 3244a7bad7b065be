module Hesse.Tests.Compiler.LowerTests

open Hesse
open Hesse.Tests
open Xunit

/// Eager and compiled results of the same function.
let private agrees (what: string) (f: 'X -> 'Y) (x: 'X) = Check.trees what 1e-13 (f x) (Diff.compile f x)

let private x = varied 1 [ 3; 4 ]

[<Fact>]
let ``outputs that are inputs, constants, views and repeats`` () =
    agrees "input" (fun (x: Tensor) -> x) x
    agrees "constant" (fun (_: Tensor) -> varied 2 [ 2 ]) x
    agrees "filled constant" (fun (_: Tensor) -> Tensor.ones [ 2; 2 ]) x
    agrees "view of an input" (Tensor.reshape [ 12 ]) x
    agrees "view of a view" (fun x -> Tensor.stopGradient (Tensor.reshape [ 2; 6 ] (Tensor.stopGradient x))) x
    agrees "view of a value" (fun x -> Tensor.flatten (Tensor.exp x)) x
    agrees "value and its view" (fun x -> let y = Tensor.exp x in y, Tensor.flatten y, y) x
    agrees "twice the same" (fun x -> let y = Tensor.transpose x in [ y; y; x; x ]) x
    agrees "nothing" (fun (_: Tensor) -> ([]: Tensor list)) x

[<Fact>]
let ``a view keeps its buffer alive while others are reused`` () =
    let f (x: Tensor) =
        let kept = Tensor.flatten (Tensor.transpose x)
        // Products need buffers; none of them may take the one under the view.
        let noise = Seq.fold (fun (m: Tensor) k -> Tensor.matmul m (varied k [ 4; 4 ])) x (seq { 1..8 })
        Tensor.sum noise + kept

    agrees "view" f x

[<Fact>]
let ``a view of a variable that is the caller's array`` () =
    let f (x: Tensor) =
        let flat = Tensor.flatten x
        Tensor.concat 0 [ flat; Tensor.exp flat; Tensor.gather 0 (vector [ 3.0; 1.0 ]) flat ]

    let compiled = Diff.compile f
    let other = varied 7 [ 3; 4 ]
    Check.tensors "first array" 1e-14 (f x) (compiled x)
    Check.tensors "second array" 1e-14 (f other) (compiled other)

[<Fact>]
let ``results are the caller's own: a later run does not change them`` () =
    let f = Diff.compile (fun (x: Tensor) -> Tensor.exp x, Tensor.flatten x)
    let a, b = f x
    let before = a.toArray (), b.toArray ()
    f (2.0 * x) |> ignore
    Assert.Equal(before, (a.toArray (), b.toArray ()))

[<Fact>]
let ``inputs are not written`` () =
    let values = x.toArray ()
    Diff.compile (fun (x: Tensor) -> Tensor.sum (Tensor.exp (-x)) + x * x) x |> ignore
    Assert.Equal<float[]>(values, x.toArray ())

[<Fact>]
let ``the arena of a long chain is a few buffers`` () =
    let n = 64
    let f (x: Tensor) = Seq.fold (fun y k -> Tensor.matmul y (varied k [ n; n ]) / float n) x (seq { 1..20 })
    let v = Graph.variable [| n; n |]
    let plan = (Program([| v |], [| (f (Tensor v)).Node |])).Plan
    Assert.InRange(plan.ArenaBytes, 1L, int64 (5 * n * n * 8))
    agrees "value" f (varied 1 [ n; n ])

[<Fact>]
let ``constants in a plan are stored once`` () =
    let c = varied 2 [ 3; 4 ]

    agrees
        "constants"
        (fun x -> Tensor.sum (x * c) + Tensor.sum (Tensor.exp c * x) + Tensor.matmul x (Tensor.transpose c))
        x

[<Fact>]
let ``rank 5 and axes of length one`` () =
    let y = varied 3 [ 2; 1; 3; 1; 2 ]
    agrees "sum" (Tensor.sumAxes [ 1; 2; 4 ]) y
    agrees "permute" (Tensor.permute [ 4; 3; 2; 1; 0 ]) y
    agrees "arithmetic" (fun (y: Tensor) -> y * Tensor.permute [ 4; 1; 2; 3; 0 ] y) y
    agrees "maximum" (Tensor.maxAxis 2) y

[<Fact>]
let ``random interleavings of views, products and loops`` () =
    let random = System.Random 11

    for case in 1..200 do
        let script = Array.init 12 (fun _ -> random.Next 7, random.Next 1000)

        let f (x: Tensor) =
            let values = System.Collections.Generic.List<Tensor> [ x ]

            for op, pick in script do
                let a, b = values[pick % values.Count], values[pick / 7 % values.Count]

                values.Add(
                    match op with
                    | 0 -> Tensor.reshape [ 4; 4 ] (Tensor.flatten (Tensor.transpose a))
                    | 1 -> Tensor.matmul a b / 8.0
                    | 2 -> Tensor.tanh (a - b)
                    | 3 -> Tensor.stopGradient a
                    | 4 -> a + Tensor.sumAxis 0 b
                    | 5 -> Tensor.concat 0 [ a[..1]; b[2..] ]
                    | _ -> Tensor.reshape [ 4; 4 ] (Tensor.reshape [ 2; 8 ] a)
                )

            [ for i in 0..3 -> values[values.Count - 1 - 2 * i] ]

        agrees $"case {case}" f (varied case [ 4; 4 ])

[<Fact>]
let ``a plan that does not fit in memory is refused`` () =
    let v = Graph.variable [| 30_000; 30_000 |]
    // Buffers of 7.2 GB each, several alive at once: more than any machine that runs these tests.
    let outer k = Linear.broadcast [| 30_000; 30_000; 1000 |] [| 0; 1 |] (Linear.scale (float k) v)

    let y =
        Linear.sum [| 0; 1 |] (Movement.transpose [| 2; 0; 1 |] (Linear.mul (outer 2) (Elementwise.exp (outer 3))))

    let error = Assert.Throws<HesseException>(fun () -> Program([| v |], [| y |]) |> ignore)
    Assert.StartsWith("compile: the plan needs ", error.Message)
    Assert.Contains(" are free is the limit; its largest buffers are ", error.Message)
    Assert.Contains("use fewer examples at once, or a smaller chunk", error.Message)

[<Fact>]
let ``a slice of one piece is a view, with no step of its own`` () =
    let plan (f: Tensor -> Tensor list) =
        let v = Graph.variable [| 4; 6 |]
        Program([| v |], f (Tensor v) |> List.map (fun t -> t.Node) |> Array.ofList).Plan

    let parts (t: Tensor) = [ t[1]; t.[1..2]; t.[2].[1..4]; Tensor.slice 0 3 4 1 t ]
    Assert.Equal(0, (plan parts).Steps.Count)
    // Of a value, of a view of a value, and of an input.
    Assert.Equal(1, (plan (fun x -> parts (Tensor.exp x))).Steps.Count)
    Assert.Equal(1, (plan (fun x -> [ (Tensor.reshape [ 24 ] (Tensor.exp x)).[5..11] ])).Steps.Count)
    Assert.Equal(1, (plan (fun x -> [ Tensor.slice 1 0 2 1 x ])).Steps.Count)
    let wide = varied 3 [ 4; 6 ]
    agrees "of an input" parts wide
    agrees "of a value" (Tensor.exp >> parts) wide

    agrees
        "of a slice"
        (fun (x: Tensor) -> [
            x.[1..3].[1..2]
            x.[2].[1..4].[1..2]
            Tensor.slice 0 2 4 1 (Tensor.reshape [ 3; 8 ] x).[1]
        ])
        wide

    agrees "copies" (fun x -> [ Tensor.slice 1 0 2 1 x; Tensor.slice 0 0 4 2 x ]) wide

    agrees
        "read by loops, products and sums"
        (fun x ->
            let y = Tensor.exp x in
            [ y[1] * x[2]; Tensor.matmul y.[0..1] (Tensor.transpose x.[1..3]); Tensor.sum y.[2..3] ])
        wide

    agrees "inside a step" (Diff.iterate 3 (fun (c: Tensor) -> Tensor.concat 0 [ c.[2..3]; c.[0..1] * c[1] ])) wide

// ----- float32 -----

let private x32 = Tensor.toFloat32 x

[<Fact>]
let ``float32 outputs that are inputs, constants, views and repeats`` () =
    let agrees what f =
        let expected: Tensor list = f x32
        let actual = Diff.compile f x32
        Check.trees what 1e-6 expected actual
        Assert.Equal<DType list>(expected |> List.map (fun t -> t.DType), actual |> List.map (fun t -> t.DType))

    agrees "input" (fun x -> [ x ])
    agrees "input that steps read" (fun x -> [ x; Tensor.transpose x; Tensor.flatten x; x ])
    agrees "constant" (fun x -> [ Tensor.toFloat32 (varied 2 [ 2 ]); x ])
    agrees "constant in a step" (fun x -> [ Tensor.matmul x (Tensor.toFloat32 (varied 2 [ 4; 3 ])) ])
    agrees "filled constant" (fun _ -> [ Tensor.ones [ 2; 2 ]; Tensor.toFloat32 (Tensor.ones [ 2; 2 ]) ])
    agrees "view of an input" (fun x -> [ Tensor.reshape [ 12 ] x ])
    agrees "view of a value" (fun x -> [ Tensor.flatten (Tensor.exp x) ])
    agrees "value and its view" (fun x -> let y = Tensor.exp x in [ y; Tensor.flatten y; y ])
    agrees "twice the same" (fun x -> let y = Tensor.transpose x in [ y; y; x; x ])
    agrees "both precisions" (fun x -> let y = Tensor.exp x in [ y; Tensor.toFloat64 y; Tensor.toFloat64 x ])
    agrees "no float32 kernel" (fun x -> [ Tensor.cumsum 1 x; Tensor.sort 0 (Tensor.exp x) ])

/// Products and sums of a chain of layers: buffers that only the plan sees.
let private layers (x: Tensor) =
    let w = if x.DType = DType.Float32 then Tensor.toFloat32 else id
    let step (h: Tensor) k = Tensor.tanh (Tensor.matmul h (w (varied k [ 64; 64 ])))
    Tensor.sum (Seq.fold step (Tensor.matmul x (w (varied 9 [ 4; 64 ]))) (seq { 1..3 }))

let private planOf (f: Tensor -> Tensor) dtype (shape: int[]) =
    let variable = Graph.variableOf dtype shape
    Program([| variable |], [| (f (Tensor variable)).Node |]).Plan

[<Fact>]
let ``buffers of a float32 plan take half the bytes`` () =
    let wide = (planOf layers DType.Float64 [| 512; 4 |])
    let single = (planOf layers DType.Float32 [| 512; 4 |])
    // Besides the input's own copy.
    Assert.InRange(single.ArenaBytes, 0L, wide.ArenaBytes / 2L + 512L * 4L * 4L + 256L)
    Assert.True(single.Bytes < wide.Bytes * 6L / 10L, $"{single.Bytes} of {wide.Bytes}")

[<Fact>]
let ``products, copies, reductions, gathers and loops run in float32; other steps are widened around`` () =
    let describe f = (planOf f DType.Float32 [| 6; 6 |]).Steps |> Seq.map (fun s -> s.Describe()) |> String.concat "\n"

    let native =
        describe (fun x ->
            let y = Tensor.matmul x (Tensor.transpose (Tensor.exp x))
            let z = Tensor.gather 0 (vector [ 1.0; 0.0 ]) (y + Tensor.sumAxis 0 y)
            Tensor.sum (Tensor.concat 0 [ z; Tensor.slice 0 1 2 1 y ]))

    for word in [ "gemm"; "fused"; "reduce"; "gather"; "copy" ] do
        let lines =
            native.Split '\n' |> Array.filter (fun l -> l.StartsWith(word, System.StringComparison.Ordinal))

        Assert.NotEmpty lines
        Assert.All(lines, fun l -> Assert.Contains("float32", l))

    Assert.Equal(1, native.Split("narrow").Length - 1)
    Assert.Equal(1, native.Split("widen").Length - 1)
    let widened = describe (fun x -> Tensor.cumsum 0 (Tensor.exp x))
    Assert.Contains("running sum", widened)
    Assert.Equal(2, widened.Split("widen").Length - 1)

[<Fact>]
let ``a loop reads a float32 input in the caller's array`` () =
    let plan = planOf (fun x -> Tensor.exp x) DType.Float32 [| 8 |]
    Assert.Equal(2, plan.Steps.Count)
