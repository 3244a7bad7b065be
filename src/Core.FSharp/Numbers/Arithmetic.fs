namespace Hesse

open Hesse.Kernels

/// What the interpreter must know of a number system.
[<NoEquality; NoComparison>]
type internal Arithmetic<'N> = {
    /// The public function's name, for errors.
    Name: string
    /// Elementwise operations that the system does not have; asking for one is the user's error.
    Missing: Set<TileOp>
    OfFloat: float -> 'N
    /// An elementwise operation on up to three arguments.
    Eval: TileOp -> 'N -> 'N -> 'N -> 'N
    /// A lower estimate of the size of a number, by which pivots are chosen; 0 where the number may be 0.
    Size: 'N -> float
    /// Whether an iteration that converges gives all digits of these numbers; false for exact ones and for bounds that must hold.
    HasIterations: bool
    /// The first and last whole number that an index may be.
    Index: 'N -> struct (bigint * bigint)
    /// A number that may be either of two; used only where an index is not certain.
    Join: 'N -> 'N -> 'N
    /// A number of which nothing is known besides that its derivative is zero, if there is such a thing.
    Unknown: 'N option
}

/// Questions whose answer must be certain, and shorthands.
module internal Arithmetic =
    let zero (n: Arithmetic<'N>) = n.OfFloat 0.0
    let one (n: Arithmetic<'N>) = n.OfFloat 1.0
    let apply1 (n: Arithmetic<'N>) op a = n.Eval op a (zero n) (zero n)
    let apply2 (n: Arithmetic<'N>) op a b = n.Eval op a b (zero n)
    let add n a b = apply2 n TileOp.Add a b
    let sub n a b = apply2 n TileOp.Sub a b
    let mul n a b = apply2 n TileOp.Mul a b
    let div n a b = apply2 n TileOp.Div a b

    /// The truth of a comparison, if it is certain.
    let decide (n: Arithmetic<'N>) op a b : bool voption =
        let struct (first, last) = n.Index(apply2 n op a b)
        if first = last then ValueSome(first <> 0I) else ValueNone
