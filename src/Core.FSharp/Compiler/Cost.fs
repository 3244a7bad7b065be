namespace Hesse

/// What a computation takes: arithmetic, memory traffic, and memory held at once.
[<Struct>]
type internal Cost = {
    Flops: int64
    Bytes: int64
    Arena: int64
} with

    /// The one number by which routes are compared: a byte moved counts as much as a floating-point operation.
    member c.Work = float c.Flops + float c.Bytes

/// Costs of graphs, from the counters of the plans that would run them.
module internal Cost =
    let ofProgram (program: Program) = {
        Flops = program.Plan.Flops
        Bytes = program.Plan.Bytes
        Arena = program.Plan.ArenaBytes
    }

    /// The cost of computing the outputs from their variables, whichever these are; nothing is run.
    let ofGraph (outputs: Node[]) : Cost =
        ofProgram (Program(Graph.order 1L outputs |> Array.filter Graph.isVariable, outputs))

    /// The same computation so many times, one after the other.
    let repeat (times: int) (c: Cost) = { c with Flops = int64 times * c.Flops; Bytes = int64 times * c.Bytes }
