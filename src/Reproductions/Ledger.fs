namespace Hesse.Reproductions

open System
open System.Threading

/// How a measurement is held against its prediction.
[<RequireQualifiedAccess>]
type Relation =
    /// |measured − predicted| ≤ tolerance.
    | Absolute
    /// |measured − predicted| ≤ tolerance · |predicted|.
    | Relative
    /// measured ≤ predicted + tolerance.
    | AtMost
    /// measured ≥ predicted − tolerance.
    | AtLeast

/// What kind of statement a claim is.
[<RequireQualifiedAccess>]
type Status =
    /// Must hold to rounding, or to a stated statistical error.
    | Theorem
    /// Holds asymptotically or as a trend: a fitted slope, a sign, a monotone order.
    | Prediction
    /// The paper saw it; does it replicate here?
    | Observation

/// One checked statement of a paper: a line of the ledger `results.jsonl`.
type Claim = {
    /// Identifier of the reproduction, e.g. "saxe-deep-linear".
    Paper: string
    /// Short identifier within the paper, lower case with dashes, e.g. "mode-trajectories".
    Claim: string
    Status: Status
    /// The statement in one English sentence.
    Statement: string
    /// The statement as a formula (plain Unicode), with its place in the paper.
    Formula: string
    Predicted: float
    Measured: float
    Tolerance: float
    Relation: Relation
    /// What `Measured` is, and where the tolerance comes from.
    Detail: string
    Seed: int
    /// Wall-clock seconds spent on this claim.
    Seconds: float
} with

    /// True when the measurement is finite and stands in the stated relation to the prediction.
    member c.Holds =
        Double.IsFinite c.Measured
        && match c.Relation with
           | Relation.Absolute -> abs (c.Measured - c.Predicted) <= c.Tolerance
           | Relation.Relative -> abs (c.Measured - c.Predicted) <= c.Tolerance * abs c.Predicted
           | Relation.AtMost -> c.Measured <= c.Predicted + c.Tolerance
           | Relation.AtLeast -> c.Measured >= c.Predicted - c.Tolerance

/// How a series is drawn.
[<RequireQualifiedAccess>]
type Mark =
    | Lines
    | DashedLines
    | Markers
    | Bars

/// One series of a figure; `X` and `Y` have the same length.
type Series = { Name: string; Mark: Mark; X: float[]; Y: float[] }

/// A figure of the report: axes and series, independent of how it is drawn.
type Figure = {
    Title: string
    Caption: string
    XLabel: string
    YLabel: string
    LogX: bool
    LogY: bool
    Series: Series list
}

/// What a reproduction is given: settings, data folder, a place for claims, progress and cancellation.
type Context = {
    Seed: int
    /// Smaller sizes and fewer repetitions; the same claims.
    Quick: bool
    /// Folder that holds digits.csv.gz.
    DataDirectory: string
    /// Ends the run at the next safe point (an OperationCanceledException).
    Cancellation: CancellationToken
    /// Reports progress: fraction in [0, 1] and what is being done.
    Progress: float -> string -> unit
    /// Hands over a finished claim; it is written to the ledger at once.
    Record: Claim -> unit
    /// Hands over a finished figure.
    Draw: Figure -> unit
}

/// A published result that can be re-run and checked: one file of this project each.
type Reproduction = {
    Id: string
    Title: string
    /// Authors, title, venue and year of the paper(s).
    Citation: string
    /// Two or three sentences: what the paper shows and what is run here.
    Summary: string
    /// Claim identifiers, in the order in which they are recorded; `--resume` uses it to see what is finished.
    Claims: string list
    Run: Context -> unit
}
