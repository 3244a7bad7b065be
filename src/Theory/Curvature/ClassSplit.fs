namespace Hesse.Theory

open System
open Hesse

/// How the second moment G = (1/n) Σᵢ Σ_{c'} p_{i,c'} g_{i,c'} g_{i,c'}ᵀ is written as one of vectors h with weights w. Row i has for every class c' the
/// gradient g_{i,c'} = J_iᵀ (p_i − e_{c'}) of the loss that it would have with the label c'.
[<RequireQualifiedAccess>]
type ClassWeighting =
    /// h = g, w = p_{i,c'}/n (Papyan, Traces of class/cross-class structure pervade deep learning spectra, 2020).
    | Probability
    /// h = √p_{i,c'} g, w = 1/n (Papyan, Measurements of three-level hierarchical structure in the outliers in the spectrum of deepnet Hessians, 2019).
    | Uniform

/// The Gauss–Newton operator of softmax cross-entropy, split by classes. With the vectors h_{i,c'} and weights w_{i,c'} of a <c>ClassWeighting</c>, the
/// cross-class means h_{c,c'} = Σ_{i∈c} w_{i,c'} h_{i,c'} / w_{c,c'}, w_{c,c'} = Σ_{i∈c} w_{i,c'}, and the class means
/// h_c = Σ_{c'≠c} w_{c,c'} h_{c,c'} / w_c, w_c = Σ_{c'≠c} w_{c,c'},
/// G = Σ_i Σ_{c'} w_{i,c'} h_{i,c'} h_{i,c'}ᵀ = Class + Cross + Within + Own.
type ClassSplit = {
    /// Number of classes C.
    Classes: int
    /// w_{c,c'}, row-major [C; C].
    Weights: float[]
    /// h_{c,c'}: entry c·C + c' is a vector of length M; zero where the weight is.
    CrossMeans: float[][]
    /// h_c: C vectors of length M.
    ClassMeans: float[][]
    /// Σ_c w_c h_c h_cᵀ, of rank at most C: the outliers.
    Class: LinearOperator
    /// Σ_c Σ_{c'≠c} w_{c,c'} (h_{c,c'} − h_c)(h_{c,c'} − h_c)ᵀ, of rank at most C(C − 2).
    Cross: LinearOperator
    /// Σ_c Σ_{i∈c} Σ_{c'≠c} w_{i,c'} (h_{i,c'} − h_{c,c'})(h_{i,c'} − h_{c,c'})ᵀ: the bulk.
    Within: LinearOperator
    /// Σ_c Σ_{i∈c} w_{i,c} h_{i,c} h_{i,c}ᵀ: what the labels themselves add (c' = c).
    Own: LinearOperator
} with

    /// The sum of the four parts: the Gauss–Newton operator.
    member split.Total = split.Class + split.Cross + split.Within + split.Own

/// Class, cross-class and within-class parts of the Gauss–Newton operator (Papyan 2019, 2020).
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

    /// Entries (c, c') with c' ≠ c of a row-major [C; C].
    let private others (classes: int) (c: int) =
        [| 0 .. classes - 1 |] |> Array.filter ((<>) c) |> Array.map (fun other -> c * classes + other)

    /// What all parts are made from.
    type private Setting<'P> = {
        Risk: EmpiricalRisk<'P>
        Point: 'P
        Weighting: ClassWeighting
        Classes: int
        Size: int
        /// The weight of a row, 1/n or 1.
        Unit: float
    }

    /// w_{i,c'} without the weight of a row, and h_{i,c'} as a multiple of g_{i,c'}, from p_{i,c'}.
    let private weightOf weighting p = if weighting = ClassWeighting.Probability then p else 1.0

    let private lengthOf weighting p = if weighting = ClassWeighting.Probability then 1.0 else sqrt p

    /// w_{c,c'} and the vectors h_{c,c'}: for each class C products with the transposed Jacobian at once, with the rows of that class alone.
    let private crossMeansOf (s: Setting<'P>) (labels: int[]) =
        let n, classes = s.Risk.Count, s.Classes

        let p =
            s.Risk.Chunks
            |> Array.collect (fun chunk -> (Tensor.softmax 1 (s.Risk.Model s.Point chunk.Inputs)).toArray())

        let weight i other = s.Unit * weightOf s.Weighting p[i * classes + other]
        let weights = Array.zeroCreate (classes * classes)

        for i in 0 .. n - 1 do
            for other in 0 .. classes - 1 do
                let at = labels[i] * classes + other
                weights[at] <- weights[at] + weight i other

        let jacobian = Curvature.jacobian s.Risk s.Point

        let meansOf c =
            let cotangents = Array.zeroCreate (classes * n * classes)

            for i in 0 .. n - 1 do
                for other in 0 .. classes - 1 do
                    let total = weights[c * classes + other]

                    if labels[i] = c && total > 0.0 then
                        let share = weight i other * lengthOf s.Weighting p[i * classes + other] / total

                        for k in 0 .. classes - 1 do
                            let own = if k = other then 1.0 else 0.0
                            cotangents[(other * n + i) * classes + k] <- share * (p[i * classes + k] - own)

            jacobian.ApplyTransposeRows cotangents classes |> Array.chunkBySize s.Size

        weights, Array.collect meansOf [| 0 .. classes - 1 |]

    /// h_c and w_c.
    let private classMeansOf (s: Setting<'P>) (weights: float[]) (crossMeans: float[][]) =
        Array.init s.Classes (fun c ->
            let entries = others s.Classes c
            let total = entries |> Array.sumBy (fun at -> weights[at])
            let scale = if total > 0.0 then 1.0 / total else 0.0

            total,
            Array.init s.Size (fun j -> scale * (entries |> Array.sumBy (fun at -> weights[at] * crossMeans[at][j]))))

    /// The same in both weightings: w h hᵀ = p g gᵀ / n.
    let private ownOf (s: Setting<'P>) =
        Curvature.symmetric
            "own-class Gauss-Newton"
            s.Risk
            s.Point
            (fun _ -> s.Unit)
            EmpiricalRisk.nothing
            (fun p v chunk _ ->
                Curvature.throughOutputs (fun p -> s.Risk.Model p chunk.Inputs) p v (fun f tangent ->
                    let p, t = Tensor.softmax 1 f, chunk.Targets
                    let rest = p - t
                    let along = Tensor.sumAxis 1 (p * t) * Tensor.sumAxis 1 (rest * tangent)
                    rest * Tensor.expandDims 1 along))

    /// The kernel takes v and the numbers h_{c,c'}ᵀv in one vector. Its sums over i of w (h_{i,c'} − h_{c,c'})ᵀv vanish, so that the means are
    /// subtracted on one side only.
    let private withinOf (s: Setting<'P>) (crossMeans: float[][]) =
        let m, classes = s.Size, s.Classes
        let square = classes * classes
        let model (chunk: DataChunk) p = s.Risk.Model p chunk.Inputs

        let plan =
            s.Risk.Plan $"within-class Gauss-Newton, {s.Weighting}, {m} parameters" (fun p vector chunk _ ->
                let v = Tensor.slice 0 0 m 1 vector
                let along = Tensor.reshape [ classes; classes ] (Tensor.slice 0 m (m + square) 1 vector)

                Curvature.throughOutputs (model chunk) p v (fun f tangent ->
                    let p, t = Tensor.softmax 1 f, chunk.Targets
                    let along = if f.DType = DType.Float32 then Tensor.toFloat32 along else along
                    // g_{i,c'}ᵀv for all c', and then the weights of the g_{i,c'} in the product.
                    let products = Tensor.expandDims 1 (Tensor.sumAxis 1 (p * tangent)) - tangent
                    let means = Tensor.matmul t along

                    let weights =
                        match s.Weighting with
                        | ClassWeighting.Probability -> (1.0 - t) * p * (products - means)
                        | ClassWeighting.Uniform -> (1.0 - t) * Tensor.sqrt p * (Tensor.sqrt p * products - means)

                    p * Tensor.expandDims 1 (Tensor.sumAxis 1 weights) - weights))

        let means = LinearOperator.ofDense square m (Array.concat crossMeans)
        let summed = Curvature.summed s.Risk s.Point (m + square) m (fun _ -> s.Unit) EmpiricalRisk.nothing plan

        let extend (v: float[]) count =
            let products = means.ApplyRows v count

            Array.init count (fun r -> Array.append (Array.sub v (r * m) m) (Array.sub products (r * square) square))
            |> Array.concat

        let products = {
            One = fun v -> summed.One(extend v 1)
            Many = fun v count -> summed.Many (extend v count) count
        }

        LinearOperator("within-class Gauss-Newton", m, m, true, products, products)

    /// <summary>Splits the Gauss–Newton operator of a classifier; that the four parts add up to it is asserted on a random vector.</summary>
    /// <param name="weighting">Which of the two published ways of averaging over classes.</param>
    /// <param name="tolerance">Largest relative error of the sum allowed; 1e-9 suits float64, 1e-4 float32.</param>
    /// <param name="key">The same key gives the same vector.</param>
    /// <param name="risk">A model with predictions [n; C] (logits), the softmax cross-entropy and one-hot targets.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>The parts, as symmetric positive semi-definite operators of size M, and the means; C(C + 1) vectors are stored, and C² products
    /// with the transposed Jacobian make them.</returns>
    /// <exception cref="T:Hesse.HesseException">Targets are not one-hot, or the parts do not add up because the loss is another one.</exception>
    let ofRisk
        (weighting: ClassWeighting)
        (tolerance: float)
        (key: Key)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        : ClassSplit =
        let classes = Curvature.outputsOf risk point

        let setting = {
            Risk = risk
            Point = point
            Weighting = weighting
            Classes = classes
            Size = Curvature.sizeOf point
            Unit =
                match risk.Options.Reduction with
                | LossReduction.Mean -> 1.0 / float risk.Count
                | LossReduction.Sum -> 1.0
        }

        let weights, crossMeans = crossMeansOf setting (labelsOf risk classes)
        let classWeights, classMeans = classMeansOf setting weights crossMeans |> Array.unzip

        let pairs =
            [| 0 .. classes - 1 |] |> Array.collect (fun c -> others classes c |> Array.map (fun at -> c, at))

        let cross =
            StructuredOperator.lowRank
                (pairs |> Array.map (fun (_, at) -> weights[at]))
                (pairs |> Array.map (fun (c, at) -> Products.subtract crossMeans[at] classMeans[c]))

        let split = {
            Classes = classes
            Weights = weights
            CrossMeans = crossMeans
            ClassMeans = classMeans
            Class = (StructuredOperator.lowRank classWeights classMeans).Named "class Gauss-Newton"
            Cross = cross.Named "cross-class Gauss-Newton"
            Within = withinOf setting crossMeans
            Own = ownOf setting
        }

        let parts = [ split.Class; split.Cross; split.Within; split.Own ]
        let error = SplitOperators.defectOfSum key (Curvature.gaussNewton risk point) parts

        if not (error <= tolerance) then
            fail
                $"the parts differ from the Gauss–Newton operator by {error:G3} on a random vector, allowed are {tolerance}; the loss must be the softmax cross-entropy of the predictions (Losses.crossEntropy), reduced as the options say"

        split
