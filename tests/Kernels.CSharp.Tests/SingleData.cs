using System;

namespace Hesse.Kernels.Tests;

/// <summary>Float32 numbers for the tests, and steps over float32 buffers.</summary>
internal static unsafe class SingleData
{
    /// <summary>Values of moderate size that float32 holds exactly.</summary>
    public static double[] Normal(Random random, int count)
    {
        double[] x = TestData.Normal(random, count);
        SingleConversion.Round(x, x);
        return x;
    }

    /// <summary>The numbers as float32.</summary>
    public static float[] Narrow(double[] x) => Array.ConvertAll(x, v => (float)v);

    /// <summary>The float32 form of a step, on these arguments; the result, filled with NaN before, as float64.</summary>
    public static double[] Run(Step step, double[][] args, int count, double fill = double.NaN)
    {
        double** slots = stackalloc double*[args.Length + 1];
        float[] result = new float[count + 1];
        Array.Fill(result, (float)fill);
        result[count] = -77;
        float[][] narrow = Array.ConvertAll(args, Narrow);
        Pin(step.ToSingle(), narrow, result, slots, 0);
        if (result[count] != -77)
        {
            throw new InvalidOperationException("the step wrote behind its result");
        }

        return Array.ConvertAll(result[..count], v => (double)v);
    }

    /// <summary>Pins one array after the other, then runs.</summary>
    private static void Pin(Step step, float[][] args, float[] result, double** slots, int next)
    {
        fixed (float* pointer = next < args.Length ? args[next] : result)
        {
            slots[next] = (double*)pointer;
            if (next == args.Length)
            {
                step.Run(slots);
            }
            else
            {
                Pin(step, args, result, slots, next + 1);
            }
        }
    }
}
