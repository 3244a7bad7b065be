namespace Hesse

open System.Collections.Generic

/// Whether a graph is linear in its variables, decided operation by operation.
module internal Linearity =
    let private isZero (node: Node) =
        match node.Uniform with
        | ValueSome u -> u = 0.0
        | ValueNone -> node.IsConcrete && Array.forall ((=) 0.0) node.Data

    let private shapes (node: Node) = Shape.showAll (node.Args |> Array.map (fun a -> a.Shape))

    /// Why an operation is not linear, when the marked arguments depend on the variables and the others do not.
    let private objection (node: Node) (depends: bool[]) : string option =
        let marked = depends |> Array.indexed |> Array.filter snd |> Array.map fst
        let name = $"{node.Prim.Name} of shapes {shapes node}"

        /// Jointly linear in the arguments that are flagged.
        let linearIn (inArgument: bool[]) =
            let wrong = marked |> Array.tryFind (fun i -> not inArgument[i])

            let added =
                [| 0 .. depends.Length - 1 |]
                |> Array.tryFind (fun i -> not depends[i] && inArgument[i] && not (isZero node.Args[i]))

            match wrong, added with
            | Some i, _ -> Some $"{name} is not linear in its argument {i}, which depends on it"
            | None, Some i -> Some $"{name} adds a constant (its argument {i}), which makes the function affine"
            | None, None -> None

        match node.Prim.Derivative with
        | Derivative.Zero -> Some $"{name} is piecewise constant in it"
        | Derivative.Rule _ -> Some $"{name} is not linear in it"
        | Derivative.Series(_, _, linear) -> linearIn (Array.init depends.Length (linear node.Attr))
        | Derivative.Multilinear when marked.Length > 1 -> Some $"{name} multiplies values that both depend on it"
        | Derivative.Multilinear -> None
        | Derivative.Quotient(_, divisor, _) when depends[divisor] ->
            Some $"{name} divides by a value that depends on it"
        | Derivative.Quotient _ -> None
        | Derivative.Linear inArgument -> linearIn (Array.init depends.Length inArgument)

    /// The first reason why the outputs are not linear in the variables, if there is one. The test is sufficient: a function that is
    /// linear only because terms cancel is refused.
    let violation (variables: Node[]) (outputs: Node[]) : string option =
        let dependent = HashSet<Node>(variables, HashIdentity.Reference)

        let inside =
            Graph.order (Substitute.oldest variables) outputs
            |> Seq.tryPick (fun node ->
                let depends = node.Args |> Array.map dependent.Contains

                if Array.contains true depends then
                    dependent.Add node |> ignore
                    objection node depends
                else
                    None)

        let constant =
            lazy
                (outputs
                 |> Array.tryFindIndex (fun y -> not (dependent.Contains y) && not (isZero y))
                 |> Option.map (fun i ->
                     $"tensor {i} of the result, of shape {Shape.show outputs[i].Shape}, is a constant and not zero, which makes the function affine"))

        inside |> Option.orElseWith (fun () -> constant.Value)
