using System;
using System.Collections.Generic;

namespace Hesse.Kernels;

/// <summary>How the threads of a team run the steps of a plan together: who runs what, and before which steps they meet.</summary>
/// <remarks>
/// A step is cut into one share per thread, runs on the first thread alone, or is run by all of them together (a loop whose body
/// is cut). A thread need not wait before a step whose operands it made itself: rows of a matrix go through products and elementwise
/// loops without meeting. The cut is fixed when the plan is made, and a thread that runs a plan alone runs the same
/// shares one after the other, so that a result never depends on which threads were free.
/// </remarks>
internal sealed unsafe class TeamSchedule
{
    /// <summary>Nanoseconds of work from which a step is cut.</summary>
    private const double WorthCutting = 500;

    /// <summary>Nanoseconds of a whole plan below which nothing is cut.</summary>
    private const double WorthMeeting = 5000;

    /// <summary>Nanoseconds that meeting costs.</summary>
    private const double Meeting = 500;

    /// <summary>Part of the time on one thread that must remain at most.</summary>
    private const double Gain = 0.85;

    private readonly Entry[] entries;

    private TeamSchedule(Entry[] entries, int threads, double time)
    {
        this.entries = entries;
        Threads = threads;
        Time = time;
    }

    /// <summary>Number of threads, and of shares of a step that is cut.</summary>
    public int Threads { get; }

    /// <summary>Whether it runs on the team.</summary>
    public TeamChoice Choice { get; } = new();

    /// <summary>Number of steps.</summary>
    public int Length => entries.Length;

    /// <summary>Rough time of a run on one thread, in nanoseconds.</summary>
    public double Time { get; }

    /// <summary>Number of times that the threads meet, those within loops not counted.</summary>
    public int Barriers => Array.FindAll(entries, e => e.MeetBefore).Length;

    /// <summary>A schedule, or null when the plan is too small, or too little of it can be cut.</summary>
    /// <param name="spec">The plan.</param>
    /// <param name="threads">Threads of the team; one gives null.</param>
    /// <param name="always">Cuts whatever can be cut, however small; for tests.</param>
    public static TeamSchedule? Of(PlanSpec spec, int threads, bool always = false)
    {
        if (threads < 2)
        {
            return null;
        }

        Footprint memory = new(Places(spec), threads);
        List<Entry> entries = new(spec.Steps.Length);
        double alone = 0;
        double together = 0;
        bool meetNext = false;
        foreach (Step step in spec.Steps)
        {
            double time = always ? Math.Max(step.Time, WorthCutting) : step.Time;
            if (meetNext || !step.HasShares)
            {
                memory.Clear();
            }

            (Cut cut, bool meet) = step.HasShares
                ? Choose(step, time, threads, memory)
                : (step.IsTeamwork ? Cut.Teamwork : Cut.None, true);
            meet |= meetNext;

            // What a step touches that says nothing about it, only a meeting after it keeps apart from what follows.
            meetNext = !step.HasShares;
            entries.Add(new Entry(step, cut, meet && entries.Count > 0, time));
            alone += time;
            together += (cut == Cut.None ? time : time / threads) + (meet ? Meeting : 0);
        }

        return always || (alone >= WorthMeeting && together <= Gain * alone) ? new TeamSchedule([.. entries], threads, alone) : null;
    }

    /// <summary>
    /// A step is cut when that pays, or when the threads can go on with what they made, each its rows, and would have to meet otherwise.
    /// </summary>
    private static (Cut Cut, bool Meet) Choose(Step step, double time, int threads, Footprint memory)
    {
        bool meet = Conflicts(threads);
        Cut cut = Cut.Shares;
        if (time < WorthCutting && meet)
        {
            memory.Discard();
            meet = Conflicts(1);
            cut = Cut.None;
        }

        if (meet)
        {
            memory.Clear();
        }

        memory.Settle();
        return (cut, meet);

        bool Conflicts(int shares)
        {
            for (int t = 0; t < shares; t++)
            {
                memory.Of(t);
                step.Touch(new Share(t, shares), memory);
            }

            return memory.Conflicts();
        }
    }

    /// <summary>A step of the schedule.</summary>
    public ref readonly Entry this[int index] => ref entries[index];

    /// <summary>Threads that run a step.</summary>
    public int ThreadsOf(int index) => entries[index].Cut == Cut.None ? 1 : Threads;

    /// <summary>Runs everything on this thread.</summary>
    public void RunAlone(double** slots)
    {
        foreach (ref readonly Entry entry in entries.AsSpan())
        {
            entry.RunAlone(slots, 0, Threads);
        }
    }

    /// <summary>Runs a member's part, from a step on.</summary>
    /// <param name="slots">The slot table.</param>
    /// <param name="member">The thread.</param>
    /// <param name="first">The step at which the team came together.</param>
    /// <param name="sharesDone">Shares of that step that the first thread ran before.</param>
    /// <returns>Whether the team is still together at the end; if not, a worker left early and the caller finished alone.</returns>
    public bool RunTogether(double** slots, TeamMember member, int first, int sharesDone)
    {
        bool together = true;
        for (int i = first; i < entries.Length; i++)
        {
            ref readonly Entry entry = ref entries[i];
            if (together && entry.MeetBefore && i > first)
            {
                together = member.Meet();
            }

            if (!together && !member.IsCaller)
            {
                return false;
            }

            if (together)
            {
                together = RunTogether(in entry, slots, member, i > first ? 0 : sharesDone);
            }
            else
            {
                entry.RunAlone(slots, 0, Threads);
            }

            if (!together && !member.IsCaller)
            {
                return false;
            }
        }

        return together;
    }

    private bool RunTogether(ref readonly Entry entry, double** slots, TeamMember member, int sharesDone)
    {
        switch (entry.Cut)
        {
            case Cut.None when member.IsCaller:
                entry.Step.Run(slots);
                return true;
            case Cut.Shares when member.Index >= sharesDone:
                entry.Step.RunShare(slots, new Share(member.Index, Threads));
                return true;
            case Cut.Teamwork:
                return entry.Step.RunTogether(slots, member);
            default:
                return true;
        }
    }

    /// <summary>The region of every slot: 0 is the arena, 1 + o the array of output o, and −1 what no step writes.</summary>
    private static (int Region, long Start)[] Places(PlanSpec spec)
    {
        (int Region, long Start)[] places = new (int, long)[spec.SlotOffsets.Length];
        for (int slot = 0; slot < places.Length; slot++)
        {
            long offset = spec.SlotOffsets[slot];
            places[slot] = slot < spec.InputCount || offset < 0 ? (-1, 0) : (0, offset * sizeof(double));
        }

        foreach (InputView view in spec.InputViews)
        {
            places[view.Slot] = (-1, 0);
        }

        for (int o = 0; o < spec.OutputCount; o++)
        {
            if (spec.DirectOutputs[o])
            {
                places[spec.OutputSlots[o]] = (1 + o, 0);
            }
        }

        foreach (OutputView view in spec.OutputViews)
        {
            places[view.Slot] = (1 + view.Output, view.Offset * sizeof(double));
        }

        return places;
    }

    /// <summary>How a step is divided.</summary>
    internal enum Cut
    {
        /// <summary>The first thread runs it.</summary>
        None,

        /// <summary>Every thread runs a share.</summary>
        Shares,

        /// <summary>The threads run it together and meet within.</summary>
        Teamwork,
    }

    /// <summary>A step, how it is divided, whether the threads meet before it, and its rough time in nanoseconds.</summary>
    internal readonly record struct Entry(Step Step, Cut Cut, bool MeetBefore, double Time)
    {
        /// <summary>Number of pieces in which one thread alone runs the step.</summary>
        public int Pieces(int threads) => Cut == Cut.Shares ? threads : 1;

        /// <summary>Runs one piece on this thread.</summary>
        public void RunPiece(double** slots, int piece, int threads)
        {
            if (Cut == Cut.Shares)
            {
                Step.RunShare(slots, new Share(piece, threads));
            }
            else
            {
                Step.Run(slots);
            }
        }

        /// <summary>Runs the pieces from one on.</summary>
        public void RunAlone(double** slots, int firstPiece, int threads)
        {
            for (int piece = firstPiece; piece < Pieces(threads); piece++)
            {
                RunPiece(slots, piece, threads);
            }
        }
    }
}
