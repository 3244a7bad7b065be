module Hesse.Tests.Tensors.OrderedTests

open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``running maximum and minimum`` () =
    let t = Tensor.create [ 2; 4 ] [| 1.0; 0.0; 3.0; 2.0; -1.0; nan; 5.0; infinity |]

    Check.tensors
        "cummax"
        0.0
        (Tensor.create [ 2; 4 ] [| 1.0; 1.0; 3.0; 3.0; -1.0; nan; nan; nan |])
        (Tensor.cummax 1 t)

    Check.tensors "cummin" 0.0 (vector [ 1.0; 0.0; 0.0; -2.0 ]) (Tensor.cummin 0 (vector [ 1.0; 0.0; 3.0; -2.0 ]))
    let x = varied 3 [ 4; 3; 2 ]

    for axis in 0..2 do
        let last = Tensor.slice axis (x.Shape[axis] - 1) x.Shape[axis] 1 (Tensor.cummax axis x)
        Check.tensors "the last is the maximum" 0.0 (Tensor.maxAxis axis x) (Tensor.squeeze axis last)
        checkOrders $"axis {axis}" (Tensor.cummax axis >> Tensor.square) x

    // The derivative is that of the first of equal ones.
    let g = Diff.grad (Tensor.sum << Tensor.cummax 0) (vector [ 1.0; 1.0; 0.0; 2.0 ])
    Check.tensors "gradient" 0.0 (vector [ 3.0; 0.0; 0.0; 1.0 ]) g
    checkBatch "cummax" (Tensor.cummax -1) [ x; -x ]

[<Fact>]
let ``takeAlong takes from each row its own places`` () =
    let x = varied 2 [ 3; 4; 2 ]

    for axis in 0..2 do
        Check.tensors "sort" 0.0 (Tensor.sort axis x) (Tensor.takeAlong axis (Tensor.argsort axis x) x)

    let labels = Tensor.create [ 3; 1 ] [| 0.0; 2.0; 1.0 |]
    let scores = varied 1 [ 3; 4 ]
    let expected = Tensor.sumAxis 1 (scores * Tensor.oneHot 4 (Tensor.squeeze 1 labels))
    let f scores = Tensor.squeeze 1 (Tensor.takeAlong 1 labels scores)
    Check.tensors "labels" 0.0 expected (f scores)
    Check.tensors "gradient" 0.0 (Tensor.oneHot 4 (Tensor.squeeze 1 labels)) (Diff.grad (Tensor.sum << f) scores)

    Check.fails "takeAlong: indices of shape [2] do not fit shape [3; 4]; only axis 1 may differ" (fun () ->
        Tensor.takeAlong 1 (vector [ 0.0; 1.0 ]) scores)
