using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>e^a.</summary>
internal readonly struct ExpOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Exponential.Exp<I, V>(a);
}

/// <summary>e^a - 1.</summary>
internal readonly struct Expm1Op : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Exponential.Expm1<I, V>(a);
}

/// <summary>tanh a.</summary>
internal readonly struct TanhOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Exponential.Tanh<I, V>(a);
}

/// <summary>1 / (1 + e^-a).</summary>
internal readonly struct SigmoidOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Exponential.Sigmoid<I, V>(a);
}

/// <summary>log a.</summary>
internal readonly struct LogOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Logarithm.Log<I, V>(a);
}

/// <summary>log(1 + a).</summary>
internal readonly struct Log1pOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Logarithm.Log1p<I, V>(a);
}

/// <summary>erf a.</summary>
internal readonly struct ErfOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        ErrorFunction.Erf<I, V>(a);
}

/// <summary>sin a, for moderate a.</summary>
internal readonly struct SinOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Trigonometric.Sin<I, V>(a);
}

/// <summary>cos a, for moderate a.</summary>
internal readonly struct CosOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        Trigonometric.Cos<I, V>(a);
}

/// <summary>log(1 + e^a) as max(a, 0) + log(1 + e^-|a|).</summary>
internal readonly struct SoftplusOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Add(I.Max(a, I.All(0.0)), Logarithm.Log1p<I, V>(Exponential.Exp<I, V>(I.Or(a, I.All(-0.0)))));
}
