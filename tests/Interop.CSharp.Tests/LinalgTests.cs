using System;
using Xunit;

namespace Hesse.Interop.Tests;

public class LinalgTests
{
    private static readonly Tensor A = Tensor.FromArray(new[,] { { 4.0, 1.0 }, { 1.0, 3.0 } });
    private static readonly Tensor B = Tensor.FromArray(5.0, 4.0);

    [Fact]
    public void EachFunctionIsTheOneOfTheCore()
    {
        Near.Equal([1.0, 1.0], Linalg.Solve(A, B));
        Near.Equal([1.25, 11.0 / 12.0], Linalg.TriangularSolve(true, false, A, B));
        Near.Equal([11.0 / 12.0, 4.0 / 3.0], Linalg.TriangularSolve(false, false, A, B));
        Near.Equal([3.0 / 11.0, -1.0 / 11.0, -1.0 / 11.0, 4.0 / 11.0], Linalg.Inverse(A));
        Near.Equal(11.0, Linalg.Det(A));
        Near.Equal(Math.Log(11.0), Linalg.LogDet(A));
        Near.Equal(-1.0, Linalg.SlogDet(Tensor.FromArray(new[,] { { 0.0, 1.0 }, { 1.0, 0.0 } })).Sign);
        Near.Equal(Math.Log(11.0), Linalg.SlogDet(A).LogAbs);
        Near.Equal([2.0, 0.0, 0.5, Math.Sqrt(2.75)], Linalg.Cholesky(A));
        Near.Equal([1.0, 1.0], Linalg.CholeskySolve(Linalg.Cholesky(A), B));
        Near.Equal([(7.0 - Math.Sqrt(5.0)) / 2.0, (7.0 + Math.Sqrt(5.0)) / 2.0], Linalg.EigvalsH(A));
        var (values, vectors) = Linalg.EigH(A);
        Near.Equal(Linalg.EigvalsH(A).ToArray(), values);
        Near.Equal((vectors * values).ToArray(), A.MatMul(vectors));
        var (q, r) = Linalg.Qr(A);
        Near.Equal(A, q.MatMul(r));
        Near.Equal([1.0, 1.0], Linalg.LstSq(A, B));
        Near.Equal(Linalg.Inverse(Linalg.Expm(A)), Linalg.Expm(-A));
    }

    [Fact]
    public void SingularValuesAndWhatRestsOnThem()
    {
        var (u, s, vt) = Linalg.Svd(A);
        Near.Equal(A, (u * s).MatMul(vt));
        Near.Equal(s.ToArray(), Linalg.SingularValues(A));
        Near.Equal(Linalg.Inverse(A), Linalg.PInv(A));
        Near.Equal(Linalg.Inverse(A), Linalg.PInv(A, 1e-3));
        Near.Equal(2.0, Linalg.MatrixRank(A));
        Near.Equal(7.0, Linalg.NuclearNorm(A));
        Near.Equal((7.0 + Math.Sqrt(5.0)) / 2.0, Linalg.SpectralNorm(A));
        Near.Equal((7.0 + Math.Sqrt(5.0)) / (7.0 - Math.Sqrt(5.0)), Linalg.Cond(A));
        Near.Equal([3.0, -1.0, -1.0, 4.0], Linalg.Cofactor(A));
    }

    [Fact]
    public void TheGradientOfLogDetIsTheInverse() => Near.Equal(Linalg.Inverse(A).ToArray(), Diff.Grad(Linalg.LogDet, A));
}
