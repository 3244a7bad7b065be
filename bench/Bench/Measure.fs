/// Alternating rounds: one side, the other, one side, the other, …, so that whatever disturbs the machine disturbs both.
module Hesse.Bench.Measure

open System
open System.Diagnostics
open System.Threading
open Hesse

/// Times of one side.
type Timing = {
    /// The form that was measured.
    Form: string
    /// Median over all calls, seconds.
    Median: float
    /// Smallest and largest median of a round, seconds.
    Lowest: float
    Highest: float
}

/// How much is measured.
type Effort = {
    /// Number of rounds.
    Rounds: int
    /// How long one side runs in a round.
    SecondsPerRound: float
}

/// One side: how long a call takes about, and the seconds of each of so many calls.
type Side = { Form: string; Seconds: float; Run: int -> float[] }

/// The median.
let median (values: float[]) : float =
    let sorted = Array.sort values
    let n = sorted.Length
    if n % 2 = 1 then sorted[n / 2] else (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0

/// Seconds of each of so many calls.
let private time (repeats: int) (compute: unit -> Tensor[]) : float[] =
    Array.init repeats (fun _ ->
        let start = Stopwatch.GetTimestamp()
        compute () |> ignore
        Stopwatch.GetElapsedTime(start).TotalSeconds)

/// Compiles, runs for so many seconds and at least six times, and gives the seconds of a call. The runtime compiles what is hot in steps that
/// take some tenths of a second in all, however short a call is, so no number of calls says that the code is hot.
let warmUp (seconds: float) (compute: unit -> Tensor[]) : float =
    compute () |> ignore
    let clock = Stopwatch.StartNew()
    let times = ResizeArray<float>()

    while times.Count < 6 || clock.Elapsed.TotalSeconds < seconds do
        times.AddRange(time 1 compute)

    median (times.ToArray()[times.Count / 2 ..])

/// The fastest of some variants, hot, as a side.
let fastest (variants: Variant list) : Variant * Side =
    let timed = variants |> List.map (fun v -> v, warmUp 1.0 v.Compute)

    if variants.Length > 1 then
        for v, seconds in timed do
            eprintfn $"  {v.Name}: {1000.0 * seconds:G3} ms"

    let variant, seconds = List.minBy snd timed

    variant,
    {
        Form = variant.Name
        Seconds = seconds
        Run = fun repeats -> time repeats variant.Compute
    }

/// Enough calls for a round.
let callsFor (effort: Effort) (side: Side) : int = int (Math.Clamp(effort.SecondsPerRound / side.Seconds, 1.0, 400.0))

/// Times of sides that run by turns.
let alternate (effort: Effort) (sides: Side list) : Timing list =
    let turn (side: Side) =
        // Lets the other side's worker threads go to sleep.
        Thread.Sleep 20
        side.Run(callsFor effort side)

    let rounds = List.init effort.Rounds (fun _ -> sides |> List.map turn)

    List.map2
        (fun (side: Side) (times: float[] list) ->
            let medians = List.map median times

            {
                Form = side.Form
                Median = median (Array.concat times)
                Lowest = List.min medians
                Highest = List.max medians
            })
        sides
        (List.transpose rounds)
