using System;
using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>The loops of a fused program in order, with its registers assigned to tile buffers by liveness.</summary>
internal sealed class FusedKernels
{
    public FusedKernels(TileView[] views, TileWork[] works, TileOutput[] outputs, int registers)
    {
        Works = works;
        Outputs = outputs;
        Registers = registers;
        BufferOf = new int[registers];
        FirstWrite = new int[registers];
        LastRead = new int[registers];
        IsDirect = new bool[outputs.Length];
        IsWhole = new bool[views.Length];
        Array.Fill(BufferOf, -1);
        Array.Fill(FirstWrite, -1);
        Array.Fill(LastRead, -1);
        for (int p = 0; p < works.Length; p++)
        {
            foreach (int operand in works[p].Operands)
            {
                LastRead[operand] = p;
                if (operand < views.Length && works[p].Kernel is null)
                {
                    IsWhole[operand] = true;
                }
            }

            if (FirstWrite[works[p].Dst] < 0)
            {
                FirstWrite[works[p].Dst] = p;
            }
        }

        PlaceOutputs(views.Length);
        AssignBuffers(views);
    }

    /// <summary>What is done, in order.</summary>
    public TileWork[] Works { get; }

    public TileOutput[] Outputs { get; }

    /// <summary>Number of registers, inputs included.</summary>
    public int Registers { get; }

    /// <summary>Tile buffer of a register; -1 when it lives in a slot.</summary>
    public int[] BufferOf { get; }

    /// <summary>Number of tile buffers.</summary>
    public int Buffers { get; private set; }

    /// <summary>Index of the first work that writes a register; -1 for inputs.</summary>
    public int[] FirstWrite { get; }

    /// <summary>Index of the last work that reads a register; their number when it is copied to an output.</summary>
    public int[] LastRead { get; }

    /// <summary>Whether an output is computed in its slot instead of copied there.</summary>
    public bool[] IsDirect { get; }

    /// <summary>Whether an input that is the same everywhere is read as a whole tile, and not only its first element.</summary>
    public bool[] IsWhole { get; }

    private void PlaceOutputs(int inputs)
    {
        HashSet<int> placed = [];
        for (int o = 0; o < Outputs.Length; o++)
        {
            TileOutput output = Outputs[o];
            IsDirect[o] = !output.IsSingle && output.Run == 0 && output.Register >= inputs && placed.Add(output.Register);
            if (!IsDirect[o])
            {
                LastRead[output.Register] = Works.Length;
            }

            if (output.Register < inputs)
            {
                IsWhole[output.Register] = true;
            }
        }
    }

    /// <summary>
    /// Gives every input that must be gathered a buffer of its own, and temporaries the fewest buffers such that values
    /// alive together do not share one. Outputs keep a buffer for the run in which they cannot be computed in place.
    /// </summary>
    private void AssignBuffers(TileView[] views)
    {
        for (int i = 0; i < views.Length; i++)
        {
            if (!views[i].IsInPlace)
            {
                BufferOf[i] = Buffers++;
            }
        }

        int[] lastUse = [.. LastRead];
        for (int p = 0; p < Works.Length; p++)
        {
            lastUse[Works[p].Dst] = Math.Max(lastUse[Works[p].Dst], p);
        }

        foreach (TileOutput output in Outputs)
        {
            lastUse[output.Register] = Works.Length;
        }

        Stack<int> free = [];
        for (int p = 0; p < Works.Length; p++)
        {
            TileWork work = Works[p];
            foreach (int operand in work.Operands)
            {
                Release(operand, p);
            }

            if (BufferOf[work.Dst] < 0)
            {
                BufferOf[work.Dst] = free.Count > 0 ? free.Pop() : Buffers++;
            }

            Release(work.Dst, p);
        }

        void Release(int register, int position)
        {
            if (register >= views.Length && lastUse[register] == position && BufferOf[register] >= 0)
            {
                free.Push(BufferOf[register]);
                lastUse[register] = -1;
            }
        }
    }
}
