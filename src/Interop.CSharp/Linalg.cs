using System;
using CoreLinalg = Hesse.Linalg;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop;

/// <summary>Linear algebra of the matrices in the last two axes of a tensor; the axes before them are a batch.</summary>
/// <remarks>
/// Every function may be differentiated to any order. What only the values tell (a singular matrix, a pivot that is not positive) is a
/// <see cref="HesseException"/> when the values are computed.
/// </remarks>
public static class Linalg
{
    /// <summary>x with A x = b, by LU factorisation with partial pivoting.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <param name="b">Shape [..., n, k], or [..., n] for one right-hand side; the same batch axes.</param>
    /// <returns>The shape of b.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not fit, or a matrix is exactly singular.</exception>
    public static Tensor Solve(Tensor a, Tensor b) =>
        new(CoreLinalg.solve(Tensor.Unwrap(a, nameof(a)), Tensor.Unwrap(b, nameof(b))));

    /// <summary>x with T x = b or Tᵀ x = b for a triangle T of A; the other triangle is not read.</summary>
    /// <param name="lower">Whether T is the lower triangle, with the diagonal, else the upper one.</param>
    /// <param name="transposed">Whether Tᵀ is meant.</param>
    /// <param name="a">Shape [..., n, n].</param>
    /// <param name="b">Shape [..., n, k], or [..., n] for one right-hand side; the same batch axes.</param>
    /// <returns>The shape of b.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not fit, or a diagonal element is exactly zero.</exception>
    public static Tensor TriangularSolve(bool lower, bool transposed, Tensor a, Tensor b) =>
        new(CoreLinalg.triangularSolve(lower, transposed, Tensor.Unwrap(a, nameof(a)), Tensor.Unwrap(b, nameof(b))));

    /// <summary>A⁻¹. To apply it, <see cref="Solve"/> is cheaper and more exact.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square, or one is exactly singular.</exception>
    public static Tensor Inverse(Tensor a) => new(CoreLinalg.inverse(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Determinant; value and derivatives are right at singular matrices too.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square.</exception>
    public static Tensor Det(Tensor a) => new(CoreLinalg.det(Tensor.Unwrap(a, nameof(a))));

    /// <summary>log |det A|; −∞ for a singular matrix.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square.</exception>
    public static Tensor LogDet(Tensor a) => new(CoreLinalg.logdet(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Sign and logarithm of the absolute value of the determinant; neither overflows.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>Both of the shape of the batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square.</exception>
    public static (Tensor Sign, Tensor LogAbs) SlogDet(Tensor a) => Pair(CoreLinalg.slogdet(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Lower L with L Lᵀ = (A + Aᵀ)/2.</summary>
    /// <param name="a">Shape [..., n, n], symmetric positive definite.</param>
    /// <returns>The same shape, zero above the diagonal.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square, or a pivot is not positive.</exception>
    public static Tensor Cholesky(Tensor a) => new(CoreLinalg.cholesky(Tensor.Unwrap(a, nameof(a))));

    /// <summary>x with L Lᵀ x = b, from a Cholesky factor.</summary>
    /// <param name="l">Lower factor, shape [..., n, n]; the upper triangle is not read.</param>
    /// <param name="b">Shape [..., n, k], or [..., n] for one right-hand side; the same batch axes.</param>
    /// <returns>The shape of b.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not fit, or a diagonal element is exactly zero.</exception>
    public static Tensor CholeskySolve(Tensor l, Tensor b) =>
        new(CoreLinalg.choleskySolve(Tensor.Unwrap(l, nameof(l)), Tensor.Unwrap(b, nameof(b))));

    /// <summary>Eigenvalues of (A + Aᵀ)/2, ascending.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>Shape [..., n].</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square, or an element is not finite.</exception>
    public static Tensor EigvalsH(Tensor a) => new(CoreLinalg.eigvalsh(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Eigenvalues, ascending, and orthonormal eigenvectors of (A + Aᵀ)/2, in columns.</summary>
    /// <remarks>Between equal eigenvalues vectors have no derivative; zero coupling stands for it.</remarks>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>Shapes [..., n] and [..., n, n].</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square, or an element is not finite.</exception>
    public static (Tensor Values, Tensor Vectors) EigH(Tensor a) => Pair(CoreLinalg.eigh(Tensor.Unwrap(a, nameof(a))));

    /// <summary>The matrix of cofactors, which is the gradient of the determinant; right at singular matrices.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square.</exception>
    public static Tensor Cofactor(Tensor a) => new(CoreLinalg.cofactor(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Thin singular value decomposition a = u diag(s) vt; values descend.</summary>
    /// <remarks>Between equal singular values, and at zero ones, vectors have no derivative; zero coupling stands for it.</remarks>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>Shapes [..., m, r], [..., r] and [..., r, n], where r is the smaller of m and n.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static (Tensor U, Tensor S, Tensor Vt) Svd(Tensor a)
    {
        var (u, s, vt) = CoreLinalg.svd(Tensor.Unwrap(a, nameof(a)));
        return (new Tensor(u), new Tensor(s), new Tensor(vt));
    }

    /// <summary>Singular values, descending.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>Shape [..., min(m, n)].</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static Tensor SingularValues(Tensor a) =>
        new(CoreLinalg.singularValues(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Moore-Penrose inverse, with max(m, n) · 2⁻⁵² of the largest singular value as limit for those that count as zero.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>Shape [..., n, m].</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static Tensor PInv(Tensor a) =>
        new(CoreLinalg.pinv(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Moore-Penrose inverse; singular values up to rcond times the largest count as zero.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <param name="rcond">The limit, at least 0.</param>
    /// <returns>Shape [..., n, m].</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, the limit is negative, or an element is not finite.</exception>
    public static Tensor PInv(Tensor a, double rcond) =>
        new(CoreLinalg.pinvWith(rcond, Tensor.Unwrap(a, nameof(a))));

    /// <summary>Number of singular values above max(m, n) · 2⁻⁵² times the largest; derivative 0.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static Tensor MatrixRank(Tensor a) =>
        new(CoreLinalg.matrixRank(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Sum of the singular values.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static Tensor NuclearNorm(Tensor a) =>
        new(CoreLinalg.nuclearNorm(Tensor.Unwrap(a, nameof(a))));

    /// <summary>The largest singular value.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static Tensor SpectralNorm(Tensor a) =>
        new(CoreLinalg.spectralNorm(Tensor.Unwrap(a, nameof(a))));

    /// <summary>The largest singular value over the smallest one; infinite for a matrix of lower rank.</summary>
    /// <param name="a">Shape [..., m, n].</param>
    /// <returns>The batch axes.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The tensor has fewer than two axes, or an element is not finite.</exception>
    public static Tensor Cond(Tensor a) =>
        new(CoreLinalg.cond(Tensor.Unwrap(a, nameof(a))));

    /// <summary>Thin QR decomposition of matrices with full column rank: q with orthonormal columns, r upper triangular with a positive diagonal.</summary>
    /// <param name="a">Shape [..., m, n] with m ≥ n.</param>
    /// <returns>Shapes [..., m, n] and [..., n, n].</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">There are fewer rows than columns, or an element is not finite.</exception>
    public static (Tensor Q, Tensor R) Qr(Tensor a) => Pair(CoreLinalg.qr(Tensor.Unwrap(a, nameof(a))));

    /// <summary>The x of least |A x − b|, for A of full column rank, by QR.</summary>
    /// <param name="a">Shape [..., m, n] with m ≥ n.</param>
    /// <param name="b">Shape [..., m, k], or [..., m] for one right-hand side; the same batch axes.</param>
    /// <returns>Shape [..., n, k], or [..., n].</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The shapes do not fit, or a column is exactly dependent.</exception>
    public static Tensor LstSq(Tensor a, Tensor b) =>
        new(CoreLinalg.lstsq(Tensor.Unwrap(a, nameof(a)), Tensor.Unwrap(b, nameof(b))));

    /// <summary>Matrix exponential; the derivative of order k costs 8ᵏ times the value.</summary>
    /// <param name="a">Shape [..., n, n].</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentNullException">The argument is null.</exception>
    /// <exception cref="HesseException">The matrices are not square, or an element is not finite.</exception>
    public static Tensor Expm(Tensor a) => new(CoreLinalg.expm(Tensor.Unwrap(a, nameof(a))));

    private static (Tensor First, Tensor Second) Pair(Tuple<CoreTensor, CoreTensor> pair) => (new(pair.Item1), new(pair.Item2));
}
