namespace Hesse.Theory

open System
open Hesse

/// A symmetric linear map on R^Size that is known by its products only. Vectors are plain arrays.
type LinearOperator = {
    /// Dimension M of the space.
    Size: int
    /// v ↦ A v; argument and result have length M, the argument is not changed.
    Apply: float[] -> float[]
    /// Many products at once: row-major [b; M] and b, to row-major [b; M].
    ApplyRows: float[] -> int -> float[]
}

/// Operators of the curvature of a loss; products cost a few evaluations of the loss and no matrix is formed.
[<RequireQualifiedAccess>]
module LinearOperator =
    /// <summary>An operator from a function of tensors; it is compiled for one vector and for a batch of them.</summary>
    /// <param name="size">M.</param>
    /// <param name="product">v ↦ A v on tensors of shape [M], written with differentiable operations.</param>
    /// <returns>The operator.</returns>
    let ofFunction (size: int) (product: Tensor -> Tensor) : LinearOperator =
        let single = Diff.compile product
        let batched = Diff.compile (Diff.vmap product)

        let check (rows: int) (v: float[]) =
            if v.Length <> rows * size then
                raise (
                    HesseException
                        $"LinearOperator: {rows} vector(s) of {v.Length} numbers together, wanted {size} numbers each; ravel the parameters first"
                )

        {
            Size = size
            Apply =
                fun v ->
                    check 1 v
                    (single (Tensor.create [ size ] v)).toArray()
            ApplyRows =
                fun v rows ->
                    check rows v
                    (batched (Tensor.create [ rows; size ] v)).toArray()
        }

    /// <summary>The operator of a dense symmetric matrix.</summary>
    /// <param name="size">M.</param>
    /// <param name="matrix">Row-major [M; M].</param>
    /// <returns>The operator.</returns>
    let ofMatrix (size: int) (matrix: float[]) : LinearOperator =
        let a = Tensor.create [ size; size ] matrix
        ofFunction size (fun v -> Tensor.matmul a v)

    /// The float64 vectors of an operator as directions for float32 parameters.
    let private inPrecisionOf (theta: Tensor) (v: Tensor) =
        if theta.DType = DType.Float32 then Tensor.toFloat32 v else v

    /// <summary>Hessian-vector products ∇²L(θ) v: forward over reverse (Pearlmutter 1994).</summary>
    /// <param name="loss">A scalar function of a tree of parameters.</param>
    /// <param name="point">θ; the operator acts on its raveled form (<c>Tree.ravel</c>).</param>
    /// <returns>The operator; a product costs about four evaluations of the loss.</returns>
    let hessian (loss: 'P -> Tensor) (point: 'P) : LinearOperator =
        let theta, unravel = Tree.ravel point
        let flatLoss v = loss (unravel v)
        ofFunction theta.Shape[0] (fun v -> Diff.hvp flatLoss theta (inPrecisionOf theta v))

    /// <summary>Gauss–Newton products Jᵀ ∇²ℓ J v of a loss ℓ(f(θ)) (Schraudolph 2002).</summary>
    /// <param name="model">f, from the parameters to the outputs.</param>
    /// <param name="loss">ℓ, from the outputs to a scalar.</param>
    /// <param name="point">θ.</param>
    /// <returns>The operator; positive semi-definite when ℓ is convex.</returns>
    let gaussNewton (model: 'P -> Tensor) (loss: Tensor -> Tensor) (point: 'P) : LinearOperator =
        let theta, unravel = Tree.ravel point
        let flatModel v = model (unravel v)

        ofFunction theta.Shape[0] (fun v ->
            let outputs, tangent = Diff.jvp flatModel theta (inPrecisionOf theta v)
            let curved = Diff.hvp loss outputs tangent
            let _, pullback = Diff.vjp flatModel theta
            pullback curved)

    /// <summary>The dense matrix of an operator, from M products in batches.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="operator">The operator.</param>
    /// <returns>Row-major [M; M], made symmetric as (A + Aᵀ)/2.</returns>
    let toDense (batch: int) (operator: LinearOperator) : float[] =
        let m = operator.Size
        let dense = Array.zeroCreate (m * m)

        // All batches have the same number of rows, so that one compiled plan serves them; the last may overlap the one before it.
        let rows = max 1 (min batch m)
        let mutable first = 0

        while first < m do
            let start = min first (m - rows)
            let identity = Array.zeroCreate (rows * m)

            for r in 0 .. rows - 1 do
                identity[r * m + start + r] <- 1.0

            let products = operator.ApplyRows identity rows
            Array.blit products 0 dense (start * m) (rows * m)
            first <- first + rows

        for i in 0 .. m - 1 do
            for j in 0 .. i - 1 do
                let mean = 0.5 * (dense[i * m + j] + dense[j * m + i])
                dense[i * m + j] <- mean
                dense[j * m + i] <- mean

        dense
