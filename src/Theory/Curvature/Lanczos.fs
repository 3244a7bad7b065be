namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse
open Hesse.Kernels

/// The Lanczos factorisation A Q = Q T + β r eᵀ of a symmetric operator.
type LanczosFactorisation = {
    /// Diagonal of T, length s.
    Alpha: float[]
    /// Off-diagonal of T, length s − 1.
    Beta: float[]
    /// β of the residual after the last step; zero when the Krylov space is invariant.
    Remainder: float
    /// The orthonormal basis Q: s vectors of length M.
    Basis: float[][]
}

/// Ritz pairs: approximate eigenpairs from a Krylov space, largest value first.
type RitzPairs = {
    /// Ritz values, descending.
    Values: float[]
    /// Unit Ritz vectors, in the same order.
    Vectors: float[][]
    /// ‖A y − θ y‖ of each pair; an eigenvalue of A lies within this distance of θ (Parlett 1998, theorem 4.5.1).
    Residuals: float[]
}

/// Lanczos iteration with full re-orthogonalisation (Lanczos 1950; Paige 1972; Parlett 1998, chapter 13).
[<RequireQualifiedAccess>]
module Lanczos =
    let private dot (a: float[]) (b: float[]) = TensorPrimitives.Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)

    let private norm (a: float[]) = sqrt (dot a a)

    /// y ← y + scale · x
    let private addScaled (scale: float) (x: float[]) (y: float[]) =
        TensorPrimitives.MultiplyAdd(ReadOnlySpan<float> x, scale, ReadOnlySpan<float> y, Span<float> y)

    /// <summary>Runs the iteration.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="start">The start vector, length M, not zero; it is normalised.</param>
    /// <param name="steps">Largest dimension of the Krylov space; it is cut to M, and to the dimension of the invariant space that <paramref name="start"/> spans.</param>
    /// <returns>T, Q and the remainder. One eigenvector of each distinct eigenvalue can be found, whatever its multiplicity.</returns>
    /// <exception cref="T:Hesse.HesseException">The start vector is zero, not finite or of the wrong length, or <paramref name="steps"/> is not positive.</exception>
    /// <remarks>One product and O(M·steps) work a step. Each new vector is orthogonalised twice against all earlier
    /// ones ("twice is enough", Parlett 1998, 6.9), so no copies of converged eigenvalues appear.</remarks>
    let factorise (operator: LinearOperator) (start: float[]) (steps: int) : LanczosFactorisation =
        let length = norm start

        if start.Length <> operator.Size || not (Double.IsFinite length) || length = 0.0 || steps < 1 then
            raise (
                HesseException
                    $"Lanczos.factorise: start vector of length {start.Length} and norm {length}, {steps} steps; wanted length {operator.Size}, a finite norm above zero and at least one step"
            )

        let limit = min steps operator.Size
        let basis = ResizeArray<float[]>()
        let alpha = ResizeArray<float>()
        let beta = ResizeArray<float>()
        let mutable next = start |> Array.map (fun x -> x / length)
        let mutable remainder = Double.PositiveInfinity
        // Size of T so far: what "zero" means for the remainder.
        let mutable scale = 0.0

        while basis.Count < limit && remainder > 1e-14 * scale do
            if basis.Count > 0 then
                beta.Add remainder

            basis.Add next
            let w = operator.Apply next
            let a = dot next w
            alpha.Add a
            scale <- Array.max [| scale; abs a; (if beta.Count > 0 then beta[beta.Count - 1] else 0.0) |]

            for _ in 1..2 do
                for q in basis do
                    addScaled (-(dot q w)) q w

            remainder <- norm w
            next <- w |> Array.map (fun x -> x / remainder)

        {
            Alpha = alpha.ToArray()
            Beta = beta.ToArray()
            Remainder = if remainder > 1e-14 * scale then remainder else 0.0
            Basis = basis.ToArray()
        }

    /// <summary>Eigenvalues of T with the first and the last entry of each eigenvector.</summary>
    /// <param name="factorisation">From <c>factorise</c>.</param>
    /// <returns>Values ascending, first entries, last entries; each of length s.</returns>
    let tridiagonalEigen (factorisation: LanczosFactorisation) : float[] * float[] * float[] =
        let s = factorisation.Alpha.Length

        let struct (values, vectors) =
            LinearAlgebra.SymmetricTridiagonalEigen(factorisation.Alpha, factorisation.Beta)

        values, Array.truncate s vectors, Array.sub vectors ((s - 1) * s) s

    /// <summary>The Ritz pairs of largest value.</summary>
    /// <param name="factorisation">From <c>factorise</c>.</param>
    /// <param name="count">How many are wanted; fewer when the Krylov space is smaller.</param>
    /// <returns>Values, unit vectors and residual norms β |s_last|, which bound the error of the values.</returns>
    let largest (factorisation: LanczosFactorisation) (count: int) : RitzPairs =
        let s = factorisation.Alpha.Length

        let struct (values, vectors) =
            LinearAlgebra.SymmetricTridiagonalEigen(factorisation.Alpha, factorisation.Beta)

        let kept = [| for j in s - 1 .. -1 .. max 0 (s - count) -> j |]

        let ritzVector j =
            let y = Array.zeroCreate factorisation.Basis[0].Length

            for i in 0 .. s - 1 do
                addScaled vectors[i * s + j] factorisation.Basis[i] y

            y

        {
            Values = kept |> Array.map (fun j -> values[j])
            Vectors = kept |> Array.map ritzVector
            Residuals = kept |> Array.map (fun j -> factorisation.Remainder * abs vectors[(s - 1) * s + j])
        }
