/// The examples of docs/curvature.md, sections Along training, Landscape, Dimensions and Models from files.
module Hesse.Theory.Tests.Docs.CurvatureLandscapeExamples

open System.IO
open System.Threading
open Hesse
open Hesse.Theory
open Xunit
open Hesse.Theory.Tests.Docs.CurvatureOperatorExamples

let private holds (condition: bool) = Assert.True condition

[<Fact>]
let ``along training`` () =
    let loss (x, t) w = Losses.crossEntropy (Mlp.apply Tensor.tanh w x) t
    let options = TrainingOptions.GradientDescent 0.5
    let tracking = TrackingOptions.Largest 3
    let threshold = EdgeOfStability.threshold options.Optimizer 0.5
    let mutable spectrum = None
    let records = ResizeArray<SharpnessRecord>()

    let observe (step: TrainingStep<AffineLayer list>) =
        let hessian = Curvature.hessian risk step.State.Parameters
        // Warm-started from the last observation; pairs keep their identities through crossings.
        spectrum <- Some(EigenTracker.observe tracking spectrum hessian)

        records.Add {
            Step = step.State.Step
            Sharpness = spectrum.Value.Sharpness
            Threshold = threshold
        }

    let trained =
        Training.run
            options
            loss
            (inputs, targets)
            20
            (Training.every 5 observe)
            CancellationToken.None
            (Training.start options layers)

    let summary = EdgeOfStability.summarise 0.1 records
    holds (records.Count = 4 && summary.Reached.IsNone)
    // How much of the gradient lies in the space of the leading eigenvectors: little, once their directions have been descended.
    let gradient = Diff.grad (loss (inputs, targets)) trained.Parameters
    let alignment = GradientAlignment.withSpectrum spectrum.Value gradient
    holds (alignment.Cosines.Length = 3 && alignment.Share < 1.0)

[<Fact>]
let ``stability of stochastic gradients`` () =
    let coherence = SgdCoherence.crossEntropy (Mlp.apply Tensor.tanh) inputs layers
    // Below this step size gradient descent with batches of 5 is stable in the mean square.
    let critical = SgdCoherence.criticalStep 5.0 coherence
    holds (critical > 0.0 && critical <= 2.0 / SgdCoherence.sharpness coherence + 1e-9)
    let loss (x, t) w = Losses.crossEntropy (Mlp.apply Tensor.tanh w x) t

    let batches = MinibatchSharpness.measure 1e-6 (BatchSize.Random 10) key 8 loss (inputs, targets) layers

    holds (batches.TopEigenvalue > 0.0)
    // Sharpness-aware training is an option of any run.
    let options = {
        TrainingOptions.GradientDescent 0.5 with
            SharpnessAware = Some(SharpnessAwareOptions.Sam 0.05)
    }

    let flat = Training.fit options loss (inputs, targets) 5 layers
    holds ((loss (inputs, targets) flat).item() < (loss (inputs, targets) layers).item())

[<Fact>]
let ``surfaces`` () =
    let loss p = Losses.crossEntropy (Mlp.apply Tensor.tanh p inputs) targets
    let direction i = Directions.filterNormalise layers (Directions.gaussian (Random.key i) layers)
    let steps = [| -1.0; -0.5; 0.0; 0.5; 1.0 |]
    let line = LossSurface.along loss layers (direction 1) steps
    let plane = LossSurface.plane loss layers (direction 1) (direction 2) steps steps
    holds (abs (line[1] - plane[1, 2]) < 1e-12)
    // Along an eigenvector: value, slope and curvature there, the last being the eigenvalue.
    let hessian = Curvature.hessian risk layers
    let top = (Eigenpairs.compute { Eigenpairs.defaults with Key = key } hessian).Pairs[0]
    let _, _, curvature = LossSurface.quadraticAlong loss layers (Directions.ofVector layers top.Vector)
    holds (abs (curvature - top.Value) < 1e-8)

[<Fact>]
let ``connectivity`` () =
    let loss p = Losses.crossEntropy (Mlp.apply Tensor.tanh p inputs) targets
    let permuted = Alignment.permute [ [| 4; 0; 3; 1; 2 |] ] layers
    // The same function with its hidden units in another order: a barrier on the straight line, none after matching.
    let before = Connectivity.linear loss 20 layers permuted
    let matching = Alignment.weightMatching key layers permuted
    let after = Connectivity.linear loss 20 layers (Alignment.permute matching permuted)
    holds (before.Barrier > 1e-3 && after.Barrier < 1e-12)

[<Fact>]
let ``dimensions`` () =
    // Rescalings of hidden units leave a ReLU network's function as it is: one dimension less for each of them.
    let rank = FunctionalDimension.onData 1e-9 16 (Mlp.apply Tensor.relu) inputs layers
    holds (rank.Rank <= FunctionalDimension.reluBound [ 4; 5; 3 ])
    holds (FunctionalDimension.reluBound [ 4; 5; 3 ] = Mlp.parameterCount [ 4; 5; 3 ] - 5)
    // How many directions the data determine against a prior: Σ λ/(λ + α).
    let gaussNewton = Curvature.gaussNewton risk layers
    let effective = EffectiveDimension.ofOperator 0.01 gaussNewton
    holds (effective > 0.0 && effective < float gaussNewton.Size)

[<Fact>]
let ``intrinsic dimension`` () =
    let loss (x, t) w = Losses.crossEntropy (Mlp.apply Tensor.tanh w x) t
    let options = { TrainingOptions.GradientDescent 0.05 with Optimizer = Optimizer.adam }

    let trainedIn dimension =
        let subspace = IntrinsicDimension.subspace SubspaceKind.Orthonormal key dimension layers
        let w = IntrinsicDimension.fit options loss (inputs, targets) 40 subspace
        (loss (inputs, targets) w).item()

    // More dimensions reach lower losses.
    holds (trainedIn 20 < trainedIn 1)

[<Fact>]
let ``local learning coefficient`` () =
    // Three parameters at a regular minimum: the coefficient is half of what the prior leaves of them, nearly 3/2.
    let rates = Tensor.ofArray [| 0.5; 2.0; 8.0 |]
    let loss (data: Tensor) (w: Tensor) = Tensor.mean data * (0.5 * Tensor.sum (rates * w * w))

    let options = {
        LearningCoefficientOptions.Default with
            Step = 2e-3
            Localisation = 1.0
            Draws = 1000
            BurnIn = 200
            Key = key
    }

    let estimate = LearningCoefficient.estimate options loss (Tensor.ones [ 1000 ]) (Tensor.zeros [ 3 ])
    holds (abs (estimate.Value - 1.5) < 0.1 + 5.0 * estimate.StandardError && estimate.Chains.RHat < 1.1)

[<Fact>]
let ``models from files`` () =
    let folder = Directory.CreateTempSubdirectory("hesse-docs").FullName
    let path = Path.Combine(folder, "model.safetensors")
    MlpFile.write path "tanh" layers
    let file = MlpFile.read path
    holds (file.Widths = [ 4; 5; 3 ] && file.Activation = Some "tanh")
    let model = Mlp.apply (MlpFile.activation file.Activation.Value)
    let found = ResizeArray<Measurement>()

    let observer = {
        new ISummaryObserver with
            member _.Measured measurement = found.Add measurement
            member _.Leading solution = ignore solution.Residuals
            member _.Density density = ignore density.Products
            member _.Progress _ = ()
    }

    let options = { SummaryOptions.Default with Top = 2; Probes = 4; Steps = 8 }

    CurvatureSummary.measure
        options
        observer
        (EmpiricalRisk.create model Losses.crossEntropy inputs targets)
        file.Layers

    holds (found.Exists(fun m -> m.Symbol = "λ_max(H)" && m.Lower <= m.Value && m.Value <= m.Upper))
    Directory.Delete(folder, true)

[<Fact>]
let ``convolutional networks from files`` () =
    let shape = {
        Channels = 1
        Height = 2
        Width = 2
        Filters = [ 3 ]
        Window = 3
        Padding = ConvPadding.Same
        Pool = 2
        Pooling = Pooling.Mean
        Dense = [ 3 ]
    }

    let folder = Directory.CreateTempSubdirectory("hesse-docs").FullName
    let path = Path.Combine(folder, "cnn.safetensors")
    CnnFile.write path "relu" shape (Cnn.init key 1.0 shape)
    let file = CnnFile.read path
    let found, assumed = CnnFile.shape 4 CnnHints.none file
    holds (found = shape && assumed = "")
    let risk = EmpiricalRisk.create (Cnn.apply found Tensor.relu) Losses.crossEntropy inputs targets
    holds ((Curvature.hessian risk file.Weights).Size = Cnn.parameterCount shape)
    Directory.Delete(folder, true)

[<Fact>]
let ``a summary that goes on`` () =
    let path = Path.Combine(Directory.CreateTempSubdirectory("hesse-docs").FullName, "stages.safetensors")
    let options = { SummaryOptions.Default with Top = 2; Probes = 4; Steps = 8 }

    let observed (found: ResizeArray<float>) = {
        new ISummaryObserver with
            member _.Measured measurement = found.Add measurement.Value
            member _.Leading _ = ()
            member _.Density _ = ()
            member _.Progress _ = ()
    }

    let measure resume =
        let found = ResizeArray<float>()
        let checkpoint = { Path = path; Resume = resume; Settings = [ "model", "tanh" ] }
        CurvatureSummary.measureKept checkpoint options (observed found) risk layers
        List.ofSeq found

    // The second one takes every number from the file.
    holds (measure false = measure true)
    Directory.Delete(Path.GetDirectoryName path, true)
