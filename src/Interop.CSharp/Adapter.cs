using System;
using Hesse.Interop.Trees;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using CoreTensor = Hesse.Tensor;
using FlatTree = System.Tuple<Hesse.Tensor[], Hesse.Interop.Trees.Structure>;

namespace Hesse.Interop;

/// <summary>C# functions as functions of the F# core, and back.</summary>
internal static class Adapter
{
    /// <summary>A function of one tensor.</summary>
    /// <param name="f">Must not return null.</param>
    /// <returns>The same function on core tensors.</returns>
    public static FSharpFunc<CoreTensor, CoreTensor> ToCore(Func<Tensor, Tensor> f) =>
        FuncConvert.FromFunc<CoreTensor, CoreTensor>(x => Result(f(new Tensor(x))));

    /// <summary>A function of several tensors.</summary>
    /// <param name="f">Must not return null.</param>
    /// <returns>The same function on core tensors.</returns>
    public static FSharpFunc<CoreTensor[], CoreTensor> ToCore(Func<Tensor[], Tensor> f) =>
        FuncConvert.FromFunc<CoreTensor[], CoreTensor>(xs => Result(f(Tensor.Wrap(xs))));

    /// <summary>A function of two tensors.</summary>
    /// <param name="f">Must not return null.</param>
    /// <returns>The same function on core tensors, curried.</returns>
    public static FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, CoreTensor>> ToCore(Func<Tensor, Tensor, Tensor> f) =>
        FuncConvert.FromFunc<CoreTensor, CoreTensor, CoreTensor>((x, y) => Result(f(new Tensor(x), new Tensor(y))));

    /// <summary>A function of three tensors, for the rule of a derivative.</summary>
    /// <param name="f">Must not return null.</param>
    /// <returns>The same function on core tensors, curried.</returns>
    public static FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, CoreTensor>>> ToCore(
        Func<Tensor, Tensor, Tensor, Tensor> f) =>
        FuncConvert.FromFunc<CoreTensor, CoreTensor, CoreTensor, CoreTensor>(
            (x, y, d) => Result(f(new Tensor(x), new Tensor(y), new Tensor(d))));

    /// <summary>A function from a tree to a tensor.</summary>
    /// <typeparam name="T">The type of the tree.</typeparam>
    /// <param name="f">Must not return null.</param>
    /// <returns>The same function on flattened trees.</returns>
    public static FSharpFunc<FlatTree, CoreTensor> ToCore<T>(Func<T, Tensor> f) =>
        FuncConvert.FromFunc<FlatTree, CoreTensor>(flat => Result(f(ObjectTree.Rebuild<T>(flat))));

    /// <summary>A function from a tree to a tree.</summary>
    /// <typeparam name="TIn">The type of the argument.</typeparam>
    /// <typeparam name="TOut">The type of the result.</typeparam>
    /// <param name="f">Any function.</param>
    /// <returns>The same function on flattened trees.</returns>
    public static FSharpFunc<FlatTree, FlatTree> ToCoreTree<TIn, TOut>(Func<TIn, TOut> f) =>
        FuncConvert.FromFunc<FlatTree, FlatTree>(flat => ObjectTree.Flatten(f(ObjectTree.Rebuild<TIn>(flat))));

    /// <summary>A step of a scan, from carry and element to carry and result.</summary>
    /// <typeparam name="TCarry">The type of the carry.</typeparam>
    /// <typeparam name="TElement">The type of an element.</typeparam>
    /// <typeparam name="TResult">The type of a result.</typeparam>
    /// <param name="step">Any function.</param>
    /// <returns>The same function on flattened trees, curried.</returns>
    public static FSharpFunc<FlatTree, FSharpFunc<FlatTree, Tuple<FlatTree, FlatTree>>> ToCoreStep<TCarry, TElement, TResult>(
        Func<TCarry, TElement, (TCarry Carry, TResult Result)> step) =>
        FuncConvert.FromFunc<FlatTree, FlatTree, Tuple<FlatTree, FlatTree>>((carry, element) =>
        {
            var (next, result) = step(ObjectTree.Rebuild<TCarry>(carry), ObjectTree.Rebuild<TElement>(element));
            return Tuple.Create(ObjectTree.Flatten(next), ObjectTree.Flatten(result));
        });

    /// <summary>The slope of a differential equation, from time and state.</summary>
    /// <typeparam name="T">The type of the state.</typeparam>
    /// <param name="f">Any function.</param>
    /// <returns>The same function on flattened trees, curried.</returns>
    public static FSharpFunc<CoreTensor, FSharpFunc<FlatTree, FlatTree>> ToCoreSlope<T>(Func<Tensor, T, T> f) =>
        FuncConvert.FromFunc<CoreTensor, FlatTree, FlatTree>(
            (time, state) => ObjectTree.Flatten(f(new Tensor(time), ObjectTree.Rebuild<T>(state))));

    /// <summary>A number that depends on time and state.</summary>
    /// <typeparam name="T">The type of the state.</typeparam>
    /// <param name="g">Must not return null.</param>
    /// <returns>The same function on flattened trees, curried.</returns>
    public static FSharpFunc<CoreTensor, FSharpFunc<FlatTree, CoreTensor>> ToCoreGauge<T>(Func<Tensor, T, Tensor> g) =>
        FuncConvert.FromFunc<CoreTensor, FlatTree, CoreTensor>(
            (time, state) => Result(g(new Tensor(time), ObjectTree.Rebuild<T>(state))));

    /// <summary>Numbers as a core list.</summary>
    /// <param name="items">Any numbers.</param>
    /// <returns>The same numbers.</returns>
    public static FSharpList<int> List(int[] items) => ListModule.OfSeq(items);

    /// <summary>A core function of one tensor, for C#.</summary>
    /// <param name="f">Any function.</param>
    /// <returns>The same function on facade tensors.</returns>
    public static Func<Tensor, Tensor> FromCore(FSharpFunc<CoreTensor, CoreTensor> f) =>
        x => new Tensor(f.Invoke(Tensor.Unwrap(x, nameof(x))));

    /// <summary>A core function that writes into an array, for C#.</summary>
    /// <param name="f">Any function.</param>
    /// <returns>The same function on facade tensors.</returns>
    public static Action<Tensor, double[]> FromCoreInto(FSharpFunc<CoreTensor, FSharpFunc<double[], Unit>> f) =>
        (x, target) =>
        {
            ArgumentNullException.ThrowIfNull(target);
            f.Invoke(Tensor.Unwrap(x, nameof(x))).Invoke(target);
        };

    /// <summary>A core function of two tensors in two stages, for C#.</summary>
    /// <param name="f">Any function.</param>
    /// <returns>The same function on facade tensors.</returns>
    public static Func<Tensor, Func<Tensor, Tensor>> FromCoreStaged(FSharpFunc<CoreTensor, FSharpFunc<CoreTensor, CoreTensor>> f) =>
        a => FromCore(f.Invoke(Tensor.Unwrap(a, nameof(a))));

    /// <summary>A core function between flattened trees, for C#.</summary>
    /// <typeparam name="TIn">The type of the argument.</typeparam>
    /// <typeparam name="TOut">The type of the result.</typeparam>
    /// <param name="f">Any function.</param>
    /// <returns>The same function on trees.</returns>
    public static Func<TIn, TOut> FromCoreTree<TIn, TOut>(FSharpFunc<FlatTree, FlatTree> f) =>
        x =>
        {
            ArgumentNullException.ThrowIfNull(x);
            return ObjectTree.Rebuild<TOut>(f.Invoke(ObjectTree.Flatten(x)));
        };

    /// <summary>How a Jacobian is computed.</summary>
    /// <param name="mode">Forward, reverse or chosen.</param>
    /// <param name="chunk">Null to have it chosen.</param>
    /// <returns>The options of the core.</returns>
    public static JacobianOptions Options(JacobianMode mode, int? chunk) => new(
        mode switch
        {
            JacobianMode.Forward => Hesse.JacobianMode.Forward,
            JacobianMode.Reverse => Hesse.JacobianMode.Reverse,
            _ => Hesse.JacobianMode.Auto,
        },
        OptionModule.OfNullable(chunk));

    /// <summary>How a function is applied to every part of several tensors.</summary>
    /// <param name="inAxes">Null for a tensor that is not mapped over.</param>
    /// <param name="outAxis">The place of the new axis.</param>
    /// <param name="chunk">Null for all parts at once.</param>
    /// <returns>The options of the core.</returns>
    public static VmapOptions Options(int?[] inAxes, int outAxis, int? chunk) => new(
        InAxes.NewParts(ListModule.OfArray(Array.ConvertAll(inAxes, axis => axis is int a ? InAxes.NewAt(a) : InAxes.Whole))),
        outAxis,
        OptionModule.OfNullable(chunk));

    /// <summary>How random directions are drawn.</summary>
    /// <param name="probes">How many.</param>
    /// <param name="key">From which stream.</param>
    /// <param name="probe">Their distribution.</param>
    /// <param name="chunk">Null to have it chosen.</param>
    /// <returns>The options of the core.</returns>
    public static StochasticOptions Options(int probes, RandomKey key, Probe probe, int? chunk) => new(
        probes,
        probe switch
        {
            Probe.Gaussian => Hesse.Probe.Gaussian,
            Probe.Coordinate => Hesse.Probe.Coordinate,
            _ => Hesse.Probe.Rademacher,
        },
        key.Core,
        OptionModule.OfNullable(chunk));

    private static CoreTensor Result(Tensor? y) =>
        y?.Core ?? throw new HesseException("Diff: the function returned null; return a tensor");
}
