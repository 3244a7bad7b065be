module Hesse.Theory.Tests.Curvature.FiniteDifferenceTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

[<Fact>]
let ``differences of gradients are near the exact Hessian, in both precisions`` () =
    for case in all do
        let risk' = risk case (LossReduction.Mean, 3)
        close 1e-7 (hessian case) (LinearOperator.toDense 1 (FiniteDifference.ofRisk risk' case.Point))

    let single =
        EmpiricalRisk.create
            regression.Model
            regression.Loss
            (Tensor.toFloat32 regression.Inputs)
            (Tensor.toFloat32 regression.Targets)

    let operator = FiniteDifference.ofRisk single (Tree.map Tensor.toFloat32 regression.Point)
    close 5e-3 (hessian regression) (LinearOperator.toDense 1 operator)

[<Fact>]
let ``the length of the step does not depend on the length of the vector`` () =
    let gradient (x: float[]) = x |> Array.map (fun t -> t ** 3.0)
    let operator = FiniteDifference.hessian DType.Float64 gradient [| 1.0; -2.0 |]
    close 1e-8 [| 3.0; 0.0 |] (operator.Apply [| 1.0; 0.0 |])
    close 1e-2 [| 3e6; 12e6 |] (operator.Apply [| 1e6; 1e6 |])
    Assert.Equal(3e-9, (operator.Apply [| 1e-9; 0.0 |])[0], 1e-17)
    Assert.Equal<float seq>([ 0.0; 0.0 ], operator.Apply [| 0.0; 0.0 |])

[<Fact>]
let ``a gradient that is plain code has a Hessian all the same`` () =
    let gradient (x: float[]) = x |> Array.map (fun t -> if t > 0.0 then 2.0 * t else 3.0 * t)
    let operator = FiniteDifference.hessian DType.Float64 gradient [| 1.0; -1.0 |]
    isMatrix 1e-8 [| 2.0; 0.0; 0.0; 3.0 |] operator
