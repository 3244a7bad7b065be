using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Loops over a small body: carries, elements, results, histories, numbers of steps, and memory.</summary>
public sealed class LoopStepTests
{
    private const int Bound = 5;

    /// <summary>Next carry c + x · k and result c · x, of one element each.</summary>
    private static SubPlan Body() => new(new PlanSpec(
        [
            new FusedStep(
                [1],
                [new(0, 0, [1], 0), new(1, 0, [1], 0), new(2, 0, [1], 0)],
                [new(TileOp.Mul, 3, 1, 2, 0), new(TileOp.Add, 3, 0, 3, 0), new(TileOp.Mul, 4, 0, 1, 0)],
                [new(3, 3), new(4, 4)]),
        ],
        [0, 0, 0, 0, 8],
        3,
        [3, 4],
        [1, 1],
        [],
        16,
        [true, false]));

    /// <summary>Whether the carry is below the captured value.</summary>
    private static SubPlan Below() => new(new PlanSpec(
        [
            new FusedStep(
                [1],
                [new(0, 0, [1], 0), new(1, 0, [1], 0)],
                [new(TileOp.Greater, 2, 1, 0, 0)],
                [new(2, 2)]),
        ],
        [0, 0, 0],
        2,
        [2],
        [1],
        [],
        8));

    /// <summary>Slots: carry, elements, captured value, number of steps, result, workspace. Result: last carry, results, number, history.</summary>
    private static double[] Run(double[] xs, double k, double? count = null, bool condition = false, bool reverse = false, bool history = true)
    {
        SubPlan body = Body();
        SubPlan? below = condition ? Below() : null;
        LoopLayout layout = new()
        {
            Length = Bound,
            Reverse = reverse,
            CountSlot = count is null ? -1 : 3,
            CountOffset = condition ? 1 + Bound : -1,
            CarrySizes = [1],
            CarrySlots = [0],
            FinalOffsets = [0],
            HistoryOffsets = [history ? 2 + Bound : -1],
            ElementSizes = [1],
            ElementSlots = [1],
            CapturedSlots = [2],
            OutputSizes = [1],
            OutputOffsets = [1],
        };
        long memory = LoopStep.WorkspaceSize(body, below, [1]);
        LoopStep loop = new(body, below, layout, 4, 5);
        long at = Line(2 + (2 * Bound));
        Plan plan = new(new PlanSpec([loop], [0, 0, 0, 0, 0, at], 4, [4], [2 + (2 * Bound)], [], at + memory));
        double[] result = new double[2 + (2 * Bound)];
        Array.Fill(result, double.NaN);
        plan.Run([[1.0], xs, [k], [count ?? 0]], [result]);
        Assert.Equal(Bound * (body.Flops + (below?.Flops ?? 0)), plan.Flops);
        return result;
    }

    private static long Line(long n) => (n + 7) / 8 * 8;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CarriesResultsAndHistoryAreThoseOfTheLoopWrittenOut(bool reverse)
    {
        double[] xs = [0.5, -1, 2, 3, 0.25];
        double[] result = Run(xs, 2, reverse: reverse);
        double carry = 1;
        for (int s = 0; s < Bound; s++)
        {
            int at = reverse ? Bound - 1 - s : s;
            Assert.Equal(carry, result[2 + Bound + at]);
            Assert.Equal(carry * xs[at], result[1 + at]);
            carry += 2 * xs[at];
        }

        Assert.Equal(carry, result[0]);
        Assert.Equal(carry, Run(xs, 2, reverse: reverse, history: false)[0]);
    }

    [Theory]
    [InlineData(-3, 0)]
    [InlineData(0, 0)]
    [InlineData(2, 2)]
    [InlineData(2.9, 2)]
    [InlineData(5, 5)]
    [InlineData(9, 5)]
    [InlineData(double.NaN, 0)]
    [InlineData(double.PositiveInfinity, 5)]
    public void AGivenNumberOfStepsIsClampedAndLeavesZerosBehind(double count, int steps)
    {
        foreach (bool reverse in new[] { false, true })
        {
            double[] result = Run([1, 1, 1, 1, 1], 1, count, reverse: reverse);
            Assert.Equal(1 + steps, result[0]);
            for (int t = 0; t < Bound; t++)
            {
                double before = t >= steps ? 0 : reverse ? steps - t : 1 + t;
                Assert.Equal(before, result[1 + t]);
                Assert.Equal(before, result[2 + Bound + t]);
            }
        }
    }

    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(3.5, 3)]
    [InlineData(100, 5)]
    public void AConditionEndsTheLoop(double limit, int steps)
    {
        foreach (bool history in new[] { false, true })
        {
            // The captured value is the limit and the factor, so each step adds limit · x.
            double[] result = Run(Array.ConvertAll(new double[Bound], _ => 1 / limit), limit, condition: true, history: history);
            Assert.Equal(1 + steps, result[0], 12);
            Assert.Equal(steps, result[1 + Bound]);
        }
    }

    [Fact]
    public void PlansThatDoNotFitAreRefused()
    {
        LoopLayout layout = new()
        {
            Length = 1,
            Reverse = false,
            CountSlot = -1,
            CountOffset = -1,
            CarrySizes = [1],
            CarrySlots = [0],
            FinalOffsets = [0],
            HistoryOffsets = [-1],
            ElementSizes = [],
            ElementSlots = [],
            CapturedSlots = [],
            OutputSizes = [],
            OutputOffsets = [],
        };
        Assert.Equal(
            "loop: the body has 3 inputs and 2 outputs, the layout 1 and 1.",
            Assert.Throws<ArgumentException>(() => new LoopStep(Body(), null, layout, 1, 2)).Message);
    }

    [Fact]
    public void AViewOfAnInputIsTheRestOfItsArray()
    {
        PlanSpec spec = new([new FillStep(2, 2, 7)], [0, 0, 0], 1, [1, 2], [2, 2], [], 8, [false, true], [new InputView(1, 0, 3)]);
        double[] view = new double[2], fill = new double[2];
        new Plan(spec).Run([[1, 2, 3, 4, 5]], [view, fill]);
        Assert.Equal([4.0, 5.0], view);
        Assert.Equal([7.0, 7.0], fill);
        Assert.Equal(
            "plan: slot 1 cannot be a view of input 2 from element 0 on; there are 1 inputs.",
            Assert.Throws<ArgumentException>(() => new PlanSpec([], [0, 0], 1, [], [], [], 8, null, [new InputView(1, 2, 0)])).Message);
    }
}
