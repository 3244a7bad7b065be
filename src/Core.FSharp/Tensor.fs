namespace Hesse

open System
open Hesse.Linear
open Hesse.Movement

/// Elementwise operations with NumPy's broadcasting, on nodes.
module internal Broadcasting =
    /// A node stretched to a shape: axes are aligned at the right, axes of length one repeat.
    let expand (shape: int[]) (x: Node) =
        if x.Shape = shape then
            x
        else
            let lead = shape.Length - x.Shape.Length

            let kept = [|
                for i in 0 .. x.Shape.Length - 1 do
                    if x.Shape[i] = shape[lead + i] then
                        i
            |]

            let squeezed = reshape (kept |> Array.map (fun i -> x.Shape[i])) x
            broadcast shape (kept |> Array.map (fun i -> lead + i)) squeezed

    let binary (name: string) (op: Node -> Node -> Node) (a: Node) (b: Node) =
        let shape = Shape.broadcast name [| a.Shape; b.Shape |]
        Graph.checkTypes name [| a; b |]
        op (expand shape a) (expand shape b)

/// A tensor of float64 or float32 numbers: a handle on a node of the expression graph, concrete (it has values) or symbolic (it depends
/// on a variable of a transformation that is being traced). Immutable.
///
/// Operations keep the precision of their arguments, and tensors of different precision do not mix: convert one with
/// Tensor.toFloat32 or Tensor.toFloat64. A plain number (t * 2.0), and a tensor of one repeated number (Tensor.scalar, full, zeros, ones),
/// takes the precision of the tensor that it meets.
[<Sealed; StructuredFormatDisplay("{Display}")>]
type Tensor internal (node: Node) =
    static let number (x: float) = Graph.full [||] x
    member internal _.Node = node

    /// Axis lengths, outermost first; empty for a scalar.
    member _.Shape = Array.copy node.Shape

    /// The precision of the elements.
    member _.DType = node.DType

    /// Number of axes.
    member _.Rank = node.Shape.Length

    /// Number of elements.
    member _.Size = Shape.length "size" node.Shape

    /// True when the values are known; false inside a function that a transformation traces.
    member _.IsConcrete = node.IsConcrete

    member internal _.Values(op: string) =
        if not node.IsConcrete then
            Shape.fail
                $"{op}: this tensor of shape {Shape.show node.Shape} is inside grad, vmap, compile or another transformation and has no value yet; return it from the transformed function instead, or use Tensor.where in place of a branch on its value"

        node.Data

    /// <summary>The elements, row-major.</summary>
    /// <returns>A new array of Size elements.</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor is symbolic.</exception>
    member t.toArray() = Array.copy (t.Values "toArray")

    /// <summary>The elements of a float32 tensor, row-major.</summary>
    /// <returns>A new array of Size elements.</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor is symbolic or float64.</exception>
    member t.toArray32() =
        if not node.IsFloat32 then
            Shape.fail
                $"toArray32: expected a float32 tensor, got {Graph.typeName node.DType} of shape {Shape.show node.Shape}; round it with Tensor.toFloat32, or use toArray"

        Array.map float32 (t.Values "toArray32")

    /// <summary>The elements of a matrix.</summary>
    /// <returns>A new array [rows, columns].</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor is symbolic or not of rank 2.</exception>
    member t.toArray2D() =
        if node.Shape.Length <> 2 then
            Shape.fail $"toArray2D: expected rank 2, got shape {Shape.show node.Shape}; reshape it first"

        let data = t.Values "toArray2D"
        Array2D.init node.Shape[0] node.Shape[1] (fun i j -> data[i * node.Shape[1] + j])

    /// <summary>The value of a tensor with one element.</summary>
    /// <returns>That element.</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor is symbolic, or has not exactly one element.</exception>
    member t.item() =
        if Shape.size node.Shape <> 1L then
            Shape.fail $"item: expected one element, got shape {Shape.show node.Shape}; index it, or use toArray"

        (t.Values "item")[0]

    /// Shape and values, shortened for large tensors; a float32 tensor says so.
    member t.Display =
        let kind = if node.IsFloat32 then "float32 " else ""

        if not node.IsConcrete then
            $"Tensor {kind}{Shape.show node.Shape} (symbolic: {node.Prim.Name})"
        else
            let rec render (axis: int) (offset: int) (stride: int) =
                if axis = node.Shape.Length then
                    node.Data[offset].ToString("G6", Globalization.CultureInfo.InvariantCulture)
                else
                    let n = node.Shape[axis]
                    let inner = if n = 0 then 0 else stride / n
                    let show i = render (axis + 1) (offset + i * inner) inner

                    let cells =
                        if n > 8 then
                            [ for i in 0..3 -> show i ] @ [ "…" ] @ [ for i in n - 2 .. n - 1 -> show i ]
                        else
                            [ for i in 0 .. n - 1 -> show i ]

                    "[" + String.Join("; ", cells) + "]"

            if node.Shape.Length = 0 then
                kind + render 0 0 1
            else
                $"Tensor {kind}{Shape.show node.Shape} {render 0 0 t.Size}"

    override t.ToString() = t.Display

    // ----- operators, with NumPy broadcasting -----

    static member (+)(a: Tensor, b: Tensor) = Tensor(Broadcasting.binary "add" add a.Node b.Node)
    static member (+)(a: Tensor, b: float) = Tensor(Broadcasting.binary "add" add a.Node (number b))
    static member (+)(a: float, b: Tensor) = Tensor(Broadcasting.binary "add" add (number a) b.Node)
    static member (-)(a: Tensor, b: Tensor) = Tensor(Broadcasting.binary "sub" sub a.Node b.Node)
    static member (-)(a: Tensor, b: float) = Tensor(Broadcasting.binary "sub" sub a.Node (number b))
    static member (-)(a: float, b: Tensor) = Tensor(Broadcasting.binary "sub" sub (number a) b.Node)
    static member (*)(a: Tensor, b: Tensor) = Tensor(Broadcasting.binary "mul" mul a.Node b.Node)
    static member (*)(a: Tensor, b: float) = Tensor(Broadcasting.binary "mul" mul a.Node (number b))
    static member (*)(a: float, b: Tensor) = Tensor(Broadcasting.binary "mul" mul (number a) b.Node)
    static member (/)(a: Tensor, b: Tensor) = Tensor(Broadcasting.binary "div" Elementwise.div a.Node b.Node)
    static member (/)(a: Tensor, b: float) = Tensor(Broadcasting.binary "div" Elementwise.div a.Node (number b))
    static member (/)(a: float, b: Tensor) = Tensor(Broadcasting.binary "div" Elementwise.div (number a) b.Node)
    static member Pow(a: Tensor, b: Tensor) = Tensor(Broadcasting.binary "pow" Elementwise.pow a.Node b.Node)
    static member Pow(a: Tensor, b: float) = Tensor(Broadcasting.binary "pow" Elementwise.pow a.Node (number b))
    static member (~-)(a: Tensor) = Tensor(neg a.Node)

    // ----- slices: t[i], t[a..b], t[a..b, j], … (bounds inclusive, as in F#; an index drops its axis) -----

    /// Start and stop per leading axis (None = whole axis), and whether the axis is dropped.
    member private _.Window(parts: (int option * int option * bool)[]) =
        if parts.Length > node.Shape.Length then
            Shape.fail
                $"slice: {parts.Length} indices for a tensor of shape {Shape.show node.Shape}; give at most {node.Shape.Length}"

        let bounds =
            node.Shape
            |> Array.mapi (fun i d ->
                if i >= parts.Length then
                    0, d, false
                else
                    let first, last, drop = parts[i]
                    let start = defaultArg first 0
                    let stop = (defaultArg last (d - 1)) + 1

                    if start < 0 || stop > d || stop < start then
                        Shape.fail
                            $"slice: {start} .. {stop - 1} is out of range along axis {i} of shape {Shape.show node.Shape}; use 0 .. {d - 1}"

                    start, stop, drop)

        let starts = bounds |> Array.map (fun (s, _, _) -> s)
        let stops = bounds |> Array.map (fun (_, e, _) -> e)
        let cut = slice starts stops (Array.create starts.Length 1) node

        let kept =
            Array.zip bounds cut.Shape |> Array.filter (fun ((_, _, drop), _) -> not drop) |> Array.map snd

        Tensor(reshape kept cut)

    /// <summary>One part along the first axis.</summary>
    /// <param name="i">Index of the first axis, which goes away.</param>
    member t.Item
        with get (i: int) = t.Window [| Some i, Some i, true |]

    /// <summary>One part along the first two axes.</summary>
    /// <param name="i">Index of the first axis, which goes away.</param>
    /// <param name="j">Index of the second axis, which goes away.</param>
    member t.Item
        with get (i: int, j: int) = t.Window [| Some i, Some i, true; Some j, Some j, true |]

    /// <summary>A range of the first axis: <c>t[first..last]</c>.</summary>
    /// <param name="first">First index; the start if left out.</param>
    /// <param name="last">Last index, inclusive; the end if left out.</param>
    member t.GetSlice(first: int option, last: int option) = t.Window [| first, last, false |]

    /// <summary>A block of the first two axes: <c>t[first..last, low..high]</c>.</summary>
    /// <param name="first">First index of the first axis.</param>
    /// <param name="last">Last index of the first axis, inclusive.</param>
    /// <param name="low">First index of the second axis.</param>
    /// <param name="high">Last index of the second axis, inclusive.</param>
    member t.GetSlice(first: int option, last: int option, low: int option, high: int option) =
        t.Window [| first, last, false; low, high, false |]

    /// <summary>A range of one row: <c>t[i, low..high]</c>.</summary>
    /// <param name="i">Index of the first axis, which goes away.</param>
    /// <param name="low">First index of the second axis.</param>
    /// <param name="high">Last index of the second axis, inclusive.</param>
    member t.GetSlice(i: int, low: int option, high: int option) = t.Window [| Some i, Some i, true; low, high, false |]

    /// <summary>A range of one column: <c>t[first..last, j]</c>.</summary>
    /// <param name="first">First index of the first axis.</param>
    /// <param name="last">Last index of the first axis, inclusive.</param>
    /// <param name="j">Index of the second axis, which goes away.</param>
    member t.GetSlice(first: int option, last: int option, j: int) =
        t.Window [| first, last, false; Some j, Some j, true |]
