/// What a plan's table says: counts of operations as formulas in the widths and the number of samples.
module Hesse.Tests.Compiler.PlanTableTests

open Hesse
open Hesse.Tests
open Hesse.Tests.TellingPrograms
open Xunit

let private networks = [ [ 5; 7; 6; 3 ], 11; [ 4; 9; 3 ], 6; [ 3; 8; 8; 8; 2 ], 20 ]

/// Products of neighbouring widths: multiplications of one sample in each layer.
let private layers (widths: int list) = widths |> List.pairwise |> List.map (fun (i, o) -> int64 (i * o))

let private hidden (widths: int list) = widths[1 .. widths.Length - 2] |> List.sumBy int64

let private data (widths: int list) n = varied 1 [ n; List.head widths ], varied 2 [ n; List.last widths ]

let private productFlops (table: PlanTable) = table.Rows |> Seq.filter _.IsMatrixProduct |> Seq.sumBy _.Flops

let private equal (expected: int64) (actual: int64) = Assert.Equal(expected, actual)

[<Fact>]
let ``a gradient takes two products of each layer less one, its elementwise operations, and sums for the biases`` () =
    for widths, n in networks do
        let x, y = data widths n
        let table = Diff.plan (Diff.grad (meanSquare x y)) (parametersOf widths)
        let weights, count = layers widths, int64 n
        let products = 2L * count * (3L * List.sum weights - List.head weights)
        equal products (productFlops table)
        Assert.Equal(3 * weights.Length - 1, table.MatrixProducts)
        // add, tanh; square, subtract, multiply; sum. The last layer: add, subtract, scale; sum.
        let elementwise = count * (6L * hidden widths + 4L * int64 (List.last widths))
        equal (products + elementwise) table.Flops

[<Fact>]
let ``a Hessian-vector product takes eight products of each layer, three of the first`` () =
    for widths, n in networks do
        let x, y = data widths n
        let p = parametersOf widths
        let table = Diff.plan (fun (p, v) -> Diff.hvp (meanSquare x y) p v) (p, p)
        let first, weights = List.head (layers widths), layers widths
        equal (2L * int64 n * (8L * List.sum weights - 5L * first)) (productFlops table)
        Assert.Equal(8 * weights.Length - 5, table.MatrixProducts)

[<Fact>]
let ``per-sample gradients take the products of one gradient`` () =
    for widths, n in networks do
        let x, y = data widths n
        let table = Diff.plan (perSample x y) (parametersOf widths)
        let weights = layers widths
        equal (2L * int64 n * (3L * List.sum weights - List.head weights)) (productFlops table)
        equal (8L * int64 n * (List.sum weights + List.sumBy int64 widths.Tail)) table.ResultBytes

[<Fact>]
let ``a tangent kernel is two Gram matrices for each hidden layer`` () =
    for widths, n in [ [ 5; 7; 6; 1 ], 11; [ 16; 24; 24; 24; 1 ], 30 ] do
        let x = varied 1 [ n; List.head widths ]
        let table = Diff.plan (kernel x) (parametersOf widths)
        let weights, count = layers widths, int64 n
        // Outputs are not needed, nor cotangents of the inputs; the input's Gram matrix is a constant.
        let forward = List.sum weights - List.last weights
        let backward = forward - List.head weights
        let grams = 2L * hidden widths
        equal (2L * count * (forward + backward) + 2L * count * count * grams) (productFlops table)

[<Fact>]
let ``a jet of order K takes K + 1 products of each layer, two of the first`` () =
    for widths, n in networks do
        for order in [ 1; 3; 6 ] do
            let p, x = parametersOf widths, fst (data widths n)
            let table = Diff.plan (fun (x, v) -> Diff.jet order (network p) x v) (x, x)
            let first, weights = List.head (layers widths), layers widths
            let products = 2L * first + int64 (order + 1) * (List.sum weights - first)
            equal (2L * int64 n * products) (productFlops table)

[<Fact>]
let ``a loop counts its rounds, and its steps stand below it`` () =
    let x, y = data [ 4; 6; 2 ] 8
    let p = parametersOf [ 4; 6; 2 ]
    let descent steps = Diff.plan (gradientDescent steps 0.1 (meanSquare x y)) p
    let table, twice = descent 10, descent 20
    let loop = table.Rows |> Seq.findIndex (fun r -> r.Operation = "scan")
    let body = table.Rows |> Seq.filter (fun r -> r.Depth = 1)
    Assert.Equal(1, table.Rows[loop + 1].Depth)
    equal table.Rows[loop].Flops (10L * (body |> Seq.sumBy _.Flops))
    equal twice.Rows[loop].Flops (2L * table.Rows[loop].Flops)
    Assert.Equal(table.MatrixProducts, body |> Seq.filter _.IsMatrixProduct |> Seq.length)
    Assert.Equal(table.Steps, table.Rows |> Seq.filter (fun r -> r.Depth = 0) |> Seq.length)

[<Fact>]
let ``rows say operation, shape and what is moved; totals are their sums`` () =
    let a = varied 1 [ 4; 6 ]
    let f (x: Tensor) = Tensor.sum (Tensor.matmul a (Tensor.exp x + x))
    let table = Diff.plan f (varied 2 [ 6; 3 ])
    Assert.Equal<string list>([ "exp·add"; "contract"; "sum" ], [ for r in table.Rows -> r.Operation ])
    Assert.Equal<int list list>([ [ 6; 3 ]; [ 4; 3 ]; [] ], [ for r in table.Rows -> List.ofSeq r.Shape ])
    Assert.Equal<int64 list>([ 36L; 144L; 12L ], [ for r in table.Rows -> r.Flops ])
    equal (36L + 144L + 12L) table.Flops
    equal (table.Rows |> Seq.sumBy _.Bytes) table.Bytes
    Assert.Equal((3, 1, 2), (table.Steps, table.MatrixProducts, table.FusedOperations))
    equal (8L * 24L) table.ConstantBytes
    equal 8L table.ResultBytes
    Assert.InRange(table.ArenaBytes, 8L * (18L + 12L), 8L * 48L)

[<Fact>]
let ``explain is the table's text, and names itself in errors`` () =
    let f (x: Tensor) = Tensor.sum (Tensor.exp x)
    let table = Diff.plan f (varied 1 [ 5 ])
    Assert.Equal(table.ToString(), Diff.explain f (varied 1 [ 5 ]))

    Assert.EndsWith(
        $"2 steps, 0 matrix products, 1 fused operations, 10 FLOPs, {table.Bytes} bytes moved, arena of {table.ArenaBytes} bytes, constants of 0 bytes, results of 8 bytes",
        table.ToString()
    )

    let message name =
        $"{name}: the function uses a variable of a surrounding transformation; {name} the outermost function instead"

    let inside (ask: (Tensor -> Tensor) -> Tensor -> unit) (x: Tensor) =
        ask (fun y -> x * y) (scalar 1.0)
        x

    Check.fails (message "plan") (fun () -> Diff.grad (inside (fun f y -> Diff.plan f y |> ignore)) (scalar 1.0))
    Check.fails (message "explain") (fun () -> Diff.grad (inside (fun f y -> Diff.explain f y |> ignore)) (scalar 1.0))

[<Fact>]
let ``rows say who runs a step`` () =
    let x, y = data [ 8; 16; 2 ] 64
    let t = Tracing.trace (Diff.grad (meanSquare x y)) (parametersOf [ 8; 16; 2 ])
    let table sharing = Program({ Passes.standard with Sharing = sharing }, t.Variables, t.Outputs).Plan.Table()
    let alone, three = table Sharing.Off, table (Sharing.Always 3)
    Assert.All(alone.Rows, fun r -> Assert.True((r.Threads = 1 && not r.MeetsBefore)))
    Assert.Equal((1, 0), (alone.Threads, alone.Meetings))
    Assert.Equal(3, three.Threads)
    Assert.Contains(three.Rows, fun r -> r.Threads = 3)
    Assert.Equal(three.Meetings, three.Rows |> Seq.filter _.MeetsBefore |> Seq.length)
    Assert.True(three.Meetings > 0)
    equal alone.Flops three.Flops
