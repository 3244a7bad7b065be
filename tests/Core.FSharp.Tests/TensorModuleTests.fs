module Hesse.Tests.TensorModuleTests

open System
open Hesse
open Xunit

let private matrix = Tensor.create [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]
let private is (expected: Tensor) (actual: Tensor) = Check.tensors "value" 1e-15 expected actual

[<Fact>]
let ``making`` () =
    is matrix (Tensor.ofArray2D (array2D [ [ 1.0; 2.0; 3.0 ]; [ 4.0; 5.0; 6.0 ] ]))
    is (vector [ 0.0; 0.0 ]) (Tensor.zeros [ 2 ])
    is (Tensor.create [ 1; 2 ] [| 1.0; 1.0 |]) (Tensor.ones [ 1; 2 ])
    is (Tensor.create [ 2; 2 ] [| 1.0; 0.0; 0.0; 1.0 |]) (Tensor.eye 2)
    is (Tensor.create [ 0; 0 ] [||]) (Tensor.eye 0)
    is (vector [ 0.0; 0.5; 1.0 ]) (Tensor.linspace 0.0 1.0 3)
    is (vector [ 0.0; 1.0; 2.0 ]) (Tensor.arange 3)
    is (vector [ 7.0; 7.0 ]) (Tensor.full [ 2 ] 7.0)

[<Fact>]
let ``linspace ends exactly at its ends`` () =
    let xs = (Tensor.linspace -0.3 0.7 12).toArray()
    Assert.Equal((-0.3, 0.7), (xs[0], xs[11]))

[<Fact>]
let ``reshape, flatten, permute, transpose`` () =
    is (Tensor.create [ 3; 2 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]) (Tensor.reshape [ 3; -1 ] matrix)
    is (Tensor.create [ 6 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]) (Tensor.flatten matrix)
    is (Tensor.create [ 1 ] [| 5.0 |]) (Tensor.flatten (scalar 5.0))
    is (Tensor.create [ 3; 2 ] [| 1.0; 4.0; 2.0; 5.0; 3.0; 6.0 |]) (Tensor.transpose matrix)
    Check.shapes "permute" [| 4; 2; 3 |] (Tensor.permute [ 2; 0; 1 ] (varied 1 [ 2; 3; 4 ])).Shape
    is (scalar 2.0) (Tensor.transpose (scalar 2.0))

[<Fact>]
let ``broadcastTo and expandDims`` () =
    is (Tensor.create [ 2; 2 ] [| 1.0; 2.0; 1.0; 2.0 |]) (Tensor.broadcastTo [ 2; 2 ] (vector [ 1.0; 2.0 ]))
    Check.shapes "front" [| 1; 2; 3 |] (Tensor.expandDims 0 matrix).Shape
    Check.shapes "back" [| 2; 3; 1 |] (Tensor.expandDims -1 matrix).Shape

[<Fact>]
let ``slice, concat, stack, gather along any axis`` () =
    is (Tensor.create [ 2; 2 ] [| 1.0; 3.0; 4.0; 6.0 |]) (Tensor.slice -1 0 3 2 matrix)

    is
        (Tensor.create [ 2; 4 ] [| 1.0; 2.0; 3.0; 7.0; 4.0; 5.0; 6.0; 8.0 |])
        (Tensor.concat -1 [ matrix; Tensor.create [ 2; 1 ] [| 7.0; 8.0 |] ])

    Check.shapes "stack" [| 2; 2; 3 |] (Tensor.stack 1 [ matrix; matrix ]).Shape
    is matrix (Tensor.stack 0 [ matrix[0]; matrix[1] ])
    is (Tensor.create [ 2; 2 ] [| 3.0; 3.0; 6.0; 6.0 |]) (Tensor.gather -1 (vector [ 2.0; 2.0 ]) matrix)

[<Fact>]
let ``sums and means`` () =
    is (scalar 21.0) (Tensor.sum matrix)
    is (vector [ 5.0; 7.0; 9.0 ]) (Tensor.sumAxis 0 matrix)
    is (vector [ 6.0; 15.0 ]) (Tensor.sumAxes [ -1 ] matrix)
    is (scalar 3.5) (Tensor.mean matrix)
    is (vector [ 2.0; 5.0 ]) (Tensor.meanAxis 1 matrix)
    is (scalar 0.0) (Tensor.sum (Tensor.zeros [ 0; 3 ]))

[<Fact>]
let ``logSumExp, softmax and logSoftmax agree with their definitions`` () =
    let x = varied 1 [ 3; 4 ]

    for axis in [ 0; 1; -1 ] do
        let total = Tensor.sumAxis axis (Tensor.exp x)
        is (Tensor.log total) (Tensor.logSumExp axis x)
        let expected = Tensor.exp x / Tensor.expandDims (if axis = 0 then 0 else 1) total
        is expected (Tensor.softmax axis x)
        is (Tensor.log expected) (Tensor.logSoftmax axis x)
        is (Tensor.ones [ (if axis = 0 then 4 else 3) ]) (Tensor.sumAxis axis (Tensor.softmax axis x))

[<Fact>]
let ``log-softmax keeps its digits however large the logits are`` () =
    // Only differences of logits matter: a shift by 2²⁰ is exact in the logits, and must not be seen in the result.
    let x = vector [ 0.5; -1.25; 2.0; 0.0 ]
    let shifted = x + 1048576.0
    Check.tensors "logSoftmax" 1e-15 (Tensor.logSoftmax 0 x) (Tensor.logSoftmax 0 shifted)
    Check.tensors "softmax" 1e-15 (Tensor.softmax 0 x) (Tensor.softmax 0 shifted)

[<Fact>]
let ``a logit of −∞ has probability 0`` () =
    let x = vector [ 0.0; -infinity; 0.0 ]
    is (vector [ 0.5; 0.0; 0.5 ]) (Tensor.softmax 0 x)
    is (scalar (Math.Log 2.0)) (Tensor.logSumExp 0 x)
    is (vector [ 0.5; 0.0; 0.5 ]) (Diff.grad (Tensor.logSumExp 0) x)

[<Fact>]
let ``products`` () =
    is (scalar 91.0) (Tensor.dot matrix matrix)
    is (Tensor.create [ 2; 2 ] [| 14.0; 32.0; 32.0; 77.0 |]) (Tensor.matmul matrix (Tensor.transpose matrix))
    let square = Tensor.create [ 2; 2 ] [| 1.0; 2.0; 3.0; 4.0 |]
    is (scalar 5.0) (Tensor.trace square)
    is (vector [ 1.0; 4.0 ]) (Tensor.diagonal square)
    is (scalar 6.0) (Tensor.dot (scalar 2.0) (scalar 3.0))

[<Fact>]
let ``asking`` () =
    Assert.Equal<int[]>([| 2; 3 |], Tensor.shape matrix)
    Assert.Equal(2.0, Tensor.item (scalar 2.0))
    Assert.Equal<float[]>([| 1.0; 2.0 |], Tensor.toArray (vector [ 1.0; 2.0 ]))

[<Fact>]
let ``errors name the operation, shapes and remedy`` () =
    let z shape = Tensor.zeros shape

    Check.fails "create: shape [2; 2] does not hold 3 elements; want 4" (fun () ->
        Tensor.create [ 2; 2 ] [| 1.0; 2.0; 3.0 |])

    Check.fails "full: shape [2; -1] has a negative length; lengths are at least 0" (fun () -> z [ 2; -1 ])
    Check.fails "linspace: count is 1; want at least 2" (fun () -> Tensor.linspace 0.0 1.0 1)

    Check.fails "reshape: cannot work out −1 in [4; -1] for shape [2; 3]; 6 elements do not divide by 4" (fun () ->
        Tensor.reshape [ 4; -1 ] matrix)

    Check.fails "reshape: more than one −1 in [-1; -1]; at most one length can be worked out" (fun () ->
        Tensor.reshape [ -1; -1 ] matrix)

    Check.fails "reshape: cannot make [4] (4 elements) from [2; 3] (6 elements)" (fun () -> Tensor.reshape [ 4 ] matrix)

    Check.fails "broadcastTo: [2; 3] does not broadcast to [3]; swap the roles?" (fun () ->
        Tensor.broadcastTo [ 3 ] matrix)

    Check.fails "expandDims: axis 4 is out of range for a tensor of rank 3; use -3 .. 2" (fun () ->
        Tensor.expandDims 4 matrix)

    Check.fails "concat: no tensors were given; give at least one" (fun () -> Tensor.concat 0 [])

    Check.fails "concat: shapes [2; 3], [2] differ outside axis 0; only that axis may differ" (fun () ->
        Tensor.concat 0 [ matrix; z [ 2 ] ])

    Check.fails "gather: expected indices of shape [count], got [1; 1]; flatten them" (fun () ->
        Tensor.gather 0 (z [ 1; 1 ]) matrix)

    Check.fails "sum: axis 2 is out of range for a tensor of rank 2; use -2 .. 1" (fun () -> Tensor.sumAxis 2 matrix)

    Check.fails "mean: shape [0; 3] has no elements; the mean of nothing is undefined" (fun () ->
        Tensor.mean (z [ 0; 3 ]))

    Check.fails "dot: expected one shape, got [2; 3] and [3]; use matmul or einsum" (fun () ->
        Tensor.dot matrix (z [ 3 ]))
