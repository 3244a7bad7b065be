/// What the numbers were measured on.
module Hesse.Bench.Machine

open System
open System.IO
open System.Runtime.InteropServices
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
