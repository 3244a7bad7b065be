namespace Hesse

open System

/// One of several ways to compute the same result, and what it would take.
[<NoEquality; NoComparison>]
type internal Route<'R> = { Name: string; Cost: Lazy<Cost>; Run: unit -> 'R }

/// Which of several ways is taken.
module internal Routes =
    /// Memory that the arena of a plan may take: what the compiler allows.
    let memoryLimit () = MemoryLimit.bytes ()

    let make (name: string) (cost: unit -> Cost) (run: unit -> 'R) : Route<'R> = {
        Name = name
        // A plan that the compiler refuses for its size takes more memory than there is.
        Cost =
            lazy
                (try
                    cost ()
                 with :? HesseException -> { Flops = Int64.MaxValue; Bytes = Int64.MaxValue; Arena = Int64.MaxValue })
        Run = run
    }

    /// The route of least predicted work among those that fit into memory; among the rest the one of least memory.
    let cheapest (memory: int64) (routes: Route<'R>[]) : Route<'R> =
        match routes |> Array.filter (fun r -> r.Cost.Value.Arena <= memory) with
        | [||] -> routes |> Array.minBy (fun r -> r.Cost.Value.Arena)
        | fitting -> fitting |> Array.minBy (fun r -> r.Cost.Value.Work)

    /// The only route, or the cheapest.
    let take (routes: Route<'R>[]) : 'R =
        match routes with
        | [| one |] -> one.Run()
        | many -> (cheapest (memoryLimit ()) many).Run()
