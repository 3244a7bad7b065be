namespace Hesse

open System
open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// Sums of second derivatives: the forward Laplacian, blocks of directions at a time, and the ways that it competes with.
module internal Laplacians =
    /// A block of directions takes the value and one second derivative along: with fewer directions these would weigh too much.
    [<Literal>]
    let private smallestBlock = 8

    /// First derivatives along all directions if asked for, [count; shape], and the weighted sums of second derivatives.
    type private Sums = { First: Node[]; Second: Node[] }

    /// The graph for `block` directions: its variables (directions, then weights) and outputs.
    let private graph (t: Trace<'Y>) (weights: Node option) (wantFirst: bool) (block: int) =
        let seeds =
            t.Variables |> Array.map (fun v -> Graph.variableOf v.DType (Array.append [| block |] v.Shape))

        let weightVariable =
            match weights with
            | Some w -> Graph.variableOf w.DType [| block |]
            | None -> Graph.full [| block |] 1.0

        let carried = Collapse.apply block weightVariable t.Variables seeds t.Outputs

        let second =
            Array.map2
                (fun (y: Node) struct (_, s) -> s |> Option.defaultWith (fun () -> Graph.zerosLike y))
                t.Outputs
                carried

        let first =
            if wantFirst then
                Array.map2
                    (fun (y: Node) struct (f, _) ->
                        f |> Option.defaultWith (fun () -> Graph.fullOf y.DType (Array.append [| block |] y.Shape) 0.0))
                    t.Outputs
                    carried
            else
                [||]

        let variables = Array.append seeds (if weights.IsSome then [| weightVariable |] else [||])
        variables, Array.append second first

    let private blockOf chunk (t: Trace<'Y>) (count: int) =
        match chunk with
        | Some chunk -> max 1 (min count chunk)
        | None ->
            let tangents = variablesLike t.Variables
            let jvp = pushforward t.Variables tangents t.Outputs
            max (min count smallestBlock) (Directions.blockSize None tangents jvp count)

    /// Sums over `count` directions; the rows of `weights`, if there are any, are padded like those of the directions.
    let private sums chunk (t: Trace<'Y>) (weights: Node option) wantFirst (count: int) rows : Sums =
        let withWeights from number =
            match weights with
            | Some w when w.IsConcrete && number <> count ->
                Array.append (rows from number) (Directions.ofRows [| w |] from number)
            | Some w -> Array.append (rows from number) [| w |]
            | None -> rows from number

        let outputs = t.Outputs.Length

        let directionsAreConcrete = count = 0 || (withWeights 0 count |> Array.forall (fun n -> n.IsConcrete))

        if count = 0 then
            {
                First =
                    if wantFirst then
                        t.Outputs |> Array.map (fun y -> Graph.fullOf y.DType (Array.append [| 0 |] y.Shape) 0.0)
                    else
                        [||]
                Second = t.Outputs |> Array.map Graph.zerosLike
            }
        elif directionsAreConcrete && Directions.runs t.Variables t.Values t.Outputs then
            let block = blockOf chunk t count
            let variables, results = graph t weights wantFirst block
            let program = Program(Array.append t.Variables variables, results)
            let blocks = Array.zeroCreate ((count + block - 1) / block)
            Directions.forBlocks program t.Values withWeights count block (fun index _ parts -> blocks[index] <- parts)

            {
                // Added in the order of the blocks, so that the result does not depend on how threads ran.
                Second = Array.init outputs (fun o -> blocks |> Array.map (Array.item o) |> Array.reduce add)
                First =
                    Array.init (results.Length - outputs) (fun o ->
                        let all = blocks |> Array.map (fun parts -> parts[outputs + o]) |> concat 0
                        let rank = all.Shape.Length
                        slice (Array.zeroCreate rank) (Array.updateAt 0 count all.Shape) (Array.create rank 1) all)
            }
        else
            let variables, results = graph t weights wantFirst count

            let parts =
                Executor.evaluate
                    (Array.append t.Variables variables)
                    (Array.append t.Values (withWeights 0 count))
                    results

            { Second = parts[.. outputs - 1]; First = parts[outputs..] }

    let private size (t: Trace<'Y>) = t.Variables |> Array.sumBy (fun v -> Shape.length "laplacian" v.Shape)
    let private basisOf (t: Trace<'Y>) = Directions.basis t.Variables

    let laplacian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let found = sums None t None false (size t) (basisOf t)
        tensor found.Second[0]

    let valueGradLaplacian (f: 'X -> Tensor) (x: 'X) : Tensor * Tensor * Tensor =
        let t = trace f x
        let found = sums None t None true (size t) (basisOf t)
        let value = Executor.evaluate t.Variables t.Values t.Outputs
        tensor value[0], tensor (Directions.asColumns x t.Variables found.First[0]), tensor found.Second[0]

    let laplacianTerms (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let tangents = variablesLike t.Variables
        let terms = Monomials.Line 2

        let second =
            Jet.expand terms t.Variables (TaylorMode.straight terms [| tangents |] t.Variables) t.Outputs
            |> Array.map (fun coefficients -> coefficients[2] |> Option.map (scale 2.0))
            |> orZero t.Outputs

        let rows = Directions.overBasis None t.Variables t.Values tangents second
        tensor (Directions.asColumns x t.Variables rows[0])

    /// The weights in the precision of the argument.
    let weightsFor (name: string) (t: Trace<'Y>) (weights: Tensor) =
        Graph.checkTypes name (Array.append [| weights.Node |] t.Variables)

        match t.Variables with
        | [||] -> weights.Node
        | variables -> Graph.adapt variables[0].DType weights.Node

    let laplacianAlong (weights: Tensor) (directions: 'X) (f: 'X -> 'Y) (x: 'X) : 'Y =
        let t = trace f x
        let rows = nodesOf directions

        let count =
            match weights.Shape with
            | [| count |] -> count
            | other ->
                Shape.fail $"laplacianAlong: weights of shape {Shape.show other}; want [m], one for each direction"

        let wanted =
            t.Variables |> Array.map (fun v -> Graph.variableOf v.DType (Array.append [| count |] v.Shape))

        matching "laplacianAlong" "tree of directions" wanted rows

        let weights = weightsFor "laplacianAlong" t weights
        let part from number = if number = count && from = 0 then rows else Directions.ofRows rows from number

        t.Result((sums None t (Some weights) false count part).Second)

    /// Eigenvectors of the symmetric part of a weight matrix, with the eigenvalues that are not zero to rounding.
    let private factor (a: Tensor) : Tensor * Tensor =
        let values, vectors = Linalg.eigh a
        let scale = values.toArray () |> Array.fold (fun m v -> max m (abs v)) 0.0
        let rounding = if a.DType = DType.Float32 then 1.2e-7 else 2.2e-16
        let cut = float values.Size * rounding * scale

        let kept =
            values.toArray () |> Array.indexed |> Array.filter (fun (_, v) -> abs v > cut) |> Array.map fst

        let rows = Tensor.transpose vectors
        let pick (t: Tensor) = Tensor(gather 0 t.Node (Graph.constant [| kept.Length |] (kept |> Array.map float)))
        pick values, pick rows

    let laplacianWith (weights: Tensor) (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let p = size t

        if not weights.IsConcrete then
            Shape.fail
                "laplacianWith: the weights have no value yet, so they cannot be factored; use laplacianAlong with directions and their weights"

        let shapes = t.Variables |> Array.map (fun v -> v.Shape)

        /// Rows [count; P] cut to the shapes of x.
        let split (rows: Tensor) =
            let starts = shapes |> Array.scan (fun at s -> at + Shape.length "laplacianWith" s) 0
            let count = rows.Shape[0]

            shapes
            |> Array.mapi (fun i s ->
                slice [| 0; starts[i] |] [| count; starts[i + 1] |] [| 1; 1 |] rows.Node
                |> reshape (Array.append [| count |] s))

        let weights = Tensor(weightsFor "laplacianWith" t weights)

        match weights.Shape with
        | [| n |] when n = p ->
            let found = sums None t (Some weights.Node) false p (basisOf t)
            tensor found.Second[0]
        | [| n; m |] when n = p && m = p ->
            let values, vectors = factor weights
            let rows = split vectors
            let found = sums None t (Some values.Node) false values.Size (Directions.ofRows rows)
            tensor found.Second[0]
        | other ->
            Shape.fail
                $"laplacianWith: weights of shape {Shape.show other} for an argument of {p} elements; want [{p}] (a diagonal) or [{p}; {p}]"

    // ----- routes -----

    /// The sum of unsummed second derivatives, as it would be without collapsing.
    let private jets (f: 'X -> Tensor) (x: 'X) (t: Trace<Tensor>) : Route<Tensor> =
        let tangents = variablesLike t.Variables
        let terms = Monomials.Line 2

        let second =
            lazy
                (Jet.expand terms t.Variables (TaylorMode.straight terms [| tangents |] t.Variables) t.Outputs
                 |> Array.map (fun coefficients -> coefficients[2])
                 |> orZero t.Outputs)

        Routes.make "second-order jets" (fun () -> Directions.cost None tangents second.Value (size t)) (fun () ->
            let all = laplacianTerms f x
            let rank = t.Outputs[0].Shape.Length
            tensor (sum [| rank .. all.Rank - 1 |] all.Node))

    let private products (f: 'X -> Tensor) (x: 'X) (t: Trace<Tensor>) : Route<Tensor> =
        let tangents = variablesLike t.Variables
        let outputs = lazy (pushforward t.Variables tangents (gradient t.Variables t.Outputs[0]))

        Routes.make
            "Hessian-vector products"
            (fun () -> Directions.cost None tangents outputs.Value (size t))
            (fun () ->
                let p = size t
                Tensor.trace (Tensor.reshape [ p; p ] (Jacobians.hessianWith None f x)))

    let routes (f: 'X -> Tensor) (x: 'X) : Route<Tensor>[] =
        let t = trace f x

        let cost () =
            let count = size t
            let block = blockOf None t (max 1 count)
            let _, results = graph t None false block
            Cost.repeat ((count + block - 1) / block) (Cost.ofGraph results)

        [|
            Routes.make "forward Laplacian" cost (fun () -> laplacian f x)
            jets f x t

            if t.Outputs[0].Shape.Length = 0 then
                products f x t
        |]
