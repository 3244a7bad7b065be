using System;

namespace Hesse.Kernels;

/// <summary>Contiguous fills and copies of any length.</summary>
internal static unsafe class Memory
{
    /// <summary>Spans hold at most this many doubles at once.</summary>
    private const int Chunk = 1 << 28;

    /// <summary>Writes <paramref name="value"/> to every element.</summary>
    public static void Fill(double* dst, long count, double value)
    {
        for (long done = 0; done < count; done += Chunk)
        {
            new Span<double>(dst + done, (int)Math.Min(Chunk, count - done)).Fill(value);
        }
    }

    /// <summary>Copies; the regions may overlap.</summary>
    public static void Copy(double* src, double* dst, long count) =>
        Buffer.MemoryCopy(src, dst, count * sizeof(double), count * sizeof(double));
}
