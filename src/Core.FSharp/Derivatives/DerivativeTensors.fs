namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// The full tensor of k-th derivatives, and the ways to compute it.
module internal DerivativeTensors =
    let private count (nodes: Node[]) = nodes |> Array.sumBy (fun n -> Shape.length "derivativeTensor" n.Shape)

    /// [P; …; P (k times); rest] with rest of the size of y and perhaps one more P, as [shape of y; shape of x k times].
    let private asTensor (order: int) (x: 'X) (t: Trace<Tensor>) (innermostIsLast: bool) (found: Node) : Tensor =
        let p = count t.Variables
        let y = t.Outputs[0]
        let forward = if innermostIsLast then order - 1 else order
        let tail = if innermostIsLast then [| p |] else [||]
        let wide = reshape (Array.concat [ Array.replicate forward p; [| count [| y |] |]; tail ]) found

        let result =
            Array.concat [
                [| forward |]
                [| 0 .. forward - 1 |]
                (if innermostIsLast then [| forward + 1 |] else [||])
            ]

        let shape = Directions.inputShape x t.Variables

        tensor (
            reshape (Array.concat (Array.append [| y.Shape |] (Array.replicate order shape))) (transpose result wide)
        )

    /// Forward derivatives along all basis directions, so many times; the variables of the bases and the outputs.
    let private forward (times: int) (t: Trace<Tensor>) (outputs: Node[]) : Node[] * Node[] =
        let p = count t.Variables

        Seq.fold
            (fun (seeds, outputs) _ ->
                let tangents = variablesLike t.Variables
                let more, batched = Directions.batch p tangents (pushforward t.Variables tangents outputs)
                Array.append seeds more, batched)
            ([||], outputs)
            [ 1..times ]

    let private route name (t: Trace<Tensor>) (build: unit -> Node[] * Node[] * Node[]) (finish: Node -> Tensor) =
        let graph = lazy (build ())

        Routes.make
            name
            (fun () ->
                let _, _, outputs = graph.Value
                Cost.ofGraph outputs)
            (fun () ->
                let variables, values, outputs = graph.Value

                let found =
                    Executor.evaluate (Array.append t.Variables variables) (Array.append t.Values values) outputs

                finish found[0])

    let private bases (t: Trace<Tensor>) times =
        let basis = lazy (Directions.basis t.Variables 0 (count t.Variables))
        Array.init times (fun _ -> basis.Value) |> Array.concat

    let private nestedForward order (x: 'X) (t: Trace<Tensor>) =
        route
            "nested forward"
            t
            (fun () ->
                let seeds, outputs = forward order t t.Outputs
                seeds, bases t order, outputs)
            (asTensor order x t false)

    let private reverseInnermost order (x: 'X) (t: Trace<Tensor>) =
        let build () =
            let cotangents = variablesLike t.Outputs
            let m = count t.Outputs
            let covectors, rows = Directions.batch m cotangents (pullback t.Variables t.Outputs cotangents)
            let seeds, outputs = forward (order - 1) t [| Directions.flattenRows m rows |]
            let unit = Directions.basis t.Outputs 0 m
            Array.append covectors seeds, Array.append unit (bases t (order - 1)), outputs

        route "forward over reverse" t build (asTensor order x t true)

    /// All i₁ ≤ … ≤ i_k below p.
    let private sorted (p: int) (order: int) : int[][] =
        let rec extend first left =
            if left = 0 then
                [ [] ]
            else
                [
                    for i in first .. p - 1 do
                        for rest in extend i (left - 1) -> i :: rest
                ]

        extend 0 order |> List.map Array.ofList |> Array.ofList

    /// One mixed derivative for each set of axes; the rest of the tensor by symmetry.
    let private symmetric order (x: 'X) (t: Trace<Tensor>) =
        let p = count t.Variables
        let sets = lazy (sorted p order)
        let directions = Array.init order (fun _ -> variablesLike t.Variables)
        let linear = Array.concat directions
        let mixed = lazy (Directional.mixedAlong t directions (Array.replicate order 1))

        let rows from number =
            Array.init order (fun axis ->
                Array.init number (fun k -> if from + k < sets.Value.Length then sets.Value[from + k][axis] else -1)
                |> Directions.units t.Variables)
            |> Array.concat

        // C(p + k − 1, k), without making the sets.
        let number = Seq.fold (fun c i -> c * float (p + i) / float (i + 1)) 1.0 [ 0 .. order - 1 ]

        Routes.make
            "one jet for each set of axes"
            (fun () ->
                if number > 1e8 then
                    Shape.fail $"derivativeTensor: {number} sets of axes; use a lower order or fewer elements"

                Directions.cost None linear mixed.Value (int number))
            (fun () ->
                let found = Directions.over None t.Variables t.Values linear mixed.Value sets.Value.Length rows
                let place = System.Collections.Generic.Dictionary<int[], int>(HashIdentity.Structural)
                sets.Value |> Array.iteri (fun k set -> place[set] <- k)
                let total = Shape.length "derivativeTensor" (Array.replicate order p)

                let index =
                    Array.init total (fun flat ->
                        let axes = Array.zeroCreate order
                        let mutable rest = flat

                        for a in order - 1 .. -1 .. 0 do
                            axes[a] <- rest % p
                            rest <- rest / p

                        float place[Array.sort axes])

                asTensor order x t false (gather 0 found[0] (Graph.constant [| total |] index)))

    let routes (order: int) (f: 'X -> Tensor) (x: 'X) : Route<Tensor>[] =
        if order < 0 then
            Shape.fail $"derivativeTensor: order is {order}; want at least 0"

        let t = trace f x

        match order with
        | 0 -> [| route "value" t (fun () -> [||], [||], t.Outputs) tensor |]
        | _ when count t.Variables = 0 || count t.Outputs = 0 -> [| nestedForward order x t |]
        | 1 -> [| nestedForward 1 x t; reverseInnermost 1 x t |]
        | _ -> [| nestedForward order x t; reverseInnermost order x t; symmetric order x t |]

    let derivativeTensor (order: int) (f: 'X -> Tensor) (x: 'X) : Tensor = routes order f x |> Routes.take
