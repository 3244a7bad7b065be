namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// Thick-restart block Lanczos: a Krylov basis of fixed memory that is cut back to its best Ritz vectors when it is full, and grown by
/// random vectors where the space is invariant.
/// Wu and Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems, 2000; blocks: Golub and Underwood 1977.
module internal RestartedLanczos =
    /// The part of the spectrum, tolerance and cost of a run; `MaxProducts` and `Size` are those of `Apply`.
    type Problem = {
        Name: string
        Size: int
        /// Row-major [b; M] and b to the products.
        Apply: float[] -> int -> float[]
        Options: EigenOptions
    }

    /// Orthonormal rows that span the wanted space, further Ritz values with the radius of their intervals, and the cost.
    type Outcome = {
        Rows: float[]
        Count: int
        Others: (float * float)[]
        /// The largest |θ| seen.
        Scale: float
        Products: int
        Restarts: int
    }

    /// The Ritz values of a basis, ascending, with weights in columns and residual norms.
    [<NoComparison>]
    type private Ritz = { Values: float[]; Weights: float[]; Residuals: float[] }

    /// The basis: `locked` vectors that are kept out of the projection, the projected ones up to `filled`, then the next block.
    [<Sealed>]
    type private Space(problem: Problem, capacity: int) =
        let size, block = problem.Size, problem.Options.Block
        let rows = Array.zeroCreate<float>((capacity + block) * size)
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

        /// Puts a random unit vector, orthogonal to all before it, in a row.
        let place at =
            let mutable placed = false
            let mutable tries = 0

            while not placed do
                Array.blit (random ()) 0 rows (at * size) size
                let before = Vectors.rowNorm size rows at
                let after = Vectors.orthogonalise size rows at rows at (Array.zeroCreate at)
                placed <- after > 1e-10 * before
                tries <- tries + 1

                if placed then
                    Vectors.scaleRow size rows at (1.0 / after)
                elif tries > 20 then
                    Vectors.fail
                        $"{problem.Name}: no vector is orthogonal to {at} others in a space of {size}; ask for fewer eigenpairs"

        member _.Rows = rows
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
                let mutable fromStart = false

                if i < start.Length then
                    Array.blit start[i] 0 rows (at * size) size
                    let before = Vectors.rowNorm size rows at
                    let after = Vectors.orthogonalise size rows at rows at (Array.zeroCreate at)
                    fromStart <- after > 1e-10 * before && after > 0.0

                    if fromStart then
                        Vectors.scaleRow size rows at (1.0 / after)

                if not fromStart then
                    place at

        /// Multiplies the next block and makes the block after it.
        member _.Expand() =
            let count = next
            let known = filled + count
            let images = problem.Apply (Array.sub rows (filled * size) (count * size)) count
            products <- products + count

            if images.Length <> count * size then
                Vectors.fail
                    $"{problem.Name}: the operator returned {images.Length} numbers for {count} vector(s) of length {size}; a product has as many as its argument"

            let sums = Vectors.gram size rows 0 known images 0 count
            Vectors.subtract size rows 0 known sums images 0 count

            let after = min count (size - known)
            let couplings = Array2D.zeroCreate after count
            // The parts outside of the basis become the next block, one orthonormal row after the other.
            let mutable made = 0

            for c in 0 .. count - 1 do
                let inside = Array.zeroCreate (known + made)
                let rest = Vectors.orthogonalise size rows (known + made) images c inside

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
                    Array.blit images (c * size) rows ((known + made) * size) size
                    Vectors.scaleRow size rows (known + made) (1.0 / rest)
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

            Vectors.rotate size rows locked n weights kept.Length
            let target = locked + kept.Length

            if next > 0 then
                Array.Copy(rows, filled * size, rows, target * size, next * size)

            let couplings =
                Array2D.init next kept.Length (fun a k ->
                    Seq.sum (
                        seq { for c in 0 .. last - 1 -> coupling[a, c] * weights[(n - last + c) * kept.Length + k] }
                    ))

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
                Array.init (n * chosen.Length) (fun q ->
                    ritz.Weights[q / chosen.Length * n + chosen[q % chosen.Length]])

            Vectors.rotate size rows locked n weights chosen.Length
            locked <- locked + chosen.Length

        /// Locks one Ritz vector in the place of a locked one.
        member _.Replace(ritz: Ritz, chosen: int, place: int) =
            let n = filled - locked
            let weights = Array.init n (fun i -> ritz.Weights[i * n + chosen])
            let vector = Vectors.combine size rows locked n weights 1
            Array.blit vector 0 rows (place * size) size

    let private capacityOf (options: EigenOptions) size =
        let least = options.Count + 2 * options.Block + 2

        let asked =
            if options.BasisSize = 0 then
                max (2 * options.Count + 2 * options.Block) 20 + 4
            else
                options.BasisSize

        if asked < min size least then
            Vectors.fail
                $"Eigenpairs: a basis of {asked} vectors for {options.Count} eigenpairs in blocks of {options.Block}; wanted at least {least}, or 0 for a good choice"

        min size asked

    /// Expands and restarts until `finished` accepts the Ritz pairs, the products are spent, or the space is whole.
    let private iterate (problem: Problem) (space: Space) (wanted: Ritz -> int[]) (finished: Ritz -> bool) restarts =
        let options = problem.Options
        let mutable ritz = { Values = [||]; Weights = [||]; Residuals = [||] }
        let mutable going = true

        while going do
            space.Expand()
            options.Cancellation.ThrowIfCancellationRequested()
            ritz <- space.Ritz()
            let chosen = wanted ritz
            let unit = max space.Scale Double.Epsilon
            let residuals = chosen |> Array.map (fun j -> ritz.Residuals[j] / unit)

            options.Progress {
                Products = space.Products
                Converged = residuals |> Array.filter (fun r -> r <= options.Tolerance) |> Array.length
                Residual = if residuals.Length = 0 then infinity else Array.max residuals
            }

            going <- not (finished ritz) && space.Next > 0 && space.Products < options.MaxProducts

            if going && not space.Room then
                // Half of the room beside the wanted vectors keeps the next best ones, which speeds up the next round.
                let n = space.Projected
                let kept = chosen.Length + max 0 (min (n - chosen.Length) ((n - chosen.Length - options.Block) / 2))

                let next =
                    EigenCommon.select options.Part kept ritz.Values
                    |> Array.map fst
                    |> Array.append chosen
                    |> Array.distinct
                    |> Array.truncate kept

                space.Restart(ritz, next)
                restarts ()

        ritz

    /// The wanted space of a symmetric operator.
    let solve (problem: Problem) : Outcome =
        let options = problem.Options
        EigenCommon.check problem.Name options problem.Size
        let capacity = capacityOf options problem.Size

        let extra =
            if options.Multiplicities then
                min options.Count (problem.Size - capacity)
            else
                0

        let space = Space(problem, capacity + extra)
        let restarts = ref 0
        let restarted () = restarts.Value <- restarts.Value + 1
        let tolerance = 0.5 * options.Tolerance
        let small residual = residual <= tolerance * space.Scale
        let wanted (ritz: Ritz) = EigenCommon.select options.Part options.Count ritz.Values

        space.Begin options.Start

        let ritz =
            iterate
                problem
                space
                (wanted >> Array.map fst)
                (fun ritz ->
                    ritz.Values.Length >= options.Count
                    && wanted ritz |> Array.forall (fun (j, _) -> small ritz.Residuals[j]))
                restarted

        let chosen = wanted ritz
        let others = ResizeArray<float * float>()

        let noteOthers (ritz: Ritz) (taken: int[]) =
            for j in 0 .. ritz.Values.Length - 1 do
                if not (Array.contains j taken) then
                    others.Add(ritz.Values[j], ritz.Residuals[j])

        noteOthers ritz (Array.map fst chosen)
        let found = chosen |> Array.map (fun (j, e) -> ritz.Values[j], e)
        space.Lock(ritz, Array.map fst chosen)

        let keys = EigenCommon.ends options.Part options.Count |> List.map fst |> Array.ofList

        let mutable looking =
            options.Multiplicities && space.Locked < problem.Size && chosen.Length = options.Count

        // Orthogonally to what was found: is there a value that should have been among them? It replaces the least wanted one of its end.
        while looking && space.Products < options.MaxProducts do
            space.Begin [||]
            others.RemoveAll(fun (_, radius) -> radius > tolerance * space.Scale) |> ignore

            let worst e =
                found
                |> Array.indexed
                |> Array.filter (fun (_, (_, other)) -> other = e)
                |> Array.minBy (fun (_, (value, _)) -> keys[e] value)

            let used =
                keys
                |> Array.indexed
                |> Array.map fst
                |> Array.filter (fun e -> found |> Array.exists (fun (_, o) -> o = e))

            let best (ritz: Ritz) e = [| 0 .. ritz.Values.Length - 1 |] |> Array.maxBy (fun j -> keys[e] ritz.Values[j])

            /// Whether the best remaining value of an end cannot belong to the wanted ones.
            let excluded (ritz: Ritz) e =
                let j = best ritz e
                keys[e] ritz.Values[j] + ritz.Residuals[j] <= keys[e](fst (snd (worst e))) + tolerance * space.Scale

            let settled (ritz: Ritz) e = excluded ritz e || small ritz.Residuals[best ritz e]

            let ritz =
                iterate
                    problem
                    space
                    (fun ritz -> used |> Array.map (best ritz) |> Array.distinct)
                    (fun ritz -> used |> Array.forall (settled ritz))
                    restarted

            let better =
                used
                |> Array.filter (fun e ->
                    let j = best ritz e

                    small ritz.Residuals[j]
                    && keys[e] ritz.Values[j] > keys[e](fst (snd (worst e))) + tolerance * space.Scale)

            if better.Length = 0 then
                looking <- false
                noteOthers ritz [||]
            else
                let e = better[0]
                let place, (value, _) = worst e
                let j = best ritz e
                // The value that gives way stays known.
                others.Add(value, tolerance * space.Scale)
                found[place] <- ritz.Values[j], e
                space.Replace(ritz, j, place)

        {
            Rows = space.Rows
            Count = found.Length
            Others = others.ToArray()
            Scale = space.Scale
            Products = space.Products
            Restarts = restarts.Value
        }
