/// Small models and losses on seven rows, with dense definitions of what the operators of the curvature are.
module Hesse.Theory.Tests.Curvature.RiskCases

open Hesse
open Hesse.Theory
open Hesse.Theory.Tests.Curvature.OperatorCases

type RiskCase = {
    Name: string
    Model: Tensor list -> Tensor -> Tensor
    /// Averages over the rows.
    Loss: Tensor -> Tensor -> Tensor
    Point: Tensor list
    Inputs: Tensor
    Targets: Tensor
}

let private rows = 7
let private random seed shape = Random.normal (Random.key seed) shape

let private labels classes = Tensor.oneHot classes (Tensor.ofArray (Array.init rows (fun i -> float (i * i % classes))))

let private layers (activation: Tensor -> Tensor) parameters x =
    match parameters with
    | [ w1: Tensor; b1: Tensor; w2; b2 ] -> Tensor.matmul (activation (Tensor.matmul x w1 + b1)) w2 + b2
    | _ -> failwith "four tensors"

let private layerPoint seed inputs hidden outputs = [
    random seed [ inputs; hidden ]
    0.3 * random (seed + 1) [ hidden ]
    random (seed + 2) [ hidden; outputs ]
    0.3 * random (seed + 3) [ outputs ]
]

let regression = {
    Name = "MLP, squared error"
    Model = layers Tensor.tanh
    Loss = Losses.meanSquaredError
    Point = layerPoint 1 3 4 2
    Inputs = random 5 [ rows; 3 ]
    Targets = random 6 [ rows; 2 ]
}

let classification = {
    Name = "MLP, cross-entropy"
    Model = layers Tensor.softplus
    Loss = Losses.crossEntropy
    Point = layerPoint 11 3 3 3
    Inputs = random 15 [ rows; 3 ]
    Targets = labels 3
}

/// The same matrix twice, and a loss that is neither convex nor known by name.
let shared = {
    Name = "shared weights, non-convex loss"
    Model =
        fun p x ->
            let w, scale = p[0], p[1]
            scale * Tensor.matmul (Tensor.tanh (Tensor.matmul (Tensor.tanh (Tensor.matmul x w)) w)) w
    Loss =
        fun f t ->
            Tensor.sum (Tensor.sin (2.0 * f) * t + Tensor.square (Tensor.square f) / 8.0 - f * Tensor.cos t)
            / float f.Shape[0]
    Point = [ random 21 [ 3; 3 ]; Tensor.scalar 1.3 ]
    Inputs = random 22 [ rows; 3 ]
    Targets = random 23 [ rows; 3 ]
}

let convolution = {
    Name = "convolution, cross-entropy"
    Model =
        fun p x ->
            let hidden = Conv.conv2d ConvOptions.Default x p[0] |> Tensor.tanh
            let flat = Tensor.reshape [ x.Shape[0]; -1 ] hidden
            Tensor.matmul flat p[1]
    Loss = Losses.crossEntropy
    Point = [ random 31 [ 2; 1; 2; 2 ]; random 32 [ 8; 3 ] ]
    Inputs = random 33 [ rows; 1; 3; 3 ]
    Targets = labels 3
}

let all = [ regression; classification; shared; convolution ]

/// Mean and sum over the rows, in chunks that divide the rows, do not, and are larger than all of them.
let settings = [
    for chunk in [ 1; 3; 7; 50 ] do
        LossReduction.Mean, chunk
    LossReduction.Sum, 3
]

let scaleOf reduction =
    match reduction with
    | LossReduction.Mean -> 1.0
    | LossReduction.Sum -> float rows

let risk (case: RiskCase) (reduction, chunk) =
    let loss f (t: Tensor) =
        match reduction with
        | LossReduction.Mean -> case.Loss f t
        | LossReduction.Sum -> float t.Shape[0] * case.Loss f t

    let options = { RiskOptions.Default with Chunk = chunk; Reduction = reduction }
    EmpiricalRisk.createWith options case.Model loss case.Inputs case.Targets

/// Runs a check for every case and setting; `scaled` is the factor that a sum over rows has to their mean.
let everywhere (check: RiskCase -> EmpiricalRisk<Tensor list> -> float -> unit) =
    for case in all do
        for reduction, chunk in settings do
            check case (risk case (reduction, chunk)) (scaleOf reduction)

/// What is dense is computed once for each case.
let private remembered (f: RiskCase -> float[]) =
    let values = all |> List.map (fun case -> case.Name, lazy (f case)) |> Map.ofList
    fun (case: RiskCase) -> values[case.Name].Value

let private flat (case: RiskCase) = Tree.ravel case.Point

let size (case: RiskCase) = (fst (flat case)).Size

let private outputs (case: RiskCase) (theta: Tensor) = Tensor.flatten (case.Model (snd (flat case) theta) case.Inputs)

let width (case: RiskCase) = (outputs case (fst (flat case))).Size / rows

/// [n k; M]
let jacobian = remembered (fun case -> (Diff.jacobian (outputs case) (fst (flat case))).toArray())

/// The loss of the flat predictions.
let private outputLoss (case: RiskCase) (f: Tensor) = case.Loss (Tensor.reshape [ rows; width case ] f) case.Targets

let hessian =
    remembered (fun case -> (Diff.hessian (outputs case >> outputLoss case) (fst (flat case))).toArray())

/// Jᵀ B J for a matrix B of the outputs, [n k; n k].
let sandwich (case: RiskCase) (b: float[]) =
    let nk, m = rows * width case, size case
    let j = jacobian case
    product m nk m (transposed nk m j) (product nk nk m b j)

let gaussNewton =
    remembered (fun case -> sandwich case ((Diff.hessian (outputLoss case) (outputs case (fst (flat case)))).toArray()))

/// The gradients of the single rows' losses, [n; M].
let gradients =
    remembered (fun case ->
        let theta, unravel = flat case
        let row (t: Tensor) i = Tensor.slice 0 i (i + 1) 1 t

        Array.init rows (fun i ->
            (Diff.grad (fun p -> case.Loss (case.Model (unravel p) (row case.Inputs i)) (row case.Targets i)) theta)
                .toArray())
        |> Array.concat)

let times (factor: float) (a: float[]) = a |> Array.map (fun x -> factor * x)
