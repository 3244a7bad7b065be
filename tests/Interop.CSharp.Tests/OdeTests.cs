using System;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Differential equations from C#.</summary>
public class OdeTests
{
    private sealed record Ball(Tensor Height, Tensor Speed);

    [Fact]
    public void ASolutionIsThatOfTheClosedFormAndSoIsItsGradient()
    {
        Tensor times = Tensor.FromArray([0, 0.5, 2]);
        Tensor Decay(Tensor rate) => Ode.Solve((Tensor _, Tensor y) => -rate * y, Tensor.Scalar(3), times, 1e-10, 1e-12);
        double[] states = Decay(Tensor.Scalar(0.7)).ToArray();
        Assert.All(times.ToArray().Zip(states), p => Assert.Equal(3 * Math.Exp(-0.7 * p.First), p.Second, 8));
        double slope = Diff.Grad((Tensor k) => Decay(k).Sum())(Tensor.Scalar(0.7)).Item();
        Assert.Equal(times.ToArray().Sum(t => -3 * t * Math.Exp(-0.7 * t)), slope, 7);
    }

    [Fact]
    public void ABallLandsWhenItMust()
    {
        Tensor gravity = Tensor.Scalar(-9.81);
        var (time, state, found) = Ode.UntilEvent(
            (_, ball) => new Ball(ball.Speed, gravity),
            (_, ball) => ball.Height,
            new Ball(Tensor.Scalar(2), Tensor.Scalar(0)),
            Tensor.Scalar(0),
            Tensor.Scalar(10));
        Assert.Equal(1, found.Item());
        Assert.Equal(Math.Sqrt(4 / 9.81), time.Item(), 9);
        Assert.Equal(-Math.Sqrt(4 * 9.81), state.Speed.Item(), 8);
    }
}
