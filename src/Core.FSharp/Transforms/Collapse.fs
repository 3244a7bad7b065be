namespace Hesse

open System.Collections.Generic
open Hesse.Linear
open Hesse.Movement

/// The forward Laplacian: for directions d₁ … d_m with weights w, the first derivatives of every output along each direction, and the
/// sum Σ wₖ D²y[dₖ, dₖ], graph to graph (Li et al. 2024, "A computational framework for neural network-based variational Monte Carlo with
/// Forward Laplacian"). The sum over directions is taken at every operation and one sum is carried on, not m second derivatives
/// (collapsed Taylor mode: Dangel, Siebert, Zeinhofer and Walther 2025): the work is that of m first derivatives and two values.
module internal Collapse =
    /// What is carried along with a node.
    type private Carried = {
        /// First derivatives, one for each direction: [m; shape].
        First: Dictionary<Node, Node>
        /// The weighted sum of second derivatives: [shape].
        Second: Dictionary<Node, Node>
    }

    let private find (table: Dictionary<Node, Node>) (node: Node) =
        match table.TryGetValue node with
        | true, there -> Some there
        | _ -> None

    let private plus a b =
        match a, b with
        | Some a, Some b -> Some(add a b)
        | None, other
        | other, None -> other

    /// What `build` makes of one direction's values, for all directions: `batched` hold these values with a leading axis.
    let private forEach (size: int) (batched: Node option[]) (build: Node option[] -> Node option) : Node option =
        let stand = batched |> Array.map (Option.map (fun b -> Graph.variableOf b.DType b.Shape[1..]))

        build stand
        |> Option.map (fun y ->
            let outputs = Batch.apply size (Array.choose id stand) (Array.choose id batched) [| y |]
            outputs[0])

    /// Σ wₖ yₖ over the leading axis.
    let private collapse (weights: Node) (y: Node) =
        match weights.Uniform with
        | ValueSome w -> scale w (sum [| 0 |] y)
        | ValueNone ->
            let rest = [| 1 .. y.Shape.Length - 1 |]
            Contraction.contract [| 0 |] (Array.append [| 0 |] rest) rest weights y

    /// Each row times its weight.
    let private weighted (weights: Node) (y: Node) =
        match weights.Uniform with
        | ValueSome w -> scale w y
        | ValueNone -> mul (broadcast y.Shape [| 0 |] weights) y

    /// Σ wₖ of the product of two arguments' first derivatives, the other arguments as they are.
    let private crossTerm size weights (y: Node) i j (a: Node) (b: Node) : Node =
        match y.Attr with
        | Labels(la, lb, lo) when obj.ReferenceEquals(y.Prim, Contraction.contractP) ->
            // The direction is one more label to sum over: one longer matrix product instead of m.
            let direction = 1 + Seq.max (Seq.append [ 0 ] (Seq.append la lb))
            let extend labels = Array.append [| direction |] labels
            Contraction.contract (extend la) (extend lb) lo (weighted weights a) b
        | _ ->
            forEach size [| Some a; Some b |] (fun stand ->
                let args = y.Args |> Array.updateAt i stand[0].Value |> Array.updateAt j stand[1].Value
                Some(Graph.bind y.Prim y.Attr args))
            |> Option.get
            |> collapse weights

    /// Σ wₖ of the second-order part of a rule: its derivative along (x′ₖ, y′ₖ) at fixed tangents x′ₖ.
    let private curvature size weights rule (y: Node) (first: Node option[]) (firstY: Node) : Node option =
        let result = Graph.variableLike y

        let moving =
            y.Args |> Array.map2 (fun d (x: Node) -> d |> Option.map (fun _ -> Graph.variableLike x)) first

        let args = Array.map2 (fun m x -> Option.defaultValue x m) moving y.Args

        let along (stand: Node option[]) =
            let tangents = stand[.. y.Args.Length - 1]

            rule y.Attr args result tangents
            |> Option.bind (fun slope ->
                let variables = Array.append (Array.choose id moving) [| result |]
                let moves = Array.append (Array.choose id tangents) [| stand[y.Args.Length].Value |]
                let change = Jvp.apply variables moves [| slope |]

                let values =
                    Array.append
                        (Array.map2 (fun m x -> m |> Option.map (fun _ -> x)) moving y.Args |> Array.choose id)
                        [| y |]

                change[0]
                |> Option.map (fun c ->
                    let there = Substitute.apply variables values [| c |]
                    there[0]))

        forEach size (Array.append first [| Some firstY |]) along |> Option.map (collapse weights)

    let private second size weights (c: Carried) (y: Node) (first: Node option[]) : Node option =
        let seconds = y.Args |> Array.map (find c.Second)
        let pushed () = Jvp.node y seconds

        match y.Prim.Derivative with
        | Derivative.Zero -> None
        | Derivative.Linear _ -> pushed ()
        | Derivative.Multilinear ->
            let mutable total = pushed ()

            for j in 1 .. y.Args.Length - 1 do
                for i in 0 .. j - 1 do
                    match first[i], first[j] with
                    | Some a, Some b -> total <- plus total (Some(scale 2.0 (crossTerm size weights y i j a b)))
                    | _ -> ()

            total
        | Derivative.Quotient(numerator, divisor, times) ->
            // b y = a, hence b y″ = a″ − b″ y − 2 Σ b′ y′.
            let cross =
                match first[divisor], find c.First y with
                | Some db, Some dy ->
                    forEach size [| Some db; Some dy |] (fun stand -> Some(times y.Attr stand[0].Value stand[1].Value))
                    |> Option.map (fun product ->
                        let right = scale -2.0 (collapse weights product)
                        Graph.bind y.Prim y.Attr (Array.updateAt numerator right y.Args))
                | _ -> None

            plus (pushed ()) cross
        | Derivative.Rule rule
        | Derivative.Series(rule, _, _) ->
            match find c.First y with
            | Some firstY -> plus (pushed ()) (curvature size weights rule y first firstY)
            | None -> pushed ()

    /// For every output its first derivatives along `size` directions, [size; shape], and Σ wₖ D²y[dₖ, dₖ]; None where they are zero.
    /// The directions have shape [size; shape of their variable], the weights [size].
    let apply (size: int) (weights: Node) (variables: Node[]) (directions: Node[]) (outputs: Node[]) =
        let c = {
            First = Dictionary<Node, Node>(HashIdentity.Reference)
            Second = Dictionary<Node, Node>(HashIdentity.Reference)
        }

        Array.iter2 (fun v d -> c.First[v] <- d) variables directions

        for y in Graph.order (Substitute.oldest variables) outputs do
            let first = y.Args |> Array.map (find c.First)

            if Array.exists Option.isSome first then
                forEach size first (Jvp.node y) |> Option.iter (fun d -> c.First[y] <- d)
                second size weights c y first |> Option.iter (fun d -> c.Second[y] <- d)

        outputs |> Array.map (fun y -> struct (find c.First y, find c.Second y))
