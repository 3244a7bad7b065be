module Hesse.Theory.Tests.Curvature.GradientCovarianceTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

let private mean (case: RiskCase) =
    let m, g = size case, gradients case
    Array.init m (fun j -> Array.averageBy (fun i -> g[i * m + j]) [| 0..6 |])

let private secondMoment (case: RiskCase) =
    let m, g = size case, gradients case
    product m 7 m (transposed 7 m g) g |> times (1.0 / 7.0)

let private covariance (case: RiskCase) =
    let m, mean = size case, mean case
    secondMoment case |> Array.mapi (fun q x -> x - mean[q / m] * mean[q % m])

[<Fact>]
let ``gradients of the rows, their lengths and moments`` () =
    everywhere (fun case risk _ ->
        let m, g = size case, gradients case
        close 1e-13 g (GradientCovariance.gradients risk case.Point)
        let lengths = Array.init 7 (fun i -> sqrt (Array.sumBy (fun x -> x * x) g[i * m .. (i + 1) * m - 1]))
        close 1e-13 lengths (GradientCovariance.norms risk case.Point)
        let moments = GradientCovariance.moments risk case.Point
        close 1e-13 (mean case) moments.Mean
        close 1e-13 (Array.init m (fun j -> (covariance case)[j * m + j])) moments.Variance)

[<Fact>]
let ``second moment and covariance are means over the rows under both reductions`` () =
    everywhere (fun case risk _ ->
        isMatrix 1e-12 (secondMoment case) (GradientCovariance.uncentred risk case.Point)
        isMatrix 1e-12 (covariance case) (GradientCovariance.centred risk case.Point))

[<Fact>]
let ``SGD noise is the covariance of the mini-batch gradient, found by enumeration`` () =
    let case = regression
    let m, g, mean = size case, gradients case, mean case

    /// The covariance over equally likely mini-batches of two rows.
    let over (batches: (int * int) list) =
        let total = Array.zeroCreate (m * m)

        for i, j in batches do
            let d = Array.init m (fun a -> (g[i * m + a] + g[j * m + a]) / 2.0 - mean[a])

            for q in 0 .. m * m - 1 do
                total[q] <- total[q] + d[q / m] * d[q % m] / float batches.Length

        total

    let pairs = List.allPairs [ 0..6 ] [ 0..6 ]
    let noise replacement = GradientCovariance.sgdNoise 2 replacement (risk case (LossReduction.Mean, 3)) case.Point
    isMatrix 1e-12 (over pairs) (noise true)
    isMatrix 1e-12 (over (pairs |> List.filter (fun (i, j) -> i <> j))) (noise false)

    fails [ "mini-batches of 8 rows of 7" ] (fun () ->
        GradientCovariance.sgdNoise 8 false (risk case (LossReduction.Mean, 3)) case.Point |> ignore)
