namespace Hesse

open Hesse.Linear
open Hesse.Tracing

/// Derivatives of higher order, by truncated power series.
module internal TaylorMode =
    /// One result for each kept term: its coefficient times `weight term`.
    let private results (t: Trace<'Y>) (terms: Monomials) (weight: int -> float) (coefficients: Node option[][]) = [|
        for p in 0 .. terms.Count - 1 do
            for i in 0 .. t.Outputs.Length - 1 do
                match coefficients[i][p] with
                | Some c -> scale (weight p) c
                | None -> Graph.zerosLike t.Outputs[i]
    |]

    let private run (t: Trace<'Y>) (variables: Node[]) (values: Node[]) (outputs: Node[]) : 'Y[] =
        let parts =
            Executor.evaluate (Array.append t.Variables variables) (Array.append t.Values values) outputs
            |> Array.chunkBySize (max 1 t.Outputs.Length)

        parts |> Array.map t.Result

    /// Coefficients of the variables along directions: variable v has directions[i][v] at term tᵢ and nothing at higher ones.
    let straight (terms: Monomials) (directions: Node[][]) (variables: Node[]) : Node option[][] =
        variables
        |> Array.mapi (fun v _ ->
            Array.init (terms.Count - 1) (fun p ->
                if Array.sum terms[p + 1] = 1 then
                    let direction = directions[Array.findIndex ((=) 1) terms[p + 1]]
                    Some(Array.item v direction)
                else
                    None))

    let jet (order: int) (f: 'X -> 'Y) (x: 'X) (direction: 'X) : 'Y[] =
        if order < 0 then
            Shape.fail $"jet: order is {order}; want at least 0"

        let t = trace f x
        let directions = nodesOf direction
        matching "jet" "direction" t.Variables directions
        let tangents = variablesLike t.Variables
        let terms = Monomials.Line order
        let coefficients = Jet.expand terms t.Variables (straight terms [| tangents |] t.Variables) t.Outputs
        run t tangents directions (results t terms terms.Factorial coefficients)

    let jetSeries (f: 'X -> 'Y) (series: 'X[]) : 'Y[] =
        if series.Length = 0 then
            Shape.fail "jetSeries: got no coefficients; give at least x₀"

        let t = trace f series[0]
        let higher = series[1..] |> Array.map nodesOf

        for nodes in higher do
            matching "jetSeries" "coefficient" t.Variables nodes

        let variables = higher |> Array.map variablesLike
        let terms = Monomials.Line higher.Length
        let inputs = t.Variables |> Array.mapi (fun v _ -> variables |> Array.map (fun x -> Some x[v]))
        let coefficients = Jet.expand terms t.Variables inputs t.Outputs
        run t (Array.concat variables) (Array.concat higher) (results t terms (fun _ -> 1.0) coefficients)

    let mixedJet (order: int) (f: 'X -> 'Y) (x: 'X) (directions: 'X list) : Map<int list, 'Y> =
        if order < 0 then
            Shape.fail $"mixedJet: order is {order}; want at least 0"

        let t = trace f x
        let given = directions |> List.map nodesOf |> Array.ofList

        for nodes in given do
            matching "mixedJet" "direction" t.Variables nodes

        let variables = given |> Array.map variablesLike
        let terms = Monomials.Degree(given.Length, order)
        let coefficients = Jet.expand terms t.Variables (straight terms variables t.Variables) t.Outputs

        run t (Array.concat variables) (Array.concat given) (results t terms terms.Factorial coefficients)
        |> Array.mapi (fun p y -> List.ofArray terms[p], y)
        |> Map.ofArray

    let derivative (n: int) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if x.Rank <> 0 then
            Shape.fail
                $"derivative: expected a scalar argument, got shape {Shape.show x.Shape}; use jet with a direction, or vmap"

        (jet n f x (Tensor.scalar 1.0))[n]
