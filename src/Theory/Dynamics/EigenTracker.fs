namespace Hesse.Theory

open System
open Hesse

/// How eigenpairs are followed along a run.
type TrackingOptions = {
    /// Number of largest eigenpairs.
    Count: int
    /// Relative residual at which a pair has converged.
    Tolerance: float
    /// Most products with the operator for one observation.
    MaxProducts: int
    /// Lanczos steps from a random vector outside the eigenvectors found, which look for one that a warm start has missed; 0 for none.
    ProbeSteps: int
    /// An eigenvector keeps its identity where it overlaps with its predecessor by at least this much in absolute value.
    MinimalOverlap: float
    /// Of the first start vectors and the probes.
    Key: Key
} with

    /// <summary>Residuals of 10⁻⁶, probes of 8 steps, identity by an overlap of at least ½.</summary>
    /// <param name="count">Number of largest eigenpairs.</param>
    static member Largest(count: int) = {
        Count = count
        Tolerance = 1e-6
        MaxProducts = 10_000
        ProbeSteps = 8
        MinimalOverlap = 0.5
        Key = Random.key 0
    }

/// An eigenpair with an identity that it keeps along the run.
type TrackedPair = {
    /// The same number as long as the eigenvector goes on continuously; numbers count up from 0 in the order of appearance.
    Identity: int
    /// The eigenpair with its residual bound.
    Pair: Eigenpair
    /// |⟨v, predecessor⟩|; 0 for an eigenvector that is new.
    Overlap: float
}

/// Two eigenvalues that have changed places between two observations.
type EigenvalueCrossing = {
    /// Identity of the one that was larger.
    From: int
    /// Identity of the one that is larger now.
    To: int
}

/// The largest eigenpairs at one moment of a run.
type TrackedSpectrum = {
    /// How many observations came before.
    Observation: int
    /// Descending by value; vectors are orthonormal, with the sign of their predecessors.
    Pairs: TrackedPair[]
    /// Pairs that have changed their order since the last observation.
    Crossings: EigenvalueCrossing[]
    /// Identities that have come since the last observation (all, at the first).
    Appeared: int[]
    /// Identities that have gone.
    Vanished: int[]
    /// Products with the operator, those of probes included.
    Products: int
    /// Whether all residuals are within the tolerance.
    Converged: bool
    /// The first identity that no pair has had yet.
    NextIdentity: int
} with

    /// The largest eigenvalue.
    member s.Sharpness = s.Pairs[0].Pair.Value

    /// Eigenvalue of an identity, if it is among the largest.
    member s.ValueOf(identity: int) =
        s.Pairs |> Array.tryFind (fun p -> p.Identity = identity) |> Option.map _.Pair.Value

/// The largest eigenpairs of an operator that changes, such as the Hessian along training: each observation starts from the eigenvectors of the one before, and
/// eigenvectors are told apart by their overlaps, so that they are followed through crossings.
[<RequireQualifiedAccess>]
module EigenTracker =
    /// The largest Ritz value outside the span of the vectors, from a random start, and its vector.
    let private probe (options: TrackingOptions) (key: Key) (vectors: float[][]) (operator: LinearOperator) =
        let size = operator.Size
        let basis = Array.concat vectors

        let outside (v: float[]) =
            let copy = Array.copy v
            Vectors.orthogonalise size basis vectors.Length copy 0 (Array.zeroCreate vectors.Length) |> ignore
            copy

        let start = outside (Vectors.gaussian key size)

        let projected = LinearOperator.symmetric "probe" size (fun v -> outside (operator.Apply(outside v)))

        let steps = min options.ProbeSteps (size - vectors.Length)
        let ritz = Lanczos.largest (Lanczos.factorise projected start steps) 1
        ritz.Values[0], ritz.Vectors[0], steps

    /// Eigenpairs from start vectors, again with a better vector where a probe finds one.
    let private solve (options: TrackingOptions) (observation: int) (start: float[][]) (operator: LinearOperator) =
        let key = Random.fold observation options.Key

        let compute (start: float[][]) =
            Eigenpairs.compute
                {
                    Eigenpairs.defaults with
                        Count = options.Count
                        Tolerance = options.Tolerance
                        MaxProducts = options.MaxProducts
                        Block = max 1 start.Length
                        Start = start
                        Key = key
                }
                operator

        let rec go attempt (start: float[][]) spent =
            let found = compute start
            let spent = spent + found.Products
            let last = Array.last found.Pairs

            if options.ProbeSteps = 0 || options.Count = operator.Size || attempt > options.Count then
                found, spent
            else
                let value, vector, steps = probe options (Random.fold (attempt + 1) key) found.Vectors operator
                let scale = found.Values |> Array.fold (fun m v -> max m (abs v)) 0.0

                if value > last.Value + last.Residual + options.Tolerance * scale then
                    let kept = Array.truncate (options.Count - 1) found.Vectors
                    go (attempt + 1) (Array.append [| vector |] kept) (spent + steps)
                else
                    found, spent + steps

        go 0 start 0

    /// The predecessor of each pair by the assignment of largest total squared overlap, and that overlap with its sign.
    let private predecessors (options: TrackingOptions) (before: TrackedPair[]) (now: Eigenpair[]) =
        let n = max before.Length now.Length

        let overlap i j =
            if i < now.Length && j < before.Length then
                Vectors.dot now[i].Vector before[j].Pair.Vector
            else
                0.0

        let chosen = Assignment.maximise (Array2D.init n n (fun i j -> overlap i j ** 2.0))

        now
        |> Array.mapi (fun i _ ->
            let o = overlap i chosen[i]
            if abs o >= options.MinimalOverlap then Some(before[chosen[i]], o) else None)

    let private crossings (before: TrackedPair[]) (now: TrackedPair[]) =
        let place (pairs: TrackedPair[]) identity = pairs |> Array.tryFindIndex (fun p -> p.Identity = identity)

        [|
            for i in 0 .. before.Length - 1 do
                for j in i + 1 .. before.Length - 1 do
                    match place now before[i].Identity, place now before[j].Identity with
                    | Some a, Some b when a > b -> { From = before[i].Identity; To = before[j].Identity }
                    | _ -> ()
        |]

    /// <summary>The largest eigenpairs now.</summary>
    /// <param name="options">How many, and how well.</param>
    /// <param name="before">The last observation; None for the first.</param>
    /// <param name="operator">A symmetric operator of the size of the one before.</param>
    /// <returns>The pairs with their identities. A probe that starts at random misses a large eigenvalue outside the tracked ones only with
    /// small probability (Kuczyński and Woźniakowski 1992); the residual bounds themselves hold for certain.</returns>
    /// <exception cref="T:Hesse.HesseException">The count is out of range, or the operator has another size than the one before.</exception>
    /// <remarks>One or two block products for each observation where little has changed, and ProbeSteps products.</remarks>
    let observe
        (options: TrackingOptions)
        (before: TrackedSpectrum option)
        (operator: LinearOperator)
        : TrackedSpectrum =
        let known = before |> Option.map _.Pairs |> Option.defaultValue [||]

        match Array.tryHead known with
        | Some p when p.Pair.Vector.Length <> operator.Size ->
            Vectors.fail
                $"EigenTracker.observe: an operator of size {operator.Size} after one of size {p.Pair.Vector.Length}; begin anew with None"
        | _ -> ()

        let observation = before |> Option.map (fun b -> b.Observation + 1) |> Option.defaultValue 0
        let first = before |> Option.map _.NextIdentity |> Option.defaultValue 0
        let start = known |> Array.map _.Pair.Vector |> Array.truncate options.Count
        let solution, products = solve options observation start operator
        let links = predecessors options known solution.Pairs
        let mutable next = first

        let pairs =
            Array.map2
                (fun (pair: Eigenpair) link ->
                    match link with
                    | Some(previous: TrackedPair, overlap) ->
                        let vector = if overlap < 0.0 then Array.map (~-) pair.Vector else pair.Vector

                        {
                            Identity = previous.Identity
                            Pair = { pair with Vector = vector }
                            Overlap = abs overlap
                        }
                    | None ->
                        next <- next + 1

                        { Identity = next - 1; Pair = pair; Overlap = 0.0 })
                solution.Pairs
                links

        let identities (pairs: TrackedPair[]) = pairs |> Array.map _.Identity

        {
            Observation = observation
            Pairs = pairs
            Crossings = crossings known pairs
            Appeared = Array.except (identities known) (identities pairs)
            Vanished = Array.except (identities pairs) (identities known)
            Products = products
            Converged = solution.Converged
            NextIdentity = next
        }
