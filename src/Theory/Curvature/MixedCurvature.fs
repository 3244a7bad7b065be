namespace Hesse.Theory

open System
open Hesse

/// A structure for the curvature of some parameters.
[<RequireQualifiedAccess>]
type CurvatureStructure =
    /// The exact diagonal.
    | Diagonal
    /// The diagonal, and weights with the bias of their unit.
    | QuasiDiagonal
    /// Kronecker factors of each product.
    | Kfac
    /// Kronecker factors with corrected eigenvalues.
    | Ekfac
    /// All exactly, as one dense block.
    | Dense
    /// Nyström's approximation of a rank, which is not above the number of the parameters.
    | LowRank of rank: int * key: Key

/// A matrix with one of the structures.
[<RequireQualifiedAccess>]
type StructuredMatrix =
    /// Diagonal, dense and Kronecker blocks.
    | Blocks of BlockCurvature
    /// Diagonals with biases.
    | QuasiDiagonal of QuasiDiagonalCurvature
    /// Few eigenvectors and a diagonal.
    | LowRank of LowRankCurvature

/// Some rows and columns of a matrix.
type MixedPart = {
    /// What the part is, for people.
    Description: string
    /// Rows of the whole that the part takes, in its own order.
    Positions: int[]
    /// The part, of the size of its positions.
    Matrix: StructuredMatrix
}

/// A symmetric matrix that is block-diagonal, each of its parts with a structure of its own.
type MixedCurvature = {
    /// Dimension M.
    Size: int
    /// The parts; every row is in exactly one of them.
    Parts: MixedPart[]
}

/// Curvature with another structure for each part of the parameters: Kronecker factors for this layer, a diagonal for that one.
[<RequireQualifiedAccess>]
module MixedCurvature =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private sizeOf (matrix: StructuredMatrix) =
        match matrix with
        | StructuredMatrix.Blocks c -> c.Size
        | StructuredMatrix.QuasiDiagonal c -> c.Size
        | StructuredMatrix.LowRank c -> c.Size

    /// <summary>Puts parts together.</summary>
    /// <param name="size">M.</param>
    /// <param name="parts">The parts, whose positions are 0 .. M − 1, each once.</param>
    /// <returns>The matrix.</returns>
    /// <exception cref="T:Hesse.HesseException">A row is in no part or in several, or a part has not as many positions as rows.</exception>
    let ofParts (size: int) (parts: MixedPart[]) : MixedCurvature =
        for part in parts do
            if sizeOf part.Matrix <> part.Positions.Length then
                fail
                    $"MixedCurvature.ofParts: '{part.Description}' has {sizeOf part.Matrix} rows and {part.Positions.Length} positions; wanted as many"

        let owners = parts |> Array.collect (fun part -> part.Positions) |> Array.sort

        if owners <> [| 0 .. size - 1 |] then
            fail
                $"MixedCurvature.ofParts: the parts have {owners.Length} positions, {Array.distinct owners |> Array.length} of them different, for a matrix of size {size}; wanted 0 .. {size - 1}, each once"

        { Size = size; Parts = parts }

    let private nameOf structure =
        match structure with
        | CurvatureStructure.Diagonal -> "diagonal"
        | CurvatureStructure.QuasiDiagonal -> "quasi-diagonal"
        | CurvatureStructure.Kfac -> "KFAC"
        | CurvatureStructure.Ekfac -> "EKFAC"
        | CurvatureStructure.Dense -> "dense"
        | CurvatureStructure.LowRank(rank, _) -> $"rank {rank}"

    let private structured (options: KfacOptions) structure (risk: EmpiricalRisk<Tensor[]>) (point: Tensor[]) =
        match structure with
        | CurvatureStructure.Diagonal ->
            StructuredMatrix.Blocks(BlockCurvature.ofDiagonal (ExactBlocks.diagonal options.Outputs risk point))
        | CurvatureStructure.QuasiDiagonal ->
            StructuredMatrix.QuasiDiagonal(QuasiDiagonal.curvature options.Outputs risk point)
        | CurvatureStructure.Kfac -> StructuredMatrix.Blocks(Kfac.curvature (Kfac.factors options risk point))
        | CurvatureStructure.Ekfac -> StructuredMatrix.Blocks(Ekfac.curvature options risk point)
        | CurvatureStructure.Dense -> StructuredMatrix.Blocks(ExactBlocks.full options.Outputs risk point)
        | CurvatureStructure.LowRank(rank, key) ->
            let operator =
                match options.Outputs with
                | OutputCurvature.Exact -> Curvature.gaussNewton risk point
                | OutputCurvature.Empirical -> Fisher.empirical risk point
                | OutputCurvature.MonteCarlo _ ->
                    fail
                        "MixedCurvature.curvature: low rank comes from products, and there are none with Monte-Carlo draws of any loss; take OutputCurvature.Exact or Empirical, or another structure"

            StructuredMatrix.LowRank(LowRank.nystrom rank key operator)

    /// <summary>The curvature of parts of the parameters, each with its structure; between parts it is zero.</summary>
    /// <param name="options">Which curvature of the loss, for all parts; and what the Kronecker factors take.</param>
    /// <param name="rest">The structure of the parameters that are not spoken of.</param>
    /// <param name="assigned">Paths of the tree, or beginnings of paths (<c>[0]</c> for the first layer), with their structures. A weight whose bias is in
    /// another part does not see it.</param>
    /// <param name="risk">The model, the loss and n rows of data.</param>
    /// <param name="point">θ, a tree of M elements.</param>
    /// <returns>One part for each path, and one for the rest.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no such path, two paths share a tensor, or as for the structures.</exception>
    /// <remarks>Each part is a pass over the data of its own, in which only its parameters are differentiated.</remarks>
    let curvature
        (options: KfacOptions)
        (rest: CurvatureStructure)
        (assigned: (string * CurvatureStructure) list)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        : MixedCurvature =
        let layout = ParameterLayout.ofTree point
        let chosen = assigned |> List.map (fun (path, s) -> path, s, RestrictedRisk.leavesBelow path layout)

        layout.Parts
        |> Array.iteri (fun leaf part ->
            match chosen |> List.filter (fun (_, _, isBelow) -> isBelow[leaf]) with
            | (first, _, _) :: (second, _, _) :: _ ->
                fail
                    $"MixedCurvature.curvature: '{part.Path}' lies below '{first}' and below '{second}'; give every tensor one structure"
            | _ -> ())

        let others =
            Array.init layout.Parts.Length (fun leaf ->
                not (List.exists (fun (_, _, isBelow: bool[]) -> isBelow[leaf]) chosen))

        let parts =
            chosen @ [ "the rest", rest, others ]
            |> List.filter (fun (_, _, leaves) -> Array.contains true leaves)
            |> List.map (fun (name, structure, leaves) ->
                let risk, own = RestrictedRisk.ofLeaves leaves risk point

                {
                    Description = $"{name}: {nameOf structure}"
                    Positions =
                        Array.zip leaves layout.Parts
                        |> Array.filter fst
                        |> Array.collect (fun (_, part) -> [| part.Start .. part.Start + part.Length - 1 |])
                    Matrix = structured options structure risk own
                })

        ofParts layout.Size (Array.ofList parts)

    let private assembled
        (name: string)
        (curvature: MixedCurvature)
        (partOperator: StructuredMatrix -> LinearOperator)
        =
        let parts = curvature.Parts |> Array.map (fun part -> part.Positions, partOperator part.Matrix)

        LinearOperator.symmetric name curvature.Size (fun v ->
            let result = Array.zeroCreate v.Length

            for positions, operator in parts do
                operator.Apply(positions |> Array.map (fun p -> v[p]))
                |> Array.iter2 (fun p x -> result[p] <- x) positions

            result)

    /// <summary>The operator of the matrix.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>v ↦ C v; the cost is that of the parts.</returns>
    let operator (curvature: MixedCurvature) : LinearOperator =
        assembled "mixed curvature" curvature (function
            | StructuredMatrix.Blocks c -> BlockCurvature.operator c
            | StructuredMatrix.QuasiDiagonal c -> QuasiDiagonal.operator c
            | StructuredMatrix.LowRank c -> LowRank.operator c)

    /// The same for each part, with the name of a part that fails.
    let private each (curvature: MixedCurvature) (f: StructuredMatrix -> 'T) =
        curvature.Parts
        |> Array.map (fun part ->
            try
                f part.Matrix
            with :? HesseException as e ->
                fail $"MixedCurvature, part '{part.Description}': {e.Message}")

    /// <summary>The operator of (C + δI)⁻¹, each part by its own means.</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>The inverse.</returns>
    /// <exception cref="T:Hesse.HesseException">A part with the damping is not positive definite; the message names it.</exception>
    let inverse (damping: float) (curvature: MixedCurvature) : LinearOperator =
        let inverses =
            each curvature (function
                | StructuredMatrix.Blocks c -> BlockCurvature.operator (BlockCurvature.inverse damping c)
                | StructuredMatrix.QuasiDiagonal c -> QuasiDiagonal.inverse damping c
                | StructuredMatrix.LowRank c -> LowRank.inverse damping c)

        let next = Collections.Generic.Queue inverses
        assembled "inverse of mixed curvature" curvature (fun _ -> next.Dequeue())

    /// <summary>log det (C + δI).</summary>
    /// <param name="damping">δ.</param>
    /// <param name="curvature">C.</param>
    /// <returns>The sum over the parts.</returns>
    /// <exception cref="T:Hesse.HesseException">A part with the damping is not positive definite; the message names it.</exception>
    let logDeterminant (damping: float) (curvature: MixedCurvature) : float =
        each curvature (function
            | StructuredMatrix.Blocks c -> BlockCurvature.logDeterminant damping c
            | StructuredMatrix.QuasiDiagonal c -> QuasiDiagonal.logDeterminant damping c
            | StructuredMatrix.LowRank c -> LowRank.logDeterminant damping c)
        |> Array.sum

    /// <summary>The diagonal of the matrix.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>Length M.</returns>
    let diagonalOf (curvature: MixedCurvature) : float[] =
        let result = Array.zeroCreate curvature.Size

        for part in curvature.Parts do
            match part.Matrix with
            | StructuredMatrix.Blocks c -> BlockCurvature.diagonalOf c
            | StructuredMatrix.QuasiDiagonal c -> c.Diagonal
            | StructuredMatrix.LowRank c -> LowRank.diagonalOf c
            |> Array.iter2 (fun p x -> result[p] <- x) part.Positions

        result

    /// <summary>The trace.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>tr C.</returns>
    let trace (curvature: MixedCurvature) : float = Array.sum (diagonalOf curvature)

    /// <summary>The Frobenius norm.</summary>
    /// <param name="curvature">C.</param>
    /// <returns>The root of the sum of the parts' squares.</returns>
    let frobeniusNorm (curvature: MixedCurvature) : float =
        curvature.Parts
        |> Array.sumBy (fun part ->
            let norm =
                match part.Matrix with
                | StructuredMatrix.Blocks c -> BlockCurvature.frobeniusNorm c
                | StructuredMatrix.QuasiDiagonal c -> QuasiDiagonal.frobeniusNorm c
                | StructuredMatrix.LowRank c -> LowRank.frobeniusNorm c

            norm * norm)
        |> sqrt

    /// <summary>The dense matrix: for tests and small models.</summary>
    /// <param name="curvature">C, of size M.</param>
    /// <returns>Row-major [M; M].</returns>
    let toDense (curvature: MixedCurvature) : float[] = LinearOperator.toDense 16 (operator curvature)
