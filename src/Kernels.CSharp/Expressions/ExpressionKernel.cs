using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Hesse.Kernels;

/// <summary>The loop of an expression over runs of elements.</summary>
internal abstract unsafe class ExpressionKernel
{
    /// <summary>Operands that an expression can have.</summary>
    public const int MaxOperands = 6;

    /// <summary>dst[i] = expression(a[i], …, f[i]) for i in [0, n); dst may be exactly an operand.</summary>
    /// <param name="operands">Addresses of the operands; of those that are the same everywhere one element is read.</param>
    /// <param name="dst">Result.</param>
    /// <param name="n">Number of elements.</param>
    public abstract void Run(double** operands, double* dst, int n);
}

/// <inheritdoc/>
/// <typeparam name="TExpression">The expression.</typeparam>
/// <param name="count">Number of its operands.</param>
/// <param name="everywhere">Bit k is set when operand k is the same everywhere.</param>
internal sealed unsafe class ExpressionKernel<TExpression>(int count, int everywhere) : ExpressionKernel
    where TExpression : struct, IExpression
{
    /// <inheritdoc/>
    public override void Run(double** operands, double* dst, int n)
    {
        if (Avx512DQ.IsSupported)
        {
            Run<Isa512, Vector512<double>>(operands, dst, n);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Run<Isa256, Vector256<double>>(operands, dst, n);
        }
        else
        {
            Run<Isa128, Vector128<double>>(operands, dst, n);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Run<I, V>(double** operands, double* dst, int n)
        where I : struct, IVectorIsa<V>
        where V : struct
    {
        double* a = operands[0], b = operands[1], c = operands[2], d = operands[3], e = operands[4], f = operands[5];
        int i = 0;
        for (; i <= n - I.Width; i += I.Width)
        {
            I.Store(TExpression.Eval<I, V>(a, b, c, d, e, f, i), dst + i);
        }

        if (i < n)
        {
            // The rest goes through padded registers, so that an element's value does not depend on its position.
            double* pads = stackalloc double[MaxOperands * I.Width];
            double* result = stackalloc double[I.Width];
            new Span<double>(pads, MaxOperands * I.Width).Fill(1.0);
            for (int k = 0; k < count; k++)
            {
                bool isOne = (everywhere & (1 << k)) != 0;
                double* source = operands[k] + (isOne ? 0 : i);
                for (int j = 0; j < (isOne ? 1 : n - i); j++)
                {
                    pads[(k * I.Width) + j] = source[j];
                }
            }

            I.Store(
                TExpression.Eval<I, V>(
                    pads, pads + I.Width, pads + (2 * I.Width), pads + (3 * I.Width), pads + (4 * I.Width), pads + (5 * I.Width), 0),
                result);
            for (int j = 0; i + j < n; j++)
            {
                dst[i + j] = result[j];
            }
        }
    }
}
