using System;
using System.Runtime.Intrinsics;
using Xunit;
using Xunit.Abstractions;

namespace Hesse.Kernels.Tests;

/// <summary>Accuracy of the vectorised functions, in units in the last place, and their special values, for every width.</summary>
public sealed unsafe class VectorFunctionTests(ITestOutputHelper output)
{
    private const int Samples = 20_000;

    public static TheoryData<TileOp, double, double, double> Cases => new()
    {
        { TileOp.Exp, -5.0, 5.0, 1.0 },
        { TileOp.Exp, -700.0, 700.0, 1.0 },
        { TileOp.Expm1, -1.0, 1.0, 2.0 },
        { TileOp.Expm1, -1e-5, 1e-5, 2.0 },
        { TileOp.Expm1, -36.0, 700.0, 2.0 },
        { TileOp.Tanh, -1.0, 1.0, 2.5 },
        { TileOp.Tanh, -25.0, 25.0, 2.5 },
        { TileOp.Tanh, -1e-8, 1e-8, 2.0 },
        { TileOp.Sigmoid, -40.0, 40.0, 2.0 },
        { TileOp.Sigmoid, -690.0, 5.0, 2.0 },
        { TileOp.Log, 0.0, 2.0, 1.0 },
        { TileOp.Log, 0.9, 1.1, 1.0 },
        { TileOp.Log, 0.0, 1e300, 1.0 },
        { TileOp.Log1p, -1.0, 1.0, 2.0 },
        { TileOp.Log1p, -1e-9, 1e-9, 2.0 },
        { TileOp.Log1p, 0.0, 1e10, 2.0 },
        { TileOp.Erf, -1.1, 1.1, 2.0 },
        { TileOp.Erf, -6.5, 6.5, 2.0 },
        { TileOp.Erf, -1e-12, 1e-12, 2.0 },
        { TileOp.Sin, -4.0, 4.0, 1.0 },
        { TileOp.Sin, -1000.0, 1000.0, 1.0 },
        { TileOp.Cos, -4.0, 4.0, 1.0 },
        { TileOp.Cos, -1000.0, 1000.0, 1.0 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void ErrorIsBelowTheStatedBound(TileOp op, double low, double high, double bound)
    {
        Random random = new(17);
        double[] x = new double[Samples];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = low + ((high - low) * random.NextDouble());
        }

        foreach (int width in (int[])[512, 256, 128])
        {
            double[] y = new double[Samples];
            Run(op, width, x, y);
            double worst = 0, at = 0;
            for (int i = 0; i < x.Length; i++)
            {
                double error = Reference(op, x[i]).UlpsTo(y[i]);
                if (!(error <= worst))
                {
                    (worst, at) = (error, x[i]);
                }
            }

            output.WriteLine($"{op} width {width}: {worst:F3} ulp at {at:R}");
            Assert.True(worst <= bound, $"{op} on [{low}, {high}], width {width}: {worst} ulp at {at:R}");
        }
    }

    [Fact]
    public void SinAndCosAgreeWithTheScalarFunctionsFarOut()
    {
        Random random = new(3);
        double[] x = new double[4000];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = Math.Pow(10, 3 + (12 * random.NextDouble())) * (i % 2 == 0 ? 1 : -1);
        }

        foreach (TileOp op in (TileOp[])[TileOp.Sin, TileOp.Cos])
        {
            double[] y = new double[x.Length];
            Run(op, 256, x, y);
            for (int i = 0; i < x.Length; i++)
            {
                double expected = op == TileOp.Sin ? Math.Sin(x[i]) : Math.Cos(x[i]);
                Assert.Equal(expected, y[i], Math.Abs(expected) * 5e-16);
            }
        }
    }

    [Theory]
    [InlineData(TileOp.Exp, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 710, -746, 709.78 }, new[] { double.NaN, double.PositiveInfinity, 0, 1, 1, double.PositiveInfinity, 0, 1.7928227943945155E+308 })]
    [InlineData(TileOp.Expm1, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 710, 5e-324, -5e-324 }, new[] { double.NaN, double.PositiveInfinity, -1, 0, -0.0, double.PositiveInfinity, 5e-324, -5e-324 })]
    [InlineData(TileOp.Tanh, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 5e-324, -1e300, 1e-310 }, new[] { double.NaN, 1, -1, 0, -0.0, 5e-324, -1, 1e-310 })]
    [InlineData(TileOp.Sigmoid, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 800, -800 }, new[] { double.NaN, 1, 0, 0.5, 0.5, 1, 0 })]
    [InlineData(TileOp.Log, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, -1, 1, 5e-324 }, new[] { double.NaN, double.PositiveInfinity, double.NaN, double.NegativeInfinity, double.NegativeInfinity, double.NaN, 0, -744.4400719213812 })]
    [InlineData(TileOp.Log1p, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, -1, -2, 5e-324, 1e300 }, new[] { double.NaN, double.PositiveInfinity, double.NaN, 0, -0.0, double.NegativeInfinity, double.NaN, 5e-324, 690.7755278982137 })]
    [InlineData(TileOp.Erf, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 7, -1e300, 5e-324 }, new[] { double.NaN, 1, -1, 0, -0.0, 1, -1, 5e-324 })]
    [InlineData(TileOp.Sin, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 5e-324 }, new[] { double.NaN, double.NaN, double.NaN, 0, -0.0, 5e-324 })]
    [InlineData(TileOp.Cos, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 5e-324 }, new[] { double.NaN, double.NaN, double.NaN, 1, 1, 1 })]
    [InlineData(TileOp.Sign, new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 5e-324 }, new[] { double.NaN, 1, -1, 0, -0.0, 1 })]
    public void SpecialValuesAreRight(TileOp op, double[] x, double[] expected)
    {
        foreach (int width in (int[])[512, 256, 128])
        {
            double[] y = new double[x.Length];
            Run(op, width, x, y);
            for (int i = 0; i < x.Length; i++)
            {
                double tolerance = double.IsFinite(expected[i]) ? 3e-16 * Math.Abs(expected[i]) : 0;
                Assert.True(
                    y[i].Equals(expected[i]) || Math.Abs(y[i] - expected[i]) <= tolerance,
                    $"{op}({x[i]:R}) = {y[i]:R}, expected {expected[i]:R}, width {width}");
                Assert.True(double.IsNaN(y[i]) || double.IsNegative(y[i]) == double.IsNegative(expected[i]), $"sign of {op}({x[i]:R})");
            }
        }
    }

    [Fact]
    public void ExpUnderflowsGradually()
    {
        double[] x = [-708.5, -720.25, -740.0, -744.0];
        double[] y = new double[x.Length];
        Run(TileOp.Exp, 256, x, y);
        for (int i = 0; i < x.Length; i++)
        {
            Assert.Equal(Math.Exp(x[i]), y[i], 5e-324);
        }
    }

    private static void Run(TileOp op, int width, double[] x, double[] y)
    {
        fixed (double* a = x, d = y)
        {
            switch (op)
            {
                case TileOp.Exp: Widths<ExpOp>(width, a, d, x.Length); break;
                case TileOp.Expm1: Widths<Expm1Op>(width, a, d, x.Length); break;
                case TileOp.Tanh: Widths<TanhOp>(width, a, d, x.Length); break;
                case TileOp.Sigmoid: Widths<SigmoidOp>(width, a, d, x.Length); break;
                case TileOp.Log: Widths<LogOp>(width, a, d, x.Length); break;
                case TileOp.Log1p: Widths<Log1pOp>(width, a, d, x.Length); break;
                case TileOp.Erf: Widths<ErfOp>(width, a, d, x.Length); break;
                case TileOp.Sin: Widths<SinOp>(width, a, d, x.Length); break;
                case TileOp.Cos: Widths<CosOp>(width, a, d, x.Length); break;
                case TileOp.Sign: Widths<SignOp>(width, a, d, x.Length); break;
                default: throw new ArgumentOutOfRangeException(nameof(op));
            }
        }
    }

    private static void Widths<TOp>(int width, double* a, double* d, int n)
        where TOp : struct, IElementwise
    {
        switch (width)
        {
            case 512: ElementwiseLoop.Run<TOp, Isa512, Vector512<double>>(a, null, null, d, n); break;
            case 256: ElementwiseLoop.Run<TOp, Isa256, Vector256<double>>(a, null, null, d, n); break;
            default: ElementwiseLoop.Run<TOp, Isa128, Vector128<double>>(a, null, null, d, n); break;
        }
    }

    private static DoubleDouble Reference(TileOp op, double x) => op switch
    {
        TileOp.Exp => DoubleDouble.Exp(x),
        TileOp.Expm1 => DoubleDouble.Expm1(x),
        TileOp.Tanh => DoubleDouble.Tanh(x),
        TileOp.Sigmoid => DoubleDouble.Sigmoid(x),
        TileOp.Log => DoubleDouble.Log(x),
        TileOp.Log1p => DoubleDouble.Log1p(x),
        TileOp.Erf => DoubleDouble.Erf(x),
        TileOp.Sin => DoubleDouble.Sin(x),
        TileOp.Cos => DoubleDouble.Cos(x),
        _ => throw new ArgumentOutOfRangeException(nameof(op)),
    };
}
