using System;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

public class TensorTests
{
    private static readonly Tensor Matrix = Tensor.FromArray([3, 4], [.. Enumerable.Range(0, 12).Select(i => (double)i)]);

    [Fact]
    public void FactoriesGiveShapesAndValues()
    {
        Near.Equal(2.5, Tensor.Scalar(2.5));
        Near.Equal([1, 2, 3], Tensor.FromArray(1.0, 2.0, 3.0));
        Assert.Equal([2, 3], Tensor.FromArray(new double[,] { { 1, 2, 3 }, { 4, 5, 6 } }).Shape);
        Near.Equal([0, 0, 0, 0], Tensor.Zeros(2, 2));
        Near.Equal([1, 1], Tensor.Ones(2));
        Near.Equal([7, 7], Tensor.Full(7.0, 2));
        Near.Equal([1, 0, 0, 1], Tensor.Eye(2));
        Near.Equal([0, 0.5, 1], Tensor.Linspace(0, 1, 3));
        Near.Equal([0, 1, 2], Tensor.Arange(3));
        Assert.Empty(Tensor.Ones().Shape);
    }

    [Fact]
    public void DataIsCopiedInAndOut()
    {
        double[] data = [1, 2];
        var t = Tensor.FromArray(data);
        data[0] = 9;
        t.ToArray()[1] = 9;
        Near.Equal([1, 2], t);
    }

    [Fact]
    public void PropertiesDescribeTheTensor()
    {
        Assert.Equal([3, 4], Matrix.Shape);
        Assert.Equal(2, Matrix.Rank);
        Assert.Equal(12, Matrix.Size);
        Assert.True(Matrix.IsConcrete);
        Assert.Equal(6.0, Matrix.ToArray2D()[1, 2]);
        Assert.Equal(6.0, Matrix[1, 2].Item());
        Assert.Contains("[3; 4]", Matrix.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void OperatorsTakeNumbersOnEitherSide()
    {
        var t = Tensor.FromArray(1.0, 2.0, 4.0);
        Near.Equal([2, 4, 8], t + t);
        Near.Equal([3, 4, 6], t + 2.0);
        Near.Equal([3, 4, 6], 2.0 + t);
        Near.Equal([0, 0, 0], t - t);
        Near.Equal([-1, 0, 2], t - 2.0);
        Near.Equal([1, 0, -2], 2.0 - t);
        Near.Equal([1, 4, 16], t * t);
        Near.Equal([2, 4, 8], t * 2.0);
        Near.Equal([2, 4, 8], 2.0 * t);
        Near.Equal([1, 1, 1], t / t);
        Near.Equal([0.5, 1, 2], t / 2.0);
        Near.Equal([2, 1, 0.5], 2.0 / t);
        Near.Equal([-1, -2, -4], -t);
        Near.Equal([3, 4], (t + 2.0 * Tensor.Ones(2, 1))[0][..2]);
    }

    [Fact]
    public void IndicesAndRangesFollowCSharp()
    {
        Near.Equal([4, 5, 6, 7], Matrix[1]);
        Near.Equal([8, 9, 10, 11], Matrix[^1]);
        Near.Equal([4, 5, 6, 7, 8, 9, 10, 11], Matrix[1..3]);
        Assert.Equal([2, 4], Matrix[..^1].Shape);
        Near.Equal([5, 6, 9, 10], Matrix[1..3, 1..3]);
        Near.Equal([5, 6], Matrix[1, 1..3]);
        Near.Equal([6, 7], Matrix[1, ^2..]);
        Near.Equal([1, 5, 9], Matrix[.., 1]);
        Near.Equal([7, 11], Matrix[1.., ^1]);
        Near.Equal(10, Matrix[^1, ^2]);
        Near.Equal([4, 6], Matrix[1].Slice(0, 0, 4, 2));
    }

    [Fact]
    public void RangesOutsideAreErrorsOfTheLibrary()
    {
        Assert.Throws<HesseException>(() => Matrix[3]);
        Assert.Throws<HesseException>(() => Matrix[-1]);
        Assert.Throws<HesseException>(() => Matrix[1..4]);
        Assert.Throws<HesseException>(() => Matrix[^4]);
        Assert.Throws<HesseException>(() => Matrix[2..1]);
        Assert.Throws<HesseException>(() => Tensor.Scalar(1.0)[0..1]);
        Assert.Throws<HesseException>(() => Tensor.Arange(3)[0..1, 0..1]);
    }

    [Fact]
    public void ElementwiseFunctionsAgreeWithMath()
    {
        double[] x = [0.3, 0.7, 1.9];
        var t = Tensor.FromArray(x);
        (Func<Tensor, Tensor> Ours, Func<double, double> Theirs)[] pairs =
        [
            (u => u.Exp(), Math.Exp),
            (u => u.Expm1(), v => Math.Exp(v) - 1.0),
            (u => u.Log(), Math.Log),
            (u => u.Log1p(), v => Math.Log(1.0 + v)),
            (u => u.Sqrt(), Math.Sqrt),
            (u => u.Sin(), Math.Sin),
            (u => u.Cos(), Math.Cos),
            (u => u.Tanh(), Math.Tanh),
            (u => u.Sigmoid(), v => 1.0 / (1.0 + Math.Exp(-v))),
            (u => (u - 1.0).Relu(), v => Math.Max(v - 1.0, 0.0)),
            (u => (u - 1.0).Abs(), v => Math.Abs(v - 1.0)),
            (u => (u - 1.0).Sign(), v => Math.Sign(v - 1.0)),
            (u => u.Floor(), Math.Floor),
            (u => u.Square(), v => v * v),
            (u => u.StopGradient(), v => v),
            (u => u.Pow(2.5), v => Math.Pow(v, 2.5)),
            (u => u.Pow(u), v => Math.Pow(v, v)),
            (u => u.Maximum(Tensor.Scalar(0.5)), v => Math.Max(v, 0.5)),
            (u => u.Minimum(Tensor.Scalar(0.5)), v => Math.Min(v, 0.5)),
            (u => u.Greater(Tensor.Scalar(0.7)), v => v > 0.7 ? 1.0 : 0.0),
            (u => u.GreaterEqual(Tensor.Scalar(0.7)), v => v >= 0.7 ? 1.0 : 0.0),
            (u => u.EqualTo(Tensor.Scalar(0.7)), v => v == 0.7 ? 1.0 : 0.0),
            (u => Tensor.Where(u.Greater(Tensor.Scalar(1.0)), u, -u), v => v > 1.0 ? v : -v),
        ];

        Assert.All(pairs, p => Near.Equal([.. x.Select(p.Theirs)], p.Ours(t), 1e-14));
        Near.Equal(0.3286267594591274, Tensor.Scalar(0.3).Erf(), 1e-14);
    }

    [Fact]
    public void SpecialFunctionsAgreeWithMathOrKnownValues()
    {
        double[] x = [0.3, 0.7, 0.9];
        var t = Tensor.FromArray(x);
        (Func<Tensor, Tensor> Ours, Func<double, double> Theirs)[] pairs =
        [
            (u => u.Tan(), Math.Tan),
            (u => u.Sinh(), Math.Sinh),
            (u => u.Cosh(), Math.Cosh),
            (u => u.Asin(), Math.Asin),
            (u => u.Acos(), Math.Acos),
            (u => u.Atan(), Math.Atan),
            (u => u.Atan2(Tensor.Scalar(-2.0)), v => Math.Atan2(v, -2.0)),
            (u => u.Asinh(), Math.Asinh),
            (u => (u + 1.0).Acosh(), v => Math.Acosh(v + 1.0)),
            (u => u.Atanh(), Math.Atanh),
            (u => u.Cbrt(), Math.Cbrt),
            (u => u.Reciprocal(), v => 1.0 / v),
            (u => u.Erfc() + u.Erf(), _ => 1.0),
            (u => u.Erfcx() / u.Erfc(), v => Math.Exp(v * v)),
            (u => u.NormalPdf(), v => Math.Exp(-v * v / 2) / Math.Sqrt(2 * Math.PI)),
            (u => u.NormalCdf() + (-u).NormalCdf(), _ => 1.0),
            (u => u.NormalLogCdf().Exp() - u.NormalCdf(), _ => 0.0),
            (u => (u + 1.0).LogGamma() - u.LogGamma(), Math.Log),
            (u => (u + 1.0).Digamma() - u.Digamma(), v => 1 / v),
            (u => (u + 1.0).Polygamma(1) - u.Polygamma(1), v => -1 / (v * v)),
            (u => u.Softplus(), v => Math.Log(1 + Math.Exp(v))),
            (u => u.LogSigmoid(), v => -Math.Log(1 + Math.Exp(-v))),
            (u => u.Silu(), v => v / (1 + Math.Exp(-v))),
            (u => u.Gelu() / u - u.NormalCdf(), _ => 0.0),
            (u => u.GeluTanh(), v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)))),
            (u => u.Clip(0.5, 0.8), v => Math.Clamp(v, 0.5, 0.8)),
            (u => u.Less(Tensor.Scalar(0.7)), v => v < 0.7 ? 1.0 : 0.0),
            (u => u.LessEqual(Tensor.Scalar(0.7)), v => v <= 0.7 ? 1.0 : 0.0),
            (u => u.NotEqualTo(Tensor.Scalar(0.7)), v => v != 0.7 ? 1.0 : 0.0),
            (u => (u / 0.0).IsFinite(), _ => 0.0),
            (u => (u * double.NaN).IsNaN(), _ => 1.0),
            (u => (u - 0.7).LogicalNot(), v => v == 0.7 ? 1.0 : 0.0),
            (u => u.LogicalAnd(u - 0.7), v => v != 0.7 ? 1.0 : 0.0),
            (u => (u * 0.0).LogicalOr(u - 0.7), v => v != 0.7 ? 1.0 : 0.0),
        ];

        Assert.All(pairs, p => Near.Equal([.. x.Select(p.Theirs)], p.Ours(t), 1e-13));
    }

    [Fact]
    public void ShapeFunctionsRearrange()
    {
        Assert.Equal([2, 6], Matrix.Reshape(2, -1).Shape);
        Assert.Equal([12], Matrix.Flatten().Shape);
        Assert.Equal([4, 3], Matrix.Transpose().Shape);
        Assert.Equal(7.0, Matrix.Permute(1, 0)[3, 1].Item());
        Assert.Equal([2, 3, 4], Matrix.BroadcastTo(2, 3, 4).Shape);
        Assert.Equal([3, 1, 4], Matrix.ExpandDims(1).Shape);
        Near.Equal(Matrix, Tensor.Concat(0, Matrix[..1], Matrix[1..]));
        Near.Equal(Matrix, Tensor.Stack(0, Matrix[0], Matrix[1], Matrix[2]));
        Near.Equal([3, 0, 7, 4, 11, 8], Matrix.Gather(1, Tensor.FromArray(3.0, 0.0)));
    }

    [Fact]
    public void RunningSumsAndOrder()
    {
        var t = Tensor.FromArray(2.0, -1.0, 3.0);
        Near.Equal([2, 1, 4], t.CumSum(0));
        Near.Equal([4, 2, 3], t.CumSumReverse(0));
        Near.Equal([2, -2, -6], t.CumProd(0));
        Near.Equal([-6, -3, 3], t.CumProdReverse(0));
        Near.Equal([3, -1, 2], t.Flip(0));
        Near.Equal([-1, 2, 3], t.Sort(0));
        Near.Equal([3, 2, -1], t.SortDescending(0));
        Near.Equal([1, 0, 2], t.ArgSort(0));
        Near.Equal([2, 0, 1], t.ArgSortDescending(0));
        var (values, indices) = t.TopK(0, 2);
        Near.Equal([3, 2], values);
        Near.Equal([2, 0], indices);
        Assert.Throws<HesseException>(() => t.TopK(0, 4));
    }

    [Fact]
    public void ReductionsAndProductsMatchLoops()
    {
        Near.Equal(66, Matrix.Sum());
        Near.Equal([12, 15, 18, 21], Matrix.Sum(0));
        Near.Equal(66, Matrix.Sum(0, -1));
        Near.Equal(5.5, Matrix.Mean());
        Near.Equal([1.5, 5.5, 9.5], Matrix.Mean(1));
        Near.Equal(11, Matrix.Max());
        Near.Equal(0, Matrix.Prod());
        Near.Equal([0, 840, 7920], Matrix.Prod(1));
        Near.Equal(143.0 / 12.0, Matrix.Variance(), 1e-12);
        Near.Equal([1.25, 1.25, 1.25], Matrix.Variance(1), 1e-12);
        Near.Equal(Math.Sqrt(143.0 / 12.0), Matrix.Std(), 1e-12);
        Near.Equal(Math.Sqrt(506.0), Matrix.Norm(), 1e-12);
        Near.Equal([0, 0, 1, 2], Tensor.Arange(2).Outer(Tensor.FromArray(1.0, 2.0)));
        Near.Equal([3, 7, 11], Matrix.Max(1));
        var logits = Tensor.FromArray(1000.0, 1000.0 + Math.Log(3.0));
        Near.Equal(1000.0 + Math.Log(4.0), logits.LogSumExp(0));
        Near.Equal([Math.Log(0.25), Math.Log(0.75)], logits.LogSoftmax(0), 1e-10);
        Near.Equal([0.25, 0.75], logits.Softmax(0), 1e-10);
        Near.Equal([14, 38, 62], Matrix.MatMul(Tensor.Arange(4)));
        Near.Equal(14, Tensor.Arange(4).Dot(Tensor.Arange(4)));
        Near.Equal(15, Matrix[.., ..3].Trace());
        Near.Equal([0, 5, 10], Matrix[.., ..3].Diagonal());
        Near.Equal(Matrix.MatMul(Matrix.Transpose()), Tensor.Einsum("ik,jk->ij", Matrix, Matrix));
    }

    [Fact]
    public void ErrorsOfTheCorePassThroughUnchanged()
    {
        var error = Assert.Throws<HesseException>(() => Matrix.MatMul(Matrix));
        Assert.Contains("matmul", error.Message, StringComparison.Ordinal);
        Assert.Contains("[3; 4]", error.Message, StringComparison.Ordinal);
        Assert.Equal(typeof(HesseException), Assert.ThrowsAny<Exception>(() => Tensor.FromArray([2, 2], [1.0])).GetType());
        Assert.Throws<HesseException>(() => Matrix.Item());
        Assert.Throws<HesseException>(() => Tensor.Full(1.0, -1));
        Assert.Throws<HesseException>(() => Diff.Grad(x => Tensor.Scalar(x.Sum().Item()), Matrix));
    }

    [Fact]
    public void PlacesAndTriangles()
    {
        var v = Tensor.FromArray(1.0, 2.0, 3.0);
        var m = Tensor.FromArray(new[,] { { 1.0, 2.0 }, { 3.0, 4.0 } });
        Near.Equal([3.0, 1.0, 2.0], v.Roll(0, 1));
        Near.Equal([1.0, 1.0, 2.0, 2.0, 3.0, 3.0], v.Repeat(0, 2));
        Near.Equal([1.0, 2.0, 3.0, 1.0, 2.0, 3.0], v.Tile(2));
        Near.Equal([1.0, 1.0], v.Diff(0));
        Near.Equal(v, v.Reshape(1, 3).Squeeze(0));
        Near.Equal(m.Transpose(), m.MoveAxis(0, 1));
        Near.Equal([1.0, 0.0, 3.0, 4.0], m.TriL());
        Near.Equal([0.0, 2.0, 0.0, 0.0], m.TriU(1));
        Near.Equal([1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0], v.Diag());
        Near.Equal([0.0, 1.0, 1.0, 0.0], Tensor.FromArray(1.0, 0.0).OneHot(2));
        Near.Equal([1.0, 2.0, 2.0, 4.0, 3.0, 4.0, 6.0, 8.0], Tensor.FromArray(new[,] { { 1.0, 2.0 } }).Kron(m));
    }

    [Fact]
    public void SmallestAndLargest()
    {
        var m = Tensor.FromArray(new[,] { { 2.0, 1.0, 3.0 }, { 0.0, 5.0, 4.0 } });
        Near.Equal(0.0, m.Min());
        Near.Equal([1.0, 0.0], m.MinAxis(1));
        Near.Equal([2.0, 1.0], m.ArgMax(1));
        Near.Equal([1.0, 0.0], m.ArgMin(1));
        Near.Equal([2.0, 2.0, 3.0, 0.0, 5.0, 5.0], m.CumMax(1));
        Near.Equal([2.0, 1.0, 1.0, 0.0, 0.0, 0.0], m.CumMin(1));
        Near.Equal([3.0, 0.0], m.TakeAlong(1, Tensor.FromArray(new[,] { { 2.0 }, { 0.0 } })));
    }
}
