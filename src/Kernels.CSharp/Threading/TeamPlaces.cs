using System;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>On which processors the threads of a team run, and how they wait for each other there.</summary>
internal sealed class TeamPlaces
{
    /// <summary>Turns of waiting without a pause: threads mostly meet within a microsecond, and a pause delays the answer.</summary>
    private const int TurnsBeforePause = 300;

    /// <summary>Pauses (of some 20 ns) before a thread that waits looks whether it stands in the way of the one it waits for.</summary>
    private const int PausesBeforeLook = 1000;

    /// <summary>Pauses before it offers its processor to whoever wants it: that can cost it a whole turn of the scheduler.</summary>
    private const int PausesBeforeYield = 50_000;

    private readonly int[] processors;

    public TeamPlaces(int threads)
    {
        processors = new int[threads];
        Array.Fill(processors, -1);
    }

    /// <summary>Lets a moment pass, a longer one after many.</summary>
    public static void Pause(int spins)
    {
        if (spins >= PausesBeforeYield)
        {
            Thread.Yield();
        }
        else if (X86Base.IsSupported)
        {
            X86Base.Pause();
        }
        else
        {
            Thread.SpinWait(1);
        }
    }

    /// <summary>One turn of a thread's waiting for another one.</summary>
    public void Wait(int index, int spins)
    {
        if (spins < TurnsBeforePause)
        {
            return;
        }

        if (spins % PausesBeforeLook == PausesBeforeLook - 1 && SharesProcessor(index))
        {
            Thread.Yield();
        }

        Pause(spins);
    }

    /// <summary>Notes the thread's processor; a worker moves away from those of the caller and of the workers before it.</summary>
    public void SpreadOut(int index)
    {
        int mine = Processor.Current;
        ReadOnlySpan<int> others = processors.AsSpan(0, index);
        if (mine >= 0 && others.Contains(mine))
        {
            Processor.Avoid(others);
            mine = Processor.Current;
        }

        processors[index] = mine;
    }

    /// <summary>Whether a thread of the team seems to be on the same processor, which a worker then tries to leave.</summary>
    private bool SharesProcessor(int index)
    {
        SpreadOut(index);
        int mine = processors[index];
        return mine >= 0 && (processors.AsSpan(0, index).Contains(mine) || processors.AsSpan(index + 1).Contains(mine));
    }
}
