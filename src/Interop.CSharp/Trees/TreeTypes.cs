using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;

namespace Hesse.Interop.Trees;

/// <summary>Which types can hold tensors; values of all others are static data.</summary>
internal static class TreeTypes
{
    /// <summary>Whether a value of this declared type can hold a tensor anywhere.</summary>
    /// <param name="type">Any type; interfaces, object and open base classes count as able to.</param>
    /// <returns>False only when it is certain that there is none.</returns>
    public static bool MayHoldTensors(Type type) => MayHold(type, []);

    /// <summary>Whether a type is a dictionary that can be rebuilt.</summary>
    /// <param name="type">The type of a value.</param>
    /// <returns>True for Dictionary and SortedDictionary.</returns>
    public static bool IsDictionary(Type type) => IsGeneric(type, typeof(Dictionary<,>)) || IsGeneric(type, typeof(SortedDictionary<,>));

    /// <summary>Whether a type is a list that can be rebuilt.</summary>
    /// <param name="type">The type of a value.</param>
    /// <returns>True for List.</returns>
    public static bool IsList(Type type) => IsGeneric(type, typeof(List<>));

    private static bool IsGeneric(Type type, Type definition) => type.IsGenericType && type.GetGenericTypeDefinition() == definition;

    private static bool IsOfFramework(Type type) =>
        type.Namespace is "System" || type.Namespace?.StartsWith("System.", StringComparison.Ordinal) == true;

    private static bool MayHold(Type type, HashSet<Type> visited)
    {
        if (type == typeof(Tensor) || type == typeof(RandomKey) || type == typeof(object))
        {
            return true;
        }

        var isPlain = type.IsPrimitive || type.IsEnum || type.IsPointer || type == typeof(string) || typeof(Delegate).IsAssignableFrom(type);

        if (isPlain || !visited.Add(type))
        {
            return false;
        }

        if (type.IsArray)
        {
            return MayHold(type.GetElementType()!, visited);
        }

        // Collections, tuples and other generic types of the framework hold what their type arguments do. Of the others, only the
        // bases of everything can stand for a type of the user.
        if (IsOfFramework(type))
        {
            return type == typeof(ValueType) || type == typeof(IEnumerable) || type.GetGenericArguments().Any(a => MayHold(a, visited));
        }

        return type.IsInterface
            || type.IsAbstract
            || ObjectPlan.Readable(type).Any(p => MayHold(p.PropertyType, visited))
            || ObjectPlan.Fields(type).Any(f => MayHold(f.FieldType, visited))
            || type.GetInterfaces().Any(i => IsGeneric(i, typeof(IEnumerable<>)) && MayHold(i.GetGenericArguments()[0], visited));
    }
}
