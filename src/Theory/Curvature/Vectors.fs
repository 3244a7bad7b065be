namespace Hesse.Theory

open System
open System.Buffers
open System.Numerics.Tensors
open Hesse
open Hesse.Kernels

/// Vectors as plain arrays, and blocks of vectors as the rows of one array: what Krylov methods do besides their products.
/// A block of r vectors is row-major [r; M] from row `at` of its array on.
module internal Vectors =
    /// Raises the one user-facing exception.
    let fail (message: string) : 'a = raise (HesseException message)

    let dot (a: float[]) (b: float[]) = TensorPrimitives.Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)

    let norm (a: float[]) = float (TensorPrimitives.Norm(ReadOnlySpan<float> a))

    /// y ← y + scale · x
    let addScaled (scale: float) (x: float[]) (y: float[]) =
        TensorPrimitives.MultiplyAdd(ReadOnlySpan<float> x, scale, ReadOnlySpan<float> y, Span<float> y)

    let scaled (scale: float) (x: float[]) =
        let y = Array.zeroCreate x.Length
        TensorPrimitives.Multiply(ReadOnlySpan<float> x, scale, Span<float> y)
        y

    /// Row `i` of a block, as a copy.
    let row (size: int) (block: float[]) (i: int) = Array.sub block (i * size) size

    /// The rows of a block, as copies.
    let rows (size: int) (block: float[]) (count: int) = Array.init count (row size block)

    let private part (size: int) (block: float[]) (at: int) (count: int) =
        ReadOnlySpan<float>(block, at * size, count * size)

    /// Norm of row `i` of a block.
    let rowNorm (size: int) (block: float[]) (i: int) = float (TensorPrimitives.Norm(part size block i 1))

    /// Multiplies row `i` of a block.
    let scaleRow (size: int) (block: float[]) (i: int) (scale: float) =
        TensorPrimitives.Multiply(part size block i 1, scale, Span<float>(block, i * size, size))

    /// ⟨row i of the first, row j of the second⟩, row-major [count; others]: one pass over the larger block.
    let gram (size: int) (first: float[]) (at: int) (count: int) (second: float[]) (from: int) (others: int) : float[] =
        let products = Array.zeroCreate (count * others)

        Gemm.Multiply(
            false,
            true,
            count,
            others,
            size,
            part size first at count,
            size,
            part size second from others,
            size,
            Span<float> products,
            max 1 others
        )

        products

    /// target[from ..] ← target[from ..] − coefficientsᵀ · basis[at ..], with coefficients [count; others].
    let subtract size (basis: float[]) at count (coefficients: float[]) (target: float[]) from others =
        if count > 0 && others > 0 then
            let scratch = ArrayPool<float>.Shared.Rent(others * size)

            Gemm.Multiply(
                true,
                false,
                others,
                size,
                count,
                ReadOnlySpan<float> coefficients,
                others,
                part size basis at count,
                size,
                Span<float>(scratch, 0, others * size),
                size
            )

            let changed = Span<float>(target, from * size, others * size)

            TensorPrimitives.Subtract(
                ReadOnlySpan<float>(target, from * size, others * size),
                ReadOnlySpan<float>(scratch, 0, others * size),
                changed
            )

            ArrayPool<float>.Shared.Return scratch

    /// Combinations Σᵢ weights[i, j] · basis[at + i] as rows j of a new block, with weights [count; wanted].
    let combine size (basis: float[]) at count (weights: float[]) wanted : float[] =
        let result = Array.zeroCreate (wanted * size)

        Gemm.Multiply(
            true,
            false,
            wanted,
            size,
            count,
            ReadOnlySpan<float> weights,
            max 1 wanted,
            part size basis at count,
            size,
            Span<float> result,
            size
        )

        result

    /// As `combine`, in place: the combinations replace the first `wanted` of the rows. Works through columns, with little memory.
    let rotate size (basis: float[]) at count (weights: float[]) wanted =
        let width = min size 4096
        let scratch = ArrayPool<float>.Shared.Rent(wanted * width)
        let mutable first = 0

        while first < size do
            let columns = min width (size - first)
            let start = at * size + first

            Gemm.Multiply(
                true,
                false,
                wanted,
                columns,
                count,
                ReadOnlySpan<float> weights,
                max 1 wanted,
                ReadOnlySpan<float>(basis, start, (count - 1) * size + columns),
                size,
                Span<float>(scratch, 0, wanted * columns),
                columns
            )

            for j in 0 .. wanted - 1 do
                Array.Copy(scratch, j * columns, basis, start + j * size, columns)

            first <- first + columns

        ArrayPool<float>.Shared.Return scratch

    /// Makes row `i` of a block orthogonal to the `count` rows of a basis, and adds the coefficients to `sums`. Repeats while a pass takes
    /// away much ("twice is enough", Parlett 1998, 6.9). Returns the norm that is left.
    let orthogonalise size (basis: float[]) count (block: float[]) i (sums: float[]) : float =
        let mutable before = rowNorm size block i
        let mutable after = 0.0
        let mutable pass = 0

        while pass < 4 && pass >= 0 do
            let coefficients = gram size basis 0 count block i 1
            subtract size basis 0 count coefficients block i 1

            for j in 0 .. count - 1 do
                sums[j] <- sums[j] + coefficients[j]

            after <- rowNorm size block i
            pass <- if after > 0.7 * before then -1 else pass + 1
            before <- after

        after

    /// An orthonormal basis of what the first `count` rows of a block span beyond the `known` orthonormal rows of a basis; dependent rows are
    /// dropped. The block is overwritten; returns how many rows are left in front.
    let orthonormalise size (basis: float[]) known (block: float[]) count : int =
        let mutable kept = 0

        for i in 0 .. count - 1 do
            let original = rowNorm size block i

            if original > 0.0 then
                scaleRow size block i (1.0 / original)

                if i <> kept then
                    Array.Copy(block, i * size, block, kept * size, size)

                let mutable before = 1.0
                let mutable after = 0.0
                let mutable pass = 0

                while pass < 4 && pass >= 0 do
                    if known > 0 then
                        let outside = gram size basis 0 known block kept 1
                        subtract size basis 0 known outside block kept 1

                    if kept > 0 then
                        let inside = gram size block 0 kept block kept 1
                        subtract size block 0 kept inside block kept 1

                    after <- rowNorm size block kept
                    pass <- if after > 0.7 * before then -1 else pass + 1
                    before <- after

                if after > 1e-12 && pass = -1 then
                    scaleRow size block kept (1.0 / after)
                    kept <- kept + 1

        kept

    /// Standard normal numbers.
    let gaussian (key: Key) (count: int) : float[] = (Random.normal key [ count ]).toArray()

    /// Rows Apply of many vectors: one product alone where there is only one.
    let products (operator: LinearOperator) (block: float[]) (count: int) : float[] =
        let result =
            if count = 1 then
                operator.Apply(Array.truncate operator.Size block)
            else
                operator.ApplyRows (Array.truncate (count * operator.Size) block) count

        if not (Double.IsFinite(TensorPrimitives.Sum(ReadOnlySpan<float> result))) then
            fail
                $"LinearOperator: a product is not finite (NaN or infinite) for a unit vector of length {operator.Size}; look at the loss at this point (Diff.checkFinite names the operation)"

        result
