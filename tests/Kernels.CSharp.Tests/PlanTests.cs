using System;
using System.Threading;
using System.Threading.Tasks;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Slots, outputs, allocation and threads of a plan.</summary>
public sealed class PlanTests
{
    /// <summary>y = tanh(x w) + 1 with an arena slot in between; x is 6 × 4, w a constant 4 × 5.</summary>
    private static Plan Network(double[] w, bool direct) => new(new PlanSpec(
        [
            new GemmStep(1, 6, 5, 4, 0, 0, false, 1, 0, false, 2),
            new FusedStep(
                [6, 5],
                [new(2, 0, null, 0), new(-1, 0, null, 1)],
                [new(TileOp.Tanh, 2, 0, 0, 0), new(TileOp.Add, 3, 2, 1, 0)],
                [new(3, 3)]),
        ],
        [0, -1, 0, 32],
        1,
        [3],
        [30],
        w,
        64,
        [direct]));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void StepsRunInOrderOverTheArena(bool direct)
    {
        Random random = new(3);
        double[] x = TestData.Normal(random, 24), w = TestData.Normal(random, 20), y = new double[30];
        Plan plan = Network(w, direct);
        plan.Run([x], [y]);
        Assert.Equal(Expected(x, w), y, (a, b) => Math.Abs(a - b) < 1e-14);
        Assert.Equal(512, plan.ArenaBytes);
        Assert.Equal(2, plan.Steps.Count);
        Assert.Equal((2 * 6 * 5 * 4) + 60, plan.Flops);
        Assert.True(plan.Bytes > 0);
        Assert.Contains("gemm", plan.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void ConstantsAreCopiedOnceAtConstruction()
    {
        double[] w = TestData.Normal(new Random(1), 20), x = TestData.Normal(new Random(2), 24), y = new double[30];
        double[] expected = Expected(x, w);
        Plan plan = Network(w, false);
        Array.Clear(w);
        plan.Run([x], [y]);
        Assert.Equal(expected, y, (a, b) => Math.Abs(a - b) < 1e-14);
    }

    [Fact]
    public void OutputsMayBeInputsConstantsAndRepeated()
    {
        Plan plan = new(new PlanSpec([new FillStep(3, 2, 7)], [0, 0, -2, 8], 2, [1, 2, 3, 3, 0], [2, 2, 2, 1, 0], [5, 6, 8], 16));
        double[][] outputs = [new double[2], new double[2], new double[2], new double[1], []];
        plan.Run([[], [1, 2]], outputs);
        Assert.Equal([[1, 2], [6, 8], [7, 7], [7], []], outputs);
    }

    [Fact]
    public void WarmRunsDoNotAllocate()
    {
        double[] x = TestData.Normal(new Random(2), 24), w = TestData.Normal(new Random(1), 20);
        double[][] inputs = [x], outputs = [new double[30]];
        Plan plan = Network(w, false);
        ReduceStep reduce = new(ReduceOp.Sum, [4], [1], [6], [4], 0, 1);
        CopyStep copy = new([4, 6], 0, 0, [1, 4], 1, 0, [6, 1]);
        double[] sums = new double[4], transposed = new double[24];
        for (int i = 0; i < 50; i++)
        {
            RunAll();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            RunAll();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void RunAll()
        {
            plan.Run(inputs, outputs);
            Plan.RunOnce(reduce, inputs, sums);
            Plan.RunOnce(copy, inputs, transposed);
        }
    }

    [Fact]
    public void ManyThreadsMayShareAPlan()
    {
        double[] w = TestData.Normal(new Random(1), 20);
        Plan plan = Network(w, true);
        int wrong = 0;
        Parallel.For(0, 400, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            double[] x = TestData.Normal(new Random(i), 24), y = new double[30];
            plan.Run([x], [y]);
            double[] expected = Expected(x, w);
            for (int j = 0; j < y.Length; j++)
            {
                if (!(Math.Abs(expected[j] - y[j]) < 1e-14))
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        });
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void APlanRunsAgainAfterAStepFailed()
    {
        Plan plan = new(new PlanSpec([new GatherStep(1, 2, 1, 1, 0, 1, 2, "take")], [0, 0, 0], 2, [2], [1], [], 8));
        double[] y = new double[1];
        Assert.Throws<HesseException>(() => plan.Run([[3, 4], [2]], [y]));
        plan.Run([[3, 4], [1]], [y]);
        Assert.Equal(4, y[0]);
    }

    [Fact]
    public void WrongArraysAreNamed()
    {
        Plan plan = Network(new double[20], false);
        Says("got 0 inputs and 1 outputs, expected 1 and 1", () => plan.Run([], [new double[30]]));
        Says("output 0 has 3 elements, expected 30", () => plan.Run([new double[24]], [new double[3]]));
        Says("input 0 is null", () => plan.Run([null!], [new double[30]]));
        Says("output 0 is null", () => plan.Run([new double[24]], [null!]));
        Says("argument 0 is null", () => Plan.RunOnce(new FillStep(1, 1, 0), [null!], new double[1]));
    }

    [Fact]
    public void WrongDescriptionsAreNamed()
    {
        Says("2 inputs but 1 slots", () => new PlanSpec([], [0], 2, [], [], [], 0));
        Says("slot 0 starts at 9, outside the arena of 8 doubles", () => new PlanSpec([], [9], 0, [], [], [], 8));
        Says("slot 0 starts at 4, outside the constants of 2 doubles", () => new PlanSpec([], [-5], 0, [], [], [1, 2], 8));
        Says("output 0 names slot 3", () => new PlanSpec([], [0], 0, [3], [1], [], 8));
        Says("output 0 has 9 elements, but its slot 0 has room for 8", () => new PlanSpec([], [0], 0, [0], [9], [], 8));
        Says("1 output slots, 0 output sizes", () => new PlanSpec([], [0], 0, [0], [], [], 8));
        Says("output 0 cannot be direct", () => new PlanSpec([], [0], 1, [0], [1], [], 8, [true]));
    }

    private static void Says(string text, Action action) =>
        Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);

    private static double[] Expected(double[] x, double[] w)
    {
        double[] y = new double[30];
        for (int i = 0; i < 6; i++)
        {
            for (int j = 0; j < 5; j++)
            {
                double sum = 0;
                for (int p = 0; p < 4; p++)
                {
                    sum += x[(i * 4) + p] * w[(p * 5) + j];
                }

                y[(i * 5) + j] = Math.Tanh(sum) + 1;
            }
        }

        return y;
    }

    [Fact]
    public void ViewsOfDirectOutputsFollowThemIntoTheCallersArrays()
    {
        // Slot 0 is the output, slot 1 its second half.
        PlanSpec spec = new(
            [new FillStep(0, 4, 1), new FillStep(1, 2, 7)], [0, 2], 0, [0], [4], [], 4, [true], null, [new OutputView(1, 0, 2)]);
        Plan plan = new(spec);
        double[] first = new double[4], second = new double[4];
        plan.Run([], [first]);
        plan.Run([], [second]);
        Assert.Equal([1.0, 1, 7, 7], first);
        Assert.Equal(first, second);
        Assert.Equal(
            "plan: slot 1 cannot be a view of output 0 from element 2 on; name a direct output and an element of it.",
            Assert.Throws<ArgumentException>(
                () => new PlanSpec([], [0, 2], 0, [0], [4], [], 4, [false], null, [new OutputView(1, 0, 2)])).Message);
    }
}
