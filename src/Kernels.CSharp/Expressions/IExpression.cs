using System.Runtime.CompilerServices;

namespace Hesse.Kernels;

/// <summary>
/// An expression of elementwise operations, spelt as a type: <c>Binary&lt;MultiplyOp, First, Second&gt;</c> is a · b. The JIT compiles the loop
/// of each type with everything inlined, so that values between the operations stay in registers.
/// </summary>
internal unsafe interface IExpression
{
    /// <summary>Its value at elements i and those that follow in a register; operands that it does not read may be null.</summary>
    static abstract V Eval<I, V>(double* a, double* b, double* c, double* d, double* e, double* f, long i)
        where I : struct, IVectorIsa<V>
        where V : struct;
}

/// <summary>One of the operands.</summary>
internal interface IOperand
{
    /// <summary>Its number, 0 to 5.</summary>
    static abstract int Index { get; }
}

internal readonly struct First : IOperand
{
    public static int Index => 0;
}

internal readonly struct Second : IOperand
{
    public static int Index => 1;
}

internal readonly struct Third : IOperand
{
    public static int Index => 2;
}

internal readonly struct Fourth : IOperand
{
    public static int Index => 3;
}

internal readonly struct Fifth : IOperand
{
    public static int Index => 4;
}

internal readonly struct Sixth : IOperand
{
    public static int Index => 5;
}

/// <summary>The elements of an operand.</summary>
internal readonly unsafe struct Elements<TOperand> : IExpression
    where TOperand : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Eval<I, V>(double* a, double* b, double* c, double* d, double* e, double* f, long i)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        TOperand.Index switch
        {
            0 => I.Load(a + i),
            1 => I.Load(b + i),
            2 => I.Load(c + i),
            3 => I.Load(d + i),
            4 => I.Load(e + i),
            _ => I.Load(f + i),
        };
}

/// <summary>The only element of an operand, everywhere.</summary>
internal readonly unsafe struct Everywhere<TOperand> : IExpression
    where TOperand : struct, IOperand
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Eval<I, V>(double* a, double* b, double* c, double* d, double* e, double* f, long i)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        TOperand.Index switch
        {
            0 => I.All(*a),
            1 => I.All(*b),
            2 => I.All(*c),
            3 => I.All(*d),
            4 => I.All(*e),
            _ => I.All(*f),
        };
}

/// <summary>op(x).</summary>
internal readonly unsafe struct Unary<TOp, X> : IExpression
    where TOp : struct, IElementwise
    where X : struct, IExpression
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Eval<I, V>(double* a, double* b, double* c, double* d, double* e, double* f, long i)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V x = X.Eval<I, V>(a, b, c, d, e, f, i);
        return TOp.Invoke<I, V>(x, x, x);
    }
}

/// <summary>op(x, y).</summary>
internal readonly unsafe struct Binary<TOp, X, Y> : IExpression
    where TOp : struct, IElementwise
    where X : struct, IExpression
    where Y : struct, IExpression
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Eval<I, V>(double* a, double* b, double* c, double* d, double* e, double* f, long i)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        V x = X.Eval<I, V>(a, b, c, d, e, f, i);
        return TOp.Invoke<I, V>(x, Y.Eval<I, V>(a, b, c, d, e, f, i), x);
    }
}

/// <summary>op(x, y, z).</summary>
internal readonly unsafe struct Ternary<TOp, X, Y, Z> : IExpression
    where TOp : struct, IElementwise
    where X : struct, IExpression
    where Y : struct, IExpression
    where Z : struct, IExpression
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Eval<I, V>(double* a, double* b, double* c, double* d, double* e, double* f, long i)
        where I : struct, IVectorIsa<V>
        where V : struct =>
        TOp.Invoke<I, V>(
            X.Eval<I, V>(a, b, c, d, e, f, i),
            Y.Eval<I, V>(a, b, c, d, e, f, i),
            Z.Eval<I, V>(a, b, c, d, e, f, i));
}
