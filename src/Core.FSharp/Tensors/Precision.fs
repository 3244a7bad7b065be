namespace Hesse

/// Part of the module `Tensor`: float32 and float64.
[<AutoOpen>]
module TensorPrecision =
    /// Tensors of float32, and from one precision to the other.
    [<RequireQualifiedAccess>]
    module Tensor =
        /// <summary>A float32 tensor from its elements.</summary>
        /// <param name="shape">Axis lengths.</param>
        /// <param name="data">The elements, row-major; as many as the shape holds.</param>
        /// <exception cref="T:Hesse.HesseException">The number of elements does not fit the shape.</exception>
        let create32 (shape: int seq) (data: float32[]) =
            let shape = Array.ofSeq shape
            Shape.checkHolds "create32" shape data.Length
            Tensor(Graph.constantOf DType.Float32 shape (Array.map float data))

        /// <summary>A float32 vector.</summary>
        /// <param name="data">Its elements; shape [n].</param>
        let ofArray32 (data: float32[]) = create32 [ data.Length ] data

        /// <summary>The elements of a float32 tensor, row-major.</summary>
        /// <param name="t">A concrete float32 tensor.</param>
        /// <exception cref="T:Hesse.HesseException">The tensor is symbolic or float64.</exception>
        let toArray32 (t: Tensor) = t.toArray32 ()

        /// <summary>The nearest float32 numbers (ties to even; ±∞ beyond 3.4·10³⁸). A tangent through it is converted too, and a
        /// cotangent converted back.</summary>
        /// <param name="t">Any shape, kept.</param>
        let toFloat32 (t: Tensor) = Tensor(Precision.toFloat32 t.Node)

        /// <summary>The same numbers in float64. A tangent through it is converted too, and a cotangent converted back.</summary>
        /// <param name="t">Any shape, kept.</param>
        let toFloat64 (t: Tensor) = Tensor(Precision.toFloat64 t.Node)
