using System.Threading;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Code for loops that are used much.</summary>
public sealed class ExpressionCompilerTests
{
    [Fact]
    public void ALoopThatIsUsedMuchGetsCodeAndKeepsItsBits()
    {
        int n = 1000;
        double[] x = TestData.Normal(new(1), n), before = new double[n], after = new double[n];
        FusedStep step = new(
            [n],
            [new(0, 0, null, 0), new(-1, 0, null, 0.3)],
            [new(TileOp.Mul, 2, 0, 0, 0), new(TileOp.Sub, 2, 1, 2, 0), new(TileOp.Mul, 2, 2, 0, 0)],
            [new(2, 1)]);
        Plan plan = new(new PlanSpec([step], [0, 0], 2, [], [], [], 0));
        plan.Run([x, before], []);
        Assert.False(step.IsCompiled);
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    plan.Run([x, after], []);
                    return step.IsCompiled;
                },
                30_000),
            "no code after half a minute of use");
        plan.Run([x, after], []);
        Assert.Equal(before, after);
    }
}
