module Hesse.Theory.Tests.Curvature.FisherTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases
open Hesse.Theory.Tests.Curvature.RiskCases

let private families = [ Likelihood.Gaussian; Likelihood.Categorical; Likelihood.Bernoulli; Likelihood.Poisson ]

/// Targets that each family could have; the Fisher information does not depend on them.
let private targetsOf likelihood (case: RiskCase) =
    let k = width case

    match likelihood with
    | Likelihood.Categorical -> Tensor.oneHot k (Tensor.ofArray (Array.init 7 (fun i -> float (i % k))))
    | _ -> Tensor.reshape [ 7; k ] (Tensor.ofArray (Array.init (7 * k) (fun i -> float (i % 2))))

/// The dense Gauss–Newton matrix of the negative log-likelihood.
let private dense likelihood (case: RiskCase) =
    let loss f =
        Likelihood.negativeLogLikelihood likelihood (Tensor.reshape [ 7; width case ] f) (targetsOf likelihood case)

    let f = Tensor.flatten (case.Model case.Point case.Inputs)
    sandwich case ((Diff.hessian loss f).toArray())

[<Fact>]
let ``the exact Fisher information is Gauss–Newton of the negative log-likelihood`` () =
    for likelihood in families do
        for case in [ regression; convolution ] do
            let expected = dense likelihood case

            for reduction, chunk in [ LossReduction.Mean, 3; LossReduction.Sum, 50 ] do
                let operator = Fisher.exact likelihood (risk case (reduction, chunk)) case.Point
                isMatrix 1e-12 (times (scaleOf reduction) expected) operator

[<Fact>]
let ``the exact Fisher information is the expectation over the model's own targets`` () =
    // Categorical: Σ_c p_c g_c g_cᵀ; Bernoulli: all 2ᵏ targets.
    let expectation (case: RiskCase) likelihood (outcomes: Tensor list) =
        let m = size case
        let theta, unravel = Tree.ravel case.Point
        let total = Array.zeroCreate (m * m)

        for i in 0..6 do
            let x = Tensor.slice 0 i (i + 1) 1 case.Inputs

            for t in outcomes do
                let loss p =
                    Likelihood.negativeLogLikelihood likelihood (case.Model (unravel p) x) (Tensor.expandDims 0 t)

                let probability = exp -((loss theta).item())
                let g = (Diff.grad loss theta).toArray()

                for q in 0 .. m * m - 1 do
                    total[q] <- total[q] + probability * g[q / m] * g[q % m] / 7.0

        total

    let units = [ for c in 0..2 -> Tensor.ofArray (Array.init 3 (fun i -> if i = c then 1.0 else 0.0)) ]
    let bits = [ for b in 0..3 -> Tensor.ofArray [| float (b % 2); float (b / 2) |] ]

    let check case likelihood outcomes =
        isMatrix
            1e-12
            (expectation case likelihood outcomes)
            (Fisher.exact likelihood (risk case (LossReduction.Mean, 3)) case.Point)

    check classification Likelihood.Categorical units
    check regression Likelihood.Bernoulli bits

[<Fact>]
let ``Monte-Carlo: independent of the chunks, positive, and near the exact one with many samples`` () =
    for likelihood in families do
        let case = regression

        let exact =
            LinearOperator.toDense 8 (Fisher.exact likelihood (risk case (LossReduction.Mean, 7)) case.Point)

        let sampled setting samples = Fisher.monteCarlo (Random.key 7) samples likelihood (risk case setting) case.Point

        for samples in [ 1; 3 ] do
            let one = LinearOperator.toDense 8 (sampled (LossReduction.Mean, 7) samples)
            isMatrix 1e-12 one (sampled (LossReduction.Mean, 2) samples)
            isMatrix 1e-12 (times 7.0 one) (sampled (LossReduction.Sum, 3) samples)
            Assert.True(Array.last (Spectrum.eigenvalues (size case) one) > -1e-12)

        let many = LinearOperator.toDense 1 (sampled (LossReduction.Mean, 7) 2_000)
        let norm (a: float[]) = sqrt (Array.sumBy (fun x -> x * x) a)
        let error = norm (Array.map2 (-) many exact) / norm exact
        // 1/√14,000 = 0.8 %, times the spread of the products, which is largest for Poisson targets.
        Assert.InRange(error, 1e-6, 0.05)

[<Fact>]
let ``drawn targets have the mean and variance of their family`` () =
    let draw likelihood (f: float) =
        (Likelihood.residuals likelihood 40_000 (Random.key 8).Words (Tensor.zeros [ 1 ]) (Tensor.full [ 1; 1 ] f))
            .toArray()

    for likelihood, f, variance in
        [
            Likelihood.Gaussian, 2.0, 1.0
            Likelihood.Bernoulli, 1.0, 0.19661193324148185
            Likelihood.Poisson, 0.5, exp 0.5
            Likelihood.Poisson, 4.0, exp 4.0
        ] do
        let r = draw likelihood f
        let mean = Array.average r
        Assert.InRange(abs mean, 0.0, 4.0 * sqrt (variance / 40_000.0))
        Assert.InRange(Array.averageBy (fun x -> x * x) r / variance, 0.96, 1.04)

    let counts = draw Likelihood.Poisson 0.5 |> Array.map (fun r -> r + exp 0.5)
    Assert.All(counts, (fun k -> Assert.Equal(round k, k, 1e-12)))
    let share k = (counts |> Array.filter (fun c -> abs (c - k) < 0.5) |> Array.length |> float) / 40_000.0
    let rate = exp 0.5

    for k, expected in [ 0.0, exp -rate; 1.0, rate * exp -rate; 2.0, rate * rate / 2.0 * exp -rate ] do
        Assert.Equal(expected, share k, 0.01)

[<Fact>]
let ``the empirical Fisher information is the second moment of the rows' gradients`` () =
    everywhere (fun case risk scale ->
        let m, g = size case, gradients case
        let expected = product m 7 m (transposed 7 m g) g |> times (scale / 7.0)
        isMatrix 1e-12 expected (Fisher.empirical risk case.Point))

[<Fact>]
let ``predictions of several axes: a class for each of two places in a row`` () =
    let model (p: Tensor) (x: Tensor) = Tensor.reshape [ x.Shape[0]; 2; 3 ] (Tensor.tanh (Tensor.matmul x p))
    let p, x = Random.normal (Random.key 9) [ 2; 6 ], Random.normal (Random.key 10) [ 5; 2 ]

    let targets =
        Tensor.oneHot 3 (Tensor.reshape [ 5; 2 ] (Tensor.ofArray (Array.init 10 (fun i -> float (i % 3)))))

    let loss = Likelihood.negativeLogLikelihood Likelihood.Categorical

    let risk chunk = EmpiricalRisk.createWith { RiskOptions.Default with Chunk = chunk } model loss x targets

    let exact = LinearOperator.toDense 4 (Curvature.gaussNewton (risk 5) p)
    isMatrix 1e-12 exact (Fisher.exact Likelihood.Categorical (risk 2) p)
    let sampled chunk samples = Fisher.monteCarlo (Random.key 11) samples Likelihood.Categorical (risk chunk) p
    isMatrix 1e-12 (LinearOperator.toDense 4 (sampled 5 3)) (sampled 2 3)
    let error = Array.map2 (-) exact (LinearOperator.toDense 4 (sampled 5 3000))
    Assert.InRange(Array.max (Array.map abs error), 1e-6, 0.03)

[<Fact>]
let ``bad requests are refused`` () =
    let risk' = risk regression (LossReduction.Mean, 3)

    fails [ "Fisher.monteCarlo: 0 samples; want at least 1" ] (fun () ->
        Fisher.monteCarlo (Random.key 1) 0 Likelihood.Gaussian risk' regression.Point |> ignore)
    // A rate of e⁸ is beyond what inversion can draw.
    let hot =
        EmpiricalRisk.create
            (fun (p: Tensor) x -> p * x)
            Losses.meanSquaredError
            (Tensor.full [ 2; 1 ] 8.0)
            (Tensor.zeros [ 2; 1 ])

    fails [ "operator 'Monte-Carlo Fisher Poisson, 1 sample(s)' has the entry NaN" ] (fun () ->
        (Fisher.monteCarlo (Random.key 1) 1 Likelihood.Poisson hot (Tensor.scalar 1.0)).Apply [| 1.0 |]
        |> ignore)
