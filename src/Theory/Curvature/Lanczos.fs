namespace Hesse.Theory

open System
open System.Threading
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

/// How Lanczos vectors are kept orthogonal.
[<RequireQualifiedAccess>]
type Reorthogonalisation =
    /// Each new vector against all earlier ones, twice: orthogonal to rounding.
    | Full
    /// Against the Ritz vectors that have converged, which is where orthogonality is lost (Paige 1971; Parlett and Scott 1979). The vectors stay
    /// orthogonal to √ε, with which T is the projection of A up to rounding.
    | Selective

/// A Lanczos factorisation whose basis is one block; `Vectors` takes the first as many rows as T has.
type internal LanczosRun = {
    Diagonal: float[]
    OffDiagonal: float[]
    Rest: float
    Rows: float[]
    /// Dot products with earlier vectors that orthogonalisation took, a measure of its work.
    Orthogonalisations: int
}

/// Lanczos iteration with re-orthogonalisation (Lanczos 1950; Paige 1972; Parlett 1998, chapter 13).
[<RequireQualifiedAccess>]
module Lanczos =
    /// What a remainder of zero means, relative to T.
    let private negligible = 1e-14

    let private checkStart (operator: LinearOperator) (start: float[]) steps =
        let length = Vectors.norm start

        if start.Length <> operator.Size || not (Double.IsFinite length) || length = 0.0 || steps < 1 then
            Vectors.fail
                $"Lanczos.factorise: start vector of length {start.Length} and norm {length}, {steps} steps; wanted length {operator.Size}, a finite norm above zero and at least one step"

        length

    /// Simon's recurrence for the loss of orthogonality: estimates of qᵢᵀ q_{j+1}, i ≤ j, from those of the two vectors before (H. D. Simon 1984).
    type private Orthogonality(capacity: int) =
        let mutable older = Array.zeroCreate<float>(capacity + 2)
        let mutable current = Array.zeroCreate<float>(capacity + 2)
        let unit = 2.2e-16

        /// The estimates after step j (0-based), where `rest` is β_{j+1}; returns the largest.
        member _.Advance
            (j: int, alpha: ResizeArray<float>, beta: ResizeArray<float>, rest: float, scale: float, root: float)
            =
            let next = Array.zeroCreate<float> older.Length
            let mutable largest = 0.0

            for i in 0 .. j - 1 do
                let above = if i + 1 = j then 1.0 else current[i + 1]
                let below = if i > 0 then beta[i - 1] * current[i - 1] else 0.0

                let before =
                    if j > 0 && i < j - 1 then
                        beta[j - 1] * older[i]
                    else
                        (if j > 0 && i = j - 1 then beta[j - 1] else 0.0)

                let sum = beta[i] * above + (alpha[i] - alpha[j]) * current[i] + below - before
                next[i] <- (sum + float (sign sum) * 2.0 * unit * scale * root) / rest
                largest <- max largest (abs next[i])

            next[j] <- unit * root
            older <- current
            current <- next
            largest

        /// After orthogonalisation of the newest vector.
        member _.Reset(j: int) = Array.fill current 0 (j + 1) unit

    /// Ritz vectors of T whose residual is at most √ε‖T‖, as rows: the directions in which orthogonality is lost.
    let private goodRitzVectors size (rows: float[]) (alpha: float[]) (beta: float[]) rest scale =
        let s = alpha.Length
        let struct (_, vectors) = LinearAlgebra.SymmetricTridiagonalEigen(alpha, beta)

        let good = [|
            for j in 0 .. s - 1 do
                if rest * abs vectors[(s - 1) * s + j] <= 1e-8 * scale then
                    j
        |]

        let weights =
            Array.init (s * good.Length) (fun q -> vectors[q / good.Length * s + good[q % good.Length]])

        good.Length,
        (if good.Length = 0 then
             [||]
         else
             Vectors.combine size rows 0 s weights good.Length)

    /// Runs the iteration; `each` sees the number of products after every step.
    let internal run mode (operator: LinearOperator) (start: float[]) (steps: int) (each: int -> unit) : LanczosRun =
        let length = checkStart operator start steps
        let size = operator.Size
        let limit = min steps size
        let rows = Array.zeroCreate (limit * size)
        Array.blit (Vectors.scaled (1.0 / length) start) 0 rows 0 size
        let alpha, beta = ResizeArray<float>(), ResizeArray<float>()
        let mutable remainder = Double.PositiveInfinity
        let mutable scale = 0.0
        let mutable work = 0
        let estimates = Orthogonality limit
        let mutable good, goodRows = 0, [||]
        // After a loss of orthogonality the next vector is cleaned too, as both enter the recurrence.
        let mutable again = false

        let against basis count (w: float[]) =
            let coefficients = Vectors.gram size basis 0 count w 0 1
            Vectors.subtract size basis 0 count coefficients w 0 1
            work <- work + count
            coefficients

        let full (w: float[]) =
            let count = alpha.Count + 1
            let first = against rows count w
            let second = against rows count w
            first[count - 1] + second[count - 1]

        /// The three-term recurrence, twice for the local part.
        let local (w: float[]) =
            let j = alpha.Count
            let from = max 0 (j - 1)
            let mutable diagonal = 0.0

            for _ in 1..2 do
                let coefficients = Vectors.gram size rows from (j + 1 - from) w 0 1
                Vectors.subtract size rows from (j + 1 - from) coefficients w 0 1
                diagonal <- diagonal + coefficients[coefficients.Length - 1]
                work <- work + coefficients.Length

            if good > 0 then
                against goodRows good w |> ignore

            diagonal

        while alpha.Count < limit && remainder > negligible * scale do
            if alpha.Count > 0 then
                beta.Add remainder

            let j = alpha.Count
            let w = Vectors.products operator (Vectors.row size rows j) 1

            alpha.Add(
                match mode with
                | Reorthogonalisation.Full -> full w
                | Reorthogonalisation.Selective -> local w
            )

            scale <- Array.max [| scale; abs alpha[j]; (if j > 0 then beta[j - 1] else 0.0) |]
            remainder <- Vectors.norm w

            if mode = Reorthogonalisation.Selective && remainder > negligible * scale then
                let loss = estimates.Advance(j, alpha, beta, remainder, scale, sqrt (float size))

                if loss > 1e-8 || again then
                    let count, found = goodRitzVectors size rows (alpha.ToArray()) (beta.ToArray()) remainder scale

                    good <- count
                    goodRows <- found

                    if good > 0 then
                        against goodRows good w |> ignore

                    // What is left against all earlier vectors shows whether the Ritz vectors explained the loss; if not, it is taken away.
                    let left = against rows (j + 1) w
                    let worst = left |> Array.fold (fun m x -> max m (abs x)) 0.0
                    remainder <- Vectors.norm w

                    if worst > 1e-8 * remainder then
                        against rows (j + 1) w |> ignore
                        remainder <- Vectors.norm w

                    estimates.Reset j
                    again <- not again

            each alpha.Count

            if alpha.Count < limit && remainder > negligible * scale then
                Array.blit (Vectors.scaled (1.0 / remainder) w) 0 rows ((j + 1) * size) size

        {
            Diagonal = alpha.ToArray()
            OffDiagonal = beta.ToArray()
            Rest = if remainder > negligible * scale && alpha.Count < size then remainder else 0.0
            Rows = rows
            Orthogonalisations = work
        }

    /// Runs from several starts at once, so that one batched product serves a step of all; each as `run` with full orthogonalisation.
    let internal runTogether (operator: LinearOperator) (starts: float[][]) (steps: int) : LanczosRun[] =
        let size = operator.Size
        let limit = min steps size
        let lengths = starts |> Array.map (fun start -> checkStart operator start steps)
        let bases = starts |> Array.map (fun _ -> Array.zeroCreate<float>(limit * size))

        Array.iteri2
            (fun p start length -> Array.blit (Vectors.scaled (1.0 / length) start) 0 bases[p] 0 size)
            starts
            lengths

        let alpha, beta =
            starts |> Array.map (fun _ -> ResizeArray<float>()), starts |> Array.map (fun _ -> ResizeArray<float>())

        let rest = Array.create starts.Length Double.PositiveInfinity
        let scale = Array.zeroCreate<float> starts.Length
        let work = Array.zeroCreate<int> starts.Length
        let running p = alpha[p].Count < limit && rest[p] > negligible * scale[p]

        while Array.exists running [| 0 .. starts.Length - 1 |] do
            // Those that have ended are multiplied once more, so that all batches have one size, and one plan.
            let last p = if running p then alpha[p].Count else alpha[p].Count - 1
            let block = Array.zeroCreate<float>(starts.Length * size)
            bases |> Array.iteri (fun p basis -> Array.Copy(basis, last p * size, block, p * size, size))
            let images = Vectors.products operator block starts.Length

            for p in Seq.filter running [ 0 .. starts.Length - 1 ] do
                let j = alpha[p].Count

                if j > 0 then
                    beta[p].Add rest[p]

                let mutable diagonal = 0.0

                for _ in 1..2 do
                    let coefficients = Vectors.gram size bases[p] 0 (j + 1) images p 1
                    Vectors.subtract size bases[p] 0 (j + 1) coefficients images p 1
                    diagonal <- diagonal + coefficients[j]
                    work[p] <- work[p] + j + 1

                alpha[p].Add diagonal
                scale[p] <- Array.max [| scale[p]; abs diagonal; (if j > 0 then beta[p].[j - 1] else 0.0) |]
                rest[p] <- Vectors.rowNorm size images p

                if running p then
                    Array.Copy(images, p * size, bases[p], (j + 1) * size, size)
                    Vectors.scaleRow size bases[p] (j + 1) (1.0 / rest[p])

        Array.init starts.Length (fun p -> {
            Diagonal = alpha[p].ToArray()
            OffDiagonal = beta[p].ToArray()
            Rest =
                if rest[p] > negligible * scale[p] && alpha[p].Count < size then
                    rest[p]
                else
                    0.0
            Rows = bases[p]
            Orthogonalisations = work[p]
        })

    let private factorisation size (run: LanczosRun) = {
        Alpha = run.Diagonal
        Beta = run.OffDiagonal
        Remainder = run.Rest
        Basis = Vectors.rows size run.Rows run.Diagonal.Length
    }

    /// <summary>Runs the iteration with full re-orthogonalisation.</summary>
    /// <param name="operator">A, of size M.</param>
    /// <param name="start">The start vector, length M, not zero; it is normalised.</param>
    /// <param name="steps">Largest dimension of the Krylov space; it is cut to M, and to the dimension of the invariant space that <paramref name="start"/> spans.</param>
    /// <returns>T, Q and the remainder. One eigenvector of each distinct eigenvalue can be found, whatever its multiplicity; `Eigenpairs.compute` finds all.</returns>
    /// <exception cref="T:Hesse.HesseException">The start vector is zero, not finite or of the wrong length, <paramref name="steps"/> is not positive, or a product is not finite.</exception>
    /// <remarks>One product and O(M·steps) work a step, as products of a matrix and a vector. Each new vector is orthogonalised twice against all
    /// earlier ones ("twice is enough", Parlett 1998, 6.9), so no copies of converged eigenvalues appear.</remarks>
    let factorise (operator: LinearOperator) (start: float[]) (steps: int) : LanczosFactorisation =
        factorisation operator.Size (run Reorthogonalisation.Full operator start steps ignore)

    /// <summary>Runs the iteration with a choice of re-orthogonalisation, to be watched and cancelled.</summary>
    /// <param name="mode">Full, or selective: the same T to about 1e-8 ‖A‖, for less work while few Ritz values have converged.</param>
    /// <param name="progress">Called after every step with the number of products so far.</param>
    /// <param name="cancellation">Looked at after every step.</param>
    /// <param name="operator">A, of size M.</param>
    /// <param name="start">The start vector, length M, not zero; it is normalised.</param>
    /// <param name="steps">Largest dimension of the Krylov space; it is cut to M and to that of the invariant space.</param>
    /// <returns>T, Q and the remainder.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>factorise</c>.</exception>
    /// <exception cref="T:System.OperationCanceledException">It was cancelled.</exception>
    /// <remarks>Selective: B. N. Parlett and D. S. Scott, The Lanczos algorithm with selective orthogonalization, 1979; the loss of orthogonality is
    /// watched by the recurrence of H. D. Simon, 1984, which costs O(steps) a step.</remarks>
    let factoriseWith
        (mode: Reorthogonalisation)
        (progress: int -> unit)
        (cancellation: CancellationToken)
        (operator: LinearOperator)
        (start: float[])
        (steps: int)
        : LanczosFactorisation =
        run mode operator start steps (fun products ->
            cancellation.ThrowIfCancellationRequested()
            progress products)
        |> factorisation operator.Size

    /// <summary>Eigenvalues of T with the first and the last entry of each eigenvector.</summary>
    /// <param name="factorisation">From <c>factorise</c>.</param>
    /// <returns>Values ascending, first entries, last entries; each of length s.</returns>
    let tridiagonalEigen (factorisation: LanczosFactorisation) : float[] * float[] * float[] =
        let s = factorisation.Alpha.Length

        let struct (values, vectors) =
            LinearAlgebra.SymmetricTridiagonalEigen(factorisation.Alpha, factorisation.Beta)

        values, Array.truncate s vectors, Array.sub vectors ((s - 1) * s) s

    /// The Ritz pairs of the given places in the ascending order of T's eigenvalues.
    let private ritzPairs (choose: int -> int[]) (factorisation: LanczosFactorisation) : RitzPairs =
        let s = factorisation.Alpha.Length

        let struct (values, vectors) =
            LinearAlgebra.SymmetricTridiagonalEigen(factorisation.Alpha, factorisation.Beta)

        let kept = choose s

        let ritzVector j =
            let y = Array.zeroCreate factorisation.Basis[0].Length

            for i in 0 .. s - 1 do
                Vectors.addScaled vectors[i * s + j] factorisation.Basis[i] y

            y

        {
            Values = kept |> Array.map (fun j -> values[j])
            Vectors = kept |> Array.map ritzVector
            Residuals = kept |> Array.map (fun j -> factorisation.Remainder * abs vectors[(s - 1) * s + j])
        }

    /// <summary>The Ritz pairs of largest value.</summary>
    /// <param name="factorisation">From <c>factorise</c>.</param>
    /// <param name="count">How many are wanted; fewer when the Krylov space is smaller.</param>
    /// <returns>Values, unit vectors and residual norms β |s_last|, which bound the error of the values.</returns>
    let largest (factorisation: LanczosFactorisation) (count: int) : RitzPairs =
        ritzPairs (fun s -> [| for j in s - 1 .. -1 .. max 0 (s - count) -> j |]) factorisation

    /// <summary>The Ritz pairs of smallest value, smallest last: the other end of the spectrum.</summary>
    /// <param name="factorisation">From <c>factorise</c>.</param>
    /// <param name="count">How many are wanted; fewer when the Krylov space is smaller.</param>
    /// <returns>Values, descending, unit vectors and residual norms β |s_last|.</returns>
    let smallest (factorisation: LanczosFactorisation) (count: int) : RitzPairs =
        ritzPairs (fun s -> [| for j in min s count - 1 .. -1 .. 0 -> j |]) factorisation
