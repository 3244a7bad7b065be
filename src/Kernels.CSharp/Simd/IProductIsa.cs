namespace Hesse.Kernels;

/// <summary>The vector instructions of sums of products, for one register width and element type.</summary>
/// <typeparam name="V">Register, such as <see cref="System.Runtime.Intrinsics.Vector256{T}"/> of float.</typeparam>
/// <typeparam name="T">Element: double or float.</typeparam>
internal unsafe interface IProductIsa<V, T>
    where V : struct
    where T : unmanaged
{
    /// <summary>Elements per register.</summary>
    static abstract int Width { get; }

    static abstract V Load(T* source);

    static abstract void Store(V value, T* target);

    static abstract V All(T value);

    static abstract V Add(V a, V b);

    static abstract V Mul(V a, V b);

    /// <summary>a · b + c, rounded once where the machine has the instruction.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>Sum of the elements, in a fixed order.</summary>
    static abstract T Sum(V a);
}
