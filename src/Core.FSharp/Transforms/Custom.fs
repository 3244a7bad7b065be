namespace Hesse

open System.Collections.Generic
open Hesse.Linear

/// Functions whose derivative the user gives. Such a function is a node with the value of its primal graph (its first argument)
/// and a rule for the tangent that is itself a graph, so that every transformation can go through it.
module internal Custom =
    /// A rule as a closed graph: the tangent in terms of arguments, result, argument tangents and captured values.
    type private Rule = {
        Arguments: Node[]
        Result: Node
        Tangents: Node[]
        Captured: Node[]
        Tangent: Node
    } with

        member r.Variables = Array.concat [ r.Arguments; [| r.Result |]; r.Tangents; r.Captured ]

    /// The symbolic nodes that a graph takes from outside: what its own nodes read that depends on none of its variables.
    let captured (oldest: int64) (outputs: Node[]) : Node[] =
        let outside (n: Node) = not n.IsConcrete && n.NewestVariable < oldest
        let found = HashSet<Node>(outputs |> Array.filter outside, HashIdentity.Reference)

        for node in Graph.order oldest outputs do
            for arg in node.Args do
                if outside arg then
                    found.Add arg |> ignore

        found |> Seq.sortBy (fun n -> n.Id) |> Seq.toArray

    /// The outputs with variables in the place of nodes taken from outside, which are older than the graph's own variables.
    let close (oldest: int64) (taken: Node[]) (variables: Node[]) (outputs: Node[]) : Node[] =
        let image = Dictionary<Node, Node>(HashIdentity.Reference)
        Array.iter2 (fun n v -> image[n] <- v) taken variables

        let find (n: Node) =
            match image.TryGetValue n with
            | true, v -> v
            | _ -> n

        for node in Graph.order oldest outputs do
            if node.Args.Length > 0 then
                image[node] <- Graph.bind node.Prim node.Attr (node.Args |> Array.map find)

        outputs |> Array.map find

    /// The same rule for a batch: every variable has a leading axis.
    let private batchRule (size: int) (rule: Rule) =
        let wider (nodes: Node[]) =
            nodes |> Array.map (fun n -> Graph.variableOf n.DType (Array.append [| size |] n.Shape))

        let arguments, result = wider rule.Arguments, (wider [| rule.Result |])[0]
        let tangents, captured = wider rule.Tangents, wider rule.Captured
        let values = Array.concat [ arguments; [| result |]; tangents; captured ]

        {
            Arguments = arguments
            Result = result
            Tangents = tangents
            Captured = captured
            Tangent = (Batch.apply size rule.Variables values [| rule.Tangent |])[0]
        }

    /// Arguments of the node: primal value, the function's arguments, the captured values.
    let rec private primitive (rule: Rule) : Primitive =
        let count = rule.Arguments.Length

        {
            Name = "custom"
            Doc = "The first argument, with a derivative that the user gives."
            Shape = fun _ s -> s[0]
            Derivative =
                Derivative.Rule(fun _ args y dargs ->
                    if dargs[count + 1 ..] |> Array.exists Option.isSome then
                        Shape.fail
                            "customDerivative: the function uses a value from outside that is being differentiated, and its rule says nothing of that; make it an argument of the function, or take Tensor.stopGradient of it"

                    if dargs[1..count] |> Array.forall Option.isNone then
                        None
                    else
                        let tangents =
                            Array.map2
                                (fun (x: Node) dx -> dx |> Option.defaultWith (fun () -> Graph.zeros x.Shape))
                                args[1..count]
                                dargs[1..count]

                        let values = Array.concat [ args[1..count]; [| y |]; tangents; args[count + 1 ..] ]
                        Substitute.apply rule.Variables values [| rule.Tangent |] |> Array.tryHead)
            Transpose = None
            Batch =
                fun _ _ args flags n ->
                    let wide = Array.map2 (fun a flag -> if flag then a else batchAxis n a) args flags
                    Graph.bind (primitive (batchRule n rule)) NoAttr wide
            Simplify = fun _ args -> if Array.forall (fun (a: Node) -> a.IsConcrete) args then Some args[0] else None
            Lower = Lowering.View
        }

    /// A node of value `primal`, a function of `args`, whose tangent is `tangent` in terms of the variables `arguments` (for args),
    /// `result` (for the node itself) and `tangents` (for the tangents of args).
    let bind
        (args: Node[])
        (primal: Node)
        (arguments: Node[])
        (result: Node)
        (tangents: Node[])
        (tangent: Node)
        (fromOutside: Node[])
        =
        let outside = Substitute.oldest (Array.concat [ arguments; [| result |]; tangents ])

        let taken =
            Array.append fromOutside (captured outside [| tangent |]) |> Array.distinctBy (fun n -> n.Id)

        let stand = taken |> Array.map Graph.variableLike

        let rule = {
            Arguments = arguments
            Result = result
            Tangents = tangents
            Captured = stand
            Tangent = (close outside taken stand [| tangent |])[0]
        }

        Graph.bind (primitive rule) NoAttr (Array.concat [ [| primal |]; args; taken ])
