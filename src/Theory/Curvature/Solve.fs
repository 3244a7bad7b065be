namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// Why an iterative solver ended.
[<RequireQualifiedAccess>]
type SolveStop =
    /// The tolerance is reached.
    | Converged
    /// The steps were used up.
    | StepLimit
    /// Conjugate gradients met a direction of negative or zero curvature: the operator is not positive definite.
    | NegativeCurvature
    /// The Krylov space ended before the tolerance: the system is singular and has no solution.
    | Breakdown
    /// The residual grows: the series does not converge.
    | Divergence

/// When an iterative solver ends, and whether ending early is an error.
type SolveOptions = {
    /// Largest |b − A x| relative to |b| (for LSMR: |Aᵀ(b − A x) − λ² x| relative to |Aᵀ b|).
    Tolerance: float
    /// Most steps; a step is one product (LSMR: one and one with the transpose).
    MaxSteps: int
    /// Gives what has been reached instead of an error.
    AllowUnconverged: bool
} with

    /// Tolerance 1e-10, 1,000 steps, an error without convergence.
    static member Default = { Tolerance = 1e-10; MaxSteps = 1000; AllowUnconverged = false }

/// A solution of A x = b with its certificate.
type Solution = {
    /// x.
    Vector: float[]
    /// |b − A x|, computed from x by one more product, not by the recurrence.
    ResidualNorm: float
    /// What the tolerance is about, computed from x: see <c>SolveOptions.Tolerance</c>.
    RelativeResidual: float
    /// Number of steps.
    Steps: int
    /// Why the solver ended.
    Stop: SolveStop
}

/// Iterative solvers for linear systems with operators that are known by products only (those of the core, <c>Diff.linearSolve</c>, are for functions
/// of tensors, and can be differentiated). Damping is <c>LinearOperator.shifted</c>.
[<RequireQualifiedAccess>]
module Solve =
    let private dot (a: float[]) (b: float[]) = TensorPrimitives.Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)

    let private norm (a: float[]) = TensorPrimitives.Norm(ReadOnlySpan<float> a)

    /// y ← y + scale · x
    let private addTo (y: float[]) (scale: float) (x: float[]) =
        TensorPrimitives.MultiplyAdd(ReadOnlySpan<float> x, scale, ReadOnlySpan<float> y, Span<float> y)

    let private check name (options: SolveOptions) (operator: LinearOperator) (b: float[]) =
        if b.Length <> operator.Rows then
            raise (
                HesseException
                    $"Solve.{name}: a right-hand side of {b.Length} numbers for operator '{operator.Name}' with {operator.Rows} rows; want {operator.Rows}"
            )

        if not (TensorPrimitives.IsFiniteAll(ReadOnlySpan<float> b)) then
            raise (
                HesseException
                    $"Solve.{name}: the right-hand side has entries that are not finite; look at where it comes from"
            )

        if options.MaxSteps < 1 || not (options.Tolerance >= 0.0) then
            raise (
                HesseException
                    $"Solve.{name}: {options.MaxSteps} steps and tolerance {options.Tolerance}; want at least one step and a tolerance of at least 0"
            )

    let private checkSymmetric name (operator: LinearOperator) =
        if not operator.Symmetric then
            raise (
                HesseException
                    $"Solve.{name}: operator '{operator.Name}' is not known to be symmetric; declare it with LinearOperator.assumeSymmetric if it is (OperatorChecks.symmetric tests it), else use Solve.lsmr"
            )

    /// The error for a system that was not solved: what happened, and what to do.
    let private explain name (operator: LinearOperator) (options: SolveOptions) (solution: Solution) =
        let what, advice =
            match solution.Stop with
            | SolveStop.NegativeCurvature ->
                "the operator has a direction of curvature zero or below",
                "add damping above the most negative eigenvalue (LinearOperator.shifted), or use Solve.minres"
            | SolveStop.Breakdown ->
                "the system is singular and has no solution",
                "add damping (LinearOperator.shifted), or use Solve.lsmr for the least squares"
            | SolveStop.Divergence ->
                "the series diverges", "take a smaller scale: below 2/λ_max, for a positive definite operator"
            | _ ->
                "the steps are used up",
                "allow more steps or a larger tolerance, add damping, or precondition (Preconditioner.nystrom)"

        raise (
            HesseException
                $"Solve.{name}: no convergence for operator '{operator.Name}' in {solution.Steps} step(s): {what}; the relative residual is {solution.RelativeResidual:G3}, want {options.Tolerance:G3}; {advice}"
        )

    let private finish name (options: SolveOptions) (operator: LinearOperator) (b: float[]) (x: float[]) steps stop =
        let residual = norm (Products.subtract b (operator.Apply x))
        let size = norm b

        let solution = {
            Vector = x
            ResidualNorm = residual
            RelativeResidual = if size = 0.0 then residual else residual / size
            Steps = steps
            Stop = stop
        }

        if stop <> SolveStop.Converged && not options.AllowUnconverged then
            explain name operator options solution

        solution

    /// <summary>Preconditioned conjugate gradients (Hestenes and Stiefel 1952) for a symmetric positive definite operator.</summary>
    /// <param name="options">When to end.</param>
    /// <param name="preconditioner">An approximation of A⁻¹, symmetric positive definite: <c>Preconditioner</c> has some.</param>
    /// <param name="operator">A, of size M.</param>
    /// <param name="b">Length M.</param>
    /// <returns>x with A x = b, and its residual.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence (unless the options allow it), A is not symmetric, or b does not fit.</exception>
    let preconditionedConjugateGradient
        (options: SolveOptions)
        (preconditioner: LinearOperator)
        (operator: LinearOperator)
        (b: float[])
        =
        let name = "conjugateGradient"
        check name options operator b
        checkSymmetric name operator
        let limit = options.Tolerance * norm b
        let x, r = Array.zeroCreate<float> operator.Size, Array.copy b
        let mutable z = preconditioner.Apply r
        let p = Array.copy z
        let mutable rho = dot r z
        let mutable steps = 0
        let mutable stop = if norm r <= limit then Some SolveStop.Converged else None

        while stop.IsNone do
            let image = operator.Apply p
            let curvature = dot p image
            steps <- steps + 1

            if not (curvature > 0.0 && rho > 0.0) then
                stop <- Some SolveStop.NegativeCurvature
            else
                let alpha = rho / curvature
                addTo x alpha p
                addTo r -alpha image

                if norm r <= limit then
                    stop <- Some SolveStop.Converged
                elif steps = options.MaxSteps then
                    stop <- Some SolveStop.StepLimit
                else
                    z <- preconditioner.Apply r
                    let next = dot r z
                    // p ← z + (next/rho) p
                    TensorPrimitives.MultiplyAdd(
                        ReadOnlySpan<float> p,
                        next / rho,
                        ReadOnlySpan<float> z,
                        Span<float> p
                    )

                    rho <- next

        finish name options operator b x steps stop.Value

    /// <summary>Conjugate gradients (Hestenes and Stiefel 1952) for a symmetric positive definite operator.</summary>
    /// <param name="options">When to end.</param>
    /// <param name="operator">A, of size M.</param>
    /// <param name="b">Length M.</param>
    /// <returns>x with A x = b, and its residual.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence (unless the options allow it), A is not symmetric, or b does not fit.</exception>
    let conjugateGradient (options: SolveOptions) (operator: LinearOperator) (b: float[]) : Solution =
        preconditionedConjugateGradient options (LinearOperator.identity operator.Size) operator b

    /// <summary>MINRES (Paige and Saunders 1975) for a symmetric operator, which may be indefinite: the residual is the least in the Krylov space.</summary>
    /// <param name="options">When to end.</param>
    /// <param name="operator">A, of size M.</param>
    /// <param name="b">Length M.</param>
    /// <returns>x with A x = b, and its residual.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence (unless the options allow it), A is not symmetric, or b does not fit.</exception>
    let minres (options: SolveOptions) (operator: LinearOperator) (b: float[]) : Solution =
        check "minres" options operator b
        checkSymmetric "minres" operator
        let m = operator.Size
        let size = norm b
        let x = Array.zeroCreate<float> m
        let mutable v = if size = 0.0 then b else Products.scale (1.0 / size) b
        let mutable previous = Array.zeroCreate<float> m
        let mutable w, oldW = Array.zeroCreate<float> m, Array.zeroCreate<float> m
        // The last two rotations, and the entry of the transformed right-hand side, whose size is the residual.
        let mutable c, s, oldC, oldS = 1.0, 0.0, 1.0, 0.0
        let mutable beta, eta = 0.0, size
        let mutable largest = 0.0
        let mutable steps = 0
        let mutable stop = if size = 0.0 then Some SolveStop.Converged else None

        while stop.IsNone do
            let image = operator.Apply v
            addTo image -beta previous
            let alpha = dot v image
            addTo image -alpha v
            let next = norm image
            steps <- steps + 1
            largest <- max largest (abs alpha + beta + next)

            let diagonal = c * alpha - oldC * s * beta
            let above, top = s * alpha + oldC * c * beta, oldS * beta
            let rotated = sqrt (diagonal * diagonal + next * next)

            if rotated <= 1e-15 * largest then
                stop <- Some SolveStop.Breakdown
            else
                oldC <- c
                oldS <- s
                c <- diagonal / rotated
                s <- next / rotated
                let direction = Array.copy v
                addTo direction -top oldW
                addTo direction -above w
                oldW <- w
                w <- Products.scale (1.0 / rotated) direction
                addTo x (c * eta) w
                eta <- -s * eta

                if abs eta <= options.Tolerance * size then
                    stop <- Some SolveStop.Converged
                elif steps = options.MaxSteps then
                    stop <- Some SolveStop.StepLimit
                elif next <= 1e-15 * largest then
                    stop <- Some SolveStop.Breakdown
                else
                    previous <- v
                    v <- Products.scale (1.0 / next) image
                    beta <- next

        finish "minres" options operator b x steps stop.Value

    /// <summary>LSMR (Fong and Saunders 2011) for the least squares min |A x − b|² + λ²|x|² with an operator of any shape.</summary>
    /// <param name="options">When to end; the tolerance is on the normal equations.</param>
    /// <param name="damping">λ ≥ 0.</param>
    /// <param name="operator">A, of shape [m; n].</param>
    /// <param name="b">Length m.</param>
    /// <returns>x, of least norm if there are several; <c>RelativeResidual</c> is |Aᵀ(b − A x) − λ² x| / |Aᵀ b|.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence (unless the options allow it), or b does not fit.</exception>
    let lsmr (options: SolveOptions) (damping: float) (operator: LinearOperator) (b: float[]) : Solution =
        check "lsmr" options operator b

        let normalised (v: float[]) =
            let size = norm v in size, (if size = 0.0 then v else Products.scale (1.0 / size) v)

        let rotation a b = let r = Math.Sqrt(a * a + b * b) in if r = 0.0 then 1.0, 0.0, 0.0 else a / r, b / r, r
        let x = Array.zeroCreate<float> operator.Columns
        let beta, first = normalised b
        let mutable u = first
        let start = operator.ApplyTranspose u
        let mutable alpha, v = normalised start
        let right = alpha * beta
        let mutable zetaBar, alphaBar, rho, rhoBar, cBar, sBar = right, alpha, 1.0, 1.0, 1.0, 0.0
        let mutable h = Array.copy v
        let mutable hBar = Array.zeroCreate<float> operator.Columns
        let mutable steps = 0
        let mutable stop = if right = 0.0 then Some SolveStop.Converged else None

        while stop.IsNone do
            // Golub–Kahan bidiagonalisation.
            let image = operator.Apply v
            addTo image -alpha u
            let beta, nextU = normalised image
            u <- nextU
            let back = operator.ApplyTranspose u
            addTo back -beta v
            let nextAlpha, nextV = normalised back
            alpha <- nextAlpha
            v <- nextV
            steps <- steps + 1

            let _, _, damped = rotation alphaBar damping
            let oldRho, oldRhoBar = rho, rhoBar
            let c, s, nextRho = rotation damped beta
            rho <- nextRho
            let theta = s * alpha
            alphaBar <- c * alpha
            let thetaBar = sBar * rho
            let nextC, nextS, nextRhoBar = rotation (cBar * rho) theta
            cBar <- nextC
            sBar <- nextS
            rhoBar <- nextRhoBar
            let zeta = cBar * zetaBar
            zetaBar <- -sBar * zetaBar

            if rho = 0.0 || rhoBar = 0.0 then
                stop <- Some SolveStop.Breakdown
            else
                hBar <- Products.scale (-(thetaBar * rho / (oldRho * oldRhoBar))) hBar
                addTo hBar 1.0 h
                addTo x (zeta / (rho * rhoBar)) hBar
                h <- Products.scale (-(theta / rho)) h
                addTo h 1.0 v

                if abs zetaBar <= options.Tolerance * right then
                    stop <- Some SolveStop.Converged
                elif steps = options.MaxSteps then
                    stop <- Some SolveStop.StepLimit

        let residual = Products.subtract b (operator.Apply x)
        let gradient = operator.ApplyTranspose residual
        addTo gradient (-damping * damping) x

        let solution = {
            Vector = x
            ResidualNorm = norm residual
            RelativeResidual = if right = 0.0 then norm gradient else norm gradient / right
            Steps = steps
            Stop = stop.Value
        }

        if solution.Stop <> SolveStop.Converged && not options.AllowUnconverged then
            explain "lsmr" operator options solution

        solution

    /// <summary>The Neumann series x = α Σ_k (I − αA)ᵏ b, which converges when every eigenvalue of αA lies within 1 of 1.</summary>
    /// <param name="options">When to end; <c>AllowUnconverged</c> with few steps gives the truncated series.</param>
    /// <param name="scale">α; below 2/λ_max for a positive definite operator.</param>
    /// <param name="operator">A, square; symmetric or not.</param>
    /// <param name="b">Length M.</param>
    /// <returns>x with A x = b, and its residual.</returns>
    /// <exception cref="T:Hesse.HesseException">No convergence (unless the options allow it), or b does not fit.</exception>
    let neumann (options: SolveOptions) (scale: float) (operator: LinearOperator) (b: float[]) : Solution =
        check "neumann" options operator b
        let x = Array.zeroCreate<float> operator.Size
        let mutable r = Array.copy b
        let size = norm b
        let mutable steps = 0
        let mutable stop = if size = 0.0 then Some SolveStop.Converged else None

        while stop.IsNone do
            // x + α r has the residual (I − αA) r.
            addTo x scale r
            addTo r -scale (operator.Apply r)
            steps <- steps + 1
            let rest = norm r

            stop <-
                if rest <= options.Tolerance * size then Some SolveStop.Converged
                elif not (rest <= 1e8 * size) then Some SolveStop.Divergence
                elif steps = options.MaxSteps then Some SolveStop.StepLimit
                else None

        finish "neumann" options operator b x steps stop.Value

    /// <summary>The inverse as an operator: each product is a solve.</summary>
    /// <param name="solver">Solves A x = b, e.g. <c>Solve.conjugateGradient SolveOptions.Default</c>.</param>
    /// <param name="operator">A, symmetric.</param>
    /// <returns>A⁻¹, a symmetric operator, up to the tolerance of the solver.</returns>
    /// <exception cref="T:Hesse.HesseException">A is not declared symmetric; in a product: the solver does not converge.</exception>
    let inverse (solver: LinearOperator -> float[] -> Solution) (operator: LinearOperator) : LinearOperator =
        if not operator.Symmetric then
            raise (
                HesseException
                    $"Solve.inverse: operator '{operator.Name}' is not symmetric; solve AᵀA x = Aᵀ b, or use Solve.lsmr, which does"
            )

        LinearOperator.symmetric $"{operator.Name}⁻¹" operator.Size (fun b -> (solver operator b).Vector)
