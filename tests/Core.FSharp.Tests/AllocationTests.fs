/// A compiled function that is warm allocates its results and little else.
module Hesse.Tests.AllocationTests

open System
open Hesse
open Xunit

/// Bytes per call on this thread, after warm-up.
let private bytesPerCall (f: unit -> unit) =
    for _ in 1..50 do
        f ()

    let calls = 200L
    let before = GC.GetAllocatedBytesForCurrentThread()

    for _ in 1L .. calls do
        f ()

    (GC.GetAllocatedBytesForCurrentThread() - before) / calls

/// Loss of a small network on fixed data, of parameters in one vector.
let private loss (theta: Tensor) =
    let inputs, targets = varied 1 [ 32; 8 ], varied 2 [ 32; 1 ]
    let w1 = Tensor.reshape [ 8; 16 ] (Tensor.slice 0 0 128 1 theta)
    let w2 = Tensor.reshape [ 16; 1 ] (Tensor.slice 0 128 144 1 theta)
    Tensor.mean (Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul inputs w1)) w2 - targets))

let private theta, private direction = varied 3 [ 144 ], varied 4 [ 144 ]

/// Bytes of a result array of n doubles.
let private array n = 24L + 8L * n

[<Fact>]
let ``running a program allocates only its results`` () =
    let x, v = Graph.variable [| 144 |], Graph.variable [| 144 |]
    let product = Diff.hvp loss (Tensor x) (Tensor v)
    let program = Program([| x; v |], [| product.Node |])
    let values = [| theta.Node; direction.Node |]
    let bytes = bytesPerCall (fun () -> program.Run values |> ignore)
    Assert.InRange(bytes, 0L, array 144L + 600L)

[<Fact>]
let ``a compiled Hessian-vector product allocates less than 2 KiB besides its result`` () =
    let hvp = Diff.compile (fun (x, v) -> Diff.hvp loss x v)
    let bytes = bytesPerCall (fun () -> hvp (theta, direction) |> ignore)
    Assert.InRange(bytes, 0L, array 144L + 2048L)

[<Fact>]
let ``the bytes of a call do not grow with the size of the intermediate values`` () =
    let sizes = [ 10; 1000; 100_000 ]

    let bytes =
        sizes
        |> List.map (fun n ->
            let f = Diff.compile (fun (x: Tensor) -> Tensor.sum (Tensor.exp (Tensor.sin x + Tensor.sum x)))
            let x = 1e-3 * varied 1 [ n ]
            bytesPerCall (fun () -> f x |> ignore))

    Assert.True(List.max bytes - List.min bytes < 256L, $"{bytes}")

[<Fact>]
let ``a compiled float32 function allocates no more than its float64 twin`` () =
    let f x = Tensor.sum (Tensor.cumsum 0 (Tensor.exp x) * Tensor.sin x)
    let bytes x = let g = Diff.compile (Diff.grad f) in bytesPerCall (fun () -> g x |> ignore)
    let wide, single = bytes theta, bytes (Tensor.toFloat32 theta)
    Assert.InRange(single, 0L, wide + 64L)
