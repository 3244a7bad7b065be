using System;
using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>A checked program of micro-operations, with its registers assigned to tile buffers by liveness.</summary>
internal sealed class FusedProgram
{
    /// <summary>Doubles of the nearest cache that a tile's buffers should fill: 24 of the usual 32 KiB or more.</summary>
    private const int CacheBudget = 3072;

    private const int MinTile = 128;

    private const int MaxTile = 1024;

    public FusedProgram(TileView[] views, TileInstruction[] program, TileOutput[] outputs)
    {
        int inputs = views.Length;
        Registers = inputs;
        foreach (TileInstruction step in program)
        {
            Registers = Math.Max(Registers, step.Dst + 1);
        }

        Outputs = [.. outputs];
        BufferOf = new int[Registers];
        FirstWrite = new int[Registers];
        LastRead = new int[Registers];
        IsDirect = new bool[outputs.Length];
        Array.Fill(BufferOf, -1);
        Array.Fill(FirstWrite, -1);
        Array.Fill(LastRead, -1);
        Instructions = new TileInstruction[program.Length];
        for (int p = 0; p < program.Length; p++)
        {
            Instructions[p] = Check(program[p], p, inputs);
        }

        CheckOutputs(inputs);
        AssignBuffers(views);
    }

    /// <summary>Instructions with unused operands set to the first operand, so that every register number is valid.</summary>
    public TileInstruction[] Instructions { get; }

    public TileOutput[] Outputs { get; }

    /// <summary>Number of registers, inputs included.</summary>
    public int Registers { get; }

    /// <summary>Tile buffer of a register; -1 when it lives in a slot.</summary>
    public int[] BufferOf { get; }

    /// <summary>Number of tile buffers.</summary>
    public int Buffers { get; private set; }

    /// <summary>Index of the first instruction that writes a register; -1 for inputs.</summary>
    public int[] FirstWrite { get; }

    /// <summary>Index of the last instruction that reads a register; the program length when it is copied to an output.</summary>
    public int[] LastRead { get; }

    /// <summary>Whether an output is computed in its slot instead of copied there.</summary>
    public bool[] IsDirect { get; }

    /// <summary>Operations per element that compute something.</summary>
    public int Arithmetic { get; private set; }

    /// <summary>Elements per tile: what the cache budget allows, rounded to the period of repeating inputs.</summary>
    public int TileLength(TileView[] views, long count)
    {
        int streams = Math.Max(1, Buffers + Array.FindAll(views, view => view.IsInPlace).Length);
        int tile = Math.Clamp(CacheBudget / streams / 64 * 64, MinTile, MaxTile);
        foreach (TileView view in views)
        {
            if (view.Period > 0 && view.Period <= MaxTile)
            {
                int period = (int)view.Period;
                tile = period * Math.Max(1, tile / period);
                break;
            }
        }

        return (int)Math.Max(1, Math.Min(tile, count));
    }

    private TileInstruction Check(TileInstruction step, int position, int inputs)
    {
        int arity = TileKernels.Arity(step.Op);
        TileInstruction full = step with
        {
            B = arity > 1 ? step.B : step.A,
            C = arity > 2 ? step.C : step.A,
        };
        foreach (int operand in (ReadOnlySpan<int>)[full.A, full.B, full.C])
        {
            if (operand < 0 || operand >= Registers || (operand >= inputs && FirstWrite[operand] < 0))
            {
                throw new ArgumentException(
                    $"fused loop: instruction {position} ({step.Op}) reads register {operand}, which is neither one of the {inputs} "
                    + "inputs nor written before; order the instructions so that values are computed first.");
            }

            LastRead[operand] = position;
        }

        if (full.Dst < inputs)
        {
            throw new ArgumentException(
                $"fused loop: instruction {position} ({step.Op}) writes register {full.Dst}, which is one of the {inputs} inputs; "
                + "write to a temporary register.");
        }

        if (FirstWrite[full.Dst] < 0)
        {
            FirstWrite[full.Dst] = position;
        }

        Arithmetic += step.Op is TileOp.Copy or TileOp.Widen or TileOp.Narrow ? 0 : 1;
        return full;
    }

    private void CheckOutputs(int inputs)
    {
        HashSet<int> slots = [];
        HashSet<int> placed = [];
        for (int o = 0; o < Outputs.Length; o++)
        {
            TileOutput output = Outputs[o];
            bool known = output.Register >= 0 && output.Register < Registers
                && (output.Register < inputs || FirstWrite[output.Register] >= 0);
            if (!known)
            {
                throw new ArgumentException(
                    $"fused loop: output {o} asks for register {output.Register}, which is never written; "
                    + "name an input or a written register.");
            }

            if (output.Slot < 0 || !slots.Add(output.Slot))
            {
                throw new ArgumentException(
                    $"fused loop: output {o} has slot {output.Slot}; slots must be at least 0 and differ between outputs.");
            }

            if (output.Run < 0 || output.Pitch < output.Run || (output.Run > 0 && output.IsSingle))
            {
                throw new ArgumentException(
                    $"fused loop: output {o} has runs of {output.Run} elements every {output.Pitch}; "
                    + "runs must not overlap, and are float64.");
            }

            IsDirect[o] = !output.IsSingle && output.Run == 0 && output.Register >= inputs && placed.Add(output.Register);
            if (!IsDirect[o])
            {
                LastRead[output.Register] = Instructions.Length;
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
        for (int p = 0; p < Instructions.Length; p++)
        {
            lastUse[Instructions[p].Dst] = Math.Max(lastUse[Instructions[p].Dst], p);
        }

        foreach (TileOutput output in Outputs)
        {
            lastUse[output.Register] = Instructions.Length;
        }

        Stack<int> free = [];
        for (int p = 0; p < Instructions.Length; p++)
        {
            TileInstruction step = Instructions[p];
            Release(step.A);
            Release(step.B);
            Release(step.C);
            if (BufferOf[step.Dst] < 0)
            {
                BufferOf[step.Dst] = free.Count > 0 ? free.Pop() : Buffers++;
            }

            Release(step.Dst);

            void Release(int register)
            {
                if (register >= views.Length && lastUse[register] == p && BufferOf[register] >= 0)
                {
                    free.Push(BufferOf[register]);
                    lastUse[register] = -1;
                }
            }
        }
    }
}
