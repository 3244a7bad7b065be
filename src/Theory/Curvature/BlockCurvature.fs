namespace Hesse.Theory

open System
open Hesse

/// The orthonormal eigenvectors of a block of a symmetric matrix.
[<RequireQualifiedAccess>]
type BlockBasis =
    /// The unit vectors: the block is diagonal.
    | Units
    /// The columns of a matrix, shape [s; s].
    | Dense of Tensor
    /// For each group the products left ⊗ right of the columns of two matrices, shapes [groups; a; a] and [groups; b; b]: element
    /// (d, i, o) of the block, in row-major order, belongs to row i of the left and row o of the right matrix of group d.
    | Kronecker of left: Tensor * right: Tensor

/// A block U diag(λ) Uᵀ of a symmetric matrix.
type CurvatureBlock = {
    /// What the block is, for people: its kind, shape, and why it is of that kind.
    Description: string
    /// Rows of the matrix that the block takes, in its own order.
    Positions: int[]
    /// U.
    Basis: BlockBasis
    /// λ, in the order of U.
    Eigenvalues: float[]
}

/// A symmetric matrix that is block-diagonal in some order of its rows, with the eigenvectors of every block: functions of it are
/// functions of eigenvalues. Every row is in exactly one block.
type BlockCurvature = {
    /// Dimension M.
    Size: int
    /// The blocks.
    Blocks: CurvatureBlock[]
}

/// Functions of matrices with structured blocks.
[<RequireQualifiedAccess>]
module BlockCurvature =
    // ----- blocks -----

    let private shapeOf (block: CurvatureBlock) =
        match block.Basis with
        | BlockBasis.Kronecker(left, right) -> [| left.Shape[0]; left.Shape[1]; right.Shape[1] |]
        | _ -> [| block.Positions.Length |]

    let private transposed (t: Tensor) = Tensor.permute [ 0; 2; 1 ] t

    /// Uᵀ x, in the block's shape.
    let private toBasis (block: CurvatureBlock) (x: Tensor) =
        match block.Basis with
        | BlockBasis.Units -> x
        | BlockBasis.Dense u -> Tensor.matmul x u
        | BlockBasis.Kronecker(left, right) ->
            Tensor.matmul (Tensor.matmul (transposed left) (Tensor.reshape (shapeOf block) x)) right

    /// U x, flat again.
    let private fromBasis (block: CurvatureBlock) (x: Tensor) =
        match block.Basis with
        | BlockBasis.Units -> x
        | BlockBasis.Dense u -> Tensor.matmul u x
        | BlockBasis.Kronecker(left, right) -> Tensor.flatten (Tensor.matmul (Tensor.matmul left x) (transposed right))

    /// The dense block of eigenvectors and eigenvalues of a symmetric matrix.
    let internal dense (description: string) (positions: int[]) (matrix: Tensor) : CurvatureBlock =
        let values, vectors = Linalg.eigh matrix

        {
            Description = description
            Positions = positions
            Basis = BlockBasis.Dense vectors
            Eigenvalues = values.toArray ()
        }

    let internal diagonal (description: string) (positions: int[]) (values: float[]) : CurvatureBlock = {
        Description = description
        Positions = positions
        Basis = BlockBasis.Units
        Eigenvalues = values
    }

    // ----- making them -----

    /// <summary>The diagonal matrix of given numbers.</summary>
    /// <param name="values">The diagonal, length M.</param>
    /// <returns>One block.</returns>
    let ofDiagonal (values: float[]) : BlockCurvature = {
        Size = values.Length
        Blocks = [| diagonal $"diagonal of {values.Length} numbers" [| 0 .. values.Length - 1 |] values |]
    }

    /// <summary>A dense symmetric matrix as one block.</summary>
    /// <param name="size">M.</param>
    /// <param name="matrix">Row-major [M; M].</param>
    /// <returns>One block, with all eigenvectors: O(M³).</returns>
    let ofMatrix (size: int) (matrix: float[]) : BlockCurvature = {
        Size = size
        Blocks = [| dense $"dense {size} × {size}" [| 0 .. size - 1 |] (Tensor.create [ size; size ] matrix) |]
    }

    /// <summary>The diagonal blocks of an operator that belong to the tensors of a tree: what is left when parameters of different tensors do not see each other.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="operator">A symmetric operator on raveled parameters, of size M.</param>
    /// <param name="parameters">The tree; one block for each of its tensors.</param>
    /// <returns>A dense block for each tensor.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is not of the size of the tree.</exception>
    /// <remarks>M products, and memory for the largest block.</remarks>
    let ofOperator (batch: int) (operator: LinearOperator) (parameters: 'P) : BlockCurvature =
        let sizes, paths = Tree.leaves parameters |> Array.map (fun l -> l.Size), Tree.paths parameters
        let starts = Array.scan (+) 0 sizes

        if Array.last starts <> operator.Size then
            raise (
                HesseException
                    $"BlockCurvature.ofOperator: the operator has size {operator.Size} and the tree {Array.last starts} elements; wanted the operator of this tree"
            )

        let block leaf =
            let first, size = starts[leaf], sizes[leaf]
            // The operator between the block's own coordinates.
            let part (rows: float[]) count =
                let wide = Array.zeroCreate (count * operator.Size)

                for r in 0 .. count - 1 do
                    Array.blit rows (r * size) wide (r * operator.Size + first) size

                let products = operator.ApplyRows wide count
                Array.init (count * size) (fun e -> products[e / size * operator.Size + first + e % size])

            let rows = max 1 (min batch size)
            let matrix = Array.zeroCreate (size * size)

            for from in 0..rows .. size - 1 do
                let count = min rows (size - from)
                let units = Array.zeroCreate (rows * size)

                for r in 0 .. count - 1 do
                    units[r * size + from + r] <- 1.0

                Array.blit (part units rows) 0 matrix (from * size) (count * size)

            dense
                $"{paths[leaf]}: dense {size} × {size}"
                [| first .. first + size - 1 |]
                (Tensor.create [ size; size ] matrix)

        {
            Size = operator.Size
            Blocks = [| 0 .. sizes.Length - 1 |] |> Array.filter (fun i -> sizes[i] > 0) |> Array.map block
        }

    /// <summary>Some blocks of one matrix and the rest of another: a structure for each layer.</summary>
    /// <param name="isTaken">Which blocks of the first are taken.</param>
    /// <param name="first">A matrix of size M.</param>
    /// <param name="second">Another one; its blocks without a row in those that are taken make up the rest.</param>
    /// <returns>A matrix of size M.</returns>
    /// <exception cref="T:Hesse.HesseException">The blocks do not fit: a block of the second is taken in part.</exception>
    let mixed (isTaken: CurvatureBlock -> bool) (first: BlockCurvature) (second: BlockCurvature) : BlockCurvature =
        let taken = first.Blocks |> Array.filter isTaken
        let covered = System.Collections.Generic.HashSet(taken |> Seq.collect (fun b -> b.Positions))
        let rest = second.Blocks |> Array.filter (fun b -> not (Array.exists covered.Contains b.Positions))
        let rows = covered.Count + (rest |> Array.sumBy (fun b -> b.Positions.Length))

        if first.Size <> second.Size || rows <> first.Size then
            raise (
                HesseException
                    $"BlockCurvature.mixed: the blocks that are taken and those left beside them have {rows} rows together, of matrices of size {first.Size} and {second.Size}; take blocks of the first that are unions of blocks of the second"
            )

        { Size = first.Size; Blocks = Array.append taken rest }

    // ----- functions of the matrix -----

    /// <summary>The matrix with other eigenvalues: f(C).</summary>
    /// <param name="f">From an eigenvalue to an eigenvalue.</param>
    /// <param name="curvature">C.</param>
    /// <returns>f(C), with the eigenvectors of C.</returns>
    let map (f: float -> float) (curvature: BlockCurvature) : BlockCurvature = {
        curvature with
            Blocks = curvature.Blocks |> Array.map (fun b -> { b with Eigenvalues = Array.map f b.Eigenvalues })
    }

    /// <summary>The product with a vector, as a function of tensors that can be batched, differentiated and compiled.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>v ↦ C v, from shape [M] to shape [M].</returns>
    /// <remarks>For a Kronecker block of inputs a and outputs b: 4ab(a + b) operations.</remarks>
    let product (curvature: BlockCurvature) : Tensor -> Tensor =
        let order = curvature.Blocks |> Array.collect (fun b -> b.Positions)
        let inverse = Array.zeroCreate order.Length
        order |> Array.iteri (fun i p -> inverse[p] <- i)
        let back = Tensor.ofArray (Array.map float inverse)

        let each =
            curvature.Blocks
            |> Array.map (fun b ->
                let at = Tensor.ofArray (Array.map float b.Positions)
                let values = Tensor.create (shapeOf b) b.Eigenvalues
                fun v -> fromBasis b (values * toBasis b (Tensor.gather 0 at v)))

        fun v -> Tensor.gather 0 back (Tensor.concat 0 (each |> Array.map (fun f -> f v)))

    /// <summary>The operator of the matrix.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>v ↦ C v.</returns>
    let operator (curvature: BlockCurvature) : LinearOperator =
        LinearOperator.ofFunction curvature.Size (product curvature)

    /// <summary>All eigenvalues.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>Descending, length M.</returns>
    let eigenvalues (curvature: BlockCurvature) : float[] =
        curvature.Blocks |> Array.collect (fun b -> b.Eigenvalues) |> Array.sortDescending

    /// <summary>The trace.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>tr C.</returns>
    let trace (curvature: BlockCurvature) : float = curvature.Blocks |> Array.sumBy (fun b -> Array.sum b.Eigenvalues)

    /// <summary>The Frobenius norm.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>‖C‖ = √Σλ².</returns>
    let frobeniusNorm (curvature: BlockCurvature) : float =
        curvature.Blocks |> Array.sumBy (fun b -> b.Eigenvalues |> Array.sumBy (fun x -> x * x)) |> sqrt

    let private checkPositive (operation: string) (damping: float) (curvature: BlockCurvature) =
        let lowest = curvature.Blocks |> Seq.collect (fun b -> b.Eigenvalues) |> Seq.fold min infinity

        if not (lowest + damping > 0.0) then
            raise (
                HesseException
                    $"BlockCurvature.{operation}: the lowest eigenvalue is {lowest:G6} and the damping {damping:G6}; their sum must be positive: give more damping"
            )

    /// <summary>log det (C + δI).</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C.</param>
    /// <returns>Σ log(λ + δ).</returns>
    /// <exception cref="T:Hesse.HesseException">C + δI is not positive definite.</exception>
    let logDeterminant (damping: float) (curvature: BlockCurvature) : float =
        checkPositive "logDeterminant" damping curvature
        curvature.Blocks |> Array.sumBy (fun b -> b.Eigenvalues |> Array.sumBy (fun x -> log (x + damping)))

    /// <summary>(C + δI)⁻¹, exactly: the damping is added to the eigenvalues.</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C.</param>
    /// <returns>The inverse; its product is a preconditioned gradient.</returns>
    /// <exception cref="T:Hesse.HesseException">C + δI is not positive definite.</exception>
    let inverse (damping: float) (curvature: BlockCurvature) : BlockCurvature =
        checkPositive "inverse" damping curvature
        map (fun x -> 1.0 / (x + damping)) curvature

    /// <summary>Draws from the normal distribution of mean zero and covariance C.</summary>
    /// <param name="count">How many.</param>
    /// <param name="key">The same key gives the same numbers.</param>
    /// <param name="curvature">C, positive semi-definite; for a posterior the inverse of a precision. Eigenvalues that are negative count as zero.</param>
    /// <returns>Shape [count; M].</returns>
    let sample (count: int) (key: Key) (curvature: BlockCurvature) : Tensor =
        let root = map (fun x -> sqrt (max 0.0 x)) curvature
        Diff.vmap (product root) (Random.normal key [ count; curvature.Size ])

    /// <summary>The diagonal of the matrix.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>Cᵢᵢ = Σ Uᵢⱼ² λⱼ, length M.</returns>
    let diagonalOf (curvature: BlockCurvature) : float[] =
        let result = Array.zeroCreate curvature.Size

        for b in curvature.Blocks do
            let squared =
                match b.Basis with
                | BlockBasis.Units -> BlockBasis.Units
                | BlockBasis.Dense u -> BlockBasis.Dense(Tensor.square u)
                | BlockBasis.Kronecker(left, right) -> BlockBasis.Kronecker(Tensor.square left, Tensor.square right)

            let values = fromBasis { b with Basis = squared } (Tensor.create (shapeOf b) b.Eigenvalues)
            Array.iter2 (fun p v -> result[p] <- v) b.Positions (values.toArray ())

        result

    /// <summary>The dense matrix: for tests and small models.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>Row-major [M; M].</returns>
    let toDense (curvature: BlockCurvature) : float[] =
        (Diff.vmap (product curvature) (Tensor.eye curvature.Size)).toArray()
