namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// The sizes of the blocks of an operator on parameters, tensor by tensor.
type BlockNorms = {
    /// The parts, for rows and columns alike.
    Parts: ParameterPart[]
    /// ‖A_IJ‖²_F for parts I and J, [parts][parts].
    Squares: Estimate[][]
}

/// Norms of all blocks within and across layers, by tree path.
[<RequireQualifiedAccess>]
module BlockNorms =
    let private check (layout: ParameterLayout) (operator: LinearOperator) =
        if operator.Size <> layout.Size then
            raise (
                HesseException
                    $"BlockNorms: operator '{operator.Name}' has size {operator.Size}, the parameters have {layout.Size} elements; give the layout of the parameters that the operator was made at"
            )

    let private squaresOfRows (layout: ParameterLayout) (product: float[]) start =
        layout.Parts
        |> Array.map (fun part ->
            TensorPrimitives.SumOfSquares(ReadOnlySpan<float>(product, start + part.Start, part.Length)))

    /// <summary>The exact norms, by products with all M unit vectors; nothing of size M² is stored.</summary>
    /// <param name="batch">How many products run at once; memory grows with it.</param>
    /// <param name="layout">The layout of the parameters.</param>
    /// <param name="operator">An operator of size M.</param>
    /// <returns>The squares of the Frobenius norms, with standard error 0.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator has another size than the parameters.</exception>
    let exact (batch: int) (layout: ParameterLayout) (operator: LinearOperator) : BlockNorms =
        check layout operator
        let m = layout.Size

        let column (part: ParameterPart) =
            let totals = Array.zeroCreate layout.Parts.Length

            for first in part.Start .. max 1 batch .. part.Start + part.Length - 1 do
                let count = min (max 1 batch) (part.Start + part.Length - first)
                let units = Array.zeroCreate (count * m)

                for r in 0 .. count - 1 do
                    units[r * m + first + r] <- 1.0

                let products = operator.ApplyRows units count

                for r in 0 .. count - 1 do
                    squaresOfRows layout products (r * m) |> Array.iteri (fun i x -> totals[i] <- totals[i] + x)

            totals

        let columns = layout.Parts |> Array.map column

        {
            Parts = layout.Parts
            Squares =
                layout.Parts
                |> Array.mapi (fun i _ -> columns |> Array.map (fun c -> Estimate.bounded c[i] c[i] c[i] m))
        }

    /// <summary>Unbiased estimates: ‖A_IJ‖²_F = E |A_IJ z|² for random signs z on J (Hutchinson 1990 for AᵀA).</summary>
    /// <param name="key">The same key gives the same estimates.</param>
    /// <param name="probes">Random vectors for each part, at least two; as many products as parts times probes.</param>
    /// <param name="layout">The layout of the parameters.</param>
    /// <param name="operator">An operator of size M.</param>
    /// <returns>Means and standard errors of the squares.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes, or the operator has another size than the parameters.</exception>
    let estimate (key: Key) (probes: int) (layout: ParameterLayout) (operator: LinearOperator) : BlockNorms =
        check layout operator

        let column j (part: ParameterPart) =
            Random.split (max 0 probes) (Random.fold j key)
            |> Array.map (fun probeKey ->
                let v = Array.zeroCreate layout.Size
                Array.blit ((Random.rademacher probeKey [ part.Length ]).toArray()) 0 v part.Start part.Length
                squaresOfRows layout (operator.Apply v) 0)

        let columns = layout.Parts |> Array.mapi column

        {
            Parts = layout.Parts
            Squares =
                layout.Parts
                |> Array.mapi (fun i _ -> columns |> Array.map (Array.map (Array.item i) >> Estimate.ofSamples))
        }

    /// <summary>The Frobenius norm of one block.</summary>
    /// <param name="rowPath">The path of a tensor.</param>
    /// <param name="columnPath">The path of a tensor.</param>
    /// <param name="norms">The table.</param>
    /// <returns>‖A_IJ‖_F.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no such path; the message lists those that exist.</exception>
    let norm (rowPath: string) (columnPath: string) (norms: BlockNorms) : float =
        let place path =
            let struct (start, length) = ParameterLayout.range path { Parts = norms.Parts }

            match norms.Parts |> Array.tryFindIndex (fun part -> part.Start = start && part.Length = length) with
            | Some i -> i
            | None ->
                raise (
                    HesseException
                        $"BlockNorms.norm: the path '{path}' stands for several tensors; name one of them, or add the squares of their blocks"
                )

        let row = norms.Squares[place rowPath]
        sqrt row[place columnPath].Mean
