using System;
using System.Collections.Generic;
using System.Linq;

namespace Hesse.Kernels;

/// <summary>A fused program as trees: an operation whose value only one other reads becomes a part of that one.</summary>
/// <remarks>Values are numbered: the inputs first, then that of every instruction. No operation changes, nor its operands, so results have
/// the same bits.</remarks>
internal sealed class ExpressionTrees
{
    private readonly int inputs;
    private readonly TileInstruction[] program;
    private readonly TileOutput[] outputs;

    /// <summary>Numbers of the values that an instruction reads, as many as its operation has operands.</summary>
    private readonly int[][] operands;

    private readonly int[] uses;
    private readonly Expression?[] trees;
    private readonly bool[] isPart;

    private ExpressionTrees(int inputs, TileInstruction[] program, TileOutput[] outputs)
    {
        this.inputs = inputs;
        this.program = program;
        operands = new int[program.Length][];
        uses = new int[inputs + program.Length];
        trees = new Expression?[program.Length];
        isPart = new bool[program.Length];
        Dictionary<int, int> valueOf = [];
        for (int p = 0; p < program.Length; p++)
        {
            TileInstruction step = program[p];
            int[] read = [.. new[] { step.A, step.B, step.C }.Take(TileKernels.Arity(step.Op)).Select(Value)];
            operands[p] = read;
            foreach (int value in read)
            {
                uses[value]++;
            }

            valueOf[step.Dst] = inputs + p;
        }

        this.outputs = Array.ConvertAll(outputs, output => output with { Register = Value(output.Register) });
        foreach (TileOutput output in this.outputs)
        {
            // Never a part: it must be written somewhere.
            uses[output.Register] += 2;
        }

        for (int p = 0; p < program.Length; p++)
        {
            trees[p] = Expression.Has(program[p].Op) ? Tree(p) : null;
        }

        int Value(int register) => valueOf.GetValueOrDefault(register, register);
    }

    /// <summary>The trees of a program.</summary>
    public static ExpressionTrees Of(int inputs, TileInstruction[] program, TileOutput[] outputs) => new(inputs, program, outputs);

    /// <summary>Compiles the trees.</summary>
    /// <param name="isUniform">Whether a register is the same everywhere.</param>
    /// <returns>The works in order, the outputs with their new registers, and the number of registers.</returns>
    public (TileWork[] Works, TileOutput[] Outputs, int Registers) Compile(Predicate<int> isUniform)
    {
        List<TileWork> works = [];
        int[] register = [.. Enumerable.Range(0, inputs + program.Length)];
        for (int p = 0; p < program.Length; p++)
        {
            if (isPart[p])
            {
                continue;
            }

            int target = inputs + works.Count;
            register[inputs + p] = target;
            Expression? tree = trees[p];
            if (tree is not null && (tree.Operations > 1 || tree.Registers.Any(r => isUniform(r))))
            {
                ExpressionKernel kernel = tree.Compile(isUniform);
                works.Add(new TileWork(program[p].Op, Array.ConvertAll(tree.Registers, r => register[r]), target, kernel));
            }
            else
            {
                int[] read = Array.ConvertAll(operands[p], value => register[value]);
                int[] three = [read[0], read.Length > 1 ? read[1] : read[0], read.Length > 2 ? read[2] : read[0]];
                works.Add(new TileWork(program[p].Op, three, target, null));
            }
        }

        return ([.. works], Array.ConvertAll(outputs, o => o with { Register = register[o.Register] }), inputs + works.Count);
    }

    /// <summary>An instruction with what only it reads, as far as that fits.</summary>
    private Expression Tree(int p)
    {
        Expression[] parts = Array.ConvertAll(operands[p], value => new Expression(value));
        Expression tree = new(program[p].Op, parts);
        for (int k = 0; k < parts.Length; k++)
        {
            int inner = operands[p][k] - inputs;
            if (inner < 0 || uses[operands[p][k]] > 1 || trees[inner] is not Expression part)
            {
                continue;
            }

            Expression[] widened = [.. parts];
            widened[k] = part;
            Expression candidate = new(program[p].Op, widened);
            if (candidate.Fits)
            {
                (parts, tree) = (widened, candidate);
                isPart[inner] = true;
            }
        }

        return tree;
    }
}
