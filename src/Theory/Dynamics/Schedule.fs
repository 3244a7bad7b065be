namespace Hesse.Theory

open System
open Hesse

/// Learning rates by the number of the step, from 0. A schedule is a function <c>int -> float</c>; these make the usual ones.
[<RequireQualifiedAccess>]
module Schedule =
    let private fail (message: string) : 'a = raise (HesseException message)

    let private atLeastOne (name: string) (what: string) (count: int) =
        if count < 1 then
            fail $"Schedule.{name}: {what} is {count}, wanted at least 1; give a number of steps"

    /// <summary>The same rate at every step.</summary>
    /// <param name="rate">η.</param>
    /// <returns>The schedule.</returns>
    let constant (rate: float) : int -> float = fun _ -> rate

    /// <summary>Linear growth over the first steps, then another schedule: k ↦ s(k) · min(1, (k + 1)/length).</summary>
    /// <param name="length">Steps of growth, at least 1; step length − 1 is the first one at the full rate.</param>
    /// <param name="schedule">s, the schedule that it leads to.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="T:Hesse.HesseException">The length is below 1.</exception>
    let warmUp (length: int) (schedule: int -> float) : int -> float =
        atLeastOne "warmUp" "the length" length
        fun k -> schedule k * min 1.0 (float (k + 1) / float length)

    /// <summary>A factor at regular intervals: first · factor^⌊k/every⌋.</summary>
    /// <param name="first">The rate of the first step.</param>
    /// <param name="factor">What the rate is multiplied by.</param>
    /// <param name="every">Steps between, at least 1; with 1 the decay is exponential.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="T:Hesse.HesseException">The interval is below 1.</exception>
    let decay (first: float) (factor: float) (every: int) : int -> float =
        atLeastOne "decay" "the interval" every
        fun k -> first * Math.Pow(factor, float (k / every))

    /// <summary>Half a cosine from the first rate to the last (Loshchilov and Hutter 2017, SGDR, equation 5, one period).</summary>
    /// <param name="first">The rate at step 0.</param>
    /// <param name="last">The rate from step <paramref name="length"/> on.</param>
    /// <param name="length">Steps in between, at least 1.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="T:Hesse.HesseException">The length is below 1.</exception>
    let cosine (first: float) (last: float) (length: int) : int -> float =
        atLeastOne "cosine" "the length" length

        fun k ->
            let progress = min 1.0 (float k / float length)
            last + 0.5 * (first - last) * (1.0 + cos (Math.PI * progress))

    /// <summary>A rate for each stretch of steps.</summary>
    /// <param name="first">The rate before the first boundary.</param>
    /// <param name="changes">Pairs of a step and the rate from that step on, in ascending order.</param>
    /// <returns>The schedule.</returns>
    /// <exception cref="T:Hesse.HesseException">The steps do not ascend.</exception>
    let piecewise (first: float) (changes: (int * float) list) : int -> float =
        if changes |> List.pairwise |> List.exists (fun ((a, _), (b, _)) -> b <= a) then
            fail $"Schedule.piecewise: the changes are at {List.map fst changes}, wanted ascending steps; sort them"

        fun k -> changes |> List.fold (fun rate (step, changed) -> if k >= step then changed else rate) first
