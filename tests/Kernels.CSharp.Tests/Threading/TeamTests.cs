using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Plans that threads run together.</summary>
public sealed class TeamTests
{
    private const int Rows = 96;
    private const int Width = 64;

    [Theory]
    [InlineData(null, 4, 4)]
    [InlineData("", 2, 2)]
    [InlineData("1", 4, 1)]
    [InlineData("3", 4, 3)]
    [InlineData("9", 4, 4)]
    [InlineData(null, 64, 8)]
    public void TheSettingLowersTheNumberOfThreads(string? setting, int cores, int expected) =>
        Assert.Equal(expected, Team.ThreadsOf(setting, cores));

    [Theory]
    [InlineData("0")]
    [InlineData("-2")]
    [InlineData("two")]
    public void AWrongSettingIsAnError(string setting)
    {
        HesseException e = Assert.Throws<HesseException>(() => Team.ThreadsOf(setting, 4));
        Assert.Contains("HESSE_THREADS", e.Message, StringComparison.Ordinal);
        Assert.Contains(setting, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RowsGoThroughProductsAndLoopsWithoutMeeting()
    {
        PlanSpec spec = Layers(6);
        TeamSchedule schedule = TeamSchedule.Of(spec, 2)!;
        Assert.NotNull(schedule);
        Assert.Equal(0, schedule.Barriers);
        Assert.All(Enumerable.Range(0, schedule.Length), i => Assert.Equal(TeamSchedule.Cut.Shares, schedule[i].Cut));
    }

    [Fact]
    public void ThreadsMeetWhereRowsAreCombined()
    {
        // h = tanh(x w), then hᵀ h: every row of the second product needs all rows of the first.
        PlanSpec spec = new(
            [
                new GemmStep(1, Rows, Width, Width, 0, 0, false, 1, 0, false, 2),
                Tanh(2, 3),
                new GemmStep(1, Width, Width, Rows, 3, 0, true, 3, 0, false, 4),
            ],
            [0, 0, 0, Rows * Width, 2 * Rows * Width],
            2,
            [4],
            [Width * Width],
            [],
            3 * Rows * Width);
        TeamSchedule schedule = TeamSchedule.Of(spec, 2)!;
        Assert.Equal([false, false, true], Enumerable.Range(0, 3).Select(i => schedule[i].MeetBefore));
    }

    [Fact]
    public void ThreadsMeetWhereMemoryIsUsedAgain()
    {
        // The second product overwrites what the first thread may still read, shifted by a row.
        PlanSpec spec = new(
            [
                new GemmStep(1, Rows, Width, Width, 0, 0, false, 1, 0, false, 2),
                new GemmStep(1, Rows, Width, Width, 2, 0, false, 1, 0, false, 3),
                new GemmStep(1, Rows, Width, Width, 3, 0, false, 1, 0, false, 4),
            ],
            [0, 0, 0, Rows * Width, Width],
            2,
            [4],
            [Rows * Width],
            [],
            3 * Rows * Width);
        TeamSchedule schedule = TeamSchedule.Of(spec, 2)!;
        Assert.Equal([false, false, true], Enumerable.Range(0, 3).Select(i => schedule[i].MeetBefore));
    }

    [Fact]
    public void SmallPlansStayOnOneThread()
    {
        PlanSpec spec = new([new FillStep(0, 8, 1)], [0], 0, [0], [8], [], 8);
        Assert.Null(TeamSchedule.Of(spec, 2));
        Assert.Null(TeamSchedule.Of(Layers(6), 1));
        Assert.Equal(1, new Plan(spec).Threads);
    }

    [Fact]
    public void ResultsDoNotDependOnWhoRuns()
    {
        Plan plan = new(Layers(8));
        Random random = new(5);
        double[] x = TestData.Normal(random, Rows * Width), w = [.. TestData.Normal(random, Width * Width).Select(v => v / 8)];
        double[] first = new double[Rows * Width];
        plan.Run([x, w], [first]);
        for (int i = 0; i < 500; i++)
        {
            double[] y = new double[Rows * Width];
            plan.Run([x, w], [y]);
            Assert.Equal(first, y);
        }

        // Callers in parallel share no team.
        Parallel.For(0, 64, _ =>
        {
            double[] y = new double[Rows * Width];
            plan.Run([x, w], [y]);
            Assert.Equal(first, y);
        });
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void LoopsRunTogetherAsAlone(bool history, bool reverse)
    {
        // carry ← tanh(tanh(carry w) w); each step also hands out what is in slot 2.
        const int Steps = 7, Size = Rows * Width;
        Plan With(int threads)
        {
            SubPlan body = new(Layers(2), threads, true);
            LoopLayout layout = new()
            {
                Length = Steps,
                Reverse = reverse,
                CountSlot = -1,
                CountOffset = -1,
                CarrySizes = [Size],
                CarrySlots = [0],
                FinalOffsets = [0],
                HistoryOffsets = [history ? Size : -1],
                ElementSizes = [],
                ElementSlots = [],
                CapturedSlots = [1],
                OutputSizes = [],
                OutputOffsets = [],
            };
            long space = LoopStep.WorkspaceSize(body, null, [Size]), result = Size * (history ? 1 + Steps : 1);
            LoopStep loop = new(body, null, layout, 2, 3);
            return new Plan(new PlanSpec([loop], [0, 0, 0, result], 2, [2], [result], [], result + space), threads, true);
        }

        Random random = new(7);
        double[] x = TestData.Normal(random, Size), w = [.. TestData.Normal(random, Width * Width).Select(v => v / 8)];
        double[] alone = new double[Size * (history ? 1 + Steps : 1)];
        With(1).Run([x, w], [alone]);
        Plan plan = With(2);
        for (int i = 0; i < 100; i++)
        {
            double[] y = new double[alone.Length];
            plan.Run([x, w], [y]);
            TestData.Near(alone, y, 1e-12);
        }
    }

    [Fact]
    public void AFailureOnAnyThreadReachesTheCallerAndLeavesTheTeamFit()
    {
        // Gathers rows after a product; the index of the last row is out of range, so that the last share fails.
        Plan plan = new(new PlanSpec(
            [
                new GemmStep(1, Rows, Width, Width, 0, 0, false, 1, 0, false, 3),
                new GatherStep(1, Rows, Width, Rows, 3, 2, 4, "take"),
                new GemmStep(1, Rows, Width, Width, 4, 0, false, 1, 0, false, 5),
            ],
            [0, 0, 0, 0, Rows * Width, 2 * Rows * Width],
            3,
            [5],
            [Rows * Width],
            [],
            3 * Rows * Width));
        Random random = new(6);
        double[] x = TestData.Normal(random, Rows * Width), w = TestData.Normal(random, Width * Width), y = new double[Rows * Width];
        double[] good = [.. Enumerable.Range(0, Rows).Select(i => (double)i)];
        double[] bad = [.. good[..^1], Rows];
        plan.Run([x, w, good], [y]);
        double[] expected = [.. y];
        for (int i = 0; i < 200; i++)
        {
            HesseException e = Assert.Throws<HesseException>(() => plan.Run([x, w, bad], [y]));
            Assert.Contains("take: index 96", e.Message, StringComparison.Ordinal);
            plan.Run([x, w, good], [y]);
            Assert.Equal(expected, y);
        }
    }

    [Fact]
    public void WarmRunsAllocateNothing()
    {
        Plan plan = new(Layers(8));
        double[][] inputs = [new double[Rows * Width], new double[Width * Width]], outputs = [new double[Rows * Width]];
        for (int i = 0; i < 100; i++)
        {
            plan.Run(inputs, outputs);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            plan.Run(inputs, outputs);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static FusedStep Tanh(int from, int to) =>
        new([Rows, Width], [new(from, 0, null, 0)], [new(TileOp.Tanh, 1, 0, 0, 0)], [new(1, to)]);

    /// <summary>x ↦ tanh(x w) so many times; slot 0 is x, slot 1 is w, and two buffers serve by turns.</summary>
    private static PlanSpec Layers(int depth)
    {
        List<Step> steps = [];
        for (int l = 0; l < depth; l++)
        {
            steps.Add(new GemmStep(1, Rows, Width, Width, l == 0 ? 0 : 3, 0, false, 1, 0, false, 2));
            steps.Add(Tanh(2, 3));
        }

        return new([.. steps], [0, 0, 0, Rows * Width], 2, [3], [Rows * Width], [], 2 * Rows * Width);
    }
}
