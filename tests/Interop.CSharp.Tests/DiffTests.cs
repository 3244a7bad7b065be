using System;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Functions of one tensor, against closed forms.</summary>
public class DiffTests
{
    private static readonly Tensor X = Tensor.FromArray(0.3, -1.2, 2.0);
    private static readonly Tensor V = Tensor.FromArray(1.0, 0.5, -2.0);

    /// <summary>x₀²x₁ + e^{x₂}: gradient (2x₀x₁, x₀², e^{x₂}), Hessian [[2x₁, 2x₀, 0], [2x₀, 0, 0], [0, 0, e^{x₂}]].</summary>
    private static Tensor F(Tensor x) => x[0] * x[0] * x[1] + x[2].Exp();

    private static double[] GradientOfF(double[] x) => [2 * x[0] * x[1], x[0] * x[0], Math.Exp(x[2])];

    private static double[] HessianOfF(double[] x) => [2 * x[1], 2 * x[0], 0, 2 * x[0], 0, 0, 0, 0, Math.Exp(x[2])];

    private static readonly double[] Values = X.ToArray();

    [Fact]
    public void GradAndValueAndGrad()
    {
        Near.Equal(GradientOfF(Values), Diff.Grad(F, X));
        Near.Equal(GradientOfF(Values), Diff.Grad(F)(X));
        var (value, gradient) = Diff.ValueAndGrad(F, X);
        Near.Equal(F(X), value);
        Near.Equal(GradientOfF(Values), gradient);
        Near.Equal(GradientOfF(Values), Diff.ValueAndGrad(F)(X).Gradient);
    }

    [Fact]
    public void ForwardReverseAndLinearizeAgreeWithTheGradient()
    {
        var slope = GradientOfF(Values).Zip(V.ToArray(), (g, v) => g * v).Sum();
        Near.Equal(slope, Diff.Jvp(F, X, V).Tangent);
        Near.Equal(F(X), Diff.Jvp(F, X, V).Value);
        var (value, derivative) = Diff.Linearize(F, X);
        Near.Equal(F(X), value);
        Near.Equal(slope, derivative(V));
        var (_, pullback) = Diff.Vjp(F, X);
        Near.Equal([.. GradientOfF(Values).Select(g => 3.0 * g)], pullback(Tensor.Scalar(3.0)));
    }

    [Fact]
    public void HessianAndItsProducts()
    {
        var hessian = HessianOfF(Values);
        Assert.Equal([3, 3], Diff.Hessian(F, X).Shape);
        Near.Equal(hessian, Diff.Hessian(F, X));
        Near.Equal(hessian, Diff.Hessian(F)(X));
        Near.Equal(Tensor.FromArray([3, 3], hessian).MatMul(V), Diff.Hvp(F, X, V));
        Near.Equal(hessian[0] + hessian[4] + hessian[8], Diff.Laplacian(F, X));
        Near.Equal(hessian, Diff.Jacobian(Diff.Grad(F), X));
    }

    [Fact]
    public void JacobiansAgree()
    {
        static Tensor G(Tensor x) => Tensor.Stack(0, x[0] * x[1], x[2].Sin());
        double[] expected = [Values[1], Values[0], 0, 0, 0, Math.Cos(Values[2])];
        Assert.Equal([2, 3], Diff.Jacobian(G, X).Shape);
        Near.Equal(expected, Diff.Jacobian(G, X));
        Near.Equal(expected, Diff.Jacobian(G)(X));
        Near.Equal(expected, Diff.JacFwd(G, X));
        Near.Equal(expected, Diff.JacRev(G, X));
    }

    [Fact]
    public void JetAndDerivativeOfHighOrder()
    {
        var jet = Diff.Jet(8, x => (2.0 * x).Exp(), Tensor.Scalar(0.3), Tensor.Scalar(1.0));
        Assert.Equal(9, jet.Length);

        for (var k = 0; k <= 8; k++)
        {
            Near.Equal(Math.Pow(2, k) * Math.Exp(0.6), jet[k]);
        }

        Near.Equal(-Math.Sin(0.4), Diff.Derivative(6, x => x.Sin(), Tensor.Scalar(0.4)));
        Near.Equal(Math.Cos(0.4), Diff.Derivative(1, Diff.Grad(x => -x.Cos()), Tensor.Scalar(0.4)));
    }

    [Fact]
    public void VMapIsAStackOfCalls()
    {
        var xs = RandomKey.FromSeed(1).Normal(5, 3);
        var rows = Enumerable.Range(0, 5).Select(i => Diff.Grad(F, xs[i])).ToArray();
        Near.Equal(Tensor.Stack(0, rows), Diff.VMap(Diff.Grad(F), xs));
        Near.Equal(Tensor.Stack(0, rows), Diff.VMap(Diff.Grad(F))(xs));
        Near.Equal(Tensor.Stack(1, rows), Diff.VMap(Diff.Grad(F), xs.Transpose(), 1, 1));
    }

    [Fact]
    public void CompileIntoWritesIntoTheArray()
    {
        var f = Diff.CompileInto(x => Diff.Grad(y => (y * y).Sum(), x));
        var target = new double[2];
        f(Tensor.FromArray(1.0, -3.0), target);
        Assert.Equal([2.0, -6.0], target);
        Assert.Contains("give an array of that length", Assert.Throws<HesseException>(() => f(Tensor.FromArray(1.0, 2.0, 3.0), target)).Message);
    }

    [Fact]
    public void CompileStagedKeepsWhatTheFirstArgumentDecides()
    {
        var product = Diff.CompileStaged((x, v) => Diff.Hvp(y => (y * y * y).Sum(), x, v));
        var at = product(Tensor.FromArray(1.0, 2.0));
        Assert.Equal([6.0, 0.0], at(Tensor.FromArray(1.0, 0.0)).ToArray());
        Assert.Equal([0.0, 12.0], at(Tensor.FromArray(0.0, 1.0)).ToArray());
    }

    [Fact]
    public void CompileTracesOncePerShape()
    {
        var calls = 0;
        var f = Diff.Compile(x =>
        {
            calls++;
            return (x * x).Sum();
        });
        Near.Equal(5, f(Tensor.FromArray(1.0, 2.0)));
        Near.Equal(25, f(Tensor.FromArray(3.0, 4.0)));
        Assert.Equal(1, calls);
        Near.Equal(3, f(Tensor.Ones(3)));
        Assert.Equal(2, calls);
        Near.Equal([2, 4], Diff.Grad(f, Tensor.FromArray(1.0, 2.0)));
    }

    [Fact]
    public void PlanIsATable()
    {
        PlanTable plan = Diff.Plan(F, X);
        Assert.Equal(plan.ToString(), Diff.Explain(F, X));
        Assert.Equal(plan.Steps, plan.Rows.Count);
        Assert.Equal(plan.Flops, plan.Rows.Sum(r => r.Flops));
        Assert.Equal(plan.Flops, Diff.Plan(x => F(x[0]), [X]).Flops);
        Assert.Equal(plan.Flops, Diff.Plan<Tensor, Tensor>(F, X).Flops);
    }

    [Fact]
    public void ExplainCountsWork() => Assert.Contains("FLOPs", Diff.Explain(F, X), StringComparison.Ordinal);

    [Fact]
    public void InnerAndOuterVariablesAreNotConfused() =>
        // d/dx [x · d/dy (x + y)] = d/dx [x · 1] = 1.
        Near.Equal(1, Diff.Grad(x => x * Diff.Grad(y => x + y, Tensor.Scalar(1.0)), Tensor.Scalar(1.0)));

    [Fact]
    public void ANonScalarLossIsExplained()
    {
        var error = Assert.Throws<HesseException>(() => Diff.Grad(x => x * x, X));
        Assert.Contains("expected a scalar output", error.Message, StringComparison.Ordinal);
        Assert.Throws<HesseException>(() => Diff.Jet(-1, F, X, V));
        Assert.Throws<HesseException>(() => Diff.Jvp(F, X, Tensor.Ones(2)));
        Assert.Throws<HesseException>(() => Diff.Grad(_ => (Tensor)null!, X));
    }

    [Fact]
    public void TheRuleOfACustomDerivativeIsWhatIsUsed()
    {
        // Three times the true derivative can only come from the rule.
        Func<Tensor, Tensor> own = Diff.CustomDerivative(x => x.Sin(), (x, _, dx) => 3 * x.Cos() * dx);
        Func<Tensor, Tensor> back = Diff.CustomPullback(x => x.Sin(), (x, _, ct) => 3 * x.Cos() * ct);
        Tensor x = Tensor.FromArray([0.5, -1.0]);
        Near.Equal(x.Sin(), own(x));
        Near.Equal(3 * x.Cos(), Diff.Grad(t => own(t).Sum(), x));
        Near.Equal(3 * x.Cos(), Diff.Grad(t => back(t).Sum(), x));
        Near.Equal(3 * x.Cos() * x, Diff.Jvp(back, x, x).Tangent);
    }
}
