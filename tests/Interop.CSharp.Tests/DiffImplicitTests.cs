using System;
using Xunit;

namespace Hesse.Interop.Tests;

public class DiffImplicitTests
{
    private static readonly Tensor Two = Tensor.Scalar(2.0);

    [Fact]
    public void RootsAndTheirDerivatives()
    {
        static Tensor Residual(Tensor a, Tensor x) => (x * x) - a;
        Tensor ByAnySolver(Tensor a) => Diff.ImplicitRoot(Residual, t => t.Sqrt(), a);
        Tensor ByNewton(Tensor a) => Diff.NewtonRoot(Residual, Tensor.Scalar(1.5), a);
        foreach (Func<Tensor, Tensor> root in (Func<Tensor, Tensor>[])[ByAnySolver, ByNewton])
        {
            Assert.Equal(Math.Sqrt(2.0), root(Two).Item(), 1e-15);
            Assert.Equal(0.5 / Math.Sqrt(2.0), Diff.Grad(root, Two).Item(), 1e-15);
        }
    }

    [Fact]
    public void FixedPointsAndOptima()
    {
        Tensor Plain(Tensor a) => Diff.FixedPoint((b, x) => (0.5 * x) + b, Tensor.Scalar(0.0), a);
        Tensor Accelerated(Tensor a) => Diff.FixedPoint((b, x) => (0.5 * x) + b, Tensor.Scalar(0.0).Reshape(1), a.Reshape(1), maxSteps: 10, memory: 2).Sum();
        Tensor Optimum(Tensor a) => Diff.ImplicitOptimum((b, x) => ((x - (2.0 * b)) * (x - (2.0 * b))).Sum(), b => 2.0 * b, a);
        foreach (Func<Tensor, Tensor> f in (Func<Tensor, Tensor>[])[Plain, Accelerated, Optimum])
        {
            Assert.Equal(4.0, f(Two).Item(), 1e-11);
            Assert.Equal(2.0, Diff.Grad(f, Two).Item(), 1e-11);
        }

        Assert.Throws<HesseException>(() => Diff.FixedPoint((b, x) => (2.0 * x) + b, Two, Two, maxSteps: 5));
    }

    [Fact]
    public void LinearSystemsWithoutAMatrix()
    {
        // 2 y + a (y reversed) = b: y = (2 b − a (b reversed)) / (4 − a²).
        var b = Tensor.FromArray([1.0, 2.0]);
        Tensor Apply(Tensor a, Tensor y) => (2.0 * y) + (a * y.Flip(0));
        Tensor Gmres(Tensor a) => Diff.LinearSolve(y => Apply(a, y), b).Slice(0, 0, 1).Sum();
        Tensor Gradients(Tensor a) => Diff.ConjugateGradient(y => Apply(a, y), b).Slice(0, 0, 1).Sum();
        Tensor Implicit(Tensor a) => Diff.ImplicitRootMatrixFree((c, y) => Apply(c, y) - b, c => Diff.LinearSolve(y => Apply(c, y), b), a).Slice(0, 0, 1).Sum();
        var half = Tensor.Scalar(0.5);

        foreach (Func<Tensor, Tensor> f in (Func<Tensor, Tensor>[])[Gmres, Gradients, Implicit])
        {
            Assert.Equal(1.0 / 3.75, f(half).Item(), 1e-10);
            Assert.Equal((-2.0 / 3.75) + (1.0 / (3.75 * 3.75)), Diff.Grad(f, half).Item(), 1e-9);
        }
    }
}
