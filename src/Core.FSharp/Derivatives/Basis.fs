namespace Hesse

open System

/// Matrices of linear graphs: a batch of all unit directions, or the same with the structure of the basis kept, whichever costs less.
module internal Basis =
    /// Operations below which a batch is not worth a second look: what building and compiling the other graph costs. At concrete
    /// values the graph is compiled for one call (some 30 ms), inside another transformation for many.
    let private smallest (concrete: bool) = if concrete then 3e8 else 1e6

    /// Share of the memory that the values of a structured graph, all together, may need.
    [<Literal>]
    let private memoryShare = 0.25

    let private isConcrete (values: Node[]) = values |> Array.forall (fun v -> v.IsConcrete)

    /// The graph that `build` makes from a linear one, if it is cheaper than a batch of `count` directions and fits in memory.
    let private ifCheaper (values: Node[]) (linear: Node[]) (outputs: Node[]) (build: unit -> Node[]) : Node[] option =
        let count = linear |> Array.sumBy (fun v -> float (Shape.size v.Shape))
        let batch = count * Structured.costPerDirection linear outputs

        if batch < smallest (isConcrete values) then
            None
        else
            let graph = build ()
            let struct (shared, _) = Structured.cost 1L outputs
            let struct (operations, elements) = Structured.cost 1L graph
            let available = float (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)

            if operations < batch + shared && 8.0 * elements < memoryShare * available then
                Some graph
            else
                None

    let private structuredRows values (linear: Node[]) outputs =
        ifCheaper values linear outputs (fun () -> Structured.overBasis linear outputs)

    let private structuredMatrix values (linear: Node[]) outputs =
        ifCheaper values linear outputs (fun () -> [| Structured.symmetric linear outputs |])

    let private count (linear: Node[]) = linear |> Array.sumBy (fun v -> Shape.length "jacobian" v.Shape)

    /// A graph that is linear in `linear` applied to the unit directions of all its elements, at `values` of `variables`: result o has
    /// shape [elements; shape of output o]. With a chunk, always in blocks of so many directions.
    let rows chunk (variables: Node[]) (values: Node[]) (linear: Node[]) (outputs: Node[]) : Node[] =
        match (if Option.isSome chunk then None else structuredRows values linear outputs) with
        | Some graph -> Executor.evaluate variables values graph
        | None -> Directions.overBasis chunk variables values linear outputs

    /// The symmetric matrix of such a graph whose outputs have the shapes of `linear`; shape [elements; elements].
    let symmetric chunk (variables: Node[]) (values: Node[]) (linear: Node[]) (outputs: Node[]) : Node =
        match (if Option.isSome chunk then None else structuredMatrix values linear outputs) with
        | Some graph -> (Executor.evaluate variables values graph)[0]
        | None -> Directions.overBasis chunk variables values linear outputs |> Directions.flattenRows (count linear)

    let private costOf chunk linear outputs (structured: Node[] option) =
        match structured with
        | Some graph -> Cost.ofGraph graph
        | None -> Directions.cost chunk linear outputs (count linear)

    /// What `rows` would take.
    let rowsCost chunk (values: Node[]) (linear: Node[]) (outputs: Node[]) : Cost =
        costOf chunk linear outputs (if Option.isSome chunk then None else structuredRows values linear outputs)

    /// What `symmetric` would take.
    let symmetricCost chunk (values: Node[]) (linear: Node[]) (outputs: Node[]) : Cost =
        costOf chunk linear outputs (if Option.isSome chunk then None else structuredMatrix values linear outputs)
