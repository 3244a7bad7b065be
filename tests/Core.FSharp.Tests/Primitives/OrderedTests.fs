module Hesse.Tests.Primitives.OrderedTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private cube = varied 3 [ 3; 4; 2 ]

/// A function of the rows of an axis against a function of arrays, for every axis of a tensor of rank 3, eager and compiled.
let private rowwise name tolerance (f: int -> Tensor -> Tensor) (expected: float[] -> float[]) =
    for axis in 0..2 do
        let last = Tensor.permute [| (axis + 1) % 3; (axis + 2) % 3; axis |] cube
        let count = cube.Shape[axis]
        let rows = last.toArray () |> Array.chunkBySize count |> Array.collect expected
        let back = Array.init 3 (fun d -> Array.IndexOf([| (axis + 1) % 3; (axis + 2) % 3; axis |], d))
        let expected = Tensor.permute back (Tensor.create last.Shape rows)
        Check.tensors $"{name}, axis {axis}" tolerance expected (f axis cube)
        Check.tensors $"{name}, axis {axis}, compiled" tolerance expected (Diff.compile (f axis) cube)
        Check.tensors $"{name}, axis {axis} from the end" tolerance expected (f (axis - 3) cube)
        let batch = Tensor.stack 0 [ cube; -cube ]
        let parts = Tensor.stack 0 [ f axis cube; f axis -cube ]
        Check.tensors $"{name}, axis {axis}, vmap" tolerance parts (Diff.vmap (f axis) batch)

let private running combine (row: float[]) = row[1..] |> Array.scan combine row[0]
let private onReversed f = Array.rev >> f >> Array.rev

[<Fact>]
let ``running sums, products, order and reversal along every axis`` () =
    rowwise "cumsum" 1e-15 Tensor.cumsum (running (+))
    rowwise "cumsumReverse" 1e-15 Tensor.cumsumReverse (onReversed (running (+)))
    rowwise "cumprod" 1e-15 Tensor.cumprod (running (*))
    rowwise "cumprodReverse" 1e-15 Tensor.cumprodReverse (onReversed (running (*)))
    rowwise "sort" 0.0 Tensor.sort Array.sort
    rowwise "sortDescending" 0.0 Tensor.sortDescending Array.sortDescending
    let order (row: float[]) = [| 0 .. row.Length - 1 |] |> Array.sortBy (fun i -> row[i]) |> Array.map float
    rowwise "argsort" 0.0 Tensor.argsort order
    rowwise "argsortDescending" 0.0 Tensor.argsortDescending (Array.map (~-) >> order)
    rowwise "flip" 0.0 Tensor.flip Array.rev

[<Fact>]
let ``empty axes and single elements`` () =
    for f in [ Tensor.cumsum; Tensor.cumprod; Tensor.cumprodReverse; Tensor.sort; Tensor.argsort; Tensor.flip ] do
        Assert.Equal<int[]>([| 0; 2 |], (f 0 (Tensor.zeros [ 0; 2 ])).Shape)
        Assert.Equal<int[]>([| 2; 0 |], (f 0 (Tensor.zeros [ 2; 0 ])).Shape)

    Check.tensors "one" 0.0 (vector [ 3.0 ]) (Tensor.cumprod 0 (Tensor.sort 0 (Tensor.cumsum 0 (vector [ 3.0 ]))))

[<Fact>]
let ``the transpose of a recurrence in its addend is the recurrence backwards`` () =
    let x, w = (varied 4 [ 3; 4; 2 ]).Node, (varied 5 [ 3; 4; 2 ]).Node
    let a = cube.Node
    let inner (p: Node) (q: Node) = Check.inner (Tensor p) (Tensor q)

    for axis in 0..2 do
        for reverse in [ false; true ] do
            let ax = Ordered.recurrence axis reverse a x
            let atw = Ordered.recurrenceP.Transpose.Value (Directed(axis, reverse)) [| a; x |] w 1
            Check.number $"axis {axis}, {reverse}" 1e-14 (inner ax w) (inner x atw)

[<Fact>]
let ``a product has every derivative where elements are 0`` () =
    // ∂ⁿ/∂x_i… of Π x is the product of the others, whatever is 0; second derivatives are products of all but two.
    for values in [ [ 2.0; 3.0; 5.0 ]; [ 2.0; 0.0; 5.0 ]; [ 0.0; 3.0; 0.0 ]; [ 0.0; 0.0; 0.0 ] ] do
        let x = Array.ofList values
        let without (skipped: int list) = [ 0..2 ] |> List.except skipped |> List.fold (fun p i -> p * x[i]) 1.0

        let f (t: Tensor) = (Tensor.cumprod 0 t).[2]
        Check.tensors "gradient" 0.0 (vector [ for i in 0..2 -> without [ i ] ]) (Diff.grad f (Tensor.ofArray x))

        let hessian = [|
            for i in 0..2 do
                for j in 0..2 -> if i = j then 0.0 else without [ i; j ]
        |]

        Check.arrays "Hessian" 0.0 hessian ((Diff.hessian f (Tensor.ofArray x)).toArray())

        // Π (xᵢ + t) at order 3 is t³.
        let jet = Diff.jet 4 f (Tensor.ofArray x) (Tensor.ones [ 3 ])
        Check.tensors "third" 1e-15 (scalar 6.0) jet[3]
        Check.tensors "fourth" 1e-15 (scalar 0.0) jet[4]

[<Fact>]
let ``product, variance, deviation, norm and outer product`` () =
    let x = Tensor.create [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 0.0; -1.0 |]
    Check.tensors "prod 0" 0.0 (vector [ 4.0; 0.0; -3.0 ]) (Tensor.prodAxis 0 x)
    Check.tensors "prod -1" 0.0 (vector [ 6.0; 0.0 ]) (Tensor.prodAxis -1 x)
    Check.tensors "prod" 0.0 (scalar 0.0) (Tensor.prod x)
    Check.tensors "gradient" 0.0 (Tensor.create [ 2; 3 ] [| 0.0; 0.0; 0.0; 0.0; -24.0; 0.0 |]) (Diff.grad Tensor.prod x)
    Check.tensors "nothing" 0.0 (Tensor.ones [ 2 ]) (Tensor.prodAxis 1 (Tensor.zeros [ 2; 0 ]))
    Check.tensors "one" 0.0 (scalar 3.0) (Tensor.prod (scalar 3.0))
    Check.tensors "variance" 1e-15 (scalar (31.0 / 6.0 - 2.25)) (Tensor.variance x)
    Check.tensors "variance 1" 1e-15 (vector [ 2.0 / 3.0; 14.0 / 3.0 ]) (Tensor.varianceAxis 1 x)
    Check.tensors "std" 1e-15 (scalar (Math.Sqrt(31.0 / 6.0 - 2.25))) (Tensor.std x)
    let v = vector [ 3.0; 4.0 ]
    Check.tensors "norm" 0.0 (scalar 5.0) (Tensor.norm v)
    Check.tensors "direction" 1e-16 (vector [ 0.6; 0.8 ]) (Diff.grad Tensor.norm v)
    // (I − v vᵀ / |v|²) / |v|
    Check.tensors
        "Hessian"
        1e-16
        (Tensor.create [ 2; 2 ] [| 0.128; -0.096; -0.096; 0.072 |])
        (Diff.hessian Tensor.norm v)

    Check.tensors "at 0" 0.0 (Tensor.zeros [ 2; 2 ]) (Diff.hessian Tensor.norm (Tensor.zeros [ 2 ]))
    Check.tensors "constant" 0.0 (Tensor.zeros [ 2 ]) (Diff.grad Tensor.std (Tensor.ones [ 2 ]))
    Check.tensors "outer" 0.0 (Tensor.create [ 2; 2 ] [| 9.0; 12.0; 12.0; 16.0 |]) (Tensor.outer v v)
    Check.fails "outer: expected two vectors, got [2; 3] and [2]; flatten them" (fun () -> Tensor.outer x v)

[<Fact>]
let ``jet of a running product is that of the power`` () =
    // cumprod of (t, t, t, t, t) is (t, t², …, t⁵).
    let f t = Tensor.cumprod 0 (Tensor.broadcastTo [ 5 ] t)
    let t = 1.3
    let jet = Diff.jet 5 f (scalar t) (scalar 1.0)

    for k in 0..5 do
        let falling n = Seq.fold (fun p i -> p * float (n - i)) 1.0 (seq { 0 .. k - 1 })

        let expected =
            Array.init 5 (fun i -> if k > i + 1 then 0.0 else falling (i + 1) * t ** float (i + 1 - k))

        Check.arrays $"derivative {k}" 1e-14 expected (jet[k].toArray())

[<Fact>]
let ``sorting is stable and puts NaN last in both directions`` () =
    let x = vector [ 2.0; nan; -0.0; 2.0; 0.0; -infinity; infinity; nan ]
    Check.tensors "ascending" 0.0 (vector [ 5.0; 2.0; 4.0; 0.0; 3.0; 6.0; 1.0; 7.0 ]) (Tensor.argsort 0 x)
    Check.tensors "descending" 0.0 (vector [ 6.0; 0.0; 3.0; 2.0; 4.0; 5.0; 1.0; 7.0 ]) (Tensor.argsortDescending 0 x)

    // Every length around the widths of the merge, with many ties.
    for n in 1..70 do
        let keys = Array.init n (fun i -> float (i * 37 % 11))

        let expected =
            Array.init n id |> Array.sortWith (fun i j -> compare (keys[i], i) (keys[j], j)) |> Array.map float

        Check.arrays $"{n}" 0.0 expected ((Tensor.argsort 0 (Tensor.ofArray keys)).toArray())

[<Fact>]
let ``derivatives follow the elements to their places`` () =
    let x, w = vector [ 0.3; -1.2; 2.5; 0.9 ], vector [ 1.0; 10.0; 100.0; 1000.0 ]
    let f (t: Tensor) = Tensor.sum (w * Tensor.sort 0 t * Tensor.sort 0 t)

    Check.tensors
        "gradient"
        1e-13
        (vector [ 2.0 * 10.0 * 0.3; -2.0 * 1.2; 2.0 * 1000.0 * 2.5; 2.0 * 100.0 * 0.9 ])
        (Diff.grad f x)

    Check.tensors
        "Hessian"
        1e-12
        (Tensor.create [ 4; 4 ] [|
            20.0
            0.0
            0.0
            0.0
            0.0
            2.0
            0.0
            0.0
            0.0
            0.0
            2000.0
            0.0
            0.0
            0.0
            0.0
            200.0
        |])
        (Diff.hessian f x)

    let values, indices = Tensor.topK 0 2 x
    Check.tensors "values" 0.0 (vector [ 2.5; 0.9 ]) values
    Check.tensors "indices" 0.0 (vector [ 2.0; 3.0 ]) indices
    Check.tensors "top" 0.0 (vector [ 0.0; 0.0; 1.0; 1.0 ]) (Diff.grad (Tensor.topK 0 2 >> fst >> Tensor.sum) x)
    Check.tensors "indices are constant" 0.0 (Tensor.zeros [ 4 ]) (Diff.grad (Tensor.argsort 0 >> Tensor.sum) x)

    let rows = Tensor.stack 0 [ x; -x ]
    let top t = fst (Tensor.topK 1 2 t)
    Check.tensors "rows" 0.0 (Tensor.create [ 2; 2 ] [| 2.5; 0.9; 1.2; -0.3 |]) (top rows)
    let perRow = Diff.vmap (Diff.grad f) rows
    Check.tensors "vmap of grad" 1e-13 (Tensor.stack 0 [ Diff.grad f x; Diff.grad f -x ]) perRow

    Check.fails "topK: cannot take 5 elements of axis 0 of shape [4]; want 0 to 4" (fun () -> Tensor.topK 0 5 x)
