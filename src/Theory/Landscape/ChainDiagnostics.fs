namespace Hesse.Theory

open Hesse

/// What several Markov chains say about the mean of a quantity, and whether to believe it.
type ChainSummary = {
    /// Mean over all draws of all chains.
    Mean: float
    /// Monte-Carlo standard error of the mean: standard deviation over √EffectiveSamples.
    StandardError: float
    /// Number of independent draws that would say as much.
    EffectiveSamples: float
    /// Split R̂: 1 for chains that agree with each other and with their own halves; above about 1.01 to 1.05 they have not converged.
    RHat: float
    /// Mean of each chain.
    ChainMeans: float[]
}

/// Convergence diagnostics of Markov chains (Gelman, Carlin, Stern, Dunson, Vehtari, Rubin 2013, sections 11.4 and 11.5).
[<RequireQualifiedAccess>]
module ChainDiagnostics =
    let private variance (x: float[]) =
        let mean = Array.average x
        (x |> Array.sumBy (fun v -> (v - mean) * (v - mean))) / float (x.Length - 1)

    /// <summary>Mean, error, effective sample size and split R̂ of a quantity along chains.</summary>
    /// <param name="chains">One row a chain, of equal lengths, at least 4 draws each; draws of the burn-in are left out before.</param>
    /// <returns>The summary. Constant chains have R̂ = 1 and standard error 0 if they agree, R̂ = ∞ if not.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no chain, one is too short, or lengths differ.</exception>
    /// <remarks>Autocorrelations by variograms of the split chains, summed by Geyer's (1992) initial positive sequence of pairs. O(draws²) at worst.</remarks>
    let summarise (chains: float[][]) : ChainSummary =
        if
            chains.Length = 0
            || chains[0].Length < 4
            || chains |> Array.exists (fun c -> c.Length <> chains[0].Length)
        then
            let lengths = chains |> Array.map Array.length |> Files.show
            Files.fail $"ChainDiagnostics: chains of {lengths} draws, wanted at least one, all of one length, 4 or more"

        let half = chains[0].Length / 2

        let split =
            chains |> Array.collect (fun c -> [| Array.truncate half c; Array.skip (c.Length - half) c |])

        let m, n = float split.Length, float half
        let within = split |> Array.averageBy variance
        let means = split |> Array.map Array.average
        let between = n * variance means
        let pooled = (n - 1.0) / n * within + between / n
        let mean = chains |> Array.averageBy Array.average

        let correlation lag =
            let variogram =
                split
                |> Array.averageBy (fun c ->
                    let mutable sum = 0.0

                    for i in lag .. half - 1 do
                        let difference = c[i] - c[i - lag]
                        sum <- sum + difference * difference

                    sum / float (half - lag))

            1.0 - variogram / (2.0 * pooled)

        /// 1 + 2 Σ ρ, over pairs of neighbouring lags as long as their sum is positive.
        let rec sumFrom lag total =
            if lag + 1 >= half then
                total
            else
                let pair = correlation lag + correlation (lag + 1)
                if pair > 0.0 then sumFrom (lag + 2) (total + 2.0 * pair) else total

        let effective =
            if pooled = 0.0 then
                m * n
            else
                let correlated = sumFrom 1 1.0
                // Never more than independent draws by more than the factor that anticorrelation can show.
                m * n / max correlated (1.0 / System.Math.Log10(m * n + 10.0))

        {
            Mean = mean
            StandardError = sqrt (pooled / effective)
            EffectiveSamples = effective
            RHat = if pooled = 0.0 then 1.0 else sqrt (pooled / within)
            ChainMeans = chains |> Array.map Array.average
        }
