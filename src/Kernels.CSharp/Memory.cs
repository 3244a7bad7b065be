using System;

namespace Hesse.Kernels;

/// <summary>Contiguous fills and copies of any length.</summary>
internal static unsafe class Memory
{
    /// <summary>Spans hold at most this many elements at once.</summary>
    private const int Chunk = 1 << 28;

    /// <summary>Writes <paramref name="value"/> to every element.</summary>
    public static void Fill<T>(T* dst, long count, T value)
        where T : unmanaged
    {
        for (long done = 0; done < count; done += Chunk)
        {
            new Span<T>(dst + done, (int)Math.Min(Chunk, count - done)).Fill(value);
        }
    }

    /// <summary>Copies; the regions may overlap.</summary>
    public static void Copy<T>(T* src, T* dst, long count)
        where T : unmanaged =>
        Buffer.MemoryCopy(src, dst, count * sizeof(T), count * sizeof(T));
}
