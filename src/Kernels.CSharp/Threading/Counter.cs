using System.Runtime.InteropServices;

namespace Hesse.Kernels;

/// <summary>A number on cache lines of its own, so that threads which write others do not slow its readers down.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct Counter
{
    [FieldOffset(0)]
    public long Value;
}
