/// A compiled function that is warm allocates its results and little else.
module Hesse.Tests.AllocationTests

open System
open Hesse
open Xunit

/// Bytes of so many calls on this thread, after warm-up: the least of three rounds, as a path that is taken for the first time in the
/// process (threads that meet for once, say) may still be prepared by the runtime.
let private bytesOf (calls: int) (f: unit -> unit) =
    for _ in 1..50 do
        f ()

    let round () =
        let before = GC.GetAllocatedBytesForCurrentThread()

        for _ in 1..calls do
            f ()

        GC.GetAllocatedBytesForCurrentThread() - before

    List.min [ for _ in 1..3 -> round () ]

let private bytesPerCall (f: unit -> unit) = bytesOf 200 f / 200L

/// Bytes of a result array of n doubles.
let private array n = 24L + 8L * n

/// Loss of a small network on fixed data, of parameters in one vector.
let private loss (theta: Tensor) =
    let inputs, targets = varied 1 [ 32; 8 ], varied 2 [ 32; 1 ]
    let w1 = Tensor.reshape [ 8; 16 ] (Tensor.slice 0 0 128 1 theta)
    let w2 = Tensor.reshape [ 16; 1 ] (Tensor.slice 0 128 144 1 theta)
    Tensor.mean (Tensor.square (Tensor.matmul (Tensor.tanh (Tensor.matmul inputs w1)) w2 - targets))

let private theta, private direction = varied 3 [ 144 ], varied 4 [ 144 ]

[<Fact>]
let ``running a program allocates only its results`` () =
    let x, v = Graph.variable [| 144 |], Graph.variable [| 144 |]
    let product = Diff.hvp loss (Tensor x) (Tensor v)
    let program = Program([| x; v |], [| product.Node |])
    let values = [| theta.Node; direction.Node |]
    let bytes = bytesPerCall (fun () -> program.Run values |> ignore)
    Assert.InRange(bytes, 0L, array 144L + 600L)

let programNames = TheoryData<string>(TellingPrograms.all |> List.map _.Name)

[<Theory; MemberData(nameof programNames)>]
let ``a warm plan allocates nothing`` (name: string) =
    let program = TellingPrograms.all |> List.find (fun p -> p.Name = name)
    let variables, values, outputs = program.Trace()
    let plan = Program(variables, outputs).Plan
    let inputs = values |> Array.map (fun v -> v.Data)
    let results = outputs |> Array.map (fun o -> Array.zeroCreate<float>(int (Shape.size o.Shape)))
    Assert.Equal(0L, bytesOf 100 (fun () -> plan.Run(inputs, results)))

[<Theory; MemberData(nameof programNames)>]
let ``a call of a compiled function allocates its results and some hundred bytes for each tensor`` (name: string) =
    let program = TellingPrograms.all |> List.find (fun p -> p.Name = name)
    let variables, _, outputs = program.Trace()
    let results = outputs |> Array.sumBy (fun o -> array (Shape.size o.Shape))
    // A node and a handle for each result, and arrays of pointers.
    let tensors = int64 (variables.Length + outputs.Length)
    Assert.InRange(bytesPerCall (program.Call()), results, results + 600L + 260L * tensors)

[<Fact>]
let ``a list of six tensors costs a few hundred bytes besides nodes and results`` () =
    let six = List.init 6 (fun i -> varied i [ 3 ])
    let f = Diff.compile (List.map (fun (t: Tensor) -> 2.0 * t))
    let t = Tracing.trace (List.map (fun (t: Tensor) -> 2.0 * t)) six
    let program = Program(t.Variables, t.Outputs)
    let bare = bytesPerCall (fun () -> program.Run t.Values |> ignore)
    Assert.InRange(bytesPerCall (fun () -> f six |> ignore) - bare, 0L, 1500L)

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
