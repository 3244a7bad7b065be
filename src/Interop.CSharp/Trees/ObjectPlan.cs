using System;
using System.Collections.Concurrent;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Hesse.Interop.Trees;

/// <summary>How objects of one class or struct are taken apart into properties and put together again.</summary>
/// <remarks>
/// The parts are the parameters of a constructor, each with a readable property of the same name up to case, followed by the other
/// public properties that can be set or initialised. This covers positional records, records with init properties, and plain
/// classes. Computed properties are left alone.
/// </remarks>
internal sealed class ObjectPlan
{
    private const BindingFlags PublicInstance = BindingFlags.Public | BindingFlags.Instance;

    private static readonly ConcurrentDictionary<Type, ObjectPlan> Plans = new();

    private readonly Type _type;
    private readonly ConstructorInfo? _constructor;
    private readonly PropertyInfo[] _arguments;
    private readonly PropertyInfo[] _settable;

    private ObjectPlan(Type type)
    {
        _type = type;

        if (Array.Find(Fields(type), f => TreeTypes.MayHoldTensors(f.FieldType)) is { } field)
        {
            throw new HesseException($"Tree: {field.Name} of {type.Name} holds tensors but is a field; make it a property");
        }

        var properties = Readable(type);
        (_constructor, _arguments) = Constructor(type, properties);
        _settable = [.. properties.Except(_arguments).Where(p => p.SetMethod is { IsPublic: true })];

        var others = properties.Except(_arguments).Except(_settable);

        if (others.FirstOrDefault(p => IsStored(p) && TreeTypes.MayHoldTensors(p.PropertyType)) is { } lost)
        {
            throw new HesseException(
                $"Tree: property {lost.Name} of {type.Name} holds tensors but cannot be set; "
                + "give it an init accessor or a constructor parameter of the same name");
        }
    }

    /// <summary>The plan of a class or struct.</summary>
    /// <param name="type">Not a collection or tuple.</param>
    /// <returns>The same instance for the same type.</returns>
    /// <exception cref="HesseException">Objects of the type cannot be rebuilt.</exception>
    public static ObjectPlan For(Type type) => Plans.GetOrAdd(type, t => new ObjectPlan(t));

    /// <summary>Public properties that can be read, without indexers.</summary>
    /// <param name="type">Any type.</param>
    /// <returns>In the order of their declaration, base classes last.</returns>
    public static PropertyInfo[] Readable(Type type) =>
        [.. type.GetProperties(PublicInstance).Where(p => p.GetMethod is { IsPublic: true } && p.GetIndexParameters().Length == 0)];

    /// <summary>Public fields.</summary>
    /// <param name="type">Any type.</param>
    /// <returns>Those of instances.</returns>
    public static FieldInfo[] Fields(Type type) => type.GetFields(PublicInstance);

    /// <summary>The parts of an object.</summary>
    /// <param name="value">An object of the plan's type.</param>
    /// <returns>One per constructor parameter, then one per settable property.</returns>
    public object?[] Read(object value) => [.. _arguments.Concat(_settable).Select(p => p.GetValue(value))];

    /// <summary>An object from its parts.</summary>
    /// <param name="parts">As <see cref="Read"/> gives them.</param>
    /// <returns>A new object.</returns>
    public object Make(object?[] parts)
    {
        var arguments = parts[.._arguments.Length];
        var result = _constructor is null
            ? RuntimeHelpers.GetUninitializedObject(_type)
            : _constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, arguments, null);

        for (var i = 0; i < _settable.Length; i++)
        {
            _settable[i].SetValue(result, parts[_arguments.Length + i]);
        }

        return result;
    }

    /// <summary>The longest constructor whose parameters are all properties; none for a struct without one.</summary>
    private static (ConstructorInfo? Constructor, PropertyInfo[] Arguments) Constructor(Type type, PropertyInfo[] properties)
    {
        foreach (var constructor in type.GetConstructors().OrderByDescending(c => c.GetParameters().Length))
        {
            var matches = constructor.GetParameters().Select(p => Matching(properties, p)).OfType<PropertyInfo>().ToArray();

            if (matches.Length == constructor.GetParameters().Length)
            {
                return (constructor, matches);
            }
        }

        return type.IsValueType
            ? (null, [])
            : throw new HesseException(
                $"Tree: {type.Name} holds tensors but has no public constructor whose parameters are named like its properties; "
                + "make it a record, or add such a constructor or a parameterless one");
    }

    private static PropertyInfo? Matching(PropertyInfo[] properties, ParameterInfo parameter) =>
        Array.Find(properties, p =>
            string.Equals(p.Name, parameter.Name, StringComparison.OrdinalIgnoreCase)
            && parameter.ParameterType.IsAssignableFrom(p.PropertyType));

    /// <summary>Whether a property has a field of its own, made by the compiler, and is not computed from others.</summary>
    private static bool IsStored(PropertyInfo property) =>
        property.DeclaringType?.GetField($"<{property.Name}>k__BackingField", BindingFlags.NonPublic | BindingFlags.Instance) is not null;
}
