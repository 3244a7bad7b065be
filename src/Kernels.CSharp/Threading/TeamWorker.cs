using System.Diagnostics;
using System.Threading;

namespace Hesse.Kernels;

/// <summary>One of the threads of a team that wait for plans.</summary>
internal sealed class TeamWorker
{
    private readonly Team team;
    private readonly int index;
    private readonly AutoResetEvent signal = new(false);
    private Counter ready;
    private Counter done;
    private int asleep;

    /// <summary>Starts the thread.</summary>
    /// <param name="team">Its team.</param>
    /// <param name="index">Its number, from 1 on.</param>
    public TeamWorker(Team team, int index)
    {
        this.team = team;
        this.index = index;
        Thread thread = new(Work) { IsBackground = true, Name = $"Hesse team {index}" };
        thread.Start();
    }

    /// <summary>Whether it sleeps.</summary>
    public bool IsAsleep => Volatile.Read(ref asleep) != 0;

    /// <summary>Whether it waits to join a job.</summary>
    public bool IsReadyFor(long job) => Volatile.Read(ref ready.Value) == job;

    /// <summary>Whether its part of a job is over.</summary>
    public bool IsDoneWith(long job) => Volatile.Read(ref done.Value) == job;

    /// <summary>Wakes it.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref asleep, 0) != 0)
        {
            signal.Set();
        }
    }

    private void Work()
    {
        long seen = 0;
        while (true)
        {
            seen = NextJob(seen);
            team.SpreadOut(index);
            Volatile.Write(ref ready.Value, seen);
            if (team.ComesTogether(seen))
            {
                team.Work(index);
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

                TeamPlaces.Pause(0);
            }
            while (Stopwatch.GetElapsedTime(start) < Team.LookOut);

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
        job = team.Job;
        return job != seen && !team.IsOver(job);
    }
}
