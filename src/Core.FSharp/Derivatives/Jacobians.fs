namespace Hesse

open Hesse.Linear
open Hesse.Movement
open Hesse.Tracing

/// Matrices of derivatives, from batches of directions.
module internal Jacobians =
    let private forwardJacobian (x: 'X) (t: Trace<Tensor>) =
        let y = t.Outputs[0]
        let tangents = variablesLike t.Variables
        let columns = Basis.rows t.Variables t.Values tangents (pushforward t.Variables tangents t.Outputs)
        let matrix = transpose (Array.append [| 1 .. y.Shape.Length |] [| 0 |]) columns[0]
        tensor (reshape (Array.append y.Shape (inputShape x t.Variables)) matrix)

    let private reverseJacobian (x: 'X) (t: Trace<Tensor>) =
        let y = t.Outputs[0]
        let cotangents = variablesLike t.Outputs
        let rows = Basis.rows t.Variables t.Values cotangents (pullback t.Variables t.Outputs cotangents)
        let matrix = flattenRows (Shape.length "jacobian" y.Shape) rows
        tensor (reshape (Array.append y.Shape (inputShape x t.Variables)) matrix)

    let jacfwd (f: 'X -> Tensor) (x: 'X) : Tensor = forwardJacobian x (trace f x)

    let jacrev (f: 'X -> Tensor) (x: 'X) : Tensor = reverseJacobian x (trace f x)

    let jacobian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let inputs = t.Variables |> Array.sumBy (fun v -> Shape.size v.Shape)

        if inputs <= Shape.size t.Outputs[0].Shape then
            forwardJacobian x t
        else
            reverseJacobian x t

    let hessian (f: 'X -> Tensor) (x: 'X) : Tensor =
        let t = trace f x
        let y = scalarOutput "hessian" t
        let tangents = variablesLike t.Variables

        let products = pushforward t.Variables tangents (gradient t.Variables y)
        let shape = inputShape x t.Variables
        tensor (reshape (Array.append shape shape) (Basis.symmetric t.Variables t.Values tangents products))
