module Hesse.Tests.Primitives.LinearTests

open Hesse
open Hesse.Tests
open Xunit

let private matrix = (Tensor.create [ 2; 3 ] [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]).Node
let private is shape data (node: Node) = Check.tensors "value" 0.0 (Tensor.create shape data) (Tensor node)

[<Fact>]
let ``arithmetic`` () =
    let b = (Tensor.create [ 2; 3 ] [| 6.0; 5.0; 4.0; 3.0; 2.0; 1.0 |]).Node
    is [ 2; 3 ] (Array.create 6 7.0) (Linear.add matrix b)
    is [ 2; 3 ] [| -5.0; -3.0; -1.0; 1.0; 3.0; 5.0 |] (Linear.sub matrix b)
    is [ 2; 3 ] [| 6.0; 10.0; 12.0; 12.0; 10.0; 6.0 |] (Linear.mul matrix b)
    is [ 2; 3 ] [| -1.0; -2.0; -3.0; -4.0; -5.0; -6.0 |] (Linear.neg matrix)
    is [ 2; 3 ] [| 2.0; 4.0; 6.0; 8.0; 10.0; 12.0 |] (Linear.scale 2.0 matrix)

[<Fact>]
let ``sum over axes`` () =
    is [ 3 ] [| 5.0; 7.0; 9.0 |] (Linear.sum [| 0 |] matrix)
    is [ 2 ] [| 6.0; 15.0 |] (Linear.sum [| 1 |] matrix)
    is [] [| 21.0 |] (Linear.sum [| 0; 1 |] matrix)
    is [ 3 ] [| 0.0; 0.0; 0.0 |] (Linear.sum [| 0 |] (Tensor.zeros [ 0; 3 ]).Node)

[<Fact>]
let ``a long sum loses no more than a few digits`` () =
    let n = 1_000_000
    let x = Tensor.ofArray (Array.init n (fun i -> 1.0 / float (i + 1)))
    // Harmonic number: ln n + γ + 1/(2n) − 1/(12n²).
    let expected = log (float n) + 0.57721566490153286 + 0.5 / float n - 1.0 / (12.0 * float n * float n)
    Check.number "harmonic number" 1e-14 expected ((Tensor.sum x).item())

[<Fact>]
let ``broadcast repeats along new axes`` () =
    let v = (vector [ 1.0; 2.0 ]).Node
    is [ 3; 2 ] [| 1.0; 2.0; 1.0; 2.0; 1.0; 2.0 |] (Linear.broadcast [| 3; 2 |] [| 1 |] v)
    is [ 2; 3 ] [| 1.0; 1.0; 1.0; 2.0; 2.0; 2.0 |] (Linear.broadcast [| 2; 3 |] [| 0 |] v)
    is [ 2; 0 ] [||] (Linear.broadcast [| 2; 0 |] [| 0 |] v)

// ----- simplifications: the cheaper node must be the same function -----

let private x = Graph.variable [| 2; 3 |]
let private same (expected: Node) (actual: Node) = Assert.Same(expected, actual)

[<Fact>]
let ``zeros and ones disappear`` () =
    same x (Linear.add x (Graph.zeros [| 2; 3 |]))
    same x (Linear.add (Graph.zeros [| 2; 3 |]) x)
    same x (Linear.sub x (Graph.zeros [| 2; 3 |]))
    same (Linear.neg x) (Linear.sub (Graph.zeros [| 2; 3 |]) x)
    same x (Linear.mul x (Graph.full [| 2; 3 |] 1.0))
    same (Linear.neg x) (Linear.mul (Graph.full [| 2; 3 |] -1.0) x)
    same x (Linear.neg (Linear.neg x))

[<Fact>]
let ``the sum of a broadcast is a multiple`` () =
    let v = Graph.variable [| 3 |]
    same (Linear.scale 5.0 v) (Linear.sum [| 0 |] (Linear.broadcast [| 5; 3 |] [| 1 |] v))

[<Fact>]
let ``nested sums are one sum`` () =
    let cube = Graph.variable [| 2; 3; 4 |]
    same (Linear.sum [| 0; 2 |] cube) (Linear.sum [| 1 |] (Linear.sum [| 0 |] cube))
    same (Linear.sum [| 0; 1; 2 |] cube) (Linear.sum [| 0; 1 |] (Linear.sum [| 1 |] cube))

// ----- errors -----

[<Fact>]
let ``errors name operation, shapes and remedy`` () =
    let node shape = (Tensor.zeros shape).Node

    Check.fails "add: expected arguments of one shape, got [2], [3]; broadcast them first" (fun () ->
        Linear.add (node [ 2 ]) (node [ 3 ]))

    Check.fails "broadcast: shape [2] does not fit axes [1] of [2; 3]" (fun () ->
        Linear.broadcast [| 2; 3 |] [| 1 |] (node [ 2 ]))

    Check.fails "reshape: cannot make [4; 2] (8 elements) from [2; 3] (6 elements)" (fun () ->
        Linear.reshape [| 4; 2 |] (node [ 2; 3 ]))
