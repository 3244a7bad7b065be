/// What a compiled function costs when it is called for the first time: tracing, transforming, compiling, running.
module Hesse.Bench.FirstCall

open System.Diagnostics
open Hesse
open Hesse.Bench.Measure
open Hesse.Bench.Networks

type Outcome = {
    Name: string
    Title: string
    /// The first call after a different model was compiled, seconds; its code is compiled to machine code in that time.
    First: float
    /// First calls with other shapes after that: the median, lowest and highest, seconds.
    Others: Timing
    /// The median of later calls, seconds.
    Cached: float
    /// What First is meant to be at most, seconds.
    Target: float
}

let private seconds (f: unit -> 'T) : float =
    let start = Stopwatch.GetTimestamp()
    f () |> ignore
    Stopwatch.GetElapsedTime(start).TotalSeconds

/// A model of another kind, so that nothing of it can be used again but the machine code that all models share.
let private compileAnother () =
    let keys = Random.split 2 (Random.key 21)
    let p, x = parametersOf keys[0] [ 6; 24; 3 ], Random.normal keys[1] [ 40; 6 ]
    let loss p = Tensor.mean (Tensor.logSumExp 1 (network p x))
    let gradient = Diff.compile (Diff.grad loss)

    for _ in 1..3 do
        gradient p |> ignore

/// A compiled Hessian-vector product that was never called, and its argument.
let private product (width: int) =
    let { Parameters = p; Direction = v } as problem = regression 22 [ 10; width; width; width; 1 ] 128
    let hvp = Diff.compile (fun (p, v) -> Diff.hvp (meanSquare problem.X problem.Y) p v)
    fun () -> hvp (p, v)

/// Measures; to be done before anything else is compiled.
let measure () : Outcome list =
    compileAnother ()
    let call = product 64
    let first = seconds call
    let later = Array.init 200 (fun _ -> seconds call)
    let others = [| 40..60 |] |> Array.map (fun width -> let call = product width in seconds call)

    [
        {
            Name = "first-hvp-10-64-64-64-1"
            Title = "first call of the Hessian-vector product, MLP 10-64-64-64-1 tanh, n = 128, mean square error"
            First = first
            Others = {
                Form = "compiled"
                Median = median others
                Lowest = Array.min others
                Highest = Array.max others
            }
            Cached = median later
            Target = 0.06
        }
    ]
