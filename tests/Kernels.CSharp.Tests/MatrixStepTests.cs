using System;
using Xunit;

namespace Hesse.Kernels.Tests;

/// <summary>The steps on batches of matrices do not allocate where they say so, and name themselves.</summary>
public class MatrixStepTests
{
    private const int N = 6;

    private static readonly double[] Matrices = Dominant();

    [Fact]
    public void StepsThatNeedNoWorkingMemoryAllocateNothing()
    {
        Step[] steps =
        [
            new CholeskyStep(2, N, 0, 1),
            new SolveStep(2, N, N, false, 0, 0, 1),
            new TriangularSolveStep(2, N, N, true, true, 0, 0, 1),
            new DeterminantStep(DeterminantPart.Value, 2, N, 0, 1),
        ];

        foreach (Step step in steps)
        {
            Run(step);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Run(step);
            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Contains("s0", step.Describe(), StringComparison.Ordinal);
            Assert.True(step.Flops > 0 && step.Bytes > 0);
        }
    }

    [Fact]
    public void DeterminantIsTheSameByTriangle()
    {
        double[] triangle = (double[])Matrices.Clone();
        double[] expected = [1.0, 1.0];
        for (int k = 0; k < triangle.Length; k++)
        {
            int row = k / N % N;
            int column = k % N;
            triangle[k] = column > row ? 0.0 : triangle[k];
            expected[k / (N * N)] *= column == row ? triangle[k] : 1.0;
        }

        double[] actual = new double[2];
        Run(new DeterminantStep(DeterminantPart.Value, 2, N, 0, 1), triangle, actual);
        Assert.Equal(expected[0], actual[0], 1e-9 * Math.Abs(expected[0]));
        Assert.Equal(expected[1], actual[1], 1e-9 * Math.Abs(expected[1]));
    }

    private static readonly double[] Result = new double[2 * N * N];

    private static void Run(Step step) => Run(step, Matrices, Result);

    private static unsafe void Run(Step step, double[] source, double[] target)
    {
        fixed (double* a = source, b = target)
        {
            double** slots = stackalloc double*[] { a, b };
            step.Run(slots);
        }
    }

    /// <summary>Two symmetric matrices with dominant diagonals.</summary>
    private static double[] Dominant()
    {
        double[] a = new double[2 * N * N];
        for (int k = 0; k < a.Length; k++)
        {
            int row = k / N % N;
            int column = k % N;
            a[k] = row == column ? N + 1.0 + row : Math.Sin(1.0 + (row * column) + k / (N * N));
        }

        return a;
    }
}
