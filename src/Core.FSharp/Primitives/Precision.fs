namespace Hesse

open Hesse.Kernels
open Hesse.Graph
open Hesse.Linear

/// From one precision to the other. Both are linear up to rounding, and each is the other's transpose: a tangent or cotangent has
/// the precision of what it belongs to.
module internal Precision =
    let private simplify (target: DType) _ (args: Node[]) =
        if args[0].IsWeak then Some(adapt target args[0])
        elif args[0].DType = target then Some args[0]
        else None

    let rec toFloat32P: Primitive = {
        Name = "toFloat32"
        Doc = "The nearest float32 number."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Linear(fun _ -> true)
        Transpose = Some(fun _ _ ct _ -> toFloat64 ct)
        Batch = batchElementwise
        Simplify = simplify DType.Float32
        Lower = Lowering.Tile TileOp.Narrow
    }

    and toFloat64P: Primitive = {
        Name = "toFloat64"
        Doc = "The same number in float64."
        Shape = fun _ s -> s[0]
        Derivative = Derivative.Linear(fun _ -> true)
        Transpose = Some(fun _ _ ct _ -> toFloat32 ct)
        Batch = batchElementwise
        Simplify = simplify DType.Float64
        Lower = Lowering.Tile TileOp.Widen
    }

    and toFloat32 a = bind toFloat32P NoAttr [| a |]
    and toFloat64 a = bind toFloat64P NoAttr [| a |]

    let toType (dtype: DType) a = if dtype = DType.Float32 then toFloat32 a else toFloat64 a

    /// The primitives of this file, in order.
    let primitives = [ toFloat32P; toFloat64P ]
