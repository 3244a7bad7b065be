using System;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Functions of several tensors, against closed forms.</summary>
public class DiffArraysTests
{
    private static readonly Tensor A = Tensor.FromArray(1.0, 2.0);
    private static readonly Tensor B = Tensor.FromArray(3.0, -1.0);
    private static readonly Tensor[] AB = [A, B];
    private static readonly Tensor[] Direction = [Tensor.FromArray(1.0, 0.0), Tensor.FromArray(0.5, 2.0)];

    /// <summary>Σ aᵢ² bᵢ: gradients 2ab and a²; Hessian blocks diag 2b, diag 2a, 0.</summary>
    private static Tensor F(Tensor[] p) => (p[0] * p[0] * p[1]).Sum();

    private static readonly double[] Hessian = [6, 0, 2, 0, 0, -2, 0, 4, 2, 0, 0, 0, 0, 4, 0, 0];

    [Fact]
    public void FirstDerivatives()
    {
        var gradient = Diff.Grad(F, AB);
        Near.Equal([6, -4], gradient[0]);
        Near.Equal([1, 4], gradient[1]);
        Near.Equal(-1, Diff.ValueAndGrad(F, AB).Value);
        Near.Equal([1, 4], Diff.ValueAndGrad(F, AB).Gradient[1]);
        const double slope = 6 * 1 - 4 * 0 + 1 * 0.5 + 4 * 2;
        Near.Equal(slope, Diff.Jvp(F, AB, Direction).Tangent);
        Near.Equal(slope, Diff.Linearize(F, AB).Derivative(Direction));
        Near.Equal([2, 8], Diff.Vjp(F, AB).Pullback(Tensor.Scalar(2.0))[1]);
    }

    [Fact]
    public void SecondAndHigherDerivatives()
    {
        Assert.Equal([4, 4], Diff.Hessian(F, AB).Shape);
        Near.Equal(Hessian, Diff.Hessian(F, AB));
        var flat = Tensor.Concat(0, Direction);
        Near.Equal(Tensor.FromArray([4, 4], Hessian).MatMul(flat), Tensor.Concat(0, Diff.Hvp(F, AB, Direction)));
        Near.Equal(4, Diff.Laplacian(F, AB));
        // t ↦ (1 + t)²(3 + t/2) + 4(−1 + 2t): third derivative 6 · ½.
        Near.Equal(3, Diff.Jet(3, F, AB, Direction)[3]);
    }

    [Fact]
    public void JacobiansFlattenTheInputs()
    {
        static Tensor Product(Tensor[] p) => p[0] * p[1];
        double[] expected = [3, 0, 1, 0, 0, -1, 0, 2];
        Assert.Equal([2, 4], Diff.Jacobian(Product, AB).Shape);
        Near.Equal(expected, Diff.Jacobian(Product, AB));
        Near.Equal(expected, Diff.JacFwd(Product, AB));
        Near.Equal(expected, Diff.JacRev(Product, AB));
    }

    [Fact]
    public void VMapCompileExplain()
    {
        Near.Equal([3, -4], Diff.VMap((Tensor[] p) => p[0] * p[0] * p[1], AB));
        Near.Equal(-1, Diff.Compile((Tensor[] p) => F(p))(AB));
        Assert.Contains("FLOPs", Diff.Explain(F, AB), StringComparison.Ordinal);
        Assert.Throws<HesseException>(() => Diff.Hvp(F, AB, [A]));
        Assert.Throws<HesseException>(() => Diff.VMap((Tensor[] p) => p[0], [A, Tensor.Ones(3)]));
    }

    [Fact]
    public void ElementsThatAreNullAreNamed() =>
        Assert.Equal("x", Assert.Throws<ArgumentNullException>(() => Diff.Grad(F, [A, null!])).ParamName);
}
