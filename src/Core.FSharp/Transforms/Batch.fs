namespace Hesse

open System.Collections.Generic

/// Vectorisation: the same graph for a whole batch of values, the batch axis leading.
module internal Batch =
    /// Outputs for a batch of `size` values of the variables; each value in `values` has shape [size; shape of its variable].
    let apply (size: int) (variables: Node[]) (values: Node[]) (outputs: Node[]) : Node[] =
        let batched = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun (v: Node) value -> batched[v] <- Graph.adapt v.DType value) variables values

        for node in Graph.order (Substitute.oldest variables) outputs do
            if not (batched.ContainsKey node) then
                let flags = node.Args |> Array.map batched.ContainsKey

                if Array.contains true flags then
                    let args = Array.map2 (fun a flag -> if flag then batched[a] else a) node.Args flags
                    batched[node] <- node.Prim.Batch node.Prim node.Attr args flags size

        outputs
        |> Array.map (fun y ->
            match batched.TryGetValue y with
            | true, there -> there
            | _ -> Linear.batchAxis size y)
