module Hesse.Theory.Tests.Curvature.SplitOperatorsTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

[<Fact>]
let ``H = G + R holds and is asserted, for every loss, reduction and chunk`` () =
    everywhere (fun case risk scale ->
        let split = SplitOperators.ofRisk 1e-12 (Random.key 1) risk case.Point
        Assert.InRange(SplitOperators.defect (Random.key 2) split, 0.0, 1e-13)
        isMatrix 1e-12 (times scale (hessian case)) (split.GaussNewton + split.Functional))

[<Fact>]
let ``a model that is another one at every call breaks the identity and is refused`` () =
    let mutable calls = 0

    let model (p: Tensor) (x: Tensor) =
        calls <- calls + 1
        Tensor.tanh (p * x) * float calls

    let risk =
        EmpiricalRisk.create model Losses.meanSquaredError (Tensor.ones [ 2; 1 ]) (Tensor.ones [ 2; 1 ])

    fails [ "H − G − R is"; "OperatorChecks.deterministicLoss" ] (fun () ->
        SplitOperators.ofRisk 1e-9 (Random.key 1) risk (Tensor.ones [ 1 ]) |> ignore)
