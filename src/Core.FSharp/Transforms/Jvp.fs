namespace Hesse

open System.Collections.Generic
open Hesse.Linear

/// Forward mode: tangents of outputs from tangents of variables, graph to graph.
module internal Jvp =
    /// The tangent of one node from its arguments' tangents; None stands for zero.
    let node (y: Node) (dargs: Node option[]) : Node option =
        if Array.forall Option.isNone dargs then
            None
        else
            match y.Prim.Derivative with
            | Derivative.Zero -> None
            | Derivative.Linear inArgument ->
                if y.Args |> Array.indexed |> Array.exists (fun (i, _) -> inArgument i && dargs[i].IsSome) then
                    let args =
                        y.Args
                        |> Array.mapi (fun i x ->
                            if inArgument i then
                                dargs[i] |> Option.defaultWith (fun () -> Graph.zeros x.Shape)
                            else
                                x)

                    Some(Graph.bind y.Prim y.Attr args)
                else
                    None
            | Derivative.Multilinear ->
                dargs
                |> Array.mapi (fun i dx ->
                    dx
                    |> Option.map (fun dx ->
                        let args = Array.copy y.Args
                        args[i] <- dx
                        Graph.bind y.Prim y.Attr args))
                |> Array.choose id
                |> Array.reduce add
                |> Some
            | Derivative.Quotient(numerator, divisor, times) ->
                // b y = a, hence b dy = da − db y.
                let solved a = Graph.bind y.Prim y.Attr (Array.updateAt numerator a y.Args)

                match dargs[numerator], dargs[divisor] with
                | Some da, None -> Some(solved da)
                | None, Some db -> Some(neg (solved (times y.Attr db y)))
                | Some da, Some db -> Some(solved (sub da (times y.Attr db y)))
                | None, None -> None
            | Derivative.Rule rule
            | Derivative.Series(rule, _, _) -> rule y.Attr y.Args y dargs

    /// Tangents of the outputs, given those of the variables.
    let apply (variables: Node[]) (tangents: Node[]) (outputs: Node[]) : Node option[] =
        let tangent = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun v dv -> tangent[v] <- dv) variables tangents

        let find (node: Node) =
            match tangent.TryGetValue node with
            | true, d -> Some d
            | _ -> None

        for y in Graph.order (Substitute.oldest variables) outputs do
            if y.Args.Length > 0 then
                match node y (y.Args |> Array.map find) with
                | Some dy when dy.Uniform <> ValueSome 0.0 -> tangent[y] <- dy
                | _ -> ()

        outputs |> Array.map find
