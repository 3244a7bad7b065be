namespace Hesse.Theory

open Hesse

/// Directions in the space of parameters: trees like the parameters.
[<RequireQualifiedAccess>]
module Directions =
    let private fail (message: string) : 'a = raise (HesseException message)

    /// <summary>A direction from a flat vector, such as an eigenvector of the Hessian.</summary>
    /// <param name="like">The parameters.</param>
    /// <param name="vector">Length M, in the order of <c>Tree.ravel</c>.</param>
    /// <returns>A tree like the parameters, in their precision.</returns>
    /// <exception cref="T:Hesse.HesseException">The vector has another length.</exception>
    let ofVector (like: 'P) (vector: float[]) : 'P =
        let flat, unravel = Tree.ravel like

        if vector.Length <> flat.Size then
            fail
                $"Directions.ofVector: a vector of {vector.Length} numbers for {flat.Size} parameters; ravel the same tree"

        unravel (Optimizer.inPrecisionOf flat (Tensor.ofArray vector))

    /// <summary>Independent standard normal numbers.</summary>
    /// <param name="key">The stream.</param>
    /// <param name="like">The parameters.</param>
    /// <returns>A tree like the parameters, in their precision.</returns>
    let gaussian (key: Key) (like: 'P) : 'P =
        let flat, unravel = Tree.ravel like
        unravel (Optimizer.inPrecisionOf flat (Random.normal key [ flat.Size ]))

    /// <summary>The axis of filters for the models of this library: the outputs of a matrix [inputs; outputs] and of a kernel [outputs; channels; …];
    /// none for biases and scalars.</summary>
    /// <param name="path">The place in the tree; not used.</param>
    /// <param name="weight">The tensor there.</param>
    /// <returns>The axis.</returns>
    let filterAxis (path: string) (weight: Tensor) : int option =
        ignore path

        match weight.Rank with
        | 0
        | 1 -> None
        | 2 -> Some 1
        | _ -> Some 0

    /// Norms over all axes but one, in a shape that broadcasts.
    let private normsAlong (axis: int) (t: Tensor) =
        let others = [| 0 .. t.Rank - 1 |] |> Array.filter ((<>) axis)
        let squares = Tensor.sumAxes others (t * t)
        Tensor.reshape (Array.init t.Rank (fun i -> if i = axis then -1 else 1)) (Tensor.sqrt squares)

    let private ratio (wanted: Tensor) (found: Tensor) =
        wanted / Tensor.where (Tensor.equal found (Tensor.scalar 0.0)) (Tensor.ones found.Shape) found

    let private scaleWith (axisOf: string -> Tensor -> int option) (w: 'P) (direction: 'P) : 'P =
        let places = System.Collections.Generic.Queue(Tree.paths w)

        Tree.map2
            (fun weight d ->
                match axisOf (places.Dequeue()) weight with
                | Some axis -> d * ratio (normsAlong axis weight) (normsAlong axis d)
                | None -> 0.0 * d)
            w
            direction

    /// <summary>Filter normalisation: each filter of the direction gets the norm of the same filter of the parameters (Li, Xu, Taylor, Studer, Goldstein
    /// 2018, section 4), so that surfaces of networks that differ by a rescaling of filters look alike; biases stay where they are.</summary>
    /// <param name="w">The parameters.</param>
    /// <param name="direction">A tree like the parameters.</param>
    /// <returns>The direction, scaled filter by filter, zero for biases.</returns>
    let filterNormalise (w: 'P) (direction: 'P) : 'P = scaleWith filterAxis w direction

    /// <summary>Filter normalisation with a choice of axes.</summary>
    /// <param name="axisOf">From a path and the tensor there to the axis that counts filters; None sets the direction to zero there.</param>
    /// <param name="w">The parameters.</param>
    /// <param name="direction">A tree like the parameters.</param>
    /// <returns>The direction, scaled filter by filter.</returns>
    let filterNormaliseWith (axisOf: string -> Tensor -> int option) (w: 'P) (direction: 'P) : 'P =
        scaleWith axisOf w direction
