namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// Linear operators: how they are made, from functions, matrices and the derivatives of a loss, and what is read from them by products.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module LinearOperator =
    let private make name rows columns symmetric forward backward =
        if rows < 0 || columns < 0 then
            raise (
                HesseException $"LinearOperator: operator '{name}' of shape [{rows}; {columns}]; lengths are at least 0"
            )

        LinearOperator(name, rows, columns, symmetric, forward, backward)

    /// <summary>An operator from functions of arrays.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="rows">Length of A v.</param>
    /// <param name="columns">Length of v.</param>
    /// <param name="apply">v ↦ A v; must not change its argument.</param>
    /// <param name="applyTranspose">u ↦ Aᵀ u; must not change its argument.</param>
    /// <returns>The operator; many products are single ones in turn.</returns>
    let create name rows columns (apply: float[] -> float[]) (applyTranspose: float[] -> float[]) : LinearOperator =
        make name rows columns false (Products.ofOne columns apply) (Products.ofOne rows applyTranspose)

    /// <summary>A symmetric operator from a function of arrays.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="size">M.</param>
    /// <param name="apply">v ↦ A v with A = Aᵀ, which is taken on trust; must not change its argument.</param>
    /// <returns>The operator; many products are single ones in turn.</returns>
    let symmetric name size (apply: float[] -> float[]) : LinearOperator =
        let products = Products.ofOne size apply
        make name size size true products products

    /// Bytes of intermediate values with which a plan runs from the second-level caches. For the Hessian of the network 64-32-10 on 1797
    /// examples (2.2 MiB) sixteen products one by one take 5.7 ms, in one batch 9.3 ms (two cores, 1 MiB each).
    [<Literal>]
    let private blockBytes = 2097152L

    /// Cuts `rows` into the fewest parts of at most `most` rows that differ by at most one: start and length of each.
    let private evenly (rows: int) (most: int) : struct (int * int)[] =
        let parts = (rows + most - 1) / most
        let start i = int (int64 i * int64 rows / int64 parts)
        Array.init parts (fun i -> struct (start i, start (i + 1) - start i))

    /// Products by a plan for one vector and a plan for each number of rows. Rows beyond what the caches have room for are done in blocks.
    let private compiled (length: int) (product: Tensor -> Tensor) : Products =
        let single = Diff.compile product
        let batched = Diff.compile (Diff.vmap product)

        let most =
            lazy
                (let bytes = (Diff.plan product (Tensor.zeros [ length ])).ArenaBytes
                 int (min (int64 Int32.MaxValue) (max 1L (blockBytes / max 1L bytes))))

        let together (v: float[]) rows =
            if rows = 1 then
                (single (Tensor.create [ length ] v)).toArray()
            else
                (batched (Tensor.create [ rows; length ] v)).toArray()

        let inBlocks (v: float[]) rows =
            evenly rows most.Value
            |> Array.map (fun struct (first, count) -> together (Array.sub v (first * length) (count * length)) count)
            |> Array.concat

        {
            One = fun v -> together v 1
            Many = fun v rows -> if rows < 4 || rows <= most.Value then together v rows else inBlocks v rows
        }

    /// <summary>A symmetric operator from a function of tensors; it is compiled for one vector and for a batch of them.</summary>
    /// <param name="size">M.</param>
    /// <param name="product">v ↦ A v on tensors of shape [M], written with differentiable operations; A = Aᵀ is taken on trust.</param>
    /// <returns>The operator.</returns>
    let ofFunction (size: int) (product: Tensor -> Tensor) : LinearOperator =
        let products = compiled size product
        make "function" size size true products products

    /// <summary>An operator of any shape from a linear function of tensors; the transpose is found by turning the function around.</summary>
    /// <param name="columns">Length of v.</param>
    /// <param name="product">v ↦ A v, from shape [columns] to shape [rows], linear in v.</param>
    /// <returns>The operator; it is not taken for symmetric.</returns>
    /// <exception cref="T:Hesse.HesseException">The function is not linear, or its result is no vector.</exception>
    let ofLinear (columns: int) (product: Tensor -> Tensor) : LinearOperator =
        let zero = Tensor.zeros [ columns ]
        let image = (product zero).Shape

        if image.Length <> 1 then
            raise (
                HesseException
                    $"LinearOperator.ofLinear: the function maps [{columns}] to a tensor of rank {image.Length}; want a vector; flatten the result"
            )

        let transposed = Diff.linearTranspose product zero
        make "function" image[0] columns false (compiled columns product) (compiled image[0] transposed)

    /// <summary>The operator of a dense symmetric matrix.</summary>
    /// <param name="size">M.</param>
    /// <param name="matrix">Row-major [M; M].</param>
    /// <returns>The operator.</returns>
    let ofMatrix (size: int) (matrix: float[]) : LinearOperator =
        let a = Tensor.create [ size; size ] matrix
        (ofFunction size (fun v -> Tensor.matmul a v)).Named "matrix"

    /// <summary>The operator of a dense matrix of any shape.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="matrix">Row-major [rows; columns].</param>
    /// <returns>The operator; it is not taken for symmetric.</returns>
    let ofDense (rows: int) (columns: int) (matrix: float[]) : LinearOperator =
        let a = Tensor.create [ rows; columns ] matrix
        (ofLinear columns (fun v -> Tensor.matmul a v)).Named "matrix"

    /// <summary>v ↦ v.</summary>
    /// <param name="size">M.</param>
    /// <returns>The operator I.</returns>
    let identity (size: int) : LinearOperator =
        let products = { One = Array.copy; Many = fun v _ -> Array.copy v }
        make "I" size size true products products

    /// <summary>The operator of a diagonal matrix.</summary>
    /// <param name="entries">Its diagonal, length M.</param>
    /// <returns>v ↦ d ∘ v.</returns>
    let diagonal (entries: float[]) : LinearOperator =
        let m = entries.Length
        let multiply (v: float[]) = Array.init v.Length (fun i -> entries[i % m] * v[i])
        let products = { One = multiply; Many = fun v _ -> multiply v }
        make "diagonal" m m true products products

    /// <summary>A + σI, e.g. a damped curvature.</summary>
    /// <param name="shift">σ.</param>
    /// <param name="operator">A, square.</param>
    /// <returns>The operator; it costs what A costs.</returns>
    /// <exception cref="T:Hesse.HesseException">A is not square.</exception>
    let shifted (shift: float) (operator: LinearOperator) : LinearOperator =
        (operator + shift * identity operator.Size).Named $"({operator.Name} + {shift}·I)"

    /// <summary>The same map, declared symmetric: for products such as BᵀAB, where the types cannot know it.</summary>
    /// <param name="operator">A square operator with A = Aᵀ, which is taken on trust; <c>OperatorChecks.symmetric</c> tests it.</param>
    /// <returns>The operator, whose transpose is itself.</returns>
    /// <exception cref="T:Hesse.HesseException">A is not square.</exception>
    let assumeSymmetric (operator: LinearOperator) : LinearOperator =
        make operator.Name operator.Size operator.Size true operator.Forward operator.Forward

    /// <summary>The congruence BᵀAB; symmetric when A is.</summary>
    /// <param name="b">B, of shape [M; k].</param>
    /// <param name="operator">A, of shape [M; M].</param>
    /// <returns>An operator of shape [k; k]; a product is one with B, one with A and one with Bᵀ.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes do not fit.</exception>
    let congruence (b: LinearOperator) (operator: LinearOperator) : LinearOperator =
        let product = b.Transpose * operator * b
        if operator.Symmetric then assumeSymmetric product else product

    /// <summary>An operator that counts its products.</summary>
    /// <param name="operator">Any operator.</param>
    /// <returns>The same map, and the counter of the products that are made through it.</returns>
    let counted (operator: LinearOperator) : LinearOperator * ProductCounter =
        let counter = ProductCounter()

        let counting (count: int -> unit) (products: Products) = {
            One =
                fun v ->
                    count 1
                    products.One v
            Many =
                fun v rows ->
                    count rows
                    products.Many v rows
        }

        let forward = counting counter.AddForward operator.Forward

        let backward =
            if operator.Symmetric then
                forward
            else
                counting counter.AddTransposed operator.Backward

        make operator.Name operator.Rows operator.Columns operator.Symmetric forward backward, counter

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

        (ofFunction theta.Shape[0] (fun v -> Diff.hvp flatLoss theta (inPrecisionOf theta v))).Named "Hessian"

    /// <summary>Gauss–Newton products Jᵀ ∇²ℓ J v of a loss ℓ(f(θ)) (Schraudolph 2002).</summary>
    /// <param name="model">f, from the parameters to the outputs.</param>
    /// <param name="loss">ℓ, from the outputs to a scalar.</param>
    /// <param name="point">θ.</param>
    /// <returns>The operator; positive semi-definite when ℓ is convex.</returns>
    let gaussNewton (model: 'P -> Tensor) (loss: Tensor -> Tensor) (point: 'P) : LinearOperator =
        let theta, unravel = Tree.ravel point
        let flatModel v = model (unravel v)

        (ofFunction theta.Shape[0] (fun v ->
            let outputs, tangent = Diff.jvp flatModel theta (inPrecisionOf theta v)
            let curved = Diff.hvp loss outputs tangent
            let _, pullback = Diff.vjp flatModel theta
            pullback curved))
            .Named
            "Gauss-Newton"

    /// The products with all unit vectors, in blocks: what is done with each block learns where it starts and how many rows it has.
    /// All blocks have the same number of rows, so that one compiled plan serves them; the last may overlap the one before it.
    let private overUnitVectors
        batch
        length
        (products: float[] -> int -> float[])
        (use': int -> int -> float[] -> unit)
        =
        let rows = max 1 (min batch length)

        for first in 0..rows .. length - 1 do
            let start = min first (length - rows)
            let units = Array.zeroCreate (rows * length)

            for r in 0 .. rows - 1 do
                units[r * length + start + r] <- 1.0

            use' start rows (products units rows)

    /// <summary>The dense matrix of an operator, from min(Rows, Columns) products in batches.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="operator">The operator.</param>
    /// <returns>Row-major [Rows; Columns]; that of a symmetric operator is made exactly symmetric as (A + Aᵀ)/2.</returns>
    let toDense (batch: int) (operator: LinearOperator) : float[] =
        let m, n = operator.Rows, operator.Columns
        let dense = Array.zeroCreate (m * n)

        if operator.Symmetric || m <= n then
            overUnitVectors batch m operator.ApplyTransposeRows (fun start rows products ->
                Array.blit products 0 dense (start * n) (rows * n))
        else
            overUnitVectors batch n operator.ApplyRows (fun start rows products ->
                for r in 0 .. rows - 1 do
                    for i in 0 .. m - 1 do
                        dense[i * n + start + r] <- products[r * m + i])

        if operator.Symmetric then
            for i in 0 .. m - 1 do
                for j in 0 .. i - 1 do
                    let mean = 0.5 * (dense[i * m + j] + dense[j * m + i])
                    dense[i * m + j] <- mean
                    dense[j * m + i] <- mean

        dense

    /// <summary>The sum of each row, by one product.</summary>
    /// <param name="operator">The operator.</param>
    /// <returns>A·1, length Rows.</returns>
    let rowSums (operator: LinearOperator) : float[] = operator.Apply(Array.create operator.Columns 1.0)

    /// <summary>The sum of each column, by one product with the transpose.</summary>
    /// <param name="operator">The operator.</param>
    /// <returns>Aᵀ·1, length Columns.</returns>
    let columnSums (operator: LinearOperator) : float[] = operator.ApplyTranspose(Array.create operator.Rows 1.0)

    /// <summary>The Euclidean norm of each column, by products with all unit vectors; the matrix is never stored.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="operator">The operator.</param>
    /// <returns>Length Columns; exact up to rounding.</returns>
    let columnNorms (batch: int) (operator: LinearOperator) : float[] =
        let m = operator.Rows
        let norms = Array.zeroCreate operator.Columns

        overUnitVectors batch operator.Columns operator.ApplyRows (fun start rows products ->
            for r in 0 .. rows - 1 do
                norms[start + r] <- TensorPrimitives.Norm(ReadOnlySpan<float>(products, r * m, m)))

        norms

    /// <summary>The Euclidean norm of each row, by products of the transpose with all unit vectors.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="operator">The operator.</param>
    /// <returns>Length Rows; exact up to rounding.</returns>
    let rowNorms (batch: int) (operator: LinearOperator) : float[] = columnNorms batch operator.Transpose
