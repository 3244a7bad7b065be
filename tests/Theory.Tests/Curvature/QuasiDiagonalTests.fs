module Hesse.Theory.Tests.Curvature.QuasiDiagonalTests

open Xunit
open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.Risks

let private dense c = LinearOperator.toDense 7 (QuasiDiagonal.operator c)

/// What is left of a matrix on the diagonal and between pairs of weight and bias.
let private masked (size: int) (pairs: (int * int) seq) (matrix: float[]) =
    let result = keepBlocks size [ for i in 0 .. size - 1 -> [| i |] ] matrix

    for w, b in pairs do
        result[w * size + b] <- matrix[w * size + b]
        result[b * size + w] <- matrix[b * size + w]

    result

/// Weights and biases of an MLP [3; 4; 2], from its layout.
let private mlpPairs = [
    for i in 0..2 do
        for o in 0..3 do
            4 * i + o, 12 + o
    for i in 0..3 do
        for o in 0..1 do
            16 + 2 * i + o, 24 + o
]

let private plus (damping: float) (size: int) (matrix: float[]) =
    Tensor.create [ size; size ] matrix + damping * Tensor.eye size

[<Fact>]
let ``it is the Gauss–Newton matrix, masked, of both losses and reductions`` () =
    for loss in [ Losses.crossEntropy; Losses.meanSquaredError ] do
        let risk, point = mlp loss 10 [ 3; 4; 2 ]

        for risk in [ risk; summed risk ] do
            let c = QuasiDiagonal.curvature OutputCurvature.Exact risk point
            near 1e-12 (masked 26 mlpPairs (gaussNewton risk point)) (dense c)
            Assert.Equal<int[]>([| for i in 0..25 -> defaultArg (Map.tryFind i (Map.ofList mlpPairs)) -1 |], c.Biases)

[<Fact>]
let ``the empirical and the Monte-Carlo kind`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let rows = Tensor.create [ 10; 26 ] (GradientCovariance.gradients risk point)
    let second = (Tensor.matmul (Tensor.transpose rows) rows / 10.0).toArray()
    near 1e-12 (masked 26 mlpPairs second) (dense (QuasiDiagonal.curvature OutputCurvature.Empirical risk point))
    let drawn = OutputCurvature.MonteCarlo(3, Random.key 5)
    let whole = BlockCurvature.toDense (ExactBlocks.full drawn risk point)
    near 1e-12 (masked 26 mlpPairs whole) (dense (QuasiDiagonal.curvature drawn risk point))

[<Fact>]
let ``units are found in the graph: convolutions, parameters cut from one vector, biases that are none`` () =
    // A convolution with a bias for each channel; a transposed matrix with its bias, both from one vector; a gain and a shift.
    let model (kernel: Tensor, bias: Tensor, rest: Tensor, gain: Tensor, shift: Tensor) (x: Tensor) =
        let image = Tensor.reshape [ x.Shape[0]; 1; 3; 3 ] x
        let h = Conv.conv2d ConvOptions.Default image kernel + Tensor.reshape [ 2; 1; 1 ] bias
        let h = Tensor.reshape [ x.Shape[0]; 8 ] (Tensor.tanh h) * gain + shift
        let w = Tensor.reshape [ 3; 8 ] (Tensor.slice 0 0 24 1 rest)
        Tensor.matmul h (Tensor.transpose w) + Tensor.slice 0 24 27 1 rest

    let risk = riskOf 4 model Losses.crossEntropy (normal 1 [ 6; 9 ]) (oneHot 6 3)
    let point = normal 2 [ 2; 1; 2; 2 ], normal 3 [ 2 ], normal 4 [ 27 ], normal 5 [ 8 ], normal 6 [ 8 ]

    let pairs = [
        for o in 0..1 do
            for k in 0..3 do
                4 * o + k, 8 + o
        for o in 0..2 do
            for i in 0..7 do
                10 + 8 * o + i, 34 + o
    ]

    let c = QuasiDiagonal.curvature OutputCurvature.Exact risk point
    near 1e-12 (masked 53 pairs (gaussNewton risk point)) (dense c)
    Assert.Equal(pairs.Length, c.Biases |> Array.filter (fun b -> b >= 0) |> Array.length)

[<Fact>]
let ``without biases it is the diagonal`` () =
    let model (w: Tensor, v: Tensor) (x: Tensor) = Tensor.matmul (Tensor.tanh (Tensor.matmul x w)) v
    let risk = riskOf 4 model Losses.crossEntropy (normal 1 [ 6; 3 ]) (oneHot 6 2)
    let point = normal 2 [ 3; 4 ], normal 3 [ 4; 2 ]
    let c = QuasiDiagonal.curvature OutputCurvature.Exact risk point
    Assert.All(c.Biases, (fun b -> Assert.Equal(-1, b)))
    Assert.Equal<float[]>(ExactBlocks.diagonal OutputCurvature.Exact risk point, c.Diagonal)
    let inverse = QuasiDiagonal.inverse 0.1 c
    near 1e-14 (c.Diagonal |> Array.map (fun d -> 1.0 / (d + 0.1))) (inverse.Apply(Array.create 20 1.0))

[<Fact>]
let ``one input for each unit and squared error: it is all of the Gauss–Newton matrix`` () =
    let risk, point = mlp Losses.meanSquaredError 9 [ 1; 3 ]
    let c = QuasiDiagonal.curvature OutputCurvature.Exact risk point
    near 1e-12 (gaussNewton risk point) (dense c)
    let step = (QuasiDiagonal.inverse 0.0 c).Apply(EmpiricalRisk.gradient risk point)
    let theta, unravel = Tree.ravel point
    // Newton's step of a linear model with squared error ends where the gradient is zero.
    let after = EmpiricalRisk.gradient risk (unravel (theta - Tensor.ofArray step))
    Assert.All(after, (fun g -> Assert.InRange(g, -1e-12, 1e-12)))
    near 1e-9 step ((QuasiDiagonal.completedInverse 0.0 c).Apply(EmpiricalRisk.gradient risk point))

[<Fact>]
let ``product, inverse, determinant, trace and norm are those of the dense matrix`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let c = QuasiDiagonal.curvature OutputCurvature.Exact risk point
    let matrix = dense c
    let damped = plus 0.5 26 matrix
    let v = normal 9 [ 26 ]
    let inverse = QuasiDiagonal.inverse 0.5 c
    near 1e-12 ((Linalg.solve damped v).toArray()) (inverse.Apply(v.toArray ()))
    near 1e-12 ((Linalg.inverse damped).toArray()) (LinearOperator.toDense 4 inverse)
    Assert.Equal((Linalg.logdet damped).item(), QuasiDiagonal.logDeterminant 0.5 c, 11)
    Assert.Equal(Array.sum (diagonalOf 26 matrix), QuasiDiagonal.trace c, 13)
    Assert.Equal(sqrt (matrix |> Array.sumBy (fun x -> x * x)), QuasiDiagonal.frobeniusNorm c, 13)

/// The dense matrix whose inverse `completedInverse` is.
let private completed damping (c: QuasiDiagonalCurvature) =
    let size = c.Size
    let matrix = (plus damping size (dense c)).toArray()

    for i in 0 .. size - 1 do
        for j in 0 .. size - 1 do
            if i <> j && c.Biases[i] >= 0 && c.Biases[i] = c.Biases[j] then
                let b = c.Biases[i]
                matrix[i * size + j] <- c.Couplings[i] * c.Couplings[j] / (c.Diagonal[b] + damping)

    Tensor.create [ size; size ] matrix

[<Fact>]
let ``Ollivier's inverse is that of the completed matrix, which is definite where the masked one is not`` () =
    let risk, point = mlp Losses.crossEntropy 10 [ 3; 4; 2 ]
    let c = QuasiDiagonal.curvature OutputCurvature.Exact risk point

    for damping in [ 0.0; 0.3 ] do
        let expected = Linalg.inverse (completed damping c)
        near 1e-9 (expected.toArray ()) (LinearOperator.toDense 4 (QuasiDiagonal.completedInverse damping c))

    // All entries 1: positive semi-definite, and masked it is not.
    let ones = {
        Diagonal = Array.create 4 1.0
        Biases = [| 3; 3; 3; -1 |]
        Couplings = [| 1.0; 1.0; 1.0; 0.0 |]
    }

    Assert.True((Spectrum.eigenvalues 4 (dense ones))[3] < -0.5)

    let values =
        Spectrum.eigenvalues 4 (LinearOperator.toDense 4 (QuasiDiagonal.completedInverse 0.01 ones))

    Assert.True(values[3] > 0.0)

[<Fact>]
let ``Ollivier's step does not depend on scale and origin of the inputs`` () =
    let n, inputs, outputs = 12, 3, 2
    let x, targets = normal 1 [ n; inputs ], oneHot n outputs
    let scale, origin = Tensor.ofArray [| 2.0; 0.3; -1.5 |], Tensor.ofArray [| 0.5; -2.0; 4.0 |]
    let layer: AffineLayer = { Weight = normal 2 [ inputs; outputs ]; Bias = normal 3 [ outputs ] }

    // The same function of x, written for inputs scale · x + origin.
    let moved: AffineLayer =
        let weight = layer.Weight / Tensor.expandDims 1 scale
        { Weight = weight; Bias = layer.Bias - Tensor.matmul origin weight }

    let outputsAfterStep inverse (x: Tensor) (layer: AffineLayer) =
        let risk = riskOf 5 (Mlp.apply Tensor.tanh) Losses.crossEntropy x targets
        let step: LinearOperator = inverse (QuasiDiagonal.curvature OutputCurvature.Exact risk [ layer ])
        let theta, unravel = Tree.ravel [ layer ]
        let gradient = EmpiricalRisk.gradient risk [ layer ]
        (Mlp.apply Tensor.tanh (unravel (theta - Tensor.ofArray (step.Apply gradient))) x).toArray()

    let there, here = x * scale + origin, x
    let completed = QuasiDiagonal.completedInverse 0.0
    near 1e-9 (outputsAfterStep completed here layer) (outputsAfterStep completed there moved)

[<Fact>]
let ``what is not definite is refused`` () =
    let refused (expected: string) (f: unit -> 'a) =
        let e = Assert.Throws<HesseException>(fun () -> f () |> ignore)
        Assert.Equal(expected, e.Message)

    let c = {
        Diagonal = [| 1.0; 1.0; 1.0 |]
        Biases = [| 2; 2; -1 |]
        Couplings = [| 0.8; 0.8; 0.0 |]
    }

    refused
        "QuasiDiagonal.inverse: with damping 0 the matrix is not positive definite: its pivot at parameter 2 is -0.28; give more damping, or take completedInverse, which keeps what is definite so"
        (fun () -> QuasiDiagonal.inverse 0.0 c)

    Assert.Equal((Linalg.logdet (plus 0.2 3 (dense c))).item(), QuasiDiagonal.logDeterminant 0.2 c, 12)

    // One row: weights and biases are proportional.
    let risk, point = mlp Losses.crossEntropy 1 [ 2; 2 ]
    let single = QuasiDiagonal.curvature OutputCurvature.Exact risk point
    let e = Assert.Throws<HesseException>(fun () -> QuasiDiagonal.logDeterminant 0.0 single |> ignore)
    Assert.StartsWith("QuasiDiagonal.logDeterminant: with damping 0 the matrix is not positive definite", e.Message)

    let other = Assert.Throws<HesseException>(fun () -> QuasiDiagonal.completedInverse 0.0 single |> ignore)
    Assert.StartsWith("QuasiDiagonal.completedInverse: with damping 0", other.Message)
    Assert.EndsWith("give more damping", other.Message)

    let zero = { Diagonal = [| 0.0; 1.0 |]; Biases = [| 1; -1 |]; Couplings = [| 0.0; 0.0 |] }

    refused
        "QuasiDiagonal.inverse: with damping 0 the matrix is not positive definite: its pivot at parameter 0 is 0; give more damping, or take completedInverse, which keeps what is definite so"
        (fun () -> QuasiDiagonal.inverse 0.0 zero)
