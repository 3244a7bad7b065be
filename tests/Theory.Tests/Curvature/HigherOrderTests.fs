module Hesse.Theory.Tests.Curvature.HigherOrderTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

/// A case with few parameters, so that its tensors of fourth derivatives stay small: 10⁴ entries.
let private small = shared

let private tensorOf (order: int) =
    let theta, unravel = Tree.ravel small.Point
    let loss v = small.Loss (small.Model (unravel v) small.Inputs) small.Targets
    Diff.derivativeTensor order loss theta

let private third, private fourth = lazy (tensorOf 3), lazy (tensorOf 4)
let private u, private v = normal 1 [ size small ], normal 2 [ size small ]
let private einsum spec (operands: Tensor list) = (Tensor.einsum spec operands).toArray()
let private U, private V = Tensor.ofArray u, Tensor.ofArray v
let private settings = [ LossReduction.Mean, 3; LossReduction.Mean, 50; LossReduction.Sum, 2 ]

[<Fact>]
let ``third derivatives are those of the dense tensor, with no, one and two free slots`` () =
    for reduction, chunk in settings do
        let risk, scale = risk small (reduction, chunk), times (scaleOf reduction)
        let value = HigherOrder.value risk small.Point
        close 1e-11 (scale (einsum "ijk,i,j,k->" [ third.Value; U; V; V ])) [| value [ u; v; v ] |]
        close 1e-11 (scale (einsum "ijk,i,j->k" [ third.Value; U; V ])) (HigherOrder.gradient risk small.Point [ u; v ])
        isMatrix 1e-11 (scale (einsum "ijk,i->jk" [ third.Value; U ])) (HigherOrder.hessian risk small.Point [ u ])

[<Fact>]
let ``fourth derivatives are those of the dense tensor, with no, one and two free slots`` () =
    let reduction, chunk = LossReduction.Mean, 3
    let risk = risk small (reduction, chunk)

    close 1e-11 (einsum "ijkl,i,j,k,l->" [ fourth.Value; U; U; V; V ]) [|
        HigherOrder.value risk small.Point [ u; u; v; v ]
    |]

    close 1e-11 (einsum "ijkl,i,j,k->l" [ fourth.Value; U; U; V ]) (HigherOrder.gradient risk small.Point [ u; u; v ])
    isMatrix 1e-11 (einsum "ijkl,i,j->kl" [ fourth.Value; U; V ]) (HigherOrder.hessian risk small.Point [ u; v ])

[<Fact>]
let ``without directions they are the loss, its gradient and its Hessian`` () =
    for case in all do
        let risk = risk case (LossReduction.Mean, 3)
        Assert.Equal(EmpiricalRisk.value risk case.Point, HigherOrder.value risk case.Point [], 1e-14)
        close 1e-13 (EmpiricalRisk.gradient risk case.Point) (HigherOrder.gradient risk case.Point [])
        isMatrix 1e-12 (hessian case) (HigherOrder.hessian risk case.Point [])

[<Fact>]
let ``the gradient of a Gauss–Newton form agrees with differences of the form`` () =
    for case in [ regression; shared; convolution ] do
        let risk = risk case (LossReduction.Mean, 3)
        let u, d = normal 3 [ size case ], normal 4 [ size case ]
        let theta, unravel = Tree.ravel case.Point

        let form t =
            let image = (Curvature.gaussNewton risk (unravel (theta + t * Tensor.ofArray d))).Apply u
            Array.fold2 (fun s a b -> s + a * b) 0.0 u image

        let h = 1e-3
        let slope = (8.0 * (form h - form -h) - (form (2.0 * h) - form (-2.0 * h))) / (12.0 * h)

        let exact =
            Array.fold2 (fun s a b -> s + a * b) 0.0 d (HigherOrder.gaussNewtonGradient risk case.Point u)

        Assert.Equal(slope, exact, 1e-6 * max 1.0 (abs slope))

[<Fact>]
let ``a direction of another length is refused`` () =
    let risk = risk small (LossReduction.Mean, 3)

    fails [ "HigherOrder.value: direction 1 has 2 entries, the parameters have 10 elements" ] (fun () ->
        HigherOrder.value risk small.Point [ u; [| 1.0; 2.0 |] ] |> ignore)
