namespace Hesse

open System.Collections.Generic

/// Puts nodes in the place of variables.
module internal Substitute =
    /// The smallest id among variables: nothing older can depend on them.
    let oldest (variables: Node[]) =
        if variables.Length = 0 then
            System.Int64.MaxValue
        else
            variables |> Array.map (fun v -> v.Id) |> Array.min

    /// `outputs` with `values` for `variables`. What becomes concrete is computed at once, operation by operation;
    /// `Executor.evaluate` is the compiled way.
    let apply (variables: Node[]) (values: Node[]) (outputs: Node[]) : Node[] =
        let image = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun (v: Node) value -> image[v] <- Graph.adapt v.DType value) variables values

        let find (node: Node) =
            match image.TryGetValue node with
            | true, there -> there
            | _ -> node

        for node in Graph.order (oldest variables) outputs do
            if not (image.ContainsKey node) then
                let args = node.Args |> Array.map find

                if not (Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) args node.Args) then
                    image[node] <- Graph.bind node.Prim node.Attr args

        outputs |> Array.map find
