using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>An executable plan: steps over one arena, with the caller's arrays as inputs and outputs.</summary>
/// <remarks>
/// A plan may run on several threads at once; each running call has an arena and a slot table of its own, which are kept for
/// later calls. A warm call does not allocate.
/// </remarks>
public sealed unsafe class Plan
{
    [ThreadStatic]
    private static PinnedArrays? eager;

    private readonly PlanSpec spec;
    private readonly AlignedBuffer constants;
    private readonly TeamSchedule? schedule;
    private readonly Stack<PlanInstance> idle = new();
    private readonly Lock gate = new();

    /// <summary>Prepares a plan; the constants are copied once.</summary>
    /// <param name="spec">Its description.</param>
    public Plan(PlanSpec spec)
        : this(spec, Team.Threads, false)
    {
    }

    /// <summary>Prepares a plan for a number of threads.</summary>
    /// <param name="spec">Its description.</param>
    /// <param name="threads">Number of shares of a step that is cut.</param>
    /// <param name="always">Cuts whatever can be cut, however small; for tests.</param>
    public Plan(PlanSpec spec, int threads, bool always)
    {
        ArgumentNullException.ThrowIfNull(spec);
        this.spec = spec;
        constants = new AlignedBuffer(spec.Constants.Length);
        spec.Constants.CopyTo(new Span<double>(constants.Pointer, spec.Constants.Length));
        schedule = TeamSchedule.Of(spec, threads, always);
        foreach (Step step in spec.Steps)
        {
            Flops += step.Flops;
            Bytes += step.Bytes;
        }
    }

    /// <summary>Bytes of the arena of one running call.</summary>
    public long ArenaBytes => spec.ArenaSize * sizeof(double);

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<Step> Steps => spec.Steps;

    /// <summary>Floating-point operations of one run.</summary>
    public long Flops { get; }

    /// <summary>Bytes read and written by one run, summed over the steps.</summary>
    public long Bytes { get; }

    /// <summary>Threads that run the plan together when they are free; 1 when the plan is too small for more.</summary>
    public int Threads => schedule?.Threads ?? 1;

    /// <summary>How often the threads wait for each other in a run, waits within loops not counted.</summary>
    public int Barriers => schedule?.Barriers ?? 0;

    /// <summary>Runs one step on arrays, for eager evaluation.</summary>
    /// <param name="step">The step; its slots 0..n-1 are the arguments, slot n is the result.</param>
    /// <param name="args">The arguments; not written.</param>
    /// <param name="result">The result, of the size that the step writes.</param>
    public static void RunOnce(Step step, double[][] args, double[] result)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(result);
        int count = args.Length + 1;
        PinnedArrays pins = eager ??= new PinnedArrays(count);
        pins.Grow(count);
        double** slots = stackalloc double*[count];
        try
        {
            for (int i = 0; i < args.Length; i++)
            {
                slots[i] = pins.Pin(i, args[i] ?? throw MissingArray("run once: argument", i));
            }

            slots[args.Length] = pins.Pin(args.Length, result);
            step.Run(slots);
        }
        finally
        {
            pins.Release(count);
        }
    }

    /// <summary>Runs the steps.</summary>
    /// <param name="inputs">One array per input; not written.</param>
    /// <param name="outputs">One array per output, of the exact size; overwritten. Must not be inputs.</param>
    /// <exception cref="ArgumentException">The number of arrays or the length of an output is wrong.</exception>
    public void Run(double[][] inputs, double[][] outputs)
    {
        Check(inputs, outputs);
        PlanInstance? instance = null;
        lock (gate)
        {
            idle.TryPop(out instance);
        }

        instance ??= new PlanInstance(spec, constants, schedule);
        try
        {
            instance.Run(inputs, outputs);
        }
        finally
        {
            lock (gate)
            {
                idle.Push(instance);
            }
        }
    }

    /// <summary>The plan as a table.</summary>
    /// <returns>Its steps and totals.</returns>
    public PlanTable Table()
    {
        List<PlanRow> rows = [];
        PlanRows.Add(rows, spec, schedule, 0);
        long results = 0;
        foreach (long size in spec.OutputSizes)
        {
            results += size * sizeof(double);
        }

        return new PlanTable
        {
            Rows = rows.AsReadOnly(),
            Steps = spec.Steps.Length,
            Flops = Flops,
            Bytes = Bytes,
            ArenaBytes = ArenaBytes,
            ConstantBytes = PlanRows.ConstantBytes(spec),
            ResultBytes = results,
            FusedOperations = rows.Sum(r => r.FusedOperations),
            MatrixProducts = rows.Count(r => r.IsMatrixProduct),
            Threads = Threads,
            Meetings = Barriers,
        };
    }

    /// <summary>The plan as text: one line per step, then the totals.</summary>
    /// <returns>Several lines.</returns>
    public override string ToString() => Table().ToString();

    private static ArgumentException MissingArray(string what, int index) => new($"{what} {index} is null; pass an array.");

    private void Check(double[][] inputs, double[][] outputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(outputs);
        if (inputs.Length != spec.InputCount || outputs.Length != spec.OutputCount)
        {
            throw new ArgumentException(
                $"plan: got {inputs.Length} inputs and {outputs.Length} outputs, expected {spec.InputCount} and {spec.OutputCount}.");
        }

        for (int i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is null)
            {
                throw MissingArray("plan: input", i);
            }
        }

        for (int o = 0; o < outputs.Length; o++)
        {
            if (outputs[o] is null)
            {
                throw MissingArray("plan: output", o);
            }

            if (outputs[o].LongLength != spec.OutputSizes[o])
            {
                throw new ArgumentException(
                    $"plan: output {o} has {outputs[o].LongLength} elements, expected {spec.OutputSizes[o]}; pass an array of that length.");
            }
        }
    }
}
