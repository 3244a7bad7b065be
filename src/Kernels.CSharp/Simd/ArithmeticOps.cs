using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>-a.</summary>
internal readonly struct NegateOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Xor(a, I.AllBits(0x8000000000000000));
}

/// <summary>|a|.</summary>
internal readonly struct AbsoluteOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.AndNot(a, I.AllBits(0x8000000000000000));
}

/// <summary>√a.</summary>
internal readonly struct SquareRootOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Sqrt(a);
}

/// <summary>⌊a⌋.</summary>
internal readonly struct FloorOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Floor(a);
}

/// <summary>sign of a; ±0 and NaN stay.</summary>
internal readonly struct SignOp : IElementwise
{
    public static int Arity => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Select(I.Less(I.All(0.0), a), I.All(1.0), I.Select(I.Less(a, I.All(0.0)), I.All(-1.0), a));
}

/// <summary>a + b.</summary>
internal readonly struct AddOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Add(a, b);
}

/// <summary>a - b.</summary>
internal readonly struct SubtractOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Sub(a, b);
}

/// <summary>a · b.</summary>
internal readonly struct MultiplyOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Mul(a, b);
}

/// <summary>a / b.</summary>
internal readonly struct DivideOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Div(a, b);
}

/// <summary>max(a, b).</summary>
internal readonly struct MaximumOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Max(a, b);
}

/// <summary>min(a, b).</summary>
internal readonly struct MinimumOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Min(a, b);
}

/// <summary>a &gt; b.</summary>
internal readonly struct GreaterOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.And(I.Less(b, a), I.All(1.0));
}

/// <summary>a ≥ b.</summary>
internal readonly struct GreaterEqualOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.And(I.LessOrEqual(b, a), I.All(1.0));
}

/// <summary>a = b.</summary>
internal readonly struct EqualOp : IElementwise
{
    public static int Arity => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.And(I.Equal(a, b), I.All(1.0));
}

/// <summary>a ≠ 0 ? b : c.</summary>
internal readonly struct SelectOp : IElementwise
{
    public static int Arity => 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        I.Select(I.Equal(a, I.All(0.0)), c, b);
}
