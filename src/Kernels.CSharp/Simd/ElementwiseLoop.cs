using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>An elementwise operation of one, two or three operands, for any register width.</summary>
internal interface IElementwise
{
    /// <summary>Number of operands that are read.</summary>
    static abstract int Arity { get; }

    /// <summary>The operation; operands beyond the arity are unspecified.</summary>
    static abstract V Invoke<I, V>(V a, V b, V c)
        where I : struct, IVectorIsa<V>
        where V : struct;
}

/// <summary>The one loop behind every vectorised operation.</summary>
internal static unsafe class ElementwiseLoop
{
    /// <summary>Runs an operation with the widest registers of the machine.</summary>
    /// <remarks>
    /// AVX-512 is asked for directly: the JIT reports Vector512 as not accelerated on server processors that once lowered
    /// their clock for it, but the double-width registers win there for these compute-bound loops.
    /// </remarks>
    public static void Run<TOp>(double* a, double* b, double* c, double* dst, int n)
        where TOp : struct, IElementwise
    {
        if (Avx512DQ.IsSupported)
        {
            Run<TOp, Isa512, Vector512<double>>(a, b, c, dst, n);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Run<TOp, Isa256, Vector256<double>>(a, b, c, dst, n);
        }
        else
        {
            Run<TOp, Isa128, Vector128<double>>(a, b, c, dst, n);
        }
    }

    /// <summary>Runs an operation with a given register width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TOp, I, V>(double* a, double* b, double* c, double* dst, int n)
        where TOp : struct, IElementwise
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        int i = 0;
        for (; i <= n - I.Width; i += I.Width)
        {
            V x = I.Load(a + i);
            V y = TOp.Arity > 1 ? I.Load(b + i) : x;
            V z = TOp.Arity > 2 ? I.Load(c + i) : x;
            I.Store(TOp.Invoke<I, V>(x, y, z), dst + i);
        }

        if (i < n)
        {
            // The rest goes through padded registers, so that an element's value does not depend on its position.
            double* pad = stackalloc double[4 * I.Width];
            double* padB = pad + I.Width;
            double* padC = padB + I.Width;
            double* result = padC + I.Width;
            for (int j = 0; j < I.Width; j++)
            {
                bool inside = i + j < n;
                pad[j] = inside ? a[i + j] : 1.0;
                padB[j] = TOp.Arity > 1 && inside ? b[i + j] : 1.0;
                padC[j] = TOp.Arity > 2 && inside ? c[i + j] : 1.0;
            }

            I.Store(TOp.Invoke<I, V>(I.Load(pad), I.Load(padB), I.Load(padC)), result);
            for (int j = 0; i + j < n; j++)
            {
                dst[i + j] = result[j];
            }
        }
    }
}
