namespace Hesse

open Hesse.Linear
open Hesse.Tracing

/// Derivatives of higher order along lines.
module internal TaylorMode =
    let jet (order: int) (f: 'X -> 'Y) (x: 'X) (direction: 'X) : 'Y[] =
        if order < 0 then
            Shape.fail $"jet: order is {order}; want at least 0"

        let t = trace f x
        let directions = nodesOf direction
        matching "jet" "direction" t.Variables directions
        let tangents = variablesLike t.Variables
        let series = tangents |> Array.map (fun v -> Array.init order (fun k -> if k = 0 then Some v else None))
        let coefficients = Jet.apply order t.Variables series t.Outputs
        let factorial = Array.scan (fun product k -> product * float k) 1.0 [| 1..order |]

        let outputs = [|
            for k in 0..order do
                for i in 0 .. t.Outputs.Length - 1 do
                    match coefficients[i][k] with
                    | Some c -> scale factorial[k] c
                    | None -> Graph.zeros t.Outputs[i].Shape
        |]

        let results =
            Executor.evaluate (Array.append t.Variables tangents) (Array.append t.Values directions) outputs

        results |> Array.chunkBySize (max 1 t.Outputs.Length) |> Array.map t.Result

    let derivative (n: int) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if x.Rank <> 0 then
            Shape.fail
                $"derivative: expected a scalar argument, got shape {Shape.show x.Shape}; use jet with a direction, or vmap"

        (jet n f x (Tensor.scalar 1.0))[n]
