using System;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>The threads that run plans together, one plan at a time: the calling thread and workers that wait for it.</summary>
/// <remarks>
/// The calling thread never waits for a worker that has not come. It begins alone, and the workers join at the next step (or the next share
/// of one) once all of them are awake. After a plan they look out for the next one for a moment before they sleep, so that
/// plans which follow each other closely, as in an iteration, run together from the start. Only a plan that runs while no other
/// does takes the team, so parallel callers do not get in each other's way.
/// </remarks>
internal sealed unsafe class Team
{
    /// <summary>More threads than this rarely help models whose steps take microseconds.</summary>
    private const int MaxThreads = 8;

    /// <summary>Nanoseconds of a plan from which sleeping workers are woken for it; less when plans follow each other closely.</summary>
    private const double WorthWaking = 100_000;

    /// <summary>Share of a step's time that the caller waits for workers on their way, and limits in nanoseconds.</summary>
    private const double PatiencePart = 0.02;

    private const double LeastPatience = 50_000;
    private const double MostPatience = 2_000_000;

    private static readonly TimeSpan LookOut = TimeSpan.FromMicroseconds(200);

    /// <summary>A wait that only a thread which does not run explains.</summary>
    private static readonly TimeSpan LongWait = TimeSpan.FromMicroseconds(200);

    /// <summary>Time that a run may lose by such waits: so much, and a part of the whole.</summary>
    private static readonly TimeSpan MostLost = TimeSpan.FromMilliseconds(1);

    private const double MostLostPart = 0.2;

    /// <summary>How long the team rests after it was held up, before it is doubled for every time.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(1);

    private const int MostSlowRuns = 8;

    /// <summary>Plans in a row to which summoned workers did not come.</summary>
    private const int MissedBeforeGivingWay = 8;

    /// <summary>Turns of waiting without a pause: threads mostly meet within a microsecond, and a pause delays the answer.</summary>
    private const int TurnsBeforePause = 300;

    /// <summary>Pauses (of some 20 ns) before a thread that waits looks whether it stands in the way of the one it waits for.</summary>
    private const int PausesBeforeLook = 1000;

    /// <summary>Pauses before it offers its processor to whoever wants it: that can cost it a whole turn of the scheduler.</summary>
    private const int PausesBeforeYield = 50_000;

    private static readonly Lazy<Team?> Shared = new(Make, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>Plans that run in the process, with or without a team.</summary>
    private static int running;

    private readonly Worker[] workers;
    private readonly Counter[] arrivals;

    /// <summary>Number of the plan in hand.</summary>
    private long job;

    /// <summary>Twice the number of the plan that is decided, plus one when the workers are to join.</summary>
    private long decision;

    /// <summary>Number of the meeting after which the team parts; 0 while it stays.</summary>
    private long lastMeeting;

    private bool isSlow;
    private int slowRuns;
    private TimeSpan lost;
    private long start;
    private long lastLeft;
    private volatile bool failed;
    private Exception? failure;
    private TeamSchedule schedule = null!;
    private double** slots;
    private readonly int[] processors;
    private int firstStep;
    private int sharesDone;
    private int missed;
    private int taken;
    private long lastEnd;
    private long lastSlow;

    private Team(int threads)
    {
        arrivals = new Counter[threads];
        processors = new int[threads];
        workers = new Worker[threads - 1];
        for (int w = 0; w < workers.Length; w++)
        {
            workers[w] = new Worker(this, w + 1);
        }
    }

    /// <summary>Threads of a team on this machine; 1 when plans run on the calling thread only.</summary>
    /// <remarks>The environment variable HESSE_THREADS lowers the number; it is read once.</remarks>
    public static int Threads { get; } = ThreadsOf(Environment.GetEnvironmentVariable("HESSE_THREADS"), Environment.ProcessorCount);

    /// <summary>The number of threads for a value of HESSE_THREADS.</summary>
    internal static int ThreadsOf(string? setting, int cores)
    {
        int most = Math.Min(cores, MaxThreads);
        if (string.IsNullOrWhiteSpace(setting))
        {
            return most;
        }

        return int.TryParse(setting, NumberStyles.None, CultureInfo.InvariantCulture, out int wanted) && wanted >= 1
            ? Math.Min(wanted, most)
            : throw new HesseException($"HESSE_THREADS is '{setting}'; wanted a whole number of threads, at least 1, or nothing for one per core.");
    }

    /// <summary>Runs the steps of a plan, with the team if it is free.</summary>
    /// <param name="schedule">Who does what.</param>
    /// <param name="slots">The slot table, ready.</param>
    public static void Run(TeamSchedule schedule, double** slots)
    {
        int others = Interlocked.Increment(ref running) - 1;
        try
        {
            Team? team = others == 0 ? Shared.Value : null;
            if (team is null || team.workers.Length + 1 != schedule.Threads || Interlocked.Exchange(ref team.taken, 1) != 0)
            {
                schedule.RunAlone(slots);
                return;
            }

            try
            {
                team.RunPlan(schedule, slots);
            }
            finally
            {
                Volatile.Write(ref team.taken, 0);
            }
        }
        finally
        {
            Interlocked.Decrement(ref running);
        }
    }

    /// <summary>Waits for the other threads.</summary>
    /// <returns>Whether the team stays together; if not, the workers leave and the caller goes on alone.</returns>
    internal bool Meet(int index)
    {
        long meeting = arrivals[index].Value + 1;
        long arrived = 0;
        if (index == 0)
        {
            arrived = Stopwatch.GetTimestamp();
            if (isSlow)
            {
                Volatile.Write(ref lastMeeting, meeting);
            }
        }

        Volatile.Write(ref arrivals[index].Value, meeting);
        for (int other = 0; other < arrivals.Length; other++)
        {
            for (int spins = 0; Volatile.Read(ref arrivals[other].Value) < meeting; spins++)
            {
                if (failed)
                {
                    throw new AbandonedException();
                }

                Wait(index, spins);
            }
        }

        if (index == 0)
        {
            NoteWait(arrived);
        }

        return Volatile.Read(ref lastMeeting) != meeting;
    }

    private static Team? Make() => Threads > 1 ? new Team(Threads) : null;

    private static void Pause(int spins)
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

    /// <summary>One turn of waiting for another thread.</summary>
    private void Wait(int index, int spins)
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

    /// <summary>Whether a thread of the team seems to be on the same processor, which a worker then tries to leave.</summary>
    private bool SharesProcessor(int index)
    {
        SpreadOut(index);
        return processors.AsSpan(0, index).Contains(processors[index]) || processors.AsSpan(index + 1).Contains(processors[index]);
    }

    /// <summary>Notes the thread's processor; a worker moves away from those of the caller and of the workers before it.</summary>
    private void SpreadOut(int index)
    {
        int mine = Processor.Current;
        ReadOnlySpan<int> others = processors.AsSpan(0, index);
        if (others.Contains(mine))
        {
            Processor.Avoid(others);
            mine = Processor.Current;
        }

        processors[index] = mine;
    }

    /// <summary>
    /// A caller that waits much longer than its own work took is held up by a thread that another process keeps from running. When that
    /// costs a good part of the run, the team parts at the next meeting and rests, each time longer.
    /// </summary>
    private void NoteWait(long arrived)
    {
        long left = Stopwatch.GetTimestamp();
        TimeSpan wait = Stopwatch.GetElapsedTime(arrived, left);
        if (wait > LongWait && wait > Stopwatch.GetElapsedTime(lastLeft, arrived) / 2)
        {
            lost += wait;
            isSlow = lost > MostLost + (Stopwatch.GetElapsedTime(start, left) * MostLostPart);
        }

        lastLeft = left;
    }

    private void RunPlan(TeamSchedule plan, double** table)
    {
        schedule = plan;
        slots = table;
        processors[0] = Processor.Current;
        Volatile.Write(ref job, job + 1);
        bool summoned = Summon(plan.Time);
        try
        {
            for (int step = 0; step < plan.Length; step++)
            {
                ref readonly TeamSchedule.Entry entry = ref plan[step];
                if (entry.Cut == TeamSchedule.Cut.None)
                {
                    entry.Step.Run(table);
                    continue;
                }

                for (int piece = 0; piece < entry.Pieces(plan.Threads); piece++)
                {
                    if (summoned && AreReady(piece == 0 ? entry.Time : 0))
                    {
                        RunTogether(step, piece);
                        return;
                    }

                    entry.RunPiece(table, piece, plan.Threads);
                }
            }
        }
        finally
        {
            // Workers that come now find that it is over.
            if (Volatile.Read(ref decision) >> 1 != job)
            {
                Volatile.Write(ref decision, 2 * job);
                GiveWay(summoned);
            }

            lastEnd = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>
    /// Workers that are awake and still never come may wait for the very processor that the caller keeps busy: it offers it once, and
    /// they move away.
    /// </summary>
    private void GiveWay(bool summoned)
    {
        missed = summoned ? missed + 1 : 0;
        if (missed == MissedBeforeGivingWay)
        {
            missed = 0;
            Thread.Yield();
        }
    }

    /// <summary>Wakes the workers that sleep, if the plan is worth it.</summary>
    /// <returns>Whether all workers are awake or on their way.</returns>
    private bool Summon(double time)
    {
        // The new job number must be out before the workers' state is read, as they read in the opposite order.
        Interlocked.MemoryBarrier();
        if (isSlow && Stopwatch.GetElapsedTime(lastSlow) < Rest * (1 << slowRuns))
        {
            return false;
        }

        bool wake = time >= WorthWaking || Stopwatch.GetElapsedTime(lastEnd) < LookOut;
        bool all = true;
        foreach (Worker worker in workers)
        {
            all &= !worker.IsAsleep || (wake && worker.Wake());
        }

        return all;
    }

    /// <summary>Whether every worker waits to join; a long step is worth a moment of patience.</summary>
    private bool AreReady(double stepTime)
    {
        if (AreReady())
        {
            return true;
        }

        if (stepTime < LeastPatience)
        {
            return false;
        }

        long start = Stopwatch.GetTimestamp();
        TimeSpan patience = TimeSpan.FromMicroseconds(Math.Clamp(PatiencePart * stepTime, LeastPatience, MostPatience) / 1000);
        while (Stopwatch.GetElapsedTime(start) < patience)
        {
            if (AreReady())
            {
                return true;
            }

            Pause(0);
        }

        return false;
    }

    private bool AreReady()
    {
        foreach (Worker worker in workers)
        {
            if (!worker.IsReadyFor(job))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The rest of the plan, from a share of a step on, by all threads.</summary>
    private void RunTogether(int step, int sharesBefore)
    {
        missed = 0;
        firstStep = step;
        sharesDone = sharesBefore;
        failed = false;
        failure = null;
        isSlow = false;
        lastMeeting = 0;
        lost = TimeSpan.Zero;
        start = lastLeft = Stopwatch.GetTimestamp();
        Array.Clear(arrivals);
        Volatile.Write(ref decision, (2 * job) + 1);
        try
        {
            schedule.RunTogether(slots, new TeamMember(this, 0), step, sharesBefore);
        }
        catch (Exception e)
        {
            Fail(e);
        }

        long arrived = Stopwatch.GetTimestamp();
        foreach (Worker worker in workers)
        {
            for (int spins = 0; !worker.IsDoneWith(job); spins++)
            {
                Wait(0, spins);
            }
        }

        NoteWait(arrived);
        slowRuns = isSlow ? Math.Min(slowRuns + 1, MostSlowRuns) : Math.Max(slowRuns - 1, 0);
        lastSlow = isSlow ? Stopwatch.GetTimestamp() : lastSlow;
        if (failed)
        {
            ExceptionDispatchInfo.Throw(failure!);
        }
    }

    /// <summary>Keeps the first failure and lets the others stop at their next meeting.</summary>
    private void Fail(Exception e)
    {
        if (e is not AbandonedException)
        {
            Interlocked.CompareExchange(ref failure, e, null);
            failed = true;
        }
    }

    /// <summary>A number on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Counter
    {
        [FieldOffset(0)]
        public long Value;
    }

    /// <summary>Another thread failed; this one leaves its work.</summary>
    private sealed class AbandonedException : Exception
    {
    }

    /// <summary>One of the threads that wait for plans.</summary>
    private sealed class Worker
    {
        private readonly Team team;
        private readonly int index;
        private readonly AutoResetEvent signal = new(false);
        private Counter ready;
        private Counter done;
        private int asleep;

        public Worker(Team team, int index)
        {
            this.team = team;
            this.index = index;
            Thread thread = new(Work) { IsBackground = true, Name = $"Hesse team {index}" };
            thread.Start();
        }

        public bool IsAsleep => Volatile.Read(ref asleep) != 0;

        public bool IsReadyFor(long job) => Volatile.Read(ref ready.Value) == job;

        public bool IsDoneWith(long job) => Volatile.Read(ref done.Value) == job;

        public bool Wake()
        {
            if (Interlocked.Exchange(ref asleep, 0) != 0)
            {
                signal.Set();
            }

            return true;
        }

        private void Work()
        {
            long seen = 0;
            while (true)
            {
                seen = NextJob(seen);
                team.SpreadOut(index);
                Volatile.Write(ref ready.Value, seen);
                if (Joins(seen))
                {
                    try
                    {
                        team.schedule.RunTogether(team.slots, new TeamMember(team, index), team.firstStep, team.sharesDone);
                    }
                    catch (Exception e)
                    {
                        team.Fail(e);
                    }

                    Volatile.Write(ref done.Value, seen);
                }
            }
        }

        /// <summary>Waits for a job that is not over yet.</summary>
        private long NextJob(long seen)
        {
            while (true)
            {
                long start = Stopwatch.GetTimestamp();
                do
                {
                    if (IsPending(seen, out long job))
                    {
                        return job;
                    }

                    Pause(0);
                }
                while (Stopwatch.GetElapsedTime(start) < LookOut);

                // Sleep is announced before the job is read once more, so that one of the two sides sees the other.
                Interlocked.Exchange(ref asleep, 1);
                if (!IsPending(seen, out _))
                {
                    signal.WaitOne();
                }

                Interlocked.Exchange(ref asleep, 0);
            }
        }

        private bool IsPending(long seen, out long job)
        {
            job = Volatile.Read(ref team.job);
            return job != seen && Volatile.Read(ref team.decision) != 2 * job;
        }

        /// <summary>Whether the team comes together for a job; waits until that is decided.</summary>
        private bool Joins(long job)
        {
            for (int spins = 0; ; spins++)
            {
                long decided = Volatile.Read(ref team.decision);
                if (decided >> 1 >= job)
                {
                    return decided == (2 * job) + 1;
                }

                Pause(spins);
            }
        }
    }
}
