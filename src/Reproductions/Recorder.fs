namespace Hesse.Reproductions

open System.Diagnostics

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
