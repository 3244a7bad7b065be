/// The examples of docs/curvature.md, section Operators. ExamplesTests checks that every block of the page stands in a file of this folder.
module Hesse.Theory.Tests.Docs.CurvatureOperatorExamples

open Hesse
open Hesse.Theory
open Xunit

let private holds (condition: bool) = Assert.True condition

let key = Random.key 1
let inputs = Random.normal (Random.fold 1 key) [ 50; 4 ]
let labels = Random.integers (Random.fold 2 key) 3 [ 50 ]
let targets = Tensor.oneHot 3 labels
let layers = Mlp.init (Random.fold 3 key) 1.0 [ 4; 5; 3 ]

// Chunks of 16 rows; the last one has two. The loss averages over the rows.
let risk =
    EmpiricalRisk.createWith
        { RiskOptions.Default with Chunk = 16 }
        (Mlp.apply Tensor.tanh)
        Losses.crossEntropy
        inputs
        targets

let near (a: float[]) (b: float[]) = Array.forall2 (fun x y -> abs (x - y) < 1e-9) a b

[<Fact>]
let ``Hessian of the risk`` () =
    let hessian = Curvature.hessian risk layers
    let v = (Random.normal key [ hessian.Size ]).toArray()
    let product = hessian.Apply v
    // The same from the loss as one function of the parameters.
    let loss p = Losses.crossEntropy (Mlp.apply Tensor.tanh p inputs) targets
    holds (near product ((LinearOperator.hessian loss layers).Apply v))

[<Fact>]
let ``Gauss-Newton, functional Hessian and their sum`` () =
    let split = SplitOperators.ofRisk 1e-9 key risk layers
    holds (SplitOperators.defect (Random.key 2) split < 1e-12)

    let lowest =
        Spectrum.eigenvalues split.GaussNewton.Size (LinearOperator.toDense 16 split.GaussNewton)
        |> Array.last

    holds (lowest > -1e-12)

[<Fact>]
let ``any loss`` () =
    let loss (f: Tensor) (t: Tensor) = Tensor.sum (Tensor.sin f * t) / float f.Shape[0]
    let other = EmpiricalRisk.create (Mlp.apply Tensor.tanh) loss inputs targets
    let gaussNewton, functional = Curvature.gaussNewton other layers, Curvature.functional other layers
    let hessian = Curvature.hessian other layers
    let v = Array.create hessian.Size 1.0
    holds (near (hessian.Apply v) ((gaussNewton + functional).Apply v))

[<Fact>]
let ``transformers`` () =
    let shape = {
        Vocabulary = 3
        Length = 4
        Width = 4
        Heads = 2
        Blocks = 1
        Hidden = 5
        Causal = true
    }

    let weights = Transformer.init key 1.0 shape
    let tokens = Random.integers (Random.key 3) 3 [ 12; 4 ]
    let following = Tensor.gather 1 (Tensor.ofArray [| 1.0; 2.0; 3.0; 0.0 |]) tokens
    let targets = Tensor.reshape [ 12; 4; 3 ] (Tensor.oneHot 3 (Tensor.flatten following))

    let risk =
        EmpiricalRisk.create (Transformer.apply shape Tensor.gelu) Transformer.crossEntropy tokens targets

    let hessian = Curvature.hessian risk weights
    OperatorChecks.symmetric 1e-9 key hessian
    let top = Eigenpairs.compute { Eigenpairs.defaults with Tolerance = 1e-8; Key = key } hessian
    holds (top.Converged && top.Pairs[0].Residual <= 1e-8 * abs top.Pairs[0].Value)
    // Kronecker factors of query, key, value and mix, of both layers of the perceptron, and of the head.
    holds ((Kfac.factors KfacOptions.Default risk weights).Factors.Length = 7)

[<Fact>]
let ``Jacobian of the predictions`` () =
    let jacobian = Curvature.jacobian risk layers
    holds ((jacobian.Rows, jacobian.Columns) = (50 * 3, Mlp.parameterCount [ 4; 5; 3 ]))
    let kernel = jacobian * jacobian.Transpose
    OperatorChecks.symmetric 1e-9 key kernel

[<Fact>]
let ``Fisher information`` () =
    let exact = Fisher.exact Likelihood.Categorical risk layers
    let sampled = Fisher.monteCarlo key 4 Likelihood.Categorical risk layers
    let empirical = Fisher.empirical risk layers
    let v = Array.create exact.Size 1.0
    // Logits are natural parameters: the exact Fisher information is Gauss-Newton.
    holds (near (exact.Apply v) ((Curvature.gaussNewton risk layers).Apply v))
    holds (sampled.Size = empirical.Size)

[<Fact>]
let ``gradient covariance`` () =
    let covariance = GradientCovariance.centred risk layers
    let noise = GradientCovariance.sgdNoise 10 true risk layers
    let v = Array.create noise.Size 1.0
    holds (near (noise.Apply v) ((covariance / 10.0).Apply v))
    let lengths = GradientCovariance.norms risk layers
    holds (lengths.Length = 50)

[<Fact>]
let ``class and cross-class parts`` () =
    let split = ClassSplit.ofRisk ClassWeighting.Probability 1e-9 key risk layers
    let v = Array.create split.Total.Size 1.0
    holds (near (split.Total.Apply v) ((Curvature.gaussNewton risk layers).Apply v))
    holds (split.ClassMeans.Length = 3)

[<Fact>]
let ``algebra`` () =
    let hessian = Curvature.hessian risk layers
    let fisher = Fisher.empirical risk layers
    let mixed = 0.5 * hessian + 0.5 * fisher |> LinearOperator.shifted 0.01
    let jacobian = Curvature.jacobian risk layers
    let normal = LinearOperator.assumeSymmetric (jacobian.Transpose * jacobian)
    holds (mixed.Symmetric && normal.Symmetric && mixed.Size = normal.Size)
    let counted, counter = LinearOperator.counted mixed
    counted.ApplyRows (Array.create (3 * mixed.Size) 1.0) 3 |> ignore
    holds (counter.Total = 3L)

[<Fact>]
let ``structure`` () =
    let hessian = Curvature.hessian risk layers
    let m = hessian.Size
    let values, vectors = Spectrum.leading m (LinearOperator.toDense 16 hessian) 2
    let rest = StructuredOperator.deflated vectors hessian
    let outliers = StructuredOperator.lowRank values[..1] vectors
    let v = Array.create m 1.0
    holds (near (hessian.Apply v) ((rest + outliers).Apply v))
    let small = StructuredOperator.compressed vectors hessian
    holds (near (LinearOperator.toDense 2 small) [| values[0]; 0.0; 0.0; values[1] |])

[<Fact>]
let ``parts by path`` () =
    let layout = ParameterLayout.ofTree layers
    // The paths are [0].Weight, [0].Bias, [1].Weight, [1].Bias; [0] is the whole first layer.
    let hessian = Curvature.hessian risk layers
    let block = SubOperator.block layout "[0].Weight" "[1].Bias" hessian
    holds ((block.Rows, block.Columns) = (4 * 5, 3))
    let norms = BlockNorms.exact 16 layout hessian
    holds (BlockNorms.norm "[0].Weight" "[1].Bias" norms > 0.0)

[<Fact>]
let ``checks`` () =
    let hessian = Curvature.hessian risk layers
    EmpiricalRisk.checkRows 1e-9 risk layers
    OperatorChecks.all 1e-9 key hessian
    OperatorChecks.deterministic 0.0 key hessian

[<Fact>]
let ``higher derivatives`` () =
    let m = Mlp.parameterCount [ 4; 5; 3 ]

    let u, v =
        (Random.normal (Random.key 3) [ m ]).toArray(), (Random.normal (Random.key 4) [ m ]).toArray()

    let third = HigherOrder.gradient risk layers [ u; v ]
    let fourth = HigherOrder.value risk layers [ u; u; v; v ]
    let change = HigherOrder.hessian risk layers [ u ]
    holds (near third (change.Apply v))
    holds (System.Double.IsFinite fourth)

[<Fact>]
let ``gradient of the sharpness`` () =
    let hessian = Curvature.hessian risk layers
    let _, vectors = Spectrum.leading hessian.Size (LinearOperator.toDense 16 hessian) 2
    let sharpness = (EigenvalueGradients.hessian risk layers 1 vectors)[0]
    holds (sharpness.VectorError < 1e-9)
    let drift = EigenvalueGradients.drift SolveOptions.Default risk layers 1 vectors sharpness.Gradient
    // Along its own gradient the eigenvalue grows by the squared length of the gradient.
    holds (near [| drift.Inner[0] |] [| Array.sumBy (fun x -> x * x) sharpness.Gradient |])

[<Fact>]
let ``inverse`` () =
    let gaussNewton = Curvature.gaussNewton risk layers
    let damped = LinearOperator.shifted 0.01 gaussNewton
    let gradient = EmpiricalRisk.gradient risk layers
    let preconditioner = Preconditioner.nystrom key 20 0.01 gaussNewton
    let step = Solve.preconditionedConjugateGradient SolveOptions.Default preconditioner damped gradient
    holds (step.RelativeResidual < 1e-9)

    let indefinite =
        Solve.minres SolveOptions.Default (LinearOperator.shifted 0.01 (Curvature.hessian risk layers)) gradient

    holds (indefinite.RelativeResidual < 1e-9)
    let fit = Solve.lsmr SolveOptions.Default 0.1 (Curvature.jacobian risk layers) (targets.toArray ())
    holds (fit.Stop = SolveStop.Converged)

[<Fact>]
let ``gradients only`` () =
    let theta, unravel = Tree.ravel layers
    let gradient (x: float[]) = EmpiricalRisk.gradient risk (unravel (Tensor.ofArray x))
    let hessian = FiniteDifference.hessian DType.Float64 gradient (theta.toArray ())
    let v = Array.create hessian.Size 1.0
    let exact = (Curvature.hessian risk layers).Apply v
    holds (Array.forall2 (fun a b -> abs (a - b) < 1e-6) exact (hessian.Apply v))
