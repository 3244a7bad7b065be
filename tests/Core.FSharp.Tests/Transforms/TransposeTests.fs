module Hesse.Tests.Transforms.TransposeTests

open System
open Hesse
open Hesse.Tests
open Xunit

[<Fact>]
let ``the transpose of a chain of linear operations is the chain of transposes`` () =
    let a = varied 1 [ 3; 4 ]

    let linear (x: Tensor) =
        Tensor.sumAxis 0 (Tensor.reshape [ 2; 3 ] (Tensor.concat 0 [ Tensor.matmul a x; Tensor.matmul a x * 2.0 ]))

    let x = Graph.variable [| 4 |]
    let y = (linear (Tensor x)).Node
    let w = varied 2 [ 3 ]
    let cotangent = (Transpose.apply [| x |] [| Some y |] [| w.Node |]).[0].Value
    // y = 3 A x.
    Check.tensors "3 Aᵀ w" 1e-14 (3.0 * Tensor.matmul (Tensor.transpose a) w) (Tensor cotangent)

[<Fact>]
let ``cotangents of several uses and several outputs are added`` () =
    let x = Graph.variable [| 2 |]
    let y = Linear.add x x
    let z = Linear.scale 5.0 x
    let one = Graph.full [| 2 |] 1.0
    let ct = (Transpose.apply [| x |] [| Some y; Some z; Some x |] [| one; one; one |]).[0].Value
    Check.tensors "2 + 5 + 1" 0.0 (vector [ 8.0; 8.0 ]) (Tensor ct)

[<Fact>]
let ``a variable that no output uses has no cotangent`` () =
    let x, y = Graph.variable [| 2 |], Graph.variable [| 2 |]
    let one = Graph.full [| 2 |] 1.0
    let cts = Transpose.apply [| x; y |] [| Some x; None |] [| one; one |]
    Assert.True cts[0].IsSome
    Assert.True cts[1].IsNone

[<Fact>]
let ``factors that do not depend on the linear variable are left alone`` () =
    let p = Graph.variable [| 2 |]
    let x = Graph.variable [| 2 |]
    let y = Linear.mul (Elementwise.exp p) x
    let w = Graph.variable [| 2 |]
    let ct = (Transpose.apply [| x |] [| Some y |] [| w |]).[0].Value
    Assert.Same(Linear.mul w (Elementwise.exp p), ct)

[<Fact>]
let ``a nonlinear graph is refused`` () =
    let x = Graph.variable [| 2 |]
    let one = Graph.full [| 2 |] 1.0

    let error =
        Assert.Throws<InvalidOperationException>(fun () ->
            Transpose.apply [| x |] [| Some(Elementwise.exp x) |] [| one |] |> ignore)

    Assert.Equal("transpose: exp is not linear in its arguments", error.Message)

[<Fact>]
let ``reverse mode costs a small multiple of the function whatever the number of inputs`` () =
    // Griewank and Walther 2008, section 3.3: a gradient costs at most a few evaluations.
    let n = 200
    let w1, w2 = varied 1 [ n; n ], varied 2 [ n; n ]
    let f (x: Tensor) = Tensor.sum (Tensor.tanh (Tensor.matmul w2 (Tensor.tanh (Tensor.matmul w1 x))))
    let x = Graph.variable [| n |]
    let flops (outputs: Node[]) = (Program([| x |], outputs)).Plan.Flops
    let forward = flops [| (f (Tensor x)).Node |]
    let reverse = flops [| (Diff.grad f (Tensor x)).Node |]
    Assert.True(reverse < 4L * forward, $"gradient {reverse} FLOPs, function {forward}")
