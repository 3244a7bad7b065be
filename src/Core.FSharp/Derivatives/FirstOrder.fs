namespace Hesse

open Hesse.Tracing

/// Gradients, directional derivatives and their transposes; Hessian-vector products.
module internal FirstOrder =
    let valueAndGrad (f: 'X -> Tensor) (x: 'X) : Tensor * 'X =
        let t = trace f x
        let y = scalarOutput "grad" t
        let _, _, rebuild = Tree.flatten x
        let results = Executor.evaluate t.Variables t.Values (Array.append [| y |] (gradient t.Variables y))
        tensor results[0], rebuild (Array.map tensor results[1..])

    let grad (f: 'X -> Tensor) (x: 'X) : 'X =
        let t = trace f x
        let y = scalarOutput "grad" t
        let _, _, rebuild = Tree.flatten x
        Executor.evaluate t.Variables t.Values (gradient t.Variables y) |> Array.map tensor |> rebuild

    let jvp (f: 'X -> 'Y) (x: 'X) (dx: 'X) : 'Y * 'Y =
        let t = trace f x
        let directions = nodesOf dx
        matching "jvp" "direction" t.Variables directions
        let tangents = variablesLike t.Variables
        let dy = pushforward t.Variables tangents t.Outputs

        let results =
            Executor.evaluate
                (Array.append t.Variables tangents)
                (Array.append t.Values directions)
                (Array.append t.Outputs dy)

        let n = t.Outputs.Length
        t.Result results[.. n - 1], t.Result results[n..]

    let linearize (f: 'X -> 'Y) (x: 'X) : 'Y * ('X -> 'Y) =
        let t = trace f x
        let tangents = variablesLike t.Variables
        let map = linearMap t tangents (pushforward t.Variables tangents t.Outputs)
        let y = Executor.evaluate t.Variables t.Values t.Outputs

        t.Result y,
        fun dx ->
            let directions = nodesOf dx
            matching "linearize" "direction" t.Variables directions
            t.Result(map directions)

    let vjp (f: 'X -> 'Y) (x: 'X) : 'Y * ('Y -> 'X) =
        let t = trace f x
        let _, _, rebuild = Tree.flatten x
        let cotangents = variablesLike t.Outputs
        let map = linearMap t cotangents (pullback t.Variables t.Outputs cotangents)
        let y = Executor.evaluate t.Variables t.Values t.Outputs

        t.Result y,
        fun ct ->
            let given = nodesOf ct
            matching "vjp" "cotangent" t.Outputs given
            map given |> Array.map tensor |> rebuild

    let hvp (f: 'X -> Tensor) (x: 'X) (v: 'X) : 'X =
        let t = trace f x
        let y = scalarOutput "hvp" t
        let directions = nodesOf v
        matching "hvp" "vector" t.Variables directions
        let tangents = variablesLike t.Variables
        let product = pushforward t.Variables tangents (gradient t.Variables y)
        let _, _, rebuild = Tree.flatten x

        Executor.evaluate (Array.append t.Variables tangents) (Array.append t.Values directions) product
        |> Array.map tensor
        |> rebuild

    let linearTranspose (f: 'X -> 'Y) (x: 'X) : 'Y -> 'X =
        let t = trace f x
        let _, _, rebuild = Tree.flatten x

        match Linearity.violation t.Variables t.Outputs with
        | Some reason ->
            Shape.fail
                $"linearTranspose: the function is not linear in its argument: {reason}; use vjp for the transpose of its derivative"
        | None -> ()

        let cotangents = variablesLike t.Outputs

        let map =
            Transpose.apply t.Variables (Array.map Some t.Outputs) cotangents
            |> orZero t.Variables
            |> linearMap t cotangents

        fun ct ->
            let given = nodesOf ct
            matching "linearTranspose" "cotangent" t.Outputs given
            map given |> Array.map tensor |> rebuild
