using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>Shares of steps: together they are the whole, and each touches what it says.</summary>
public sealed unsafe class ShareTests
{
    public static TheoryData<string> Kinds => [.. Steps(new Random(0)).Keys];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(100)]
    [InlineData(1797)]
    public void BordersDivideRowsAndPieces(int rows)
    {
        foreach (int count in (int[])[1, 2, 3, 8])
        {
            int end = 0;
            long last = 0;
            for (int i = 0; i < count; i++)
            {
                Share share = new(i, count);
                Assert.Equal(end, share.First(rows));
                end = share.End(rows);
                Assert.True(end >= share.First(rows));
                Assert.InRange(end - share.First(rows), (rows / count) - 9, (rows / count) + 9);
                Assert.Equal(last, share.First(rows, 16));
                last = share.End(rows, 16);
                Assert.True(last == rows || last % 16 == 0);
            }

            Assert.Equal(rows, end);
            Assert.Equal(rows, last);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void SharesTogetherAreOneRun(string kind)
    {
        for (int seed = 0; seed < 40; seed++)
        {
            Random random = new(seed);
            (Step step, double[][] slots) = Steps(random)[kind];
            foreach (int count in (int[])[1, 2, 3])
            {
                double[][] whole = Copy(slots), parts = Copy(slots);
                WithPointers(whole, step.Run);
                for (int i = count - 1; i >= 0; i--)
                {
                    Share share = new(i, count);
                    WithPointers(parts, table => step.RunShare(table, share));
                }

                for (int s = 0; s < slots.Length; s++)
                {
                    TestData.Near(whole[s], parts[s], kind.StartsWith("gemm", StringComparison.Ordinal) ? 1e-12 : 0);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void SharesReadAndWriteWhatTheySay(string kind)
    {
        for (int seed = 0; seed < 40; seed++)
        {
            (Step step, double[][] slots) = Steps(new Random(seed))[kind];
            for (int i = 0; i < 2; i++)
            {
                Share share = new(i, 2);
                Footprint memory = new([.. Enumerable.Range(0, slots.Length).Select(s => (s, 0L))], 1);
                memory.Of(0);
                step.Touch(share, memory);
                bool[][] read = Flags(slots), written = Flags(slots);
                foreach ((int slot, long from, long to, bool isWrite) in memory.Pending(0))
                {
                    Assert.InRange(to, from, slots[slot].Length * (long)sizeof(double));
                    Array.Fill((isWrite ? written : read)[slot], true, (int)(from / 8), (int)(to / 8) - (int)(from / 8));
                }

                // What is not said to be read is poisoned: nothing that is written may depend on it.
                double[][] clean = Copy(slots), poisoned = Copy(slots);
                for (int s = 0; s < slots.Length; s++)
                {
                    for (int j = 0; j < slots[s].Length; j++)
                    {
                        poisoned[s][j] = read[s][j] ? slots[s][j] : double.NaN;
                    }
                }

                double[][] before = Copy(poisoned);
                WithPointers(clean, table => step.RunShare(table, share));
                WithPointers(poisoned, table => step.RunShare(table, share));
                for (int s = 0; s < slots.Length; s++)
                {
                    for (int j = 0; j < slots[s].Length; j++)
                    {
                        bool changed = !clean[s][j].Equals(slots[s][j]);
                        Assert.True(written[s][j] || (!changed && poisoned[s][j].Equals(before[s][j])), $"{step.Describe()}: s{s}[{j}] was written");
                        Assert.True(!changed || clean[s][j].Equals(poisoned[s][j]), $"{step.Describe()}: s{s}[{j}] depends on what is not said to be read");
                    }
                }
            }
        }
    }

    /// <summary>A random step of each kind with its slots.</summary>
    private static Dictionary<string, (Step Step, double[][] Slots)> Steps(Random random)
    {
        int batch = random.Next(1, 12), m = random.Next(1, 70), n = random.Next(1, 40), k = random.Next(1, 20);
        bool ta = random.Next(2) == 0, tb = random.Next(2) == 0, sharedA = random.Next(2) == 0, sharedB = random.Next(2) == 0;
        double[] Data(int count) => TestData.Normal(random, count);
        GemmStep Product(int b, bool oneLeft, bool oneRight) =>
            new(b, m, n, k, 0, oneLeft ? 0 : m * k, ta, 1, oneRight ? 0 : k * n, tb, 2);
        (Step, double[][]) Matrix(int b, bool oneLeft, bool oneRight) =>
            (Product(b, oneLeft, oneRight), [Data((oneLeft ? 1 : b) * m * k), Data((oneRight ? 1 : b) * k * n), Data(b * m * n)]);

        int[] shape = [random.Next(1, 40), random.Next(1, 9), random.Next(1, 9)];
        int count = TestData.Count(shape);
        (long[] from, int sourceSize) = TestData.View(random, shape, broadcast: true);
        (long[] to, int targetSize) = TestData.View(random, shape, broadcast: false);
        FusedStep fused = new(
            shape,
            [new(0, 0, null, 0), new(1, 2, from, 0), new(-1, 0, null, 3)],
            [new(TileOp.Mul, 3, 0, 1, 0), new(TileOp.Add, 4, 3, 2, 0)],
            [new(4, 2)]);
        FusedStep runs = new(shape, [new(0, 0, null, 0)], [new(TileOp.Neg, 1, 0, 0, 0)], [new(1, 1, false, 3, shape[2], shape[2] + 2)]);
        long[] contiguous = Strides.Contiguous(shape);
        int[] order = [0, 1, 2];
        random.Shuffle(order);
        int keeps = random.Next(4);
        int[] kept = order[..keeps], reduced = order[keeps..];
        ReduceStep sum = new(
            random.Next(2) == 0 ? ReduceOp.Sum : ReduceOp.Max,
            Array.ConvertAll(kept, axis => shape[axis]),
            Array.ConvertAll(kept, axis => contiguous[axis]),
            Array.ConvertAll(reduced, axis => shape[axis]),
            Array.ConvertAll(reduced, axis => contiguous[axis]),
            0,
            1);
        int results = kept.Aggregate(1, (product, axis) => product * shape[axis]);
        double[] indices = [.. Enumerable.Range(0, n).Select(_ => (double)random.Next(k))];
        return new()
        {
            ["gemm"] = Matrix(1, false, false),
            ["gemm of a batch"] = Matrix(batch, sharedA, sharedB),
            ["fused"] = (fused, [Data(count), Data(sourceSize + 2), Data(count)]),
            ["fused into runs"] = (runs, [Data(count), Data(3 + (count / shape[2] * (shape[2] + 2)))]),
            ["reduce"] = (sum, [Data(count), Data(results)]),
            ["copy"] = (new CopyStep(shape, 0, 1, from, 1, 2, to), [Data(sourceSize + 1), Data(targetSize + 2)]),
            ["fill"] = (new FillStep(0, count, 2.5), [Data(count + 3)]),
            ["gather"] = (new GatherStep(batch, k, m, n, 0, 1, 2, "take"), [Data(batch * k * m), indices, Data(batch * n * m)]),
        };
    }

    private static bool[][] Flags(double[][] slots) => Array.ConvertAll(slots, s => new bool[s.Length]);

    private static double[][] Copy(double[][] slots) => Array.ConvertAll(slots, s => (double[])s.Clone());

    private delegate void OnTable(double** table);

    private static void WithPointers(double[][] slots, OnTable run)
    {
        double** table = stackalloc double*[slots.Length];
        PinnedArrays pins = new(slots.Length);
        for (int s = 0; s < slots.Length; s++)
        {
            table[s] = pins.Pin(s, slots[s]);
        }

        run(table);
        pins.Release(slots.Length);
    }
}
