module Hesse.Tests.Compiler.MemoryLimitTests

open Hesse
open Hesse.Kernels
open Hesse.Tests
open Xunit

let private mebibyte = 1L <<< 20

/// Compiles under a limit, without running.
let private compileWithin (limit: int64) (f: 'X -> 'Y) (x: 'X) : PlanTable =
    let t = Tracing.trace f x
    Program({ Passes.standard with Memory = ValueSome limit }, t.Variables, t.Outputs).Plan.Table()

let private messageOf (limit: int64) (f: 'X -> 'Y) (x: 'X) : string =
    (Assert.Throws<HesseException>(fun () -> compileWithin limit f x |> ignore)).Message

[<Fact>]
let ``results count, and a plan at its limit is accepted`` () =
    let x = varied 1 [ 1000 ]
    let table = compileWithin 8000L Tensor.exp x
    Assert.Equal(8000L, table.ResultBytes)
    Assert.StartsWith("compile: the plan needs 1 MiB", messageOf 7999L Tensor.exp x)

[<Fact>]
let ``results that no step makes are named too`` () =
    let message =
        messageOf mebibyte (fun (x: Tensor) -> x, Tensor.reshape [ 512; 512 ] x) (varied 1 [ 262_144 ])

    Assert.Contains("results 4), but 1 MiB is the limit; its largest buffers are ", message)
    Assert.Contains("reshape [512; 512] (2 MiB)", message)

[<Fact>]
let ``intermediate values, constants and results are added up`` () =
    let c = varied 2 [ 64; 64 ]
    let f (x: Tensor) = Tensor.exp (Tensor.matmul (Tensor.matmul x c) c)
    let x = varied 1 [ 64; 64 ]
    let buffer = 8L * 64L * 64L
    // The constant, two intermediate values and the result.
    compileWithin (4L * buffer) f x |> ignore
    messageOf (4L * buffer - 1L) f x |> ignore

[<Fact>]
let ``the message says what is large and what would make it smaller`` () =
    let sums (xs: Tensor) = Diff.vmap (fun (x: Tensor) -> Tensor.cumsum 1 (x * Tensor.reshape [ 512; 1 ] x)) xs

    Assert.Equal(
        "compile: the plan needs 128 MiB (intermediate values 64, constants 0, results 64), but 10 MiB is the limit; its largest buffers are "
        + "mul [32; 512; 512] (64 MiB), cumulativeSum [32; 512; 512] (64 MiB); "
        + "do fewer of the 32 rows at once: a chunk in Diff.vmapChunked, vmapWith, jacobianWith or hessianChunked, or fewer examples",
        messageOf (10L * mebibyte) sums (varied 1 [ 32; 512 ])
    )

[<Fact>]
let ``chunks make the plan that was refused small enough`` () =
    let member' (x: Tensor) = Tensor.sum (Tensor.cumsum 1 (x * Tensor.reshape [ 256; 1 ] x))
    let xs = varied 1 [ 16; 256 ]
    let limit = 2L * mebibyte
    Assert.Contains("do fewer of the 16 rows", messageOf limit (Diff.vmap member') xs)
    compileWithin limit (Diff.vmapChunked 1 member') xs |> ignore

[<Fact>]
let ``a loop's history is named, and snapshots make it smaller`` () =
    let step (c: Tensor) = Tensor.tanh (1.1 * c)
    let steps = 1600
    let gradient snapshots = Diff.grad (fun x -> Tensor.sum (Diff.iterateWith snapshots steps step x))
    let x = varied 1 [ 256 ]
    let limit = mebibyte
    let message = messageOf limit (gradient []) x
    Assert.Contains("scan [409856] (4 MiB, 4 MiB of it the carries before each step)", message)

    Assert.EndsWith(
        "keep the carries of fewer steps: Diff.scanWith with Snapshots, or Diff.checkpoint around the steps",
        message
    )

    compileWithin limit (gradient [ 40 ]) x |> ignore

[<Fact>]
let ``the environment variable is a whole number of MiB`` () =
    Assert.Equal(ValueNone, MemoryLimit.ofText null)
    Assert.Equal(ValueNone, MemoryLimit.ofText "")
    Assert.Equal(ValueSome(512L * mebibyte), MemoryLimit.ofText "512")

    for text in [ "0"; "-3"; "4 GB"; "1.5"; "99999999999999999999" ] do
        Check.fails
            $"compile: HESSE_MEMORY is '{text}', expected a whole number of MiB; set it to one, or unset it"
            (fun () -> MemoryLimit.ofText text)

[<Fact>]
let ``without a limit of its own a plan may take a part of what is free`` () =
    let free = SystemMemory.FreeBytes()
    Assert.InRange(free, 1L, System.GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
    Assert.InRange(MemoryLimit.bytes (), 1L, System.GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
