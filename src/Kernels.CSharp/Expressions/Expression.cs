using System;
using System.Collections.Generic;
using System.Linq;

namespace Hesse.Kernels;

/// <summary>A tree of elementwise operations over the registers of a fused loop.</summary>
internal sealed class Expression
{
    /// <summary>Operations in a tree: enough for the chains that derivatives make, few enough for the registers of the machine.</summary>
    public const int MaxOperations = 12;

    private static readonly Type[] OperandTypes =
        [typeof(First), typeof(Second), typeof(Third), typeof(Fourth), typeof(Fifth), typeof(Sixth)];

    private readonly TileOp op;
    private readonly Expression[] parts;

    /// <summary>A register as it is.</summary>
    /// <param name="register">Its number.</param>
    public Expression(int register)
    {
        op = TileOp.Copy;
        parts = [];
        Registers = [register];
    }

    /// <summary>An operation.</summary>
    /// <param name="op">One that <see cref="Has"/>.</param>
    /// <param name="parts">Its operands, as many as it has.</param>
    public Expression(TileOp op, Expression[] parts)
    {
        this.op = op;
        this.parts = parts;
        Operations = 1 + parts.Sum(p => p.Operations);
        HeavyOperations = (TileKernels.Time(op) >= 1 ? 1 : 0) + parts.Sum(p => p.HeavyOperations);
        Registers = [.. parts.SelectMany(p => p.Registers).Distinct()];
    }

    /// <summary>The registers that it reads, each once.</summary>
    public int[] Registers { get; }

    /// <summary>Number of operations.</summary>
    public int Operations { get; }

    /// <summary>Number of operations that take many instructions.</summary>
    public int HeavyOperations { get; }

    /// <summary>Whether the tree fits one loop.</summary>
    public bool Fits =>
        Operations <= MaxOperations && Registers.Length <= ExpressionKernel.MaxOperands && HeavyOperations <= 1;

    /// <summary>Whether an operation has a vector form.</summary>
    public static bool Has(TileOp op) => TypeOf(op) is not null;

    /// <summary>Makes the loop.</summary>
    /// <param name="isUniform">Whether a register is the same everywhere.</param>
    public ExpressionKernel Compile(Predicate<int> isUniform)
    {
        int everywhere = 0;
        for (int k = 0; k < Registers.Length; k++)
        {
            everywhere |= isUniform(Registers[k]) ? 1 << k : 0;
        }

        Type kernel = typeof(ExpressionKernel<>).MakeGenericType(TypeIn(Registers, isUniform));
        return (ExpressionKernel)Activator.CreateInstance(kernel, Registers.Length, everywhere)!;
    }

    private Type TypeIn(int[] operands, Predicate<int> isUniform)
    {
        if (parts.Length == 0)
        {
            Type operand = OperandTypes[Array.IndexOf(operands, Registers[0])];
            return (isUniform(Registers[0]) ? typeof(Everywhere<>) : typeof(Elements<>)).MakeGenericType(operand);
        }

        List<Type> arguments = [TypeOf(op)!];
        arguments.AddRange(parts.Select(p => p.TypeIn(operands, isUniform)));
        return (parts.Length switch { 1 => typeof(Unary<,>), 2 => typeof(Binary<,,>), _ => typeof(Ternary<,,,>) })
            .MakeGenericType([.. arguments]);
    }

    private static Type? TypeOf(TileOp op) => op switch
    {
        TileOp.Neg => typeof(NegateOp),
        TileOp.Abs => typeof(AbsoluteOp),
        TileOp.Sqrt => typeof(SquareRootOp),
        TileOp.Floor => typeof(FloorOp),
        TileOp.Sign => typeof(SignOp),
        TileOp.Add => typeof(AddOp),
        TileOp.Sub => typeof(SubtractOp),
        TileOp.Mul => typeof(MultiplyOp),
        TileOp.Div => typeof(DivideOp),
        TileOp.Max => typeof(MaximumOp),
        TileOp.Min => typeof(MinimumOp),
        TileOp.Greater => typeof(GreaterOp),
        TileOp.GreaterEqual => typeof(GreaterEqualOp),
        TileOp.Equal => typeof(EqualOp),
        TileOp.Select => typeof(SelectOp),
        TileOp.Exp => typeof(ExpOp),
        TileOp.Expm1 => typeof(Expm1Op),
        TileOp.Log => typeof(LogOp),
        TileOp.Log1p => typeof(Log1pOp),
        TileOp.Tanh => typeof(TanhOp),
        TileOp.Sigmoid => typeof(SigmoidOp),
        _ => null,
    };
}
