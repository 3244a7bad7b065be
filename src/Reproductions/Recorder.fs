namespace Hesse.Reproductions

open System.Diagnostics
open MathNet.Numerics.Statistics

/// Fits and rank statistics that claims about trends rest on.
[<RequireQualifiedAccess>]
module internal Fit =
    /// Least-squares slope of y against x.
    let slope (x: float[]) (y: float[]) =
        let mx, my = Array.average x, Array.average y

        (Array.map2 (fun a b -> (a - mx) * (b - my)) x y |> Array.sum)
        / (x |> Array.sumBy (fun a -> (a - mx) * (a - mx)))

    /// Exponent p of y ≈ c xᵖ, from the logarithms.
    let exponent (x: float[]) (y: float[]) = slope (Array.map log x) (Array.map log y)

    /// Kendall's rank correlation τ: concordant minus discordant pairs over all pairs.
    let kendall (x: float[]) (y: float[]) =
        let pairs = [|
            for i in 0 .. x.Length - 1 do
                for j in 0 .. i - 1 -> sign (x[i] - x[j]) * sign (y[i] - y[j])
        |]

        pairs |> Array.averageBy float

    /// Linear correlation of two series.
    let correlation (x: float[]) (y: float[]) = Correlation.Pearson(x, y)

    /// Spearman's rank correlation.
    let spearman (x: float[]) (y: float[]) = Correlation.Spearman(x, y)

    /// Mean and its standard error, from the spread of the values.
    let meanAndError (x: float[]) = Array.average x, ArrayStatistics.StandardDeviation x / sqrt (float x.Length)

    /// Cosine of the angle between two vectors.
    let cosine (x: float[]) (y: float[]) =
        let dot a b = Array.fold2 (fun sum p q -> sum + p * q) 0.0 a b
        dot x y / sqrt (dot x x * dot y y)

    /// Area under the receiver operating characteristic: the chance that a positive case scores above a negative one, ties by half
    /// (Mann & Whitney 1947).
    let areaUnderCurve (positive: bool[]) (scores: float[]) =
        let chosen wanted = Array.zip positive scores |> Array.filter (fun (p, _) -> p = wanted) |> Array.map snd
        let above, below = chosen true, chosen false

        above
        |> Array.averageBy (fun a ->
            below
            |> Array.averageBy (fun b ->
                if a > b then 1.0
                elif a = b then 0.5
                else 0.0))

/// Records the claims of one paper, timed: a claim is charged with the time since the one before it.
type internal Recorder(ctx: Context, paper: string) =
    let clock = Stopwatch.StartNew()

    member _.Claim(name, status, statement, formula, relation, predicted, tolerance, measured, detail) =
        ctx.Record {
            Paper = paper
            Claim = name
            Status = status
            Statement = statement
            Formula = formula
            Predicted = predicted
            Measured = measured
            Tolerance = tolerance
            Relation = relation
            Detail = detail
            Seed = ctx.Seed
            Seconds = clock.Elapsed.TotalSeconds
        }

        clock.Restart()
