namespace Hesse.Theory

open System
open Hesse

/// The operators of the curvature of a loss over a data set. A product takes the data in chunks: its memory is that of one chunk, whatever
/// the number of rows, and what <c>RiskOptions.Kept</c> allows for values that do not depend on the vector, which are computed in the first product alone. Vectors are raveled parameters (<c>Tree.ravel</c>), blocks by path come from <c>SubOperator.block</c>.
[<RequireQualifiedAccess>]
module Curvature =
    /// Directions in the precision of the parameters, as a tree of their structure.
    let internal directions (point: 'P) (v: Tensor) : 'P =
        let flat, unravel = Tree.ravel point
        unravel (if flat.DType = DType.Float32 then Tensor.toFloat32 v else v)

    let internal raveled (tree: 'P) : Tensor = fst (Tree.ravel tree)

    let internal sizeOf (point: 'P) = Tree.leaves point |> Array.sumBy _.Size

    /// Products Σ weight · kernel over the chunks: vectors of length `columns` to vectors of length `rows`.
    let internal summed
        (risk: EmpiricalRisk<'P>)
        point
        (columns: int)
        (rows: int)
        weight
        (extra: Tensor)
        plan
        : Products =
        let plan: PointPlan<'P> = risk.At plan point extra

        {
            One =
                fun v ->
                    let v = Tensor.create [ columns ] v
                    risk.Sum rows weight (plan.One v)
            Many =
                fun v count ->
                    let v = Tensor.create [ count; columns ] v
                    risk.Sum (count * rows) weight (plan.Many v)
        }

    /// A symmetric operator Σ weight · kernel over the chunks.
    let internal symmetric
        name
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        weight
        extra
        (kernel: Kernel<'P>)
        : LinearOperator =
        let m = sizeOf point
        let products = summed risk point m m weight extra (risk.Plan name kernel)
        LinearOperator(name, m, m, true, products, products)

    /// <summary>The Hessian ∇²L(θ) over the data set: forward over reverse in each chunk (Pearlmutter 1994).</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric operator of size M; a product costs about four evaluations of the loss, without what is kept of the first one (for a perceptron a
    /// quarter of the matrix products, a third in the first layer).</returns>
    let hessian (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        symmetric "Hessian" risk point risk.Weight EmpiricalRisk.nothing (fun p v chunk _ ->
            raveled (Diff.hvp (risk.LossOf chunk) p (directions p v)))

    /// Jᵀ B J v of a chunk, where B is a linear map on the tangent of the predictions.
    let internal throughOutputs (model: 'P -> Tensor) (point: 'P) (v: Tensor) (metric: Tensor -> Tensor -> Tensor) =
        let outputs, tangent = Diff.jvp model point (directions point v)
        let _, pullback = Diff.vjp model point
        raveled (pullback (metric outputs tangent))

    /// <summary>The generalised Gauss–Newton operator Σ Jᵀ ∇²ℓ J over the data set (Schraudolph 2002), for any loss that can be
    /// differentiated twice: the product with the Hessian of the loss with respect to the predictions is exact.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric operator of size M; positive semi-definite when ℓ is convex in the predictions.</returns>
    let gaussNewton (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        symmetric "Gauss-Newton" risk point risk.Weight EmpiricalRisk.nothing (fun p v chunk _ ->
            throughOutputs (fun p -> risk.Model p chunk.Inputs) p v (fun outputs tangent ->
                Diff.hvp (fun f -> risk.Loss f chunk.Targets) outputs tangent))

    /// <summary>The functional Hessian R = H − G = Σ (∂ℓ/∂f) ∇²f over the data set: what the curvature of the model adds to that of the loss
    /// (Sagun, Evci, Güney, Dauphin, Bottou 2017, equation 3). It is computed by itself, not as a difference.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>A symmetric operator of size M, in general indefinite.</returns>
    let functional (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        symmetric "functional Hessian" risk point risk.Weight EmpiricalRisk.nothing (fun p v chunk _ ->
            let model p = risk.Model p chunk.Inputs
            // ∂ℓ/∂f is held at θ: it does not take part in the differentiation with respect to the parameters.
            let slope = Diff.grad (fun f -> risk.Loss f chunk.Targets) (model p)
            raveled (Diff.hvp (fun q -> Tensor.sum (slope * model q)) p (directions p v)))

    let internal outputsOf (risk: EmpiricalRisk<'P>) (point: 'P) : int =
        let first = risk.Chunks[0]
        let predictions = risk.Model point (Tensor.slice 0 0 1 1 first.Inputs)

        if predictions.Rank = 0 || predictions.Shape[0] <> 1 then
            let shape = String.Join("; ", predictions.Shape)

            raise (
                HesseException
                    $"Curvature: the model maps one row of inputs to predictions of shape [{shape}]; the first length must be the number of rows"
            )

        predictions.Size

    /// <summary>The Jacobian of the predictions on the whole data set with respect to the parameters.</summary>
    /// <param name="risk">Model and data; the loss is not used.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <returns>An operator of shape [n·k; M], with k the numbers in one row's prediction: rows of the data one after the other. Apply is a
    /// forward derivative, ApplyTranspose a reverse one; JJᵀ (<c>j * j.Transpose</c>) is the empirical tangent kernel.</returns>
    let jacobian (risk: EmpiricalRisk<'P>) (point: 'P) : LinearOperator =
        let m, k, n = sizeOf point, outputsOf risk point, risk.Count

        let forward =
            risk.Plan "Jacobian" (fun p v chunk _ ->
                Tensor.flatten (snd (Diff.jvp (fun p -> risk.Model p chunk.Inputs) p (directions p v))))

        let backward =
            risk.Plan "Jacobian, transposed" (fun p u chunk _ ->
                let outputs, pullback = Diff.vjp (fun p -> risk.Model p chunk.Inputs) p
                let u = Tensor.reshape outputs.Shape u
                raveled (pullback (if outputs.DType = DType.Float32 then Tensor.toFloat32 u else u)))

        let apply (run: DataChunk -> float[] -> unit) count =
            let result = Array.zeroCreate (count * n * k)

            risk.EachChunk(fun chunk ->
                let width = chunk.Count * k
                let part = Array.zeroCreate (count * width)
                run chunk part

                for r in 0 .. count - 1 do
                    Array.blit part (r * width) result (r * n * k + chunk.Start * k) width)

            result

        /// The part of each row that belongs to a chunk, [count; chunk rows · k].
        let part (u: float[]) count (chunk: DataChunk) =
            let width = chunk.Count * k

            Array.init count (fun r -> Array.sub u (r * n * k + chunk.Start * k) width)
            |> Array.concat
            |> Tensor.create [ count; width ]

        let forward = risk.At forward point EmpiricalRisk.nothing
        let backward = risk.At backward point EmpiricalRisk.nothing
        let one _ = 1.0

        LinearOperator(
            "Jacobian",
            n * k,
            m,
            false,
            {
                One =
                    fun v ->
                        let v = Tensor.create [ m ] v
                        apply (forward.One v) 1
                Many =
                    fun v count ->
                        let v = Tensor.create [ count; m ] v
                        apply (forward.Many v) count
            },
            {
                One = fun u -> risk.Sum m one (fun chunk -> backward.One (Tensor.flatten (part u 1 chunk)) chunk)
                Many = fun u count -> risk.Sum (count * m) one (fun chunk -> backward.Many (part u count chunk) chunk)
            }
        )
