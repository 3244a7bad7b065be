using System;
using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>A checked program of micro-operations.</summary>
internal sealed class FusedProgram
{
    /// <summary>Doubles of the nearest cache that a tile's buffers should fill: 24 of the usual 32 KiB or more.</summary>
    private const int CacheBudget = 3072;

    private const int MinTile = 128;

    private const int MaxTile = 1024;

    private readonly TileView[] views;
    private readonly TileOutput[] outputs;
    private readonly int registers;

    public FusedProgram(TileView[] views, TileInstruction[] program, TileOutput[] outputs)
    {
        this.views = views;
        this.outputs = [.. outputs];
        registers = views.Length;
        foreach (TileInstruction step in program)
        {
            registers = Math.Max(registers, step.Dst + 1);
        }

        bool[] written = new bool[registers];
        Array.Fill(written, true, 0, views.Length);
        Instructions = new TileInstruction[program.Length];
        for (int p = 0; p < program.Length; p++)
        {
            Instructions[p] = Check(program[p], p, written);
        }

        CheckOutputs(written);
        OneByOne = new FusedKernels(views, Array.ConvertAll(Instructions, TileWork.Of), this.outputs, registers);
    }

    /// <summary>Instructions with unused operands set to the first operand, so that every register number is valid.</summary>
    public TileInstruction[] Instructions { get; }

    public ReadOnlySpan<TileOutput> Outputs => outputs;

    /// <summary>The program as a loop for every instruction.</summary>
    public FusedKernels OneByOne { get; }

    /// <summary>Operations per element that compute something.</summary>
    public int Arithmetic { get; private set; }

    /// <summary>Elements per tile: what the cache budget allows, rounded to the period of repeating inputs.</summary>
    public int TileLength(long count)
    {
        int streams = Math.Max(1, OneByOne.Buffers + Array.FindAll(views, view => view.IsInPlace).Length);
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

    /// <summary>The program with a loop for every tree of operations whose values nothing else reads, compiled for it.</summary>
    public FusedKernels Compile()
    {
        (TileWork[] works, TileOutput[] placed, int count) = ExpressionTrees.Of(views.Length, Instructions, outputs)
            .Compile(register => register < views.Length && views[register].IsUniform);
        return new FusedKernels(views, works, placed, count);
    }

    private TileInstruction Check(TileInstruction step, int position, bool[] written)
    {
        int arity = TileKernels.Arity(step.Op);
        TileInstruction full = step with
        {
            B = arity > 1 ? step.B : step.A,
            C = arity > 2 ? step.C : step.A,
        };
        foreach (int operand in (ReadOnlySpan<int>)[full.A, full.B, full.C])
        {
            if (operand < 0 || operand >= registers || !written[operand])
            {
                throw new ArgumentException(
                    $"fused loop: instruction {position} ({step.Op}) reads register {operand}, which is neither one of the {views.Length} "
                    + "inputs nor written before; order the instructions so that values are computed first.");
            }
        }

        if (full.Dst < views.Length)
        {
            throw new ArgumentException(
                $"fused loop: instruction {position} ({step.Op}) writes register {full.Dst}, which is one of the {views.Length} inputs; "
                + "write to a temporary register.");
        }

        written[full.Dst] = true;
        Arithmetic += step.Op is TileOp.Copy or TileOp.Widen or TileOp.Narrow ? 0 : 1;
        return full;
    }

    private void CheckOutputs(bool[] written)
    {
        HashSet<int> slots = [];
        for (int o = 0; o < outputs.Length; o++)
        {
            TileOutput output = outputs[o];
            if (output.Register < 0 || output.Register >= registers || !written[output.Register])
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
        }
    }
}
