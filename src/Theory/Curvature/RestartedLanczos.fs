namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// Thick-restart block Lanczos: a Krylov basis of fixed memory that is cut back to its best Ritz vectors when it is full, and grown by
/// random vectors where the space is invariant.
/// Wu and Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems, 2000; blocks: Golub and Underwood 1977.
module internal RestartedLanczos =
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
    let private iterate
        (problem: KrylovProblem)
        (space: KrylovSpace)
        (wanted: Ritz -> int[])
        (finished: Ritz -> bool)
        restarts
        =
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
    let solve (problem: KrylovProblem) : Outcome =
        let options = problem.Options
        EigenCommon.check problem.Name options problem.Size
        let capacity = capacityOf options problem.Size

        let extra =
            if options.Multiplicities then
                min options.Count (problem.Size - capacity)
            else
                0

        use space = new KrylovSpace(problem, capacity + extra)
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
            Rows = space.LockedRows()
            Count = found.Length
            Others = others.ToArray()
            Scale = space.Scale
            Products = space.Products
            Restarts = restarts.Value
        }
