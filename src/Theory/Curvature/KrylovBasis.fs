namespace Hesse.Theory

open System
open System.Buffers
open System.Numerics.Tensors
open Hesse.Kernels

/// The vectors of a Krylov basis as rows [capacity; size], in memory or in a file: what `Vectors` does with blocks in memory, page by page. Passes
/// that read go up through the pages, passes that change a block go down, so that what is in memory last is used first. All work is products with one
/// vector at a time, which are bound by memory and, unlike a library's products of long thin matrices, the same bits whatever else the machine does.
[<Sealed>]
type internal KrylovBasis(name: string, storage: BasisStorage, size: int, capacity: int) =
    let layout = BasisLayout.Of(size, capacity)
    let pages = BasisPages.create name storage layout
    let perPage = layout.RowsPerPage

    /// Columns that are combined at a time, so that sums stay in the cache.
    let stripWidth = min size 4096

    /// The rows at .. at + count − 1 by pages: (page, first row in the page, how many, rows before).
    let parts at count = [|
        let mutable row = at

        while row < at + count do
            let inside = row % perPage
            let here = min (perPage - inside) (at + count - row)
            struct (row / perPage, inside, here, row - at)
            row <- row + here
    |]

    /// scratch[0 .. width − 1] ← Σᵢ weights[i · stride] · row i, with rows that are `length` apart.
    let combined
        (weights: ReadOnlySpan<float>)
        stride
        (rows: ReadOnlySpan<float>)
        length
        count
        width
        (scratch: float[])
        =
        let sum = Span<float>(scratch, 0, width)
        Gemm.Multiply(true, false, 1, width, count, weights, stride, rows, length, sum, width)

    let rowsOf (page: float[]) inside count = ReadOnlySpan<float>(page, inside * size, count * size)

    member _.HeldBytes = pages.HeldBytes

    /// Puts rows of a block into the basis, from row `at` on.
    member _.Set(at: int, block: float[], from: int, count: int) =
        for struct (page, inside, here, before) in parts at count do
            Array.Copy(block, (from + before) * size, pages.Change page, inside * size, here * size)

    /// Rows of the basis as a new block.
    member _.Copy(at: int, count: int) : float[] =
        let block = Array.zeroCreate (count * size)

        for struct (page, inside, here, before) in parts at count do
            Array.Copy(pages.Read page, inside * size, block, before * size, here * size)

        block

    /// ⟨row at + i, row from + j of the block⟩, row-major [count; others].
    member _.Gram(at: int, count: int, block: float[], from: int, others: int) : float[] =
        let products = Array.zeroCreate (count * others)

        for struct (page, inside, here, before) in parts at count do
            let rows = pages.Read page

            for j in 0 .. others - 1 do
                Gemm.Multiply(
                    false,
                    true,
                    here,
                    1,
                    size,
                    rowsOf rows inside here,
                    size,
                    ReadOnlySpan<float>(block, (from + j) * size, size),
                    size,
                    Span<float>(products, before * others + j, (here - 1) * others + 1),
                    others
                )

        products

    /// block[from ..] ← block[from ..] − coefficientsᵀ · rows[at ..], with coefficients [count; others].
    member _.Subtract(at: int, count: int, coefficients: float[], block: float[], from: int, others: int) =
        if count > 0 && others > 0 then
            let scratch = ArrayPool<float>.Shared.Rent stripWidth

            try
                for struct (page, inside, here, before) in Array.rev (parts at count) do
                    let rows = pages.Read page

                    for first in 0..stripWidth .. size - 1 do
                        let columns = min stripWidth (size - first)
                        let strip = ReadOnlySpan<float>(rows, inside * size + first, (here - 1) * size + columns)

                        for j in 0 .. others - 1 do
                            let weights =
                                ReadOnlySpan<float>(coefficients, before * others + j, (here - 1) * others + 1)

                            combined weights others strip size here columns scratch
                            let target = Span<float>(block, (from + j) * size + first, columns)
                            let sum = ReadOnlySpan<float>(scratch, 0, columns)
                            TensorPrimitives.Subtract(Span<float>.op_Implicit target, sum, target)
            finally
                ArrayPool<float>.Shared.Return scratch

    /// The combination Σᵢ weights[i] · row at + i.
    member b.Combine(at: int, weights: float[]) : float[] =
        let result = Array.zeroCreate size
        b.Subtract(at, weights.Length, Array.map (~-) weights, result, 0, 1)
        result

    /// Makes row `i` of a block orthogonal to the first `count` rows, and adds the coefficients to `sums`. Repeats while a pass takes
    /// away much ("twice is enough", Parlett 1998, 6.9). Returns the norm that is left.
    member b.Orthogonalise(count: int, block: float[], i: int, sums: float[]) : float =
        let rec pass number before =
            let coefficients = b.Gram(0, count, block, i, 1)
            b.Subtract(0, count, coefficients, block, i, 1)

            for j in 0 .. count - 1 do
                sums[j] <- sums[j] + coefficients[j]

            let after = Vectors.rowNorm size block i
            if after > 0.7 * before || number = 4 then after else pass (number + 1) after

        pass 1 (Vectors.rowNorm size block i)

    /// Moves rows to a lower place.
    member b.Move(from: int, target: int, count: int) =
        for i in 0 .. count - 1 do
            b.Set(target + i, b.Copy(from + i, 1), 0, 1)

    /// Replaces the rows at .. at + wanted − 1 by the combinations Σᵢ weights[i, j] · row at + i, with weights [count; wanted]. Works through strips of columns.
    member _.Rotate(at: int, count: int, weights: float[], wanted: int) =
        if wanted > 0 then
            let strip = ArrayPool<float>.Shared.Rent(count * stripWidth)
            let rotated = ArrayPool<float>.Shared.Rent stripWidth
            pages.BeginColumns()

            try
                for first in 0..stripWidth .. size - 1 do
                    let columns = min stripWidth (size - first)

                    for i in 0 .. count - 1 do
                        pages.ReadColumns(at + i, first, Span<float>(strip, i * columns, columns))

                    for j in 0 .. wanted - 1 do
                        let weights = ReadOnlySpan<float>(weights, j, (count - 1) * wanted + 1)

                        combined
                            weights
                            wanted
                            (ReadOnlySpan<float>(strip, 0, count * columns))
                            columns
                            count
                            columns
                            rotated

                        pages.WriteColumns(at + j, first, Span<float>(rotated, 0, columns))
            finally
                ArrayPool<float>.Shared.Return strip
                ArrayPool<float>.Shared.Return rotated

    interface IDisposable with
        member _.Dispose() = pages.Dispose()
