using System;
using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>Shape and stride arithmetic shared by the steps.</summary>
internal static class Strides
{
    /// <summary>Number of elements of a shape; throws when an axis is negative.</summary>
    public static long Count(ReadOnlySpan<int> shape, string operation)
    {
        long count = 1;
        foreach (int axis in shape)
        {
            if (axis < 0)
            {
                throw new ArgumentException(
                    $"{operation}: axis sizes must not be negative, got shape {Text(shape)}; pass the sizes of an existing array.");
            }

            count = checked(count * axis);
        }

        return count;
    }

    /// <summary>Row-major strides of a contiguous array.</summary>
    public static long[] Contiguous(ReadOnlySpan<int> shape)
    {
        long[] strides = new long[shape.Length];
        long step = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= shape[i];
        }

        return strides;
    }

    /// <summary>Throws unless there is one stride per axis.</summary>
    public static void RequireRank(ReadOnlySpan<int> shape, long[] strides, string operation, string name)
    {
        ArgumentNullException.ThrowIfNull(strides, name);
        if (strides.Length != shape.Length)
        {
            throw new ArgumentException(
                $"{operation}: shape {Text(shape)} has {shape.Length} axes but {name} has {strides.Length} strides; "
                + "pass one stride per axis.");
        }
    }

    /// <summary>
    /// Drops axes of size 1 and merges neighbours that every view walks as one axis, so that the fewest, longest axes are left.
    /// </summary>
    /// <returns>The merged shape and one merged stride array per view; rank 0 for a single element.</returns>
    public static (int[] Shape, long[][] Views) Collapse(ReadOnlySpan<int> shape, params long[][] views)
    {
        List<long> sizes = [];
        List<long>[] merged = new List<long>[views.Length];
        for (int v = 0; v < views.Length; v++)
        {
            merged[v] = [];
        }

        for (int axis = 0; axis < shape.Length; axis++)
        {
            if (shape[axis] == 1)
            {
                continue;
            }

            int last = sizes.Count - 1;
            bool joins = last >= 0 && sizes[last] * shape[axis] <= int.MaxValue;
            for (int v = 0; joins && v < views.Length; v++)
            {
                joins = merged[v][last] == views[v][axis] * shape[axis];
            }

            if (joins)
            {
                sizes[last] *= shape[axis];
            }
            else
            {
                sizes.Add(shape[axis]);
            }

            for (int v = 0; v < views.Length; v++)
            {
                if (joins)
                {
                    merged[v][last] = views[v][axis];
                }
                else
                {
                    merged[v].Add(views[v][axis]);
                }
            }
        }

        int[] resultShape = new int[sizes.Count];
        for (int i = 0; i < resultShape.Length; i++)
        {
            resultShape[i] = (int)sizes[i];
        }

        return (resultShape, Array.ConvertAll(merged, list => list.ToArray()));
    }

    /// <summary>A shape as text, such as [3; 4].</summary>
    public static string Text(ReadOnlySpan<int> shape) => "[" + string.Join("; ", shape.ToArray()) + "]";

    /// <summary>Strides as text, such as [4; 1].</summary>
    public static string Text(ReadOnlySpan<long> strides) => "[" + string.Join("; ", strides.ToArray()) + "]";
}
