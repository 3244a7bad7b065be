using System;
using System.Collections.Generic;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Fused loops against element-by-element evaluation.</summary>
public sealed unsafe class FusedStepTests
{
    private static readonly TileOp[] Ops =
    [
        TileOp.Copy, TileOp.Neg, TileOp.Tanh, TileOp.Abs, TileOp.Sign, TileOp.Floor, TileOp.Add, TileOp.Sub, TileOp.Mul, TileOp.Max,
        TileOp.Min, TileOp.Greater, TileOp.GreaterEqual, TileOp.Equal, TileOp.Select, TileOp.Sigmoid, TileOp.Sin, TileOp.Narrow, TileOp.Widen,
    ];

    [Fact]
    public void RandomProgramsOverRandomViewsMatchTheLoop()
    {
        Random random = new(77);
        for (int trial = 0; trial < 1500; trial++)
        {
            int[] shape = TestData.Shape(random, 4, trial % 5 == 0 ? 60 : 9);
            int count = TestData.Count(shape);
            if (count > 60_000)
            {
                continue;
            }

            RunRandomProgram(random, shape, count, trial % 4 == 0);
        }
    }

    [Theory]
    [InlineData(3, 5, 7, 2)]
    [InlineData(40, 300, 301, 0)]
    [InlineData(2, 3000, 5000, 9)]
    public void OutputsInRunsLeaveTheRestAlone(int runs, int run, int pitch, int offset)
    {
        double[] x = TestData.Normal(new Random(5), runs * run);
        double[] y = TestData.Filled(offset + (runs * pitch), -1);
        FusedStep step = new([runs * run], [new(0, 0, null, 0)], [new(TileOp.Sin, 1, 0, 0, 0)], [new(1, 1, false, offset, run, pitch)]);
        double[] whole = new double[x.Length];
        Plan.RunOnce(new FusedStep([x.Length], [new(0, 0, null, 0)], [new(TileOp.Sin, 1, 0, 0, 0)], [new(1, 1)]), [x], whole);
        Plan.RunOnce(step, [x], y);
        for (int i = 0; i < y.Length; i++)
        {
            int row = (i - offset) / pitch, column = (i - offset) % pitch;
            Assert.Equal(i >= offset && column < run ? whole[(row * run) + column] : -1, y[i]);
        }

        Assert.Contains($"s1+{offset} runs {run} every {pitch}", step.Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public void RunsThatOverlapAreRefused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => new FusedStep([6], [new(0, 0, null, 0)], [new(TileOp.Sin, 1, 0, 0, 0)], [new(1, 1, false, 0, 3, 2)]));
        Assert.Equal("fused loop: output 0 has runs of 3 elements every 2; runs must not overlap, and are float64.", error.Message);
    }

    [Theory]
    [InlineData(100, 64)]
    [InlineData(64, 100)]
    [InlineData(7, 3000)]
    [InlineData(3000, 7)]
    public void BiasAndColumnScalesMatch(int rows, int columns)
    {
        Random random = new(2);
        double[] x = TestData.Normal(random, rows * columns), bias = TestData.Normal(random, columns), scale = TestData.Normal(random, rows);
        double[] y = new double[x.Length];
        FusedStep step = new(
            [rows, columns],
            [new(0, 0, null, 0), new(1, 0, [0, 1], 0), new(2, 0, [1, 0], 0), new(-1, 0, null, 3)],
            [new(TileOp.Add, 4, 0, 1, 0), new(TileOp.Mul, 5, 4, 2, 0), new(TileOp.Mul, 6, 5, 3, 0)],
            [new(6, 3)]);
        Plan.RunOnce(step, [x, bias, scale], y);
        for (int i = 0; i < y.Length; i++)
        {
            Assert.Equal((x[i] + bias[i % columns]) * scale[i / columns] * 3, y[i]);
        }

        Assert.Equal(3L * rows * columns, step.Flops);
        Assert.True(step.Bytes >= 16L * rows * columns);
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(5000, false)]
    [InlineData(5000, true)]
    public void AnOutputMayReplaceAContiguousInput(int n, bool compiled)
    {
        // r2 = a + b goes to the memory of a, which is still read afterwards by r4 = 2 (a · b).
        double[] a = TestData.Normal(new Random(1), n), b = TestData.Normal(new Random(2), n), second = new double[n];
        double[] original = [.. a];
        FusedStep step = new(
            [n],
            [new(0, 0, null, 0), new(1, 0, null, 0), new(-1, 0, null, 2)],
            [new(TileOp.Mul, 5, 0, 1, 0), new(TileOp.Add, 3, 0, 1, 0), new(TileOp.Mul, 4, 5, 2, 0)],
            [new(3, 2), new(4, 3)]);
        if (compiled)
        {
            step.Compile();
        }

        fixed (double* pa = a, pb = b, ps = second)
        {
            double** slots = stackalloc double*[] { pa, pb, pa, ps };
            step.Run(slots);
        }

        for (int i = 0; i < n; i++)
        {
            Assert.Equal(original[i] + b[i], a[i]);
            Assert.Equal(original[i] * b[i] * 2, second[i]);
        }
    }

    [Fact]
    public void ARegisterMayBeWrittenTwiceAndGoToTwoSlots()
    {
        double[] x = [1, 2, 3], y = new double[3], z = new double[3], copy = new double[3];
        FusedStep step = new(
            [3],
            [new(0, 0, null, 0)],
            [new(TileOp.Neg, 1, 0, 0, 0), new(TileOp.Add, 1, 1, 1, 0)],
            [new(1, 1), new(1, 2), new(0, 3)]);
        fixed (double* px = x, py = y, pz = z, pc = copy)
        {
            double** slots = stackalloc double*[] { px, py, pz, pc };
            step.Run(slots);
        }

        Assert.Equal([-2, -4, -6], y);
        Assert.Equal(y, z);
        Assert.Equal(x, copy);
    }

    [Fact]
    public void TheDescriptionNamesTheProgram()
    {
        FusedStep step = new([2, 3], [new(4, 0, null, 0), new(-1, 0, null, 0.5)], [new(TileOp.Mul, 2, 0, 1, 0)], [new(2, 7)]);
        Assert.Equal("fused [2; 3] tile 6: r0 = s4; r1 = 0.5; r2 = mul r0 r1; -> s7 = r2", step.Describe());
    }

    [Fact]
    public void WrongProgramsAreNamed()
    {
        TileInput input = new(0, 0, null, 0);
        Throws("instruction 0 (Add) reads register 1", () => new FusedStep([2], [input], [new(TileOp.Add, 2, 0, 1, 0)], []));
        Throws("instruction 0 (Neg) reads register -1", () => new FusedStep([2], [input], [new(TileOp.Neg, 2, -1, 0, 0)], []));
        Throws("instruction 0 (Neg) writes register 0", () => new FusedStep([2], [input], [new(TileOp.Neg, 0, 0, 0, 0)], []));
        Throws("output 0 asks for register 3", () => new FusedStep([2], [input], [], [new(3, 1)]));
        Throws("output 1 has slot 1", () => new FusedStep([2], [input], [], [new(0, 1), new(0, 1)]));
        Throws("shape [2; 2] has 2 axes", () => new FusedStep([2, 2], [new(0, 0, [1], 0)], [], []));
        Throws("axis sizes must not be negative", () => new FusedStep([-2], [input], [], []));
    }

    private static void Throws(string text, Action action) =>
        Assert.Contains(text, Assert.ThrowsAny<ArgumentException>(action).Message, StringComparison.Ordinal);

    private static void RunRandomProgram(Random random, int[] shape, int count, bool compiled)
    {
        int inputs = random.Next(1, 4);
        TileInput[] views = new TileInput[inputs];
        List<double[]> buffers = [];
        for (int i = 0; i < inputs; i++)
        {
            int kind = random.Next(4);
            int offset = random.Next(3);
            if (kind == 0)
            {
                views[i] = new(-1, 0, null, random.Next(-2, 3));
            }
            else if (kind == 1)
            {
                views[i] = new(buffers.Count, offset, null, 0);
                buffers.Add(TestData.Normal(random, count + offset));
            }
            else
            {
                (long[] strides, int needed) = TestData.View(random, shape, broadcast: true);
                views[i] = new(buffers.Count, offset, strides, 0);
                buffers.Add(TestData.Normal(random, needed + offset));
            }
        }

        TileInstruction[] program = new TileInstruction[random.Next(0, 9)];
        for (int p = 0; p < program.Length; p++)
        {
            int known = inputs + p;
            int target = p > 0 && random.Next(5) == 0 ? inputs + random.Next(p) : known;
            program[p] = new(Ops[random.Next(Ops.Length)], target, random.Next(known), random.Next(known), random.Next(known));
        }

        // Registers that a rewrite skipped are never written: repair by making every target known.
        HashSet<int> written = [];
        for (int p = 0; p < program.Length; p++)
        {
            int Known(int register) => register < inputs || written.Contains(register) ? register : 0;
            program[p] = program[p] with { A = Known(program[p].A), B = Known(program[p].B), C = Known(program[p].C) };
            written.Add(program[p].Dst);
        }

        List<TileOutput> outputs = [];
        for (int o = 0; o < random.Next(1, 4); o++)
        {
            int register = random.Next(inputs + program.Length);
            if (register < inputs || written.Contains(register))
            {
                outputs.Add(new(register, buffers.Count + outputs.Count));
            }
        }

        FusedStep step = new(shape, views, program, [.. outputs]);
        PlanSpec spec = new([step], new long[buffers.Count + outputs.Count], buffers.Count + outputs.Count, [], [], [], 0);
        double[][] all = [.. buffers, .. outputs.ConvertAll(_ => TestData.Filled(count + 1, 31))];
        new Plan(spec).Run(all, []);
        if (compiled)
        {
            CompiledBitsAreThoseOfOneByOne(step, spec, all, buffers.Count);
        }

        bool mayJump = JumpsAfterRounding(program);
        double[] registers = new double[inputs + program.Length];
        for (int i = 0; i < count; i++)
        {
            for (int r = 0; r < inputs; r++)
            {
                long at = views[r].Slot < 0 ? 0 : views[r].Offset + (views[r].Strides is { } s ? TestData.At(i, shape, s) : i);
                registers[r] = views[r].Slot < 0 ? views[r].Constant : buffers[views[r].Slot][at];
            }

            foreach (TileInstruction p in program)
            {
                registers[p.Dst] = TileKernels.Eval(p.Op, registers[p.A], registers[p.B], registers[p.C]);
            }

            foreach (TileOutput output in outputs)
            {
                double expected = registers[output.Register], actual = all[output.Slot][i];
                if (!(Math.Abs(expected - actual) <= 1e-12 * (1 + Math.Abs(expected))) && !mayJump)
                {
                    Assert.Fail($"{step.Describe()}: [{i}] expected {expected:R}, got {actual:R}");
                }
            }
        }

        foreach (TileOutput output in outputs)
        {
            Assert.Equal(31, all[output.Slot][count]);
        }
    }

    private static void CompiledBitsAreThoseOfOneByOne(FusedStep step, PlanSpec spec, double[][] before, int inputs)
    {
        double[][] after = [.. before];
        for (int o = inputs; o < after.Length; o++)
        {
            after[o] = TestData.Filled(before[o].Length, 31);
        }

        step.Compile();
        new Plan(spec).Run(after, []);
        for (int o = inputs; o < after.Length; o++)
        {
            for (int i = 0; i < after[o].Length; i++)
            {
                bool same = BitConverter.DoubleToInt64Bits(before[o][i]) == BitConverter.DoubleToInt64Bits(after[o][i]);
                Assert.True(same || (double.IsNaN(before[o][i]) && double.IsNaN(after[o][i])), $"{step.Describe()}: output {o - inputs} [{i}]");
            }
        }
    }

    /// <summary>
    /// A discontinuous operation after an approximated one may land on either side; such programs only check memory safety.
    /// </summary>
    private static bool JumpsAfterRounding(TileInstruction[] program) =>
        Array.Exists(program, p => p.Op is TileOp.Tanh or TileOp.Sigmoid or TileOp.Sin)
        && Array.Exists(program, p => p.Op is TileOp.Floor or TileOp.Sign or TileOp.Greater or TileOp.GreaterEqual or TileOp.Equal or TileOp.Select);
}
