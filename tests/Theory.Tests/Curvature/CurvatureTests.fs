module Hesse.Theory.Tests.Curvature.CurvatureTests

open System.Threading.Tasks
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

[<Fact>]
let ``Hessians are the dense ones, for every loss, reduction and chunk`` () =
    everywhere (fun case risk scale ->
        let operator = Curvature.hessian risk case.Point
        Assert.True operator.Symmetric
        isMatrix 1e-12 (times scale (hessian case)) operator)

[<Fact>]
let ``Gauss–Newton is JᵀBJ with the exact Hessian B of the loss, for every loss, reduction and chunk`` () =
    everywhere (fun case risk scale ->
        let operator = Curvature.gaussNewton risk case.Point
        Assert.True operator.Symmetric
        isMatrix 1e-12 (times scale (gaussNewton case)) operator)

[<Fact>]
let ``the functional Hessian is what is left, computed by itself`` () =
    everywhere (fun case risk scale ->
        isMatrix
            1e-12
            (times scale (Array.map2 (-) (hessian case) (gaussNewton case)))
            (Curvature.functional risk case.Point))

[<Fact>]
let ``the Jacobian and its transpose, rectangular, in chunks`` () =
    everywhere (fun case risk _ ->
        let operator = Curvature.jacobian risk case.Point
        Assert.Equal((7 * width case, size case), (operator.Rows, operator.Columns))
        isMatrix 1e-12 (jacobian case) operator
        OperatorChecks.transpose 1e-12 (Random.key 1) operator)

[<Fact>]
let ``the tangent kernel is J Jᵀ`` () =
    let nk, m = 7 * width regression, size regression
    let j = Curvature.jacobian (risk regression (LossReduction.Mean, 3)) regression.Point
    let dense = jacobian regression
    isMatrix 1e-12 (product nk m nk dense (transposed nk m dense)) (j * j.Transpose)

[<Fact>]
let ``trees of records and float32 parameters work as well`` () =
    let layers = Mlp.init (Random.key 1) 1.0 [ 3; 4; 2 ]
    let x, y = Random.normal (Random.key 2) [ 5; 3 ], Random.normal (Random.key 3) [ 5; 2 ]

    let make (c: Tensor -> Tensor) =
        let risk =
            EmpiricalRisk.createWith
                { RiskOptions.Default with Chunk = 2 }
                (Mlp.apply Tensor.tanh)
                Losses.meanSquaredError
                (c x)
                (c y)

        [
            Curvature.hessian
            Curvature.gaussNewton
            Curvature.functional
            Curvature.jacobian
            Fisher.empirical
            Fisher.exact Likelihood.Gaussian
            Fisher.monteCarlo (Random.key 4) 2 Likelihood.Gaussian
            GradientCovariance.centred
        ]
        |> List.map (fun operator -> operator risk (Tree.map c layers))

    for wide, single in List.zip (make id) (make Tensor.toFloat32) do
        let dense = LinearOperator.toDense 8 wide
        close 1e-5 dense (LinearOperator.toDense 8 single)
        OperatorChecks.all 1e-4 (Random.key 5) single

    let loss p = Losses.meanSquaredError (Mlp.apply Tensor.tanh p x) y

    close
        1e-12
        (LinearOperator.toDense 8 (LinearOperator.hessian loss layers))
        (LinearOperator.toDense 8 (make id).Head)

[<Fact>]
let ``products of one operator may run at the same time`` () =
    let risk = risk classification (LossReduction.Mean, 2)
    let operator = Curvature.hessian risk classification.Point
    let v = normal 6 [ operator.Size ]
    let expected = operator.Apply v
    let results = Array.zeroCreate 24

    Parallel.For(0, 24, (fun i -> results[i] <- if i % 3 = 0 then operator.ApplyRows v 1 else operator.Apply v))
    |> ignore

    for result in results do
        close 1e-13 expected result

[<Fact>]
let ``a model that does not keep rows apart is refused by the Jacobian`` () =
    let risk =
        EmpiricalRisk.create
            (fun (p: Tensor) (x: Tensor) -> Tensor.sum (p * x))
            (fun f _ -> f)
            (Tensor.ones [ 3; 1 ])
            (Tensor.ones [ 3; 1 ])

    fails [ "maps one row of inputs to predictions of shape []" ] (fun () ->
        Curvature.jacobian risk (Tensor.ones [ 1 ]) |> ignore)
