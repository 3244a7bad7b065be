using System;
using System.Linq;
using Xunit;

namespace Hesse.Interop.Tests;

/// <summary>Comparison of tensors with numbers.</summary>
internal static class Near
{
    /// <summary>Elements agree to a tolerance relative to max(1, |expected|).</summary>
    public static void Equal(double[] expected, Tensor actual, double tolerance = 1e-12)
    {
        var values = actual.ToArray();
        Assert.Equal(expected.Length, values.Length);

        foreach (var (e, a) in expected.Zip(values))
        {
            Assert.True(Math.Abs(e - a) <= tolerance * Math.Max(1.0, Math.Abs(e)), $"expected {e:R}, got {a:R}");
        }
    }

    /// <summary>The same for two tensors, which must also have one shape.</summary>
    public static void Equal(Tensor expected, Tensor actual, double tolerance = 1e-12)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        Equal(expected.ToArray(), actual, tolerance);
    }

    public static void Equal(double expected, Tensor actual, double tolerance = 1e-12)
    {
        Assert.Empty(actual.Shape);
        Equal([expected], actual, tolerance);
    }
}
