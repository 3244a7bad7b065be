namespace Hesse

open System

/// The subscript notation "ij,jk->ik" over any number of operands.
module internal Einsum =
    let private fail spec reason =
        Shape.fail $"einsum: \"{spec}\" {reason}; want subscripts like \"ij,jk->ik\", one letter per axis"

    /// Operand labels and result labels. Without "->" the result has the labels that occur once, in alphabetical order.
    let private parse (spec: string) (count: int) =
        let text = spec.Replace(" ", "")

        let inputs, output =
            match text.Split "->" with
            | [| inputs |] ->
                inputs,
                inputs.Replace(",", "")
                |> Seq.countBy id
                |> Seq.filter (fun (_, n) -> n = 1)
                |> Seq.map fst
                |> Seq.sort
                |> Seq.toArray
                |> String
            | [| inputs; output |] -> inputs, output
            | _ -> fail spec "has more than one arrow"

        let operands = inputs.Split ','

        if operands.Length <> count then
            fail spec $"names {operands.Length} operands, but {count} were given"

        for c in inputs.Replace(",", "") + output do
            if not (Char.IsAsciiLetter c) then
                fail spec $"has '{c}' where a letter was expected"

        if output |> Seq.distinct |> Seq.length <> output.Length then
            fail spec $"repeats a letter in its result \"{output}\""

        for c in output do
            if not (inputs.Contains c) then
                fail spec $"has '{c}' in the result but in no operand"

        operands |> Array.map (fun o -> o.ToCharArray() |> Array.map int), output.ToCharArray() |> Array.map int

    /// Takes the diagonal over repeated labels of one operand, and gives distinct labels.
    let rec private diagonal (labels: int[], x: Node) =
        match labels |> Array.tryFind (fun l -> (labels |> Array.filter ((=) l)).Length > 1) with
        | None -> labels, x
        | Some l ->
            let i = Array.IndexOf(labels, l)
            let j = Array.IndexOf(labels, l, i + 1)
            let n = x.Shape[i]
            let others = Array.except [ i; j ] [| 0 .. labels.Length - 1 |]
            let outer = others |> Array.map (fun d -> x.Shape[d])

            // [others; n·n], of which every (n + 1)-th element is on the diagonal.
            let flat =
                Linear.reshape (Array.append outer [| n * n |]) (Movement.transpose (Array.append others [| i; j |]) x)

            let last value rest = Array.append (Array.create others.Length rest) [| value |]

            let diag = Movement.slice (last 0 0) (Array.append outer [| n * n |]) (last (n + 1) 1) flat

            diagonal (Array.append (others |> Array.map (fun d -> labels[d])) [| l |], diag)

    /// Evaluates the expression; operands are contracted pairwise, in the order that costs least.
    let apply (spec: string) (operands: Node[]) : Node =
        let labels, out = parse spec operands.Length
        let sizes = Collections.Generic.Dictionary<int, int>()

        Array.iter2
            (fun (ls: int[]) (x: Node) ->
                if ls.Length <> x.Shape.Length then
                    fail spec $"gives {ls.Length} letters to an operand of shape {Shape.show x.Shape}"

                Array.iter2
                    (fun l d ->
                        match sizes.TryGetValue l with
                        | true, e when e <> d ->
                            fail
                                spec
                                $"uses '{char l}' for axes of length {e} and {d} (shapes {Shape.showAll (operands |> Array.map (fun o -> o.Shape))})"
                        | _ -> sizes[l] <- d)
                    ls
                    x.Shape)
            labels
            operands

        let distinct = List.map diagonal (List.ofArray (Array.zip labels operands))
        let named (ls, x) : Network.Operand = { Node = x; Labels = ls }
        Network.contract (fun l -> sizes[l]) (distinct |> List.map named |> Array.ofList) out
