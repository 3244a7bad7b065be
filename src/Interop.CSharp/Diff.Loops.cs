using System;
using Hesse.Interop.Trees;
using CoreDiff = Hesse.Diff;

namespace Hesse.Interop;

/// <content>Loops, branches and checkpoints.</content>
public static partial class Diff
{
    /// <summary>Goes through elements with a carry: (c, xs[0]) ↦ (c₁, ys[0]), (c₁, xs[1]) ↦ (c₂, ys[1]), ….</summary>
    /// <typeparam name="TCarry">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TElement">A tree.</typeparam>
    /// <typeparam name="TResult">A tree.</typeparam>
    /// <param name="step">From carry and element to the next carry and a result. It is called once, on symbolic values; what it closes over may be differentiated too.</param>
    /// <param name="init">The first carry.</param>
    /// <param name="xs">A tree whose tensors have a common leading length T; step t gets their parts number t.</param>
    /// <param name="reverse">Whether to go from the last element to the first.</param>
    /// <param name="snapshots">How many carries a derivative keeps, level by level (about s + T/s for one number s, for one more evaluation); none for all T.</param>
    /// <returns>The last carry, and the results stacked along a new leading axis of length T.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The step changes the structure or a shape of the carry, leading lengths differ, or a number of snapshots is below 1.</exception>
    public static (TCarry Carry, TResult Results) Scan<TCarry, TElement, TResult>(
        Func<TCarry, TElement, (TCarry Carry, TResult Result)> step, TCarry init, TElement xs, bool reverse = false, params int[] snapshots)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(init);
        ArgumentNullException.ThrowIfNull(xs);
        ArgumentNullException.ThrowIfNull(snapshots);
        ScanOptions options = new(reverse, Adapter.List(snapshots));
        var (carry, results) = CoreDiff.scanWith(options, Adapter.ToCoreStep(step), ObjectTree.Flatten(init), ObjectTree.Flatten(xs));
        return (ObjectTree.Rebuild<TCarry>(carry), ObjectTree.Rebuild<TResult>(results));
    }

    /// <summary>A step applied again and again.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="count">How often, at least 0.</param>
    /// <param name="step">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <param name="snapshots">How many carries a derivative keeps, level by level; none for all.</param>
    /// <returns>The last carry.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The step changes the structure or a shape of the carry; or count is negative.</exception>
    public static T Iterate<T>(int count, Func<T, T> step, T init, params int[] snapshots)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(init);
        ArgumentNullException.ThrowIfNull(snapshots);
        return ObjectTree.Rebuild<T>(
            CoreDiff.iterateWith(Adapter.List(snapshots), count, Adapter.ToCoreTree(step), ObjectTree.Flatten(init)));
    }

    /// <summary>Applies a body while a condition holds; any number of times. Forward mode, jets and VMap go through it; for reverse mode use <see cref="BoundedWhile"/>.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="condition">From carry to a scalar, shape []: go on unless it is 0 or NaN.</param>
    /// <param name="body">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <returns>The first carry for which the condition does not hold.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The body changes the structure or a shape of the carry, or the condition is not scalar.</exception>
    public static T WhileLoop<T>(Func<T, Tensor> condition, Func<T, T> body, T init)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(body);
        ArgumentNullException.ThrowIfNull(init);
        return ObjectTree.Rebuild<T>(
            CoreDiff.whileLoop(Adapter.ToCore(condition), Adapter.ToCoreTree(body), ObjectTree.Flatten(init)));
    }

    /// <summary>Applies a body while a condition holds, at most a given number of times: a while loop that has reverse mode.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="maxSteps">Most steps, at least 0.</param>
    /// <param name="condition">From carry to a scalar, shape []: go on unless it is 0 or NaN.</param>
    /// <param name="body">From carry to carry, of the same structure and shapes.</param>
    /// <param name="init">The first carry.</param>
    /// <returns>The last carry, and the number of steps taken. If that is maxSteps and the condition of the last carry still holds, the bound ended the loop.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The body changes the structure or a shape of the carry, or the condition is not scalar.</exception>
    public static (T Carry, Tensor Steps) BoundedWhile<T>(int maxSteps, Func<T, Tensor> condition, Func<T, T> body, T init)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(body);
        ArgumentNullException.ThrowIfNull(init);
        var (carry, steps) = CoreDiff.boundedWhile(
            maxSteps, Adapter.ToCore(condition), Adapter.ToCoreTree(body), ObjectTree.Flatten(init));
        return (ObjectTree.Rebuild<T>(carry), new Tensor(steps));
    }

    /// <summary>One of two functions of x, by a condition; only that one is run.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="predicate">A scalar, shape []: whenTrue unless it is 0 or NaN.</param>
    /// <param name="whenTrue">From a tree to a tree.</param>
    /// <param name="whenFalse">From a tree to a tree of the same structure and shapes.</param>
    /// <param name="x">The argument of either.</param>
    /// <returns>whenTrue(x) or whenFalse(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The predicate is not scalar, or the results differ in structure or shapes.</exception>
    public static TOut Cond<TIn, TOut>(Tensor predicate, Func<TIn, TOut> whenTrue, Func<TIn, TOut> whenFalse, TIn x)
    {
        ArgumentNullException.ThrowIfNull(whenTrue);
        ArgumentNullException.ThrowIfNull(whenFalse);
        ArgumentNullException.ThrowIfNull(x);
        return ObjectTree.Rebuild<TOut>(
            CoreDiff.cond(
                Tensor.Unwrap(predicate, nameof(predicate)),
                Adapter.ToCoreTree(whenTrue),
                Adapter.ToCoreTree(whenFalse),
                ObjectTree.Flatten(x)));
    }

    /// <summary>A function of which derivatives keep only the argument: what depends on it inside is computed again.</summary>
    /// <typeparam name="TIn">A tree: see <see cref="Diff"/>.</typeparam>
    /// <typeparam name="TOut">A tree.</typeparam>
    /// <param name="f">From a tree to a tree.</param>
    /// <returns>The same function; reverse mode through it takes less memory and one more evaluation.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Func<TIn, TOut> Checkpoint<TIn, TOut>(Func<TIn, TOut> f)
    {
        ArgumentNullException.ThrowIfNull(f);
        return x =>
        {
            ArgumentNullException.ThrowIfNull(x);
            return ObjectTree.Rebuild<TOut>(CoreDiff.checkpoint(Adapter.ToCoreTree(f), ObjectTree.Flatten(x)));
        };
    }
}
