namespace Hesse

/// Functions on tensors. Elementwise functions keep the shape; binary ones broadcast as NumPy does.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Tensor =
    let private lift1 (f: Node -> Node) (t: Tensor) = Tensor(f t.Node)

    let private lift2 name f (a: Tensor) (b: Tensor) = Tensor(Broadcasting.binary name f a.Node b.Node)

    // ----- making -----

    /// <summary>A tensor of rank 0.</summary>
    /// <param name="value">Its value.</param>
    let scalar (value: float) = Tensor(Graph.full [||] value)

    /// <summary>A tensor from its elements.</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <param name="data">The elements, row-major; as many as the shape holds. Copied.</param>
    /// <exception cref="T:Hesse.HesseException">The number of elements does not fit the shape.</exception>
    let create (shape: int seq) (data: float[]) =
        let shape = Array.ofSeq shape

        if shape |> Array.exists (fun d -> d < 0) || Shape.size shape <> int64 data.Length then
            Shape.fail $"create: shape {Shape.show shape} does not hold {data.Length} elements; want {Shape.size shape}"

        Tensor(Graph.constant shape (Array.copy data))

    /// <summary>A vector.</summary>
    /// <param name="data">Its elements; shape [n].</param>
    let ofArray (data: float[]) = create [ data.Length ] data

    /// <summary>A matrix.</summary>
    /// <param name="data">Its elements; shape [rows; columns].</param>
    let ofArray2D (data: float[,]) =
        create [ Array2D.length1 data; Array2D.length2 data ] (data |> Seq.cast<float> |> Array.ofSeq)

    /// <summary>A tensor of one repeated value.</summary>
    /// <param name="shape">Axis lengths.</param>
    /// <param name="value">The value.</param>
    let full (shape: int seq) (value: float) =
        let shape = Array.ofSeq shape

        if shape |> Array.exists (fun d -> d < 0) then
            Shape.fail $"full: shape {Shape.show shape} has a negative length; lengths are at least 0"

        Tensor(Graph.full shape value)

    /// <summary>Zeros.</summary>
    /// <param name="shape">Axis lengths.</param>
    let zeros (shape: int seq) = full shape 0.0

    /// <summary>Ones.</summary>
    /// <param name="shape">Axis lengths.</param>
    let ones (shape: int seq) = full shape 1.0

    /// <summary>The identity matrix.</summary>
    /// <param name="n">Rows and columns; shape [n; n].</param>
    let eye (n: int) = create [ n; n ] (Array.init (n * n) (fun k -> if k / max n 1 = k % max n 1 then 1.0 else 0.0))

    /// <summary>Evenly spaced numbers, both ends included.</summary>
    /// <param name="first">The first number.</param>
    /// <param name="last">The last number.</param>
    /// <param name="count">How many, at least 2; shape [count].</param>
    let linspace (first: float) (last: float) (count: int) =
        if count < 2 then
            Shape.fail $"linspace: count is {count}; want at least 2"

        ofArray (Array.init count (fun i -> first + (last - first) * float i / float (count - 1)))

    /// <summary>0, 1, …, n − 1.</summary>
    /// <param name="n">How many; shape [n].</param>
    let arange (n: int) = ofArray (Array.init n float)

    // ----- asking -----

    /// <summary>Axis lengths.</summary>
    /// <param name="t">Any tensor.</param>
    let shape (t: Tensor) = t.Shape

    /// <summary>The value of a tensor with one element.</summary>
    /// <param name="t">A concrete tensor with one element.</param>
    let item (t: Tensor) = t.item ()

    /// <summary>The elements, row-major.</summary>
    /// <param name="t">A concrete tensor.</param>
    let toArray (t: Tensor) = t.toArray ()

    // ----- elementwise -----

    /// <summary>eᵗ.</summary>
    /// <param name="t">Any shape.</param>
    let exp (t: Tensor) = lift1 Elementwise.exp t

    /// <summary>eᵗ − 1, exact near 0.</summary>
    /// <param name="t">Any shape.</param>
    let expm1 (t: Tensor) = lift1 Elementwise.expm1 t

    /// <summary>Natural logarithm.</summary>
    /// <param name="t">Any shape.</param>
    let log (t: Tensor) = lift1 Elementwise.log t

    /// <summary>log(1 + t), exact near 0.</summary>
    /// <param name="t">Any shape.</param>
    let log1p (t: Tensor) = lift1 Elementwise.log1p t

    /// <summary>Square root.</summary>
    /// <param name="t">Any shape.</param>
    let sqrt (t: Tensor) = lift1 Elementwise.sqrt t

    /// <summary>Sine.</summary>
    /// <param name="t">Any shape, radians.</param>
    let sin (t: Tensor) = lift1 Elementwise.sin t

    /// <summary>Cosine.</summary>
    /// <param name="t">Any shape, radians.</param>
    let cos (t: Tensor) = lift1 Elementwise.cos t

    /// <summary>Hyperbolic tangent.</summary>
    /// <param name="t">Any shape.</param>
    let tanh (t: Tensor) = lift1 Elementwise.tanh t

    /// <summary>1 / (1 + e⁻ᵗ).</summary>
    /// <param name="t">Any shape.</param>
    let sigmoid (t: Tensor) = lift1 Elementwise.sigmoid t

    /// <summary>The error function.</summary>
    /// <param name="t">Any shape.</param>
    let erf (t: Tensor) = lift1 Elementwise.erf t

    /// <summary>max(t, 0), with derivative 0 at 0.</summary>
    /// <param name="t">Any shape.</param>
    let relu (t: Tensor) = lift1 Elementwise.relu t

    /// <summary>|t|, with derivative 0 at 0.</summary>
    /// <param name="t">Any shape.</param>
    let abs (t: Tensor) = lift1 Elementwise.abs t

    /// <summary>−1, 0 or 1; derivative 0.</summary>
    /// <param name="t">Any shape.</param>
    let sign (t: Tensor) = lift1 Elementwise.sign t

    /// <summary>The greatest integer that is not above t; derivative 0.</summary>
    /// <param name="t">Any shape.</param>
    let floor (t: Tensor) = lift1 Elementwise.floor t

    /// <summary>t², exact derivatives at 0.</summary>
    /// <param name="t">Any shape.</param>
    let square (t: Tensor) = t * t

    /// <summary>The value as a constant: every derivative through it is zero.</summary>
    /// <param name="t">Any shape.</param>
    let stopGradient (t: Tensor) = lift1 Elementwise.stopGradient t

    /// <summary>The larger of two tensors; at a tie the derivative is that of b.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let maximum (a: Tensor) (b: Tensor) = lift2 "maximum" Elementwise.max a b

    /// <summary>The smaller of two tensors; at a tie the derivative is that of b.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let minimum (a: Tensor) (b: Tensor) = lift2 "minimum" Elementwise.min a b

    /// <summary>aᵇ.</summary>
    /// <param name="a">The base.</param>
    /// <param name="b">The exponent.</param>
    let pow (a: Tensor) (b: Tensor) = lift2 "pow" Elementwise.pow a b

    /// <summary>The mask a > b: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let greater (a: Tensor) (b: Tensor) = lift2 "greater" Elementwise.greater a b

    /// <summary>The mask a ≥ b: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let greaterEqual (a: Tensor) (b: Tensor) = lift2 "greaterEqual" Elementwise.greaterEqual a b

    /// <summary>The mask a = b: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let equal (a: Tensor) (b: Tensor) = lift2 "equal" Elementwise.equal a b

    /// <summary>a where the mask is not 0, b elsewhere; the derivative follows the choice.</summary>
    /// <param name="mask">0 or 1.</param>
    /// <param name="a">Taken where the mask holds.</param>
    /// <param name="b">Taken elsewhere.</param>
    let where (mask: Tensor) (a: Tensor) (b: Tensor) =
        let shape = Shape.broadcast "where" [| mask.Node.Shape; a.Node.Shape; b.Node.Shape |]
        let expand (t: Tensor) = Broadcasting.expand shape t.Node
        Tensor(Elementwise.select (expand mask) (expand a) (expand b))

    // ----- shape -----

    /// <summary>The same elements under another shape; one length may be −1 and is worked out.</summary>
    /// <param name="shape">The new axis lengths.</param>
    /// <param name="t">As many elements as the new shape holds.</param>
    let reshape (shape: int seq) (t: Tensor) =
        let shape = Array.ofSeq shape

        let resolved =
            match shape |> Array.filter ((=) -1) |> Array.length with
            | 0 -> shape
            | 1 ->
                let rest = shape |> Array.fold (fun n d -> if d = -1 then n else n * int64 d) 1L
                let total = Shape.size t.Node.Shape

                if rest = 0L || total % rest <> 0L then
                    Shape.fail
                        $"reshape: cannot work out −1 in {Shape.show shape} for shape {Shape.show t.Node.Shape}; {total} elements do not divide by {rest}"

                shape |> Array.map (fun d -> if d = -1 then int (total / rest) else d)
            | _ -> Shape.fail $"reshape: more than one −1 in {Shape.show shape}; at most one length can be worked out"

        Tensor(Linear.reshape resolved t.Node)

    /// <summary>All elements in one axis.</summary>
    /// <param name="t">Any shape.</param>
    let flatten (t: Tensor) = reshape [ -1 ] t

    /// <summary>Axes in another order: result axis i is axis p[i].</summary>
    /// <param name="p">A permutation of the axes.</param>
    /// <param name="t">Any shape.</param>
    let permute (p: int seq) (t: Tensor) = Tensor(Linear.transpose (Array.ofSeq p) t.Node)

    /// <summary>Axes in reverse order; the transpose of a matrix.</summary>
    /// <param name="t">Any shape.</param>
    let transpose (t: Tensor) = permute [| for i in t.Rank - 1 .. -1 .. 0 -> i |] t

    /// <summary>Repeats axes of length one, and adds leading axes, up to a shape.</summary>
    /// <param name="shape">The new axis lengths.</param>
    /// <param name="t">A shape that broadcasts to it.</param>
    let broadcastTo (shape: int seq) (t: Tensor) =
        let shape = Array.ofSeq shape

        if Shape.broadcast "broadcastTo" [| t.Node.Shape; shape |] <> shape then
            Shape.fail
                $"broadcastTo: {Shape.show t.Node.Shape} does not broadcast to {Shape.show shape}; swap the roles?"

        Tensor(Broadcasting.expand shape t.Node)

    /// <summary>Inserts an axis of length one.</summary>
    /// <param name="axis">Its place in the result; negative counts from the end.</param>
    /// <param name="t">Any shape.</param>
    let expandDims (axis: int) (t: Tensor) =
        let axis = Shape.axis "expandDims" (t.Rank + 1) axis
        reshape (Array.insertAt axis 1 t.Shape) t

    /// <summary>Elements start, start + step, … below stop along one axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="start">First index.</param>
    /// <param name="stop">One past the last index.</param>
    /// <param name="step">At least 1.</param>
    /// <param name="t">Any shape.</param>
    let slice (axis: int) (start: int) (stop: int) (step: int) (t: Tensor) =
        let axis = Shape.axis "slice" t.Rank axis
        let along whole value = Array.init t.Rank (fun i -> if i = axis then value else whole i)

        Tensor(
            Linear.slice
                (along (fun _ -> 0) start)
                (along (fun i -> t.Node.Shape[i]) stop)
                (along (fun _ -> 1) step)
                t.Node
        )

    /// <summary>Joins tensors along an existing axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="parts">At least one; shapes may differ only along the axis.</param>
    let concat (axis: int) (parts: Tensor seq) =
        let parts = parts |> Seq.map (fun (t: Tensor) -> t.Node) |> Array.ofSeq

        if parts.Length = 0 then
            Shape.fail "concat: no tensors were given; give at least one"

        Tensor(Linear.concat (Shape.axis "concat" parts[0].Shape.Length axis) parts)

    /// <summary>Joins tensors of one shape along a new axis.</summary>
    /// <param name="axis">Place of the new axis; negative counts from the end.</param>
    /// <param name="parts">At least one; all of one shape.</param>
    let stack (axis: int) (parts: Tensor seq) = concat axis (parts |> Seq.map (expandDims axis))

    /// <summary>Elements along an axis at given indices (also called take); indices may repeat.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="indices">Whole numbers 0 .. length − 1; shape [count].</param>
    /// <param name="t">Any shape with that axis.</param>
    let gather (axis: int) (indices: Tensor) (t: Tensor) =
        if indices.Rank <> 1 then
            Shape.fail $"gather: expected indices of shape [count], got {Shape.show indices.Node.Shape}; flatten them"

        Tensor(Linear.gather (Shape.axis "gather" t.Rank axis) t.Node indices.Node)

    // ----- reductions -----

    /// <summary>Sum over axes.</summary>
    /// <param name="axes">The axes; negative counts from the end.</param>
    /// <param name="t">Any shape; the axes go away.</param>
    let sumAxes (axes: int seq) (t: Tensor) = Tensor(Linear.sum (Shape.axes "sum" t.Rank (Array.ofSeq axes)) t.Node)

    /// <summary>Sum of all elements; shape [].</summary>
    /// <param name="t">Any shape.</param>
    let sum (t: Tensor) = sumAxes [| 0 .. t.Rank - 1 |] t

    /// <summary>Sum over one axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape; the axis goes away.</param>
    let sumAxis (axis: int) (t: Tensor) = sumAxes [ axis ] t

    /// <summary>Mean over one axis.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape; the axis goes away.</param>
    let meanAxis (axis: int) (t: Tensor) = sumAxis axis t / float t.Node.Shape[Shape.axis "mean" t.Rank axis]

    /// <summary>Mean of all elements; shape [].</summary>
    /// <param name="t">At least one element.</param>
    let mean (t: Tensor) =
        if t.Size = 0 then
            Shape.fail $"mean: shape {Shape.show t.Node.Shape} has no elements; the mean of nothing is undefined"

        sum t / float t.Size

    /// <summary>Maximum over one axis; ties share the derivative.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape; the axis goes away.</param>
    let maxAxis (axis: int) (t: Tensor) = Tensor(Elementwise.maxOver [| Shape.axis "max" t.Rank axis |] t.Node)

    /// <summary>Largest element; shape [].</summary>
    /// <param name="t">At least one element.</param>
    let max (t: Tensor) = Tensor(Elementwise.maxOver [| 0 .. t.Rank - 1 |] t.Node)

    /// <summary>log Σ eᵗ over one axis, without overflow.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape; the axis goes away.</param>
    let logSumExp (axis: int) (t: Tensor) =
        let top = stopGradient (maxAxis axis t)
        let place = Shape.axis "logSumExp" t.Rank axis
        top + log (sumAxis axis (exp (t - expandDims place top)))

    /// t less its maximum over one axis: exponentials of it cannot overflow, and no digits are lost to the size of t.
    let private shifted (axis: int) (t: Tensor) =
        let place = Shape.axis "softmax" t.Rank axis
        place, t - expandDims place (stopGradient (maxAxis place t))

    /// <summary>log of softmax over one axis, without overflow.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let logSoftmax (axis: int) (t: Tensor) =
        let place, s = shifted axis t
        s - expandDims place (log (sumAxis place (exp s)))

    /// <summary>eᵗ / Σ eᵗ over one axis, without overflow.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let softmax (axis: int) (t: Tensor) =
        let place, s = shifted axis t
        let e = exp s
        e / expandDims place (sumAxis place e)

    // ----- products -----

    /// <summary>Matrix product with NumPy's rules: the last axis of a with the second to last of b (the only one of a vector); equal leading axes are a batch.</summary>
    /// <param name="a">Shape [..; m; k] or [k].</param>
    /// <param name="b">Shape [..; k; n] or [k].</param>
    /// <exception cref="T:Hesse.HesseException">Inner or batch sizes differ.</exception>
    let matmul (a: Tensor) (b: Tensor) = Tensor(Contraction.matmul a.Node b.Node)

    /// <summary>Inner product of two tensors of one shape; shape [].</summary>
    /// <param name="a">Any shape.</param>
    /// <param name="b">The same shape.</param>
    let dot (a: Tensor) (b: Tensor) =
        if a.Node.Shape <> b.Node.Shape then
            Shape.fail
                $"dot: expected one shape, got {Shape.show a.Node.Shape} and {Shape.show b.Node.Shape}; use matmul or einsum"

        let labels = [| 0 .. a.Rank - 1 |]
        Tensor(Contraction.contract labels labels [||] a.Node b.Node)

    /// <summary>Sum of products in subscript notation, for any number of operands: "ij,jk->ik".</summary>
    /// <param name="spec">Letters per operand, separated by commas; after "->" those of the result.</param>
    /// <param name="operands">As many as the notation names.</param>
    /// <exception cref="T:Hesse.HesseException">Notation and shapes do not fit.</exception>
    let einsum (spec: string) (operands: Tensor seq) =
        Tensor(Einsum.apply spec (operands |> Seq.map (fun (t: Tensor) -> t.Node) |> Array.ofSeq))

    /// <summary>Sum of the diagonal of a square matrix; shape [].</summary>
    /// <param name="t">Shape [n; n].</param>
    let trace (t: Tensor) = einsum "ii->" [ t ]

    /// <summary>The diagonal of a square matrix.</summary>
    /// <param name="t">Shape [n; n]; the result has shape [n].</param>
    let diagonal (t: Tensor) = einsum "ii->i" [ t ]
