module Hesse.Theory.Tests.Curvature.LaplaceTests

open System
open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

// ----- Bayesian linear regression: everything in closed form -----

let private n, private d = 14, 3
let private tau, private variance = 0.7, 0.3
let private features = normal 1 [ n; d ]
let private targets = Tensor.matmul features (normal 2 [ d; 1 ]) + 0.5 * normal 3 [ n; 1 ]

let private risk =
    riskOf 5 (fun (w: Tensor) x -> Tensor.matmul x w) Losses.meanSquaredError features targets

/// The exact posterior precision and mean, for a prior precision and a noise variance.
let private exact tau variance =
    let gram = Tensor.matmul (Tensor.transpose features) features
    let precision = gram / variance + tau * Tensor.eye d
    precision, Linalg.solve precision (Tensor.matmul (Tensor.transpose features) targets / variance)

let private posteriorOf curvature tau variance =
    let _, mode = exact tau variance

    Laplace.create Likelihood.Gaussian tau risk mode (curvature mode)
    |> Laplace.withNoiseVariance variance

let private full mode = ExactBlocks.full OutputCurvature.Exact risk mode

/// log N(t | 0, σ²I + ΦΦᵀ/τ).
let private marginalLikelihood tau variance =
    let covariance = variance * Tensor.eye n + Tensor.matmul features (Tensor.transpose features) / tau
    let fit = Tensor.sum (targets * Linalg.solve covariance targets)
    -0.5 * (fit + Linalg.logdet covariance).item() - 0.5 * float n * log (2.0 * Math.PI)

[<Fact>]
let ``linear regression: the posterior is exact`` () =
    let precision, _ = exact tau variance
    let posterior = posteriorOf full tau variance
    near 1e-12 (precision.toArray ()) (BlockCurvature.toDense (Laplace.precision posterior))
    near 1e-12 ((Linalg.inverse precision).toArray()) (BlockCurvature.toDense (Laplace.covariance posterior))

[<Fact>]
let ``linear regression: the evidence is the marginal likelihood`` () =
    for tau, variance in [ 0.7, 0.3; 5.0, 0.1; 0.01, 2.0 ] do
        Assert.Equal(marginalLikelihood tau variance, Laplace.logEvidence (posteriorOf full tau variance), 10)

[<Fact>]
let ``linear regression: one layer's KFAC is the full matrix, so its evidence is exact too`` () =
    let kfac mode = Kfac.curvature (Kfac.factors KfacOptions.Default risk mode)
    Assert.Equal(marginalLikelihood tau variance, Laplace.logEvidence (posteriorOf kfac tau variance), 10)

[<Fact>]
let ``the gradient of the evidence is that of the marginal likelihood, since the mode is a maximum`` () =
    let step = 1e-5
    let byPrecision, byVariance = Laplace.evidenceGradient (posteriorOf full tau variance)
    let slope f = (f (exp step) - f (exp -step)) / (2.0 * step)
    Assert.Equal(slope (fun s -> marginalLikelihood (tau * s) variance), byPrecision, 7)
    Assert.Equal(slope (fun s -> marginalLikelihood tau (variance * s)), byVariance, 7)

[<Fact>]
let ``maximal evidence has no gradient, and again with a new mode it is the maximum of the marginal likelihood`` () =
    let optimum = Laplace.maximiseEvidence 1000 (posteriorOf full tau variance)
    let a, b = Laplace.evidenceGradient optimum
    Assert.Equal(0.0, a, 7)
    Assert.Equal(0.0, b, 7)

    let rec refit count tau variance =
        let p = Laplace.maximiseEvidence 1000 (posteriorOf full tau variance)

        if count > 0 then
            refit (count - 1) p.PriorPrecision p.NoiseVariance
        else
            p.PriorPrecision, p.NoiseVariance

    let tau, variance = refit 30 tau variance
    let best = marginalLikelihood tau variance

    for factor in [ 0.9; 1.1 ] do
        Assert.True(marginalLikelihood (tau * factor) variance < best)
        Assert.True(marginalLikelihood tau (variance * factor) < best)

[<Fact>]
let ``effective parameters: all for a weak prior, none for a strong one`` () =
    let gamma tau = Laplace.effectiveParameters (posteriorOf full tau variance)
    Assert.Equal(float d, gamma 1e-8, 6)
    Assert.Equal(0.0, gamma 1e10, 6)
    let precision, _ = exact tau variance
    Assert.Equal(float d - tau * (Tensor.trace (Linalg.inverse precision)).item(), gamma tau, 11)

[<Fact>]
let ``linear regression: predictions have the exact mean and variance`` () =
    let precision, mode = exact tau variance
    let asked = normal 8 [ 7; d ]
    let prediction = Laplace.predict asked (posteriorOf full tau variance)
    near 1e-12 ((Tensor.matmul asked mode).toArray()) (prediction.Mean.toArray ())
    let expected = Tensor.einsum "mi,ij,mj->m" [ asked; Linalg.inverse precision; asked ]
    Assert.Equal<int seq>([ 7; 1; 1 ], prediction.Covariance.Shape)
    near 1e-12 (expected.toArray ()) (prediction.Covariance.toArray ())

[<Fact>]
let ``draws have the posterior's mean and covariance`` () =
    let precision, mode = exact tau variance
    let count = 20000
    let draws = Laplace.sample count (Random.key 4) (posteriorOf full tau variance)
    let sigma = (Linalg.inverse precision).toArray()
    let centred = draws - Tensor.flatten mode
    let mean = (Tensor.meanAxis 0 centred).toArray()
    let covariance = (Tensor.matmul (Tensor.transpose centred) centred / float count).toArray()

    for i in 0 .. d - 1 do
        Assert.True(abs mean[i] < 5.0 * sqrt (sigma[i * d + i] / float count))

        for j in 0 .. d - 1 do
            let error = sqrt ((sigma[i * d + i] * sigma[j * d + j] + sigma[i * d + j] ** 2.0) / float count)
            Assert.True(abs (covariance[i * d + j] - sigma[i * d + j]) < 5.0 * error)

// ----- classes -----

let private classes, private point = mlp Losses.crossEntropy 12 [ 3; 4; 3 ]

let private structures = [
    ExactBlocks.full OutputCurvature.Exact classes point
    ExactBlocks.byTensor OutputCurvature.Exact classes point
    Kfac.curvature (Kfac.factors KfacOptions.Default classes point)
    Ekfac.curvature KfacOptions.Default classes point
    BlockCurvature.ofDiagonal (ExactBlocks.diagonal OutputCurvature.Exact classes point)
]

[<Fact>]
let ``every structure has its evidence, whose gradient is that of a difference quotient`` () =
    for curvature in structures do
        let posterior tau = Laplace.create Likelihood.Categorical tau classes point curvature
        let slope, none = Laplace.evidenceGradient (posterior 0.5)
        let step = 1e-5

        let quotient =
            (Laplace.logEvidence (posterior (0.5 * exp step)) - Laplace.logEvidence (posterior (0.5 * exp -step)))
            / (2.0 * step)

        Assert.Equal(quotient, slope, 6)
        Assert.Equal(0.0, none)
        let best = Laplace.maximiseEvidence 1000 (posterior 0.5)
        Assert.True(Laplace.logEvidence best >= Laplace.logEvidence (posterior 0.5))
        Assert.Equal(0.0, fst (Laplace.evidenceGradient best), 7)

[<Fact>]
let ``the covariance of outputs is J Σ Jᵀ`` () =
    for curvature in structures do
        let posterior = Laplace.create Likelihood.Categorical 0.5 classes point curvature
        let prediction = Laplace.predict (inputsOf classes) posterior
        let theta, unravel = Tree.ravel point
        let j = Diff.jacobian (fun v -> classes.Model (unravel v) (inputsOf classes)) theta

        let sigma =
            Tensor.create [ theta.Size; theta.Size ] (BlockCurvature.toDense (Laplace.covariance posterior))

        let expected = Tensor.einsum "mcp,pq,mdq->mcd" [ j; sigma; j ]
        near 1e-11 (expected.toArray ()) (prediction.Covariance.toArray ())

[<Fact>]
let ``probabilities: without spread the softmax, with it less certain, and the same by draws within their error`` () =
    let posterior tau = Laplace.create Likelihood.Categorical tau classes point structures[0]
    let certain = Laplace.predict (inputsOf classes) (posterior 1e12)
    let softmax = Tensor.softmax 1 (classes.Model point (inputsOf classes))
    near 1e-9 (softmax.toArray ()) ((Laplace.probit certain).toArray())
    near 1e-5 (softmax.toArray ()) ((Laplace.classProbabilities 10 (Random.key 1) certain).toArray())
    let spread = Laplace.predict (inputsOf classes) (posterior 1.0)
    let largest (p: Tensor) = (Tensor.meanAxis 0 (Tensor.maxAxis 1 p)).item()
    Assert.True(largest (Laplace.probit spread) < largest softmax)

    // By draws: means over 4000 numbers in [0, 1] have a standard error below 0.5/√4000.
    let draws seed = (Laplace.classProbabilities 4000 (Random.key seed) spread).toArray()
    Array.iter2 (fun (a: float) b -> Assert.InRange(a - b, -0.05, 0.05)) (draws 1) (draws 2)
    Array.iter2 (fun (a: float) b -> Assert.InRange(a - b, -0.1, 0.1)) (draws 1) ((Laplace.probit spread).toArray())
    near 1e-12 (Array.create 12 1.0) ((Tensor.sumAxis 1 (Tensor.create [ 12; 3 ] (draws 1))).toArray())

[<Fact>]
let ``two outputs whose difference is normal: draws agree with quadrature`` () =
    let prediction = {
        Mean = Tensor.ofArray2D (array2D [ [ 1.0; 0.0 ] ])
        Covariance = Tensor.create [ 1; 2; 2 ] [| 2.0; 0.5; 0.5; 1.0 |]
    }
    // p = E σ(z), z ~ N(1, 2 + 1 − 2·0.5).
    let h = 0.01
    let density z = exp (-0.5 * (z - 1.0) ** 2.0 / 2.0) / sqrt (2.0 * Math.PI * 2.0)

    let expected =
        Seq.sum (seq { for i in -1500 .. 1500 -> let z = float i * h in h * density z / (1.0 + exp -z) })

    let p = (Laplace.classProbabilities 100000 (Random.key 2) prediction).toArray()
    Assert.InRange(p[0], expected - 0.005, expected + 0.005)

[<Fact>]
let ``the last layer alone: the evidence of its own risk`` () =
    let last, free = RestrictedRisk.ofPath "[1]" classes point
    let curvature = ExactBlocks.full OutputCurvature.Exact last free
    Assert.Equal(15, curvature.Size)
    let posterior = Laplace.create Likelihood.Categorical 0.5 last free curvature
    let prediction = Laplace.predict (inputsOf classes) posterior
    near 1e-13 ((classes.Model point (inputsOf classes)).toArray()) (prediction.Mean.toArray ())
    // The hidden layer with a one is what the last layer's outputs are linear in.
    let hidden =
        Tensor.concat 1 [
            Tensor.tanh (Tensor.matmul (inputsOf classes) point[0].Weight + point[0].Bias)
            Tensor.ones [ 12; 1 ]
        ]

    let sigma = Tensor.create [ 5; 3; 5; 3 ] (BlockCurvature.toDense (Laplace.covariance posterior))
    let expected = Tensor.einsum "mi,icjd,mj->mcd" [ hidden; sigma; hidden ]
    near 1e-11 (expected.toArray ()) (prediction.Covariance.toArray ())

// ----- errors -----

[<Fact>]
let ``what is no posterior is refused`` () =
    let text f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let create likelihood tau curvature () = Laplace.create likelihood tau classes point curvature

    Assert.Equal(
        "Laplace.create: the prior precision is 0; wanted a positive number",
        text (create Likelihood.Categorical 0.0 structures[0])
    )

    let negative = BlockCurvature.map (fun x -> x - 0.1) structures[0]
    Assert.Contains("none negative: take a Gauss–Newton matrix", text (create Likelihood.Categorical 1.0 negative))
    Assert.Contains("for 31 parameters", text (create Likelihood.Categorical 1.0 (BlockCurvature.ofDiagonal [| 1.0 |])))
    let posterior = create Likelihood.Categorical 1.0 structures[0] ()

    Assert.Equal(
        "Laplace.withNoiseVariance: the noise variance is -1; wanted a positive number",
        text (fun () -> Laplace.withNoiseVariance -1.0 posterior)
    )

    Assert.Equal(
        "Laplace.withNoiseVariance: the likelihood is Categorical; only Gaussian targets have a noise variance",
        text (fun () -> Laplace.withNoiseVariance 1.0 posterior)
    )

    Assert.Contains(
        "Laplace.maximiseEvidence: no optimum in 1 steps",
        text (fun () -> Laplace.maximiseEvidence 1 posterior)
    )

    let prediction = Laplace.predict (inputsOf classes) posterior

    Assert.Equal(
        "Laplace.classProbabilities: 0 draws; wanted at least 1",
        text (fun () -> Laplace.classProbabilities 0 (Random.key 1) prediction)
    )

[<Fact>]
let ``a loss that adds up has the same posterior`` () =
    let sum = summed classes

    let a =
        Laplace.create Likelihood.Categorical 0.5 classes point (ExactBlocks.full OutputCurvature.Exact classes point)

    let b =
        Laplace.create Likelihood.Categorical 0.5 sum point (ExactBlocks.full OutputCurvature.Exact sum point)

    Assert.Equal(Laplace.logEvidence a, Laplace.logEvidence b, 10)
    near 1e-11 (BlockCurvature.toDense (Laplace.covariance a)) (BlockCurvature.toDense (Laplace.covariance b))
