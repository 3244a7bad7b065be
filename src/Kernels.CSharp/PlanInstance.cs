namespace Hesse.Kernels;

/// <summary>The memory of one running call of a plan: arena, slot table and pinning handles.</summary>
internal sealed unsafe class PlanInstance
{
    private readonly PlanSpec spec;
    private readonly AlignedBuffer constants;
    private readonly AlignedBuffer arena;
    private readonly PinnedArrays pins;

    /// <summary>The slot table; pointers are as wide as doubles on every supported machine.</summary>
    private readonly AlignedBuffer table;

    private readonly TeamSchedule? schedule;

    public PlanInstance(PlanSpec spec, AlignedBuffer constants, TeamSchedule? schedule)
    {
        this.spec = spec;
        this.schedule = schedule;
        this.constants = constants;
        arena = new AlignedBuffer(spec.ArenaSize);
        table = new AlignedBuffer(spec.SlotOffsets.Length);
        pins = new PinnedArrays(spec.InputCount + spec.OutputCount);
        spec.Place((double**)table.Pointer, arena.Pointer, constants.Pointer);
    }

    /// <summary>Runs the steps on checked arrays.</summary>
    public void Run(double[][] inputs, double[][] outputs)
    {
        double** slots = (double**)table.Pointer;
        int inputCount = inputs.Length;
        try
        {
            for (int i = 0; i < inputCount; i++)
            {
                slots[i] = pins.Pin(i, inputs[i]);
            }

            spec.PlaceViews(slots);
            for (int o = 0; o < outputs.Length; o++)
            {
                if (spec.DirectOutputs[o])
                {
                    slots[spec.OutputSlots[o]] = pins.Pin(inputCount + o, outputs[o]);
                }
            }

            spec.PlaceOutputViews(slots);
            if (schedule is null)
            {
                foreach (Step step in spec.Steps)
                {
                    step.Run(slots);
                }
            }
            else
            {
                Team.Run(schedule, slots);
            }

            for (int o = 0; o < outputs.Length; o++)
            {
                if (!spec.DirectOutputs[o])
                {
                    double* target = pins.Pin(inputCount + o, outputs[o]);
                    Memory.Copy(slots[spec.OutputSlots[o]], target, spec.OutputSizes[o]);
                }
            }
        }
        finally
        {
            pins.Release(inputCount + outputs.Length);
        }

        System.GC.KeepAlive(constants);
        System.GC.KeepAlive(arena);
    }
}
