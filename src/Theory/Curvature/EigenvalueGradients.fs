namespace Hesse.Theory

open System
open System.Numerics.Tensors
open Hesse

/// The gradient of a simple eigenvalue with respect to the parameters, and how far it can be trusted.
type EigenvalueGradient = {
    /// λ = qᵀAq for the vector that was given.
    Value: float
    /// ∇_θ λ = ∇_θ qᵀA(θ)q with q held, exact for an exact eigenvector; length M.
    Gradient: float[]
    /// |Aq − λq|, computed here.
    Residual: float
    /// Distance of λ to the other eigenvalues that were given, less their own residuals.
    Gap: float
    /// A bound of the sine of the angle between q and the eigenvector: Residual/Gap (Davis and Kahan 1970). The error of the gradient is of
    /// this order times the size of the third derivative.
    VectorError: float
}

/// How the space of the top eigenvectors turns when the parameters move.
type EigenspaceDrift = {
    /// xᵢ, orthogonal to the space: the derivative of the projector is Σᵢ (xᵢ qᵢᵀ + qᵢ xᵢᵀ).
    Velocities: float[][]
    /// The Frobenius norm of the derivative of the projector, √2 (Σ |xᵢ|²)^½: √2 times the root of the summed squared speeds of the principal angles.
    Speed: float
    /// qᵢᵀ A' qⱼ within the space, row-major [k; k]: its diagonal holds the derivatives of simple eigenvalues.
    Inner: float[]
    /// The distance from the space's least eigenvalue to the next one below, less both residuals.
    Gap: float
    /// The largest |Aqᵢ − λᵢqᵢ|.
    Residual: float
}

/// First-order perturbation of eigenvalues and eigenspaces along the parameters (Kato 1966, II.2; for sharpness: Damian, Nichani, Lee 2023). Pairs are
/// the largest ones in descending order, as <c>Lanczos.largest</c> and <c>Spectrum.leading</c> give them, one more than is asked about.
[<RequireQualifiedAccess>]
module EigenvalueGradients =
    let private dot (a: float[]) (b: float[]) = TensorPrimitives.Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)

    let private norm (a: float[]) = TensorPrimitives.Norm(ReadOnlySpan<float> a)

    /// Rayleigh quotients and residuals of unit vectors.
    let private certified name (operator: LinearOperator) (count: int) (vectors: float[][]) =
        if count < 1 || vectors.Length <= count then
            raise (
                HesseException
                    $"EigenvalueGradients.{name}: {vectors.Length} eigenvectors for {count} eigenvalue(s); give one more than is asked about, so that the gap below is known"
            )

        let pairs =
            vectors
            |> Array.map (fun q ->
                if q.Length <> operator.Size || not (abs (norm q - 1.0) < 1e-6) then
                    raise (
                        HesseException
                            $"EigenvalueGradients.{name}: a vector of length {q.Length} and norm {norm q}; want unit vectors of length {operator.Size}"
                    )

                let image = operator.Apply q
                let value = dot q image
                value, norm (Array.map2 (fun a x -> a - value * x) image q))

        if pairs |> Array.pairwise |> Array.exists (fun ((a, r), (b, s)) -> b - s > a + r) then
            raise (
                HesseException
                    $"EigenvalueGradients.{name}: the vectors are not in descending order of their eigenvalues; sort them, largest first"
            )

        pairs

    let private gradientsOf name operator (gradient: float[] -> float[]) (count: int) (vectors: float[][]) =
        let pairs = certified name operator count vectors

        Array.init count (fun i ->
            let value, residual = pairs[i]

            let gap =
                pairs
                |> Array.indexed
                |> Array.filter (fun (j, _) -> j <> i)
                |> Array.map (fun (_, (other, error)) -> abs (value - other) - error)
                |> Array.min

            if not (gap > residual && gap > 0.0) then
                raise (
                    HesseException
                        $"EigenvalueGradients.{name}: eigenvalue {i} ({value:G6}) is not separated from the others: gap {gap:G3}, residual {residual:G3}; its gradient exists only when it is simple; converge the vectors further, or follow the whole space with EigenvalueGradients.drift"
                )

            {
                Value = value
                Gradient = gradient vectors[i]
                Residual = residual
                Gap = gap
                VectorError = residual / gap
            })

    /// <summary>Gradients of the largest eigenvalues of the Hessian: ∇λᵢ = D³L[qᵢ, qᵢ, ·].</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="count">For how many eigenvalues, from the largest down.</param>
    /// <param name="vectors">Unit eigenvectors, largest eigenvalue first, at least one more than <paramref name="count"/>.</param>
    /// <returns>Gradients with residual and gap.</returns>
    /// <exception cref="T:Hesse.HesseException">Too few vectors, not unit, not in order, or an eigenvalue that is not simple within its residual.</exception>
    let hessian (risk: EmpiricalRisk<'P>) (point: 'P) (count: int) (vectors: float[][]) : EigenvalueGradient[] =
        gradientsOf
            "hessian"
            (Curvature.hessian risk point)
            (fun q -> HigherOrder.gradient risk point [ q; q ])
            count
            vectors

    /// <summary>Gradients of the largest eigenvalues of the Gauss–Newton operator.</summary>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="count">For how many eigenvalues, from the largest down.</param>
    /// <param name="vectors">Unit eigenvectors, largest eigenvalue first, at least one more than <paramref name="count"/>.</param>
    /// <returns>Gradients with residual and gap.</returns>
    /// <exception cref="T:Hesse.HesseException">Too few vectors, not unit, not in order, or an eigenvalue that is not simple within its residual.</exception>
    let gaussNewton (risk: EmpiricalRisk<'P>) (point: 'P) (count: int) (vectors: float[][]) : EigenvalueGradient[] =
        gradientsOf
            "gaussNewton"
            (Curvature.gaussNewton risk point)
            (HigherOrder.gaussNewtonGradient risk point)
            count
            vectors

    /// <summary>The drift of the space of the largest eigenvectors of the Hessian along a direction: for each qᵢ the solution xᵢ of
    /// (λᵢ − H) xᵢ = (I − QQᵀ) D³L[u, qᵢ, ·] in the complement of the space, by conjugate gradients.</summary>
    /// <param name="options">For the linear systems, one for each vector.</param>
    /// <param name="risk">The loss over the data.</param>
    /// <param name="point">θ, M parameters.</param>
    /// <param name="count">k, the dimension of the space; eigenvalues within it may coincide.</param>
    /// <param name="vectors">Unit eigenvectors, largest eigenvalue first, at least one more than <paramref name="count"/>.</param>
    /// <param name="along">u, length M: the direction in which the parameters move.</param>
    /// <returns>The first-order change of projector and eigenvalues.</returns>
    /// <exception cref="T:Hesse.HesseException">Too few vectors, not orthonormal, not in order, no gap below the space, or no convergence.</exception>
    let drift
        (options: SolveOptions)
        (risk: EmpiricalRisk<'P>)
        (point: 'P)
        (count: int)
        (vectors: float[][])
        (along: float[])
        =
        let operator = Curvature.hessian risk point
        let pairs = certified "drift" operator count vectors
        let space = vectors[.. count - 1]
        let (least, below), (next, above) = pairs[count - 1], pairs[count]
        let gap = least - next - below - above

        if not (gap > 0.0) then
            raise (
                HesseException
                    $"EigenvalueGradients.drift: no gap below the space: eigenvalue {count - 1} is {least:G6}, the next {next:G6}, with residuals {below:G3} and {above:G3}; take a space that ends at a gap, or converge the vectors further"
            )

        let rest = StructuredOperator.deflated space operator
        let change = HigherOrder.hessian risk point [ along ]
        let images = space |> Array.map change.Apply

        let outside (v: float[]) =
            (v, space)
            ||> Array.fold (fun v q -> let part = dot q v in Array.map2 (fun a b -> a - part * b) v q)

        let velocities =
            Array.map2
                (fun image (value, _) ->
                    let system = LinearOperator.shifted value -rest
                    outside (Solve.conjugateGradient options system (outside image)).Vector)
                images
                pairs[.. count - 1]

        {
            Velocities = velocities
            Speed = sqrt (2.0 * (velocities |> Array.sumBy (fun x -> dot x x)))
            Inner = Array.init (count * count) (fun q -> dot space[q / count] images[q % count])
            Gap = gap
            Residual = pairs[.. count - 1] |> Array.map snd |> Array.max
        }
