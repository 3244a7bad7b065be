using System;
using System.Globalization;
using System.Text;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>A chain of elementwise operations with broadcasts, run as one loop over cache-sized tiles.</summary>
/// <remarks>
/// The iteration shape is walked flat, a tile at a time. For each tile every instruction runs over the whole tile, so that
/// intermediate values stay in the nearest cache. Arithmetic is float64 throughout: float32 inputs are widened as they are read, float32
/// outputs rounded once, as they are written. Contiguous inputs are read in place; inputs that repeat are gathered
/// once when their period fits a tile; outputs are computed in place. An output may share memory with a contiguous input
/// that starts at the same address; any other overlap of inputs and outputs is not supported. A loop that is used much gets code
/// for its trees of operations (<see cref="Expression"/>), which keeps what is between them in registers and changes no bit.
/// </remarks>
public sealed unsafe class FusedStep : Step
{
    /// <summary>Operations on elements after which code for the loop is asked for: about as long as it takes to make.</summary>
    private const long WorthCompiling = 4_000_000;

    private readonly int[] shape;
    private readonly long count;
    private readonly FusedProgram program;
    private readonly TileView[] views;
    private volatile FusedKernels kernels;

    /// <summary>Operations on elements that are left before; threads may lose some of each other's counts.</summary>
    private long untilCompiled = WorthCompiling;

    /// <summary>1 once code was asked for, and for single operations, whose loop is that code already.</summary>
    private int asked;

    /// <summary>Makes the step.</summary>
    /// <param name="shape">Iteration shape; an axis of size 0 makes the step do nothing.</param>
    /// <param name="inputs">Input registers 0..inputs-1.</param>
    /// <param name="program">Micro-operations in order; a register must be written before it is read.</param>
    /// <param name="outputs">Registers to write; slots must differ.</param>
    /// <exception cref="ArgumentException">A register, stride count or slot is wrong; the message says which.</exception>
    public FusedStep(int[] shape, TileInput[] inputs, TileInstruction[] program, TileOutput[] outputs)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(outputs);
        this.shape = [.. shape];
        count = Strides.Count(shape, "fused loop");
        views = new TileView[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            views[i] = new TileView(inputs[i], shape);
        }

        this.program = new FusedProgram(views, program, outputs);
        kernels = this.program.OneByOne;
        asked = program.Length > 1 ? 0 : 1;
        TileLength = this.program.TileLength(count);
    }

    /// <inheritdoc/>
    public override long Flops => count * program.Arithmetic;

    /// <inheritdoc/>
    public override long Bytes
    {
        get
        {
            long perElement = 0;
            foreach (TileOutput output in program.Outputs)
            {
                perElement += output.IsSingle ? sizeof(float) : sizeof(double);
            }

            foreach (TileView view in views)
            {
                perElement += view.IsUniform || view.Period > 0 ? 0 : view.IsSingle ? sizeof(float) : sizeof(double);
            }

            return perElement * count;
        }
    }

    /// <summary>Operations for each element.</summary>
    internal int Operations => program.Instructions.Length;

    /// <summary>Elements per tile.</summary>
    internal int TileLength { get; }

    /// <summary>The loop after this one that waits for its code.</summary>
    internal FusedStep? NextToCompile { get; set; }

    /// <summary>Whether the loop has code for its trees of operations.</summary>
    internal bool IsCompiled => !ReferenceEquals(kernels, program.OneByOne);

    /// <summary>Makes code for the loop.</summary>
    internal void Compile() => kernels = program.Compile();

    /// <inheritdoc/>
    public override void Run(double** slots) => Run(slots, 0, count);

    /// <inheritdoc/>
    internal override double Time
    {
        get
        {
            double perElement = 0;
            foreach (ref readonly TileInstruction step in program.Instructions.AsSpan())
            {
                perElement += TileKernels.Time(step.Op);
            }

            foreach (TileView view in views)
            {
                perElement += view.IsInPlace || IsLoadedOnce(view) ? 0 : 0.3;
            }

            return (2 * CallTime) + Math.Max(count * perElement, Bytes / BytesPerNanosecond);
        }
    }

    /// <inheritdoc/>
    internal override bool HasShares => true;

    /// <inheritdoc/>
    internal override void RunShare(double** slots, Share share)
    {
        (long first, long end) = RangeOf(share);
        Run(slots, first, end);
    }

    /// <inheritdoc/>
    internal override void Touch(Share share, Footprint memory)
    {
        (long first, long end) = RangeOf(share);
        if (first >= end)
        {
            return;
        }

        foreach (TileView view in views)
        {
            if (view.Slot >= 0)
            {
                int size = view.IsSingle ? sizeof(float) : sizeof(double);
                (long from, long to) = view.Extent(first, end);
                memory.Reads(view.Slot, size * from, size * to);
            }
        }

        foreach (TileOutput output in program.Outputs)
        {
            int size = output.IsSingle ? sizeof(float) : sizeof(double);
            long from = output.Run == 0 ? first : output.Offset + (first / output.Run * output.Pitch);
            long to = output.Run == 0 ? end : output.Offset + ((end - 1) / output.Run * output.Pitch) + output.Run;
            memory.Writes(output.Slot, size * from, size * to);
        }
    }

    /// <summary>Whole rows of the leading axis; whole tiles where there are few rows.</summary>
    private (long First, long End) RangeOf(Share share)
    {
        int rows = Math.Max(1, Array.Find(shape, size => size != 1));
        return rows >= 4 * share.Count
            ? (share.First(rows) * (count / rows), share.End(rows) * (count / rows))
            : (share.First(count, TileLength), share.End(count, TileLength));
    }

    /// <summary>Runs over elements [first, end) of the flat iteration; first is a multiple of every period.</summary>
    private void Run(double** slots, long first, long end)
    {
        if (first >= end)
        {
            return;
        }

        if (asked == 0)
        {
            CountTowardsCode(end - first);
        }

        FusedKernels kernels = this.kernels;
        double** registers = stackalloc double*[kernels.Registers];
        double** operands = stackalloc double*[ExpressionKernel.MaxOperands];
        double* scratch = Scratch.ForStep((long)kernels.Buffers * TileLength);
        bool* direct = stackalloc bool[kernels.Outputs.Length + 1];
        PlaceTemporaries(kernels, registers, scratch);
        FindDirectOutputs(kernels, slots, direct);
        LoadRepeating(kernels, slots, registers, scratch, (int)Math.Min(TileLength, end - first));
        for (long start = first; start < end; start += TileLength)
        {
            int length = (int)Math.Min(TileLength, end - start);
            for (int i = 0; i < views.Length; i++)
            {
                TileView view = views[i];
                if (view.IsInPlace)
                {
                    registers[i] = slots[view.Slot] + view.Offset + start;
                }
                else if (!IsLoadedOnce(view))
                {
                    registers[i] = view.Load(slots[view.Slot], start, length, scratch + ((long)kernels.BufferOf[i] * TileLength));
                }
            }

            for (int o = 0; o < kernels.Outputs.Length; o++)
            {
                if (direct[o])
                {
                    registers[kernels.Outputs[o].Register] = slots[kernels.Outputs[o].Slot] + start;
                }
            }

            foreach (ref readonly TileWork work in kernels.Works.AsSpan())
            {
                work.Run(registers, operands, length);
            }

            for (int o = 0; o < kernels.Outputs.Length; o++)
            {
                if (!direct[o])
                {
                    Write(kernels.Outputs[o], registers, slots, start, length);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override string Describe()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"fused {Strides.Text(shape)} tile {TileLength}:");
        for (int i = 0; i < views.Length; i++)
        {
            TileView view = views[i];
            text.Append(CultureInfo.InvariantCulture, $" r{i} = ");
            text.Append(view.Slot < 0
                ? view.Constant.ToString("R", CultureInfo.InvariantCulture)
                : $"s{view.Slot}{(view.IsSingle ? " float32" : "")}{(view.IsContiguous ? "" : view.IsUniform ? " uniform" : " strided")}");
            text.Append(';');
        }

        foreach (TileInstruction step in program.Instructions)
        {
            text.Append(CultureInfo.InvariantCulture, $" r{step.Dst} = {step.Op.ToString().ToLowerInvariant()} r{step.A}");
            int arity = TileKernels.Arity(step.Op);
            text.Append(arity > 1 ? $" r{step.B}" : "").Append(arity > 2 ? $" r{step.C}" : "").Append(';');
        }

        foreach (TileOutput output in program.Outputs)
        {
            text.Append(CultureInfo.InvariantCulture, $" -> s{output.Slot}{(output.IsSingle ? " float32" : "")}{Runs(output)} = r{output.Register}");
        }

        return text.ToString();
    }

    private static string Runs(TileOutput output) =>
        output.Run == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"+{output.Offset} runs {output.Run} every {output.Pitch}");

    private static void Write(TileOutput output, double** registers, double** slots, long start, int length)
    {
        if (output.IsSingle)
        {
            SingleConversion.Narrow(registers[output.Register], (float*)slots[output.Slot] + start, length);
        }
        else if (output.Run == 0)
        {
            Memory.Copy(registers[output.Register], slots[output.Slot] + start, length);
        }
        else
        {
            WriteRuns(output, registers[output.Register], slots[output.Slot] + output.Offset, start, length);
        }
    }

    private static void WriteRuns(TileOutput output, double* tile, double* target, long start, int length)
    {
        long run = start / output.Run;
        long position = start - (run * output.Run);
        while (length > 0)
        {
            int count = (int)Math.Min(length, output.Run - position);
            Memory.Copy(tile, target + (run * output.Pitch) + position, count);
            tile += count;
            length -= count;
            position = 0;
            run++;
        }
    }

    private bool IsLoadedOnce(TileView view) =>
        view.IsUniform || (view.Period > 0 && TileLength % view.Period == 0);

    private void CountTowardsCode(long elements)
    {
        long left = untilCompiled - (elements * program.Instructions.Length);
        untilCompiled = left;
        if (left <= 0 && Interlocked.Exchange(ref asked, 1) == 0)
        {
            ExpressionCompiler.Add(this);
        }
    }

    private void PlaceTemporaries(FusedKernels kernels, double** registers, double* scratch)
    {
        for (int r = 0; r < kernels.Registers; r++)
        {
            int buffer = kernels.BufferOf[r];
            registers[r] = buffer < 0 ? null : scratch + ((long)buffer * TileLength);
        }
    }

    /// <summary>
    /// An output is computed in its destination, unless an input with the same memory is still read after the first write.
    /// </summary>
    private void FindDirectOutputs(FusedKernels kernels, double** slots, bool* direct)
    {
        for (int o = 0; o < kernels.Outputs.Length; o++)
        {
            direct[o] = kernels.IsDirect[o];
            double* target = slots[kernels.Outputs[o].Slot];
            for (int i = 0; direct[o] && i < views.Length; i++)
            {
                TileView view = views[i];
                direct[o] = !view.IsInPlace
                    || slots[view.Slot] + view.Offset != target
                    || kernels.LastRead[i] <= kernels.FirstWrite[kernels.Outputs[o].Register];
            }
        }
    }

    private void LoadRepeating(FusedKernels kernels, double** slots, double** registers, double* scratch, int length)
    {
        for (int i = 0; i < views.Length; i++)
        {
            TileView view = views[i];
            double* tile = scratch + ((long)kernels.BufferOf[i] * TileLength);
            if (view.IsUniform)
            {
                Memory.Fill(tile, kernels.IsWhole[i] ? length : 1, view.First(slots));
                registers[i] = tile;
            }
            else if (!view.IsInPlace && IsLoadedOnce(view))
            {
                registers[i] = Repeat(view.Load(slots[view.Slot], 0, (int)Math.Min(view.Period, length), tile), tile, view.Period, length);
            }
        }
    }

    /// <summary>Fills a tile with copies of a period, twice as many each time.</summary>
    private static double* Repeat(double* period, double* tile, long done, int length)
    {
        if (done >= length)
        {
            return period;
        }

        if (period != tile)
        {
            Memory.Copy(period, tile, done);
        }

        for (; done < length; done *= 2)
        {
            Memory.Copy(tile, tile + done, Math.Min(done, length - done));
        }

        return tile;
    }
}
