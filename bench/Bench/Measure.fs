/// Alternating rounds: Hesse, peer, Hesse, peer, …, so that whatever disturbs the machine disturbs both.
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

/// What is known about a row at the end.
type Outcome = {
    Name: string
    Title: string
    Hesse: Timing
    Peer: Timing option
    /// max |Hesse − peer| / max |peer|, and how large it may be.
    Difference: float option
    Agreement: float
    /// Number of rounds, and of calls of either side in a round.
    Rounds: int
    Calls: int * int
    /// Floating-point operations of the plan, where it is one.
    Flops: float option
}

let private median (values: float[]) =
    let sorted = Array.sort values
    let n = sorted.Length
    if n % 2 = 1 then sorted[n / 2] else (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0

/// Seconds of each of so many calls.
let private time (repeats: int) (compute: unit -> Tensor[]) : float[] =
    Array.init repeats (fun _ ->
        let start = Stopwatch.GetTimestamp()
        compute () |> ignore
        Stopwatch.GetElapsedTime(start).TotalSeconds)

/// Compiles, runs until the code is hot (at most a second, at least twice), and gives the seconds of a call.
let private warmUp (variant: Variant) : float =
    variant.Compute() |> ignore
    let clock = Stopwatch.StartNew()
    let times = ResizeArray<float>()

    while times.Count < 2 || (times.Count < 500 && clock.Elapsed.TotalSeconds < 1.0) do
        times.AddRange(time 1 variant.Compute)

    median (times.ToArray()[times.Count / 2 ..])

/// Enough calls for a round of about this many seconds.
let private callsFor (target: float) (seconds: float) = int (Math.Clamp(target / seconds, 1.0, 400.0))

let private summarise (form: string) (rounds: float[][]) : Timing =
    let medians = rounds |> Array.map median

    {
        Form = form
        Median = median (Array.concat rounds)
        Lowest = Array.min medians
        Highest = Array.max medians
    }

/// FLOPs from the last line of a plan's text.
let private flopsOf (plan: string) : float option =
    let found =
        Text.RegularExpressions.Regex.Match(plan, @"(\d+) FLOPs", Text.RegularExpressions.RegexOptions.RightToLeft)

    if found.Success then Some(float found.Groups[1].Value) else None

let private differenceOf (ours: float[]) (theirs: float[]) : float =
    if ours.Length <> theirs.Length then
        Double.PositiveInfinity
    else
        let scale = theirs |> Array.fold (fun m v -> max m (abs v)) Double.Epsilon
        Array.fold2 (fun m a b -> max m (abs (a - b))) 0.0 ours theirs / scale

/// Measures one row.
let row (rounds: int) (secondsPerRound: float) (peer: Peer option) (row: Row) : Outcome =
    let variant, seconds = row.Variants |> List.map (fun v -> v, warmUp v) |> List.minBy snd
    let theirs = peer |> Option.map (fun p -> p.Prepare row)

    let difference =
        theirs
        |> Option.map (fun t -> differenceOf (variant.Compute() |> Array.collect Tensor.toArray) t.Result)

    let ourCalls = callsFor secondsPerRound seconds
    let theirCalls = theirs |> Option.map (fun t -> callsFor secondsPerRound t.Seconds)

    let measured =
        Array.init rounds (fun _ ->
            // Lets the other side's worker threads go to sleep.
            let pause () = Thread.Sleep 20
            pause ()
            let ours = time ourCalls variant.Compute
            pause ()
            ours, Option.map2 (fun (p: Peer) calls -> p.Run(row, calls)) peer theirCalls)

    {
        Name = row.Name
        Title = row.Title
        Hesse = summarise variant.Name (Array.map fst measured)
        Peer = theirs |> Option.map (fun t -> summarise t.Form (measured |> Array.choose snd))
        Difference = difference
        Agreement = row.Agreement
        Rounds = rounds
        Calls = ourCalls, defaultArg theirCalls 0
        Flops = flopsOf (row.Plan())
    }
