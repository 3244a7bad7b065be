namespace Hesse.Theory

open System
open System.Numerics.Tensors
open System.Threading
open Hesse

/// How a linear map is applied: to one vector, or to many that are the rows of a matrix (row-major, with their number).
type internal Products = { One: float[] -> float[]; Many: float[] -> int -> float[] }

module internal Products =
    /// Many products one after the other.
    let ofOne (length: int) (one: float[] -> float[]) : Products = {
        One = one
        Many = fun v rows -> Array.init rows (fun r -> one (Array.sub v (r * length) length)) |> Array.concat
    }

    let map (f: float[] -> float[]) (products: Products) : Products = {
        One = products.One >> f
        Many = fun v rows -> f (products.Many v rows)
    }

    let combine (f: float[] -> float[] -> float[]) (a: Products) (b: Products) : Products = {
        One = fun v -> f (a.One v) (b.One v)
        Many = fun v rows -> f (a.Many v rows) (b.Many v rows)
    }

    /// First a, then b.
    let compose (a: Products) (b: Products) : Products = {
        One = a.One >> b.One
        Many = fun v rows -> b.Many (a.Many v rows) rows
    }

    let add (a: float[]) (b: float[]) : float[] =
        let result = GC.AllocateUninitializedArray<float> a.Length
        TensorPrimitives.Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> result)
        result

    let subtract (a: float[]) (b: float[]) : float[] =
        let result = GC.AllocateUninitializedArray<float> a.Length
        TensorPrimitives.Subtract(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> result)
        result

    let scale (factor: float) (a: float[]) : float[] =
        let result = GC.AllocateUninitializedArray<float> a.Length
        TensorPrimitives.Multiply(ReadOnlySpan<float> a, factor, Span<float> result)
        result

/// A linear map from R^Columns to R^Rows that is known by its products only. Vectors are plain arrays, which products do not change.
/// Operators add, subtract, compose (<c>a * b</c> is a after b) and scale by numbers; that costs nothing until a product is asked for.
[<Sealed>]
type LinearOperator
    internal (name: string, rows: int, columns: int, symmetric: bool, forward: Products, backward: Products) =
    let check (operation: string) (length: int) (count: int) (v: float[]) =
        if v.Length <> count * length then
            raise (
                HesseException
                    $"LinearOperator.{operation}: operator '{name}' ([{rows}; {columns}]): {count} vector(s) of {v.Length} numbers together, wanted {length} numbers each; ravel the parameters first"
            )

    let finite (operation: string) (v: float[]) (result: float[]) =
        if not (TensorPrimitives.IsFiniteAll(ReadOnlySpan<float> result)) then
            let at = result |> Array.findIndex (Double.IsFinite >> not)

            let advice =
                if TensorPrimitives.IsFiniteAll(ReadOnlySpan<float> v) then
                    "the vector is finite, so look at the model, the loss and the data at this point (Diff.checkFinite names the operation)"
                else
                    "the vector that it was applied to is not finite either; look at where that comes from"

            raise (
                HesseException
                    $"LinearOperator.{operation}: the product with operator '{name}' has the entry {result[at]} at index {at}; {advice}"
            )

        result

    static let agree (operation: string) (a: LinearOperator) (b: LinearOperator) =
        if a.Rows <> b.Rows || a.Columns <> b.Columns then
            raise (
                HesseException
                    $"LinearOperator {operation}: '{a.Name}' is [{a.Rows}; {a.Columns}] and '{b.Name}' is [{b.Rows}; {b.Columns}]; both must have the same shape"
            )

    /// What the operator is called in messages.
    member _.Name = name

    /// Length of a product A v.
    member _.Rows = rows

    /// Length of a vector v that the operator applies to.
    member _.Columns = columns

    /// Whether A = Aᵀ is known; it is never guessed. <c>OperatorChecks.symmetric</c> tests it with random vectors.
    member _.Symmetric = symmetric

    /// <summary>Dimension M of the space on which a square operator acts.</summary>
    /// <exception cref="T:Hesse.HesseException">The operator is not square.</exception>
    member _.Size =
        if rows <> columns then
            raise (
                HesseException
                    $"LinearOperator.Size: operator '{name}' is [{rows}; {columns}], not square; use Rows and Columns, or take AᵀA or AAᵀ"
            )

        rows

    /// <summary>The product A v.</summary>
    /// <param name="v">Length Columns.</param>
    /// <returns>A new array of length Rows.</returns>
    /// <exception cref="T:Hesse.HesseException">The length is wrong, or an entry of the product is not finite.</exception>
    member _.Apply(v: float[]) : float[] =
        check "Apply" columns 1 v
        finite "Apply" v (forward.One v)

    /// <summary>Many products at once.</summary>
    /// <param name="v">Row-major [count; Columns].</param>
    /// <param name="count">Number of vectors.</param>
    /// <returns>Row-major [count; Rows]: row r is A times row r of <paramref name="v"/>.</returns>
    /// <exception cref="T:Hesse.HesseException">The length is wrong, or an entry of a product is not finite.</exception>
    member _.ApplyRows (v: float[]) (count: int) : float[] =
        check "ApplyRows" columns count v
        finite "ApplyRows" v (forward.Many v count)

    /// <summary>The product Aᵀ u.</summary>
    /// <param name="u">Length Rows.</param>
    /// <returns>A new array of length Columns.</returns>
    /// <exception cref="T:Hesse.HesseException">The length is wrong, or an entry of the product is not finite.</exception>
    member _.ApplyTranspose(u: float[]) : float[] =
        check "ApplyTranspose" rows 1 u
        finite "ApplyTranspose" u (backward.One u)

    /// <summary>Many products with the transpose at once.</summary>
    /// <param name="u">Row-major [count; Rows].</param>
    /// <param name="count">Number of vectors.</param>
    /// <returns>Row-major [count; Columns].</returns>
    /// <exception cref="T:Hesse.HesseException">The length is wrong, or an entry of a product is not finite.</exception>
    member _.ApplyTransposeRows (u: float[]) (count: int) : float[] =
        check "ApplyTransposeRows" rows count u
        finite "ApplyTransposeRows" u (backward.Many u count)

    /// The checked products, for operators that are made of others.
    member internal a.Forward: Products = { One = a.Apply; Many = a.ApplyRows }

    /// The checked products of the transpose.
    member internal a.Backward: Products = { One = a.ApplyTranspose; Many = a.ApplyTransposeRows }

    /// Aᵀ; the operator itself when it is symmetric.
    member a.Transpose =
        if symmetric then
            a
        else
            LinearOperator($"{name}ᵀ", columns, rows, false, backward, forward)

    /// <summary>The same map under another name.</summary>
    /// <param name="newName">What messages call it.</param>
    /// <returns>The operator.</returns>
    member _.Named(newName: string) = LinearOperator(newName, rows, columns, symmetric, forward, backward)

    static member (+)(a: LinearOperator, b: LinearOperator) =
        agree "+" a b
        let sum = Products.combine Products.add

        LinearOperator(
            $"({a.Name} + {b.Name})",
            a.Rows,
            a.Columns,
            a.Symmetric && b.Symmetric,
            sum a.Forward b.Forward,
            sum a.Backward b.Backward
        )

    static member (-)(a: LinearOperator, b: LinearOperator) =
        agree "-" a b
        let difference = Products.combine Products.subtract

        LinearOperator(
            $"({a.Name} - {b.Name})",
            a.Rows,
            a.Columns,
            a.Symmetric && b.Symmetric,
            difference a.Forward b.Forward,
            difference a.Backward b.Backward
        )

    static member (*)(factor: float, a: LinearOperator) =
        let scaled = Products.map (Products.scale factor)
        LinearOperator($"{factor}·{a.Name}", a.Rows, a.Columns, a.Symmetric, scaled a.Forward, scaled a.Backward)

    static member (*)(a: LinearOperator, factor: float) : LinearOperator = factor * a

    static member (/)(a: LinearOperator, divisor: float) : LinearOperator = 1.0 / divisor * a

    static member (~-)(a: LinearOperator) : LinearOperator = -1.0 * a

    static member (*)(a: LinearOperator, b: LinearOperator) =
        if a.Columns <> b.Rows then
            raise (
                HesseException
                    $"LinearOperator *: '{a.Name}' is [{a.Rows}; {a.Columns}] and '{b.Name}' is [{b.Rows}; {b.Columns}]; the columns of the first must be the rows of the second"
            )

        LinearOperator(
            $"{a.Name}·{b.Name}",
            a.Rows,
            b.Columns,
            false,
            Products.compose b.Forward a.Forward,
            Products.compose a.Backward b.Backward
        )

    override _.ToString() =
        let kind = if symmetric then "symmetric " else ""
        $"{name}: {kind}operator [{rows}; {columns}]"

/// Counts the products of an operator, see <c>LinearOperator.counted</c>; safe from several threads.
[<Sealed>]
type ProductCounter internal () =
    let mutable forward = 0L
    let mutable transposed = 0L

    /// Products A v so far; those of a batch count one each.
    member _.Forward = Interlocked.Read &forward

    /// Products Aᵀ u so far; those of a symmetric operator are counted as <c>Forward</c>.
    member _.Transposed = Interlocked.Read &transposed

    /// All products so far.
    member c.Total = c.Forward + c.Transposed

    member internal _.AddForward(count: int) = Interlocked.Add(&forward, int64 count) |> ignore
    member internal _.AddTransposed(count: int) = Interlocked.Add(&transposed, int64 count) |> ignore
