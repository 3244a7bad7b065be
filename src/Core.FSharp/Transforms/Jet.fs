namespace Hesse

open System.Collections.Generic
open Hesse.Linear

/// Taylor mode: the coefficients of f at a power series x₀ + x₁t + x₂t² + … in one variable or several, graph to graph. In one
/// variable it takes O(K²) operations per node for order K; in general one product for each pair of terms whose product is kept.
///
/// Linear operations act on each coefficient, products are Cauchy products, and for every other operation y = f(x) the
/// derivative rule y′ = D(x, y)[x′] gives k·y_k = coefficient k − 1 of D(x, y)[x′], where x′ has coefficients (j + 1)·x_{j+1}; in several
/// variables the same holds for the derivative by any one of them. The rule's own graph is expanded by the same recursion, so no
/// primitive needs a rule for jets; only loops expand themselves, all terms in one loop.
module internal Jet =
    /// Coefficients of each output, term by term; `series` holds those of the variables from term 1 on (x₀ is the variable itself).
    /// Coefficients are in the Taylor sense: derivatives divided by the factorial of the term.
    let rec expand
        (terms: Monomials)
        (variables: Node[])
        (series: Node option[][])
        (outputs: Node[])
        : Node option[][] =
        let known = Dictionary<struct (int64 * int), Node option>()
        let slopes = Dictionary<struct (int64 * int), Node option>()
        let derivativeOf = Dictionary<Node, struct (Node * int)>(HashIdentity.Reference)
        let expansions = Dictionary<Node, Node option[]>(HashIdentity.Reference)
        let oldest = Substitute.oldest variables
        let inputs = Dictionary<Node, Node option[]>(HashIdentity.Reference)
        Array.iter2 (fun v s -> inputs[v] <- s) variables series

        // Tangent variables are made below, so they are newer than all that is there now; only what depends on one of them
        // has a zeroth coefficient other than itself.
        let newest = Seq.append variables outputs |> Seq.fold (fun m n -> max m n.NewestVariable) 0L

        let addOption a b =
            match a, b with
            | Some a, Some b -> Some(add a b)
            | None, other
            | other, None -> other

        let rec coefficient (node: Node) (k: int) : Node option =
            if k = 0 && node.NewestVariable <= newest then
                Some node
            elif node.NewestVariable < oldest then
                None
            else
                match known.TryGetValue(struct (node.Id, k)) with
                | true, c -> c
                | _ ->
                    let c = compute node k |> Option.filter (fun (c: Node) -> k = 0 || c.Uniform <> ValueSome 0.0)
                    known[struct (node.Id, k)] <- c
                    c

        and compute node k =
            match inputs.TryGetValue node with
            | true, s -> s[k - 1]
            | _ ->
                match derivativeOf.TryGetValue node with
                | true, struct (x, i) ->
                    coefficient x (terms.Raised(k, i)) |> Option.map (scale (float (terms[k][i] + 1)))
                | _ when node.Args.Length = 0 -> None
                | _ -> operation node k

        and operation y k =
            match y.Prim.Derivative with
            | Derivative.Zero -> None
            | Derivative.Linear inArgument ->
                let cs = y.Args |> Array.mapi (fun i x -> if inArgument i then coefficient x k else None)

                if Array.forall Option.isNone cs then
                    None
                else
                    y.Args
                    |> Array.mapi (fun i x ->
                        if inArgument i then
                            cs[i] |> Option.defaultWith (fun () -> Graph.zeros x.Shape)
                        else
                            x)
                    |> Graph.bind y.Prim y.Attr
                    |> Some
            | Derivative.Multilinear -> cauchy y k
            | Derivative.Quotient(numerator, divisor, times) ->
                // b y = a: b₀ y_k = a_k − Σ b_i y_j over i · j = k but i = 0.
                let a, b = y.Args[numerator], y.Args[divisor]
                let mutable total = coefficient a k

                for struct (i, j) in terms.Products k do
                    if i > 0 then
                        match coefficient b i, coefficient y j with
                        | Some bi, Some yj -> total <- addOption total (Some(neg (times y.Attr bi yj)))
                        | _ -> ()

                total |> Option.map (fun t -> Graph.bind y.Prim y.Attr (Array.updateAt numerator t y.Args))
            | Derivative.Rule _
            | Derivative.Series _ when k = 0 ->
                // Inside another rule's graph, with tangent variables below: the operation on their zeroth coefficients.
                Some(Graph.bind y.Prim y.Attr (zeroth y))
            | Derivative.Series(_, coefficients, _) ->
                // All terms at once; but inside another rule's graph only what divides this one may be there yet.
                let all = y.NewestVariable <= newest

                match expansions.TryGetValue y with
                | true, known -> known[k - 1]
                | _ ->
                    let kept = if all then terms else Monomials.Box terms[k]
                    let place p = if all then p else terms.Place kept[p]

                    let series =
                        y.Args
                        |> Array.map (fun x -> Array.init (kept.Count - 1) (fun p -> coefficient x (place (p + 1))))

                    let expansion = { Name = kept.Name; Count = kept.Count; Expand = expand kept }

                    let found = coefficients expansion y.Attr (zeroth y) series

                    if all then
                        expansions[y] <- found
                        found[k - 1]
                    else
                        Array.last found
            | Derivative.Rule rule ->
                let struct (i, lower, power) = terms.Lowered k

                let slope =
                    match slopes.TryGetValue(struct (y.Id, i)) with
                    | true, s -> s
                    | _ ->
                        let dargs =
                            y.Args
                            |> Array.map (fun x ->
                                if x.NewestVariable < oldest then
                                    None
                                else
                                    let dx = Graph.variableLike x
                                    derivativeOf[dx] <- struct (x, i)
                                    Some dx)

                        let s = rule y.Attr y.Args y dargs
                        slopes[struct (y.Id, i)] <- s
                        s

                slope
                |> Option.bind (fun s -> coefficient s lower)
                |> Option.map (fun c -> Elementwise.div c (Graph.full c.Shape (float power)))

        and zeroth y =
            y.Args |> Array.map (fun x -> coefficient x 0 |> Option.defaultWith (fun () -> Graph.zeros x.Shape))

        and cauchy y k =
            let bind i j =
                match coefficient y.Args[0] i, coefficient y.Args[1] j with
                | Some a, Some b -> Some(Graph.bind y.Prim y.Attr [| a; b |])
                | _ -> None

            let mutable total = None

            for struct (i, j) in terms.Products k do
                total <- addOption total (bind i j)

            total

        // Driven in order, so that the recursion stays shallow however deep the graph is.
        for node in Graph.order oldest outputs do
            for k in 1 .. terms.Count - 1 do
                coefficient node k |> ignore

        outputs |> Array.map (fun y -> Array.init terms.Count (coefficient y))

    /// Coefficients 0 … order of each output on a curve; `series` holds those of the variables (x₁, …, x_order).
    let apply (order: int) (variables: Node[]) (series: Node option[][]) (outputs: Node[]) : Node option[][] =
        expand (Monomials.Line order) variables series outputs
