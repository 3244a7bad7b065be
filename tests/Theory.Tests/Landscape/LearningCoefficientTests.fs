module Hesse.Theory.Tests.Landscape.LearningCoefficientTests

open Xunit
open Hesse
open Hesse.Theory

/// n samples of nothing: a loss of the parameters alone.
let private silent n = Tensor.ones [ n ]
let private nBeta n = float n / log (float n)

/// λ̂ of ∫ nβ(L − L*) under exp(−nβL − γ/2 ‖w − w*‖²) in the plane, by the trapezoidal rule.
let private byQuadrature (n: int) gamma reach (centre: float * float) (loss: float -> float -> float) =
    let points = 1200
    let scale = nBeta n
    let mutable mass, energy = 0.0, 0.0

    for i in 0..points do
        for j in 0..points do
            let at k = reach * (2.0 * float k / float points - 1.0)
            let a, b = fst centre + at i, snd centre + at j
            let e = scale * loss a b
            let weight = exp (-e - 0.5 * gamma * (at i * at i + at j * at j))
            mass <- mass + weight
            energy <- energy + weight * e

    energy / mass

let private near (expected: float) (estimate: LearningCoefficient) =
    let error = 4.0 * estimate.StandardError
    Assert.True(error < 0.2 * expected, $"too noisy: {error}")
    Assert.InRange(estimate.Value, expected - error, expected + error)
    Assert.InRange(estimate.Chains.RHat, 0.99, 1.05)

let private rates = Tensor.ofArray [| 0.5; 2.0; 8.0 |]
let private quadratic (data: Tensor) (w: Tensor) = Tensor.mean data * (3.0 + 0.5 * Tensor.sum (rates * w * w))

[<Fact>]
let ``at a regular minimum the adjusted sampler gives half the effective number of parameters`` () =
    let n, gamma = 1000, 20.0

    let options = {
        LearningCoefficientOptions.Default with
            Step = 2e-3
            Localisation = gamma
            Draws = 3000
            BurnIn = 200
    }

    let estimate = LearningCoefficient.estimate options quadratic (silent n) (Tensor.zeros [ 3 ])
    let curvatures = rates.toArray () |> Array.map (fun l -> nBeta n * l)
    near (0.5 * EffectiveDimension.ofEigenvalues gamma curvatures) estimate
    Assert.InRange(estimate.Acceptance, 0.3, 0.999)
    Assert.Equal(3.0, estimate.LossAtCentre)
    Assert.Equal(1.0 / log 1000.0, estimate.InverseTemperature, 1e-15)
    // WBIC = n L* + λ̂ log n.
    Assert.Equal(3000.0 + estimate.Value * log 1000.0, estimate.Wbic, 1e-8)

[<Fact>]
let ``without localisation a regular minimum has half its number of parameters`` () =
    let options = {
        LearningCoefficientOptions.Default with
            Step = 2e-3
            Localisation = 0.0
            Draws = 4000
    }

    near 1.5 (LearningCoefficient.estimate options quadratic (silent 1000) (Tensor.zeros [ 3 ]))

[<Fact>]
let ``unadjusted steps on a quadratic have their exact stationary energy`` () =
    // w ← (1 − εa/2) w + √ε ξ with a = nβλ + γ has variance 1/(a (1 − εa/4)).
    let n, gamma, step = 1000, 20.0, 1e-3

    let options = {
        LearningCoefficientOptions.Default with
            Kind = LangevinKind.Sgld None
            Step = step
            Localisation = gamma
            Draws = 4000
            BurnIn = 300
    }

    let expected =
        rates.toArray ()
        |> Array.sumBy (fun l ->
            let a = nBeta n * l + gamma
            0.5 * nBeta n * l / (a * (1.0 - step * a / 4.0)))

    near expected (LearningCoefficient.estimate options quadratic (silent n) (Tensor.zeros [ 3 ]))

[<Theory>]
[<InlineData(2)>]
[<InlineData(3)>]
let ``a single power w^2k has 1/2k`` (k: int) =
    let loss (data: Tensor) (w: Tensor) = Tensor.mean data * Tensor.sum (w ** (2.0 * float k))

    let options = {
        LearningCoefficientOptions.Default with
            Step = 0.08
            Localisation = 0.0
            Draws = 12000
    }

    near (1.0 / float (2 * k)) (LearningCoefficient.estimate options loss (silent 1000) (Tensor.zeros [ 1 ]))

[<Fact>]
let ``a crossing of two flat lines has the coefficient of its integral, below that of a regular minimum`` () =
    let loss (data: Tensor) (w: Tensor) = Tensor.mean data * Tensor.square (w[0] * w[1])
    let n, gamma = 1000, 4.0

    let options = {
        LearningCoefficientOptions.Default with
            Step = 0.03
            Localisation = gamma
            Draws = 12000
    }

    let exact = byQuadrature n gamma 3.5 (0.0, 0.0) (fun a b -> a * a * b * b)
    Assert.InRange(exact, 0.2, 0.45)
    near exact (LearningCoefficient.estimate options loss (silent n) (Tensor.zeros [ 2 ]))

[<Fact>]
let ``a valley of minima has the coefficient of its integral`` () =
    // The deep linear scalar at its minimum a = b = 1: one direction is determined, one is flat.
    let loss (data: Tensor) (a: Tensor, b: Tensor) = Tensor.mean data * 0.5 * Tensor.square (a * b - 1.0)
    let n, gamma = 1000, 20.0

    let options = {
        LearningCoefficientOptions.Default with
            Step = 2e-3
            Localisation = gamma
            Draws = 8000
    }

    let exact = byQuadrature n gamma 1.6 (1.0, 1.0) (fun a b -> 0.5 * (a * b - 1.0) ** 2.0)
    near exact (LearningCoefficient.estimate options loss (silent n) (Tensor.scalar 1.0, Tensor.scalar 1.0))

[<Fact>]
let ``batches see the same coefficient at small steps`` () =
    let x = Random.normal (Random.key 1) [ 200; 2 ]
    let w0 = Tensor.ofArray [| 1.0; -0.5 |]
    let y = Tensor.matmul x w0
    let loss (x, y) (w: Tensor) = 0.5 * Tensor.mean (Tensor.square (Tensor.matmul x w - y))

    let options = {
        LearningCoefficientOptions.Default with
            Kind = LangevinKind.Sgld(Some 20)
            Step = 1e-3
            Localisation = 1.0
            Draws = 5000
    }

    let estimate = LearningCoefficient.estimate options loss (x, y) w0
    Assert.InRange(estimate.Value, 0.9, 1.15)
    Assert.Equal(1.0, estimate.Acceptance)

[<Fact>]
let ``the key decides the chains`` () =
    let estimate seed =
        (LearningCoefficient.estimate
            {
                LearningCoefficientOptions.Default with
                    Step = 1e-3
                    Draws = 50
                    BurnIn = 5
                    Key = Random.key seed
            }
            quadratic
            (silent 100)
            (Tensor.zeros [ 3 ]))
            .Value

    Assert.Equal(estimate 1, estimate 1)
    Assert.NotEqual(estimate 1, estimate 2)

[<Fact>]
let ``reduced-rank regression has its known coefficients`` () =
    // Normal crossings by hand: (ab)², and b²(a₁² + a₂²).
    Assert.Equal((0.5, 2), LearningCoefficient.reducedRank 1 1 1 0)
    Assert.Equal((0.5, 1), LearningCoefficient.reducedRank 2 1 1 0)
    Assert.Equal((0.5, 1), LearningCoefficient.reducedRank 1 1 1 1)

    for m in 1..5 do
        for n in 1..5 do
            for h in 1..5 do
                for r in 0 .. min h (min m n) do
                    let value, multiplicity = LearningCoefficient.reducedRank m h n r
                    Assert.Contains(multiplicity, [ 1; 2 ])
                    Assert.Equal((value, multiplicity), LearningCoefficient.reducedRank n h m r)
                    // Not more than half of the parameters, not more than the regular model of all matrices, not less than the truth's rank asks for.
                    Assert.True(value <= float (h * (m + n)) / 2.0 && value <= float (m * n) / 2.0)
                    Assert.True(value >= float (r * (m + n - r)) / 2.0)

                    if r = h then
                        Assert.Equal(float (r * (m + n - r)) / 2.0, value)

[<Fact>]
let ``errors say what was wanted`` () =
    let fails f = (Assert.Throws<HesseException>(fun () -> f () |> ignore)).Message
    let estimate options = fun () -> LearningCoefficient.estimate options quadratic (silent 100) (Tensor.zeros [ 3 ])
    let d = LearningCoefficientOptions.Default
    Assert.Contains("step 0", fails (estimate { d with Step = 0.0 }))
    Assert.Contains("inverse temperature of -1", fails (estimate { d with InverseTemperature = Some -1.0 }))

    Assert.Contains(
        "left the finite numbers",
        fails (
            estimate {
                d with
                    Kind = LangevinKind.Sgld None
                    Step = 1.0
                    Localisation = 1e6
                    Draws = 200
            }
        )
    )

    Assert.Contains("rank 2", fails (fun () -> LearningCoefficient.reducedRank 1 1 1 2))
