namespace Hesse.Kernels;

/// <summary>What is done to a tile at a time: one operation, or a tree of them.</summary>
/// <param name="Op">The operation, if there is no kernel.</param>
/// <param name="Operands">Registers read: three for an operation, the last ones repeating the first; those of the tree else.</param>
/// <param name="Dst">Register written.</param>
/// <param name="Kernel">The loop of a tree.</param>
internal readonly record struct TileWork(TileOp Op, int[] Operands, int Dst, ExpressionKernel? Kernel)
{
    /// <summary>One operation.</summary>
    public static TileWork Of(TileInstruction step) => new(step.Op, [step.A, step.B, step.C], step.Dst, null);

    /// <summary>Does it.</summary>
    /// <param name="registers">Addresses of the registers.</param>
    /// <param name="operands">Room for the addresses of the operands of a tree.</param>
    /// <param name="length">Number of elements.</param>
    public unsafe void Run(double** registers, double** operands, int length)
    {
        int[] read = Operands;
        if (Kernel is null)
        {
            TileKernels.Run(Op, registers[read[0]], registers[read[1]], registers[read[2]], registers[Dst], length);
            return;
        }

        for (int k = 0; k < read.Length; k++)
        {
            operands[k] = registers[read[k]];
        }

        Kernel.Run(operands, registers[Dst], length);
    }
}
