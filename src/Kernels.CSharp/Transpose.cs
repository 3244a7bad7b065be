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
    public static void Run(double* source, long sourceStride, double* target, long targetStride, int rows, int columns)
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

    private static void RunBlock(double* source, long ss, double* target, long ts, int rows, int columns)
    {
        int full = 0;
        if (Avx.IsSupported)
        {
            for (; full + 4 <= rows; full += 4)
            {
                int j = 0;
                for (; j + 4 <= columns; j += 4)
                {
                    Square(source + (j * ss) + full, ss, target + (full * ts) + j, ts);
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
}
