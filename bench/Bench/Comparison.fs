/// Rows: Hesse beside the peer.
module Hesse.Bench.Comparison

open System
open Hesse
open Hesse.Bench.Measure

/// What is known about a row at the end.
type Outcome = {
    Row: Row
    Hesse: Timing
    Peer: Timing option
    /// max |Hesse − peer| / max |peer|.
    Difference: float option
    /// Number of rounds, and of calls of either side in a round.
    Rounds: int
    Calls: int * int
    /// Floating-point operations of the plan.
    Flops: float
} with

    /// True when there is no peer, or it computed the same.
    member o.Agrees = o.Difference |> Option.forall (fun d -> d <= o.Row.Agreement)

    /// How many times faster than the peer.
    member o.Ratio = o.Peer |> Option.map (fun p -> p.Median / o.Hesse.Median)

let private differenceOf (ours: float[]) (theirs: float[]) : float =
    if ours.Length <> theirs.Length then
        Double.PositiveInfinity
    else
        let scale = theirs |> Array.fold (fun m v -> max m (abs v)) Double.Epsilon
        // F#'s max keeps a NaN of either side.
        Array.fold2 (fun m a b -> max m (abs (a - b))) 0.0 ours theirs / scale

/// Measures one row.
let measure (effort: Effort) (peer: Peer option) (row: Row) : Outcome =
    let effort = if row.Slow then { effort with Rounds = min effort.Rounds 7 } else effort
    let variant, ours = fastest row.Variants
    let prepared = peer |> Option.map (fun p -> p, p.Prepare row)

    let theirs =
        prepared
        |> Option.map (fun (p, t) -> { Form = t.Form; Seconds = t.Seconds; Run = fun repeats -> p.Run(row, repeats) })

    let timings = alternate effort (ours :: Option.toList theirs)

    {
        Row = row
        Hesse = timings.Head
        Peer = List.tryItem 1 timings
        Difference =
            prepared
            |> Option.map (fun (_, t) -> differenceOf (variant.Compute() |> Array.collect Tensor.toArray) t.Result)
        Rounds = effort.Rounds
        Calls = callsFor effort ours, theirs |> Option.map (callsFor effort) |> Option.defaultValue 0
        Flops = variant.Flops()
    }
