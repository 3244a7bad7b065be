using System;
using System.Runtime.InteropServices;

namespace Hesse.Kernels;

/// <summary>Unmanaged float64 memory, aligned to a cache line, freed with its owner.</summary>
internal sealed unsafe class AlignedBuffer : IDisposable
{
    /// <summary>One cache line, and one AVX-512 register.</summary>
    public const int Alignment = 64;

    private double* pointer;

    /// <summary>Reserves memory with unspecified content.</summary>
    public AlignedBuffer(long length)
    {
        Length = length;
        nuint bytes = checked((nuint)Math.Max(length, 8) * sizeof(double));
        pointer = (double*)NativeMemory.AlignedAlloc(bytes, Alignment);
        ResultMemory.Ask(pointer, length * sizeof(double));
        if (length > 1 << 16)
        {
            GC.AddMemoryPressure(length * sizeof(double));
        }
    }

    /// <summary>Frees memory that was not disposed.</summary>
    ~AlignedBuffer() => Free();

    /// <summary>Capacity in doubles.</summary>
    public long Length { get; }

    /// <summary>First element; valid while this object is reachable.</summary>
    public double* Pointer => pointer;

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (pointer is null)
        {
            return;
        }

        NativeMemory.AlignedFree(pointer);
        pointer = null;
        if (Length > 1 << 16)
        {
            GC.RemoveMemoryPressure(Length * sizeof(double));
        }
    }
}
