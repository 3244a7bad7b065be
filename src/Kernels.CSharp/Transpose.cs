using System;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>Cache-blocked transpose of a matrix.</summary>
internal static unsafe class Transpose
{
    /// <summary>Block edge: 32 × 32 doubles are 8 KiB on each side, so that both fit the nearest cache.</summary>
    private const int Block = 32;

    /// <summary>target[i, j] = source[j, i] for i in [0, rows), j in [0, columns); both with unit inner stride.</summary>
    public static void Run<T>(T* source, long sourceStride, T* target, long targetStride, int rows, int columns)
        where T : unmanaged
    {
        for (int i = 0; i < rows; i += Block)
        {
            int height = Math.Min(Block, rows - i);
            for (int j = 0; j < columns; j += Block)
            {
                RunBlock(
                    source + (j * sourceStride) + i,
                    sourceStride,
                    target + (i * targetStride) + j,
                    targetStride,
                    height,
                    Math.Min(Block, columns - j));
            }
        }
    }

    private static void RunBlock<T>(T* source, long ss, T* target, long ts, int rows, int columns)
        where T : unmanaged
    {
        int full = 0;
        if (Avx.IsSupported && (typeof(T) == typeof(double) || typeof(T) == typeof(float)))
        {
            for (; full + 4 <= rows; full += 4)
            {
                int j = 0;
                for (; j + 4 <= columns; j += 4)
                {
                    T* from = source + (j * ss) + full;
                    T* to = target + (full * ts) + j;
                    if (typeof(T) == typeof(float))
                    {
                        Square((float*)from, ss, (float*)to, ts);
                    }
                    else
                    {
                        Square((double*)from, ss, (double*)to, ts);
                    }
                }

                for (; j < columns; j++)
                {
                    for (int i = full; i < full + 4; i++)
                    {
                        target[(i * ts) + j] = source[(j * ss) + i];
                    }
                }
            }
        }

        for (int i = full; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                target[(i * ts) + j] = source[(j * ss) + i];
            }
        }
    }

    private static void Square(double* source, long ss, double* target, long ts)
    {
        Vector256<double> r0 = Vector256.Load(source);
        Vector256<double> r1 = Vector256.Load(source + ss);
        Vector256<double> r2 = Vector256.Load(source + (2 * ss));
        Vector256<double> r3 = Vector256.Load(source + (3 * ss));
        Vector256<double> low01 = Avx.UnpackLow(r0, r1);
        Vector256<double> high01 = Avx.UnpackHigh(r0, r1);
        Vector256<double> low23 = Avx.UnpackLow(r2, r3);
        Vector256<double> high23 = Avx.UnpackHigh(r2, r3);
        Avx.Permute2x128(low01, low23, 0x20).Store(target);
        Avx.Permute2x128(high01, high23, 0x20).Store(target + ts);
        Avx.Permute2x128(low01, low23, 0x31).Store(target + (2 * ts));
        Avx.Permute2x128(high01, high23, 0x31).Store(target + (3 * ts));
    }

    private static void Square(float* source, long ss, float* target, long ts)
    {
        Vector128<float> r0 = Vector128.Load(source);
        Vector128<float> r1 = Vector128.Load(source + ss);
        Vector128<float> r2 = Vector128.Load(source + (2 * ss));
        Vector128<float> r3 = Vector128.Load(source + (3 * ss));
        Vector128<float> low02 = Sse.UnpackLow(r0, r2);
        Vector128<float> high02 = Sse.UnpackHigh(r0, r2);
        Vector128<float> low13 = Sse.UnpackLow(r1, r3);
        Vector128<float> high13 = Sse.UnpackHigh(r1, r3);
        Sse.UnpackLow(low02, low13).Store(target);
        Sse.UnpackHigh(low02, low13).Store(target + ts);
        Sse.UnpackLow(high02, high13).Store(target + (2 * ts));
        Sse.UnpackHigh(high02, high13).Store(target + (3 * ts));
    }
}
