using System;
using System.Linq;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Which operations of a fused loop become one expression.</summary>
public sealed class ExpressionTreesTests
{
    private static readonly Predicate<int> Nothing = _ => false;

    [Fact]
    public void AChainIsOneLoop()
    {
        // (1 - h h) g
        TileInstruction[] program = [new(TileOp.Mul, 3, 0, 0, 0), new(TileOp.Sub, 3, 1, 3, 0), new(TileOp.Mul, 3, 3, 2, 0)];
        (TileWork[] works, TileOutput[] outputs, int registers) =
            ExpressionTrees.Of(3, program, [new(3, 7)]).Compile(register => register == 1);
        TileWork work = Assert.Single(works);
        Assert.NotNull(work.Kernel);
        Assert.Equal([1, 0, 2], work.Operands);
        Assert.Equal(3, work.Dst);
        Assert.Equal(new TileOutput(3, 7), Assert.Single(outputs));
        Assert.Equal(4, registers);
    }

    [Fact]
    public void WhatIsReadTwiceOrWrittenIsALoopOfItsOwn()
    {
        // t = a + b is read twice; u = t - a is an output.
        TileInstruction[] program =
            [new(TileOp.Add, 2, 0, 1, 0), new(TileOp.Sub, 3, 2, 0, 0), new(TileOp.Mul, 4, 3, 2, 0), new(TileOp.Neg, 4, 4, 4, 4)];
        (TileWork[] works, _, _) = ExpressionTrees.Of(2, program, [new(3, 2), new(4, 3)]).Compile(Nothing);
        Assert.Equal([TileOp.Add, TileOp.Sub, TileOp.Neg], works.Select(w => w.Op));
        Assert.Equal([false, false, true], works.Select(w => w.Kernel is not null));
    }

    [Fact]
    public void AnOperationWithoutVectorFormStandsAlone()
    {
        TileInstruction[] program =
            [new(TileOp.Add, 2, 0, 1, 0), new(TileOp.LogGamma, 3, 2, 2, 2), new(TileOp.Add, 4, 3, 1, 0), new(TileOp.Neg, 5, 4, 4, 4)];
        (TileWork[] works, _, _) = ExpressionTrees.Of(2, program, [new(5, 2)]).Compile(Nothing);
        Assert.Equal([TileOp.Add, TileOp.LogGamma, TileOp.Neg], works.Select(w => w.Op));
    }

    [Fact]
    public void LongSumsAreCutWhereOperandsOrOperationsAreTooMany()
    {
        int inputs = 20;
        TileInstruction[] program =
            [.. Enumerable.Range(1, inputs - 1).Select(i => new TileInstruction(TileOp.Add, inputs, i == 1 ? 0 : inputs, i, 0))];
        (TileWork[] works, _, _) = ExpressionTrees.Of(inputs, program, [new(inputs, inputs)]).Compile(Nothing);
        Assert.All(works, work => Assert.InRange(work.Operands.Length, 2, ExpressionKernel.MaxOperands));
        Assert.Equal(4, works.Length);
        TileInstruction[] square =
            [.. Enumerable.Range(0, 40).Select(_ => new TileInstruction(TileOp.Neg, 1, 1, 1, 1)).Prepend(new(TileOp.Mul, 1, 0, 0, 0))];
        (works, _, _) = ExpressionTrees.Of(1, square, [new(1, 1)]).Compile(Nothing);
        Assert.Equal(4, works.Length);
    }

    [Fact]
    public void OneHeavyOperationIsInALoop()
    {
        TileInstruction[] program = [new(TileOp.Tanh, 1, 0, 0, 0), new(TileOp.Exp, 1, 1, 1, 1), new(TileOp.Neg, 1, 1, 1, 1)];
        (TileWork[] works, _, _) = ExpressionTrees.Of(1, program, [new(1, 1)]).Compile(Nothing);
        Assert.Equal([TileOp.Tanh, TileOp.Neg], works.Select(w => w.Op));
    }
}
