/// Small problems for the tests of curvature over examples.
module Hesse.Theory.Tests.Curvature.Risks

open Xunit
open Hesse
open Hesse.Theory

let normal seed shape = Random.normal (Random.key seed) shape

let near (tolerance: float) (expected: float[]) (actual: float[]) =
    Assert.Equal(expected.Length, actual.Length)
    let size = expected |> Array.fold (fun m x -> max m (abs x)) 1e-300
    let worst = Array.fold2 (fun m a b -> max m (abs (a - b))) 0.0 expected actual
    Assert.True(worst <= tolerance * size, $"differs by {worst:G3} of {size:G3}")

/// Mean and standard error of independent samples.
let meanAndError (samples: float[]) =
    let mean = Array.average samples
    let square = samples |> Array.sumBy (fun x -> (x - mean) * (x - mean))
    mean, sqrt (square / float (samples.Length * (samples.Length - 1)))

let oneHot n k =
    Tensor.create [ n; k ] (Array.init (n * k) (fun q -> if q % k = (3 * (q / k) + q / k / 4) % k then 1.0 else 0.0))

/// A mean loss in chunks of so many rows.
let riskOf chunk (model: 'P -> Tensor -> Tensor) loss inputs targets : EmpiricalRisk<'P> =
    EmpiricalRisk.createWith { RiskOptions.Default with Chunk = chunk } model loss inputs targets

/// A tanh network with n examples; the chunk does not divide n.
let mlp loss n widths : EmpiricalRisk<AffineLayer list> * AffineLayer list =
    let inputs = normal 1 [ n; List.head widths ]
    let targets = oneHot n (List.last widths)

    let point =
        Mlp.init (Random.key 2) 1.0 widths
        |> List.map (fun l -> { l with Bias = 0.3 * normal 3 l.Bias.Shape })

    riskOf 4 (Mlp.apply Tensor.tanh) loss inputs targets, point

/// The dense Gauss–Newton matrix of a risk.
let gaussNewton (risk: EmpiricalRisk<'P>) (point: 'P) : float[] =
    LinearOperator.toDense 16 (Curvature.gaussNewton risk point)

let private whole (part: DataChunk -> Tensor) (risk: EmpiricalRisk<'P>) =
    Tensor.concat 0 (risk.Chunks |> Array.map part)

let inputsOf (risk: EmpiricalRisk<'P>) = whole _.Inputs risk
let targetsOf (risk: EmpiricalRisk<'P>) = whole _.Targets risk

/// The same loss, added up over the rows.
let summed (risk: EmpiricalRisk<'P>) : EmpiricalRisk<'P> =
    EmpiricalRisk.createWith
        { risk.Options with Reduction = LossReduction.Sum }
        risk.Model
        (fun f t -> float f.Shape[0] * risk.Loss f t)
        (inputsOf risk)
        (targetsOf risk)

let diagonalOf (size: int) (matrix: float[]) = Array.init size (fun i -> matrix[i * size + i])

/// What is left of a matrix where rows and columns are in the same block.
let keepBlocks (size: int) (blocks: int[] seq) (matrix: float[]) =
    let result = Array.zeroCreate (size * size)

    for block in blocks do
        for i in block do
            for j in block do
                result[i * size + j] <- matrix[i * size + j]

    result
