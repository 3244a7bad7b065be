namespace Hesse.Theory

open Hesse
open Hesse.Kernels

/// A basis of functions for one layer of a network.
type InteractionBasis = {
    /// Mean of the activations, shape [d].
    Mean: Tensor
    /// Rows lead from centred activations to basis functions, shape [r; d].
    Transform: Tensor
    /// How much the next layer's basis functions vary with each function, descending, length r.
    Importance: float[]
} with

    /// <summary>The basis functions of a vector of activations.</summary>
    /// <param name="activations">Shape [d].</param>
    /// <returns>Shape [r].</returns>
    member b.Apply(activations: Tensor) : Tensor = Tensor.matmul b.Transform (activations - b.Mean)

/// Coordinates for the activations of a layer in which linear dependences of activations and of gradients have no part: they do not
/// change when the activations are transformed by any regular matrix that the next layer undoes.
/// Source: L. Bushnaq, J. Mendel, S. Heimersheim, D. Braun, N. Goldowsky-Dill, K. Hänni, C. Wu and M. Hobbhahn, "Using degeneracy in the
/// loss landscape for mechanistic interpretability" (2024).
[<RequireQualifiedAccess>]
module InteractionBasis =
    /// Eigenpairs with a value above a fraction of the largest, descending: values [r] and vectors in rows [r; n].
    let private leading (tolerance: float) (matrix: Tensor) =
        let n = matrix.Shape[0]
        let struct (values, vectors) = LinearAlgebra.SymmetricEigen(matrix.toArray (), n, true)

        let kept = [|
            for j in n - 1 .. -1 .. 0 do
                if values[j] > tolerance * values[n - 1] then
                    j
        |]

        let rows = kept |> Array.collect (fun j -> Array.init n (fun i -> vectors[i * n + j]))
        kept |> Array.map (fun j -> values[j]), Tensor.create [ kept.Length; n ] rows

    /// <summary>The basis of one layer from that of the next: activations are whitened, which drops directions in which they do not vary;
    /// then rotated to the eigenvectors of the mean of JᵀJ, which drops directions that the next layer does not read.</summary>
    /// <param name="tolerance">Eigenvalues at most this fraction of the largest count as zero, e.g. 1e-10.</param>
    /// <param name="activations">One row for each input, shape [n; d].</param>
    /// <param name="next">From the activations of one input [d] to the basis functions of the next layer [k]; differentiable.</param>
    /// <returns>The basis: functions Λ^½ Vᵀ D^−½ Uᵀ (f − mean), with U D Uᵀ the covariance of the activations and V Λ Vᵀ the mean of
    /// JᵀJ in whitened coordinates, J = ∂next/∂f.</returns>
    /// <exception cref="T:Hesse.HesseException">Activations are not a matrix, or do not vary.</exception>
    /// <remarks>n Jacobians of k rows and two symmetric eigenvalue problems of order d.</remarks>
    let ofLayer (tolerance: float) (activations: Tensor) (next: Tensor -> Tensor) : InteractionBasis =
        if activations.Rank <> 2 then
            raise (
                HesseException
                    $"InteractionBasis.ofLayer: activations of rank {activations.Rank}, wanted a matrix [n; d] with one row for each input; stack them"
            )

        let n, d = activations.Shape[0], activations.Shape[1]
        let mean = Tensor.meanAxis 0 activations
        let centred = activations - mean
        let covariance = Tensor.matmul (Tensor.transpose centred) centred / float n

        if not ((Tensor.trace covariance).item() > 0.0) then
            raise (
                HesseException
                    $"InteractionBasis.ofLayer: {n} rows of {d} activations that are all alike, wanted activations that vary; give more inputs"
            )

        let variances, directions = leading tolerance covariance
        let scales = Tensor.ofArray (variances |> Array.map sqrt)
        // f = mean + Uᵀ D^½ z for whitened coordinates z.
        let spread = Tensor.expandDims 1 scales * directions
        let jacobians = Diff.vmap (Diff.jacobian next) activations
        let inWhitened = Tensor.einsum "nkd,rd->nkr" [ jacobians; spread ]
        let interaction = Tensor.einsum "nkr,nks->rs" [ inWhitened; inWhitened ] / float n
        let importance, rotation = leading tolerance interaction
        let whiten = directions / Tensor.expandDims 1 scales
        let weights = Tensor.expandDims 1 (Tensor.ofArray (importance |> Array.map sqrt))

        {
            Mean = mean
            Transform = weights * Tensor.matmul rotation whiten
            Importance = importance
        }
