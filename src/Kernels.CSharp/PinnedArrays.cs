using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hesse.Kernels;

/// <summary>Reusable pinning handles: pinning an array again allocates nothing.</summary>
internal sealed unsafe class PinnedArrays
{
    private PinnedGCHandle<double[]?>[] handles;

    /// <summary>Makes the handles for a number of arrays.</summary>
    public PinnedArrays(int count)
    {
        handles = [];
        Grow(count);
    }

    /// <summary>Frees the handles.</summary>
    ~PinnedArrays()
    {
        foreach (PinnedGCHandle<double[]?> handle in handles)
        {
            handle.Dispose();
        }
    }

    /// <summary>Makes room for at least <paramref name="count"/> arrays.</summary>
    public void Grow(int count)
    {
        int old = handles.Length;
        if (old >= count)
        {
            return;
        }

        Array.Resize(ref handles, count);
        for (int i = old; i < count; i++)
        {
            handles[i] = new PinnedGCHandle<double[]?>(null);
        }
    }

    /// <summary>Pins an array until <see cref="Release"/> and returns the address of its first element.</summary>
    public double* Pin(int index, double[] array)
    {
        handles[index].Target = array;
        return (double*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
    }

    /// <summary>Unpins the first <paramref name="count"/> arrays.</summary>
    public void Release(int count)
    {
        for (int i = 0; i < count; i++)
        {
            handles[i].Target = null;
        }
    }
}
