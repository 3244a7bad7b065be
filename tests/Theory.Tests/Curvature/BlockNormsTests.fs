module Hesse.Theory.Tests.Curvature.BlockNormsTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

[<Fact>]
let ``norms of blocks are those of the dense blocks, and estimates lie within five standard errors`` () =
    let case = regression
    let operator = Curvature.hessian (risk case (LossReduction.Mean, 3)) case.Point
    let layout, m, dense = ParameterLayout.ofTree case.Point, size case, hessian case
    let norms = BlockNorms.exact 3 layout operator
    let estimates = BlockNorms.estimate (Random.key 3) 200 layout operator

    for i, a in Array.indexed layout.Parts do
        for j, b in Array.indexed layout.Parts do
            let square =
                Seq.sum (
                    seq {
                        for r in a.Start .. a.Start + a.Length - 1 do
                            for c in b.Start .. b.Start + b.Length - 1 -> dense[r * m + c] ** 2.0
                    }
                )

            let exact = norms.Squares[i][j]
            Assert.Equal(square, exact.Mean, 1e-12)
            Assert.Equal(sqrt square, BlockNorms.norm a.Path b.Path norms, 1e-12)
            let estimate = estimates.Squares[i][j]
            Assert.InRange(abs (estimate.Mean - square), 0.0, 5.0 * estimate.StandardError + 1e-12)

    fails [ "no path '[9]'"; "'[0]', '[1]', '[2]', '[3]'" ] (fun () -> BlockNorms.norm "[9]" "[0]" norms |> ignore)
    fails [ "path '' stands for several tensors" ] (fun () -> BlockNorms.norm "" "[0]" norms |> ignore)

    fails [ "'I' has size 2, the parameters have" ] (fun () ->
        BlockNorms.exact 1 layout (LinearOperator.identity 2) |> ignore)

    fails [ "wanted at least 2" ] (fun () -> BlockNorms.estimate (Random.key 1) 1 layout operator |> ignore)
