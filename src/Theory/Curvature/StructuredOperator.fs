namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// Operators with a structure: low rank, projections, blocks, Kronecker products.
[<RequireQualifiedAccess>]
module StructuredOperator =
    let private rowsOf (operation: string) (vectors: float[][]) =
        if vectors.Length = 0 || vectors |> Array.exists (fun v -> v.Length <> vectors[0].Length) then
            let lengths = vectors |> Array.map (fun v -> v.Length) |> Array.distinct
            let shown = String.Join(", ", lengths)

            raise (
                HesseException
                    $"StructuredOperator.{operation}: {vectors.Length} vectors of lengths {{{shown}}}; want at least one, all of the same length"
            )

        LinearOperator.ofDense vectors.Length vectors[0].Length (Array.concat vectors)

    /// <summary>A low-rank operator U diag(w) Uᵀ = Σᵢ wᵢ uᵢ uᵢᵀ.</summary>
    /// <param name="weights">w, length k; of any sign.</param>
    /// <param name="vectors">The columns uᵢ of U: k vectors of length M.</param>
    /// <returns>A symmetric operator of size M; a product costs 4kM operations.</returns>
    /// <exception cref="T:Hesse.HesseException">No vector, vectors of unequal lengths, or another number of weights.</exception>
    let lowRank (weights: float[]) (vectors: float[][]) : LinearOperator =
        if weights.Length <> vectors.Length then
            raise (
                HesseException
                    $"StructuredOperator.lowRank: {weights.Length} weights for {vectors.Length} vectors; give one for each"
            )

        (LinearOperator.congruence (rowsOf "lowRank" vectors) (LinearOperator.diagonal weights)).Named "low rank"

    /// QQᵀ of orthonormal vectors.
    let private projector (operation: string) (size: int) (basis: float[][]) =
        let rows = rowsOf operation basis

        if rows.Columns <> size then
            raise (
                HesseException
                    $"StructuredOperator.{operation}: vectors of length {rows.Columns} for an operator of size {size}; want the same length"
            )

        let mutable defect = 0.0

        for i in 0 .. basis.Length - 1 do
            for j in 0..i do
                let product = TensorPrimitives.Dot(ReadOnlySpan<float> basis[i], ReadOnlySpan<float> basis[j])
                defect <- max defect (abs (product - (if i = j then 1.0 else 0.0)))

        if not (defect <= 1e-6) then
            raise (
                HesseException
                    $"StructuredOperator.{operation}: the vectors are not orthonormal: an entry of QᵀQ − I is {defect:G3}; make them so first, e.g. by Linalg.qr"
            )

        lowRank (Array.create basis.Length 1.0) basis

    /// <summary>The operator within a space: QQᵀ A QQᵀ.</summary>
    /// <param name="basis">Orthonormal vectors that span the space, the columns of Q; each of length M.</param>
    /// <param name="operator">A, square.</param>
    /// <returns>An operator of size M that is zero on the complement of the space.</returns>
    /// <exception cref="T:Hesse.HesseException">The vectors are not orthonormal or of the wrong length.</exception>
    let projected (basis: float[][]) (operator: LinearOperator) : LinearOperator =
        (LinearOperator.congruence (projector "projected" operator.Size basis) operator).Named
            $"{operator.Name} within {basis.Length} direction(s)"

    /// <summary>The operator outside a space: (I − QQᵀ) A (I − QQᵀ). Of known eigenvectors it leaves the rest of the spectrum.</summary>
    /// <param name="basis">Orthonormal vectors that span the space, the columns of Q; each of length M.</param>
    /// <param name="operator">A, square.</param>
    /// <returns>An operator of size M that is zero on the space.</returns>
    /// <exception cref="T:Hesse.HesseException">The vectors are not orthonormal or of the wrong length.</exception>
    let deflated (basis: float[][]) (operator: LinearOperator) : LinearOperator =
        let outside = LinearOperator.identity operator.Size - projector "deflated" operator.Size basis

        (LinearOperator.congruence outside operator).Named $"{operator.Name} without {basis.Length} direction(s)"

    /// <summary>The matrix of the operator in a basis: QᵀAQ (Rayleigh–Ritz).</summary>
    /// <param name="basis">The columns of Q: k vectors of length M, orthonormal or not.</param>
    /// <param name="operator">A, square.</param>
    /// <returns>An operator of size k; symmetric when A is.</returns>
    /// <exception cref="T:Hesse.HesseException">The vectors are of the wrong length.</exception>
    let compressed (basis: float[][]) (operator: LinearOperator) : LinearOperator =
        LinearOperator.congruence (rowsOf "compressed" basis).Transpose operator

    /// Columns start .. start + length − 1 of a row-major matrix of so many rows and columns.
    let private columnsOf (v: float[]) rows columns start length =
        let part = Array.zeroCreate (rows * length)

        for r in 0 .. rows - 1 do
            Array.blit v (r * columns + start) part (r * length) length

        part

    /// <summary>The block-diagonal operator diag(A₁, A₂, …).</summary>
    /// <param name="blocks">The blocks, of any shapes; at least one.</param>
    /// <returns>An operator of shape [Σ Rows; Σ Columns]; symmetric when all blocks are.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no block.</exception>
    let blockDiagonal (blocks: LinearOperator seq) : LinearOperator =
        let blocks = Array.ofSeq blocks

        if blocks.Length = 0 then
            raise (HesseException "StructuredOperator.blockDiagonal: no blocks; give at least one")

        let many (products: (int * int * Products)[]) (v: float[]) count =
            let columns = products |> Array.sumBy (fun (_, columns, _) -> columns)
            let rows = products |> Array.sumBy (fun (rows, _, _) -> rows)
            let result = Array.zeroCreate (count * rows)

            ((0, 0), products)
            ||> Array.fold (fun (row, column) (blockRows, blockColumns, block) ->
                let image = block.Many (columnsOf v count columns column blockColumns) count

                for r in 0 .. count - 1 do
                    Array.blit image (r * blockRows) result (r * rows + row) blockRows

                row + blockRows, column + blockColumns)
            |> ignore

            result

        let one (products: (int * int * Products)[]) (v: float[]) =
            let starts = products |> Array.scan (fun column (_, columns, _) -> column + columns) 0

            products
            |> Array.mapi (fun i (_, columns, block) -> block.One(Array.sub v starts[i] columns))
            |> Array.concat

        let both products = { One = one products; Many = many products }

        let names = String.Join(", ", blocks |> Array.map (fun b -> b.Name))

        LinearOperator(
            $"diag({names})",
            blocks |> Array.sumBy (fun b -> b.Rows),
            blocks |> Array.sumBy (fun b -> b.Columns),
            blocks |> Array.forall (fun b -> b.Symmetric),
            both (blocks |> Array.map (fun b -> b.Rows, b.Columns, b.Forward)),
            both (blocks |> Array.map (fun b -> b.Columns, b.Rows, b.Backward))
        )

    /// Each [rows; columns] member of a row-major batch transposed.
    let private transposeEach (members: int) rows columns (v: float[]) =
        let result = Array.zeroCreate v.Length

        for m in 0 .. members - 1 do
            let start = m * rows * columns

            for i in 0 .. rows - 1 do
                for j in 0 .. columns - 1 do
                    result[start + j * rows + i] <- v[start + i * columns + j]

        result

    /// <summary>The Kronecker product A ⊗ B: on a row-major matrix X it is X ↦ A X Bᵀ.</summary>
    /// <param name="a">A, of shape [m; n].</param>
    /// <param name="b">B, of shape [p; q].</param>
    /// <returns>An operator of shape [m p; n q] with entries A_ij B_kl at row i p + k and column j q + l; a product is n products with
    /// B and p with A, in batches.</returns>
    let kronecker (a: LinearOperator) (b: LinearOperator) : LinearOperator =
        let products (n, a: Products) (p, b: Products) m =
            let many (v: float[]) count =
                if v.Length = 0 || m * p = 0 then
                    Array.zeroCreate (count * m * p)
                else
                    // [count · n; q] → [count · n; p] → [count · p; n] → [count · p; m] → [count · m; p].
                    let right = b.Many v (count * n) |> transposeEach count n p
                    a.Many right (count * p) |> transposeEach count p m

            { One = (fun v -> many v 1); Many = many }

        LinearOperator(
            $"{a.Name} ⊗ {b.Name}",
            a.Rows * b.Rows,
            a.Columns * b.Columns,
            a.Symmetric && b.Symmetric,
            products (a.Columns, a.Forward) (b.Rows, b.Forward) a.Rows,
            products (a.Rows, a.Backward) (b.Columns, b.Backward) a.Columns
        )
