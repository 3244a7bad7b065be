module Hesse.Tests.Compiler.JoinsTests

open System
open Hesse
open Hesse.Tests
open Xunit

let private lines (f: 'X -> 'Y) (x: 'X) : string[] =
    let text = (Diff.explain f x).Split('\n')
    text[.. text.Length - 2]

let private copies (f: 'X -> 'Y) (x: 'X) : int =
    lines f x
    |> Array.filter (fun line -> line.StartsWith("copy", StringComparison.Ordinal))
    |> Array.length

let private agrees (what: string) (f: 'X -> 'Y) (x: 'X) = Check.trees what 1e-13 (f x) (Diff.compile f x)

let private x = varied 1 [ 3; 4 ]

[<Fact>]
let ``parts along the first axis are made in their place`` () =
    let f (x: Tensor) = Tensor.concat 0 [ Tensor.exp x; Tensor.matmul x (varied 2 [ 4; 4 ]); Tensor.sin x ]
    Assert.Equal(0, copies f x)
    agrees "result" f x
    agrees "read further" (fun x -> Tensor.exp (f x) + f x) x
    // The same when the joined tensor is in the arena.
    agrees "inside" (fun x -> Tensor.matmul (f x) (f x |> Tensor.transpose)) x

[<Fact>]
let ``parts along other axes are written in runs by loops, copied from anywhere else`` () =
    let f (x: Tensor) = Tensor.concat 1 [ Tensor.exp x; Tensor.sin x; Tensor.exp (-x) ]
    Assert.Equal(0, copies f x)
    agrees "loops" f x
    let g (x: Tensor) = Tensor.concat 1 [ Tensor.exp x; Tensor.matmul x (varied 2 [ 4; 5 ]); x ]
    Assert.Equal(2, copies g x)
    agrees "product and variable" g x
    let long = varied 3 [ 5; 700 ]

    agrees
        "runs longer and shorter than tiles"
        (fun x -> Tensor.concat 1 [ Tensor.exp x; Tensor.slice 1 0 3 1 x * 2.0; -x ])
        long

[<Fact>]
let ``rows of blocks: nothing is moved after it is made`` () =
    let blocks (x: Tensor) =
        let row k =
            Tensor.concat 1 [
                Tensor.exp (k * x)
                Tensor.reshape [ 3; 8 ] (Tensor.sin (varied 4 [ 3; 2; 4 ] * k + Tensor.sum x))
            ]

        Tensor.concat 0 [ row 1.0; row 2.0; row 3.0 ]

    Assert.Equal(0, copies blocks x)
    agrees "blocks" blocks x

[<Fact>]
let ``a transposed part is moved once`` () =
    let f (x: Tensor) =
        Tensor.concat 1 [ Tensor.exp x; Tensor.transpose (Tensor.matmul (varied 2 [ 5; 4 ]) (Tensor.transpose x)) ]

    agrees "transposed" f x
    let y = varied 6 [ 4; 3 ]
    let g (y: Tensor) = Tensor.concat 1 [ Tensor.transpose y; Tensor.transpose (2.0 * y) ]
    Assert.Equal(2, copies g y)
    agrees "transposes" g y

[<Fact>]
let ``parts that somebody else reads, or that are joined twice, or asked for`` () =
    let exp x = Tensor.exp x

    agrees
        "read by others"
        (fun x ->
            let y = exp x in
            Tensor.sum (Tensor.sin (Tensor.matmul y (Tensor.transpose y))) * Tensor.concat 0 [ y; x; y ])
        x

    agrees
        "in two joins"
        (fun x -> let y = exp x in Tensor.concat 0 [ y; x ], Tensor.concat 0 [ x; y ], Tensor.concat 1 [ y; y ])
        x

    agrees "an output itself" (fun x -> let y = exp x in y, Tensor.concat 0 [ y; y ], Tensor.concat 1 [ x; y ]) x

    agrees
        "reshaped"
        (fun x -> let y = exp x in Tensor.concat 0 [ Tensor.flatten y; Tensor.flatten x ], Tensor.flatten y + 1.0)
        x

    agrees
        "runs and another reader"
        (fun x -> let y = exp x in Tensor.concat 1 [ y; x ], Tensor.matmul y (Tensor.transpose y))
        x

    agrees "slices" (fun x -> let y = exp x in Tensor.concat 0 [ y[1..2]; y; y[0..0] ]) x

    agrees
        "joins of joins"
        (fun x -> let y = Tensor.concat 0 [ exp x; x ] in Tensor.concat 0 [ y; -y ], Tensor.concat 1 [ y; y ])
        x

    agrees "constants" (fun x -> Tensor.concat 0 [ varied 2 [ 2; 4 ]; exp x; Tensor.ones [ 1; 4 ] ]) x
    agrees "empty parts" (fun x -> Tensor.concat 0 [ exp (Tensor.slice 0 1 1 1 x); exp x; Tensor.slice 0 0 0 1 x ]) x

[<Fact>]
let ``a joined result and views of it are the caller's arrays, in loops too`` () =
    let f (x: Tensor) = let y = Tensor.concat 0 [ Tensor.exp x; x ] in y, Tensor.flatten y, y[1..2] + 1.0
    agrees "views" f x
    let compiled = Diff.compile f
    let first, _, _ = compiled x
    let before = first.toArray ()
    compiled (2.0 * x) |> ignore
    Assert.Equal<float[]>(before, first.toArray ())

    agrees
        "step"
        (Diff.iterate 3 (fun (c: Tensor) -> Tensor.concat 0 [ Tensor.sin c.[2..3]; Tensor.exp -(c.[0..1] * c[1]) ]))
        (varied 3 [ 4; 6 ])

[<Fact>]
let ``float32 joins: parts in place where slots begin at whole doubles`` () =
    for columns in [ 3; 4 ] do
        let x = Tensor.toFloat32 (varied 1 [ 3; columns ])

        let f (x: Tensor) =
            Tensor.concat 0 [ Tensor.exp x; x; Tensor.sin x; Tensor.toFloat32 (varied 2 [ 1; columns ]) ],
            Tensor.concat 1 [ Tensor.exp x; Tensor.sin x; Tensor.sin x |> Tensor.cumsum 1 ]

        Check.trees $"{columns}" 1e-6 (f x) (Diff.compile f x)

[<Fact>]
let ``the Hessian of two layers is written once and copied at most once`` () =
    let w = [| varied 1 [ 3; 8 ]; varied 2 [ 8; 4 ] |]
    let inputs = varied 3 [ 6; 3 ]
    let loss (w: Tensor[]) = Tensor.sum (Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul inputs w[0])) w[1]))
    let hessian = Diff.hessian loss
    agrees "hessian" hessian w
    // The rows of blocks are parts of the result from the start.
    let wide =
        lines hessian w
        |> Array.filter (fun line -> line.Contains "copy [24; 56]" || line.Contains "copy [32; 56]")

    Assert.Empty wide
