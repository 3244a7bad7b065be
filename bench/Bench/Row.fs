namespace Hesse.Bench

open Hesse

/// One way to compute something with Hesse.
type Variant = {
    /// Shown in the table when it is the fastest.
    Name: string
    /// One computation: the same numbers, in the same order, as the peer's result for the row.
    Compute: unit -> Tensor[]
    /// The text of the compiled plan.
    Plan: unit -> string
    /// Floating-point operations of one computation, by the counters of the plan.
    Flops: unit -> float
}

/// Ways to compute something.
module Variant =
    /// A function that is traced and compiled once and then runs as a plan.
    let compiled (name: string) (f: 'X -> Tensor[]) (x: 'X) : Variant =
        let run = Diff.compile f
        let plan () = Diff.plan f x

        {
            Name = name
            Compute = fun () -> run x
            Plan = fun () -> (plan ()).ToString()
            Flops = fun () -> float (plan ()).Flops
        }

/// One computation that both sides do on the same numbers.
type Row = {
    /// Short name, the same in peer.py.
    Name: string
    /// What is computed, for people.
    Title: string
    /// Left out by --quick: takes more than a few seconds a round.
    Slow: bool
    /// Everything that the computation takes, by the names that peer.py uses.
    Inputs: (string * Tensor) list
    /// Ways to compute it; the fastest is measured.
    Variants: Variant list
    /// How many times faster than the peer it is meant to be.
    Target: float option
} with

    /// The precision of the computation.
    member r.Precision =
        if r.Inputs |> List.exists (fun (_, t) -> t.DType = DType.Float32) then
            DType.Float32
        else
            DType.Float64

    /// The largest relative difference at which both sides count as having computed the same.
    member r.Agreement = if r.Precision = DType.Float32 then 1e-5 else 1e-9
