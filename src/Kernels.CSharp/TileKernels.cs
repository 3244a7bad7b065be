using System;

namespace Hesse.Kernels;

/// <summary>The elementwise kernels: each micro-operation over contiguous runs of float64.</summary>
public static unsafe class TileKernels
{
    /// <summary>Number of operands of an operation.</summary>
    /// <param name="op">The operation.</param>
    /// <returns>1, 2 or 3.</returns>
    public static int Arity(TileOp op) => op switch
    {
        TileOp.Select => 3,
        >= TileOp.Add and <= TileOp.Equal => 2,
        >= TileOp.Copy and <= TileOp.Widen => 1,
        _ => throw Unknown(op),
    };

    /// <summary>dst[i] = op(a[i], b[i], c[i]) for i in [0, n).</summary>
    /// <param name="op">The operation.</param>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand; may be null for unary operations.</param>
    /// <param name="c">Third operand; may be null except for <see cref="TileOp.Select"/>.</param>
    /// <param name="dst">Result; may be exactly a, b or c, but must not overlap them otherwise.</param>
    /// <param name="n">Number of elements.</param>
    public static void Run(TileOp op, double* a, double* b, double* c, double* dst, int n)
    {
        switch (op)
        {
            case TileOp.Copy:
            case TileOp.Widen:
                Memory.Copy(a, dst, n);
                break;
            case TileOp.Narrow:
                SingleConversion.Round(a, dst, n);
                break;
            case TileOp.Neg:
                ElementwiseLoop.Run<NegateOp>(a, b, c, dst, n);
                break;
            case TileOp.Exp:
                ElementwiseLoop.Run<ExpOp>(a, b, c, dst, n);
                break;
            case TileOp.Expm1:
                ElementwiseLoop.Run<Expm1Op>(a, b, c, dst, n);
                break;
            case TileOp.Log:
                ElementwiseLoop.Run<LogOp>(a, b, c, dst, n);
                break;
            case TileOp.Log1p:
                ElementwiseLoop.Run<Log1pOp>(a, b, c, dst, n);
                break;
            case TileOp.Sqrt:
                ElementwiseLoop.Run<SquareRootOp>(a, b, c, dst, n);
                break;
            case TileOp.Tanh:
                ElementwiseLoop.Run<TanhOp>(a, b, c, dst, n);
                break;
            case TileOp.Sigmoid:
                ElementwiseLoop.Run<SigmoidOp>(a, b, c, dst, n);
                break;
            case TileOp.Erf:
                ElementwiseLoop.Run<ErfOp>(a, b, c, dst, n);
                break;
            case TileOp.Abs:
                ElementwiseLoop.Run<AbsoluteOp>(a, b, c, dst, n);
                break;
            case TileOp.Sign:
                ElementwiseLoop.Run<SignOp>(a, b, c, dst, n);
                break;
            case TileOp.Floor:
                ElementwiseLoop.Run<FloorOp>(a, b, c, dst, n);
                break;
            case TileOp.Add:
                ElementwiseLoop.Run<AddOp>(a, b, c, dst, n);
                break;
            case TileOp.Sub:
                ElementwiseLoop.Run<SubtractOp>(a, b, c, dst, n);
                break;
            case TileOp.Mul:
                ElementwiseLoop.Run<MultiplyOp>(a, b, c, dst, n);
                break;
            case TileOp.Div:
                ElementwiseLoop.Run<DivideOp>(a, b, c, dst, n);
                break;
            case TileOp.Max:
                ElementwiseLoop.Run<MaximumOp>(a, b, c, dst, n);
                break;
            case TileOp.Min:
                ElementwiseLoop.Run<MinimumOp>(a, b, c, dst, n);
                break;
            case TileOp.Greater:
                ElementwiseLoop.Run<GreaterOp>(a, b, c, dst, n);
                break;
            case TileOp.GreaterEqual:
                ElementwiseLoop.Run<GreaterEqualOp>(a, b, c, dst, n);
                break;
            case TileOp.Equal:
                ElementwiseLoop.Run<EqualOp>(a, b, c, dst, n);
                break;
            case TileOp.Select:
                ElementwiseLoop.Run<SelectOp>(a, b, c, dst, n);
                break;
            case TileOp.Sin:
                ElementwiseLoop.Run<SinOp>(a, b, c, dst, n);
                break;
            case TileOp.Cos:
                ElementwiseLoop.Run<CosOp>(a, b, c, dst, n);
                break;
            case TileOp.Softplus:
                ElementwiseLoop.Run<SoftplusOp>(a, b, c, dst, n);
                break;
            case >= TileOp.Erfc and <= TileOp.LogGamma or TileOp.Atan2 or TileOp.Polygamma:
                OneByOne(op, a, b, dst, n);
                break;
            case TileOp.Pow:
                Power(a, b, dst, n);
                break;
            default:
                throw Unknown(op);
        }
    }

    /// <summary>Rough nanoseconds for an element.</summary>
    internal static double Time(TileOp op) => op switch
    {
        TileOp.Exp or TileOp.Expm1 or TileOp.Log or TileOp.Log1p or TileOp.Tanh or TileOp.Sigmoid or TileOp.Sin or TileOp.Cos => 1,
        TileOp.Erf or TileOp.Softplus => 2,
        TileOp.Div or TileOp.Sqrt => 0.4,
        TileOp.Pow or TileOp.Atan2 or (>= TileOp.Erfc and <= TileOp.LogGamma) => 20,
        TileOp.Polygamma => 100,
        _ => 0.1,
    };

    /// <summary>The operation on one element.</summary>
    /// <param name="op">The operation.</param>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand; ignored by unary operations.</param>
    /// <param name="c">Third operand; ignored except by <see cref="TileOp.Select"/>.</param>
    /// <returns>The value.</returns>
    public static double Eval(TileOp op, double a, double b, double c) => op switch
    {
        TileOp.Copy or TileOp.Widen => a,
        TileOp.Narrow => (float)a,
        TileOp.Neg => -a,
        TileOp.Exp => Math.Exp(a),
        TileOp.Expm1 => ScalarFunctions.Expm1(a),
        TileOp.Log => Math.Log(a),
        TileOp.Log1p => ScalarFunctions.Log1p(a),
        TileOp.Sqrt => Math.Sqrt(a),
        TileOp.Sin => Math.Sin(a),
        TileOp.Cos => Math.Cos(a),
        TileOp.Tanh => Math.Tanh(a),
        TileOp.Sigmoid => ScalarFunctions.Sigmoid(a),
        TileOp.Erf => ScalarFunctions.Erf(a),
        TileOp.Erfc => ErrorFunctions.Erfc(a),
        TileOp.Erfcx => ErrorFunctions.Erfcx(a),
        TileOp.LogNormalCdf => ErrorFunctions.LogNormalCdf(a),
        TileOp.Softplus => Math.Max(a, 0) + ScalarFunctions.Log1p(Math.Exp(-Math.Abs(a))),
        TileOp.Sinh => Math.Sinh(a),
        TileOp.Cosh => Math.Cosh(a),
        TileOp.Asin => Math.Asin(a),
        TileOp.Acos => Math.Acos(a),
        TileOp.Atan => Math.Atan(a),
        TileOp.Asinh => Math.Asinh(a),
        TileOp.Acosh => Math.Acosh(a),
        TileOp.Atanh => Math.Atanh(a),
        TileOp.Cbrt => Math.Cbrt(a),
        TileOp.LogGamma => GammaFunctions.LogGamma(a),
        TileOp.Abs => Math.Abs(a),
        TileOp.Sign => a > 0 ? 1.0 : a < 0 ? -1.0 : a,
        TileOp.Floor => Math.Floor(a),
        TileOp.Add => a + b,
        TileOp.Sub => a - b,
        TileOp.Mul => a * b,
        TileOp.Div => a / b,
        TileOp.Pow => Math.Pow(a, b),
        TileOp.Atan2 => Math.Atan2(a, b),
        TileOp.Polygamma => GammaFunctions.Polygamma(a, b),
        TileOp.Max => Math.Max(a, b),
        TileOp.Min => Math.Min(a, b),
        TileOp.Greater => a > b ? 1.0 : 0.0,
        TileOp.GreaterEqual => a >= b ? 1.0 : 0.0,
        TileOp.Equal => a == b ? 1.0 : 0.0,
        TileOp.Select => a != 0 ? b : c,
        _ => throw Unknown(op),
    };

    /// <summary>Functions without a vector form: the scalar one, element by element.</summary>
    private static void OneByOne(TileOp op, double* a, double* b, double* dst, int n)
    {
        double* second = Arity(op) == 2 ? b : a;
        for (int i = 0; i < n; i++)
        {
            dst[i] = Eval(op, a[i], second[i], 0);
        }
    }

    /// <summary>Powers with a uniform small exponent become products; others use the scalar function.</summary>
    private static void Power(double* a, double* b, double* dst, int n)
    {
        double exponent = n == 0 ? 1 : b[0];
        bool uniform = !new ReadOnlySpan<double>(b, n).ContainsAnyExcept(exponent);
        if (uniform && exponent == 1)
        {
            Memory.Copy(a, dst, n);
        }
        else if (uniform && exponent == 2)
        {
            ElementwiseLoop.Run<MultiplyOp>(a, a, null, dst, n);
        }
        else
        {
            for (int i = 0; i < n; i++)
            {
                dst[i] = Math.Pow(a[i], b[i]);
            }
        }
    }

    private static ArgumentOutOfRangeException Unknown(TileOp op) =>
        new(nameof(op), op, "TileKernels: unknown operation; pass a member of TileOp.");
}
