using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Functions of records, classes and collections.</summary>
public class DiffTreesTests
{
    private sealed record Dense(Tensor Weight, Tensor Bias, string Name)
    {
        public Tensor WeightNorm => Weight.Square().Sum();

        public Tensor Apply(Tensor x) => x.MatMul(Weight) + Bias;
    }

    private sealed record Mlp
    {
        public required List<Dense> Layers { get; init; }

        public double Scale { get; init; } = 1.0;

        public Tensor? Offset { get; init; }

        public Tensor Apply(Tensor x)
        {
            foreach (var layer in Layers)
            {
                x = layer.Apply(x).Tanh();
            }

            return Scale * (Offset is null ? x : x + Offset);
        }
    }

    private class Point
    {
        public Tensor X { get; set; } = Tensor.Scalar(0.0);

        public Dictionary<string, Tensor> More { get; set; } = [];
    }

    private readonly record struct Pair(Tensor First, Tensor Second);

    private struct Loose
    {
        public Tensor Only { get; set; }
    }

    private sealed class Sealed
    {
        public Tensor Stored { get; } = Tensor.Scalar(2.0);
    }

    private sealed class WithField
    {
        public Tensor Weight = Tensor.Scalar(2.0);
    }

    private sealed class TensorBag : List<Tensor>;

    private sealed class Hidden(int seed)
    {
        private readonly int _seed = seed;

        public Tensor Value { get; set; } = Tensor.Scalar(1.0);

        public override string ToString() => $"{_seed}";
    }

    private sealed class Cyclic
    {
        public object? Self { get; set; }

        public Tensor Value { get; set; } = Tensor.Scalar(1.0);
    }

    private static Mlp MakeMlp(double scale = 1.0, Tensor? offset = null)
    {
        var keys = RandomKey.FromSeed(5).Split(4);

        return new Mlp
        {
            Layers = [new Dense(keys[0].Normal(2, 3), keys[1].Normal(3), "first"), new Dense(keys[2].Normal(3, 1), keys[3].Normal(1), "last")],
            Scale = scale,
            Offset = offset,
        };
    }

    private static readonly Tensor Inputs = RandomKey.FromSeed(6).Normal(7, 2);

    private static Tensor Loss(Mlp net) => net.Apply(Inputs).Square().Mean();

    [Fact]
    public void NestedRecordsMatchTheArrayForm()
    {
        var net = MakeMlp(2.0);
        var gradient = Diff.Grad(Loss, net);
        Tensor[] flat = [.. net.Layers.SelectMany(l => new[] { l.Weight, l.Bias })];
        var expected = Diff.Grad(
            p => (2.0 * ((Inputs.MatMul(p[0]) + p[1]).Tanh().MatMul(p[2]) + p[3]).Tanh()).Square().Mean(),
            flat);

        Near.Equal(expected[0], gradient.Layers[0].Weight);
        Near.Equal(expected[1], gradient.Layers[0].Bias);
        Near.Equal(expected[2], gradient.Layers[1].Weight);
        Near.Equal(expected[3], gradient.Layers[1].Bias);
        Assert.Equal(["first", "last"], gradient.Layers.Select(l => l.Name));
        Assert.Equal(2.0, gradient.Scale);
        Assert.Null(gradient.Offset);
        var (value, same) = Diff.ValueAndGrad(Loss, net);
        Near.Equal(Loss(net), value);
        Near.Equal(expected[2], same.Layers[1].Weight);
        Near.Equal(expected[2], Diff.Grad<Mlp>(Loss)(net).Layers[1].Weight);
        Near.Equal(expected[2], Diff.ValueAndGrad<Mlp>(Loss)(net).Gradient.Layers[1].Weight);
    }

    [Fact]
    public void HessianTimesVectorIsHvp()
    {
        var net = MakeMlp(offset: Tensor.Ones(1));
        var hessian = Diff.Hessian(Loss, net);
        Assert.Equal([14, 14], hessian.Shape);
        Near.Equal(hessian, hessian.Transpose());
        static Tensor Flat(Mlp m) => Tensor.Concat(0, [.. m.Layers.SelectMany(l => new[] { l.Weight.Flatten(), l.Bias }), m.Offset!]);
        Near.Equal(hessian.MatMul(Flat(net)), Flat(Diff.Hvp(Loss, net, net)), 1e-11);
        Near.Equal(hessian.Trace(), Diff.Laplacian(Loss, net), 1e-11);
        Near.Equal(Flat(net).Dot(hessian.MatMul(Flat(net))), Diff.Jet(2, Loss, net, net)[2], 1e-11);
    }

    [Fact]
    public void ForwardAndReverseAreTransposes()
    {
        var net = MakeMlp();
        var direction = MakeMlp(offset: null) with { Scale = 1.0 };
        Tensor Predict(Mlp m) => m.Apply(Inputs);
        var cotangent = RandomKey.FromSeed(9).Normal(7, 1);
        var (value, tangent) = Diff.Jvp(Predict, net, direction);
        Near.Equal(Predict(net), value);
        Near.Equal(tangent, Diff.Linearize(Predict, net).Derivative(direction));
        var back = Diff.Vjp(Predict, net).Pullback(cotangent);
        var inner = Enumerable.Range(0, 2).Sum(i =>
            back.Layers[i].Weight.Dot(direction.Layers[i].Weight).Item() + back.Layers[i].Bias.Dot(direction.Layers[i].Bias).Item());
        Near.Equal(inner, cotangent.Dot(tangent), 1e-11);
        Near.Equal(Diff.JacFwd(Predict, net), Diff.JacRev(Predict, net), 1e-11);
        Assert.Equal([7, 1, 13], Diff.Jacobian(Predict, net).Shape);
    }

    [Fact]
    public void ClassesDictionariesTuplesAndStructs()
    {
        var point = new Point { X = Tensor.Scalar(3.0), More = new() { ["b"] = Tensor.Scalar(5.0), ["a"] = Tensor.Scalar(2.0) } };
        var gradient = Diff.Grad(p => p.X * p.More["a"] * p.More["b"], point);
        Near.Equal(10, gradient.X);
        Near.Equal(15, gradient.More["a"]);
        Near.Equal(6, gradient.More["b"]);
        // Dictionaries are taken by key order: a before b, after X.
        Near.Equal([0, 5, 2, 5, 0, 3, 2, 3, 0], Diff.Hessian(p => p.X * p.More["a"] * p.More["b"], point));

        var (w, b) = Diff.Grad(((Tensor W, Tensor B) p) => p.W * p.W * p.B, (Tensor.Scalar(3.0), Tensor.Scalar(4.0)));
        Near.Equal(24, w);
        Near.Equal(9, b);
        Near.Equal(24, Diff.Grad(p => p.Item1 * p.Item1 * p.Item2, Tuple.Create(Tensor.Scalar(3.0), Tensor.Scalar(4.0))).Item1);
        Near.Equal(9, Diff.Grad(p => p.First * p.First * p.Second, new Pair(Tensor.Scalar(3.0), Tensor.Scalar(4.0))).Second);
        Near.Equal(6, Diff.Grad(p => p.Only * p.Only, new Loose { Only = Tensor.Scalar(3.0) }).Only);
        Tensor[][] nested = [[Tensor.Scalar(3.0)], [Tensor.Scalar(4.0), Tensor.Scalar(5.0)]];
        Near.Equal(15, Diff.Grad(p => p[0][0] * p[1][0] * p[1][1], nested)[1][0]);
    }

    [Fact]
    public void VMapMapsEveryTensor()
    {
        var pairs = new Pair(Tensor.FromArray(1.0, 2.0, 3.0), Tensor.FromArray(4.0, 5.0, 6.0));
        var swapped = Diff.VMap((Pair p) => new Pair(p.Second, p.First * p.First), pairs);
        Near.Equal([4, 5, 6], swapped.First);
        Near.Equal([1, 4, 9], swapped.Second);
    }

    [Fact]
    public void CompileCachesByStructureAndStaticData()
    {
        var calls = 0;
        var step = Diff.Compile((Mlp net) =>
        {
            calls++;
            return Diff.ValueAndGrad(Loss, net);
        });
        var net = MakeMlp();
        Near.Equal(Diff.Grad(Loss, net).Layers[0].Bias, step(net).Gradient.Layers[0].Bias);
        Near.Equal(Loss(MakeMlp()), step(MakeMlp()).Value);
        Assert.Equal(1, calls);
        Near.Equal(4.0 * Loss(net).Item(), step(net with { Scale = 2.0 }).Value);
        Assert.Equal(2, calls);
        step(net with { Offset = Tensor.Zeros(1) });
        Assert.Equal(3, calls);
        Assert.Contains("FLOPs", Diff.Explain((Mlp m) => Diff.Grad(Loss, m), net), StringComparison.Ordinal);
    }

    [Fact]
    public void TheGenericFormOnOneTensorKeepsItsShape()
    {
        var x = Tensor.Ones(2, 2);
        Func<Tensor, Tensor> f = t => t.Square().Sum();
        Assert.Equal([2, 2, 2, 2], Diff.Hessian<Tensor>(f, x).Shape);
        Assert.Equal([2, 2], Diff.Jacobian<Tensor>(f, x).Shape);
        Assert.Equal([2, 2], Diff.JacFwd<Tensor>(f, x).Shape);
        Assert.Equal([2, 2], Diff.JacRev<Tensor>(f, x).Shape);
    }

    [Fact]
    public void TypesThatCannotBeRebuiltAreNamed()
    {
        static string Message(Action action) => Assert.Throws<HesseException>(action).Message;
        Assert.Contains("Stored", Message(() => Diff.Grad(s => s.Stored, new Sealed())), StringComparison.Ordinal);
        Assert.Contains("Hidden", Message(() => Diff.Grad(s => s.Value, new Hidden(1))), StringComparison.Ordinal);
        Assert.Contains("Immutable", Message(() => Diff.Grad(s => s[0], ImmutableArray.Create(Tensor.Scalar(1.0)))), StringComparison.Ordinal);
        Assert.Contains("Weight", Message(() => Diff.Grad(s => s.Weight, new WithField())), StringComparison.Ordinal);
        Assert.Contains("TensorBag", Message(() => Diff.Grad(s => s[0], new TensorBag { Tensor.Scalar(1.0) })), StringComparison.Ordinal);
        var cyclic = new Cyclic();
        cyclic.Self = cyclic;
        Assert.Contains("refer to itself", Message(() => Diff.Grad(s => s.Value, cyclic)), StringComparison.Ordinal);
    }
}
