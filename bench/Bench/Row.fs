namespace Hesse.Bench

open Hesse

/// One way to compute a row with Hesse.
type Variant = {
    /// Shown in the table when it is the fastest.
    Name: string
    /// One computation: the same numbers, in the same order, as the peer's result for the row.
    Compute: unit -> Tensor[]
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
    /// The text of the compiled plan.
    Plan: unit -> string
} with

    /// The largest relative difference at which both sides count as having computed the same, by the precision of the inputs.
    member r.Agreement =
        if r.Inputs |> List.exists (fun (_, t) -> t.DType = DType.Float32) then
            1e-5
        else
            1e-9
