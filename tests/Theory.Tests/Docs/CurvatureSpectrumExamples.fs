/// The examples of docs/curvature.md, sections Spectra and functionals, and Null laws.
module Hesse.Theory.Tests.Docs.CurvatureSpectrumExamples

open Hesse
open Hesse.Theory
open Xunit
open Hesse.Theory.Tests.Docs.CurvatureOperatorExamples

let private holds (condition: bool) = Assert.True condition

[<Fact>]
let ``eigenpairs`` () =
    let hessian = Curvature.hessian risk layers

    let options = {
        Eigenpairs.defaults with
            Count = 4
            Part = SpectrumPart.BothEnds
            Tolerance = 1e-10
            Key = key
    }

    let solution = Eigenpairs.compute options hessian
    let top = solution.Pairs[0]
    // An eigenvalue lies in θ ± r for certain, and within r²/gap if none was missed.
    let low, high = top.Interval
    let exact = Spectrum.eigenvalues hessian.Size (LinearOperator.toDense 16 hessian)
    holds (low - 1e-12 <= exact[0] && exact[0] <= high + 1e-12 && top.ErrorBound <= top.Residual)
    // Small problems are checked densely on request; what is found is a list of faults.
    CrossCheck.require (CrossCheck.eigenpairs SpectrumPart.BothEnds hessian solution)

[<Fact>]
let ``other eigensolvers`` () =
    let hessian = Curvature.hessian risk layers
    let options = { Eigenpairs.defaults with Count = 2; Tolerance = 1e-8; Key = key }
    let lanczos = Eigenpairs.compute options hessian
    let blocks = Eigenpairs.compute { options with Block = 2; Multiplicities = true } hessian
    // Nearest to 0.05, by Lanczos on the inverse of H − 0.05; MINRES is the solver for large operators.
    let interior = Eigenpairs.nearest options 0.05 (Eigenpairs.denseSolve hessian 0.05) hessian
    let exact = Spectrum.eigenvalues hessian.Size (LinearOperator.toDense 16 hessian)
    let closest = exact |> Array.minBy (fun x -> abs (x - 0.05))
    holds (abs (interior.Values[0] - closest) < 1e-8)
    holds (abs (blocks.Values[1] - lanczos.Values[1]) < 1e-8)

[<Fact>]
let ``a basis in a file`` () =
    let hessian = Curvature.hessian risk layers
    let options = { Eigenpairs.defaults with Count = 2; Tolerance = 1e-8; Key = key }
    // At most 64 MiB of the basis in memory at a time, the rest in a temporary file that is deleted at the end, whatever the end.
    let folder = System.IO.Path.GetTempPath()
    let inFile = { options with Storage = BasisStorage.File(folder, 64L <<< 20) }
    let a, b = Eigenpairs.compute options hessian, Eigenpairs.compute inFile hessian
    holds (Array.forall2 (fun x y -> abs (x - y) < 1e-12) a.Values b.Values)

[<Fact>]
let ``a search in float32`` () =
    let hessian = Curvature.hessian risk layers
    let single = Curvature.hessian (EmpiricalRisk.toFloat32 risk) (Tree.map Tensor.toFloat32 layers)
    let options = { Eigenpairs.defaults with Tolerance = 1e-5; Key = key }
    let searched = Eigenpairs.computeMixed options single hessian
    let exact = (Eigenpairs.compute options hessian).Pairs[0]
    holds (searched.Converged && searched.Products = 1 && searched.SearchProducts > 1)
    holds (abs (searched.Pairs[0].Value - exact.Value) <= searched.Pairs[0].Residual + exact.Residual)

[<Fact>]
let ``densities`` () =
    let hessian = Curvature.hessian risk layers
    let density = SpectralDensity.estimate hessian key 16 12
    // Moments up to order 2 · steps − 1 have no quadrature error; the interval is that of the probes.
    let mean = SpectralDensity.moment 1 density
    holds (mean.Lower < mean.Value && mean.Value < mean.Upper)
    let below = SpectralDensity.cumulative density 0.0
    holds (0.0 <= below.Lower && below.Upper <= 1.0)
    let grid = Array.init 200 (fun i -> -0.5 + 0.01 * float i)
    let plot = SpectralDensity.smooth 0.02 grid density
    let negative, positive = SpectralDensity.smoothLogarithmic 0.1 1e-8 [| -3.0; -2.0; -1.0; 0.0 |] density
    holds (plot.Length = 200 && negative.Length = positive.Length)
    // A second route: Chebyshev moments with Jackson's kernel.
    let interval = KernelPolynomial.interval hessian key 20
    let chebyshev = KernelPolynomial.estimate interval hessian key 16 60
    let small = KernelPolynomial.cumulative chebyshev 0.3
    holds (abs (small.Value - (SpectralDensity.cumulative density 0.3).Value) < 0.1)

[<Fact>]
let ``traces and diagonals`` () =
    let gaussNewton = Curvature.gaussNewton risk layers
    let estimate = Trace.xTrace gaussNewton key 20
    let plain = Trace.hutchinson gaussNewton key 20
    let exact = (Diagonal.exact gaussNewton).Values |> Array.sum
    // The same products, and far smaller an error where few eigenvalues carry the trace.
    holds (abs (estimate.Value - exact) < 0.05 * exact && estimate.StandardError < plain.StandardError)
    let diagonal = Diagonal.xDiag gaussNewton key 20
    holds (diagonal.Values.Length = gaussNewton.Size)

[<Fact>]
let ``functionals that can be differentiated`` () =
    // A Gaussian process: spread and scale of its kernel, and the noise, all by their logarithms.
    let x = Tensor.ofArray (Array.init 40 (fun i -> 0.1 * float i))
    let y = Tensor.sin (3.0 * x) + 0.1 * Random.normal (Random.key 1) [ 40 ]

    let kernel (spread: Tensor, scale: Tensor, noise: Tensor) =
        let distance = (Tensor.expandDims 1 x - Tensor.expandDims 0 x) / Tensor.exp spread
        Tensor.exp scale * Tensor.exp (-0.5 * distance * distance) + Tensor.exp noise * Tensor.eye 40

    let theta = Tensor.scalar -1.0, Tensor.scalar 0.0, Tensor.scalar -2.0
    // yᵀA⁻¹y + log det A, which is −2 log p(y) up to a constant, from products with A alone: 30 steps, 60 probes.
    let product theta v = Tensor.matmul (kernel theta) v
    let fit theta = DifferentiableFunctionals.quadraticForm (fun x -> 1.0 / x) 30 product theta y
    let logDeterminant theta = DifferentiableFunctionals.logDeterminant 30 product 40 60 key theta
    let evidence theta = fit theta + (logDeterminant theta).Value
    let value, (bySpread, _, _) = Diff.compile (Diff.valueAndGrad evidence) theta
    let dense theta = Tensor.sum (y * Linalg.solve (kernel theta) y) + Linalg.logdet (kernel theta)
    let exact, (slope, _, _) = Diff.valueAndGrad dense theta
    let error = (logDeterminant theta).StandardError.item()

    holds (
        abs (value.item () - exact.item ()) < 3.0 * error
        && abs (bySpread.item () - slope.item ()) < 0.1 * abs (slope.item ())
    )
    // The recursion itself: T, basis and remainder are tensors like any other.
    let ritz theta =
        Linalg.eigvalsh (DifferentiableLanczos.tridiagonal (DifferentiableLanczos.decompose 30 product theta y))

    let _, byScale, _ = Diff.grad (fun theta -> Tensor.max (ritz theta)) theta
    let _, ofScale, _ = Diff.grad (fun theta -> Tensor.max (Linalg.eigvalsh (kernel theta))) theta
    holds (abs (byScale.item () - ofScale.item ()) < 1e-8)

[<Fact>]
let ``norms and functions`` () =
    let gaussNewton = Curvature.gaussNewton risk layers
    let damped = LinearOperator.shifted 0.1 gaussNewton
    let frobenius = SpectralSum.frobenius gaussNewton key 32
    let nuclear = SpectralSum.schatten 1.0 gaussNewton key 16 12
    let logDeterminant = SpectralSum.logDeterminant damped key 16 12
    let ratio = SpectralSum.participationRatio gaussNewton key 16
    holds (nuclear.Value > frobenius.Value && logDeterminant.Value < 0.0 && ratio.Value >= 1.0)
    // f(A)v for any f, here the inverse root, grown until the change is below the tolerance.
    let v = Array.create damped.Size 1.0
    let half = MatrixFunction.apply (fun x -> 1.0 / sqrt x) 1e-10 100 damped v
    let again = MatrixFunction.apply (fun x -> 1.0 / sqrt x) 1e-10 100 damped half.Vector
    holds (Array.forall2 (fun a b -> abs (a - b) < 1e-7) v (damped.Apply again.Vector))

[<Fact>]
let ``localisation and overlap`` () =
    let hessian, gaussNewton = Curvature.hessian risk layers, Curvature.gaussNewton risk layers
    let options = { Eigenpairs.defaults with Count = 2; Tolerance = 1e-8; Key = key }

    let ofHessian, ofGaussNewton =
        Eigenpairs.compute options hessian, Eigenpairs.compute options gaussNewton

    let angles = Spectrum.principalAngles ofHessian.Vectors ofGaussNewton.Vectors
    let overlap = Spectrum.overlap ofHessian.Vectors ofGaussNewton.Vectors
    holds (angles.Length = 2 && overlap >= 0.0 && overlap <= 1.0 + 1e-12)
    // From 1/M (spread over all parameters) to 1 (one parameter alone).
    let localisation = Spectrum.localisation ofHessian.Vectors[0]
    holds (localisation > 1.0 / float hessian.Size && localisation <= 1.0)

[<Fact>]
let ``null laws`` () =
    let law = MarchenkoPastur.law 0.25 1.0
    holds (abs (SpectralLaw.mean id law - 1.0) < 1e-6)
    let semicircle = Semicircle.law 0.5
    // Noise with the spectrum of either, and independent: the free sum, from its self-consistent equation.
    let sum = FreeConvolution.additive law semicircle
    let lower, upper = Array.head sum.Support |> fst, Array.last sum.Support |> snd
    holds (lower < snd (MarchenkoPastur.edges 0.25 1.0) && upper > snd (MarchenkoPastur.edges 0.25 1.0))
    // A direction of this strength leaves the bulk (Baik, Ben Arous, Péché 2005): where it comes to lie, and how much of it is seen.
    let spike = Spikes.covariance 0.25 1.0 3.0
    holds (spike.IsOutlier && spike.Position > upper - 2.0 && spike.Overlap > 0.5)

[<Fact>]
let ``outliers against the fitted bulk`` () =
    let p, n = 100, 300
    let rows = Random.normal (Random.key 7) [ n; p ]
    // Sample covariance of white noise with one direction of variance 9.
    let scale = Tensor.ofArray (Array.init p (fun i -> if i = 0 then 3.0 else 1.0))
    let x = rows * scale
    let covariance = Tensor.matmul (Tensor.transpose x) x / float n
    let eigenvalues = Spectrum.eigenvalues p (covariance.toArray ())
    let fit = BulkFit.marchenkoPastur 0.01 eigenvalues
    holds (fit.Outliers.Length = 1)
    let strength = Spikes.covarianceSpike fit.Ratio fit.Variance fit.Outliers[0].Value
    holds (abs (strength - 9.0) < 2.0)
