namespace Hesse

open Hesse.Tracing

/// How a random direction v is drawn; E[v vᵀ] is the identity for each.
[<RequireQualifiedAccess>]
type Probe =
    /// ±1 in every element: the least variance for a diagonal Hessian (Hutchinson 1990).
    | Rademacher
    /// Standard normal in every element.
    | Gaussian
    /// √P times a unit vector along a random element: a random second derivative (SDGD: Hu et al. 2024).
    | Coordinate

/// How many random directions of a derivative are drawn, and from what.
[<NoComparison>]
type StochasticOptions = {
    /// At least 2.
    Probes: int
    /// The distribution of a direction.
    Probe: Probe
    /// Probe i is drawn from `Random.fold i Key`: the same key, the same probes, in chunks of any size.
    Key: Key
    /// How many probes are taken at once; memory grows with it. None: sized to the cache.
    Chunk: int option
}

/// A mean over random probes.
[<NoComparison>]
type StochasticEstimate<'Y> = {
    /// The mean: an unbiased estimate.
    Value: 'Y
    /// The sample deviation of one probe over √Probes, element by element.
    StandardError: 'Y
    /// How many probes it is over.
    Probes: int
    /// The key that they are from.
    Key: Key
}

/// Linear differential operators from random jet directions (STDE: Shi, Hu, Lin and Kawaguchi 2024).
module internal Stochastic =
    let private check (name: string) (options: StochasticOptions) =
        Directions.checkChunk name options.Chunk

        if options.Probes < 2 then
            Shape.fail $"{name}: {options.Probes} probes have no standard error; want at least 2"

    /// One probe as a direction for each variable, in its precision; the numbers are the float64 draws, rounded.
    let private draw (probe: Probe) (key: Key) (variables: Node[]) : Tensor[] =
        let each law =
            variables
            |> Array.mapi (fun i v -> tensor (Precision.toType v.DType (law (Random.fold i key) v.Shape: Tensor).Node))

        match probe with
        | Probe.Rademacher -> each (fun key shape -> Random.rademacher key shape)
        | Probe.Gaussian -> each (fun key shape -> Random.normal key shape)
        | Probe.Coordinate ->
            let total = variables |> Array.sumBy (fun v -> Shape.length "stochastic" v.Shape)
            let chosen = Random.integers key (max 1 total) []
            let elements = Tensor.ofArray (Array.init total float)
            let unit = sqrt (float total) * Tensor.equal elements chosen

            CustomRules.unpack variables unit.Node
            |> Array.map2 (fun (v: Node) part -> tensor (Precision.toType v.DType part)) variables

    /// Rows of directions from probe `from` on; zeros past the last probe.
    let private rows (options: StochasticOptions) (linear: Node[]) (probe: Key -> Tensor[]) (from: int) (count: int) =
        let drawn =
            Array.init count (fun k ->
                if from + k < options.Probes then
                    probe (Random.fold (from + k) options.Key)
                else
                    linear |> Array.map (Graph.zerosLike >> tensor))

        Array.init linear.Length (fun i -> (Tensor.stack 0 (drawn |> Array.map (Array.item i))).Node)

    /// The graph for every probe: in blocks, or as one batch where the key has no value yet.
    let private overProbes
        (options: StochasticOptions)
        (t: Trace<'Y>)
        (linear: Node[])
        (outputs: Node[])
        rows
        : Node[] =
        if options.Key.Words.IsConcrete then
            Directions.over options.Chunk t.Variables t.Values linear outputs options.Probes rows
        else
            Batch.apply options.Probes linear (rows 0 options.Probes) outputs
            |> Substitute.apply t.Variables t.Values

    /// Mean and standard error over the leading axis of every result.
    let private summarise (options: StochasticOptions) (t: Trace<'Y>) (results: Node[]) : StochasticEstimate<'Y> =
        let n = float options.Probes
        let means = results |> Array.map (fun r -> Tensor.meanAxis 0 (Tensor r))

        let errors =
            Array.map2
                (fun r (mean: Tensor) ->
                    Tensor.sqrt (Tensor.sumAxis 0 (Tensor.square (Tensor r - mean)) / (n * (n - 1.0))))
                results
                means

        let result (tensors: Tensor[]) = t.Result(tensors |> Array.map (fun t -> t.Node))

        {
            Value = result means
            StandardError = result errors
            Probes = options.Probes
            Key = options.Key
        }

    let laplacian (options: StochasticOptions) (f: 'X -> 'Y) (x: 'X) : StochasticEstimate<'Y> =
        check "stochasticLaplacian" options
        let t = trace f x
        let tangents = variablesLike t.Variables
        let second = Directional.mixedAlong t [| tangents |] [| 2 |]

        rows options tangents (fun key -> draw options.Probe key tangents)
        |> overProbes options t tangents second
        |> summarise options t

    let laplacianWith (weights: Tensor) (options: StochasticOptions) (f: 'X -> 'Y) (x: 'X) : StochasticEstimate<'Y> =
        check "stochasticLaplacianWith" options
        let t = trace f x
        let total = t.Variables |> Array.sumBy (fun v -> Shape.length "stochasticLaplacianWith" v.Shape)

        if not weights.IsConcrete || (weights.Shape <> [| total |] && weights.Shape <> [| total; total |]) then
            Shape.fail
                $"stochasticLaplacianWith: weights of shape {Shape.show weights.Shape} for an argument of {total} elements; want a tensor with a value, [{total}] (a diagonal) or [{total}; {total}]"

        let left, right = variablesLike t.Variables, variablesLike t.Variables

        let weights = tensor (Laplacians.weightsFor "stochasticLaplacianWith" t weights)

        // E[v (A v)ᵀ] = Aᵀ, and the Hessian is symmetric.
        let probe key =
            let v = draw options.Probe key left
            let flat, unravel = Tree.ravel v
            let image = if weights.Rank = 1 then weights * flat else Tensor.matmul weights flat
            Array.append v (unravel image)

        let second = Directional.mixedAlong t [| left; right |] [| 1; 1 |]

        rows options (Array.append left right) probe
        |> overProbes options t (Array.append left right) second
        |> summarise options t

    // ----- operators of any order -----

    /// For each direction the number of the first that is the same tree, and the nodes of the different ones.
    let private grouped (directions: Node[] list) : int list * Node[][] =
        let same (a: Node[]) (b: Node[]) = Array.forall2 (fun p q -> obj.ReferenceEquals(p, q)) a b

        let distinct =
            directions
            |> List.fold (fun found d -> if List.exists (same d) found then found else found @ [ d ]) []

        directions |> List.map (fun d -> List.findIndex (same d) distinct), Array.ofList distinct

    let operator
        (sample: Key -> float * 'X list)
        (options: StochasticOptions)
        (f: 'X -> 'Y)
        (x: 'X)
        : StochasticEstimate<'Y> =
        check "stochasticOperator" options
        let t = trace f x

        let probe key =
            let weight, directions = sample key
            let nodes = directions |> List.map nodesOf

            for direction in nodes do
                matching "stochasticOperator" "direction" t.Variables direction

            let pattern, distinct = grouped nodes
            weight, pattern, distinct

        let _, pattern, distinct = probe (Random.fold 0 options.Key)
        let times = Array.init distinct.Length (fun g -> pattern |> List.filter ((=) g) |> List.length)
        let variables = distinct |> Array.map (fun _ -> variablesLike t.Variables)
        let weight = Graph.variable [||]

        let weighted =
            Directional.mixedAlong t variables times
            |> Array.map (fun y -> Linear.mul (Linear.broadcast y.Shape [||] (Precision.toType y.DType weight)) y)

        let linear = Array.append (Array.concat variables) [| weight |]

        let parts key =
            let weight, found, directions = probe key

            if found <> pattern then
                Shape.fail
                    $"stochasticOperator: the directions of one probe are equal in the places {pattern}, those of another in {found}; give the same number, and equal ones in the same places"

            Array.append (Array.concat directions |> Array.map tensor) [| Tensor.scalar weight |]

        rows options linear parts |> overProbes options t linear weighted |> summarise options t
