namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// A numerical rank with what it rests on.
type NumericalRank = {
    /// Number of singular values above the tolerance.
    Rank: int
    /// Last singular value that counts over the first that does not; infinite when none is left out.
    Gap: float
    /// First singular value that does not count over the largest: 10⁻¹⁵ or so when the rank is exact. Zero when none is left out.
    Remainder: float
}

/// How many directions in the space of parameters change the function of a network: the rank of the Jacobian of its outputs.
/// Sources: J. E. Grigsby, K. Lindsey, R. Meyerhoff and C. Wu, "Functional dimension of feedforward ReLU neural networks" (2022);
/// J. E. Grigsby, K. Lindsey and D. Rolnick, "Hidden symmetries of ReLU networks" (2023).
[<RequireQualifiedAccess>]
module FunctionalDimension =
    /// <summary>The rank of a matrix by its singular values.</summary>
    /// <param name="tolerance">Singular values at most this fraction of the largest count as zero, e.g. 1e-9.</param>
    /// <param name="matrix">Shape [m; n].</param>
    /// <returns>The rank, and the gap at which it was cut.</returns>
    /// <exception cref="T:Hesse.HesseException">Not a matrix, a number that is not finite, or a tolerance outside (0, 1).</exception>
    /// <remarks>One singular value decomposition: O(mn min(m, n)).</remarks>
    let rankOf (tolerance: float) (matrix: Tensor) : NumericalRank =
        if matrix.Shape.Length <> 2 || not (0.0 < tolerance && tolerance < 1.0) then
            raise (
                HesseException
                    $"FunctionalDimension.rankOf: a tensor of rank {matrix.Shape.Length} and tolerance {tolerance}, wanted a matrix and a tolerance in (0, 1); reshape, or pass 1e-9"
            )

        let values = LinearAlgebra.SingularValues(matrix.toArray (), matrix.Shape[0], matrix.Shape[1])
        let largest = Array.max values
        let rank = values |> Array.filter (fun s -> s > tolerance * largest) |> Array.length
        let next = if rank < values.Length then values[rank] else 0.0

        {
            Rank = rank
            Gap =
                if rank = 0 then 1.0
                elif next = 0.0 then Double.PositiveInfinity
                else values[rank - 1] / next
            Remainder = if rank = 0 then 0.0 else next / largest
        }

    /// <summary>Functional dimension on a batch of inputs: the rank of ∂(f(x₁), …, f(x_m))/∂θ.</summary>
    /// <param name="tolerance">Singular values at most this fraction of the largest count as zero, e.g. 1e-9.</param>
    /// <param name="model">From a tree of parameters to the outputs on the batch, of any shape.</param>
    /// <param name="point">θ.</param>
    /// <returns>The rank. The functional dimension at θ is the largest rank over all batches; more inputs can only add to it.</returns>
    /// <exception cref="T:Hesse.HesseException">The outputs do not depend on the parameters in a differentiable way.</exception>
    /// <remarks>One Jacobian and one singular value decomposition.</remarks>
    let onBatch (tolerance: float) (model: 'P -> Tensor) (point: 'P) : NumericalRank =
        let theta, unravel = Tree.ravel point
        let outputs v = let y = model (unravel v) in Tensor.reshape [ y.Size ] y
        rankOf tolerance (Diff.jacobian outputs theta)

    /// Rows with the same singular values, at most as many as columns: the triangular factor.
    let private compress (columns: int) (rows: float[]) =
        let count = rows.Length / columns

        if count <= columns then
            rows
        else
            let struct (_, r) = LinearAlgebra.Qr(rows, count, columns)
            r

    /// <summary>Functional dimension on a large data set, chunk by chunk.</summary>
    /// <param name="tolerance">Singular values at most this fraction of the largest count as zero, e.g. 1e-9.</param>
    /// <param name="chunk">Samples that are taken at once: memory for chunk · k · M numbers beside 2 M².</param>
    /// <param name="model">From parameters and inputs [c; …] to outputs [c; …].</param>
    /// <param name="inputs">Shape [n; …], at least one sample.</param>
    /// <param name="point">θ, M numbers.</param>
    /// <returns>The rank of the Jacobian of all outputs.</returns>
    /// <exception cref="T:Hesse.HesseException">There are no inputs, the chunk is below 1, or the tolerance is outside (0, 1).</exception>
    /// <remarks>A Jacobian and a QR factorisation for each chunk. The triangular factor keeps the singular values to rounding: unlike those of a Gram
    /// matrix they are not squared.</remarks>
    let onData
        (tolerance: float)
        (chunk: int)
        (model: 'P -> Tensor -> Tensor)
        (inputs: Tensor)
        (point: 'P)
        : NumericalRank =
        if inputs.Rank = 0 || inputs.Shape[0] = 0 || chunk < 1 then
            raise (
                HesseException
                    $"FunctionalDimension.onData: inputs of shape {Files.show inputs.Shape} in chunks of {chunk}, wanted samples along the first axis and chunks of at least 1"
            )

        let n = inputs.Shape[0]
        let theta, unravel = Tree.ravel point
        let m = theta.Size

        let jacobian =
            Diff.compile (fun (theta, x: Tensor) -> Diff.jacobian (fun t -> Tensor.flatten (model (unravel t) x)) theta)

        let rows =
            [ 0..chunk .. n - 1 ]
            |> List.fold
                (fun rows first ->
                    let part = Tensor.slice 0 first (min n (first + chunk)) 1 inputs
                    compress m (Array.append rows ((jacobian (theta, part)).toArray())))
                [||]

        rankOf tolerance (Tensor.create [ rows.Length / m; m ] rows)

    /// <summary>What the functional dimension of a fully connected ReLU network cannot exceed: each hidden neuron can be
    /// rescaled (incoming weights and bias by c, outgoing weights by 1/c) without changing the function.</summary>
    /// <param name="widths">Input, hidden and output widths.</param>
    /// <returns>Number of parameters minus number of hidden neurons.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two widths, or one that is not positive.</exception>
    let reluBound (widths: int list) : int =
        let hidden =
            if widths.Length < 2 then
                0
            else
                List.sum widths - widths.Head - List.last widths

        Mlp.parameterCount widths - hidden

    /// <summary>The directions of the rescalings: for hidden neuron j of layer l, +1 times its incoming weights and bias, −1 times
    /// its outgoing weights.</summary>
    /// <param name="layers">Parameters of a fully connected network.</param>
    /// <returns>One direction for each hidden neuron, first layer first; the outputs of a ReLU network do not change along them.</returns>
    let rescalings (layers: AffineLayer list) : AffineLayer list list =
        let zero (t: Tensor) = Tensor.zeros t.Shape

        [
            for l in 0 .. layers.Length - 2 do
                let width = layers[l].Bias.Shape[0]

                for j in 0 .. width - 1 do
                    let unit = Tensor.create [ width ] (Array.init width (fun i -> if i = j then 1.0 else 0.0))

                    layers
                    |> List.mapi (fun k layer ->
                        if k = l then
                            { Weight = layer.Weight * unit; Bias = layer.Bias * unit }
                        elif k = l + 1 then
                            { Weight = -(Tensor.expandDims 1 unit) * layer.Weight; Bias = zero layer.Bias }
                        else
                            { Weight = zero layer.Weight; Bias = zero layer.Bias })
        ]
