using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop.Trees;

/// <summary>
/// Trees of tensors in C# terms: a tensor, or an array, list, dictionary (by key order), tuple, record or class of trees. Everything
/// else in them is static data without a derivative.
/// </summary>
internal static class ObjectTree
{
    /// <summary>No sensible parameter tree is deeper; an object that refers to itself is.</summary>
    private const int MaximumDepth = 100;

    /// <summary>The order of dictionary keys: by character code for strings, so that it is the same in every culture.</summary>
    private static readonly Comparer<object> KeyOrder =
        Comparer<object>.Create((a, b) =>
            a is string s && b is string t ? string.CompareOrdinal(s, t) : Comparer.DefaultInvariant.Compare(a, b));

    /// <summary>The tensors of a value, and the rest of it.</summary>
    /// <param name="tree">Any tree.</param>
    /// <returns>A pair that the F# core takes as a tree itself.</returns>
    /// <exception cref="HesseException">A type in the tree holds tensors but cannot be rebuilt.</exception>
    public static Tuple<CoreTensor[], Structure> Flatten(object? tree)
    {
        var leaves = new List<CoreTensor>();
        var structure = Describe(tree, leaves, 0);
        return Tuple.Create(leaves.ToArray(), structure);
    }

    /// <summary>The value of other tensors in the same structure.</summary>
    /// <typeparam name="T">The type of the tree.</typeparam>
    /// <param name="flat">As <see cref="Flatten"/> gives it.</param>
    /// <returns>A new tree.</returns>
    public static T Rebuild<T>(Tuple<CoreTensor[], Structure> flat) => (T)flat.Item2.Build(new Queue<CoreTensor>(flat.Item1))!;

    private static Structure Describe(object? value, List<CoreTensor> leaves, int depth)
    {
        if (depth > MaximumDepth)
        {
            throw new HesseException(
                $"Tree: {value?.GetType().Name} is nested more than {MaximumDepth} levels deep; does an object refer to itself?");
        }

        switch (value)
        {
            case Tensor tensor:
                leaves.Add(tensor.Core);
                return LeafStructure.Instance;
            case RandomKey key:
                leaves.Add(key.Core.Words);
                return KeyStructure.Instance;
            case null:
                return new StaticStructure(null);
        }

        var type = value.GetType();

        if (!TreeTypes.MayHoldTensors(type))
        {
            return new StaticStructure(value);
        }

        Structure Branch(object[] keys, IEnumerable<object?> parts, Func<object?[], object> make) =>
            new BranchStructure(type, keys, [.. parts.Select(p => Describe(p, leaves, depth + 1))], make);

        if (value is Array { Rank: 1 } array)
        {
            return Branch([], array.Cast<object?>(), parts => FillArray(Array.CreateInstance(type.GetElementType()!, parts.Length), parts));
        }

        if (TreeTypes.IsList(type))
        {
            return Branch([], ((IList)value).Cast<object?>(), parts => FillList(type, parts));
        }

        if (TreeTypes.IsDictionary(type))
        {
            var dictionary = (IDictionary)value;
            object[] keys = [.. dictionary.Keys.Cast<object>().Order(KeyOrder)];
            return Branch(keys, keys.Select(k => dictionary[k]), parts => FillDictionary(type, keys, parts));
        }

        if (value is ITuple tuple)
        {
            return tuple.Length < 8
                ? Branch([], Enumerable.Range(0, tuple.Length).Select(i => tuple[i]), parts => Activator.CreateInstance(type, parts)!)
                : throw new HesseException($"Tree: a tuple of {tuple.Length} parts is too long; use at most 7, a record or an array");
        }

        if (value is IEnumerable)
        {
            throw new HesseException(
                $"Tree: collections of type {type.Name} cannot be rebuilt; use an array, List, Dictionary or SortedDictionary");
        }

        var plan = ObjectPlan.For(type);
        return Branch([], plan.Read(value), plan.Make);
    }

    private static Array FillArray(Array result, object?[] parts)
    {
        Array.Copy(parts, result, parts.Length);
        return result;
    }

    private static IList FillList(Type type, object?[] parts)
    {
        var result = (IList)Activator.CreateInstance(type)!;
        Array.ForEach(parts, p => result.Add(p));
        return result;
    }

    private static IDictionary FillDictionary(Type type, object[] keys, object?[] parts)
    {
        var result = (IDictionary)Activator.CreateInstance(type)!;

        for (var i = 0; i < keys.Length; i++)
        {
            result.Add(keys[i], parts[i]);
        }

        return result;
    }
}
