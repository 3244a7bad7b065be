/// What the numbers were measured on.
module Hesse.Bench.Machine

open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open System.Threading
open Hesse.Kernels

let private processor () =
    let line =
        if File.Exists "/proc/cpuinfo" then
            File.ReadLines "/proc/cpuinfo"
            |> Seq.tryFind (fun l -> l.StartsWith("model name", StringComparison.Ordinal))
        else
            None

    match line with
    | Some l -> l.Substring(l.IndexOf(':') + 1).Trim()
    | None -> RuntimeInformation.ProcessArchitecture.ToString()

/// Load of the last minute, where the system tells: above the number of this run's own threads, others were busy too.
let load () =
    if File.Exists "/proc/loadavg" then
        (File.ReadAllText "/proc/loadavg").Split(' ')[0]
    else
        "unknown"

/// Microseconds in which two threads that look for each other say a word and get an answer: the median of some thousand. Some 0.1 on cores that share a
/// cache, several times that on others; a virtual machine may be moved between the two. Plans of less than a tenth of a millisecond feel it.
let meeting () : float =
    let words = Array.zeroCreate<int64> 64
    let count = 4000
    let said, answered = 0, 32

    let answer () =
        for i in 1L .. int64 count do
            while Volatile.Read(&words[said]) < i do
                ()

            Volatile.Write(&words[answered], i)

    let other = Thread(answer, IsBackground = true)
    other.Start()

    let times =
        Array.init count (fun i ->
            let start = Stopwatch.GetTimestamp()
            Volatile.Write(&words[said], int64 (i + 1))

            while Volatile.Read(&words[answered]) < int64 (i + 1) do
                ()

            Stopwatch.GetElapsedTime(start).TotalMicroseconds)

    other.Join()
    Array.sortInPlace times
    times[count / 2]

/// Name and value of everything that matters.
/// limit: which matrix product stands for the machine's limit; peer: its version, or why there is none.
let facts (limit: string) (peer: string) : (string * string) list = [
    "processor", $"{processor ()}, {Environment.ProcessorCount} logical cores"
    "system", RuntimeInformation.OSDescription
    "runtime", RuntimeInformation.FrameworkDescription
    "Hesse", typeof<Hesse.Tensor>.Assembly.GetName().Version.ToString(3)
    "matrix product", Backend.MatrixProduct
    "limit by", limit
    "peer", peer
    "load at start", load ()
]
