namespace Hesse

open System
open Hesse.Kernels

/// How a constant of one value came about, where rounding was part of it: an operation on constants. Other number systems do it again
/// in their numbers; for the executor only the value counts.
[<Sealed; AllowNullLiteral>]
type internal Origin(op: TileOp, operands: Origin[], value: double, born: int64) =
    let size = operands |> Array.sumBy (fun (o: Origin) -> o.Size) |> (+) 1
    member _.Op = op

    /// Empty for a number that is what it is.
    member _.Operands = operands
    member _.Value = value

    /// Grows with time, like the ids of nodes.
    member _.Born = born

    /// Operations and numbers in it.
    member _.Size: int = size

    /// Whether the same operations on the same numbers are meant, whenever it was.
    static member Same(a: Origin, b: Origin) : bool =
        obj.ReferenceEquals(a, b)
        || (not (isNull a || isNull b)
            && a.Op = b.Op
            && a.Size = b.Size
            && BitConverter.DoubleToInt64Bits a.Value = BitConverter.DoubleToInt64Bits b.Value
            && Array.forall2 (fun x y -> Origin.Same(x, y)) a.Operands b.Operands)

/// What is remembered of the rounding of constants.
module internal Origin =
    /// Longer histories of a constant are forgotten, so that a chain of eager operations does not keep all that was before it.
    [<Literal>]
    let private longestOrigin = 256

    /// Whether the result of an operation is what it would be without rounding.
    let private isExact (op: TileOp) (a: double) (b: double) (result: double) =
        let isNormal = result = 0.0 || abs result > 1e-290

        match op with
        | TileOp.Copy
        | TileOp.Neg
        | TileOp.Abs
        | TileOp.Sign
        | TileOp.Floor
        | TileOp.Max
        | TileOp.Min
        | TileOp.Greater
        | TileOp.GreaterEqual
        | TileOp.Equal
        | TileOp.Select -> true
        | TileOp.Add
        | TileOp.Sub ->
            // The rounding error of a sum (Knuth 1969, section 4.2.2).
            let b = if op = TileOp.Add then b else -b
            let part = result - a
            (a - (result - part)) + (b - part) = 0.0
        | TileOp.Mul -> isNormal && Math.FusedMultiplyAdd(a, b, -result) = 0.0
        | TileOp.Div -> isNormal && Math.FusedMultiplyAdd(result, b, -a) = 0.0
        | _ -> false

    /// How a result of operands, each with its own origin (null for a number that is what it is), came about; null if it is exact.
    let ofOperation (op: TileOp) (operands: struct (double * Origin)[]) (result: double) (born: int64) : Origin =
        let value i = if i < operands.Length then (let struct (v, _) = operands[i] in v) else 0.0
        let isGiven = operands |> Array.forall (fun (struct (_, o)) -> isNull o)

        if not (Double.IsFinite result) || (isGiven && isExact op (value 0) (value 1) result) then
            null
        else
            let operand (struct (v, o: Origin)) = if isNull o then Origin(TileOp.Copy, [||], v, 0L) else o
            let made = Origin(op, Array.map operand operands, result, born)
            if made.Size > longestOrigin then null else made
