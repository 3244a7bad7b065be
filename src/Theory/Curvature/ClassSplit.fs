namespace Hesse.Theory

open System
open Hesse

/// The Gauss–Newton operator of softmax cross-entropy, split by classes. Row i of class c has for every class c' the gradient
/// g_{i,c'} = J_iᵀ (p_i − e_{c'}) of the loss that it would have with the label c', and the weight w_{i,c'} = p_{i,c'}/n. With the cross-class means
/// g_{c,c'} = Σ_{i∈c} w_{i,c'} g_{i,c'} / w_{c,c'}, w_{c,c'} = Σ_{i∈c} w_{i,c'}, and the class means
/// g_c = Σ_{c'≠c} w_{c,c'} g_{c,c'} / w_c, w_c = Σ_{c'≠c} w_{c,c'},
/// G = Σ_i Σ_{c'} w_{i,c'} g_{i,c'} g_{i,c'}ᵀ = Class + Cross + Within + Own.
type ClassSplit = {
    /// Number of classes C.
    Classes: int
    /// w_{c,c'}, row-major [C; C].
    Weights: float[]
    /// g_{c,c'}: entry c·C + c' is a vector of length M; zero where the weight is.
    CrossMeans: float[][]
    /// g_c: C vectors of length M.
    ClassMeans: float[][]
    /// Σ_c w_c g_c g_cᵀ, of rank at most C: the outliers.
    Class: LinearOperator
    /// Σ_c Σ_{c'≠c} w_{c,c'} (g_{c,c'} − g_c)(g_{c,c'} − g_c)ᵀ, of rank at most C(C − 2).
    Cross: LinearOperator
    /// Σ_c Σ_{i∈c} Σ_{c'≠c} w_{i,c'} (g_{i,c'} − g_{c,c'})(g_{i,c'} − g_{c,c'})ᵀ: the bulk.
    Within: LinearOperator
    /// Σ_c Σ_{i∈c} w_{i,c} g_{i,c} g_{i,c}ᵀ: what the labels themselves add (c' = c).
    Own: LinearOperator
} with

    /// The sum of the four parts: the Gauss–Newton operator.
    member split.Total = split.Class + split.Cross + split.Within + split.Own

/// Class, cross-class and within-class parts of the Gauss–Newton operator (Papyan, Measurements of three-level hierarchical structure in the
/// outliers in the spectrum of deepnet Hessians, 2019; Traces of class/cross-class structure pervade deep learning spectra, 2020).
[<RequireQualifiedAccess>]
module ClassSplit =
    let private fail (message: string) = raise (HesseException $"ClassSplit.ofRisk: {message}")

    /// The labels of one-hot rows.
    let private labelsOf (risk: EmpiricalRisk<'P>) (classes: int) =
        risk.Chunks
        |> Array.collect (fun chunk ->
            if chunk.Targets.Rank <> 2 || chunk.Targets.Shape[1] <> classes then
                let shape = String.Join("; ", Array.updateAt 0 risk.Count chunk.Targets.Shape)
                fail $"targets of shape [{shape}] for {classes} predictions a row; want one-hot rows [n; {classes}]"

            chunk.Targets.toArray ()
            |> Array.chunkBySize classes
            |> Array.mapi (fun r row ->
                if (row |> Array.filter ((=) 1.0)).Length <> 1 || Array.sum row <> 1.0 then
                    fail
                        $"the target of row {chunk.Start + r} is not one-hot; give one 1 and zeros (Digits.oneHot, Tensor.oneHot)"

                Array.findIndex ((=) 1.0) row))

    /// p − e_{c'} for all c', as a bilinear form: Σ_{c'} b_{c'} (p − e_{c'}) for rows b and p.
    let private combine (p: Tensor) (b: Tensor) = p * Tensor.expandDims 1 (Tensor.sumAxis 1 b) - b

    /// <summary>Splits the Gauss–Newton operator of a classifier; that the four parts add up to it is asserted on a random vector.</summary>
    /// <param name="tolerance">Largest relative error of the sum allowed; 1e-9 suits float64, 1e-4 float32.</param>
    /// <param name="key">The same key gives the same vector.</param>
    /// <param name="risk">A model with predictions [n; C] (logits), the softmax cross-entropy and one-hot targets.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>The parts, as symmetric positive semi-definite operators of size M, and the means; C(C + 1) vectors are stored, and C² products
    /// with the transposed Jacobian make them.</returns>
    /// <exception cref="T:Hesse.HesseException">Targets are not one-hot, or the parts do not add up because the loss is another one.</exception>
    let ofRisk (tolerance: float) (key: Key) (risk: EmpiricalRisk<'P>) (point: 'P) : ClassSplit =
        let n, m, classes = risk.Count, Curvature.sizeOf point, Curvature.outputsOf risk point
        let labels = labelsOf risk classes

        let unit =
            match risk.Options.Reduction with
            | LossReduction.Mean -> 1.0 / float n
            | LossReduction.Sum -> 1.0

        let probabilities =
            risk.Chunks
            |> Array.collect (fun chunk -> (Tensor.softmax 1 (risk.Model point chunk.Inputs)).toArray())

        let weights = Array.zeroCreate (classes * classes)

        for i in 0 .. n - 1 do
            for other in 0 .. classes - 1 do
                let at = labels[i] * classes + other
                weights[at] <- weights[at] + unit * probabilities[i * classes + other]

        // The cross-class means of class c: C products with the transposed Jacobian at once, each with the rows of that class alone.
        let jacobian = Curvature.jacobian risk point

        let crossMeans =
            [| 0 .. classes - 1 |]
            |> Array.collect (fun c ->
                let cotangents = Array.zeroCreate (classes * n * classes)

                for i in 0 .. n - 1 do
                    if labels[i] = c then
                        for other in 0 .. classes - 1 do
                            if weights[c * classes + other] > 0.0 then
                                let p k = probabilities[i * classes + k]
                                let share = unit * p other / weights[c * classes + other]

                                for k in 0 .. classes - 1 do
                                    cotangents[(other * n + i) * classes + k] <-
                                        share * (p k - (if k = other then 1.0 else 0.0))

                jacobian.ApplyTransposeRows cotangents classes |> Array.chunkBySize m)

        let others c = [|
            for other in 0 .. classes - 1 do
                if other <> c then
                    c * classes + other
        |]

        let classWeights = Array.init classes (fun c -> others c |> Array.sumBy (fun at -> weights[at]))

        let classMeans =
            Array.init classes (fun c ->
                Array.init m (fun j ->
                    if classWeights[c] > 0.0 then
                        (others c |> Array.sumBy (fun at -> weights[at] * crossMeans[at][j])) / classWeights[c]
                    else
                        0.0))

        let crosses = [| 0 .. classes - 1 |] |> Array.collect (fun c -> others c |> Array.map (fun at -> c, at))

        let cross =
            StructuredOperator.lowRank
                (crosses |> Array.map (fun (_, at) -> weights[at]))
                (crosses |> Array.map (fun (c, at) -> Products.subtract crossMeans[at] classMeans[c]))

        let model (chunk: DataChunk) p = risk.Model p chunk.Inputs

        let own =
            Curvature.symmetric
                "own-class Gauss-Newton"
                risk
                point
                (fun _ -> unit)
                EmpiricalRisk.nothing
                (fun p v chunk _ ->
                    Curvature.throughOutputs (model chunk) p v (fun f tangent ->
                        let p, t = Tensor.softmax 1 f, chunk.Targets
                        let rest = p - t
                        let along = Tensor.sumAxis 1 (p * t) * Tensor.sumAxis 1 (rest * tangent)
                        rest * Tensor.expandDims 1 along))

        // The kernel takes v and the numbers g_{c,c'}ᵀ v in one vector. Its sums over i of w (g_{i,c'} − g_{c,c'})ᵀv vanish, so that the means are
        // subtracted on one side only.
        let within =
            let square = classes * classes

            let plan =
                risk.Plan $"within-class Gauss-Newton, {m} parameters" (fun p vector chunk _ ->
                    let v = Tensor.slice 0 0 m 1 vector
                    let along = Tensor.reshape [ classes; classes ] (Tensor.slice 0 m (m + square) 1 vector)

                    Curvature.throughOutputs (model chunk) p v (fun f tangent ->
                        let p, t = Tensor.softmax 1 f, chunk.Targets
                        let along = if f.DType = DType.Float32 then Tensor.toFloat32 along else along
                        let products = Tensor.expandDims 1 (Tensor.sumAxis 1 (p * tangent)) - tangent
                        combine p ((1.0 - t) * p * (products - Tensor.matmul t along))))

            let means = LinearOperator.ofDense square m (Array.concat crossMeans)
            let summed = Curvature.summed risk point (m + square) m (fun _ -> unit) EmpiricalRisk.nothing plan

            let extend (v: float[]) count =
                let products = means.ApplyRows v count

                Array.init count (fun r -> [ Array.sub v (r * m) m; Array.sub products (r * square) square ])
                |> Seq.concat
                |> Array.concat

            let products = {
                One = fun v -> summed.One(extend v 1)
                Many = fun v count -> summed.Many (extend v count) count
            }

            LinearOperator("within-class Gauss-Newton", m, m, true, products, products)

        let split = {
            Classes = classes
            Weights = weights
            CrossMeans = crossMeans
            ClassMeans = classMeans
            Class = (StructuredOperator.lowRank classWeights classMeans).Named "class Gauss-Newton"
            Cross = cross.Named "cross-class Gauss-Newton"
            Within = within
            Own = own
        }

        let error =
            SplitOperators.defectOfSum key (Curvature.gaussNewton risk point) [
                split.Class
                split.Cross
                split.Within
                split.Own
            ]

        if not (error <= tolerance) then
            fail
                $"the parts differ from the Gauss–Newton operator by {error:G3} on a random vector, allowed are {tolerance}; the loss must be the softmax cross-entropy of the predictions (Losses.crossEntropy), reduced as the options say"

        split
