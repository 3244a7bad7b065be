namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// A spectral density estimated by stochastic Lanczos quadrature: for each probe a discrete measure of mass one.
type SpectralDensity = {
    /// Dimension M of the operator.
    Size: int
    /// Quadrature nodes (Ritz values) of each probe, ascending.
    Nodes: float[][]
    /// Weights of the nodes; those of one probe sum to one.
    Weights: float[][]
    /// Whether the rule of each probe has no quadrature error, because its Krylov space is invariant.
    Exact: bool[]
    /// Products with the operator.
    Products: int
    /// The key of the probes, if they were drawn.
    Key: Key option
}

/// Stochastic Lanczos quadrature (Golub and Welsch 1969; Ubaru, Chen, Saad 2017; for networks Ghorbani, Krishnan, Xiao 2019).
[<RequireQualifiedAccess>]
module SpectralDensity =
    /// The estimate, group by group of probes: `group first rules` gives nodes, weights and exactness of the probes from `first` on, by `rules` or from
    /// where they are known.
    let internal estimateBy
        (group: int -> (unit -> (float[] * float[] * bool)[]) -> (float[] * float[] * bool)[])
        (operator: LinearOperator)
        (key: Key)
        (probes: int)
        (steps: int)
        : SpectralDensity =
        if probes < 1 then
            raise (HesseException $"SpectralDensity.estimate: {probes} probes, wanted at least 1")

        let keys = Random.split probes key

        // Together while the bases are small; else one after the other, with the memory of one basis.
        let together =
            let numbers = int64 (min steps operator.Size) * int64 operator.Size
            max 1 (int (min 16L ((1L <<< 24) / max 1L numbers)))

        let rulesFrom first () =
            let starts =
                keys[first .. min (first + together) probes - 1]
                |> Array.map (fun k -> Vectors.gaussian k operator.Size)

            if starts.Length = 1 then
                [| Lanczos.run Reorthogonalisation.Full operator starts[0] steps ignore |]
            else
                Lanczos.runTogether operator starts steps
            |> Array.map (fun run ->
                let s = run.Diagonal.Length
                let struct (nodes, vectors) = LinearAlgebra.SymmetricTridiagonalEigen(run.Diagonal, run.OffDiagonal)
                nodes, Array.init s (fun j -> vectors[j] * vectors[j]), run.Rest = 0.0)

        let rules = [|
            for first in 0..together .. probes - 1 do
                yield! group first (rulesFrom first)
        |]

        {
            Size = operator.Size
            Nodes = rules |> Array.map (fun (nodes, _, _) -> nodes)
            Weights = rules |> Array.map (fun (_, weights, _) -> weights)
            Exact = rules |> Array.map (fun (_, _, exact) -> exact)
            Products = rules |> Array.sumBy (fun (nodes, _, _) -> nodes.Length)
            Key = Some key
        }

    /// <summary>Estimates the eigenvalue distribution of an operator.</summary>
    /// <param name="operator">A symmetric operator of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of Gaussian start vectors; errors fall as 1/√probes.</param>
    /// <param name="steps">Lanczos steps of each probe; moments up to order 2·steps − 1 have no quadrature error.</param>
    /// <returns>The density; E ∫ g dμ = (1/M) tr g(A) up to quadrature error.</returns>
    /// <exception cref="T:Hesse.HesseException">No probe or no step.</exception>
    let estimate (operator: LinearOperator) (key: Key) (probes: int) (steps: int) : SpectralDensity =
        estimateBy (fun _ rules -> rules ()) operator key probes steps

    let private perProbe (density: SpectralDensity) (g: float -> float) =
        Array.map2 (Array.fold2 (fun sum node weight -> sum + weight * g node) 0.0) density.Nodes density.Weights

    /// <summary>Estimate of the mean of g over the eigenvalues, (1/M) Σ g(λ).</summary>
    /// <param name="g">A function of an eigenvalue.</param>
    /// <param name="density">From at least two probes.</param>
    /// <returns>Mean over probes and its standard error.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let mean (g: float -> float) (density: SpectralDensity) : Estimate = {
        Estimate.ofSamples (perProbe density g) with
            Products = density.Products
            Key = density.Key
    }

    /// <summary>Estimate of the moment (1/M) Σ λ^p.</summary>
    /// <param name="p">The order, p ≥ 0.</param>
    /// <param name="density">From at least two probes.</param>
    /// <returns>Mean over probes and its standard error.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let moment (p: int) (density: SpectralDensity) : Estimate = mean (fun x -> pown x p) density

    /// The averaged measure as sorted nodes and weights.
    let private pooled (density: SpectralDensity) =
        let probes = float density.Nodes.Length

        Array.zip (Array.concat density.Nodes) (Array.concat density.Weights)
        |> Array.map (fun (node, weight) -> node, weight / probes)
        |> Array.sortBy fst

    /// <summary>The cumulative distribution F(x): the estimated fraction of eigenvalues that are at most x.</summary>
    /// <param name="density">The density.</param>
    /// <param name="x">Where.</param>
    /// <returns>A number in [0, 1].</returns>
    let cdf (density: SpectralDensity) (x: float) : float =
        pooled density |> Array.sumBy (fun (node, weight) -> if node <= x then weight else 0.0)

    /// Bounds of the cumulative distribution of one probe's measure at x: between nodes θⱼ ≤ x < θⱼ₊₁ it is at least the weight before θⱼ, and at
    /// most that up to θⱼ₊₁ (Chebyshev, Markov, Stieltjes).
    let private bracket (nodes: float[]) (weights: float[]) (isExact: bool) (x: float) =
        let below = nodes |> Array.filter (fun node -> node <= x) |> Array.length

        if isExact then
            let sum = Array.sum (Array.truncate below weights)
            sum, sum
        else
            Array.sum (Array.truncate (below - 1 |> max 0) weights), Array.sum (Array.truncate (below + 1) weights)

    /// <summary>The cumulative distribution with a confidence band, pointwise: sampling and quadrature errors together.</summary>
    /// <param name="density">From at least two probes.</param>
    /// <param name="x">Where.</param>
    /// <returns>F(x), the estimated fraction of eigenvalues that are at most x, in an interval of level 0.95: Student's intervals of the lower and
    /// upper bounds that the Gauss rule of each probe has for the measure of that probe.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    /// <remarks>T. Chen, T. Trogdon, S. Ubaru, Analysis of stochastic Lanczos quadrature for spectrum approximation, 2021, section 3.</remarks>
    let cumulative (density: SpectralDensity) (x: float) : Estimate =
        let bounds = Array.map3 (fun n w e -> bracket n w e x) density.Nodes density.Weights density.Exact
        let lower = Estimate.ofSamples (Array.map fst bounds)
        let upper = Estimate.ofSamples (Array.map snd bounds)

        let value = min 1.0 (cdf density x)

        {
            lower with
                Value = value
                StandardError = max lower.StandardError upper.StandardError
                Lower = min value lower.Lower |> max 0.0
                Upper = max value upper.Upper |> min 1.0
                Products = density.Products
                Key = density.Key
        }

    /// ∫ max(F − lower, upper − F) over an interval, for one probe: how far its Gauss rule may be from its measure.
    let private quadratureGap (a: float) (b: float) (nodes: float[]) (weights: float[]) =
        // F is w₁ + … + wⱼ between θⱼ and θⱼ₊₁; its bounds differ from it by wⱼ and wⱼ₊₁.
        let ends = Array.concat [ [| a |]; nodes; [| b |] ]
        let weight i = if i >= 0 && i < weights.Length then weights[i] else 0.0

        Seq.sum (
            seq { for j in 0 .. nodes.Length -> max 0.0 (ends[j + 1] - ends[j]) * max (weight (j - 1)) (weight j) }
        )

    /// <summary>A bound for the Wasserstein-1 distance to the exact spectrum that holds with a given probability.</summary>
    /// <param name="level">The probability, such as 0.95.</param>
    /// <param name="interval">Two numbers with all eigenvalues between them.</param>
    /// <param name="density">The density.</param>
    /// <returns>(b − a) √(ln(2M/(1 − level)) / ((M + 2) probes)) for the sampling, plus the mean over probes of the quadrature error: the smaller of
    /// π(b − a)/(4 steps), and of what the weights of the rule say.</returns>
    /// <exception cref="T:Hesse.HesseException">The level is not between 0 and 1, or a node lies outside of the interval.</exception>
    /// <remarks>As in Chen, Trogdon, Ubaru 2021, theorem 1, with sharper constants: vᵀPv is Beta distributed, hence sub-Gaussian with variance 1/(2(M + 2))
    /// (O. Marchal and J. Arbel 2017), at each of M places; two measures on [a, b] with equal moments up to order 2s − 1 are within π(b − a)/(4s)
    /// (the Lipschitz functions' approximation by polynomials, J. Favard 1937).</remarks>
    let wassersteinBound (level: float) (interval: float * float) (density: SpectralDensity) : float =
        let a, b = interval
        let all = Array.concat density.Nodes
        let slack = 1e-12 * max (abs a) (abs b)

        if not (level > 0.0 && level < 1.0) || Array.min all < a - slack || Array.max all > b + slack then
            Vectors.fail
                $"SpectralDensity.wassersteinBound: level {level}, nodes from {Array.min all:G8} to {Array.max all:G8} in [{a:G8}; {b:G8}]; wanted a level between 0 and 1, and an interval that holds the spectrum"

        let m, probes = float density.Size, float density.Nodes.Length
        let sampling = (b - a) * sqrt (log (2.0 * m / (1.0 - level)) / ((m + 2.0) * probes))

        let quadrature p =
            if density.Exact[p] then
                0.0
            else
                let nodes = density.Nodes[p]
                min (Math.PI * (b - a) / (4.0 * float nodes.Length)) (quadratureGap a b nodes density.Weights[p])

        sampling + (Array.init density.Nodes.Length quadrature |> Array.average)

    /// <summary>The fraction of eigenvalues in an interval, with a confidence interval.</summary>
    /// <param name="lower">Its open lower end.</param>
    /// <param name="upper">Its closed upper end, above the lower one.</param>
    /// <param name="density">From at least two probes.</param>
    /// <returns>F(upper) − F(lower) with the band of <c>cumulative</c> at both ends.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes, or the ends are in the wrong order.</exception>
    let mass (lower: float) (upper: float) (density: SpectralDensity) : Estimate =
        if not (lower < upper) then
            Vectors.fail $"SpectralDensity.mass: from {lower} to {upper}; wanted the smaller end first"

        let bounds x = Array.map3 (fun n w e -> bracket n w e x) density.Nodes density.Weights density.Exact
        let low, high = bounds lower, bounds upper
        let least = Estimate.ofSamples (Array.map2 (fun (_, l) (h, _) -> h - l) low high)
        let most = Estimate.ofSamples (Array.map2 (fun (l, _) (_, h) -> h - l) low high)

        let value = min 1.0 (cdf density upper - cdf density lower)

        {
            least with
                Value = value
                StandardError = max least.StandardError most.StandardError
                Lower = min value least.Lower |> max 0.0
                Upper = max value most.Upper |> min 1.0
                Products = density.Products
                Key = density.Key
        }

    /// <summary>The density of log₁₀|λ| blurred by a Gaussian: eigenvalues over many orders of magnitude, for plots.</summary>
    /// <param name="sigma">Width of the Gaussian in decades.</param>
    /// <param name="floor">Magnitudes below it, zeros among them, count as this one; above 0.</param>
    /// <param name="grid">Where it is evaluated: values of log₁₀|λ|.</param>
    /// <param name="density">The density.</param>
    /// <returns>The parts of the negative and of the positive eigenvalues on the grid; together they integrate to one.</returns>
    /// <exception cref="T:Hesse.HesseException">The width or the floor is not positive.</exception>
    /// <remarks>Quadrature resolves magnitudes down to about the spread of the spectrum over steps²; what is smaller comes out as few nodes.</remarks>
    let smoothLogarithmic (sigma: float) (floor: float) (grid: float[]) (density: SpectralDensity) : float[] * float[] =
        if not (sigma > 0.0 && floor > 0.0) then
            Vectors.fail
                $"SpectralDensity.smoothLogarithmic: width {sigma} and floor {floor}; wanted both above 0, the floor in units of the eigenvalues"

        let points = pooled density
        let scale = 1.0 / (sigma * sqrt (2.0 * Math.PI))

        let blur isNegative =
            let part = points |> Array.filter (fun (node, _) -> (node < 0.0) = isNegative)

            grid
            |> Array.map (fun x ->
                part
                |> Array.sumBy (fun (node, weight) ->
                    let u = (x - log10 (max floor (abs node))) / sigma
                    weight * scale * exp (-0.5 * u * u)))

        blur true, blur false

    /// <summary>The density blurred by a Gaussian, for plots.</summary>
    /// <param name="sigma">Width of the Gaussian, in units of the eigenvalues.</param>
    /// <param name="grid">Where it is evaluated.</param>
    /// <param name="density">The density.</param>
    /// <returns>Values on the grid; they integrate to one over the line.</returns>
    let smooth (sigma: float) (grid: float[]) (density: SpectralDensity) : float[] =
        let points = pooled density
        let scale = 1.0 / (sigma * sqrt (2.0 * Math.PI))

        grid
        |> Array.map (fun x ->
            points
            |> Array.sumBy (fun (node, weight) ->
                let u = (x - node) / sigma
                weight * scale * exp (-0.5 * u * u)))

    /// <summary>Wasserstein-1 distance to the exact spectrum, ∫ |F(x) − F_exact(x)| dx.</summary>
    /// <param name="exact">All M eigenvalues, in any order.</param>
    /// <param name="density">The density.</param>
    /// <returns>The distance, in units of the eigenvalues.</returns>
    let distance (exact: float[]) (density: SpectralDensity) : float =
        // The difference F − F_exact is a step function: each event moves it.
        let mass = 1.0 / float exact.Length

        let events = Array.append (pooled density) (exact |> Array.map (fun x -> x, -mass)) |> Array.sortBy fst

        let mutable gap = 0.0
        let mutable total = 0.0

        for i in 0 .. events.Length - 2 do
            gap <- gap + snd events[i]
            total <- total + abs gap * (fst events[i + 1] - fst events[i])

        total

    /// <summary>The error of <c>distance</c> that sampling alone explains: ∫ σ(F(x)) dx.</summary>
    /// <param name="exact">All M eigenvalues, in any order.</param>
    /// <param name="probes">Number of Gaussian probes.</param>
    /// <returns>An upper bound of the expected distance without quadrature error: σ² = 2 F (1 − F) / ((M + 2) probes) is the
    /// exact variance of the estimate of F, and E|x| ≤ σ.</returns>
    /// <remarks>For a uniformly random unit v and a projection P of rank r, vᵀPv is Beta(r/2, (M − r)/2).</remarks>
    let samplingError (exact: float[]) (probes: int) : float =
        let sorted = Array.sort exact
        let m = float exact.Length

        sorted
        |> Array.pairwise
        |> Array.mapi (fun i (a, b) ->
            let f = float (i + 1) / m
            (b - a) * sqrt (2.0 * f * (1.0 - f) / ((m + 2.0) * float probes)))
        |> Array.sum
