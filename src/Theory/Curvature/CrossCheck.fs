namespace Hesse.Theory

open Hesse

/// Estimates against the dense spectrum of a small operator.
[<RequireQualifiedAccess>]
module CrossCheck =
    /// The largest operator that is checked: its matrix takes M products and O(M³) work.
    let largestSize = 2000

    /// <summary>All eigenvalues of a small operator.</summary>
    /// <param name="operator">A, symmetric, of size M at most 2000.</param>
    /// <returns>M numbers, descending.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large.</exception>
    let spectrum (operator: LinearOperator) : float[] =
        if operator.Size > largestSize then
            Vectors.fail
                $"CrossCheck: an operator of size {operator.Size}, and only those of at most {largestSize} are made dense; check a smaller problem of the same kind"

        Spectrum.eigenvalues operator.Size (LinearOperator.toDense 64 operator)

    /// Rounding that a dense eigenvalue carries.
    let private rounding (exact: float[]) =
        1e-13 * float exact.Length * (exact |> Array.fold (fun m x -> max m (abs x)) 0.0)

    /// <summary>What is wrong with an estimate of a number that is known.</summary>
    /// <param name="name">What it estimates, for the message.</param>
    /// <param name="exact">The number.</param>
    /// <param name="rounding">How much rounding is allowed outside of the interval.</param>
    /// <param name="estimate">The estimate.</param>
    /// <returns>Nothing when the number lies in the interval, else a line that says by how much it does not.</returns>
    let value (name: string) (exact: float) (rounding: float) (estimate: Estimate) : string list =
        if estimate.Lower - rounding <= exact && exact <= estimate.Upper + rounding then
            []
        else
            [
                $"{name}: {exact:G12} is outside of [{estimate.Lower:G12}; {estimate.Upper:G12}] ({estimate.Certainty}, estimate {estimate.Value:G12})"
            ]

    /// <summary>What is wrong with a solution of an eigenvalue problem: intervals without an eigenvalue, wanted eigenvalues that were missed, and
    /// gaps that are not there.</summary>
    /// <param name="part">What had been asked for.</param>
    /// <param name="operator">A, of size at most 2000.</param>
    /// <param name="solution">From a solver.</param>
    /// <returns>A line for each fault; none when the dense spectrum agrees with every certificate.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large.</exception>
    let eigenpairs (part: SpectrumPart) (operator: LinearOperator) (solution: EigenSolution) : string list =
        let exact = spectrum operator
        let slack = rounding exact

        let wanted =
            EigenCommon.select part solution.Pairs.Length exact
            |> Array.map (fun (i, _) -> exact[i])
            |> Array.sortDescending

        let pairs = solution.Pairs |> Array.sortByDescending _.Value

        [
            for target, pair in Array.zip wanted pairs do
                let low, high = pair.Interval

                if target < low - slack || target > high + slack then
                    $"eigenvalue {target:G12} is wanted, and the pair in its place is {pair.Value:G12} ± {pair.Residual:G3}"

                let byDistance = exact |> Array.sortBy (fun x -> abs (x - pair.Value))

                if byDistance.Length > 1 && abs (byDistance[1] - pair.Value) < pair.Gap - slack then
                    $"the gap of {pair.Value:G12} is said to be {pair.Gap:G6}, and there is an eigenvalue at {byDistance[1]:G12}"

                if abs (byDistance[0] - pair.Value) > pair.ErrorBound + slack then
                    $"the eigenvalue nearest to {pair.Value:G12} is {byDistance[0]:G12}, farther than the bound {pair.ErrorBound:G3}"
        ]

    /// <summary>Raises what a check found.</summary>
    /// <param name="faults">From the other functions.</param>
    /// <exception cref="T:Hesse.HesseException">There is a fault.</exception>
    let require (faults: string list) : unit =
        if not (List.isEmpty faults) then
            let all = System.String.Join("; ", faults)

            Vectors.fail
                $"CrossCheck: {all}; a confidence interval may miss once in a while (try another key or more probes), a rigorous one may not"
