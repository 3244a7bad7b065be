namespace Hesse.Theory

open Hesse

/// K steps of Arnoldi's iteration, A Qᵀ = Qᵀ H + r eᵀ with the basis as rows of Q, as tensors that can be differentiated.
type ArnoldiTensors = {
    /// H, shape [K; K]: zero below the first subdiagonal.
    Hessenberg: Tensor
    /// Q, shape [K; n]: orthonormal rows, the first along the start vector; zero rows after an invariant space was found.
    Basis: Tensor
    /// r, shape [n], orthogonal to the rows of Q; zero when their space is invariant.
    Remainder: Tensor
    /// Shape [K]: 1 for steps that were taken, 0 after an invariant space was found. It has no derivative.
    Active: Tensor
    /// The norm of the start vector, shape [].
    Length: Tensor
}

/// K steps of the Lanczos iteration, A Qᵀ = Qᵀ T + r eᵀ with the basis as rows of Q, as tensors that can be differentiated.
type LanczosTensors = {
    /// The diagonal of T, shape [K]; zero where a step was not taken.
    Alpha: Tensor
    /// The off-diagonal of T, shape [K − 1], not negative; zero from an invariant space on.
    Beta: Tensor
    /// Q, shape [K; n]: orthonormal rows, the first along the start vector; zero rows after an invariant space was found.
    Basis: Tensor
    /// r, shape [n], orthogonal to the rows of Q; zero when their space is invariant.
    Remainder: Tensor
    /// Shape [K]: 1 for steps that were taken, 0 after an invariant space was found. It has no derivative.
    Active: Tensor
    /// The norm of the start vector, shape [].
    Length: Tensor
}

/// The recursion that Lanczos and Arnoldi share when every vector is orthogonalised against all earlier ones, and its adjoint (Krämer,
/// Moreno-Muñoz, Roy, Hauberg 2024, "Gradients of functions of large matrices": the multipliers of the constraints solve the recursion backwards).
module internal KrylovRecursion =
    /// What the recursion returns: column j of H down to the diagonal as row j of [K; K], the subdiagonal of H, Q and r.
    type Factors = Tensor * Tensor * Tensor * Tensor

    /// What the adjoint recursion reads at step k.
    type private Element = {
        /// e_k.
        Place: Tensor
        /// Ones up to place k.
        Below: Tensor
        /// q_k.
        Vector: Tensor
        /// The cotangent of q_k.
        OfVector: Tensor
        /// Row k of H.
        Row: Tensor
        /// The cotangent of column k − 1 of H.
        Target: Tensor
        /// α_k or H_kk.
        Diagonal: Tensor
        /// β_k, after the step.
        Outgoing: Tensor
        /// β_{k−1}, before it.
        Incoming: Tensor
        /// 1/β_{k−1}, or 0 after the end.
        Inverse: Tensor
        /// γ_k.
        Gamma: Tensor
    }

    /// A vector is zero if its norm is at most this times the largest norm of a product.
    let private negligible = 1e-13

    let private show (t: Tensor) = "[" + String.concat "; " (Seq.map string t.Shape) + "]"

    let private norm (v: Tensor) = Tensor.sqrt (Tensor.sum (v * v))

    /// 1 unless the number is at most the limit; so NaN goes on, to be seen.
    let private above (limit: Tensor) (x: Tensor) = 1.0 - Tensor.lessEqual x limit

    /// 1/x, and 0 where the mask is 0.
    let private reciprocal (mask: Tensor) (x: Tensor) = mask / Tensor.where mask x (Tensor.ones x.Shape)

    /// [K; K] with ones right above the diagonal.
    let private firstAbove (k: int) =
        Tensor.create [ k; k ] (Array.init (k * k) (fun q -> if q % k = q / k + 1 then 1.0 else 0.0))

    /// A vector [K − 1] on the first diagonal above the main one.
    let superdiagonal (k: int) (entries: Tensor) : Tensor =
        let column = Tensor.concat 0 [ entries; Tensor.zeros [ 1 ] ]
        Tensor.expandDims 1 column * firstAbove k

    /// Ones in rows of Q that are there, shape [K].
    let active (basis: Tensor) = Tensor.greater (Tensor.sumAxis 1 (basis * basis)) (Tensor.scalar 0.5)

    /// <summary>The recursion itself, as a loop.</summary>
    /// <remarks>Rows of Q that are not made yet are zero, so products with all of Q need no masks.</remarks>
    let forward (product: 'P -> Tensor -> Tensor) (steps: int) (theta: 'P, unit: Tensor) : Factors =
        let against (basis: Tensor) w =
            let coefficients = Tensor.matmul basis w
            coefficients, w - Tensor.matmul coefficients basis

        let step (basis: Tensor, w: Tensor, scale: Tensor) (place: Tensor) =
            let length = norm w
            let mask = above (negligible * scale) length
            let q = w * reciprocal mask length
            let basis = basis + Tensor.outer place q
            let image = product theta q
            let first, w = against basis image
            let second, w = against basis w
            (basis, w, Tensor.maximum scale (norm image)), (first + second, length * mask)

        let start = Tensor.zeros [ steps; unit.Size ], unit, Tensor.scalar 0.0
        let (basis, rest, scale), (columns, lengths) = Diff.scan step start (Tensor.eye steps)
        let rest = rest * above (negligible * scale) (norm rest)
        columns, Tensor.slice 0 1 steps 1 lengths, basis, rest

    /// <summary>The adjoint: cotangents of θ and of the unit start vector.</summary>
    /// <remarks>
    /// The constraints are A Qᵀ − Qᵀ H − r eᵀ = 0 with multipliers Λ = (λ₁ … λ_K), QQᵀ = 1 with a symmetric S, and Q r = 0 with γ. Stationarity in
    /// H says that QΛ is the cotangent of H on the Hessenberg pattern; in r that λ_K = r̄ + Qᵀγ; in column k of Q that
    /// β_{k−1} λ_{k−1} = q̄_k + Aᵀλ_k − Σ_{j ≥ k} H_kj λ_j + Qᵀ S e_k + γ_k r. The first of these gives S e_k down to the diagonal, symmetry gives
    /// the rest. λ₀ is the start vector's cotangent and ⟨Λ, dA Qᵀ⟩ that of the parameters.
    /// With a symmetric A the sum has two terms; else it needs all λ that came before.
    /// </remarks>
    let backward
        (symmetric: bool)
        (product: 'P -> Tensor -> Tensor)
        (theta: 'P, _: Tensor)
        (columns: Tensor, subdiagonal: Tensor, basis: Tensor, rest: Tensor)
        (ofColumns: Tensor, ofSubdiagonal: Tensor, ofBasis: Tensor, ofRest: Tensor)
        =
        let k, n = basis.Shape[0], basis.Shape[1]
        let upToDiagonal = Tensor.tril 0 (Tensor.ones [ k; k ])
        // What is zero because an invariant space was found does not move.
        let mask = active basis
        let column v = Tensor.expandDims 1 v
        let moving = Tensor.greater subdiagonal (Tensor.scalar 0.0)
        let restMoves = Tensor.greater (Tensor.sum (rest * rest)) (Tensor.scalar 0.0)

        /// Row j: the cotangent of column j of H.
        let ofH = ofColumns * upToDiagonal * column mask * mask + superdiagonal k (ofSubdiagonal * moving)
        let rows = Tensor.transpose columns + Tensor.transpose (superdiagonal k subdiagonal)
        let one = Tensor.ones [ 1 ]
        let incoming = Tensor.concat 0 [ one; subdiagonal ]
        let inverse = reciprocal (Tensor.concat 0 [ one; moving ]) incoming

        let lastOfH = Tensor.reshape [ k ] (Tensor.slice 0 (k - 1) k 1 ofH)
        let ofRest = ofRest * restMoves
        let gamma = lastOfH - Tensor.matmul basis ofRest
        let last = ofRest + Tensor.matmul gamma basis

        let step (lambda: Tensor, later: Tensor, s: Tensor, sum: 'P) (x: Element) =
            let _, back = Diff.vjp (fun (theta, v) -> product theta v) (theta, x.Vector)
            let ofTheta, image = back lambda

            let later, coupled =
                if symmetric then
                    lambda, x.Diagonal * lambda + x.Outgoing * later
                else
                    let all = later + Tensor.outer x.Place lambda
                    all, Tensor.matmul x.Row all

            let known = Tensor.matmul (Tensor.matmul x.Place s) basis
            let y = x.OfVector + image - coupled + known + x.Gamma * rest
            let inside = x.Below * Tensor.matmul basis y
            let next = x.Inverse * (y - Tensor.matmul inside basis) + Tensor.matmul x.Target basis
            let again = x.Below * Tensor.matmul basis next - x.Target
            let next = next - Tensor.matmul again basis
            let s = s + Tensor.outer (x.Incoming * x.Target - inside) x.Place
            (next, later, s, Tree.map2 (+) sum ofTheta), ()

        let elements = {
            Place = Tensor.eye k
            Below = upToDiagonal
            Vector = basis
            OfVector = ofBasis * column mask
            Row = rows
            Target = Tensor.concat 0 [ Tensor.zeros [ 1; k ]; Tensor.slice 0 0 (k - 1) 1 ofH ]
            Diagonal = Tensor.diagonal columns
            Outgoing = Tensor.concat 0 [ subdiagonal; Tensor.zeros [ 1 ] ]
            Incoming = incoming
            Inverse = inverse
            Gamma = gamma
        }

        let nothing = Tree.map (fun (t: Tensor) -> Tensor.zeros t.Shape) theta
        let later = Tensor.zeros (if symmetric then [ n ] else [ k; n ])

        let (ofUnit, _, _, ofTheta), () =
            Diff.scanBack step (last, later, Tensor.zeros [ k; k ], nothing) elements

        ofTheta, ofUnit

    /// The recursion with its adjoint.
    let factors (symmetric: bool) (product: 'P -> Tensor -> Tensor) (steps: int) (theta: 'P) (unit: Tensor) : Factors =
        Diff.customPullback (forward product steps) (backward symmetric product) (theta, unit)

    /// Checks; then the number of steps, the norm of the start vector, and the unit vector along it.
    let prepare name (steps: int) (start: Tensor) =
        if start.Rank <> 1 || start.Size = 0 || steps < 1 then
            Vectors.fail
                $"{name}: {steps} steps from a start of shape {show start}; wanted at least one step and a vector [n] (Tree.ravel makes one of a tree)"

        let length = norm start

        if length.IsConcrete then
            let value = length.item ()

            if not (System.Double.IsFinite value && value > 0.0) then
                Vectors.fail $"{name}: a start vector of norm {value}; wanted a finite norm above zero"

        min steps start.Size, length, start / length

    /// The product, with a check of its shape.
    let checkedProduct name (product: 'P -> Tensor -> Tensor) (theta: 'P) (v: Tensor) : Tensor =
        let image = product theta v

        if image.Shape <> v.Shape then
            Vectors.fail
                $"{name}: the product of a vector of shape {show v} has shape {show image}; a product A(θ)v has the shape of v"

        image

/// The Lanczos iteration of a symmetric operator A(θ) that is given by its products, as a function that can be differentiated with respect to θ and to the start vector.
[<RequireQualifiedAccess>]
module DifferentiableLanczos =
    /// <summary>K steps with full reorthogonalisation: A(θ) Qᵀ = Qᵀ T + r eᵀ.</summary>
    /// <param name="steps">K, at least 1; cut to n.</param>
    /// <param name="product">θ and v, shape [n], to A(θ) v, shape [n]; made of tensor operations and transformations (such as `Diff.hvp`), linear in v and symmetric at every θ. What is to
    /// be differentiated must be in θ.</param>
    /// <param name="theta">θ, a tree; float64.</param>
    /// <param name="start">Shape [n], not zero; it is normalised. May depend on what is being differentiated.</param>
    /// <returns>T, Q and r, to be differentiated in every mode and to any order.</returns>
    /// <exception cref="T:Hesse.HesseException">No step, a start that is not a vector or (where its value is known) is zero or not finite, or a product of another shape than its
    /// argument. On differentiation, when <paramref name="product"/> takes something from outside that is being differentiated.</exception>
    /// <remarks>
    /// K products, and K products with their pullbacks for a gradient; O(K² n) further work and O(K n) memory for either, as Q is all that is kept. The pullback is the adjoint
    /// recursion with reorthogonalisation (Krämer, Moreno-Muñoz, Roy, Hauberg 2024); no derivative goes through the loop's operations.
    /// When the Krylov space of the start vector has dimension s &lt; K (a norm of at most 1e-13 of the largest ‖A q‖), all later entries and rows are zero, `Active` says so, and
    /// derivatives are those of s steps, which are finite.
    /// </remarks>
    /// <example><code>let t = DifferentiableLanczos.decompose 10 (fun theta v -> Tensor.exp theta * v) theta start</code></example>
    let decompose (steps: int) (product: 'P -> Tensor -> Tensor) (theta: 'P) (start: Tensor) : LanczosTensors =
        let name = "DifferentiableLanczos.decompose"
        let steps, length, unit = KrylovRecursion.prepare name steps start
        let product = KrylovRecursion.checkedProduct name product
        let columns, beta, basis, rest = KrylovRecursion.factors true product steps theta unit

        {
            Alpha = Tensor.diagonal columns
            Beta = beta
            Basis = basis
            Remainder = rest
            Active = KrylovRecursion.active basis
            Length = length
        }

    /// <summary>T as a matrix.</summary>
    /// <param name="tensors">From <c>decompose</c>.</param>
    /// <returns>Shape [K; K], symmetric and tridiagonal.</returns>
    let tridiagonal (tensors: LanczosTensors) : Tensor =
        let off = KrylovRecursion.superdiagonal tensors.Alpha.Size tensors.Beta
        Tensor.diag tensors.Alpha + off + Tensor.transpose off

/// Arnoldi's iteration of any square operator A(θ) that is given by its products, as a function that can be differentiated with respect to θ and to the start vector.
[<RequireQualifiedAccess>]
module DifferentiableArnoldi =
    /// <summary>K steps with full reorthogonalisation: A(θ) Qᵀ = Qᵀ H + r eᵀ.</summary>
    /// <param name="steps">K, at least 1; cut to n.</param>
    /// <param name="product">θ and v, shape [n], to A(θ) v, shape [n]; made of tensor operations and transformations, linear in v. What is to be differentiated must be in θ.</param>
    /// <param name="theta">θ, a tree; float64.</param>
    /// <param name="start">Shape [n], not zero; it is normalised. May depend on what is being differentiated.</param>
    /// <returns>H, Q and r, to be differentiated in every mode and to any order.</returns>
    /// <exception cref="T:Hesse.HesseException">As for <c>DifferentiableLanczos.decompose</c>.</exception>
    /// <remarks>As for <c>DifferentiableLanczos.decompose</c>, with one more array of the size of Q in the pullback. Aᵀ is the transpose of the product in v, found by reverse mode.</remarks>
    let decompose (steps: int) (product: 'P -> Tensor -> Tensor) (theta: 'P) (start: Tensor) : ArnoldiTensors =
        let name = "DifferentiableArnoldi.decompose"
        let steps, length, unit = KrylovRecursion.prepare name steps start
        let product = KrylovRecursion.checkedProduct name product
        let columns, subdiagonal, basis, rest = KrylovRecursion.factors false product steps theta unit

        {
            Hessenberg = Tensor.transpose (columns + KrylovRecursion.superdiagonal steps subdiagonal)
            Basis = basis
            Remainder = rest
            Active = KrylovRecursion.active basis
            Length = length
        }
