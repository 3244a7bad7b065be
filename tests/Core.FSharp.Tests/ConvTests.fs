module Hesse.Tests.ConvTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private options = ConvOptions.Default

/// The definition in loops: x [batch; channels; height; width], padded by (low, high), already dilated.
let private loops stride (low: int) (high: int) dilation groups (x: Tensor) (kernel: Tensor) =
    let xs, ks = x.Shape, kernel.Shape
    let a, w = x.toArray (), kernel.toArray ()
    let count d = (xs[d] + low + high - ((ks[d] - 1) * dilation + 1)) / stride + 1
    let perGroup = ks[0] / groups

    let at n c i j =
        if i < 0 || j < 0 || i >= xs[2] || j >= xs[3] then
            0.0
        else
            a[((n * xs[1] + c) * xs[2] + i) * xs[3] + j]

    Tensor.create [ xs[0]; ks[0]; count 2; count 3 ] [|
        for n in 0 .. xs[0] - 1 do
            for o in 0 .. ks[0] - 1 do
                for p in 0 .. count 2 - 1 do
                    for q in 0 .. count 3 - 1 do
                        Seq.sum (
                            seq {
                                for c in 0 .. ks[1] - 1 do
                                    for i in 0 .. ks[2] - 1 do
                                        for j in 0 .. ks[3] - 1 do
                                            let place start k = start * stride + k * dilation - low
                                            let channel = o / perGroup * ks[1] + c

                                            at n channel (place p i) (place q j)
                                            * w[((o * ks[1] + c) * ks[2] + i) * ks[3] + j]
                            }
                        )
    |]

[<Fact>]
let ``2-D convolution is the sum of its definition, for strides, paddings, dilations and groups`` () =
    for groups in [ 1; 2 ] do
        let x, kernel = varied 1 [ 2; 4; 7; 6 ], varied 2 [ 6; 4 / groups; 3; 2 ]

        for stride in [ 1; 2; 3 ] do
            for dilation in [ 1; 2 ] do
                for low, high in [ 0, 0; 1, 1; 0, 2 ] do
                    let chosen = {
                        options with
                            Stride = [ stride ]
                            KernelDilation = [ dilation ]
                            Padding = ConvPadding.Explicit [ low, high ]
                            Groups = groups
                    }

                    let expected = loops stride low high dilation groups x kernel
                    let what = $"groups {groups}, stride {stride}, dilation {dilation}, padding {low}, {high}"
                    Check.tensors what 1e-13 expected (Conv.conv2d chosen x kernel)
                    Check.tensors (what + ", one example") 1e-13 expected[1] (Conv.conv2d chosen x[1] kernel)

                    Check.tensors
                        (what + ", compiled")
                        1e-13
                        expected
                        (Diff.compile (fun x -> Conv.conv2d chosen x kernel) x)

[<Fact>]
let ``the axes may differ in stride, dilation and padding`` () =
    let x, kernel = varied 1 [ 1; 2; 6; 7 ], varied 2 [ 3; 2; 2; 3 ]

    let chosen = {
        options with
            Stride = [ 1; 2 ]
            KernelDilation = [ 2; 1 ]
            Padding = ConvPadding.Explicit [ (1, 0); (0, 2) ]
    }

    // Every second column of stride 1, of the padded input, with zeros put into the kernel.
    let padded = Tensor(Movement.pad [| 0; 0; 1; 0 |] [| 0; 0; 0; 2 |] [| 0; 0; 0; 0 |] x.Node)
    let spread = Tensor(Movement.pad [| 0; 0; 0; 0 |] [| 0; 0; 0; 0 |] [| 0; 0; 1; 0 |] kernel.Node)
    let expected = Conv.conv2d options padded spread |> fun y -> Tensor.slice 3 0 y.Shape[3] 2 y
    Check.tensors "values" 1e-13 expected (Conv.conv2d chosen x kernel)

[<Fact>]
let ``1-D convolution: same lengths, a dilated input, and the product of polynomials`` () =
    // Coefficients of (1 + 2t + 3t²)(4 + 5t): the kernel reversed, padded by one on either side.
    let x, kernel = Tensor.create [ 1; 3 ] [| 1.0; 2.0; 3.0 |], Tensor.create [ 1; 1; 2 ] [| 5.0; 4.0 |]
    let full = { options with Padding = ConvPadding.Explicit [ 1, 1 ] }
    Check.tensors "product" 0.0 (Tensor.create [ 1; 4 ] [| 4.0; 13.0; 22.0; 15.0 |]) (Conv.conv1d full x kernel)

    for length in 1..9 do
        for window in 1..4 do
            for stride in 1..3 do
                let same = { options with Padding = ConvPadding.Same; Stride = [ stride ] }
                let y = Conv.conv1d same (varied 1 [ 2; 1; length ]) (varied 2 [ 1; 1; window ])
                Check.shapes "same" [| 2; 1; (length + stride - 1) / stride |] y.Shape

    let between = { options with InputDilation = [ 2 ] }
    let spread = Tensor.create [ 1; 5 ] [| 1.0; 0.0; 2.0; 0.0; 3.0 |]
    Check.tensors "dilated" 0.0 (Conv.conv1d options spread kernel) (Conv.conv1d between x kernel)

[<Fact>]
let ``the gradient in the input is a convolution of a dilated one with the flipped kernel`` () =
    let x, kernel = varied 1 [ 2; 3; 7; 7 ], varied 2 [ 4; 3; 3; 3 ]
    let y, pull = Diff.vjp (fun x -> Conv.conv2d { options with Stride = [ 2 ] } x kernel) x
    let w = varied 3 (List.ofArray y.Shape)
    let flipped = kernel |> Tensor.flip 2 |> Tensor.flip 3 |> Tensor.permute [ 1; 0; 2; 3 ]

    let expected =
        Conv.conv2d { options with InputDilation = [ 2 ]; Padding = ConvPadding.Explicit [ 2, 2 ] } w flipped

    Check.tensors "gradient" 1e-13 expected (pull w)

[<Fact>]
let ``orders, batches and both arguments`` () =
    let x, kernel = varied 1 [ 2; 2; 5; 4 ], varied 2 [ 4; 1; 2; 2 ]
    let chosen = { options with Padding = ConvPadding.Same; Stride = [ 2; 1 ]; Groups = 2 }
    checkOrders "input" (fun x -> Tensor.tanh (Conv.conv2d chosen x kernel)) x
    checkOrders "kernel" (fun k -> Tensor.tanh (Conv.conv2d chosen x k)) kernel

    let square t = Conv.conv2d options (t * varied 4 [ 1; 2; 4; 4 ]) (Tensor.slice 2 0 2 1 (Tensor.slice 3 1 3 1 t))
    checkOrders "both" square (varied 3 [ 1; 2; 4; 4 ])
    let stacked f xs = Tensor.stack 0 (List.map f xs), Diff.vmap f (Tensor.stack 0 xs)
    let inputs = stacked (fun x -> Conv.conv2d chosen x kernel) [ x; x * x ]
    let kernels = stacked (fun k -> Conv.conv2d chosen x k) [ kernel; kernel * kernel ]
    Check.tensors "inputs" 1e-13 (fst inputs) (snd inputs)
    Check.tensors "kernels" 1e-13 (fst kernels) (snd kernels)

    Check.tensors
        "kernels for examples"
        1e-13
        (Tensor.stack 0 [ for i in 0..1 -> Conv.conv2d chosen x[i] (float (i + 1) * kernel) ])
        (Diff.vmap (fun (x, k) -> Conv.conv2d chosen x k) (x, Tensor.stack 0 [ kernel; 2.0 * kernel ]))

[<Fact>]
let ``no operand of a convolution or of its gradients is permuted`` () =
    // The windows are the large array: they are cut once, and contracted as they lie. The other copies pad, and undo it.
    let x, kernel = varied 1 [ 8; 4; 6; 6 ], varied 2 [ 4; 4; 3; 3 ]
    let same = { options with Padding = ConvPadding.Same }
    let loss (x, k) = Tensor.sum (Tensor.square (Conv.conv2d same x k))
    let plan = Diff.explain (Diff.grad loss) (x, kernel)
    let copies = plan.Split('\n') |> Array.filter (fun line -> line.Contains "copy")
    Assert.Equal(3, copies.Length)
    Assert.Contains("overlap-add", plan)

[<Fact>]
let ``exact numbers and sparsity patterns go through convolutions`` () =
    let x, kernel = Tensor.arange 5 |> Tensor.reshape [ 1; 5 ], Tensor.create [ 1; 1; 2 ] [| 1.0; -2.0 |]
    let f x = Conv.conv1d options x kernel
    Check.arrays "interval" 0.0 ((f x).toArray()) (Exact.interval f x |> Array.map (fun i -> i.Lower))
    let pattern = Sparse.pattern f x
    Assert.Equal<int[]>([| 0; 1; 1; 2; 2; 3; 3; 4 |], pattern.ColumnIndices)
    let back = Diff.grad (fun x -> Tensor.sum (Tensor.square (f x)))
    Check.arrays "gradient" 0.0 ((back x).toArray()) (Exact.interval back x |> Array.map (fun i -> i.Lower))

// ----- pooling -----

[<Fact>]
let ``pooling by its definition`` () =
    let x = varied 1 [ 2; 3; 7; 6 ]

    for window, stride in [ [ 2 ], [ 2 ]; [ 3; 2 ], [ 1; 2 ]; [ 1 ], [ 1 ] ] do
        let both (xs: int list) = if xs.Length = 2 then xs[0], xs[1] else xs[0], xs[0]
        let (wi, wj), (si, sj) = both window, both stride

        let expected reduce =
            Tensor.stack 2 [
                for p in 0 .. (7 - wi) / si ->
                    Tensor.stack 2 [
                        for q in 0 .. (6 - wj) / sj ->
                            x
                            |> Tensor.slice 2 (p * si) (p * si + wi) 1
                            |> Tensor.slice 3 (q * sj) (q * sj + wj) 1
                            |> reduce
                    ]
            ]

        let largest = Tensor.maxAxis 2 << Tensor.maxAxis 3
        let mean = Tensor.meanAxis 2 << Tensor.meanAxis 3
        Check.tensors "max" 0.0 (expected largest) (Conv.maxPool2d window stride ConvPadding.Valid x)
        Check.tensors "mean" 1e-15 (expected mean) (Conv.avgPool2d window stride ConvPadding.Valid x)

[<Fact>]
let ``padding never is the largest, and counts as zero in a mean`` () =
    let x = vector [ -3.0; -1.0; -2.0 ]
    let around = ConvPadding.Explicit [ 1, 1 ]
    Check.tensors "max" 0.0 (vector [ -1.0; -1.0; -1.0 ]) (Conv.maxPool1d 3 1 around x)
    Check.tensors "mean" 1e-15 (vector [ -4.0 / 3.0; -2.0; -1.0 ]) (Conv.avgPool1d 3 1 around x)
    Check.tensors "gradient" 0.0 (vector [ 0.0; 3.0; 0.0 ]) (Diff.grad (Tensor.sum << Conv.maxPool1d 3 1 around) x)

[<Fact>]
let ``equal largest elements of a window share the derivative`` () =
    let g = Diff.grad (Tensor.sum << Conv.maxPool1d 2 1 ConvPadding.Valid) (vector [ 1.0; 1.0; 0.0 ])
    Check.tensors "gradient" 0.0 (vector [ 0.5; 1.5; 0.0 ]) g

[<Fact>]
let ``orders of pooling`` () =
    let x = varied 1 [ 2; 5; 6 ]
    checkOrders "max" (Conv.maxPool2d [ 2 ] [ 2; 1 ] ConvPadding.Same >> Tensor.square) x
    checkOrders "mean" (Conv.avgPool2d [ 2; 3 ] [ 2 ] ConvPadding.Same >> Tensor.square) x
    checkBatch "max" (Conv.maxPool1d 2 2 ConvPadding.Valid) [ x; -x ]

[<Fact>]
let ``what is not finite stays in the windows that hold it`` () =
    let x = Tensor.create [ 1; 5 ] [| 1.0; nan; 2.0; infinity; 3.0 |]
    let kernel = Tensor.ones [ 1; 1; 2 ]
    Check.tensors "sums" 0.0 (Tensor.create [ 1; 4 ] [| nan; nan; infinity; infinity |]) (Conv.conv1d options x kernel)
    Check.tensors "maxima" 0.0 (Tensor.create [ 1; 2 ] [| nan; infinity |]) (Conv.maxPool1d 2 2 ConvPadding.Valid x)
    let _, pull = Diff.vjp (fun x -> Conv.conv1d options x kernel) (Tensor.zeros [ 1; 4 ])
    let back = pull (Tensor.create [ 1; 3 ] [| infinity; 1.0; nan |])
    Check.tensors "put back" 0.0 (Tensor.create [ 1; 4 ] [| infinity; infinity; nan; nan |]) back

[<Fact>]
let ``no examples, and one`` () =
    let kernel = varied 2 [ 4; 1; 3; 2 ]

    for groups in [ 1; 2 ] do
        let chosen = { options with Groups = groups }
        let f x = Conv.conv2d chosen x kernel
        Check.shapes "none" [| 0; 4; 3; 4 |] (f (Tensor.zeros [ 0; groups; 5; 5 ])).Shape
        Check.shapes "one" [| 1; 4; 3; 4 |] (f (varied 1 [ 1; groups; 5; 5 ])).Shape
        let g = Diff.grad (fun k -> Tensor.sum (Conv.conv2d chosen (Tensor.zeros [ 0; groups; 5; 5 ]) k)) kernel
        Check.tensors "gradient of none" 0.0 (Tensor.zeros [ 4; 1; 3; 2 ]) g

[<Fact>]
let ``errors name operation, shapes and remedy`` () =
    let kernel = varied 1 [ 2; 3; 2; 2 ]

    Check.fails
        "conv2d: expected an input of rank 3 or 4 and a kernel of rank 4, got [5; 5] and [2; 3; 2; 2]; the axes are [batch; channels; …] and [outputs; channels; …]"
        (fun () -> Conv.conv2d options (varied 1 [ 5; 5 ]) kernel)

    Check.fails
        "conv2d: 1 groups of an input with 4 channels do not fit a kernel of shape [2; 3; 2; 2]; want channels = groups · 3, and groups that divide 2"
        (fun () -> Conv.conv2d options (varied 1 [ 4; 5; 5 ]) kernel)

    Check.fails "conv2d: stride is [1; 2; 3]; want 1 or 2 numbers that are at least 1" (fun () ->
        Conv.conv2d { options with Stride = [ 1; 2; 3 ] } (varied 1 [ 3; 5; 5 ]) kernel)

    Check.fails "conv2d: padding is [(-1, 0)]; want 1 or 2 pairs of numbers that are not negative" (fun () ->
        Conv.conv2d { options with Padding = ConvPadding.Explicit [ -1, 0 ] } (varied 1 [ 3; 5; 5 ]) kernel)

    Check.fails "maxPool1d: no window of [4] fits in shape [3]; pad it, or take a smaller window" (fun () ->
        Conv.maxPool1d 4 1 ConvPadding.Valid (varied 1 [ 3 ]))

    Check.fails "maxPool1d: a window of [2] lies in the padding altogether; pad by less than the window" (fun () ->
        Conv.maxPool1d 2 1 (ConvPadding.Explicit [ 2, 0 ]) (varied 1 [ 3 ]))

    Check.shapes "no place" [| 2; 0; 1 |] (Conv.conv2d options (varied 1 [ 3; 1; 2 ]) kernel).Shape
