namespace Hesse.Theory

open Hesse

/// f of a small symmetric matrix, with a derivative that close and equal eigenvalues do not spoil.
module internal SymmetricFunction =
    /// Nodes of Gauss's rule with two points on [0; 1].
    let private left, right = 0.5 - sqrt (1.0 / 12.0), 0.5 + sqrt (1.0 / 12.0)

    /// f[λ_i, λ_j], shape [k; k]: the difference quotient, or for close values the mean of f' between them (error of fourth order in the difference).
    let private dividedDifferences (f: Tensor -> Tensor) (values: Tensor) =
        let k = values.Size
        let a = Tensor.expandDims 1 values + Tensor.zeros [ k; k ]
        let b = Tensor.expandDims 0 values + Tensor.zeros [ k; k ]
        let gap = a - b
        let close = Tensor.lessEqual (Tensor.abs gap) (1e-5 * (Tensor.abs a + Tensor.abs b))
        let slope x = snd (Diff.jvp f x (Tensor.ones [ k; k ]))
        let mean = 0.5 * (slope (b + left * gap) + slope (b + right * gap))
        Tensor.where close mean ((f a - f b) / Tensor.where close (Tensor.ones [ k; k ]) gap)

    let private conjugate (vectors: Tensor) (inner: Tensor) =
        Tensor.matmul vectors (Tensor.matmul inner (Tensor.transpose vectors))

    /// <summary>f(T) = V f(Λ) Vᵀ for a symmetric T, shape [k; k].</summary>
    /// <remarks>Its derivative is V (f[λ_i, λ_j] ∘ Vᵀ dT V) Vᵀ (Daleckii and Krein 1965).</remarks>
    let apply (f: Tensor -> Tensor) (matrix: Tensor) : Tensor =
        let value matrix =
            let values, vectors = Linalg.eigh matrix
            conjugate vectors (Tensor.diag (f values))

        let rule matrix _ change =
            let values, vectors = Linalg.eigh matrix
            let inner = Tensor.matmul (Tensor.transpose vectors) (Tensor.matmul change vectors)
            conjugate vectors (dividedDifferences f values * inner)

        Diff.customDerivative value rule matrix

/// Functions of large symmetric matrices A(θ) that are given by their products, as functions of θ that can be differentiated: vᵀf(A)v, f(A)v, tr f(A), log det A.
[<RequireQualifiedAccess>]
module DifferentiableFunctionals =
    /// f(T)e₁ for Lanczos tensors. Steps that were not taken get an entry on the diagonal where f is defined; they do not meet e₁.
    let private firstColumn (f: Tensor -> Tensor) (tensors: LanczosTensors) =
        let alpha = tensors.Alpha
        let inside = Tensor.stopGradient (Tensor.slice 0 0 1 1 alpha) + Tensor.zeros alpha.Shape

        let matrix =
            DifferentiableLanczos.tridiagonal { tensors with Alpha = Tensor.where tensors.Active alpha inside }

        let k = alpha.Size
        Tensor.reshape [ k ] (Tensor.slice 1 0 1 1 (SymmetricFunction.apply f matrix))

    /// <summary>vᵀ f(A(θ)) v by Lanczos quadrature: ‖v‖² (f(T))₁₁.</summary>
    /// <param name="f">An elementwise function, such as `Tensor.log`, that is defined between the extreme eigenvalues of A. It must not contain what is being differentiated.</param>
    /// <param name="steps">K; exact for polynomials up to degree 2K − 1, and for K = n.</param>
    /// <param name="product">As for <c>DifferentiableLanczos.decompose</c>.</param>
    /// <param name="theta">θ, a tree.</param>
    /// <param name="v">Shape [n], not zero.</param>
    /// <returns>Shape [].</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>DifferentiableLanczos.decompose</c>.</exception>
    /// <remarks>
    /// Value and gradient cost K products, and K with their pullbacks. Where the Krylov space of v is invariant after s &lt; K steps, value and first derivatives are exact:
    /// eigenvectors that v has no part of do not enter either.
    /// G. Golub and G. Meurant, Matrices, Moments and Quadrature, 1994; Krämer, Moreno-Muñoz, Roy, Hauberg 2024.
    /// </remarks>
    let quadraticForm (f: Tensor -> Tensor) (steps: int) (product: 'P -> Tensor -> Tensor) (theta: 'P) (v: Tensor) =
        let tensors = DifferentiableLanczos.decompose steps product theta v
        let first = Tensor.reshape [] (Tensor.slice 0 0 1 1 (firstColumn f tensors))
        tensors.Length * tensors.Length * first

    /// <summary>f(A(θ)) v from the Krylov space of v: ‖v‖ Qᵀ f(T) e₁.</summary>
    /// <param name="f">As for <c>quadraticForm</c>.</param>
    /// <param name="steps">K; exact for polynomials of degree below K, and for K = n.</param>
    /// <param name="product">As for <c>DifferentiableLanczos.decompose</c>.</param>
    /// <param name="theta">θ, a tree.</param>
    /// <param name="v">Shape [n], not zero.</param>
    /// <returns>Shape [n].</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>DifferentiableLanczos.decompose</c>.</exception>
    /// <remarks>
    /// Derivatives are those of the K-step approximation; they converge with it, some steps later than the value. Where the Krylov space of v is invariant
    /// after s &lt; K steps, the value is exact and derivatives are finite, but only those of s steps: of a change of θ that leads out of the space, only the part within it is seen.
    /// </remarks>
    let apply (f: Tensor -> Tensor) (steps: int) (product: 'P -> Tensor -> Tensor) (theta: 'P) (v: Tensor) : Tensor =
        let tensors = DifferentiableLanczos.decompose steps product theta v
        tensors.Length * Tensor.matmul (firstColumn f tensors) tensors.Basis

    /// <summary>f(A(θ)) v for an A that need not be symmetric, by Arnoldi's iteration: ‖v‖ Qᵀ f(H) e₁.</summary>
    /// <param name="f">A function of small matrices [k; k], such as `Linalg.expm` or `Linalg.inverse`; it is differentiated as it stands.</param>
    /// <param name="steps">K; exact for polynomials of degree below K, and for K = n.</param>
    /// <param name="product">As for <c>DifferentiableArnoldi.decompose</c>.</param>
    /// <param name="theta">θ, a tree.</param>
    /// <param name="v">Shape [n], not zero.</param>
    /// <returns>Shape [n].</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>DifferentiableLanczos.decompose</c>.</exception>
    /// <remarks>Y. Saad, Analysis of some Krylov subspace approximations to the matrix exponential operator, 1992. Derivatives and invariant spaces: as for <c>apply</c>.</remarks>
    let applyGeneral
        (f: Tensor -> Tensor)
        (steps: int)
        (product: 'P -> Tensor -> Tensor)
        (theta: 'P)
        (v: Tensor)
        : Tensor =
        let tensors = DifferentiableArnoldi.decompose steps product theta v
        let k = tensors.Active.Size
        let inside = Tensor.stopGradient (Tensor.slice 1 0 1 1 (Tensor.slice 0 0 1 1 tensors.Hessenberg))
        let padded = tensors.Hessenberg + Tensor.diag (1.0 - tensors.Active) * inside
        let column = Tensor.reshape [ k ] (Tensor.slice 1 0 1 1 (f padded))
        tensors.Length * Tensor.matmul column tensors.Basis

    /// <summary>The mean of zᵀ f(A(θ)) z over given probes z.</summary>
    /// <param name="f">As for <c>quadraticForm</c>.</param>
    /// <param name="steps">K, for every probe.</param>
    /// <param name="product">As for <c>DifferentiableLanczos.decompose</c>.</param>
    /// <param name="probes">Shape [m; n], rows not zero; the rows of √n times an orthogonal matrix give tr f(A) itself.</param>
    /// <param name="theta">θ, a tree.</param>
    /// <returns>Shape [].</returns>
    /// <exception cref="T:Hesse.HesseException">The probes are not a matrix; else as for <c>DifferentiableLanczos.decompose</c>.</exception>
    /// <remarks>All probes are one batch: memory for m bases of K vectors.</remarks>
    let meanOver
        (f: Tensor -> Tensor)
        (steps: int)
        (product: 'P -> Tensor -> Tensor)
        (probes: Tensor)
        (theta: 'P)
        : Tensor =
        if probes.Rank <> 2 || probes.Shape[0] = 0 then
            Vectors.fail
                $"DifferentiableFunctionals.meanOver: probes of rank {probes.Rank}; wanted a matrix [m; n] with a probe in each row"

        Tensor.mean (Diff.vmap (quadraticForm f steps product theta) probes)

    /// <summary>tr f(A(θ)) by stochastic Lanczos quadrature, with random signs.</summary>
    /// <param name="f">As for <c>quadraticForm</c>.</param>
    /// <param name="steps">K, for every probe.</param>
    /// <param name="product">As for <c>DifferentiableLanczos.decompose</c>.</param>
    /// <param name="size">n.</param>
    /// <param name="probes">How many probes, at least 2; they are one batch.</param>
    /// <param name="key">The same key gives the same probes, at every θ: the estimate is a smooth function of θ, whose gradient is the estimate of the gradient.</param>
    /// <param name="theta">θ, a tree.</param>
    /// <returns>The estimate, shape [], with its standard error over the probes; the quadrature error comes on top.</returns>
    /// <exception cref="T:Hesse.HesseException">Fewer than two probes; else as for <c>DifferentiableLanczos.decompose</c>.</exception>
    /// <remarks>S. Ubaru, J. Chen, Y. Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature, 2017.</remarks>
    let trace
        (f: Tensor -> Tensor)
        (steps: int)
        (product: 'P -> Tensor -> Tensor)
        (size: int)
        (probes: int)
        (key: Key)
        (theta: 'P)
        : StochasticEstimate<Tensor> =
        if probes < 2 then
            Vectors.fail
                $"DifferentiableFunctionals.trace: {probes} probes, wanted at least 2; an error estimate needs a spread"

        let values = Diff.vmap (quadraticForm f steps product theta) (Random.rademacher key [ probes; size ])
        let mean = Tensor.mean values
        let deviations = Tensor.stopGradient (values - mean)

        {
            Value = mean
            StandardError = Tensor.sqrt (Tensor.sum (deviations * deviations) / float (probes * (probes - 1)))
            Probes = probes
            Key = key
        }

    /// <summary>log det A(θ) of a positive definite operator by stochastic Lanczos quadrature.</summary>
    /// <param name="steps">K, for every probe; the quadrature error falls like ((√κ − 1)/(√κ + 1))^(2K), κ the condition number.</param>
    /// <param name="product">As for <c>DifferentiableLanczos.decompose</c>; positive definite, add damping to what may be singular.</param>
    /// <param name="size">n.</param>
    /// <param name="probes">How many probes, at least 2; they are one batch.</param>
    /// <param name="key">The same key gives the same probes, at every θ.</param>
    /// <param name="theta">θ, a tree.</param>
    /// <returns>The estimate with its standard error; NaN where a Ritz value is negative. Its gradient estimates tr(A⁻¹ ∂A/∂θ).</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>trace</c>.</exception>
    let logDeterminant (steps: int) (product: 'P -> Tensor -> Tensor) (size: int) (probes: int) (key: Key) (theta: 'P) =
        trace Tensor.log steps product size probes key theta
