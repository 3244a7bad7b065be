using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Every micro-operation against its scalar reference.</summary>
public sealed unsafe class TileKernelsTests
{
    private static readonly double[] Special =
    [
        0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, 1e-300, -1e-300, 5e-324, -5e-324, 1e300, -1e300, 709, -709, 745, 0.1, 22, -22, 100,
        double.PositiveInfinity, double.NegativeInfinity, double.NaN, Math.PI, -Math.PI, 1.5, -1.5, 2.5, 1e16, -1e16,
    ];

    public static TheoryData<TileOp> All => new(Enum.GetValues<TileOp>());

    [Theory]
    [MemberData(nameof(All))]
    public void AllLengthsMatchTheScalarReferenceAndStayInside(TileOp op)
    {
        Random random = new(5);
        for (int n = 0; n <= 70; n++)
        {
            double[] a = Draw(random, n, op), b = Draw(random, n, op), c = Draw(random, n, op);
            double[] d = new double[n + 2];
            d[n] = d[n + 1] = 77;
            Run(op, a, b, c, d, n);
            for (int i = 0; i < n; i++)
            {
                Close(op, a[i], b[i], c[i], d[i]);
            }

            Assert.Equal(77, d[n]);
            Assert.Equal(77, d[n + 1]);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void SpecialValuesMatchTheScalarReference(TileOp op)
    {
        foreach (double y in Special)
        {
            double[] b = new double[Special.Length];
            Array.Fill(b, y);
            double[] c = [.. Special];
            double[] d = new double[Special.Length];
            Run(op, Special, b, c, d, d.Length);
            for (int i = 0; i < d.Length; i++)
            {
                Close(op, Special[i], b[i], c[i], d[i]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void TheResultMayReplaceAnOperand(TileOp op)
    {
        Random random = new(9);
        const int N = 45;
        double[] a = Draw(random, N, op), b = Draw(random, N, op), c = Draw(random, N, op);
        double[] expected = new double[N];
        Run(op, a, b, c, expected, N);
        for (int target = 0; target < TileKernels.Arity(op); target++)
        {
            double[][] x = [[.. a], [.. b], [.. c]];
            Run(op, x[0], x[1], x[2], x[target], N);
            Assert.Equal(expected, x[target]);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void AValueDoesNotDependOnItsPosition(TileOp op)
    {
        for (int position = 0; position < 19; position++)
        {
            double[] a = new double[19], b = new double[19], c = new double[19], d = new double[19];
            Array.Fill(a, 0.7);
            Array.Fill(b, 1.3);
            Array.Fill(c, -2.2);
            Run(op, a, b, c, d, 19);
            Assert.Equal(d[0], d[position]);
        }
    }

    [Fact]
    public void UniformPowersUseTheSameValues()
    {
        double[] a = [.. Special];
        foreach (double exponent in (double[])[1, 2, 3, -1, 0.5, 0])
        {
            double[] b = new double[a.Length], d = new double[a.Length];
            Array.Fill(b, exponent);
            Run(TileOp.Pow, a, b, b, d, a.Length);
            for (int i = 0; i < a.Length; i++)
            {
                Close(TileOp.Pow, a[i], exponent, 0, d[i]);
            }
        }
    }

    [Fact]
    public void AnUnknownOperationIsNamed()
    {
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => TileKernels.Arity((TileOp)99));
        Assert.Contains("unknown operation", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => TileKernels.Eval((TileOp)99, 0, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => TileKernels.Run((TileOp)99, null, null, null, null, 0));
    }

    private static double[] Draw(Random random, int n, TileOp op)
    {
        double[] x = new double[n];
        for (int i = 0; i < n; i++)
        {
            double value = (random.NextDouble() * 8) - 4;
            x[i] = op is TileOp.Log or TileOp.Sqrt or TileOp.Pow ? Math.Abs(value)
                : op is TileOp.Equal or TileOp.Greater or TileOp.GreaterEqual or TileOp.Select ? Math.Round(value / 2)
                : value;
        }

        return x;
    }

    private static void Run(TileOp op, double[] a, double[] b, double[] c, double[] d, int n)
    {
        fixed (double* pa = a, pb = b, pc = c, pd = d)
        {
            TileKernels.Run(op, pa, pb, pc, pd, n);
        }
    }

    private static void Close(TileOp op, double a, double b, double c, double actual)
    {
        double expected = TileKernels.Eval(op, a, b, c);
        bool exact = op is not (TileOp.Exp or TileOp.Expm1 or TileOp.Log or TileOp.Log1p or TileOp.Sin or TileOp.Cos or TileOp.Tanh
            or TileOp.Sigmoid or TileOp.Erf or TileOp.Softplus);
        double tolerance = exact || !double.IsFinite(expected) ? 0 : (2e-15 * Math.Abs(expected)) + 5e-324;
        Assert.True(
            actual.Equals(expected) || Math.Abs(actual - expected) <= tolerance,
            $"{op}({a:R}, {b:R}, {c:R}) = {actual:R}, expected {expected:R}");
    }
}
