namespace Hesse.Theory

open System
open Hesse

/// An eigenvalue that stands out from a fitted bulk.
type Outlier = {
    /// The eigenvalue.
    Value: float
    /// Its distance from the bulk's edge in units of the edge's fluctuations, n^(−2/3).
    Distance: float
    /// The chance that the largest eigenvalue of pure noise is as large: 1 − F₁(Distance). It takes the fit for the truth, and is a margin rather than a
    /// test's p-value where the bulk is not of this law.
    Margin: float
}

/// A Marchenko–Pastur or semicircle law that is fitted to the bulk of a spectrum, and what stands out from it.
type BulkFit = {
    /// c of the Marchenko–Pastur law; 0 for a semicircle.
    Ratio: float
    /// σ².
    Variance: float
    /// The middle of the semicircle; 0 for a Marchenko–Pastur law.
    Centre: float
    /// The edges of the bulk.
    Edges: float * float
    /// The scale of the largest eigenvalue's fluctuations.
    EdgeScale: float
    /// Eigenvalues above the upper edge whose margin is below the level, largest first.
    Outliers: Outlier[]
    /// Kolmogorov's distance between the fit and the eigenvalues that are no outliers.
    Distance: float
}

/// Fits of null laws to the bulk of a spectrum by its quantiles, and the outliers beyond.
[<RequireQualifiedAccess>]
module BulkFit =
    let private check name (level: float) (least: int) (eigenvalues: float[]) =
        if eigenvalues.Length < least || not (Array.forall Double.IsFinite eigenvalues) then
            Vectors.fail
                $"{name}: {eigenvalues.Length} eigenvalues; wanted at least {least}, all finite, for quantiles to fit"

        if not (level > 0.0 && level < 1.0) then
            Vectors.fail $"{name}: a level of {level}, wanted one between 0 and 1, such as 0.01"

    /// Repeats fit and cut until the outliers are the same; `fit` sees the bulk ascending and yields edge, scale, law and parameters.
    let private settle
        (level: float)
        (eigenvalues: float[])
        (fit: float[] -> BulkFit * (float -> float) * (float * float))
        =
        let sorted = Array.sort eigenvalues
        let n = sorted.Length

        let rec step count rounds =
            let bulk = Array.truncate (n - count) sorted
            let found, cdf, (centre, scale) = fit bulk

            let outliers =
                [|
                    for i in n - 1 .. -1 .. 0 do
                        let s = (sorted[i] - centre) / scale

                        if sorted[i] > snd found.Edges then
                            { Value = sorted[i]; Distance = s; Margin = 1.0 - TracyWidom.real s }
                |]
                |> Array.takeWhile (fun o -> o.Margin < level)
                |> Array.truncate (n / 2)

            if outliers.Length = count || rounds = 0 then
                {
                    found with
                        Outliers = outliers
                        EdgeScale = scale
                        Distance = SpectralLaw.kolmogorov cdf (Array.truncate (n - outliers.Length) sorted)
                }
            else
                step outliers.Length (rounds - 1)

        // The first fit leaves out the upper tenth, so that outliers do not pull at it.
        step (n / 10) 20

    /// Quantiles of the middle of a sample: levels and values.
    let private levels (bulk: float[]) =
        let n = bulk.Length
        let count = min 60 n

        Array.init count (fun k ->
            let p = 0.03 + 0.94 * (float k + 0.5) / float count
            let at = p * float n - 0.5 |> max 0.0 |> min (float (n - 1))
            let i = min (int at) (n - 2) |> max 0
            p, bulk[i] + (at - float i) * (bulk[min (i + 1) (n - 1)] - bulk[i]))

    /// Golden-section search for the smallest value of a function with one valley.
    let private minimise (f: float -> float) low high =
        let golden = 0.5 * (sqrt 5.0 - 1.0)
        let mutable a, b = low, high
        let mutable x, y = b - golden * (b - a), a + golden * (b - a)
        let mutable fx, fy = f x, f y

        for _ in 1..40 do
            if fx < fy then
                b <- y
                y <- x
                fy <- fx
                x <- b - golden * (b - a)
                fx <- f x
            else
                a <- x
                x <- y
                fx <- fy
                y <- a + golden * (b - a)
                fy <- f y

        0.5 * (a + b)

    /// <summary>Fits variance and ratio of a Marchenko–Pastur law to the bulk of a positive spectrum and lists what stands out above.</summary>
    /// <param name="level">An eigenvalue above the edge is an outlier when its margin is below it; 0.01 for instance.</param>
    /// <param name="eigenvalues">At least 20, positive, in any order: zeros beyond the rank are to be left out.</param>
    /// <returns>The fit. The ratio is searched from 0.001 to 1, the shape of all positive parts: a law of ratio c above 1 without its zeros is that of 1/c, scaled.</returns>
    /// <exception cref="T:Hesse.HesseException">Too few eigenvalues, one that is not positive, or a level out of range.</exception>
    /// <remarks>Least squares between quantiles from 3 % to 97 %, in which the variance is linear; fit and cut are repeated until the outliers stay.</remarks>
    let marchenkoPastur (level: float) (eigenvalues: float[]) : BulkFit =
        check "BulkFit.marchenkoPastur" level 20 eigenvalues

        if Array.min eigenvalues <= 0.0 then
            Vectors.fail
                $"BulkFit.marchenkoPastur: an eigenvalue of {Array.min eigenvalues:G6}; wanted positive ones: leave out the zeros, or fit a semicircle"

        settle level eigenvalues (fun bulk ->
            let points = levels bulk

            /// Best variance and sum of squares at a ratio.
            let at ratio =
                let law = MarchenkoPastur.law ratio 1.0
                let q = points |> Array.map (fun (p, _) -> SpectralLaw.quantile (MarchenkoPastur.cdf ratio 1.0) law p)
                let values = points |> Array.map snd
                let variance = Vectors.dot q values / Vectors.dot q q
                variance, Array.fold2 (fun s x y -> s + (y - variance * x) * (y - variance * x)) 0.0 q values

            let ratio = exp (minimise (exp >> at >> snd) (log 1e-3) 0.0)
            let variance = fst (at ratio)
            let n = max 2 (int (round (float bulk.Length / ratio)))

            {
                Ratio = ratio
                Variance = variance
                Centre = 0.0
                Edges = MarchenkoPastur.edges ratio variance
                EdgeScale = 0.0
                Outliers = [||]
                Distance = 0.0
            },
            MarchenkoPastur.cdf ratio variance,
            MarchenkoPastur.edge bulk.Length n variance)

    /// <summary>Fits centre and variance of a semicircle to the bulk of a spectrum and lists what stands out above.</summary>
    /// <param name="level">An eigenvalue above the edge is an outlier when its margin is below it; 0.01 for instance.</param>
    /// <param name="eigenvalues">At least 20, in any order. For outliers below, change all signs.</param>
    /// <returns>The fit.</returns>
    /// <exception cref="T:Hesse.HesseException">Too few eigenvalues, or a level out of range.</exception>
    /// <remarks>Linear regression of the quantiles from 3 % to 97 % on those of the semicircle.</remarks>
    let semicircle (level: float) (eigenvalues: float[]) : BulkFit =
        check "BulkFit.semicircle" level 20 eigenvalues

        settle level eigenvalues (fun bulk ->
            let points = levels bulk
            let law = Semicircle.law 1.0
            let q = points |> Array.map (fun (p, _) -> SpectralLaw.quantile (Semicircle.cdf 1.0) law p)
            let values = points |> Array.map snd
            let meanQ, meanV = Array.average q, Array.average values
            let covariance = Array.fold2 (fun s x y -> s + (x - meanQ) * (y - meanV)) 0.0 q values
            let sigma = max Double.Epsilon (covariance / (q |> Array.sumBy (fun x -> (x - meanQ) * (x - meanQ))))
            let centre = meanV - sigma * meanQ
            let edge, scale = Semicircle.edge sigma bulk.Length

            {
                Ratio = 0.0
                Variance = sigma * sigma
                Centre = centre
                Edges = centre - 2.0 * sigma, centre + 2.0 * sigma
                EdgeScale = 0.0
                Outliers = [||]
                Distance = 0.0
            },
            (fun x -> Semicircle.cdf sigma (x - centre)),
            (centre + edge, scale))
