using System;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Mixed derivatives, sums of second derivatives, batches with axes, plans, oracles: the facade against closed forms.</summary>
public class TransformsTests
{
    private static readonly Tensor A = Tensor.FromArray(new[,] { { 1.0, -2.0, 0.5 }, { 0.3, 2.0, -1.0 } });
    private static readonly Tensor X = Tensor.FromArray([0.4, -0.7, 1.1]);
    private static readonly Tensor U = Tensor.FromArray([1.0, 0.5, -1.5]);
    private static readonly Tensor V = Tensor.FromArray([-0.2, 2.0, 0.3]);

    private static Tensor Wave(Tensor x) => (x.Sin() * x).Sum();

    /// <summary>Second derivatives of x sin x: 2 cos x − x sin x.</summary>
    private static double[] Second => [.. X.ToArray().Select(x => (2.0 * Math.Cos(x)) - (x * Math.Sin(x)))];

    [Fact]
    public void LinearTransposeIsTheAdjoint()
    {
        Func<Tensor, Tensor> back = Diff.LinearTranspose(x => A.MatMul(x), X);
        Near.Equal(A.Transpose().MatMul(Tensor.FromArray([2.0, -1.0])), back(Tensor.FromArray([2.0, -1.0])));
        Assert.Contains("not linear", Assert.Throws<HesseException>(() => Diff.LinearTranspose(x => x * x, X)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MixedDerivatives()
    {
        Tensor expected = (Tensor.FromArray(Second) * U * V).Sum();
        Near.Equal(expected, Diff.Directional(Wave, X, [U, V]));
        Near.Equal(expected, Diff.Directional(t => Wave(t["x"]), new Dictionary<string, Tensor> { ["x"] = X }, [new() { ["x"] = U }, new() { ["x"] = V }]));
        (int[] Index, Tensor Derivative)[] jet = Diff.MixedJet(2, Wave, X, [U, V]);
        Assert.Equal(6, jet.Length);
        Near.Equal(expected, jet.Single(e => e.Index is [1, 1]).Derivative);
        Tensor[] series = Diff.JetSeries(Wave, [X, U, V]);
        Near.Equal((0.5 * Diff.Directional(Wave, X, [U, U])) + Diff.Directional(Wave, X, [V]), series[2]);
        Near.Equal(Diff.Hessian(Wave, X), Diff.DerivativeTensor(2, Wave, X));
    }

    [Fact]
    public void JacobiansByModeAndChunk()
    {
        Tensor Map(Tensor x) => A.MatMul(x.Sin());
        Tensor expected = A * X.Cos();

        foreach (JacobianMode mode in Enum.GetValues<JacobianMode>())
        {
            Near.Equal(expected, Diff.Jacobian(Map, X, mode));
            Near.Equal(expected, Diff.Jacobian(Map, X, mode, chunk: 2));
        }

        Near.Equal(Diff.Hessian(Wave, X), Diff.HessianChunked(1, Wave, X));
    }

    [Fact]
    public void SumsOfSecondDerivatives()
    {
        double laplacian = Second.Sum();
        var (value, jacobian, sum) = Diff.ValueGradLaplacian(Wave, X);
        Near.Equal(Wave(X), value);
        Near.Equal(Diff.Grad(Wave, X), jacobian);
        Near.Equal(Tensor.Scalar(laplacian), sum);
        Near.Equal(Tensor.FromArray(Second), Diff.LaplacianTerms(Wave, X));
        Near.Equal((U * Tensor.FromArray(Second)).Sum(), Diff.LaplacianWith(U, Wave, X));
        Tensor directions = Tensor.Stack(0, [U, V]);
        Tensor expected = (2.0 * Diff.Directional(Wave, X, [U, U])) - Diff.Directional(Wave, X, [V, V]);
        Near.Equal(expected, Diff.LaplacianAlong(Tensor.FromArray([2.0, -1.0]), directions, Wave, X));
    }

    [Fact]
    public void EstimatesOfADiagonalHessianAreExactWithRademacherProbes()
    {
        RandomKey key = RandomKey.FromSeed(1);
        var (value, error) = Diff.StochasticLaplacian(Wave, X, 4, key);
        Near.Equal(Tensor.Scalar(Second.Sum()), value);
        Assert.True(error.Item() < 1e-12);
        var (weighted, _) = Diff.StochasticLaplacianWith(U, Wave, X, 4, key, chunk: 3);
        Near.Equal((U * Tensor.FromArray(Second)).Sum(), weighted);
        var (gaussian, deviation) = Diff.StochasticLaplacian(Wave, X, 4000, key, Probe.Gaussian);
        Assert.True(Math.Abs(gaussian.Item() - Second.Sum()) < 4.0 * deviation.Item());
        var (sampled, _) = Diff.StochasticOperator(k => (2.0, [U, U]), Wave, X, 2, key);
        Near.Equal(2.0 * Diff.Directional(Wave, X, [U, U]), sampled);
    }

    [Fact]
    public void VMapWithAxes()
    {
        Tensor xs = Tensor.Stack(0, [U, V]);
        Tensor expected = Tensor.Stack(0, [A.MatMul(U), A.MatMul(V)]);
        Near.Equal(expected, Diff.VMap(p => p[0].MatMul(p[1]), [A, xs], [null, 0]));
        Near.Equal(expected.Transpose(), Diff.VMap(p => p[0].MatMul(p[1]), [A, xs], [null, 0], outAxis: 1, chunk: 1));
        Near.Equal(Diff.VMap(Wave, xs), Diff.VMapChunked(1, Wave, xs));
    }

    [Fact]
    public void CheckFiniteNamesTheOperation()
    {
        Near.Equal(Wave(X), Diff.CheckFinite(Wave)(X));
        HesseException error = Assert.Throws<HesseException>(() => Diff.CheckFinite((Tensor x) => x.Log())(X));
        Assert.StartsWith("checkFinite: log of shapes [3] gives NaN at [1]", error.Message, StringComparison.Ordinal);
        Func<Dictionary<string, Tensor>, Tensor> tree = Diff.CheckFinite((Dictionary<string, Tensor> t) => Wave(t["x"]));
        Near.Equal(Wave(X), tree(new Dictionary<string, Tensor> { ["x"] = X }));
    }

    [Fact]
    public void Plans()
    {
        DerivativePlan plan = Planner.Hessian(Wave, X);
        Assert.Equal("Hessian at [3]", plan.Request);
        Assert.Single(plan.Routes, r => r.Chosen);

        foreach (var route in plan.Routes)
        {
            Near.Equal(Diff.Hessian(Wave, X), plan.Run(route.Name));
        }

        Near.Equal(Diff.Hessian(Wave, X), plan.Run());
        Assert.All(plan.WithMemory(0).Routes, r => Assert.False(r.Fits));
        Assert.StartsWith("Hessian at [3]\n", plan.ToString(), StringComparison.Ordinal);
        Near.Equal(Diff.Jacobian(x => x.Sin(), X), Planner.Jacobian(x => x.Sin(), X).Run());
        Near.Equal(Diff.Laplacian(Wave, X), Planner.Laplacian(Wave, X).Run());
        Near.Equal(Diff.Directional(Wave, X, [U, V, V]), Planner.Directional(Wave, X, [U, V, V]).Run());
        Near.Equal(Diff.DerivativeTensor(3, Wave, X), Planner.DerivativeTensor(3, Wave, X).Run());
    }

    [Fact]
    public void ExactNumbers()
    {
        Tensor half = Tensor.Scalar(0.5);
        Func<Tensor, Tensor> slope = Diff.Grad(x => x * x * x / 4.0);
        Assert.Equal([(new BigInteger(3), new BigInteger(16))], Exact.Rational(slope, half));
        var (high, low) = Exact.DoubleDouble(x => x.Exp(), Tensor.Scalar(1.0))[0];
        Assert.Equal(Math.E, high);
        Assert.NotEqual(0.0, low);
        var (lower, upper) = Exact.Interval(x => x.Sin(), half)[0];
        Assert.InRange(Math.Sin(0.5), lower, upper);
        Assert.Equal([(new BigInteger(3), BigInteger.One)], Exact.Rational(t => t["a"] * 2.0, new Dictionary<string, Tensor> { ["a"] = Tensor.Scalar(1.5) }));
    }

    [Fact]
    public void GradientsAreChecked()
    {
        var (forward, reverse) = CheckGradients.Check(Wave, X, order: 3);
        Assert.Equal(3, forward.Length);
        Assert.All(forward.Concat(reverse), e => Assert.True(e < 1e-6));
        Func<Tensor, Tensor> wrong = Diff.CustomDerivative(x => x.Sin(), (x, _, dx) => dx * x.Cos() * 1.1);
        Assert.Contains("order 1, forward mode", Assert.Throws<HesseException>(() => CheckGradients.Check(wrong, X)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SparseMatrices()
    {
        SparseMatrix h = Sparse.Hessian(Wave, X);
        Assert.Equal(1, h.Colours);
        Assert.Equal([0, 1, 2], h.ColumnIndices);
        Assert.Equal([0, 1, 2, 3], h.RowPointers);
        Assert.Equal((3, 3), (h.RowCount, h.ColumnCount));
        Near.Equal(Diff.Hessian(Wave, X), Tensor.FromArray(h.ToDense()));
        Assert.Equal(Second.Length, h.Values.Count);
        Near.Equal(Diff.Jacobian(x => x.Sin(), X), Tensor.FromArray(Sparse.Jacobian(x => x.Sin(), X).ToDense()));
        Assert.Equal([[0], [1], [2]], Sparse.Pattern(x => x.Sin(), X));
        SparseMatrix tree = Sparse.Hessian(t => Wave(t["x"]), new Dictionary<string, Tensor> { ["x"] = X });
        Assert.Equal(h.Values, tree.Values);
    }
}
