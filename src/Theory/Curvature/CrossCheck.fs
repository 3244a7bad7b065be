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

    /// <summary>What is wrong with an estimate of Σ f(λ): of the trace (f = id), a log-determinant (log) or a squared Frobenius norm.</summary>
    /// <param name="name">What it estimates, for the message.</param>
    /// <param name="f">A function of an eigenvalue.</param>
    /// <param name="operator">A, of size at most 2000.</param>
    /// <param name="estimate">The estimate.</param>
    /// <returns>Nothing when the dense value lies in the interval, else a line.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large.</exception>
    let sum (name: string) (f: float -> float) (operator: LinearOperator) (estimate: Estimate) : string list =
        let terms = spectrum operator |> Array.map f
        value name (Array.sum terms) (rounding terms) estimate

    /// <summary>What is wrong with the estimate of a diagonal: elements off by more than six standard errors.</summary>
    /// <param name="operator">A, of size at most 2000.</param>
    /// <param name="estimate">From <c>Diagonal</c>.</param>
    /// <returns>A line for each such element. Single intervals of level 0.95 miss one element in twenty by right.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large.</exception>
    let diagonal (operator: LinearOperator) (estimate: VectorEstimate) : string list =
        let exact = spectrum operator
        let size = operator.Size
        let dense = LinearOperator.toDense 64 operator

        [
            for i in 0 .. size - 1 do
                let off = abs (dense[i * size + i] - estimate.Values[i])

                if off > 6.0 * estimate.StandardErrors[i] + rounding exact then
                    $"diagonal element {i}: {dense[i * size + i]:G12}, and {estimate.Values[i]:G12} ± {estimate.StandardErrors[i]:G3} was estimated"
        ]

    /// <summary>What is wrong with a density: whether it is farther from the dense spectrum than its Wasserstein bound says.</summary>
    /// <param name="level">The probability with which the bound is to hold.</param>
    /// <param name="operator">A, of size at most 2000.</param>
    /// <param name="density">From <c>SpectralDensity.estimate</c>.</param>
    /// <returns>Nothing, or a line.</returns>
    /// <exception cref="T:Hesse.HesseException">The operator is too large.</exception>
    let density (level: float) (operator: LinearOperator) (density: SpectralDensity) : string list =
        let exact = spectrum operator
        let nodes = Array.concat density.Nodes
        let slack = rounding exact
        let interval = min (Array.last exact) (Array.min nodes) - slack, max exact[0] (Array.max nodes) + slack
        let bound = SpectralDensity.wassersteinBound level interval density
        let distance = SpectralDensity.distance exact density

        if distance <= bound + slack then
            []
        else
            [
                $"the density is {distance:G6} from the spectrum in Wasserstein's distance, and the bound of level {level} is {bound:G6}"
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
