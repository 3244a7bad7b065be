namespace Hesse.Theory

open System
open Hesse

/// One tensor of a tree of parameters within the raveled vector.
type ParameterPart = {
    /// Its place in the tree, see <c>Tree.paths</c>; e.g. <c>[0].Weight</c>.
    Path: string
    /// Its shape.
    Shape: int[]
    /// Where its elements begin in the raveled vector.
    Start: int
    /// How many elements it has.
    Length: int
}

/// Where the tensors of a tree of parameters lie in the raveled vector.
type ParameterLayout = {
    /// The tensors in the order of <c>Tree.ravel</c>.
    Parts: ParameterPart[]
} with

    /// Number of parameters M.
    member layout.Size = layout.Parts |> Array.sumBy (fun part -> part.Length)

/// Paths of a tree of parameters as ranges of the raveled vector.
[<RequireQualifiedAccess>]
module ParameterLayout =
    /// <summary>The layout of a tree.</summary>
    /// <param name="point">The parameters.</param>
    /// <returns>One part for each tensor.</returns>
    let ofTree (point: 'P) : ParameterLayout =
        let leaves = Tree.leaves point
        let starts = leaves |> Array.scan (fun start leaf -> start + leaf.Size) 0

        {
            Parts =
                Array.zip (Tree.paths point) leaves
                |> Array.mapi (fun i (path, leaf) -> {
                    Path = path
                    Shape = leaf.Shape
                    Start = starts[i]
                    Length = leaf.Size
                })
        }

    /// <summary>The range of a path: of one tensor, or of a part of the tree that holds several, such as <c>[0]</c> for the first layer.</summary>
    /// <param name="path">A path, or the beginning of one up to a dot or bracket; the empty path is the whole tree.</param>
    /// <param name="layout">The layout.</param>
    /// <returns>Start and length in the raveled vector.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no such path; the message lists those that exist.</exception>
    let range (path: string) (layout: ParameterLayout) : struct (int * int) =
        let isBelow (part: ParameterPart) =
            path = ""
            || part.Path = path
            || (part.Path.StartsWith(path, StringComparison.Ordinal) && Seq.contains part.Path[path.Length] ".[")

        match layout.Parts |> Array.filter isBelow with
        | [||] ->
            let existing = String.Join(", ", layout.Parts |> Array.map (fun part -> $"'{part.Path}'"))

            raise (
                HesseException
                    $"ParameterLayout: there is no path '{path}' in these parameters; they are {existing}; take one of them, or the beginning of one"
            )
        | parts -> struct (parts[0].Start, parts |> Array.sumBy (fun part -> part.Length))

/// Parts of operators: chosen rows and columns, and the blocks of parts of a tree of parameters.
[<RequireQualifiedAccess>]
module SubOperator =
    let private check (operation: string) (what: string) limit (indices: int[]) =
        match indices |> Array.tryFind (fun i -> i < 0 || i >= limit) with
        | Some wrong ->
            raise (
                HesseException
                    $"SubOperator.{operation}: there is no {what} {wrong}; the operator has {what}s 0 .. {limit - 1}"
            )
        | None -> ()

    /// The chosen entries of each row of a row-major batch.
    let private gather (length: int) (indices: int[]) (v: float[]) =
        let k = indices.Length
        let result = Array.zeroCreate (v.Length / max 1 length * k)

        for r in 0 .. v.Length / max 1 length - 1 do
            for j in 0 .. k - 1 do
                result[r * k + j] <- v[r * length + indices[j]]

        result

    /// The transpose of <c>gather</c>.
    let private scatter (length: int) (indices: int[]) (rows: int) (v: float[]) =
        let k = indices.Length
        let result = Array.zeroCreate (rows * length)

        for r in 0 .. rows - 1 do
            for j in 0 .. k - 1 do
                let at = r * length + indices[j]
                result[at] <- result[at] + v[r * k + j]

        result

    /// <summary>The matrix of chosen rows and columns, A[I; J].</summary>
    /// <param name="rows">I, in any order; an index may be repeated.</param>
    /// <param name="columns">J, in any order; an index may be repeated.</param>
    /// <param name="operator">A.</param>
    /// <returns>An operator of shape [|I|; |J|]; a product costs one with A; symmetric when A is and I = J.</returns>
    /// <exception cref="T:Hesse.HesseException">An index is out of range.</exception>
    let ofIndices (rows: int[]) (columns: int[]) (operator: LinearOperator) : LinearOperator =
        check "ofIndices" "row" operator.Rows rows
        check "ofIndices" "column" operator.Columns columns
        let rows, columns = Array.copy rows, Array.copy columns

        let through (products: Products) (fromLength, from) (toLength, target) = {
            One = fun v -> scatter fromLength from 1 v |> products.One |> gather toLength target
            Many = fun v count -> products.Many (scatter fromLength from count v) count |> gather toLength target
        }

        LinearOperator(
            $"part of {operator.Name}",
            rows.Length,
            columns.Length,
            operator.Symmetric && rows = columns,
            through operator.Forward (operator.Columns, columns) (operator.Rows, rows),
            through operator.Backward (operator.Rows, rows) (operator.Columns, columns)
        )

    /// <summary>The block of two parts of a tree of parameters: how the gradient in the one changes with the other.</summary>
    /// <param name="layout">The layout of the parameters, of size M.</param>
    /// <param name="rowPath">The part of the rows, e.g. <c>[0].Weight</c>; the empty path means all rows.</param>
    /// <param name="columnPath">The part of the columns, e.g. <c>[1].Bias</c>.</param>
    /// <param name="operator">An operator of size M, e.g. the Hessian at these parameters.</param>
    /// <returns>An operator of as many rows and columns as the parts have parameters; a product costs one with the whole.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no such path (the message lists those that exist), or the size is not M.</exception>
    let block (layout: ParameterLayout) (rowPath: string) (columnPath: string) (operator: LinearOperator) =
        if operator.Size <> layout.Size then
            raise (
                HesseException
                    $"SubOperator.block: operator '{operator.Name}' has size {operator.Size}, the parameters have {layout.Size} elements; give the layout of the parameters that the operator was made at"
            )

        let indices path =
            let struct (start, length) = ParameterLayout.range path layout
            Array.init length (fun i -> start + i)

        (ofIndices (indices rowPath) (indices columnPath) operator).Named
            $"{operator.Name}['{rowPath}'; '{columnPath}']"

    /// <summary>The block-diagonal approximation of an operator: its blocks of the given parts with themselves, and zero between them.</summary>
    /// <param name="layout">The layout of the parameters, of size M.</param>
    /// <param name="paths">Parts that are disjoint, in the order of the parameters, and cover them: e.g. <c>[0]</c>, <c>[1]</c> for one block a layer.</param>
    /// <param name="operator">An operator of size M.</param>
    /// <returns>An operator of size M; a product costs one with the whole for each block.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no such path, the parts do not cover the parameters one after the other, or the size is not M.</exception>
    let blockDiagonal (layout: ParameterLayout) (paths: string list) (operator: LinearOperator) : LinearOperator =
        let stop =
            (0, paths)
            ||> List.fold (fun expected path ->
                let struct (start, length) = ParameterLayout.range path layout

                if start <> expected then
                    raise (
                        HesseException
                            $"SubOperator.blockDiagonal: the part '{path}' begins at {start}, the one before it ends at {expected}; give all parts once, in the order of the parameters"
                    )

                start + length)

        if stop <> layout.Size then
            raise (
                HesseException
                    $"SubOperator.blockDiagonal: the parts cover {stop} of {layout.Size} parameters; give all parts once, in the order of the parameters"
            )

        (paths |> List.map (fun path -> block layout path path operator) |> StructuredOperator.blockDiagonal).Named
            $"block diagonal of {operator.Name}"
