namespace Hesse.Theory

open Hesse

/// Sharpness at one step of a run beside the sharpness that the step size can bear.
type SharpnessRecord = {
    /// Number of the step.
    Step: int
    /// λ_max of the Hessian (for Adam, of the preconditioned one).
    Sharpness: float
    /// The largest stable sharpness, such as 2/η.
    Threshold: float
} with

    /// Sharpness over threshold: 1 at the edge of stability.
    member r.Ratio = r.Sharpness / r.Threshold

/// What a run of sharpness records shows.
type EdgeSummary = {
    /// The first step at which the sharpness reaches the threshold; progressive sharpening leads there.
    Reached: int option
    /// Share of the records from then on whose ratio lies within the band around 1: near 1 at the edge of stability.
    AtEdge: float
    /// Mean ratio from then on; NaN where the edge is not reached.
    MeanRatio: float
    /// The largest ratio of all records.
    LargestRatio: float
}

/// Progressive sharpening and the edge of stability (Cohen, Kaur, Li, Kolter, Talwalkar 2021, "Gradient descent on neural networks typically occurs at the
/// edge of stability").
[<RequireQualifiedAccess>]
module EdgeOfStability =
    /// <summary>The largest eigenvalue of a quadratic on which an optimizer does not diverge.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="rate">η.</param>
    /// <returns>2/η for gradient descent, (2 + 2μ)/η with heavy-ball momentum, (2 + 2μ)/(η (1 + 2μ)) with Nesterov's (Cohen et al. 2021, equation 1 and appendix B);
    /// minus the weight decay. For Adam (2 + 2β₁)/((1 − β₁) η), which is for the Hessian preconditioned by 1/(√v̂ + ε) (Cohen et al. 2022).</returns>
    /// <exception cref="T:Hesse.HesseException">The rate is not positive.</exception>
    let threshold (optimizer: Optimizer) (rate: float) : float =
        if not (rate > 0.0) then
            raise (HesseException $"EdgeOfStability.threshold: a learning rate of {rate}, wanted a positive number")

        match optimizer with
        | Optimizer.Sgd o ->
            let bound = (2.0 + 2.0 * o.Momentum) / rate
            (if o.Nesterov then bound / (1.0 + 2.0 * o.Momentum) else bound) - o.WeightDecay
        | Optimizer.Adam o -> (2.0 + 2.0 * o.Beta1) / ((1.0 - o.Beta1) * rate)

    /// <summary>When the edge is reached, and whether the run stays there.</summary>
    /// <param name="band">Ratios from 1 − band to 1 + band count as the edge, e.g. 0.15.</param>
    /// <param name="records">In the order of their steps, at least one.</param>
    /// <returns>The summary.</returns>
    /// <exception cref="T:Hesse.HesseException">There are no records.</exception>
    let summarise (band: float) (records: SharpnessRecord seq) : EdgeSummary =
        let records = Array.ofSeq records

        if records.Length = 0 then
            raise (
                HesseException "EdgeOfStability.summarise: no records, wanted at least one; observe the run more often"
            )

        let after =
            match records |> Array.tryFindIndex (fun r -> r.Ratio >= 1.0) with
            | Some first -> Array.skip first records
            | None -> [||]

        let atEdge = after |> Array.filter (fun r -> abs (r.Ratio - 1.0) <= band)

        {
            Reached = after |> Array.tryHead |> Option.map _.Step
            AtEdge = if after.Length = 0 then 0.0 else float atEdge.Length / float after.Length
            MeanRatio = if after.Length = 0 then nan else after |> Array.averageBy _.Ratio
            LargestRatio = records |> Array.map _.Ratio |> Array.max
        }
