namespace Hesse

open System.Collections.Generic

/// Takes away the nodes that matter only to transformations (stopGradient, custom derivatives): to a plan they are their
/// first argument.
module internal Erase =
    let private isIdentity (node: Node) =
        match node.Prim.Lower with
        | Lowering.View -> not node.IsConcrete && node.Shape = node.Args[0].Shape
        | _ -> false

    let apply (outputs: Node[]) : Node[] =
        let order = Graph.order 1L outputs

        if not (Array.exists isIdentity order) then
            outputs
        else
            let image = Dictionary<Node, Node>(HashIdentity.Reference)

            let find (node: Node) =
                match image.TryGetValue node with
                | true, there -> there
                | _ -> node

            for node in order do
                if isIdentity node then
                    image[node] <- find node.Args[0]
                elif node.Args |> Array.exists image.ContainsKey then
                    image[node] <- Graph.bind node.Prim node.Attr (node.Args |> Array.map find)

            outputs |> Array.map find
