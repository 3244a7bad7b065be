using System;

namespace Hesse.Kernels;

/// <summary>
/// Growing scratch memory of the current thread. Steps do not nest, so all steps of a thread share it: it stays in the
/// nearest cache, and steps need no memory of their own. The matrix product has its own region because steps call it.
/// </summary>
internal static unsafe class Scratch
{
    [ThreadStatic]
    private static AlignedBuffer? step;

    [ThreadStatic]
    private static AlignedBuffer? product;

    /// <summary>At least <paramref name="length"/> doubles for the running step.</summary>
    public static double* ForStep(long length) => Rent(ref step, length);

    /// <summary>At least <paramref name="length"/> elements for packed panels.</summary>
    public static T* ForProduct<T>(long length)
        where T : unmanaged =>
        (T*)Rent(ref product, ((length * sizeof(T)) + sizeof(double) - 1) / sizeof(double));

    private static double* Rent(ref AlignedBuffer? buffer, long length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            buffer = new AlignedBuffer(Math.Max(length, 4096));
        }

        return buffer.Pointer;
    }
}
