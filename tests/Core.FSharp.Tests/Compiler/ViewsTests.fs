module Hesse.Tests.Compiler.ViewsTests

open Hesse
open Hesse.Tests
open Xunit

/// Lines of the printed plan, without the totals.
let private steps (f: 'X -> 'Y) (x: 'X) = (Diff.explain f x).Split('\n').Length - 1

/// One step, and the eager result.
let private isOneStep (f: Tensor -> Tensor) (x: Tensor) =
    Assert.Equal(1, steps f x)
    Check.tensors "compiled" 1e-14 (f x) (Diff.compile f x)

[<Fact>]
let ``a transpose that one loop reads is never stored`` () =
    isOneStep (fun x -> 2.0 * Tensor.transpose x + 1.0) (varied 1 [ 7; 5 ])
    isOneStep (fun x -> x + Tensor.transpose x) (varied 1 [ 6; 6 ])

[<Fact>]
let ``every permutation of the axes of a loop, at sizes around the blocks`` () =
    for shape in [ [ 2; 3; 4 ]; [ 9; 5; 8 ]; [ 1; 30; 33 ]; [ 4; 40; 37 ]; [ 1; 70; 65 ] ] do
        let x = varied 1 shape

        for p in [ [ 0; 2; 1 ]; [ 1; 0; 2 ]; [ 1; 2; 0 ]; [ 2; 0; 1 ]; [ 2; 1; 0 ] ] do
            let f (x: Tensor) = Tensor.exp (Tensor.permute p x)

            // What a tile holds is read in place.
            if x.Size <= 1024 then
                isOneStep f x
            else
                Check.tensors $"{shape} {p}" 1e-14 (f x) (Diff.compile f x)

[<Fact>]
let ``slices, broadcasts and transposes of each other are read by strides`` () =
    let x = varied 1 [ 6; 8 ]
    isOneStep (fun x -> Tensor.sin (Tensor.slice 1 1 8 2 x)) x
    isOneStep (fun x -> Tensor.sin (Tensor.transpose (Tensor.slice 0 0 5 2 (Tensor.slice 1 1 7 2 x)))) x
    isOneStep (fun x -> Tensor.slice 1 0 3 1 x * Tensor.slice 1 5 8 1 x) x

    isOneStep (fun x -> Tensor.sin (Tensor.broadcastTo [ 3; 4; 6 ] (Tensor.slice 0 0 8 2 x))) (varied 2 [ 8; 6 ])

[<Fact>]
let ``a transpose that steps over more than a tile, or that two loops read, is a copy`` () =
    Assert.Equal(2, steps (fun x -> 2.0 * Tensor.transpose x) (varied 1 [ 40; 41 ]))

    let twice (x: Tensor) =
        let t = Tensor.transpose x
        Tensor.exp t, Tensor.sum (Tensor.sin t)

    Assert.Equal(4, steps twice (varied 1 [ 5; 7 ]))
    Check.trees "twice" 1e-14 (twice (varied 1 [ 5; 7 ])) (Diff.compile twice (varied 1 [ 5; 7 ]))
    // By rows it costs nothing, so any number of loops may.
    let rows (x: Tensor) =
        let t = Tensor.permute [ 1; 0; 2 ] x
        Tensor.exp t, Tensor.sum (Tensor.sin t)

    Assert.Equal(3, steps rows (varied 1 [ 5; 7; 3 ]))

[<Fact>]
let ``float32 values are read by strides too`` () =
    let f (x: Tensor) =
        Tensor.exp (Tensor.transpose x)
        + Tensor.slice 1 0 8 2 (Tensor.sin (Tensor.transpose x + 1.0) |> fun y -> Tensor.concat 1 [ y; y ])

    let x = Tensor.toFloat32 (varied 1 [ 4; 5 ])
    Check.tensors "compiled" 1e-6 (f x) (Diff.compile f x)

[<Fact>]
let ``an output and a product need the transpose itself`` () =
    let f (x: Tensor) =
        let t = Tensor.transpose x
        t, Tensor.exp t

    Check.trees "output" 1e-14 (f (varied 1 [ 3; 4 ])) (Diff.compile f (varied 1 [ 3; 4 ]))
