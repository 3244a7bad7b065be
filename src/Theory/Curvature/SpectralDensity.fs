namespace Hesse.Theory

open System
open Hesse

/// A spectral density estimated by stochastic Lanczos quadrature: for each probe a discrete measure of mass one.
type SpectralDensity = {
    /// Dimension M of the operator.
    Size: int
    /// Quadrature nodes (Ritz values) of each probe, ascending.
    Nodes: float[][]
    /// Weights of the nodes; those of one probe sum to one.
    Weights: float[][]
}

/// Stochastic Lanczos quadrature (Golub and Welsch 1969; Ubaru, Chen, Saad 2017; for networks Ghorbani, Krishnan, Xiao 2019).
[<RequireQualifiedAccess>]
module SpectralDensity =
    /// <summary>Estimates the eigenvalue distribution of an operator.</summary>
    /// <param name="operator">A symmetric operator of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of Gaussian start vectors; errors fall as 1/√probes.</param>
    /// <param name="steps">Lanczos steps of each probe; moments up to order 2·steps − 1 have no quadrature error.</param>
    /// <returns>The density; E ∫ g dμ = (1/M) tr g(A) up to quadrature error.</returns>
    /// <exception cref="T:Hesse.HesseException">No probe or no step.</exception>
    let estimate (operator: LinearOperator) (key: Key) (probes: int) (steps: int) : SpectralDensity =
        if probes < 1 then
            raise (HesseException $"SpectralDensity.estimate: {probes} probes, wanted at least 1")

        let rules =
            Random.split probes key
            |> Array.map (fun probeKey ->
                let start = (Random.normal probeKey [ operator.Size ]).toArray()
                let nodes, first, _ = Lanczos.tridiagonalEigen (Lanczos.factorise operator start steps)
                nodes, first |> Array.map (fun x -> x * x))

        {
            Size = operator.Size
            Nodes = Array.map fst rules
            Weights = Array.map snd rules
        }

    let private perProbe (density: SpectralDensity) (g: float -> float) =
        Array.map2 (Array.fold2 (fun sum node weight -> sum + weight * g node) 0.0) density.Nodes density.Weights

    /// <summary>Estimate of the mean of g over the eigenvalues, (1/M) Σ g(λ).</summary>
    /// <param name="g">A function of an eigenvalue.</param>
    /// <param name="density">From at least two probes.</param>
    /// <returns>Mean over probes and its standard error.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let mean (g: float -> float) (density: SpectralDensity) : Estimate = Estimate.ofSamples (perProbe density g)

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
