/// The examples of docs/curvature-structured.md.
module Hesse.Theory.Tests.Docs.CurvatureStructuredExamples

open Hesse
open Hesse.Theory
open Xunit

let private holds (condition: bool) = Assert.True condition

let key = Random.key 1
let inputs = Random.normal (Random.fold 1 key) [ 50; 4 ]
let targets = Tensor.oneHot 3 (Random.integers (Random.fold 2 key) 3 [ 50 ])
let layers = Mlp.init (Random.fold 3 key) 1.0 [ 4; 5; 3 ]
let risk = EmpiricalRisk.create (Mlp.apply Tensor.tanh) Losses.crossEntropy inputs targets
let exact = Curvature.gaussNewton risk layers |> LinearOperator.toDense 16
let near (a: float) (b: float) = abs (a - b) < 1e-9 * (1.0 + abs a)

[<Fact>]
let ``KFAC`` () =
    let kfac = Kfac.factors KfacOptions.Default risk layers
    holds (kfac.Factors[0].Description = "[0].Weight, [0].Bias: product, 5 × 5 with a bias")
    let curvature = Kfac.curvature kfac
    let damped = BlockCurvature.inverse 0.01 curvature |> BlockCurvature.operator
    // A natural-gradient step.
    let step = damped.Apply(EmpiricalRisk.gradient risk layers)
    holds (step.Length = Mlp.parameterCount [ 4; 5; 3 ])
    let logDeterminant = BlockCurvature.logDeterminant 0.01 curvature
    holds (System.Double.IsFinite logDeterminant)

[<Fact>]
let ``any function`` () =
    // A convolution, a normalisation layer, and a matrix that is used twice.
    let model (kernel: Tensor, gain: Tensor, w: Tensor) (x: Tensor) =
        let image = Tensor.reshape [ x.Shape[0]; 1; 2; 2 ] x
        let same = { ConvOptions.Default with Padding = ConvPadding.Same }
        let h = Tensor.reshape [ x.Shape[0]; 8 ] (Conv.conv2d same image kernel)
        let centred = h - Tensor.expandDims 1 (Tensor.meanAxis 1 h)
        let scaled = Tensor.tanh (centred * gain)
        Tensor.slice 1 0 3 1 (Tensor.matmul (Tensor.tanh (Tensor.matmul scaled w)) w)

    let point =
        Random.normal (Random.key 2) [ 2; 1; 2; 2 ], Tensor.ones [ 8 ], Random.normal (Random.key 3) [ 8; 8 ]

    let kfac =
        Kfac.factors KfacOptions.Default (EmpiricalRisk.create model Losses.crossEntropy inputs targets) point

    let products = kfac.Factors |> Array.map (fun f -> f.Description)

    holds (products = [| "Item1: product, 4 × 2, 4 places"; "Item3: product, 8 × 8, 2 places" |])
    holds (kfac.Others[0].Description = "Item2: exact dense block of 8, which is multiplied element by element")

[<Fact>]
let ``kinds`` () =
    let options = {
        KfacOptions.Default with
            Outputs = OutputCurvature.MonteCarlo(1, Random.key 4)
            Sharing = WeightSharing.Reduce
            JoinBiases = false
    }

    // Compiled once, for every point along a run.
    let kfacAt = Kfac.compile options risk layers
    let later = layers |> Tree.map (fun t -> 0.9 * t)
    holds ((kfacAt layers).Factors.Length = (kfacAt later).Factors.Length)

[<Fact>]
let ``damping`` () =
    let kfac = Kfac.factors KfacOptions.Default risk layers
    // δ added to the eigenvalues of A ⊗ G; and π√δ, √δ/π to the factors.
    let exactly = BlockCurvature.inverse 0.01 (Kfac.curvature kfac)
    let factored = BlockCurvature.inverse 0.0 (Kfac.factoredDamping 0.01 kfac)
    holds (BlockCurvature.trace factored < BlockCurvature.trace exactly)

[<Fact>]
let ``EKFAC`` () =
    let ekfac = Ekfac.curvature KfacOptions.Default risk layers
    let trace = Array.sum (Array.init ekfac.Size (fun i -> exact[i * ekfac.Size + i]))
    holds (near trace (BlockCurvature.trace ekfac))

[<Fact>]
let ``other fits`` () =
    let nearest = KroneckerFits.nearest 3 KfacOptions.Default risk layers
    let tensorNormal = KroneckerFits.tensorNormal KfacOptions.Default risk layers
    holds (nearest.Factors.Length = tensorNormal.Factors.Length)

[<Fact>]
let ``exact blocks`` () =
    let diagonal = ExactBlocks.diagonal OutputCurvature.Exact risk layers
    holds (near exact[0] diagonal[0])
    let byTensor = ExactBlocks.byTensor OutputCurvature.Exact risk layers
    holds (byTensor.Blocks[0].Description = "[0].Weight: exact dense block of 20")
    let hessian = ExactBlocks.hessianDiagonal risk layers
    holds (hessian.Length = diagonal.Length)
    // Diagonal blocks of any operator.
    let blocks = BlockCurvature.ofOperator 16 (Curvature.hessian risk layers) layers
    holds (near (Array.sum hessian) (BlockCurvature.trace blocks))

[<Fact>]
let ``low rank`` () =
    let operator = Curvature.gaussNewton risk layers
    let nystrom = LowRank.nystrom 10 (Random.key 5) operator
    let withDiagonal = LowRank.withDiagonal (ExactBlocks.diagonal OutputCurvature.Exact risk layers) nystrom
    let inverse = LowRank.inverse 0.1 withDiagonal
    holds (inverse.Size = operator.Size)
    holds (near (Array.sum (ExactBlocks.diagonal OutputCurvature.Exact risk layers)) (LowRank.trace withDiagonal))

[<Fact>]
let ``quasi-diagonal`` () =
    let quasi = QuasiDiagonal.curvature OutputCurvature.Exact risk layers
    let weight, bias = 0, quasi.Biases[0]
    holds (bias = 20 && near exact[weight * quasi.Size + bias] quasi.Couplings[weight])
    let gradient = EmpiricalRisk.gradient risk layers
    // The matrix with δI, inverted; and Ollivier's inverse, definite for every δ > 0.
    let step = (QuasiDiagonal.inverse 0.1 quasi).Apply gradient
    let ollivier = (QuasiDiagonal.completedInverse 1e-6 quasi).Apply gradient
    holds (step.Length = ollivier.Length)

[<Fact>]
let ``a structure for each part`` () =
    let mixed =
        MixedCurvature.curvature
            KfacOptions.Default
            CurvatureStructure.Diagonal
            [ "[0]", CurvatureStructure.Kfac; "[1].Weight", CurvatureStructure.LowRank(5, Random.key 9) ]
            risk
            layers

    holds (mixed.Parts[2].Description = "the rest: diagonal")
    let damped = MixedCurvature.inverse 0.1 mixed
    holds (damped.Size = mixed.Size && MixedCurvature.logDeterminant 0.1 mixed < 0.0)

[<Fact>]
let ``noise of gradients`` () =
    let moments = GradientCovariance.moments risk layers
    let ratio = GradientSignal.signalToNoise moments
    holds (ratio.Length = moments.Mean.Length && GradientSignal.noiseScale moments > 0.0)

[<Fact>]
let ``Bayesian linear regression`` () =
    // Bayesian linear regression: the evidence is that of the normal distribution of the targets.
    let x, t = Random.normal (Random.key 6) [ 20; 3 ], Random.normal (Random.key 7) [ 20; 1 ]

    let regression =
        EmpiricalRisk.create (fun (w: Tensor) x -> Tensor.matmul x w) Losses.meanSquaredError x t

    let prior, noise = 0.5, 0.8
    let gram = Tensor.matmul (Tensor.transpose x) x / noise + prior * Tensor.eye 3
    let mode = Linalg.solve gram (Tensor.matmul (Tensor.transpose x) t / noise)

    let posterior =
        ExactBlocks.full OutputCurvature.Exact regression mode
        |> Laplace.create Likelihood.Gaussian prior regression mode
        |> Laplace.withNoiseVariance noise

    let covariance = noise * Tensor.eye 20 + Tensor.matmul x (Tensor.transpose x) / prior
    let fit = (Tensor.sum (t * Linalg.solve covariance t)).item()
    let logDeterminant = (Linalg.logdet covariance).item()
    holds (near (-0.5 * (fit + logDeterminant + 20.0 * log (2.0 * System.Math.PI))) (Laplace.logEvidence posterior))

[<Fact>]
let ``Laplace for classes`` () =
    let kfac = Kfac.curvature (Kfac.factors KfacOptions.Default risk layers)
    let posterior = Laplace.create Likelihood.Categorical 1.0 risk layers kfac
    let tuned = Laplace.maximiseEvidence 1000 posterior
    holds (Laplace.logEvidence tuned >= Laplace.logEvidence posterior)
    let prediction = Laplace.predict inputs tuned
    let probabilities = Laplace.probit prediction
    let byDraws = Laplace.classProbabilities 1000 (Random.key 8) prediction
    holds (probabilities.Shape = byDraws.Shape)

    // The last layer alone, with its exact block.
    let last, weights = RestrictedRisk.ofPath "[1]" risk layers
    let block = ExactBlocks.full OutputCurvature.Exact last weights
    let lastLayer = Laplace.create Likelihood.Categorical 1.0 last weights block
    holds (Laplace.effectiveParameters lastLayer < float block.Size)
