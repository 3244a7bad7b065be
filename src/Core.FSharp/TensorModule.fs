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

    /// <summary>Tangent.</summary>
    /// <param name="t">Any shape, radians.</param>
    let tan (t: Tensor) = sin t / cos t

    /// <summary>Hyperbolic sine.</summary>
    /// <param name="t">Any shape.</param>
    let sinh (t: Tensor) = lift1 Special.sinh t

    /// <summary>Hyperbolic cosine.</summary>
    /// <param name="t">Any shape.</param>
    let cosh (t: Tensor) = lift1 Special.cosh t

    /// <summary>Inverse sine, radians; NaN outside [−1, 1].</summary>
    /// <param name="t">Any shape.</param>
    let asin (t: Tensor) = lift1 Special.asin t

    /// <summary>Inverse cosine, radians; NaN outside [−1, 1].</summary>
    /// <param name="t">Any shape.</param>
    let acos (t: Tensor) = lift1 Special.acos t

    /// <summary>Inverse tangent, radians.</summary>
    /// <param name="t">Any shape.</param>
    let atan (t: Tensor) = lift1 Special.atan t

    /// <summary>The angle of the point (x, y), in (−π, π]. At the origin it is 0 or ±π, by the signs of the zeros, and every
    /// derivative is 0 by convention.</summary>
    /// <param name="y">Broadcasts with x.</param>
    /// <param name="x">Broadcasts with y.</param>
    let atan2 (y: Tensor) (x: Tensor) = lift2 "atan2" Special.atan2 y x

    /// <summary>Inverse hyperbolic sine.</summary>
    /// <param name="t">Any shape.</param>
    let asinh (t: Tensor) = lift1 Special.asinh t

    /// <summary>Inverse hyperbolic cosine; NaN below 1.</summary>
    /// <param name="t">Any shape.</param>
    let acosh (t: Tensor) = lift1 Special.acosh t

    /// <summary>Inverse hyperbolic tangent; NaN outside [−1, 1].</summary>
    /// <param name="t">Any shape.</param>
    let atanh (t: Tensor) = lift1 Special.atanh t

    /// <summary>Cube root, also of negative numbers.</summary>
    /// <param name="t">Any shape.</param>
    let cbrt (t: Tensor) = lift1 Special.cbrt t

    /// <summary>1 / t.</summary>
    /// <param name="t">Any shape.</param>
    let reciprocal (t: Tensor) = 1.0 / t

    /// <summary>1 − erf(t), with all digits in the right tail.</summary>
    /// <param name="t">Any shape.</param>
    let erfc (t: Tensor) = lift1 Special.erfc t

    /// <summary>e^(t²) erfc(t), which neither underflows nor overflows for t ≥ −26. The k-th derivative loses a factor t^(2k) of
    /// the relative precision for large positive t.</summary>
    /// <param name="t">Any shape.</param>
    let erfcx (t: Tensor) = lift1 Special.erfcx t

    /// <summary>Density of the standard normal distribution.</summary>
    /// <param name="t">Any shape.</param>
    let normalPdf (t: Tensor) = lift1 Special.normalPdf t

    /// <summary>Distribution function Φ of the standard normal distribution, with all digits in the left tail.</summary>
    /// <param name="t">Any shape.</param>
    let normalCdf (t: Tensor) = lift1 Special.normalCdf t

    /// <summary>log Φ(t), in both tails. The slope is exact to rounding everywhere; the k-th derivative loses a factor
    /// t^(2k − 2) of the relative precision in the far left tail.</summary>
    /// <param name="t">Any shape.</param>
    let normalLogCdf (t: Tensor) = lift1 Special.logNormalCdf t

    /// <summary>log |Γ(t)|; +∞ at the poles 0, −1, ….</summary>
    /// <param name="t">Any shape.</param>
    let lgamma (t: Tensor) = lift1 Special.logGamma t

    /// <summary>The derivative of order n of the digamma function, ψ⁽ⁿ⁾(t); at the poles 0, −1, … NaN for even n, +∞ for odd n.</summary>
    /// <param name="n">The order, 0 to 170; 0 is digamma itself.</param>
    /// <param name="t">Any shape.</param>
    /// <exception cref="T:Hesse.HesseException">The order is out of range.</exception>
    let polygamma (n: int) (t: Tensor) =
        if n < 0 || n > 170 then
            Shape.fail $"polygamma: order {n} is out of range; want 0 to 170"

        Tensor(Special.polygamma (Graph.full t.Node.Shape (float n)) t.Node)

    /// <summary>ψ = (log Γ)′.</summary>
    /// <param name="t">Any shape.</param>
    let digamma (t: Tensor) = polygamma 0 t

    /// <summary>log(1 + eᵗ) without overflow; its derivative is the sigmoid, to every order.</summary>
    /// <param name="t">Any shape.</param>
    let softplus (t: Tensor) = lift1 Special.softplus t

    /// <summary>log of the sigmoid, without overflow.</summary>
    /// <param name="t">Any shape.</param>
    let logSigmoid (t: Tensor) = -softplus(-t)

    /// <summary>t · sigmoid(t), also called swish.</summary>
    /// <param name="t">Any shape.</param>
    let silu (t: Tensor) = t * sigmoid t

    /// <summary>t · Φ(t), the exact form (Hendrycks and Gimpel 2016).</summary>
    /// <param name="t">Any shape.</param>
    let gelu (t: Tensor) = t * normalCdf t

    /// <summary>The approximation ½t (1 + tanh(√(2/π) (t + 0.044715 t³))) of GELU (Hendrycks and Gimpel 2016), with all digits in the left tail.</summary>
    /// <param name="t">Any shape.</param>
    let geluTanh (t: Tensor) = t * sigmoid (2.0 * System.Math.Sqrt(2.0 / System.Math.PI) * (t + 0.044715 * t * t * t))

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

    /// <summary>t held between two bounds; the derivative is 1 strictly between them and 0 elsewhere, also at the bounds.</summary>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound; not below the lower one.</param>
    /// <param name="t">Any shape.</param>
    /// <exception cref="T:Hesse.HesseException">The bounds are NaN or in the wrong order.</exception>
    let clip (low: float) (high: float) (t: Tensor) =
        if not (low <= high) then
            Shape.fail $"clip: bounds {low} and {high} are not in order; want low ≤ high"

        minimum (maximum t (scalar low)) (scalar high)

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

    /// <summary>The mask a &lt; b: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let less (a: Tensor) (b: Tensor) = lift2 "less" (fun a b -> Elementwise.greater b a) a b

    /// <summary>The mask a ≤ b: 1 where it holds, 0 elsewhere.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let lessEqual (a: Tensor) (b: Tensor) = lift2 "lessEqual" (fun a b -> Elementwise.greaterEqual b a) a b

    /// <summary>The mask a ≠ b: 1 where it holds (also where one is NaN), 0 elsewhere.</summary>
    /// <param name="a">Broadcasts with b.</param>
    /// <param name="b">Broadcasts with a.</param>
    let notEqual (a: Tensor) (b: Tensor) = 1.0 - lift2 "notEqual" Elementwise.equal a b

    /// <summary>The mask of NaN elements.</summary>
    /// <param name="t">Any shape.</param>
    let isNaN (t: Tensor) = notEqual t t

    /// <summary>The mask of elements that are neither NaN nor infinite.</summary>
    /// <param name="t">Any shape.</param>
    let isFinite (t: Tensor) = less (abs t) (scalar infinity)

    /// <summary>The mask of what does not hold: 1 where the mask is 0, 0 elsewhere.</summary>
    /// <param name="mask">Any shape; all but 0 counts as true, also NaN.</param>
    let logicalNot (mask: Tensor) = equal mask (scalar 0.0)

    /// <summary>The mask of where both hold.</summary>
    /// <param name="a">Broadcasts with b; all but 0 counts as true, also NaN.</param>
    /// <param name="b">Broadcasts with a.</param>
    let logicalAnd (a: Tensor) (b: Tensor) =
        lift2 "logicalAnd" Linear.mul (logicalNot (logicalNot a)) (logicalNot (logicalNot b))

    /// <summary>The mask of where at least one holds.</summary>
    /// <param name="a">Broadcasts with b; all but 0 counts as true, also NaN.</param>
    /// <param name="b">Broadcasts with a.</param>
    let logicalOr (a: Tensor) (b: Tensor) = logicalNot (lift2 "logicalOr" Linear.mul (logicalNot a) (logicalNot b))

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

    /// <summary>The elements of an axis in reverse order.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let flip (axis: int) (t: Tensor) =
        let axis = Shape.axis "flip" t.Rank axis
        let last = t.Node.Shape[axis] - 1
        gather axis (ofArray (Array.init (last + 1) (fun i -> float (last - i)))) t

    // ----- running sums and order -----

    /// <summary>Sums of the elements up to each place of an axis, itself included.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let cumsum (axis: int) (t: Tensor) = Tensor(Ordered.cumulativeSum (Shape.axis "cumsum" t.Rank axis) false t.Node)

    /// <summary>Sums of the elements from each place of an axis to its end, itself included.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let cumsumReverse (axis: int) (t: Tensor) =
        Tensor(Ordered.cumulativeSum (Shape.axis "cumsumReverse" t.Rank axis) true t.Node)

    /// <summary>Products of the elements up to each place of an axis, itself included. The derivatives divide by nothing, so they are
    /// right where elements are 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let cumprod (axis: int) (t: Tensor) =
        Tensor(Ordered.cumulativeProduct (Shape.axis "cumprod" t.Rank axis) false t.Node)

    /// <summary>Products of the elements from each place of an axis to its end, itself included.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let cumprodReverse (axis: int) (t: Tensor) =
        Tensor(Ordered.cumulativeProduct (Shape.axis "cumprodReverse" t.Rank axis) true t.Node)

    /// <summary>The elements of an axis in ascending order; NaN comes last. The derivative follows each element to its place;
    /// equal elements keep their order.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let sort (axis: int) (t: Tensor) = Tensor(Ordered.sort (Shape.axis "sort" t.Rank axis) false t.Node)

    /// <summary>The elements of an axis in descending order; NaN comes last, and equal elements keep their order.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let sortDescending (axis: int) (t: Tensor) =
        Tensor(Ordered.sort (Shape.axis "sortDescending" t.Rank axis) true t.Node)

    /// <summary>Along an axis, the index of the element that comes first, second, … in ascending order; NaN comes last, and
    /// equal elements keep their order. Derivative 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let argsort (axis: int) (t: Tensor) = Tensor(Ordered.argsort (Shape.axis "argsort" t.Rank axis) false t.Node)

    /// <summary>Along an axis, the index of the element that comes first, second, … in descending order; NaN comes last, and
    /// equal elements keep their order. Derivative 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape, kept.</param>
    let argsortDescending (axis: int) (t: Tensor) =
        Tensor(Ordered.argsort (Shape.axis "argsortDescending" t.Rank axis) true t.Node)

    /// <summary>The largest elements of an axis, in descending order, and their indices along it; as `sortDescending` and
    /// `argsortDescending`, cut short.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="count">How many, 0 to the axis length; the axis has this length in the results.</param>
    /// <param name="t">Any shape.</param>
    /// <exception cref="T:Hesse.HesseException">There are fewer elements than that.</exception>
    let topK (axis: int) (count: int) (t: Tensor) =
        let axis = Shape.axis "topK" t.Rank axis

        if count < 0 || count > t.Node.Shape[axis] then
            Shape.fail
                $"topK: cannot take {count} elements of axis {axis} of shape {Shape.show t.Node.Shape}; want 0 to {t.Node.Shape[axis]}"

        let values, indices = Ordered.top axis count t.Node
        Tensor values, Tensor indices

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

    /// <summary>Product over one axis; the derivatives divide by nothing, so they are right where elements are 0.</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape; the axis goes away. The product of nothing is 1.</param>
    let prodAxis (axis: int) (t: Tensor) =
        let axis = Shape.axis "prod" t.Rank axis
        let last = t.Node.Shape[axis] - 1

        if last < 0 then
            ones (Shape.removeAxes [| axis |] t.Node.Shape)
        else
            sumAxis axis (slice axis last (last + 1) 1 (cumprod axis t))

    /// <summary>Product of all elements; shape [].</summary>
    /// <param name="t">Any shape.</param>
    let prod (t: Tensor) = prodAxis 0 (flatten t)

    /// <summary>Mean squared deviation from the mean over one axis (the sum is divided by n, not by n − 1).</summary>
    /// <param name="axis">The axis; negative counts from the end.</param>
    /// <param name="t">Any shape; the axis goes away.</param>
    let varianceAxis (axis: int) (t: Tensor) =
        let axis = Shape.axis "variance" t.Rank axis
        meanAxis axis (square (t - expandDims axis (meanAxis axis t)))

    /// <summary>Mean squared deviation of all elements from their mean; shape [].</summary>
    /// <param name="t">At least one element.</param>
    let variance (t: Tensor) = mean (square (t - mean t))

    /// The square root, with every derivative 0 at 0.
    let private rootOrZero (t: Tensor) =
        let isZero = equal t (scalar 0.0)
        where isZero (zeros t.Shape) (sqrt (where isZero (scalar 1.0) t))

    /// <summary>Square root of the variance of all elements; shape []. Where it is 0, every derivative is 0 by convention.</summary>
    /// <param name="t">At least one element.</param>
    let std (t: Tensor) = rootOrZero (variance t)

    /// <summary>Euclidean norm of all elements; shape []. Where it is 0, every derivative is 0 by convention.</summary>
    /// <param name="t">Any shape.</param>
    let norm (t: Tensor) = rootOrZero (sum (square t))

    // ----- products -----

    /// <summary>Products of the elements of two vectors, each with each.</summary>
    /// <param name="a">Shape [m].</param>
    /// <param name="b">Shape [n]; the result has shape [m; n].</param>
    /// <exception cref="T:Hesse.HesseException">An argument is not a vector.</exception>
    let outer (a: Tensor) (b: Tensor) =
        if a.Rank <> 1 || b.Rank <> 1 then
            Shape.fail
                $"outer: expected two vectors, got {Shape.show a.Node.Shape} and {Shape.show b.Node.Shape}; flatten them"

        expandDims 1 a * expandDims 0 b

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
