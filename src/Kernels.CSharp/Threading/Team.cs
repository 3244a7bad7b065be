using System;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.ExceptionServices;
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

    /// <summary>How long workers look out for the next plan before they sleep.</summary>
    internal static readonly TimeSpan LookOut = TimeSpan.FromMicroseconds(200);

    /// <summary>Plans in a row to which summoned workers did not come.</summary>
    private const int MissedBeforeGivingWay = 8;

    private static readonly Lazy<int> Size = new(
        () => ThreadsOf(Environment.GetEnvironmentVariable("HESSE_THREADS"), Environment.ProcessorCount));

    private static readonly Lazy<Team?> Shared = new(Make, LazyThreadSafetyMode.ExecutionAndPublication);

    /// <summary>Plans that run in the process, with or without a team.</summary>
    private static int running;

    private readonly TeamWorker[] workers;
    private readonly Counter[] arrivals;
    private readonly TeamPlaces places;
    private readonly TeamDelays delays = new();

    /// <summary>Number of the plan in hand.</summary>
    private long job;

    /// <summary>Twice the number of the plan that is decided, plus one when the workers are to join.</summary>
    private long decision;

    /// <summary>Number of the meeting after which the team parts; 0 while it stays.</summary>
    private long lastMeeting;

    private volatile bool failed;
    private Exception? failure;
    private TeamSchedule schedule = null!;
    private double** slots;
    private int firstStep;
    private int sharesDone;
    private int missed;
    private int taken;
    private long lastEnd;

    private Team(int threads)
    {
        arrivals = new Counter[threads];
        places = new TeamPlaces(threads);
        workers = new TeamWorker[threads - 1];
        for (int w = 0; w < workers.Length; w++)
        {
            workers[w] = new TeamWorker(this, w + 1);
        }
    }

    /// <summary>Threads of a team on this machine; 1 when plans run on the calling thread only.</summary>
    /// <remarks>The environment variable HESSE_THREADS lowers the number; it is read once.</remarks>
    /// <exception cref="HesseException">HESSE_THREADS is no number of threads.</exception>
    public static int Threads => Size.Value;

    /// <summary>Number of the plan in hand.</summary>
    internal long Job => Volatile.Read(ref job);

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
            if (delays.AreTooMany)
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

                places.Wait(index, spins);
            }
        }

        if (index == 0)
        {
            delays.Note(arrived);
        }

        return Volatile.Read(ref lastMeeting) != meeting;
    }

    private static Team? Make() => Threads > 1 ? new Team(Threads) : null;

    /// <summary>Notes where a thread runs; a worker moves away from the processors of the caller and of the workers before it.</summary>
    internal void SpreadOut(int index) => places.SpreadOut(index);

    /// <summary>Whether a job is over, or is being run without the workers to the end.</summary>
    internal bool IsOver(long number) => Volatile.Read(ref decision) == 2 * number;

    /// <summary>Whether the team comes together for a job; waits until that is decided.</summary>
    internal bool ComesTogether(long number)
    {
        for (int spins = 0; ; spins++)
        {
            long decided = Volatile.Read(ref decision);
            if (decided >> 1 >= number)
            {
                return decided == (2 * number) + 1;
            }

            TeamPlaces.Pause(spins);
        }
    }

    /// <summary>A worker's part of the plan in hand.</summary>
    internal void Work(int index)
    {
        try
        {
            schedule.RunTogether(slots, new TeamMember(this, index), firstStep, sharesDone);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    /// <summary>Runs a plan on the team or alone, whichever is faster lately.</summary>
    private void RunPlan(TeamSchedule plan, double** table)
    {
        long start = Stopwatch.GetTimestamp();
        bool onTeam = false;
        bool onCaller = false;
        if (plan.Choice.Next(start))
        {
            onTeam = RunPlanWithWorkers(plan, table);
        }
        else
        {
            plan.RunAlone(table);
            onCaller = true;
        }

        lastEnd = Stopwatch.GetTimestamp();
        plan.Choice.Note(onTeam, onCaller, lastEnd - start, lastEnd);
    }

    /// <summary>Begins a plan alone and goes on with the workers once all of them are there.</summary>
    /// <returns>Whether they were there from the first step that is shared.</returns>
    private bool RunPlanWithWorkers(TeamSchedule plan, double** table)
    {
        schedule = plan;
        slots = table;
        places.SpreadOut(0);
        Volatile.Write(ref job, job + 1);
        bool summoned = Summon(plan.Time);
        bool fromStart = true;
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
                        return fromStart;
                    }

                    fromStart = false;
                    entry.RunPiece(table, piece, plan.Threads);
                }
            }

            return false;
        }
        finally
        {
            // Workers that come now find that it is over.
            if (Volatile.Read(ref decision) >> 1 != job)
            {
                Volatile.Write(ref decision, 2 * job);
                GiveWay(summoned);
            }
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
        if (delays.Rests)
        {
            return false;
        }

        bool wake = time >= WorthWaking || Stopwatch.GetElapsedTime(lastEnd) < LookOut;
        bool all = true;
        foreach (TeamWorker worker in workers)
        {
            if (worker.IsAsleep && wake)
            {
                worker.Wake();
            }
            else
            {
                all &= !worker.IsAsleep;
            }
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

            TeamPlaces.Pause(0);
        }

        return false;
    }

    private bool AreReady()
    {
        foreach (TeamWorker worker in workers)
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
        lastMeeting = 0;
        delays.Begin();
        Array.Clear(arrivals);
        Volatile.Write(ref decision, (2 * job) + 1);
        Work(0);
        long arrived = Stopwatch.GetTimestamp();
        foreach (TeamWorker worker in workers)
        {
            for (int spins = 0; !worker.IsDoneWith(job); spins++)
            {
                places.Wait(0, spins);
            }
        }

        delays.Note(arrived);
        delays.End();
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

    /// <summary>Another thread failed; this one leaves its work.</summary>
    private sealed class AbandonedException : Exception
    {
    }
}
