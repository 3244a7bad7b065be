using System;
using System.Collections.Generic;
using System.Linq;
using CoreTensor = Hesse.Tensor;

namespace Hesse.Interop.Trees;

/// <summary>
/// What is left of a value when its tensors are taken out: how to build it again from other tensors. Two structures are equal when
/// they have the same types, counts, keys and static data, so that a compiled plan for one serves the other.
/// </summary>
internal abstract class Structure : IEquatable<Structure>
{
    /// <summary>The value with tensors taken from the queue, in the order in which they were collected.</summary>
    /// <param name="leaves">At least as many tensors as the structure has leaves.</param>
    /// <returns>A new value; static data is shared.</returns>
    public abstract object? Build(Queue<CoreTensor> leaves);

    /// <inheritdoc/>
    public abstract bool Equals(Structure? other);

    /// <inheritdoc/>
    public abstract override int GetHashCode();

    /// <inheritdoc/>
    public sealed override bool Equals(object? obj) => Equals(obj as Structure);
}

/// <summary>The place of one tensor.</summary>
internal sealed class LeafStructure : Structure
{
    private LeafStructure()
    {
    }

    /// <summary>The only instance.</summary>
    public static LeafStructure Instance { get; } = new();

    /// <inheritdoc/>
    public override object Build(Queue<CoreTensor> leaves) => new Tensor(leaves.Dequeue());

    /// <inheritdoc/>
    public override bool Equals(Structure? other) => other is LeafStructure;

    /// <inheritdoc/>
    public override int GetHashCode() => 1;
}

/// <summary>The place of one random key.</summary>
internal sealed class KeyStructure : Structure
{
    private KeyStructure()
    {
    }

    /// <summary>The only instance.</summary>
    public static KeyStructure Instance { get; } = new();

    /// <inheritdoc/>
    public override object Build(Queue<CoreTensor> leaves) => new RandomKey(Hesse.Random.ofWords(leaves.Dequeue()));

    /// <inheritdoc/>
    public override bool Equals(Structure? other) => other is KeyStructure;

    /// <inheritdoc/>
    public override int GetHashCode() => 2;
}

/// <summary>Data without tensors: a number, a name, an absent tensor.</summary>
/// <param name="value">Kept as it is.</param>
internal sealed class StaticStructure(object? value) : Structure
{
    private readonly object? _value = value;

    /// <inheritdoc/>
    public override object? Build(Queue<CoreTensor> leaves) => _value;

    /// <inheritdoc/>
    public override bool Equals(Structure? other) => other is StaticStructure s && object.Equals(_value, s._value);

    /// <inheritdoc/>
    public override int GetHashCode() => _value?.GetHashCode() ?? 0;
}

/// <summary>A value with parts: a collection, a tuple, an object.</summary>
/// <param name="type">The type of the value.</param>
/// <param name="keys">Keys of a dictionary, else empty.</param>
/// <param name="parts">Structure of each part.</param>
/// <param name="make">The value from its parts.</param>
internal sealed class BranchStructure(Type type, object[] keys, Structure[] parts, Func<object?[], object> make) : Structure
{
    private readonly Type _type = type;
    private readonly object[] _keys = keys;
    private readonly Structure[] _parts = parts;

    /// <inheritdoc/>
    public override object Build(Queue<CoreTensor> leaves) => make(Array.ConvertAll(_parts, p => p.Build(leaves)));

    /// <inheritdoc/>
    public override bool Equals(Structure? other) =>
        other is BranchStructure b && _type == b._type && _keys.SequenceEqual(b._keys) && _parts.SequenceEqual(b._parts);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.Add(_type);
        Array.ForEach(_keys, hash.Add);
        Array.ForEach(_parts, hash.Add);
        return hash.ToHashCode();
    }
}
