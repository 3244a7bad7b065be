using System;
using System.Numerics;
using Hesse.Interop.Trees;
using CoreExact = Hesse.Exact;

namespace Hesse.Interop;

/// <summary>One program, other numbers: functions evaluated in exact fractions, in about 31 digits, or with bounds that hold.</summary>
/// <remarks>The function may contain any transformation. Operations without a form in these numbers are refused by name.</remarks>
public static class Exact
{
    /// <summary>The value of a polynomial or rational function in exact fractions.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>All elements of f(x), in lowest terms with a positive denominator.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The graph contains an operation that these numbers do not have, or an element is out of its domain.</exception>
    public static (BigInteger Numerator, BigInteger Denominator)[] Rational(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Array.ConvertAll(CoreExact.rational(Adapter.ToCore(f), x.Core), r => (r.Numerator, r.Denominator));
    }

    /// <summary>The value of a polynomial or rational function in exact fractions.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>All elements of f(x), in lowest terms with a positive denominator.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The graph contains an operation that these numbers do not have, or an element is out of its domain.</exception>
    public static (BigInteger Numerator, BigInteger Denominator)[] Rational<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Array.ConvertAll(CoreExact.rational(Adapter.ToCore(f), ObjectTree.Flatten(x)), r => (r.Numerator, r.Denominator));
    }

    /// <summary>The value of a function in numbers of about 31 digits.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>All elements of f(x), each as the unevaluated sum of two numbers.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The graph contains an operation that these numbers do not have, or an element is out of its domain.</exception>
    public static (double High, double Low)[] DoubleDouble(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Array.ConvertAll(CoreExact.doubleDouble(Adapter.ToCore(f), x.Core), d => (d.High, d.Low));
    }

    /// <summary>The value of a function in numbers of about 31 digits.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>All elements of f(x), each as the unevaluated sum of two numbers.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The graph contains an operation that these numbers do not have, or an element is out of its domain.</exception>
    public static (double High, double Low)[] DoubleDouble<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Array.ConvertAll(CoreExact.doubleDouble(Adapter.ToCore(f), ObjectTree.Flatten(x)), d => (d.High, d.Low));
    }

    /// <summary>Bounds on the value of a function: every operation rounds outwards.</summary>
    /// <param name="f">From any shape to any shape.</param>
    /// <param name="x">Where.</param>
    /// <returns>Intervals that hold all elements of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The graph contains an operation that these numbers do not have, or an element is out of its domain.</exception>
    public static (double Lower, double Upper)[] Interval(Func<Tensor, Tensor> f, Tensor x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Array.ConvertAll(CoreExact.interval(Adapter.ToCore(f), x.Core), i => (i.Lower, i.Upper));
    }

    /// <summary>Bounds on the value of a function: every operation rounds outwards.</summary>
    /// <typeparam name="T">A tree: see <see cref="Diff"/>.</typeparam>
    /// <param name="f">From a tree to a tensor.</param>
    /// <param name="x">Where; P tensor elements in all.</param>
    /// <returns>Intervals that hold all elements of f(x).</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="HesseException">The graph contains an operation that these numbers do not have, or an element is out of its domain.</exception>
    public static (double Lower, double Upper)[] Interval<T>(Func<T, Tensor> f, T x)
    {
        ArgumentNullException.ThrowIfNull(f);
        ArgumentNullException.ThrowIfNull(x);
        return Array.ConvertAll(CoreExact.interval(Adapter.ToCore(f), ObjectTree.Flatten(x)), i => (i.Lower, i.Upper));
    }
}
