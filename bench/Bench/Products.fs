namespace Hesse.Bench

#nowarn "9" // Pointers into arrays that are fixed.

open System
open System.Diagnostics
open System.Globalization
open Hesse
open Hesse.Kernels

/// Shape of a matrix product: [m; k] times [k; n].
[<Struct>]
type ProductShape = {
    M: int
    N: int
    K: int
    Precision: DType
} with

    /// Two operations for each multiply-add.
    member s.Flops = 2.0 * float s.M * float s.N * float s.K

/// The matrix product of this process, measured on request: lines "m n k float64|float32 calls" on the standard input are answered
/// with the seconds of each call.
module Products =
    let private numbers (count: int) = Array.init count (fun i -> float (i * 7919 % 1000) / 1000.0 - 0.5)

    let private seconds (calls: int) (multiply: unit -> unit) =
        Array.init calls (fun _ ->
            let start = Stopwatch.GetTimestamp()
            multiply ()
            Stopwatch.GetElapsedTime(start).TotalSeconds)

    /// Seconds of each of so many products.
    let time (s: ProductShape) (calls: int) : float[] =
        let a, b = numbers (s.M * s.K), numbers (s.K * s.N)

        if s.Precision = DType.Float32 then
            let a, b, c = Array.map float32 a, Array.map float32 b, Array.zeroCreate<float32>(s.M * s.N)
            use a = fixed a
            use b = fixed b
            use c = fixed c
            let pa, pb, pc = a, b, c
            seconds calls (fun () -> Gemm.Multiply(false, false, s.M, s.N, s.K, pa, s.K, pb, s.N, pc, s.N))
        else
            let c = Array.zeroCreate<float>(s.M * s.N)
            use a = fixed a
            use b = fixed b
            use c = fixed c
            let pa, pb, pc = a, b, c
            seconds calls (fun () -> Gemm.Multiply(false, false, s.M, s.N, s.K, pa, s.K, pb, s.N, pc, s.N))

    /// Answers requests until the input ends.
    let serve () : unit =
        Console.Out.WriteLine Backend.MatrixProduct
        let mutable line = Console.In.ReadLine()

        while not (isNull line) do
            match line.Split ' ' with
            | [| m; n; k; precision; calls |] ->
                let shape = {
                    M = int m
                    N = int n
                    K = int k
                    Precision = if precision = "float32" then DType.Float32 else DType.Float64
                }

                let texts = time shape (int calls) |> Array.map (fun s -> s.ToString("R", CultureInfo.InvariantCulture))
                Console.Out.WriteLine(String.Join(' ', texts))
            | _ -> failwith $"not a request: '{line}'"

            line <- Console.In.ReadLine()

/// A process with one of the matrix products: which library a process uses is decided once in its life.
[<Sealed>]
type ProductProcess(managed: bool) =
    let child =
        let info =
            ProcessStartInfo(
                Environment.ProcessPath,
                [| System.Reflection.Assembly.GetExecutingAssembly().Location; "--serve-products" |],
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false
            )

        if managed then
            info.Environment["HESSE_BLAS"] <- "managed"
        else
            info.Environment.Remove "HESSE_BLAS" |> ignore

        Process.Start info

    let backend = child.StandardOutput.ReadLine()

    /// Which matrix product it has.
    member _.Backend = backend

    /// Seconds of each of so many calls.
    member _.Run(s: ProductShape, calls: int) : float[] =
        let precision = if s.Precision = DType.Float32 then "float32" else "float64"
        child.StandardInput.WriteLine $"{s.M} {s.N} {s.K} {precision} {calls}"
        child.StandardInput.Flush()

        match child.StandardOutput.ReadLine() with
        | null -> failwith "the process that measures matrix products ended; its message is above"
        | line -> line.Split ' ' |> Array.map (fun t -> Double.Parse(t, CultureInfo.InvariantCulture))

    interface IDisposable with
        member _.Dispose() =
            child.StandardInput.Close()

            if not (child.WaitForExit 5000) then
                child.Kill()

            child.Dispose()
