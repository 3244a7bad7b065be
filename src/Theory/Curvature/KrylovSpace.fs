namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// The part of the spectrum, tolerance and cost of a run; `MaxProducts` and `Size` are those of `Apply`.
type internal KrylovProblem = {
    Name: string
    Size: int
    /// Row-major [b; M] and b to the products.
    Apply: float[] -> int -> float[]
    Options: EigenOptions
}

/// The Ritz values of a basis, ascending, with weights in columns and residual norms.
[<NoComparison>]
type internal Ritz = { Values: float[]; Weights: float[]; Residuals: float[] }

/// The basis: `locked` vectors that are kept out of the projection, the projected ones up to `filled`, then the next block.
[<Sealed>]
type internal KrylovSpace(problem: KrylovProblem, capacity: int) =
    let size, block = problem.Size, problem.Options.Block
    let basis = new KrylovBasis(problem.Name, problem.Options.Storage, size, capacity + block)
    let t = Array2D.zeroCreate<float> (capacity + block) (capacity + block)
    let mutable locked = 0
    let mutable filled = 0
    let mutable next = 0
    // How many projected vectors the last block had, and the coupling of the next block to them, [next; last].
    let mutable last = 0
    let mutable coupling = Array2D.zeroCreate<float> 0 0
    let mutable products = 0
    let mutable drawn = 0
    let mutable scale = 0.0

    let random () =
        drawn <- drawn + 1
        Vectors.gaussian (Random.fold drawn problem.Options.Key) size

    /// Puts the part of a vector that is orthogonal to all rows before it in a row, as a unit vector; or says that there is none.
    let tryPlace at (vector: float[]) =
        let v = Array.copy vector
        let before = Vectors.norm v
        let after = basis.Orthogonalise(at, v, 0, Array.zeroCreate at)
        let placed = after > 1e-10 * before && after > 0.0

        if placed then
            Vectors.scaleRow size v 0 (1.0 / after)
            basis.Set(at, v, 0, 1)

        placed

    /// Puts a random unit vector, orthogonal to all before it, in a row.
    let place at =
        let mutable tries = 0

        while not (tryPlace at (random ())) do
            tries <- tries + 1

            if tries > 20 then
                Vectors.fail
                    $"{problem.Name}: no vector is orthogonal to {at} others in a space of {size}; ask for fewer eigenpairs"

    /// The locked vectors as a new block.
    member _.LockedRows() = basis.Copy(0, locked)

    member _.Locked = locked
    member _.Projected = filled - locked
    member _.Next = next
    member _.Products = products
    /// The largest |θ| and β seen: what tolerances are relative to.
    member _.Scale = scale
    member _.Room = next > 0 && filled + next <= capacity

    /// A new Krylov space, orthogonal to the locked vectors, from start vectors as far as there are any.
    member _.Begin(start: float[][]) =
        filled <- locked
        last <- 0
        next <- min block (size - locked)
        coupling <- Array2D.zeroCreate next 0

        for i in 0 .. next - 1 do
            let at = locked + i

            if not (i < start.Length && tryPlace at start[i]) then
                place at

    /// Multiplies the next block and makes the block after it.
    member _.Expand() =
        let count = next
        let known = filled + count
        let images = problem.Apply (basis.Copy(filled, count)) count
        products <- products + count

        if images.Length <> count * size then
            Vectors.fail
                $"{problem.Name}: the operator returned {images.Length} numbers for {count} vector(s) of length {size}; a product has as many as its argument"

        let sums = basis.Gram(0, known, images, 0, count)
        basis.Subtract(0, known, sums, images, 0, count)

        let after = min count (size - known)
        let couplings = Array2D.zeroCreate after count
        // The parts outside of the basis become the next block, one orthonormal row after the other.
        let mutable made = 0

        for c in 0 .. count - 1 do
            let inside = Array.zeroCreate (known + made)
            let rest = basis.Orthogonalise(known + made, images, c, inside)

            for i in locked .. known - 1 do
                let earlier, entry = t[filled + c, i], sums[i * count + c] + inside[i]
                let isKnown = i < filled && i >= filled - last
                t[i, filled + c] <- entry

                if i < filled then
                    t[filled + c, i] <- entry

                scale <- max scale (abs entry)
                // What the last block's products said of this entry; another value now means another operator.
                if isKnown && abs (earlier - entry) > 1e-4 * scale then
                    Vectors.fail
                        $"{problem.Name}: the operator is not symmetric, or its products change from call to call: one entry of its projection is {earlier:G6} and {entry:G6}; use a symmetric, deterministic operator"

            for a in 0 .. made - 1 do
                couplings[a, c] <- inside[known + a]

            if made < after && rest > 1e-13 * scale then
                couplings[made, c] <- rest
                Vectors.scaleRow size images c (1.0 / rest)
                basis.Set(known + made, images, c, 1)
                made <- made + 1

        for a in 0 .. count - 1 do
            for b in 0 .. a - 1 do
                let mean = 0.5 * (t[filled + a, filled + b] + t[filled + b, filled + a])

                if abs (t[filled + a, filled + b] - mean) > 1e-4 * scale then
                    Vectors.fail
                        $"{problem.Name}: the operator is not symmetric: ⟨u, Av⟩ = {t[filled + a, filled + b]:G6} and ⟨v, Au⟩ = {t[filled + b, filled + a]:G6}; use a symmetric operator"

                t[filled + a, filled + b] <- mean
                t[filled + b, filled + a] <- mean

        filled <- known
        last <- count
        next <- after
        coupling <- couplings

        // An invariant space goes on with vectors that it does not couple to.
        for a in made .. next - 1 do
            place (filled + a)

        for a in 0 .. next - 1 do
            for c in 0 .. count - 1 do
                t[filled + a, filled - count + c] <- coupling[a, c]

    /// Ritz values and residuals of the projected space.
    member _.Ritz() : Ritz =
        let n = filled - locked

        let struct (values, weights) =
            LinearAlgebra.SymmetricEigen(
                Array.init (n * n) (fun q -> t[locked + max (q / n) (q % n), locked + min (q / n) (q % n)]),
                n,
                true
            )

        let residual j =
            Seq.sum (
                seq {
                    for a in 0 .. next - 1 do
                        let mutable sum = 0.0

                        for c in 0 .. last - 1 do
                            sum <- sum + coupling[a, c] * weights[(n - last + c) * n + j]

                        sum * sum
                }
            )
            |> sqrt

        scale <- values |> Array.fold (fun m x -> max m (abs x)) scale

        { Values = values; Weights = weights; Residuals = Array.init n residual }

    /// Cuts the basis back to the given Ritz vectors, which go on with the next block.
    member _.Restart(ritz: Ritz, kept: int[]) =
        let n = filled - locked

        let weights =
            Array.init (n * kept.Length) (fun q -> ritz.Weights[q / kept.Length * n + kept[q % kept.Length]])

        basis.Rotate(locked, n, weights, kept.Length)
        let target = locked + kept.Length

        basis.Move(filled, target, next)

        let couplings =
            Array2D.init next kept.Length (fun a k ->
                Seq.sum (seq { for c in 0 .. last - 1 -> coupling[a, c] * weights[(n - last + c) * kept.Length + k] }))

        for i in 0 .. kept.Length - 1 do
            for j in 0 .. kept.Length - 1 do
                t[locked + i, locked + j] <- if i = j then ritz.Values[kept[i]] else 0.0

            for a in 0 .. next - 1 do
                t[target + a, locked + i] <- couplings[a, i]

        filled <- target
        last <- kept.Length
        coupling <- couplings

    /// Locks the given Ritz vectors; the next space is orthogonal to them.
    member _.Lock(ritz: Ritz, chosen: int[]) =
        let n = filled - locked

        let weights =
            Array.init (n * chosen.Length) (fun q -> ritz.Weights[q / chosen.Length * n + chosen[q % chosen.Length]])

        basis.Rotate(locked, n, weights, chosen.Length)
        locked <- locked + chosen.Length

    /// Locks one Ritz vector in the place of a locked one.
    member _.Replace(ritz: Ritz, chosen: int, place: int) =
        let n = filled - locked
        let weights = Array.init n (fun i -> ritz.Weights[i * n + chosen])
        basis.Set(place, basis.Combine(locked, weights), 0, 1)

    interface IDisposable with
        member _.Dispose() = (basis :> IDisposable).Dispose()
