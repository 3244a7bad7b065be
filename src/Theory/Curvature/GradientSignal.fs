namespace Hesse.Theory

/// How much of the gradients of single rows is signal.
[<RequireQualifiedAccess>]
module GradientSignal =
    /// <summary>(E g)² / Var g of each parameter.</summary>
    /// <param name="moments">Mean and variance of the gradients (<c>GradientCovariance.moments</c>).</param>
    /// <returns>Length M; infinite where the gradient is the same for all rows, and NaN where it is always zero.</returns>
    let signalToNoise (moments: GradientMoments) : float[] =
        Array.map2 (fun m v -> m * m / v) moments.Mean moments.Variance

    /// <summary>tr Cov(g) / ‖E g‖²: the simple noise scale, a batch size above which gradients are mostly signal.</summary>
    /// <param name="moments">Mean and variance of the gradients (<c>GradientCovariance.moments</c>).</param>
    /// <returns>A number of rows (McCandlish, Kaplan, Amodei 2018, equation 2.9).</returns>
    let noiseScale (moments: GradientMoments) : float =
        Array.sum moments.Variance / Array.sumBy (fun m -> m * m) moments.Mean
