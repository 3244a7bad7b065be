module Hesse.Tests.Tensors.ShapesTests

open Hesse
open Hesse.Tests
open Xunit

let private counted shape = Tensor.reshape shape (Tensor.arange (Seq.fold (*) 1 shape))

[<Fact>]
let ``squeeze and moveAxis`` () =
    Check.shapes "squeeze" [| 2; 3 |] (Tensor.squeeze -2 (counted [ 2; 1; 3 ])).Shape
    let t = counted [ 2; 3; 4 ]
    Check.tensors "to the end" 0.0 (Tensor.permute [ 1; 2; 0 ] t) (Tensor.moveAxis 0 -1 t)
    Check.tensors "to the start" 0.0 (Tensor.permute [ 2; 0; 1 ] t) (Tensor.moveAxis -1 0 t)
    Check.tensors "in between" 0.0 (Tensor.permute [ 1; 0; 2 ] t) (Tensor.moveAxis 0 1 t)

[<Fact>]
let ``roll moves in circles`` () =
    let t = counted [ 2; 4 ]
    let rows a b = Tensor.create [ 2; 4 ] (Array.append a b)
    Check.tensors "by one" 0.0 (rows [| 3.0; 0.0; 1.0; 2.0 |] [| 7.0; 4.0; 5.0; 6.0 |]) (Tensor.roll 1 1 t)
    Check.tensors "backwards" 0.0 (rows [| 1.0; 2.0; 3.0; 0.0 |] [| 5.0; 6.0; 7.0; 4.0 |]) (Tensor.roll 1 -1 t)
    Check.tensors "all round" 0.0 t (Tensor.roll 1 -8 t)
    Check.tensors "there and back" 0.0 t (Tensor.roll 0 -7 (Tensor.roll 0 7 t))
    Check.shapes "empty" [| 0 |] (Tensor.roll 0 3 (Tensor.zeros [ 0 ])).Shape

[<Fact>]
let ``repeat and tile`` () =
    let t = counted [ 2; 2 ]

    Check.tensors
        "repeat"
        0.0
        (Tensor.create [ 2; 4 ] [| 0.0; 0.0; 1.0; 1.0; 2.0; 2.0; 3.0; 3.0 |])
        (Tensor.repeat 1 2 t)

    Check.tensors "tile" 0.0 (Tensor.concat 0 [ t; t; t ]) (Tensor.tile [ 3; 1 ] t)

    Check.tensors
        "tile both"
        0.0
        (Tensor.concat 1 [ Tensor.tile [ 2; 1 ] t; Tensor.tile [ 2; 1 ] t ])
        (Tensor.tile [ 2; 2 ] t)

    Check.shapes "none" [| 2; 0 |] (Tensor.tile [ 1; 0 ] t).Shape
    Check.tensors "derivative" 0.0 (Tensor.full [ 2; 2 ] 6.0) (Diff.grad (Tensor.sum << Tensor.tile [ 2; 3 ]) t)

[<Fact>]
let ``meshgrid and differences`` () =
    match Tensor.meshgrid [ vector [ 1.0; 2.0 ]; vector [ 3.0; 4.0; 5.0 ] ] with
    | [ x; y ] ->
        Check.tensors "first" 0.0 (Tensor.create [ 2; 3 ] [| 1.0; 1.0; 1.0; 2.0; 2.0; 2.0 |]) x
        Check.tensors "second" 0.0 (Tensor.create [ 2; 3 ] [| 3.0; 4.0; 5.0; 3.0; 4.0; 5.0 |]) y
    | other -> failwith $"{other.Length} tensors"

    Check.tensors "diff" 0.0 (vector [ 2.0; -3.0 ]) (Tensor.diff 0 (vector [ 1.0; 3.0; 0.0 ]))

    Check.tensors
        "diff of a sum"
        1e-15
        (Tensor.slice 1 1 5 1 (varied 1 [ 2; 5 ]))
        (Tensor.diff 1 (Tensor.cumsum 1 (varied 1 [ 2; 5 ])))

[<Fact>]
let ``triangles and diagonals`` () =
    let t = 1.0 + counted [ 2; 2; 3 ]
    let lower = [| 1.0; 0.0; 0.0; 4.0; 5.0; 0.0; 7.0; 0.0; 0.0; 10.0; 11.0; 0.0 |]
    Check.tensors "tril" 0.0 (Tensor.create [ 2; 2; 3 ] lower) (Tensor.tril 0 t)

    for k in -2 .. 3 do
        Check.tensors $"parts at {k}" 0.0 t (Tensor.tril k t + Tensor.triu (k + 1) t)

    // What is left out is not read.
    let holes = Tensor.create [ 2; 2 ] [| 1.0; nan; 2.0; infinity |]
    Check.tensors "NaN" 0.0 (Tensor.create [ 2; 2 ] [| 0.0; 0.0; 2.0; 0.0 |]) (Tensor.tril -1 holes)

    Check.tensors
        "diag"
        0.0
        (Tensor.create [ 2; 2 ] [| 3.0; 0.0; 0.0; infinity |])
        (Tensor.diag (vector [ 3.0; infinity ]))

    for n in [ 0; 1; 5 ] do
        Check.tensors "there and back" 0.0 (varied 1 [ n ]) (Tensor.diagonal (Tensor.diag (varied 1 [ n ])))

    Check.tensors
        "gradient"
        0.0
        (varied 2 [ 3; 3 ] |> Tensor.diagonal)
        (Diff.grad (fun x -> Tensor.sum (Tensor.diag x * varied 2 [ 3; 3 ])) (varied 1 [ 3 ]))

[<Fact>]
let ``one-hot rows`` () =
    let rows = Tensor.oneHot 3 (Tensor.create [ 2; 2 ] [| 2.0; 0.0; 1.0; 7.0 |])
    let expected = [| 0.0; 0.0; 1.0; 1.0; 0.0; 0.0; 0.0; 1.0; 0.0; 0.0; 0.0; 0.0 |]
    Check.tensors "rows" 0.0 (Tensor.create [ 2; 2; 3 ] expected) rows

[<Fact>]
let ``errors name operation, shapes and remedy`` () =
    Check.fails "squeeze: axis 0 of shape [2] has length 2; want 1" (fun () -> Tensor.squeeze 0 (varied 1 [ 2 ]))
    Check.fails "repeat: count is -1; want at least 0" (fun () -> Tensor.repeat 0 -1 (varied 1 [ 2 ]))

    Check.fails "tile: counts [2] for shape [2; 2]; want 2 numbers that are at least 0" (fun () ->
        Tensor.tile [ 2 ] (varied 1 [ 2; 2 ]))

    Check.fails "meshgrid: expected vectors, got shape [2; 2]; flatten it" (fun () ->
        Tensor.meshgrid [ varied 1 [ 2; 2 ] ])

    Check.fails "tril: expected matrices [..., m, n], got shape [2]; reshape it" (fun () ->
        Tensor.tril 0 (varied 1 [ 2 ]))

    Check.fails "diag: expected a vector, got shape [2; 2]; use diagonal for the other way" (fun () ->
        Tensor.diag (varied 1 [ 2; 2 ]))
