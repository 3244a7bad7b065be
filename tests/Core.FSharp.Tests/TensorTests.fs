module Hesse.Tests.TensorTests

open System
open Hesse
open Xunit

let private matrix = Tensor.create [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]
let private is (expected: Tensor) (actual: Tensor) = Check.tensors "value" 1e-15 expected actual

[<Fact>]
let ``shape, rank, size and values`` () =
    Assert.Equal<int[]>([| 2; 3 |], matrix.Shape)
    Assert.Equal(2, matrix.Rank)
    Assert.Equal(6, matrix.Size)
    Assert.True matrix.IsConcrete
    Assert.Equal(6.0, matrix.toArray2D().[1, 2])
    Assert.Equal(3.0, (scalar 3.0).item())
    Assert.Equal(3.0, (Tensor.create [ 1; 1 ] [| 3.0 |]).item())

[<Fact>]
let ``a tensor is immutable: arrays are copied on the way in and out`` () =
    let data = [| 1.0; 2.0 |]
    let t = Tensor.ofArray data
    data[0] <- 9.0
    (t.toArray ())[1] <- 9.0
    t.Shape[0] <- 9
    is (vector [ 1.0; 2.0 ]) t
    Assert.Equal<int[]>([| 2 |], t.Shape)

[<Fact>]
let ``operators, with numbers on either side`` () =
    let a, b = vector [ 4.0; 9.0 ], vector [ 2.0; 3.0 ]
    is (vector [ 6.0; 12.0 ]) (a + b)
    is (vector [ 2.0; 6.0 ]) (a - b)
    is (vector [ 8.0; 27.0 ]) (a * b)
    is (vector [ 2.0; 3.0 ]) (a / b)
    is (vector [ 16.0; 729.0 ]) (a ** b)
    is (vector [ -4.0; -9.0 ]) -a
    is (vector [ 5.0; 10.0 ]) (a + 1.0)
    is (vector [ 5.0; 10.0 ]) (1.0 + a)
    is (vector [ 3.0; 8.0 ]) (a - 1.0)
    is (vector [ -3.0; -8.0 ]) (1.0 - a)
    is (vector [ 2.0; 4.5 ]) (a / 2.0)
    is (vector [ 9.0; 4.0 ]) (36.0 / a)
    is (vector [ 2.0; 3.0 ]) (a ** 0.5)

[<Fact>]
let ``broadcasting follows NumPy`` () =
    let column, row = Tensor.create [ 2; 1 ] [| 10.0; 20.0 |], vector [ 1.0; 2.0; 3.0 ]
    is (Tensor.create [ 2; 3 ] [| 11.0; 12.0; 13.0; 21.0; 22.0; 23.0 |]) (column + row)
    is (Tensor.create [ 2; 3 ] [| 1.0; 4.0; 9.0; 4.0; 10.0; 18.0 |]) (matrix * row)
    Check.shapes "ranks 3 and 1" [| 4; 2; 3 |] (Tensor.zeros [ 4; 1; 3 ] + matrix).Shape
    Check.shapes "zero and one" [| 0; 3 |] (Tensor.zeros [ 0; 1 ] + row).Shape

[<Fact>]
let ``gradients through broadcasting are summed over what was repeated`` () =
    let x, y = varied 1 [ 2; 1; 3 ], varied 2 [ 4; 1 ]
    let dx, dy = Diff.grad (fun (x, y) -> Tensor.sum (x * y)) (x, y)
    is (Tensor.broadcastTo [ 2; 1; 3 ] (Tensor.sum y)) dx
    is (Tensor.broadcastTo [ 4; 1 ] (Tensor.sum x)) dy

[<Fact>]
let ``slices: ranges are inclusive, an index drops its axis`` () =
    is (vector [ 4.0; 5.0; 6.0 ]) matrix[1]
    is (scalar 6.0) matrix[1, 2]
    is (Tensor.create [ 1; 3 ] [| 4.0; 5.0; 6.0 |]) matrix[1..]
    is (Tensor.create [ 2; 2 ] [| 2.0; 3.0; 5.0; 6.0 |]) matrix[*, 1..2]
    is (Tensor.create [ 1; 2 ] [| 1.0; 2.0 |]) matrix[..0, ..1]
    is (vector [ 5.0; 6.0 ]) matrix[1, 1..]
    is (vector [ 2.0; 5.0 ]) matrix[0..1, 1]
    is (vector [ 2.0 ]) ((vector [ 1.0; 2.0 ])[1..1])

[<Fact>]
let ``text shows shape and values, shortened`` () =
    Assert.Equal("2.5", string (scalar 2.5))
    Assert.Equal("Tensor [2; 3] [[1; 2; 3]; [4; 5; 6]]", string matrix)
    Assert.Equal("Tensor [10] [0; 1; 2; 3; …; 8; 9]", string (Tensor.arange 10))
    Assert.Equal("Tensor [0] []", string (Tensor.zeros [ 0 ]))
    let mutable inside = ""

    Diff.grad
        (fun (x: Tensor) ->
            inside <- string (Tensor.exp x)
            Tensor.sum x)
        (vector [ 1.0; 2.0 ])
    |> ignore

    Assert.Equal("Tensor [2] (symbolic: exp)", inside)

[<Fact>]
let ``the value of a symbolic tensor is an error that says what to do`` () =
    let message op =
        $"{op}: this tensor of shape [] is inside grad, vmap, compile or another transformation and has no value yet; return it from the transformed function instead, or use Tensor.where in place of a branch on its value"

    let fails op (read: Tensor -> unit) =
        Check.fails (message op) (fun () ->
            Diff.grad
                (fun (x: Tensor) ->
                    Assert.False x.IsConcrete
                    read x
                    x)
                (scalar 1.0))

    fails "item" (fun x -> x.item () |> ignore)
    fails "toArray" (fun x -> x.toArray () |> ignore)

[<Fact>]
let ``errors name the operation, shapes and remedy`` () =
    Check.fails "item: expected one element, got shape [2; 3]; index it, or use toArray" (fun () -> matrix.item ())

    Check.fails "toArray2D: expected rank 2, got shape [2]; reshape it first" (fun () ->
        (vector [ 1.0; 2.0 ]).toArray2D())

    Check.fails "slice: 2 indices for a tensor of shape [2]; give at most 1" (fun () -> (vector [ 1.0; 2.0 ])[0, 0])
    Check.fails "slice: 2 .. 2 is out of range along axis 0 of shape [2; 3]; use 0 .. 1" (fun () -> matrix[2])
    Check.fails "slice: -1 .. -1 is out of range along axis 0 of shape [2; 3]; use 0 .. 1" (fun () -> matrix[-1])
    Check.fails "slice: 1 .. 3 is out of range along axis 1 of shape [2; 3]; use 0 .. 2" (fun () -> matrix[*, 1..3])

    Check.fails
        "mul: shapes [2; 3], [2] do not broadcast: axis -1 has sizes 3 and 2; reshape one of them, or insert an axis of size 1"
        (fun () -> matrix * vector [ 1.0; 2.0 ])
