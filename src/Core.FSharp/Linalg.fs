namespace Hesse

/// Linear algebra of the matrices in the last two axes of a tensor; the axes before them are a batch.
///
/// Every function may be differentiated to any order, forward and reverse, mapped and compiled. Sizes are read from the shapes;
/// what only the values tell (a singular matrix, a pivot that is not positive) is an error when the values are computed.
[<RequireQualifiedAccess>]
module Linalg =
    let private lift (f: Node -> Node) (t: Tensor) = Tensor(f t.Node)

    /// A right-hand side [..., n] is a column of its own.
    let private system (op: string) (f: Node -> Node -> Node) (a: Tensor) (b: Tensor) =
        if a.Rank < 2 || (b.Rank <> a.Rank && b.Rank <> a.Rank - 1) then
            Shape.fail
                $"{op}: a right-hand side of shape {Shape.show b.Shape} does not fit matrices of shape {Shape.show a.Shape}; want [..., n, n] with [..., n] or [..., n, k]"

        if b.Rank = a.Rank then
            Tensor(f a.Node b.Node)
        else
            let column = Linear.reshape (Array.append b.Shape [| 1 |]) b.Node
            let x = f a.Node column
            Tensor(Linear.reshape x.Shape[.. x.Shape.Length - 2] x)

    // ----- systems -----

    /// <summary>x with A x = b, by LU factorisation with partial pivoting.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <param name="b">Shape [..., n, k], or [..., n] for one right-hand side; the same batch axes.</param>
    /// <returns>The shape of b.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes do not fit, or a matrix is exactly singular.</exception>
    let solve (a: Tensor) (b: Tensor) : Tensor = system "solve" (LinearAlgebra.solve false) a b

    /// <summary>x with T x = b or Tᵀ x = b for a triangle T of A; the other triangle is not read.</summary>
    /// <param name="lower">Whether T is the lower triangle, with the diagonal, else the upper one.</param>
    /// <param name="transposed">Whether Tᵀ is meant.</param>
    /// <param name="a">Shape [..., n, n].</param>
    /// <param name="b">Shape [..., n, k], or [..., n] for one right-hand side; the same batch axes.</param>
    /// <returns>The shape of b.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes do not fit, or a diagonal element is exactly zero.</exception>
    let triangularSolve (lower: bool) (transposed: bool) (a: Tensor) (b: Tensor) : Tensor =
        system "triangularSolve" (LinearAlgebra.triangularSolve lower transposed) a b

    /// <summary>A⁻¹. To apply it, `solve` is cheaper and more exact.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square, or one is exactly singular.</exception>
    let inverse (a: Tensor) : Tensor = lift LinearAlgebra.inverse a

    // ----- determinants -----

    /// <summary>Determinant.</summary>
    /// <remarks>
    /// Value and derivatives are right at every matrix, singular ones included: the gradient is the matrix of cofactors, which comes from
    /// the singular value decomposition without a division. The derivative of order k costs 10 n³ and k! nᵏ operations;
    /// for high orders of large matrices `logdet` is cheaper.
    /// </remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square.</exception>
    let det (a: Tensor) : Tensor = lift LinearAlgebra.det a

    /// <summary>The matrix of cofactors, which is the gradient of the determinant and det A · A⁻ᵀ at an invertible A.</summary>
    /// <remarks>Right at singular matrices, to every order, as those of `det`.</remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square.</exception>
    let cofactor (a: Tensor) : Tensor = lift LinearAlgebra.cofactor a

    /// <summary>Sign and logarithm of the absolute value of the determinant; neither overflows.</summary>
    /// <remarks>A singular matrix has sign 0 and logarithm −∞. The sign has derivative zero.</remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>Both of the shape of the batch axes.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square.</exception>
    let slogdet (a: Tensor) : Tensor * Tensor = lift LinearAlgebra.signDet a, lift LinearAlgebra.logAbsDet a

    /// <summary>log |det A|.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The batch axes; −∞ for a singular matrix.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square.</exception>
    let logdet (a: Tensor) : Tensor = lift LinearAlgebra.logAbsDet a

    // ----- symmetric matrices -----

    /// <summary>Lower L with L Lᵀ = (A + Aᵀ)/2.</summary>
    /// <remarks>The symmetric part makes it a function of all elements, whose derivatives are symmetric too. Rule: Murray (2016), equation 8.</remarks>
    /// <param name="a">Shape [..., n, n], symmetric positive definite.</param>
    /// <returns>The same shape, zero above the diagonal.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square, or a pivot is not positive; the message names it.</exception>
    let cholesky (a: Tensor) : Tensor = lift (Factorisations.symmetrize "cholesky" >> Factorisations.cholesky) a

    /// <summary>x with L Lᵀ x = b, from a Cholesky factor.</summary>
    /// <param name="l">Lower factor, shape [..., n, n]; the upper triangle is not read.</param>
    /// <param name="b">Shape [..., n, k], or [..., n] for one right-hand side; the same batch axes.</param>
    /// <returns>The shape of b.</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes do not fit, or a diagonal element is exactly zero.</exception>
    let choleskySolve (l: Tensor) (b: Tensor) : Tensor = triangularSolve true true l (triangularSolve true false l b)

    /// <summary>Eigenvalues of (A + Aᵀ)/2, ascending.</summary>
    /// <remarks>
    /// dλ_i = v_iᵀ dA v_i. At equal eigenvalues a single one has no derivative, but every symmetric function of them has its first
    /// derivative right; second derivatives leave out the coupling of equal eigenvalues (see `eigh`).
    /// </remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>Shape [..., n].</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square, or an element is not finite.</exception>
    let eigvalsh (a: Tensor) : Tensor = lift (Factorisations.symmetrize "eigvalsh" >> Factorisations.eigenvalues) a

    /// <summary>Eigenvalues and orthonormal eigenvectors of (A + Aᵀ)/2 = V diag(λ) Vᵀ.</summary>
    /// <remarks>
    /// Values ascend; vectors are in columns, with the largest element of each positive. dV = V (F ∘ Vᵀ dA V) with
    /// F_ij = 1/(λ_j − λ_i). Between equal eigenvalues (to n·10⁻¹⁴ of the largest) vectors have no derivative, and F_ij = 0 stands for it:
    /// derivatives stay finite, and first derivatives of projectors on whole eigenspaces and of symmetric functions of the values are
    /// right; for a function of the matrix such as V f(λ) Vᵀ the coupling of equal eigenvalues is missing. Values and vectors come
    /// from one factorisation.
    /// </remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>λ, shape [..., n]; V, shape [..., n, n].</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square, or an element is not finite.</exception>
    let eigh (a: Tensor) : Tensor * Tensor =
        let values, vectors = Factorisations.eigen (Factorisations.symmetrize "eigh" a.Node)
        Tensor values, Tensor vectors

    // ----- singular values -----

    let private checkMatrix (op: string) (a: Tensor) =
        if a.Rank < 2 then
            Shape.fail $"{op}: expected matrices [..., m, n], got shape {Shape.show a.Shape}; reshape it"

    /// <summary>Thin singular value decomposition A = U diag(s) Vᵀ, with r = min(m, n).</summary>
    /// <remarks>
    /// Values descend. The largest element of each singular vector of the short side (V if m ≥ n, else U) is positive, and the other vector
    /// goes with it. Derivatives divide by differences and sums of singular values (Townsend 2016). Between equal ones (to r·10⁻¹⁴ of the
    /// largest) the difference's reciprocal is taken as 0, and at zero ones the sum's and the value's own: derivatives stay finite, and
    /// first derivatives of what does not depend on the choice of vectors within an eigenspace are right (projectors on whole
    /// singular subspaces, symmetric functions of the values that are smooth at 0). The derivative of a zero singular value is uᵀ dA v with
    /// the vectors that the library chose.
    /// </remarks>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>U, shape [..., m, r]; s, shape [..., r]; Vᵀ, shape [..., r, n].</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    let svd (a: Tensor) : Tensor * Tensor * Tensor =
        checkMatrix "svd" a
        let u, s, v = Factorisations.svd a.Node
        Tensor u, Tensor s, Tensor(LinearAlgebra.transposed v)

    /// <summary>Singular values, descending.</summary>
    /// <remarks>ds_i = u_iᵀ dA v_i; conventions as those of `svd`.</remarks>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>Shape [..., min(m, n)].</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    let singularValues (a: Tensor) : Tensor =
        checkMatrix "singularValues" a
        lift Factorisations.singularValues a

    /// max(m, n) · 2⁻⁵² (2⁻²³ in float32), the usual limit for the rank.
    let private usualLimit (a: Tensor) =
        let shape = a.Node.Shape

        float (max shape[shape.Length - 1] shape[shape.Length - 2])
        * System.Math.ScaleB(1.0, (if a.DType = DType.Float32 then -23 else -52))

    /// <summary>Moore-Penrose inverse; singular values up to rcond times the largest count as zero.</summary>
    /// <remarks>
    /// The derivative is that at constant rank, dA⁺ = −A⁺ dA A⁺ + A⁺ A⁺ᵀ dAᵀ (I − A A⁺) + (I − A⁺ A) dAᵀ A⁺ᵀ A⁺ (Golub and Pereyra
    /// 1973): right for full rank to every order, and for a lower one in directions that keep the rank; in others A⁺ is not continuous.
    /// </remarks>
    /// <param name="rcond">The limit, at least 0.</param>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>Shape [..., n, m].</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has fewer than two axes, the limit is negative, or an element is not finite.</exception>
    let pinvWith (rcond: float) (a: Tensor) : Tensor =
        checkMatrix "pinv" a

        if not (rcond >= 0.0) then
            Shape.fail $"pinv: rcond is {rcond}; want a number that is at least 0"

        lift (Factorisations.pseudoInverse rcond) a

    /// <summary>Moore-Penrose inverse, with max(m, n) · 2⁻⁵² (2⁻²³ in float32) as limit for singular values that count as zero; see `pinvWith`.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>Shape [..., n, m].</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    let pinv (a: Tensor) : Tensor =
        checkMatrix "pinv" a
        pinvWith (usualLimit a) a

    /// <summary>Number of singular values above max(m, n) · 2⁻⁵² (2⁻²³ in float32) times the largest; derivative 0.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    let matrixRank (a: Tensor) : Tensor =
        checkMatrix "matrixRank" a
        let s = singularValues a

        if s.Node.Shape[s.Rank - 1] = 0 then
            Tensor.zeros s.Node.Shape[.. s.Rank - 2]
        else
            let limit = usualLimit a * Tensor.maxAxis -1 s
            Tensor.sumAxis -1 (Tensor.greater s (Tensor.expandDims -1 limit))

    /// <summary>Sum of the singular values.</summary>
    /// <remarks>At a matrix of lower rank, where it has no derivative, the result is one of its subgradients.</remarks>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="T:Hesse.HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    let nuclearNorm (a: Tensor) : Tensor =
        checkMatrix "nuclearNorm" a
        Tensor.sumAxis -1 (singularValues a)

    let private someSingularValues (op: string) (a: Tensor) =
        checkMatrix op a
        let s = singularValues a

        if s.Node.Shape[s.Rank - 1] = 0 then
            Shape.fail
                $"{op}: matrices of shape {Shape.show a.Shape} have no singular values; want at least one row and one column"

        let place i = Tensor.sumAxis -1 (Tensor.slice -1 i (i + 1) 1 s)
        place 0, place (s.Node.Shape[s.Rank - 1] - 1)

    /// <summary>The largest singular value.</summary>
    /// <remarks>Where it is a multiple one, and has no derivative, the result is one of its subgradients.</remarks>
    /// <param name="a">Shape [..., m, n], not empty.</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no singular value, or an element is not finite.</exception>
    let spectralNorm (a: Tensor) : Tensor = fst (someSingularValues "spectralNorm" a)

    /// <summary>The largest singular value over the smallest one; infinite for a matrix of lower rank.</summary>
    /// <param name="a">Shape [..., m, n], not empty.</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="T:Hesse.HesseException">There is no singular value, or an element is not finite.</exception>
    let cond (a: Tensor) : Tensor =
        let largest, smallest = someSingularValues "cond" a
        largest / smallest

    // ----- orthogonal factors and least squares -----

    /// <summary>Thin QR decomposition A = Q R of matrices with full column rank.</summary>
    /// <remarks>
    /// Q has orthonormal columns; R is upper triangular with a positive diagonal, which makes both unique. Derivatives need R⁻¹: where
    /// columns are dependent they do not exist, and the error of `triangularSolve` is raised if R's diagonal has an exact zero.
    /// </remarks>
    /// <param name="a">Shape [..., m, n] with m ≥ n.</param>
    /// <returns>Q, shape [..., m, n]; R, shape [..., n, n].</returns>
    /// <exception cref="T:Hesse.HesseException">There are fewer rows than columns, or an element is not finite.</exception>
    let qr (a: Tensor) : Tensor * Tensor =
        let q = Factorisations.orthonormal a.Node
        Tensor q, Tensor(Factorisations.upperFactor a.Node q)

    /// <summary>The x of least |A x − b|, for A of full column rank, by QR.</summary>
    /// <param name="a">Shape [..., m, n] with m ≥ n.</param>
    /// <param name="b">Shape [..., m, k], or [..., m] for one right-hand side; the same batch axes.</param>
    /// <returns>Shape [..., n, k], or [..., n].</returns>
    /// <exception cref="T:Hesse.HesseException">The shapes do not fit, there are fewer rows than columns, or R's diagonal has an exact zero.</exception>
    let lstsq (a: Tensor) (b: Tensor) : Tensor =
        let r = a.Rank

        if r < 2 || b.Rank < r - 1 || b.Shape[.. r - 2] <> a.Shape[.. r - 2] then
            Shape.fail
                $"lstsq: a right-hand side of shape {Shape.show b.Shape} does not fit matrices of shape {Shape.show a.Shape}; want [..., m, n] with [..., m] or [..., m, k]"

        let q, upper = qr a
        let project b = Contraction.matmul (LinearAlgebra.transposed q.Node) b
        system "lstsq" (fun _ b -> LinearAlgebra.triangularSolve false false upper.Node (project b)) a b

    // ----- matrix exponential -----

    /// <summary>Matrix exponential, by scaling, a Padé approximant and squaring (Higham 2005).</summary>
    /// <remarks>
    /// Derivatives of every order are exact to rounding: the k-th one is a block of the exponential of a matrix of order 2ᵏn, so that it
    /// costs 8ᵏ times the value and 4ᵏ times its memory.
    /// </remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="T:Hesse.HesseException">The matrices are not square, or an element is not finite.</exception>
    let expm (a: Tensor) : Tensor = lift LinearAlgebra.expm a
