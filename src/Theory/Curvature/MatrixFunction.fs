namespace Hesse.Theory

open System
open Hesse
open Hesse.Kernels

/// f(A)v with what it took.
type FunctionProduct = {
    /// f(A) v, length M.
    Vector: float[]
    /// An estimate of the Euclidean norm of the error: the change over the last steps. Heuristic, and too large as a rule.
    ErrorEstimate: float
    /// Whether the estimate is within the tolerance.
    Converged: bool
    /// Products with the operator.
    Products: int
}

/// Functions of a symmetric operator by Lanczos quadrature.
[<RequireQualifiedAccess>]
module MatrixFunction =
    /// f(T)e₁ from the first `steps` rows of T.
    let private firstColumn (f: float -> float) (alpha: float[]) (beta: float[]) steps =
        let struct (values, vectors) =
            LinearAlgebra.SymmetricTridiagonalEigen(Array.truncate steps alpha, Array.truncate (steps - 1) beta)

        let scaled = Array.init steps (fun j -> f values[j] * vectors[j])
        Array.init steps (fun i -> Seq.sum (seq { for j in 0 .. steps - 1 -> vectors[i * steps + j] * scaled[j] }))

    /// <summary>f(A) v from the Krylov space of v: ‖v‖ Q f(T) e₁.</summary>
    /// <param name="f">A function of an eigenvalue, finite on an interval around the spectrum.</param>
    /// <param name="tolerance">It stops when the change over the last tenth of the steps (at least two) is at most this times ‖f(A)v‖.</param>
    /// <param name="maxSteps">Most products; the basis of so many vectors is kept.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <param name="v">Length M; zero gives zero.</param>
    /// <returns>The vector with an a-posteriori error estimate.</returns>
    /// <exception cref="T:Hesse.HesseException">The length is another one, no step is allowed, or f is not finite at a Ritz value.</exception>
    /// <remarks>Exact for polynomials of degree below the number of steps. Y. Saad, Analysis of some Krylov subspace approximations to the
    /// matrix exponential operator, 1992.</remarks>
    let apply (f: float -> float) (tolerance: float) (maxSteps: int) (operator: LinearOperator) (v: float[]) =
        let norm = Vectors.norm v

        if v.Length = operator.Size && norm = 0.0 then
            {
                Vector = Array.zeroCreate v.Length
                ErrorEstimate = 0.0
                Converged = true
                Products = 0
            }
        else
            // The Krylov space is grown by factors, so that the work of earlier rounds is at most that of the last.
            let rec grow steps =
                let run = Lanczos.run Reorthogonalisation.Full operator v steps ignore
                let s = run.Diagonal.Length
                let column = firstColumn f run.Diagonal run.OffDiagonal s

                if not (Array.forall Double.IsFinite column) then
                    Vectors.fail
                        "MatrixFunction.apply: f is not finite at a Ritz value; the spectrum leaves the domain of f: shift the operator, or take a function that is defined there"

                let size = sqrt (Vectors.dot column column)

                let error =
                    if run.Rest = 0.0 then
                        0.0
                    else
                        let earlier = max 0 (s - max 2 (s / 10))

                        let before = if earlier = 0 then [||] else firstColumn f run.Diagonal run.OffDiagonal earlier

                        let change = Array.init s (fun i -> column[i] - (if i < earlier then before[i] else 0.0))
                        sqrt (Vectors.dot change change)

                if error > tolerance * size && steps < maxSteps && s = steps then
                    grow (min maxSteps (2 * steps))
                else
                    {
                        Vector = Vectors.scaled norm (Vectors.combine operator.Size run.Rows 0 s column 1)
                        ErrorEstimate = norm * error
                        Converged = error <= tolerance * size
                        Products = s
                    }

            if maxSteps < 1 || v.Length <> operator.Size then
                Vectors.fail
                    $"MatrixFunction.apply: a vector of length {v.Length} and {maxSteps} steps for an operator of size {operator.Size}; wanted length {operator.Size} and at least one step"

            grow (min maxSteps 16)

    /// Nodes and weights of the rule of T with one node prescribed (Golub 1973).
    let private radau (run: LanczosRun) (node: float) =
        let s = run.Diagonal.Length
        let shifted = Array.zeroCreate<float>(s * s)

        for i in 0 .. s - 1 do
            shifted[i * s + i] <- run.Diagonal[i] - node

            if i > 0 then
                shifted[i * s + i - 1] <- run.OffDiagonal[i - 1]
                shifted[(i - 1) * s + i] <- run.OffDiagonal[i - 1]

        let right = Array.init s (fun i -> if i = s - 1 then run.Rest * run.Rest else 0.0)
        let delta = LinearAlgebra.Solve(shifted, s, right, 1)

        let struct (values, vectors) =
            LinearAlgebra.SymmetricTridiagonalEigen(
                Array.append run.Diagonal [| node + delta[s - 1] |],
                Array.append run.OffDiagonal [| run.Rest |]
            )

        values, Array.init (s + 1) (fun j -> vectors[j] * vectors[j])

    /// <summary>vᵀ f(A) v with bounds on both sides, by Gauss and Gauss–Radau rules.</summary>
    /// <param name="f">A function whose derivatives of order 2·steps and 2·steps + 1 do not change sign on the interval, such as 1/x, log x, xᵖ and exp x for x &gt; 0.</param>
    /// <param name="interval">a and b with all eigenvalues between them.</param>
    /// <param name="steps">Products with A.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <param name="v">Length M, not zero.</param>
    /// <returns>The Gauss rule between the two Radau rules: rigorous under the condition on f, whatever sign the derivatives have.</returns>
    /// <exception cref="T:Hesse.HesseException">The start is not as for <c>Lanczos.factorise</c>, or a Ritz value shows that the interval does not hold the spectrum.</exception>
    /// <remarks>G. Golub and G. Meurant, Matrices, Moments and Quadrature, 1994: the error of the rule with node a or b has the sign of the derivative of
    /// odd order times that of x − a or x − b, so that the two rules enclose the form.</remarks>
    let quadraticForm
        (f: float -> float)
        (interval: float * float)
        (steps: int)
        (operator: LinearOperator)
        (v: float[])
        =
        let low, high = interval
        let run = Lanczos.run Reorthogonalisation.Full operator v steps ignore
        let s = run.Diagonal.Length
        let square = Vectors.dot v v
        let struct (values, vectors) = LinearAlgebra.SymmetricTridiagonalEigen(run.Diagonal, run.OffDiagonal)
        let slack = 1e-12 * max (abs low) (abs high)

        if not (low < high) || values[0] < low - slack || values[s - 1] > high + slack then
            Vectors.fail
                $"MatrixFunction.quadraticForm: Ritz values from {values[0]:G8} to {values[s - 1]:G8} in the interval [{low:G8}; {high:G8}]; give an interval that holds the whole spectrum"

        let gauss = square * Seq.sum (seq { for j in 0 .. s - 1 -> vectors[j] * vectors[j] * f values[j] })

        if run.Rest = 0.0 || values[0] <= low + slack || values[s - 1] >= high - slack then
            // The Krylov space is invariant, or an end of the interval is a Ritz value: the rule is exact, or already the Radau rule.
            if run.Rest = 0.0 then
                Estimate.bounded gauss gauss gauss s
            else
                Vectors.fail
                    $"MatrixFunction.quadraticForm: an end of [{low:G8}; {high:G8}] is a Ritz value; widen the interval a little"
        else
            let rule node =
                let nodes, weights = radau run node
                square * Array.fold2 (fun sum x w -> sum + w * f x) 0.0 nodes weights

            let a, b = rule low, rule high
            Estimate.bounded gauss (min gauss (min a b)) (max gauss (max a b)) s

    /// <summary>uᵀ f(A) v by polarisation, ¼[(u + v)ᵀ f(A)(u + v) − (u − v)ᵀ f(A)(u − v)], with bounds.</summary>
    /// <param name="f">As for <c>quadraticForm</c>.</param>
    /// <param name="interval">As for <c>quadraticForm</c>.</param>
    /// <param name="steps">Products with A for each of the two forms.</param>
    /// <param name="operator">A, symmetric, of size M.</param>
    /// <param name="u">Length M; not v or −v, for which <c>quadraticForm</c> is the way.</param>
    /// <param name="v">Length M.</param>
    /// <returns>The value with rigorous bounds under the condition on f.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>quadraticForm</c>.</exception>
    let bilinearForm f (interval: float * float) (steps: int) (operator: LinearOperator) (u: float[]) (v: float[]) =
        let plus = quadraticForm f interval steps operator (Array.map2 (+) u v)
        let minus = quadraticForm f interval steps operator (Array.map2 (-) u v)

        Estimate.bounded
            (0.25 * (plus.Value - minus.Value))
            (0.25 * (plus.Lower - minus.Upper))
            (0.25 * (plus.Upper - minus.Lower))
            (plus.Products + minus.Products)
