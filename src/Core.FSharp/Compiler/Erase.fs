namespace Hesse

open System.Collections.Generic

/// Takes away the nodes that matter only to transformations: stopGradient and custom derivatives are to a plan their first argument,
/// and what stands for a graph of other operations (the solution of a linear system by iteration) is that graph.
module internal Erase =
    let private isIdentity (node: Node) =
        match node.Prim.Lower with
        | Lowering.View -> not node.IsConcrete && node.Shape = node.Args[0].Shape
        | _ -> false

    let private isExpanded (node: Node) =
        match node.Prim.Lower with
        | Lowering.Expand _ -> not node.IsConcrete
        | _ -> false

    let rec apply (outputs: Node[]) : Node[] =
        let order = Graph.order 1L outputs

        if not (order |> Array.exists (fun n -> isIdentity n || isExpanded n)) then
            outputs
        else
            let image = Dictionary<Node, Node>(HashIdentity.Reference)

            let find (node: Node) =
                match image.TryGetValue node with
                | true, there -> there
                | _ -> node

            for node in order do
                match node.Prim.Lower with
                | Lowering.Expand make -> image[node] <- make node.Attr (node.Args |> Array.map find)
                | _ when isIdentity node -> image[node] <- find node.Args[0]
                | _ when node.Args |> Array.exists image.ContainsKey ->
                    image[node] <- Graph.bind node.Prim node.Attr (node.Args |> Array.map find)
                | _ -> ()

            let erased = outputs |> Array.map find
            // What a node stood for may contain such nodes in turn.
            if Array.exists isExpanded order then apply erased else erased
