namespace Hesse

open System.Collections.Generic
open Hesse.Linear

/// Transposition of a linear graph: cotangents of variables from cotangents of outputs.
module internal Transpose =
    /// The nodes among `order` that depend on the variables of a linear graph, and these.
    let linearNodes (variables: Node[]) (order: Node[]) : HashSet<Node> =
        let linear = HashSet<Node>(variables, HashIdentity.Reference)

        for node in order do
            if node.Args |> Array.exists linear.Contains then
                linear.Add node |> ignore

        linear

    /// For outputs that are linear in the variables: the cotangents of the variables (None = zero).
    let apply (variables: Node[]) (outputs: Node option[]) (cotangents: Node[]) : Node option[] =
        let order = Graph.order (Substitute.oldest variables) (Array.choose id outputs)
        let linear = linearNodes variables order

        let cotangent = Dictionary<Node, Node>(HashIdentity.Reference)

        let accumulate (node: Node) (ct: Node) =
            if ct.Uniform <> ValueSome 0.0 then
                cotangent[node] <-
                    match cotangent.TryGetValue node with
                    | true, sum -> add sum ct
                    | _ -> ct

        Array.iter2
            (fun output ct ->
                output
                |> Option.iter (fun y ->
                    if linear.Contains y then
                        accumulate y ct))
            outputs
            cotangents

        for node in Array.rev order do
            match cotangent.TryGetValue node with
            | true, ct when node.Args.Length > 0 ->
                match node.Prim.Transpose with
                | Some rule ->
                    node.Args
                    |> Array.iteri (fun i arg ->
                        if linear.Contains arg then
                            accumulate arg (rule node.Attr node.Args ct i))
                | None -> invalidOp $"transpose: {node.Prim.Name} is not linear in its arguments"
            | _ -> ()

        variables
        |> Array.map (fun v ->
            match cotangent.TryGetValue v with
            | true, ct -> Some ct
            | _ -> None)
