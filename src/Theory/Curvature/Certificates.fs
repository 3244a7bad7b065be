namespace Hesse.Theory

open System
open Hesse
open MathNet.Numerics.Distributions

/// What stands behind the interval of an estimate.
[<RequireQualifiedAccess>]
type Certainty =
    /// The value lies in the interval by a theorem, up to rounding.
    | Rigorous
    /// The interval covers the value with this probability: Student's t over independent probes. It is exact for normal samples; a handful of probes
    /// of a skew law cover a little less (0.88 for 0.95 has been seen with four).
    | Confidence of level: float
    /// The interval comes from an error estimate without a theorem about its coverage; XTrace's with 12 products has covered 0.8 to 0.9 for 0.95.
    | Heuristic of level: float

/// A number with its certificate: an interval, what kind of interval it is, and what it took.
type Estimate = {
    /// The estimate itself.
    Value: float
    /// Standard error of the value; 0 where it has no random part.
    StandardError: float
    /// Lower end of the interval.
    Lower: float
    /// Upper end of the interval.
    Upper: float
    /// What the interval promises.
    Certainty: Certainty
    /// Number of samples that the standard error comes from.
    Samples: int
    /// Products with the operator that it took.
    Products: int
    /// The key of its random numbers, if it used any: the same key gives the same estimate.
    Key: Key option
} with

    /// The estimate as the mean over its samples: Value.
    member e.Mean = e.Value

    /// Whether a number lies in the interval, ends included.
    member e.Contains(x: float) = e.Lower <= x && x <= e.Upper

/// Estimates from samples and from bounds.
[<RequireQualifiedAccess>]
module Estimate =
    /// The confidence level of intervals where none is asked for.
    let internal level = 0.95

    /// Half the width of Student's interval in standard errors: the quantile t of n − 1 degrees of freedom.
    let internal studentT (level: float) (samples: int) =
        StudentT.InvCDF(0.0, 1.0, float (samples - 1), 0.5 + 0.5 * level)

    /// <summary>Mean, standard error and Student's confidence interval of independent samples.</summary>
    /// <param name="level">The probability with which the interval is to cover the expectation, such as 0.95.</param>
    /// <param name="samples">At least two.</param>
    /// <returns>The estimate; the interval has its level exactly for normal samples, and nearly so for means of many probes.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two samples, or the level is not between 0 and 1.</exception>
    /// <remarks>Student, The probable error of a mean, 1908.</remarks>
    let ofSamplesAt (level: float) (samples: float[]) : Estimate =
        let n = samples.Length

        if n < 2 then
            Vectors.fail $"Estimate.ofSamples: {n} sample(s), wanted at least 2; a standard error needs a spread"

        if not (level > 0.0 && level < 1.0) then
            Vectors.fail
                $"Estimate.ofSamplesAt: a confidence level of {level}, wanted one between 0 and 1, such as 0.95"

        let mean = Array.average samples
        let variance = (samples |> Array.sumBy (fun x -> (x - mean) * (x - mean))) / float (n - 1)
        let error = sqrt (variance / float n)
        let reach = studentT level n * error

        {
            Value = mean
            StandardError = error
            Lower = mean - reach
            Upper = mean + reach
            Certainty = Certainty.Confidence level
            Samples = n
            Products = 0
            Key = None
        }

    /// <summary>Mean, standard error and 95 % confidence interval of independent samples.</summary>
    /// <param name="samples">At least two.</param>
    /// <returns>The estimate.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two samples.</exception>
    let ofSamples (samples: float[]) : Estimate = ofSamplesAt level samples

    /// <summary>A number that is known to lie between two bounds.</summary>
    /// <param name="value">The number.</param>
    /// <param name="lower">The bound below.</param>
    /// <param name="upper">The bound above.</param>
    /// <param name="products">Products with the operator that it took.</param>
    /// <returns>A rigorous estimate.</returns>
    let bounded (value: float) (lower: float) (upper: float) (products: int) : Estimate = {
        Value = value
        StandardError = 0.0
        Lower = lower
        Upper = upper
        Certainty = Certainty.Rigorous
        Samples = 0
        Products = products
        Key = None
    }

    /// <summary>The estimate of scale · x + shift from that of x.</summary>
    /// <param name="scale">The factor, of any sign.</param>
    /// <param name="shift">What is added.</param>
    /// <param name="estimate">Of x.</param>
    /// <returns>Value and interval are mapped; the kind of the interval stays.</returns>
    let affine (scale: float) (shift: float) (estimate: Estimate) : Estimate =
        let a, b = scale * estimate.Lower + shift, scale * estimate.Upper + shift

        {
            estimate with
                Value = scale * estimate.Value + shift
                StandardError = abs scale * estimate.StandardError
                Lower = min a b
                Upper = max a b
        }

    /// The estimate of f(x) for a rising f; the standard error by the first derivative.
    let internal map (f: float -> float) (slope: float -> float) (estimate: Estimate) : Estimate = {
        estimate with
            Value = f estimate.Value
            StandardError = abs (slope estimate.Value) * estimate.StandardError
            Lower = f estimate.Lower
            Upper = f estimate.Upper
    }

    /// The same estimate with what it took.
    let internal cost (products: int) (key: Key) (estimate: Estimate) : Estimate = {
        estimate with
            Products = products
            Key = Some key
    }

/// Bounds for eigenvalues and eigenvectors from a unit vector y, its Rayleigh quotient θ = yᵀAy and its residual r = ‖Ay − θy‖.
[<RequireQualifiedAccess>]
module ResidualBounds =
    /// <summary>|λ − θ| ≤ r²/gap for the eigenvalue λ nearest to θ.</summary>
    /// <param name="residual">r.</param>
    /// <param name="gap">At most the distance from θ to every eigenvalue but λ; 0 if none is known.</param>
    /// <returns>The smaller of r²/gap and r.</returns>
    /// <remarks>B. N. Parlett, The Symmetric Eigenvalue Problem, 1998, theorems 4.5.1 and 11.7.1.</remarks>
    let eigenvalue (residual: float) (gap: float) : float =
        if gap > residual then residual * (residual / gap) else residual

    /// <summary>sin ∠(y, eigenvector) ≤ r/gap.</summary>
    /// <param name="residual">r.</param>
    /// <param name="gap">At most the distance from θ to every eigenvalue but the nearest; 0 if none is known.</param>
    /// <returns>The bound of the sine, at most 1.</returns>
    /// <remarks>C. Davis and W. M. Kahan, The rotation of eigenvectors by a perturbation III, 1970; Parlett 1998, theorem 11.7.1.</remarks>
    let sine (residual: float) (gap: float) : float = if gap > residual then residual / gap else 1.0

    /// <summary>The interval of Kato and Temple for an eigenvalue that is alone between two numbers.</summary>
    /// <param name="value">θ.</param>
    /// <param name="residual">r.</param>
    /// <param name="lower">a &lt; θ.</param>
    /// <param name="upper">b &gt; θ; the open interval (a, b) holds one eigenvalue.</param>
    /// <returns>θ − r²/(b − θ) and θ + r²/(θ − a), which enclose the eigenvalue.</returns>
    /// <exception cref="T:Hesse.HesseException">θ does not lie between a and b.</exception>
    /// <remarks>T. Kato, On the upper and lower bounds of eigenvalues, 1949.</remarks>
    let katoTemple (value: float) (residual: float) (lower: float) (upper: float) : float * float =
        if not (lower < value && value < upper) then
            Vectors.fail
                $"ResidualBounds.katoTemple: θ = {value} is not between {lower} and {upper}; give ends on both sides of it, infinite ones if there is no other eigenvalue"

        value - residual * residual / (upper - value), value + residual * residual / (value - lower)

/// An approximate eigenpair (θ, y) of a symmetric operator with its certificate.
type Eigenpair = {
    /// θ = yᵀAy.
    Value: float
    /// y, of length M and norm 1.
    Vector: float[]
    /// r = ‖Ay − θy‖, from a product with the vector that is returned; an eigenvalue of A lies within r of θ for certain.
    Residual: float
    /// Distance from θ to the intervals of all other values that were found, 0 if one of them reaches θ. It bounds the distance to the other
    /// eigenvalues as long as none has been missed between, which products alone cannot exclude; `CrossCheck.eigenpairs` does, densely.
    Gap: float
} with

    /// min(r, r²/gap): how far the eigenvalue is from θ, given the gap.
    member p.ErrorBound = ResidualBounds.eigenvalue p.Residual p.Gap

    /// min(1, r/gap): sine of the angle to the eigenvector, given the gap.
    member p.AngleBound = ResidualBounds.sine p.Residual p.Gap

    /// The interval θ ± r, which holds an eigenvalue for certain.
    member p.Interval = p.Value - p.Residual, p.Value + p.Residual
