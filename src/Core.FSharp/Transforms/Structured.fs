namespace Hesse

open System.Collections.Generic
open Hesse.Linear
open Hesse.Movement

/// Jacobians and Hessians without the zeros: the matrix of a linear graph, block by block, from the structure of its basis (`Factored`).
module internal Structured =
    // ----- flat vectors: their parts are variables and outputs of their own --------------------------------------

    /// A stretch of the elements of a variable or an output, and the node that stands for it; null where the graph uses or makes nothing.
    [<NoComparison; ReferenceEquality>]
    type private Part = { Length: int; Node: Node }

    let private whole (node: Node) = [| { Length = Shape.length "jacobian" node.Shape; Node = node } |]

    /// Parts from stretches (start, length, node), with what lies between them; None when they overlap.
    let private partition (length: int) (stretches: (int * int * Node)[]) : Part[] option =
        let sorted = stretches |> Array.sortBy (fun (start, size, _) -> start, size)
        let ends = sorted |> Array.map (fun (start, size, _) -> start + size)
        let starts = sorted |> Array.map (fun (start, _, _) -> start)

        if Array.forall2 (<=) (Array.append [| 0 |] ends) (Array.append starts [| length |]) then
            Some [|
                let mutable at = 0

                for start, size, node in sorted do
                    if start > at then
                        { Length = start - at; Node = null }

                    { Length = size; Node = node }
                    at <- start + size

                if length > at then
                    { Length = length - at; Node = null }
            |]
        else
            None

    /// A vector that is used only in disjoint slices (parameters that were ravelled) is as many variables.
    let private inputParts (order: Node[]) (outputs: Node[]) (variable: Node) : Part[] =
        let isOutput (node: Node) = outputs |> Array.exists (fun y -> obj.ReferenceEquals(y, node))

        let usersOf (node: Node) =
            order |> Array.filter (fun n -> n.Args |> Array.exists (fun a -> obj.ReferenceEquals(a, node)))

        let stretch (slice: Node) =
            match slice.Attr with
            | Window([| start |], [| stop |], [| 1 |]) when obj.ReferenceEquals(slice.Prim, sliceP) ->
                match usersOf slice with
                | [| shaped |] when obj.ReferenceEquals(shaped.Prim, reshapeP) && not (isOutput slice) ->
                    Some(start, stop - start, shaped)
                | _ -> Some(start, stop - start, slice)
            | _ -> None

        let stretches = usersOf variable |> Array.map stretch

        if variable.Shape.Length <> 1 || isOutput variable || stretches |> Array.exists Option.isNone then
            whole variable
        else
            partition variable.Shape[0] (Array.choose id stretches) |> Option.defaultValue (whole variable)

    /// A vector that is a sum of disjoint padded parts (the gradient for ravelled parameters) is as many outputs.
    let private outputParts (output: Node) : Part[] =
        let rec terms (node: Node) =
            if obj.ReferenceEquals(node.Prim, addP) then
                Array.collect terms node.Args
            else
                [| node |]

        let stretch (node: Node) =
            match node.Attr with
            | Padding([| low |], _, [| 0 |]) when obj.ReferenceEquals(node.Prim, padP) ->
                Some(low, node.Args[0].Shape[0], node.Args[0])
            | _ -> None

        if output.Shape.Length <> 1 then
            whole output
        else
            let stretches = terms output |> Array.map stretch

            if stretches |> Array.exists Option.isNone then
                whole output
            else
                partition output.Shape[0] (Array.choose id stretches) |> Option.defaultValue (whole output)

    // ----- matrices -----------------------------------------------------------------------------------------------

    /// The matrix of a linear graph in parts: block i, j has shape [length of input part i; length of output part j], and is made only if wanted.
    let private blocks
        (variables: Node[])
        (outputs: Node[])
        (inputs: Part[])
        (results: Part[])
        (wanted: int -> int -> bool)
        =
        let order = Graph.order (Substitute.oldest variables) outputs
        let linear = Transpose.linearNodes variables order

        inputs
        |> Array.mapi (fun i part ->
            let chosen =
                [| 0 .. results.Length - 1 |]
                |> Array.filter (fun j -> wanted i j && not (isNull part.Node || isNull results[j].Node))

            let rows =
                if chosen.Length = 0 then
                    [||]
                else
                    Factored
                        .Walk(part.Node, Substitute.oldest variables, linear.Contains)
                        .Run(chosen |> Array.map (fun j -> results[j].Node))

            Array.init results.Length (fun j ->
                match System.Array.IndexOf(chosen, j) with
                | -1 -> None
                | k -> rows[k] |> Option.map (reshape [| part.Length; results[j].Length |])
                |> Option.defaultWith (fun () -> Graph.zeros [| part.Length; results[j].Length |])))

    let private partsOf (variables: Node[]) (outputs: Node[]) =
        let order = Graph.order (Substitute.oldest variables) outputs
        variables |> Array.map (inputParts order outputs), outputs |> Array.map outputParts

    /// The graph applied to the unit directions of all elements of the variables: result o has shape [elements; shape of output o].
    let overBasis (variables: Node[]) (outputs: Node[]) : Node[] =
        let inputs, results = partsOf variables outputs
        let count = variables |> Array.sumBy (fun v -> Shape.length "jacobian" v.Shape)
        let rows = blocks variables outputs (Array.concat inputs) (Array.concat results) (fun _ _ -> true)
        let starts = results |> Array.scan (fun at parts -> at + parts.Length) 0

        outputs
        |> Array.mapi (fun o y ->
            rows
            |> Array.map (fun row -> concat 1 (Array.sub row starts[o] (starts[o + 1] - starts[o])))
            |> concat 0
            |> reshape (Array.append [| count |] y.Shape)
            |> Graph.adapt y.DType)

    /// The symmetric matrix of a graph that is linear in `variables` and whose outputs have their shapes: half of its blocks are computed.
    let symmetric (variables: Node[]) (outputs: Node[]) : Node =
        let inputs, results = partsOf variables outputs
        let inputs, results = Array.concat inputs, Array.concat results
        let lengths (parts: Part[]) = parts |> Array.map (fun p -> p.Length)

        if lengths inputs = lengths results then
            let upper = blocks variables outputs inputs results (fun i j -> j >= i)
            let block i j = if j >= i then upper[i][j] else transpose [| 1; 0 |] (upper[j][i])
            concat 0 (Array.init inputs.Length (fun i -> concat 1 (Array.init inputs.Length (block i))))
        else
            blocks variables outputs inputs results (fun _ _ -> true) |> Array.map (concat 1) |> concat 0
        |> Graph.adapt outputs[0].DType

    /// Operations of the nodes that depend on the linear variables, for one value of these: what a batch of directions costs each.
    let costPerDirection (variables: Node[]) (outputs: Node[]) : float =
        Transpose.linearNodes variables (Graph.order (Substitute.oldest variables) outputs)
        |> Seq.sumBy Network.nodeCost

    /// Operations, and elements in all, of the nodes below `outputs` that depend on variables from `oldest` on.
    let cost (oldest: int64) (outputs: Node[]) : struct (float * float) =
        let mutable operations, elements = 0.0, 0.0

        for node in Graph.order oldest outputs do
            operations <- operations + Network.nodeCost node
            elements <- elements + float (Shape.size node.Shape)

        struct (operations, elements)
