/// Matrix products: OpenBLAS against the kernel in C#, and the rate that stands for the machine's limit.
module Hesse.Bench.KernelTable

open Hesse
open Hesse.Bench.Measure

/// One shape, by both.
type Outcome = { Shape: ProductShape; Native: Timing; Managed: Timing }

/// Floating-point operations a second of the largest product, in either precision.
type Limit = { Float64: float; Float32: float }

let private cube (precision: DType) = { M = 1024; N = 1024; K = 1024; Precision = precision }

let private side (products: ProductProcess) (shape: ProductShape) : Side =
    // The process is warm after half a second: tiered compilation is through.
    let first = products.Run(shape, 3) |> Array.min
    let calls = int (min 3000.0 (max 3.0 (0.5 / first)))

    {
        Form = products.Backend
        Seconds = median (products.Run(shape, calls))
        Run = fun calls -> products.Run(shape, calls)
    }

/// The largest rate of a product of order 1024 on all cores: the fastest of the calls, since a limit is what undisturbed work reaches.
let limit (native: ProductProcess) : Limit =
    let rate precision =
        let shape = cube precision
        native.Run(shape, 2) |> ignore
        shape.Flops / Array.min (native.Run(shape, 12))

    { Float64 = rate DType.Float64; Float32 = rate DType.Float32 }

/// The larger of two measurements of the limit.
let larger (a: Limit) (b: Limit) : Limit = { Float64 = max a.Float64 b.Float64; Float32 = max a.Float32 b.Float32 }

/// Measures the shapes.
let measure (effort: Effort) (native: ProductProcess) (managed: ProductProcess) : Outcome list =
    [
        cube DType.Float64
        { M = 128; N = 64; K = 64; Precision = DType.Float64 }
        cube DType.Float32
        { M = 128; N = 64; K = 64; Precision = DType.Float32 }
    ]
    |> List.map (fun shape ->
        match alternate effort [ side native shape; side managed shape ] with
        | [ n; m ] -> { Shape = shape; Native = n; Managed = m }
        | _ -> failwith "two sides have two timings")
