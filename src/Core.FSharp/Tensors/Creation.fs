namespace Hesse

/// Part of the module `Tensor`, which is spread over the files of this folder by subject.
[<AutoOpen>]
module TensorCreation =
    /// Tensors from values, and values of tensors.
    [<RequireQualifiedAccess>]
    module Tensor =
        /// <summary>A tensor of rank 0; beside a float32 tensor it is float32, else float64.</summary>
        /// <param name="value">Its value.</param>
        let scalar (value: float) = Tensor(Graph.full [||] value)

        /// <summary>A float64 tensor from its elements.</summary>
        /// <param name="shape">Axis lengths.</param>
        /// <param name="data">The elements, row-major; as many as the shape holds. Copied.</param>
        /// <exception cref="T:Hesse.HesseException">The number of elements does not fit the shape.</exception>
        let create (shape: int seq) (data: float[]) =
            let shape = Array.ofSeq shape
            Shape.checkHolds "create" shape data.Length
            Tensor(Graph.constant shape (Array.copy data))

        /// <summary>A vector.</summary>
        /// <param name="data">Its elements; shape [n].</param>
        let ofArray (data: float[]) = create [ data.Length ] data

        /// <summary>A matrix.</summary>
        /// <param name="data">Its elements; shape [rows; columns].</param>
        let ofArray2D (data: float[,]) =
            create [ Array2D.length1 data; Array2D.length2 data ] (data |> Seq.cast<float> |> Array.ofSeq)

        /// <summary>A tensor of one repeated value; beside a float32 tensor it is float32, else float64.</summary>
        /// <param name="shape">Axis lengths.</param>
        /// <param name="value">The value.</param>
        let full (shape: int seq) (value: float) =
            let shape = Array.ofSeq shape

            if shape |> Array.exists (fun d -> d < 0) then
                Shape.fail $"full: shape {Shape.show shape} has a negative length; lengths are at least 0"

            Tensor(Graph.full shape value)

        /// <summary>Zeros; beside a float32 tensor they are float32, else float64.</summary>
        /// <param name="shape">Axis lengths.</param>
        let zeros (shape: int seq) = full shape 0.0

        /// <summary>Ones; beside a float32 tensor they are float32, else float64.</summary>
        /// <param name="shape">Axis lengths.</param>
        let ones (shape: int seq) = full shape 1.0

        /// <summary>The identity matrix.</summary>
        /// <param name="n">Rows and columns; shape [n; n].</param>
        let eye (n: int) =
            create [ n; n ] (Array.init (n * n) (fun k -> if k / max n 1 = k % max n 1 then 1.0 else 0.0))

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

        /// <summary>Axis lengths.</summary>
        /// <param name="t">Any tensor.</param>
        let shape (t: Tensor) = t.Shape

        /// <summary>The value of a tensor with one element.</summary>
        /// <param name="t">A concrete tensor with one element.</param>
        let item (t: Tensor) = t.item ()

        /// <summary>The elements, row-major.</summary>
        /// <param name="t">A concrete tensor.</param>
        let toArray (t: Tensor) = t.toArray ()
