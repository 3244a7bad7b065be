namespace Hesse.Theory

open System
open Hesse

/// A spectral density as Chebyshev moments on an interval.
type ChebyshevDensity = {
    /// Dimension M of the operator.
    Size: int
    /// The interval [a, b] that is mapped to [−1, 1]; all eigenvalues lie in it.
    Interval: float * float
    /// Moments (1/M) vᵀTₙ(Ã)v of each probe, n = 0 .. degree.
    Moments: float[][]
    /// Products with the operator.
    Products: int
    /// The key of the probes.
    Key: Key
}

/// The kernel polynomial method: densities from Chebyshev moments with Jackson's kernel, as a second route beside Lanczos quadrature
/// (Weiße, Wellein, Alvermann, Fehske, The kernel polynomial method, 2006).
[<RequireQualifiedAccess>]
module KernelPolynomial =
    /// <summary>An interval that holds the spectrum: the outermost Ritz values, moved out by their residuals and by a share of the width.</summary>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <param name="key">The stream of the start vector.</param>
    /// <param name="steps">Lanczos steps; 20 to 30 are enough as a rule.</param>
    /// <returns>a and b. Not a proof: the estimate notices an eigenvalue outside, and raises.</returns>
    let interval (operator: LinearOperator) (key: Key) (steps: int) : float * float =
        let run = Lanczos.factorise operator (Vectors.gaussian key operator.Size) steps
        let values, _, last = Lanczos.tridiagonalEigen run
        let s = values.Length
        let low = values[0] - run.Remainder * abs last[0]
        let high = values[s - 1] + run.Remainder * abs last[s - 1]
        let margin = max (0.01 * (high - low)) (1e-8 * max (abs low) (abs high)) |> max 1e-300
        low - margin, high + margin

    /// <summary>Chebyshev moments from random probes.</summary>
    /// <param name="interval">Two numbers with all eigenvalues between them, from <c>interval</c> for instance.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <param name="key">The same key gives the same estimate.</param>
    /// <param name="probes">Number of probes: random vectors of length √M.</param>
    /// <param name="degree">Highest moment N; the resolution is π(b − a)/(2N). Costs ⌈N/2⌉ products a probe and the memory of three vectors each.</param>
    /// <returns>The density.</returns>
    /// <exception cref="T:Hesse.HesseException">No probe, no degree, an empty interval, or one that does not hold the spectrum.</exception>
    let estimate (interval: float * float) (operator: LinearOperator) (key: Key) (probes: int) (degree: int) =
        let a, b = interval

        if probes < 1 || degree < 1 || not (a < b) then
            Vectors.fail
                $"KernelPolynomial.estimate: {probes} probes, degree {degree}, interval [{a}; {b}]; wanted at least one probe, degree 1 and an interval that is not empty"

        let size = operator.Size
        let scale, shift = 2.0 / (b - a), -(a + b) / (b - a)
        let start = Probes.spherical key size probes

        /// Ã v for all rows.
        let apply rows =
            let image = Probes.apply operator rows probes
            Array.map2 (fun y v -> scale * y + shift * v) image rows

        let moments = Array.init probes (fun _ -> Array.zeroCreate<float>(degree + 1))
        let mutable before = start
        let mutable current = apply start
        let half = (degree + 1) / 2

        let record n values =
            if n <= degree then
                Array.iteri (fun p x -> moments[p][n] <- x / float size) values

        record 0 (Probes.dots size start start probes)
        let zeroth = moments |> Array.map (Array.item 0)
        record 1 (Probes.dots size start current probes)
        let first = moments |> Array.map (Array.item 1)

        for n in 1..half do
            // T₂ₙ = 2Tₙ² − T₀ and T₂ₙ₊₁ = 2TₙTₙ₊₁ − T₁.
            let even = Probes.dots size current current probes
            record (2 * n) (Array.map2 (fun x z -> 2.0 * x - z * float size) even zeroth)

            if 2 * n + 1 <= degree then
                let next = apply current |> Array.map2 (fun p y -> 2.0 * y - p) before

                record
                    (2 * n + 1)
                    (Array.map2 (fun x f -> 2.0 * x - f * float size) (Probes.dots size current next probes) first)

                before <- current
                current <- next

        let largest = moments |> Array.concat |> Array.fold (fun m x -> max m (abs x)) 0.0

        if not (largest <= 1.0 + 1e-6) then
            Vectors.fail
                $"KernelPolynomial.estimate: a Chebyshev moment of {largest:G6}, above 1: there is an eigenvalue outside of [{a:G8}; {b:G8}]; widen the interval"

        {
            Size = size
            Interval = interval
            Moments = moments
            Products = probes * (1 + (degree - 1) / 2)
            Key = key
        }

    /// Jackson's factors g₀ .. g_N (Weiße et al. 2006, equation 71).
    let internal jackson (degree: int) : float[] =
        let n = float (degree + 2)

        Array.init (degree + 1) (fun k ->
            let angle = Math.PI * float k / n
            ((n - float k) * cos angle + sin angle / tan (Math.PI / n)) / n)

    /// The damped series Σ gₙ μₙ c(n) with c(0) = c₀ for each probe, as an estimate.
    let private series (density: ChebyshevDensity) (coefficient: int -> float) : Estimate =
        let degree = density.Moments[0].Length - 1
        let factors = jackson degree |> Array.mapi (fun n g -> g * coefficient n)
        let samples = density.Moments |> Array.map (fun m -> Vectors.dot m factors)

        if samples.Length = 1 then
            Vectors.fail
                "KernelPolynomial: one probe has no spread, and its estimate no interval; take at least two probes"

        Estimate.ofSamples samples |> Estimate.cost density.Products density.Key

    /// <summary>The density at a point: the spectrum seen through Jackson's kernel, which is positive and of width about π(b − a)/(2N).</summary>
    /// <param name="density">From at least two probes.</param>
    /// <param name="x">Where.</param>
    /// <returns>The density with a confidence interval for what the probes scatter by; the kernel's blur is not an error. 0 outside of the interval.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let value (density: ChebyshevDensity) (x: float) : Estimate =
        let a, b = density.Interval
        let t = (2.0 * x - a - b) / (b - a)

        if abs t >= 1.0 then
            { Estimate.bounded 0.0 0.0 0.0 density.Products with Key = Some density.Key }
        else
            let angle = acos t
            let weight = 2.0 / (b - a) / (Math.PI * sqrt (1.0 - t * t))
            series density (fun n -> weight * (if n = 0 then 1.0 else 2.0 * cos (float n * angle)))

    /// <summary>The cumulative distribution of the blurred density.</summary>
    /// <param name="density">From at least two probes.</param>
    /// <param name="x">Where.</param>
    /// <returns>The fraction of eigenvalues up to x, with a confidence interval for what the probes scatter by.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes.</exception>
    let cumulative (density: ChebyshevDensity) (x: float) : Estimate =
        let a, b = density.Interval
        let t = max -1.0 (min 1.0 ((2.0 * x - a - b) / (b - a)))
        let angle = acos t

        series density (fun n ->
            if n = 0 then
                1.0 - angle / Math.PI
            else
                -2.0 * sin (float n * angle) / (float n * Math.PI))

    /// <summary>The mean of Tₙ over the mapped eigenvalues, not damped.</summary>
    /// <param name="density">From at least two probes.</param>
    /// <param name="n">The order, at most the degree.</param>
    /// <returns>An unbiased estimate with its confidence interval.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes, or an order out of range.</exception>
    let moment (density: ChebyshevDensity) (n: int) : Estimate =
        let degree = density.Moments[0].Length - 1

        if n < 0 || n > degree then
            Vectors.fail $"KernelPolynomial.moment: order {n} of a density of degree {degree}; wanted 0 to {degree}"

        Estimate.ofSamples (density.Moments |> Array.map (Array.item n))
        |> Estimate.cost density.Products density.Key
