using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Loops, branches and checkpoints from C#.</summary>
public class LoopTests
{
    private sealed record Weights(Tensor A, Tensor B);

    private static Tensor Vector(params double[] xs) => Tensor.FromArray(xs);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AScanRunsOverTreesInEitherDirection(bool reverse)
    {
        double[] xs = [1, 2, 3, 4];
        var (carry, results) = Diff.Scan(
            (Weights w, Tensor x) => (new Weights(w.A + x, w.B * x), new List<Tensor> { w.A * x }),
            new Weights(Tensor.Scalar(0), Tensor.Scalar(1)),
            Vector(xs),
            reverse);
        Assert.Equal(10, carry.A.Item());
        Assert.Equal(24, carry.B.Item());
        double[] sums = reverse ? [9, 14, 12, 0] : [0, 2, 9, 24];
        Assert.Equal(sums, results.Single().ToArray());
    }

    [Fact]
    public void DerivativesGoThroughIterationsWithAndWithoutSnapshots()
    {
        static Tensor Run(Tensor x, params int[] snapshots) => Diff.Iterate(10, (Tensor c) => (c * x).Sin(), x, snapshots);
        Tensor at = Tensor.Scalar(0.9);
        double expected = Diff.Grad((Tensor x) => Enumerable.Range(0, 10).Aggregate(x, (c, _) => (c * x).Sin()))(at).Item();
        Assert.Equal(expected, Diff.Grad((Tensor x) => Run(x))(at).Item(), 14);
        Assert.Equal(expected, Diff.Grad((Tensor x) => Run(x, 3))(at).Item(), 14);
    }

    [Fact]
    public void WhileLoopsEndWhenTheirConditionDoes()
    {
        Tensor limit = Tensor.Scalar(20);
        Assert.Equal(32, Diff.WhileLoop(c => c.Less(limit), (Tensor c) => 2 * c, Tensor.Scalar(1)).Item());
        var (carry, steps) = Diff.BoundedWhile(3, c => c.Less(limit), (Tensor c) => 2 * c, Tensor.Scalar(1));
        Assert.Equal(8, carry.Item());
        Assert.Equal(3, steps.Item());
    }

    [Fact]
    public void ABranchIsTakenByItsPredicate()
    {
        var f = Diff.Compile((Tensor x) => Diff.Cond(x.Greater(Tensor.Scalar(0)), (Tensor y) => y * y, y => -y, x));
        Assert.Equal(9, f(Tensor.Scalar(3)).Item());
        Assert.Equal(2, f(Tensor.Scalar(-2)).Item());
    }

    [Fact]
    public void ACheckpointChangesNoDerivative()
    {
        static Tensor F(Tensor x) => (x * x).Sin().Sum();
        Tensor at = Vector(0.3, -1.2);
        Assert.Equal(Diff.Grad(F)(at).ToArray(), Diff.Grad(Diff.Checkpoint<Tensor, Tensor>(F))(at).ToArray());
    }
}
