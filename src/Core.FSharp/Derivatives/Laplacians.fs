namespace Hesse

open Hesse.Linear
open Hesse.Tracing

/// Sums of second derivatives.
module internal Laplacians =
    let laplacian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let tangents = variablesLike t.Variables
        let series = tangents |> Array.map (fun v -> [| Some v; None |])
        let coefficients = Jet.apply 2 t.Variables series t.Outputs
        let y = t.Outputs[0]

        match coefficients[0][2] with
        | None -> Tensor.zeros y.Shape
        | Some second ->
            let rows = overBasis t.Variables t.Values tangents [| scale 2.0 second |]
            tensor (sum [| 0 |] rows[0])
